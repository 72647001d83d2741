"""Files that appear whole or not at all."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from typing import IO, Any


@contextlib.contextmanager
def atomic_open(path: str, mode: str = 'w', buffering: int = -1) -> Iterator[IO[Any]]:
    """Opens a temporary file beside `path` for writing; it takes the name `path` when the block ends without an error.

    After an error, Ctrl-C included, the temporary file is gone and whatever `path` was before is still there. A missing
    folder is made. Text is UTF-8. `buffering` is that of `open`. Raises OSError as `open` does, and for what is no
    ordinary file, such as /dev/null.
    """
    if not may_be_replaced(path):
        raise OSError(errno.EEXIST, 'this is not an ordinary file', path)
    folder, name = os.path.split(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f'.{name}.', suffix='.tmp', dir=folder)
    try:
        with open(handle, mode, buffering, encoding=None if 'b' in mode else 'utf-8') as file:
            yield file
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp's files are the owner's alone
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def atomic_write(path: str, content: str | bytes) -> None:
    """Makes `content` (text as UTF-8) the file `path`, whole or not at all."""
    with atomic_open(path, 'w' if isinstance(content, str) else 'wb') as file:
        file.write(content)


def may_be_replaced(path: str) -> bool:
    """Whether a new file may take the name: nothing has it, or an ordinary file, or a link to one."""
    return os.path.isfile(path) or not os.path.exists(path)


def _umask() -> int:
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
