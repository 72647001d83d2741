"""What `pip install .` puts into an environment, and what `make setup` does."""

import ast
import email
import importlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ('hparams', 'models', 'pipelines', 'bin')
BUILD = 'from setuptools import build_meta; build_meta.build_wheel("dist")'


# What the Python of `programs` exits with when it is to make an environment.
RECREATED = 3


def build_wheel(folder, **environment):
    """Builds the wheel from a copy of the project and returns it opened; needs no network."""
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns('__pycache__', 'node_modules'))
    for name in ('setup.py', 'pyproject.toml'):
        shutil.copy(ROOT / name, folder)
    result = subprocess.run(
        [sys.executable, '-c', BUILD],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return zipfile.ZipFile(next((folder / 'dist').glob('*.whl')))


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    with build_wheel(tmp_path_factory.mktemp('wheel'), SOLFERINO_TENSORFLOW='') as opened:
        yield opened


def requirements(wheel, extra=''):
    metadata = next(name for name in wheel.namelist() if name.endswith('.dist-info/METADATA'))
    lines = email.message_from_bytes(wheel.read(metadata)).get_all('Requires-Dist')
    found = [Requirement(line) for line in lines]
    return [r for r in found if not r.marker or 'extra' not in str(r.marker) or r.marker.evaluate({'extra': extra})]


EXTRAS = ('sound', 'score', 'audio', 'midi', 'studio')


def entry_points(wheel):
    name = next(name for name in wheel.namelist() if name.endswith('entry_points.txt'))
    return dict(re.findall(r'^(\w+) *= *(\S+)$', wheel.read(name).decode(), re.MULTILINE))


def test_the_wheel_brings_one_package(wheel):
    tops = {name.split('/')[0] for name in wheel.namelist()}
    assert tops == {'solferino', 'solferino-0.1.0.dist-info'}


def test_the_wheel_holds_every_module(wheel):
    """A folder without __init__.py imports from the tree, but is not found for the wheel."""
    shipped = {name.removeprefix('solferino/') for name in wheel.namelist() if name.endswith('.py')}
    assert shipped == {str(p.relative_to(ROOT)) for folder in FOLDERS for p in (ROOT / folder).rglob('*.py')}


def test_the_wheel_holds_every_text(wheel):
    shipped = {name.removeprefix('solferino/') for name in wheel.namelist() if name.endswith(('.txt', '.flags'))}
    found = [*(ROOT / 'models').rglob('*.txt'), *(ROOT / 'hparams').rglob('*.flags')]
    texts = {str(p.relative_to(ROOT)) for p in found}
    assert texts == {name for name in shipped if '.dist-info/' not in name and '/page/dist/' not in name}
    assert any(name.startswith('models/music/grooves/styles/') for name in texts)


def test_the_wheel_holds_the_page_of_the_studio_if_it_was_built(wheel):
    page = ROOT / 'pipelines' / 'studio' / 'page' / 'dist'
    if not page.is_dir():
        pytest.skip('the page of the studio is not built: npm ci && npm run build in pipelines/studio/page')
    shipped = {name.rpartition('/')[2] for name in wheel.namelist() if '/studio/page/dist/' in name}
    assert shipped == {path.name for path in page.iterdir()}
    assert not [name for name in wheel.namelist() if 'node_modules' in name]


def test_every_command_of_bin_is_installed(wheel):
    modules = {p.stem for p in (ROOT / 'bin').glob('*.py') if '\ndef console_entry_point' in p.read_text()}
    assert entry_points(wheel) == {name: f'solferino.bin.{name}:console_entry_point' for name in modules}
    for name in modules:
        assert callable(importlib.import_module(f'solferino.bin.{name}').console_entry_point)


def test_tensorflow_cpu_can_stand_in(tmp_path, wheel):
    with build_wheel(tmp_path, SOLFERINO_TENSORFLOW='tensorflow-cpu') as other:
        names = {r.name for r in requirements(other)}
    assert names == {r.name for r in requirements(wheel)} - {'tensorflow'} | {'tensorflow-cpu'}


def test_everything_imported_is_required(wheel):
    imported = set()
    for path in (path for folder in FOLDERS for path in (ROOT / folder).rglob('*.py')):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module or '')
    # A namespace package, such as google, belongs to many: protobuf is known by the second name.
    tops = {'protobuf' if name.startswith('google.protobuf') else name.split('.')[0] for name in imported}
    owners = importlib.metadata.packages_distributions() | {'protobuf': ['protobuf']}
    required = {canonicalize_name(r.name) for extra in ('', *EXTRAS) for r in requirements(wheel, extra)}
    required |= {'tensorflow-cpu'}
    others = tops - {'', 'solferino'} - sys.stdlib_module_names
    assert not {name for name in others if required.isdisjoint(map(canonicalize_name, owners.get(name, [])))}


