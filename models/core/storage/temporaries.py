"""Temporary files and folders, which a run that is killed leaves behind and a later one clears away.

Each is locked by the process that made it, and the system unlocks it when that process ends in any way: what is locked
is in use, and what is not was left behind. Where a file system knows no locks, nothing is cleared away.
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
    """Makes a temporary file for what will be `name` in a directory, locked; returns its handle and its path.

    It is in use until the handle is closed. Those of earlier runs for the same name are cleared away. Raises OSError.
    """
    return _locked(directory, name, tempfile.mkstemp)


@contextlib.contextmanager
def folder(directory: str, name: str) -> Iterator[str]:
    """Yields a new hidden folder in a directory for what will be `name`; it is gone after the block. Raises OSError.

    Those of earlier runs for the same name are cleared away.
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
    """Clears away what runs that are no more left in a directory for `name`, which may be a pattern such as '*.mid'.

    `on_folder` is called with the path of each folder before that goes.
    """
    pattern = '.*'.join(map(re.escape, name.split('*')))
    left = re.compile(rf'\.{pattern}\.{_RANDOM.pattern}{re.escape(_SUFFIX)}', re.DOTALL)
    with contextlib.suppress(OSError):
        for found in [entry for entry in os.listdir(directory) if left.fullmatch(entry)]:
            _clear_abandoned(os.path.join(directory, found), on_folder)


@contextlib.contextmanager
def of_process() -> Iterator[None]:
    """Within the block all that this process and its children put among temporary files lies in a folder of ours.

    TensorFlow and Beam put files there that they clear away only if they end well.
    """
    with contextlib.ExitStack() as stack:
        path = ''
        # `tempfile.gettempdir` would try each with a file, which a kill leaves there.
        names = (tempfile.tempdir, *map(os.environ.get, ('TMPDIR', 'TEMP', 'TMP')), '/tmp', '/var/tmp')
        for place in filter(None, names):
            with contextlib.suppress(OSError):  # there is no such folder, or it is full
                path = stack.enter_context(folder(os.path.abspath(place), 'solferino'))
                break
        if not path:  # whoever needs one says so
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
    """Lets one process after the other into the block; it is the directory that is locked.

    The system unlocks it when a process ends in any way. Where the file system knows no locks, there are none.
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
        # Between the two another run may have taken it for one left behind.
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
