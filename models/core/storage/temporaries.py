"""Temporary files and folders; a later run deletes those that a killed run left behind.

Each is locked by the process that made it, and the system unlocks it when that process ends in any way. So a locked
file is in use, and an unlocked one was left behind. Where a file system has no locks, nothing is deleted.
"""

import contextlib
import errno
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator

_RANDOM = re.compile(r'[a-z0-9_]{8}')  # what `tempfile` puts into a name
_SUFFIX = '.tmp'
_TRIES = 100


def create(directory: str, name: str) -> tuple[int, str]:
    """Makes a locked temporary file, to be renamed to `name`, in a directory; returns its handle and its path.

    It is in use until the handle is closed. Files of dead runs for the same name are deleted. Raises OSError.
    """
    return _locked(directory, name, tempfile.mkstemp)


@contextlib.contextmanager
def folder(directory: str, name: str) -> Iterator[str]:
    """Yields a new hidden folder in a directory, for `name`; it is deleted after the block. Raises OSError.

    Folders of dead runs for the same name are deleted.
    """

    def make(suffix: str, prefix: str, dir: str) -> tuple[int, str]:
        path = tempfile.mkdtemp(suffix, prefix, dir)
        try:
            return os.open(path, os.O_RDONLY), path
        except FileNotFoundError:  # cleared away at once, see `_locked`
            return os.open(os.devnull, os.O_RDONLY), ''

    handle, path = _locked(directory, name, make)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(handle)


def clear(directory: str, name: str, on_folder: Callable[[str], object] | None = None) -> None:
    """Deletes what dead runs left in a directory for `name`, which may be a pattern such as '*.mid'.

    `on_folder` is called with the path of each folder before it is deleted.
    """
    pattern = '.*'.join(map(re.escape, name.split('*')))
    left = re.compile(rf'\.{pattern}\.{_RANDOM.pattern}{re.escape(_SUFFIX)}', re.DOTALL)
    with contextlib.suppress(OSError):
        for found in [entry for entry in os.listdir(directory) if left.fullmatch(entry)]:
            _clear_abandoned(os.path.join(directory, found), on_folder)


@contextlib.contextmanager
def of_process() -> Iterator[None]:
    """Within the block this process and its children put all temporary files into one folder, deleted at the end.

    TensorFlow and Beam delete their temporary files only if they end without an error.
    """
    with contextlib.ExitStack() as stack:
        path = ''
        # Not `tempfile.gettempdir`: it tests each with a file, which a kill would leave there.
        names = (tempfile.tempdir, *map(os.environ.get, ('TMPDIR', 'TEMP', 'TMP')), '/tmp', '/var/tmp')
        for directory in filter(None, names):
            with contextlib.suppress(OSError):  # there is no such folder, or it is full
                path = stack.enter_context(folder(os.path.abspath(directory), 'solferino'))
                break
        if not path:  # code that needs one will raise an error
            yield
            return
        before, tempfile.tempdir = tempfile.tempdir, path
        in_environment = os.environ.get('TMPDIR')
        os.environ['TMPDIR'] = path
        try:
            yield
        finally:
            tempfile.tempdir = before
            if in_environment is None:
                os.environ.pop('TMPDIR', None)
            else:
                os.environ['TMPDIR'] = in_environment


@contextlib.contextmanager
def one_at_a_time(directory: str) -> Iterator[None]:
    """A lock on a directory: one process at a time is in the block.

    The system unlocks it when a process ends in any way. Without locks in the file system there is no lock.
    """
    handle = os.open(directory, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _locked(directory: str, name: str, make: Callable[..., tuple[int, str]]) -> tuple[int, str]:
    clear(directory, name)
    for _ in range(_TRIES):
        handle, path = make(_SUFFIX, f'.{name}.', directory)
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        # Before it was locked, another run may have deleted it as left behind.
        if _is_at(handle, path):
            return handle, path
        os.close(handle)
    raise OSError(errno.EAGAIN, 'temporary files vanish at once', directory)


def _is_at(handle: int, path: str) -> bool:
    with contextlib.suppress(OSError):
        return os.path.samestat(os.fstat(handle), os.lstat(path))
    return False


def _clear_abandoned(path: str, on_folder: Callable[[str], object] | None) -> None:
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _is_at(handle, path):
                return
            if not os.path.isdir(path):
                os.unlink(path)
                return
            if on_folder:
                on_folder(path)
            shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(handle)