def test_the_lock_holds_what_is_required_and_nothing_of_this_machine(wheel):
    lines = [
        line for line in (ROOT / 'requirements.lock').read_text().splitlines() if not line.lstrip().startswith('#')
    ]
    pinned = {}
    for line in lines:
        requirement = Requirement(line)  # also refuses options, such as the address of an index
        assert re.fullmatch(r'==[\w.!+]+', str(requirement.specifier)), line
        assert requirement.name not in pinned, f'{line}: one set must serve all versions of Python'
        pinned[requirement.name] = str(requirement.specifier).removeprefix('==')
    for requirement in (r for extra in ('dev', *EXTRAS) for r in requirements(wheel, extra)):
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), requirement


def test_every_python_that_is_allowed_is_named_in_setup():
    """bin/setup.sh, which runs before any Python is found, names the versions once more."""
    target = tomllib.loads((ROOT / 'pyproject.toml').read_text())['tool']['ruff']['target-version']
    assert target == 'py311'
    assert "python_requires='>=3.11,<3.14'" in (ROOT / 'setup.py').read_text()
    assert '3.11 | 3.12 | 3.13)' in (ROOT / 'bin' / 'setup.sh').read_text()


def make_setup(folder, path, **environment):
    """Runs bin/setup.sh in an empty copy of the project, with only `path` to find programs on."""
    (folder / 'bin').mkdir()
    shutil.copy(ROOT / 'bin' / 'setup.sh', folder / 'bin')
    return subprocess.run(
        ['/bin/sh', 'bin/setup.sh'],
        cwd=folder,
        env={'PATH': str(path)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def programs(tmp_path):
    """An empty folder of programs, and a way to put a Python there that says what it is told to."""
    folder = tmp_path / 'programs'
    folder.mkdir()
    for name in ('dirname', 'rm', 'touch', 'sed', 'find', 'ls', 'uname'):
        (folder / name).symlink_to(shutil.which(name))

    def add(name, version, has_venv=True):
        answers = f'-m\\ venv*) exit {RECREATED} ;; *ensurepip*) exit {0 if has_venv else 1} ;; *) echo {version} ;;'
        (folder / name).write_text(f'#!/bin/sh\ncase "$*" in {answers} esac\n')
        (folder / name).chmod(0o755)

    return folder, add


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / 'project'
    folder.mkdir()
    return folder


class TestMakeSetup:
    def test_no_python(self, project, programs):
        result = make_setup(project, programs[0])
        assert result.returncode == 1
        assert 'error: Solferino needs Python 3.11, 3.12 or 3.13; python3 is: none.' in result.stderr

    @pytest.mark.parametrize('version', ['3.10', '3.14'])
    def test_wrong_python(self, project, programs, version):
        folder, add = programs
        add('python3', version)
        result = make_setup(project, folder)
        assert result.returncode == 1
        assert f'python3 is: {version}.' in result.stderr

    def test_wrong_python_named(self, project, programs):
        folder, add = programs
        add('python3', '3.12')
        add('python3.9', '3.9')
        result = make_setup(project, folder, PYTHON='python3.9')
        assert result.returncode == 1
        assert 'PYTHON=python3.9 is: 3.9.' in result.stderr

    def test_a_shim_that_does_not_start_is_heard(self, project, programs):
        folder, _ = programs
        (folder / 'python3.12').write_text('#!/bin/sh\necho "pyenv: python3.12 exists in: 3.12.1" >&2\nexit 127\n')
        (folder / 'python3.12').chmod(0o755)
        result = make_setup(project, folder, PYTHON='python3.12')
        assert result.returncode == 1
        assert 'PYTHON=python3.12 is: none.\nerror: It says: pyenv: python3.12 exists in: 3.12.1\n' in result.stderr

    def test_another_python_is_looked_for(self, project, programs):
        folder, add = programs
        add('python3', '3.14')
        add('python3.12', '3.12', has_venv=False)
        result = make_setup(project, folder)
        assert result.returncode == 1
        assert 'error: python3.12 has no venv module. Debian, Ubuntu: sudo apt install python3.12-venv' in result.stderr

    def test_an_environment_of_others_is_left_alone(self, project, programs):
        folder, add = programs
        add('python3', '3.12')
        (project / '.venv').mkdir()
        result = make_setup(project, folder)
        assert result.returncode == 1
        assert '.venv is not from make setup' in result.stderr
        assert (project / '.venv').is_dir()

    def test_what_fails_midway_leaves_nothing(self, project, programs):
        folder, add = programs
        add('python3', '3.12')
        assert make_setup(project, folder).returncode == RECREATED
        assert not (project / '.venv').exists()

    @pytest.mark.parametrize(
        ('system', 'gpu', 'given', 'cpu_build'),
        [
            ('Linux x86_64', False, '', True),
            ('Linux x86_64', True, '', False),
            ('Linux x86_64', False, 'tensorflow', False),
            ('Linux aarch64', False, '', False),
            ('Darwin arm64', False, '', False),
        ],
    )
    def test_the_build_without_gpu_is_taken_where_none_is_seen(self, project, programs, system, gpu, given, cpu_build):
        folder, add = programs
        add('python3', '3.12')
        (folder / 'uname').unlink()
        for name, script in (('uname', f'echo {system}'), ('nvidia-smi', f'exit {int(not gpu)}'), ('ls', 'exit 2')):
            (folder / name).unlink(missing_ok=True)
            (folder / name).write_text(f'#!/bin/sh\n{script}\n')
            (folder / name).chmod(0o755)
        result = make_setup(project, folder, TENSORFLOW=given)
        assert result.returncode == RECREATED
        assert ('No NVIDIA GPU is seen: taking tensorflow-cpu' in result.stdout) == cpu_build
        assert ('make setup TENSORFLOW=tensorflow' in result.stdout) == cpu_build

    def test_another_folder_can_be_named(self, project, programs):
        folder, add = programs
        add('python3', '3.12')
        result = make_setup(project, folder, VENV='build/other')
        assert result.returncode == RECREATED
        assert '[1/4] Making the environment build/other with python3, Python 3.12' in result.stdout

    def test_unknown_tensorflow(self, project, programs):
        folder, add = programs
        add('python3', '3.12')
        result = make_setup(project, folder, TENSORFLOW='torch')
        assert result.returncode == 1
        assert 'TENSORFLOW=torch must be tensorflow or tensorflow-cpu.' in result.stderr

    @pytest.mark.parametrize(
        ('made_for', 'environment', 'code'),
        [
            ('tensorflow', {}, 0),
            ('tensorflow-cpu', {}, 0),
            ('tensorflow-cpu', {'TENSORFLOW': 'tensorflow'}, RECREATED),
            ('tensorflow', {'PYTHON': 'python3'}, 0),
            ('tensorflow', {'PYTHON': 'python3.13'}, RECREATED),
            (None, {}, RECREATED),
        ],
    )
    def test_an_environment_is_made_anew_only_for_another_purpose(self, project, programs, made_for, environment, code):
        folder, add = programs
        add('python3', '3.12')
        add('python3.13', '3.13')
        (project / '.venv' / 'bin').mkdir(parents=True)
        (project / '.venv' / 'bin' / 'python').symlink_to(folder / 'python3')
        lines = [made_for, str(project)] if made_for else ['tensorflow', '/where/it/was/before']
        (project / '.venv' / 'made').write_text('\n'.join(lines) + '\n')
        for name in ('requirements.lock', 'setup.py', 'pyproject.toml', '.venv/ready'):
            (project / name).touch()
        os.utime(project / '.venv' / 'ready', (2**32, 2**32))  # newer than all that it depends on
        assert make_setup(project, folder, **environment).returncode == code
