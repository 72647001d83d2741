"""What a killed run leaves is cleared away, and what a living one uses is not."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from solferino.models.core.storage import files, temporaries

_MAKE_AND_DIE = """
import os, signal, sys
from solferino.models.core.storage import temporaries
directory, kind = sys.argv[1:]
if kind == 'file':
    handle, _ = temporaries.create(directory, 'x.mag')
else:
    stack = temporaries.folder(directory, 'x.mag')
    open(os.path.join(stack.__enter__(), 'part'), 'w').close()
print('made', flush=True)
sys.stdin.read()
os.kill(os.getpid(), signal.SIGKILL)
"""


def _names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.parametrize('kind', ['file', 'folder'])
def test_what_is_in_use_stays_and_what_was_left_goes(tmp_path: Path, kind: str) -> None:
    command = [sys.executable, '-c', _MAKE_AND_DIE, str(tmp_path), kind]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout and other.stdin
        assert other.stdout.readline() == 'made\n'
        [used] = _names(tmp_path)
        files.atomic_write(str(tmp_path / 'x.mag'), b'ours')
        assert _names(tmp_path) == [used, 'x.mag']
        other.stdin.close()
        other.wait()
    assert _names(tmp_path) == [used, 'x.mag']
    files.atomic_write(str(tmp_path / 'x.mag.more'), b'of another name')
    assert used in _names(tmp_path)
    files.atomic_write(str(tmp_path / 'x.mag'), b'ours again')
    assert _names(tmp_path) == ['x.mag', 'x.mag.more']


def test_files_of_others_stay(tmp_path: Path) -> None:
    others = ['.x.mag.mine.tmp', '.x.mag.abcdefg.tmp', 'x.mag.abcdefgh.tmp', '.x.mag.old.abcdefgh.tmp', '.x.mag']
    for name in others:
        (tmp_path / name).write_text('')
    (tmp_path / '.x.mag.abcdefgh.tmp').symlink_to('.x.mag')
    temporaries.clear(str(tmp_path), 'x.mag')
    assert _names(tmp_path) == sorted([*others, '.x.mag.abcdefgh.tmp'])


def test_one_that_is_taken_away_before_it_is_locked_is_made_anew(tmp_path: Path, monkeypatch) -> None:
    def first_is_lost(*args: str, made: list[str] = []) -> tuple[int, str]:  # noqa: B006 it counts the calls
        made.append('')
        handle, path = mkstemp(*args)
        if len(made) == 1:
            temporaries.clear(str(tmp_path), 'x')
        return handle, path

    mkstemp = tempfile.mkstemp
    monkeypatch.setattr(tempfile, 'mkstemp', first_is_lost)
    handle, path = temporaries.create(str(tmp_path), 'x')
    os.close(handle)
    assert _names(tmp_path) == [os.path.basename(path)]


def test_what_a_process_puts_among_temporary_files_goes_with_it(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    monkeypatch.setenv('TMPDIR', 'before')
    with temporaries.of_process():
        handle, path = tempfile.mkstemp()
        os.close(handle)
        child = [sys.executable, '-c', 'import tempfile; print(tempfile.mkdtemp())']
        of_child = subprocess.run(child, capture_output=True, text=True, check=True).stdout
        [ours] = tmp_path.iterdir()
        assert path.startswith(str(ours)) and of_child.startswith(str(ours))
    assert not _names(tmp_path)
    assert (tempfile.tempdir, os.environ['TMPDIR']) == (str(tmp_path), 'before')
