"""`.ci/run`: which Pythons it finds, and what it says of their tests."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

_PYTHON = '#!/bin/sh\ncase "$*" in *ensurepip*" {0}") exit 0 ;; *ensurepip*) exit 1 ;; *) echo "$0" ;; esac'


@pytest.fixture
def project(tmp_path: Path, root: Path) -> Path:
    """An empty project with `.ci/run`, and Pythons 3.12 and 3.13: a shim that does not start, and pyenv's versions."""
    folder = tmp_path / 'project'
    (folder / '.ci').mkdir(parents=True)
    shutil.copy(root / '.ci' / 'run', folder / '.ci')
    write(tmp_path / 'programs' / 'python3.12', '#!/bin/sh\necho "pyenv: python3.12: command not found" >&2\nexit 127')
    for version in ('3.12.1', '3.13.0'):
        write(tmp_path / 'pyenv' / 'versions' / version / 'bin' / 'python', _PYTHON.format(version[:4]))
    return folder


def write(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script + '\n')
    path.chmod(0o755)


def run(project: Path, make: str) -> subprocess.CompletedProcess[str]:
    """With a `make` that does what the shell script says in which $* are its arguments."""
    programs = project.parent / 'programs'
    write(programs / 'make', f'#!/bin/sh\n{make}')
    environment = {
        'PATH': f'{programs}:/usr/bin:/bin',
        'HOME': str(project.parent),
        'PYENV_ROOT': str(project.parent / 'pyenv'),
    }
    return subprocess.run(
        ['bash', str(project / '.ci' / 'run')], env=environment, capture_output=True, text=True, check=False
    )


def test_all_that_pyenv_has_is_tested(project: Path) -> None:
    result = run(project, 'case "$*" in "test "*) echo "== 3 passed in 1s ==" ;; esac')
    assert result.returncode == 0, result.stderr
    for version in ('3.12.1', '3.13.0'):
        assert f'Python {version[:4]}: {project.parent}/pyenv/versions/{version}/bin/python\n' in result.stdout
    for engine in ('prism', 'flink', 'spark'):
        assert f'{engine}: cannot be fetched, not tested' in result.stdout
    passed = '== 3 passed in 1s ==\n'  # the newest in two parts
    assert result.stdout.endswith(f'Python 3.12\n{passed}Python 3.13\n{passed}{passed}')


@pytest.mark.parametrize('version', ['3.12', '3.13'])
@pytest.mark.parametrize(('last', 'told'), [('== 1 failed, 2 passed in 1s ==',) * 2, ('Killed', 'no tests ran')])
def test_what_fails_on_one_fails(project: Path, version: str, last: str, told: str) -> None:
    fails = f'echo "=== FAILURES ==="; echo "what failed"; echo "{last}"; exit 2'
    passes = 'echo "== 3 passed in 1s =="'
    result = run(project, f'case "$*" in "test VENV=build/ci/{version} "*) {fails} ;; "test "*) {passes} ;; esac')
    assert result.returncode == 1
    assert 'what failed' in result.stdout
    assert f'Python {version}\n{told}\n' in result.stdout


def test_engines_that_can_be_fetched_are_tested(project: Path) -> None:
    write(project.parent / 'pyenv' / 'versions' / '3.11.7' / 'bin' / 'python', _PYTHON.format('3.11'))
    write(
        project / 'build' / 'ci' / '3.11' / 'bin' / 'python',
        '#!/bin/sh\necho fetched; case "$*" in *flink*) exit 1; esac',
    )
    fails = 'case "$*" in "test-engines ENGINES=prism,spark "*) exit 2 ;; "test "*) echo "== 3 passed in 1s ==" ;; esac'
    result = run(project, fails)
    assert result.returncode == 1
    assert re.findall('(.*): cannot be fetched', result.stdout) == ['flink']


def test_each_test_is_run_on_some_python(project: Path) -> None:
    write(project.parent / 'pyenv' / 'versions' / '3.11.7' / 'bin' / 'python', _PYTHON.format('3.11'))
    result = run(project, 'echo "$*" >>called; echo "== 3 passed in 1s =="')
    assert result.returncode == 0, result.stderr
    called = (project / 'called').read_text()
    for version, chosen in (('3.11', "-m 'not once'\n"), ('3.13', '-m once\n'), ('3.12', "-m 'not once' tests/bin ")):
        assert re.search(f'test VENV=build/ci/{version} .* {re.escape(chosen)}', called), called


def test_one_python_runs_all(project: Path) -> None:
    versions = project.parent / 'pyenv' / 'versions'
    shutil.rmtree(versions)
    write(versions / '3.11.7' / 'bin' / 'python', _PYTHON.format('3.11'))
    result = run(project, 'echo "$*" >>called; echo "== 3 passed in 1s =="')
    assert result.returncode == 0, result.stderr
    [tests] = [line for line in (project / 'called').read_text().splitlines() if line.startswith('test ')]
    assert 'VENV=build/ci/3.11' in tests and tests.strip().endswith('PYTEST=-p no:cacheprovider')


def test_style_comes_first(project: Path) -> None:
    result = run(project, 'case "$*" in "lint "*) echo "bad style"; exit 2 ;; "test "*) touch tested ;; esac')
    assert result.returncode != 0 and 'bad style' in result.stdout
    assert not (project / 'tested').exists()


def test_without_any_python(project: Path) -> None:
    shutil.rmtree(project.parent / 'pyenv')
    result = run(project, 'exit 0')
    if 'error' not in result.stderr:
        pytest.skip('there is one in /usr/bin or beside it')
    assert result.returncode == 1
    assert result.stderr == 'error: no Python 3.11, 3.12 or 3.13 is found.\n'
