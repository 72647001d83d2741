"""Node.js with the packages of package-lock.json, and a browser.

The packages are installed into build/. Without Node.js, npm, its registry or a browser the tests that need them are
skipped, in CI too: Solferino itself needs none of them. A machine that promises them says so with SOLFERINO_NODE=1 and
SOLFERINO_BROWSER=1, and there nothing is skipped.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NoReturn

import pytest

HERE = Path(__file__).parent
_BROWSERS = ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable')


def _do_without(reason: str, promise: str = 'SOLFERINO_NODE') -> NoReturn:
    if os.environ.get(promise) == '1':
        pytest.fail(f'{promise}=1 promises what is missing: {reason}', pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope='session')
def node_modules(root: Path) -> Path:
    """The installed package."""
    if not shutil.which('node') or not shutil.which('npm'):
        _do_without('Node.js and npm are not installed')
    lock = (HERE / 'package-lock.json').read_bytes()
    installed = root / 'build' / f'browser-{hashlib.sha256(lock).hexdigest()[:12]}'
    if not installed.is_dir():
        installed.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=installed.parent) as folder:
            for name in ('package.json', 'package-lock.json'):
                shutil.copy(HERE / name, folder)
            command = ['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--fetch-retries=1']
            npm = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
            if npm.returncode:
                _do_without(f'npm ci failed: {npm.stderr[-500:]}')
            installed.mkdir(exist_ok=True)
            os.replace(Path(folder) / 'node_modules', installed / 'node_modules')
    return installed / 'node_modules'


@pytest.fixture(scope='session')
def browser() -> str:
    """The path of Chromium, or of a browser that is made of it."""
    for name in _BROWSERS:
        if path := shutil.which(name):
            return path
    _do_without(f'there is no {" or ".join(_BROWSERS)} on the PATH', 'SOLFERINO_BROWSER')


@pytest.fixture(scope='session')
def page(root: Path, node_modules: Path) -> Path:
    """The studio's page, built."""
    folder = root / 'pipelines' / 'studio' / 'page'
    for command in (['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund'], ['npm', 'run', 'build']):
        npm = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
        if npm.returncode:
            _do_without(f'{" ".join(command)} failed: {npm.stderr[-500:]}')
    return folder / 'dist'
