"""What the studio's page computes without a page, tested by Node: the files of studio/.

Without Node.js these tests are skipped; a machine that promises it says so with SOLFERINO_NODE=1.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

FILES = sorted(Path(__file__).parent.glob('studio/*.test.mjs'))


@pytest.mark.parametrize('file', FILES, ids=[file.name for file in FILES])
def test_the_page(file: Path) -> None:
    node = shutil.which('node')
    if node is None:
        reason = 'Node.js is not installed'
        if os.environ.get('SOLFERINO_NODE') == '1':
            pytest.fail(f'SOLFERINO_NODE=1 promises Node.js, but {reason}', pytrace=False)
        pytest.skip(reason)
    run = subprocess.run([node, '--test', file], capture_output=True, text=True, timeout=120)
    assert not run.returncode, run.stdout[-5000:] + run.stderr[-2000:]
