"""A file that a command writes beside what it prints: it is checked before the work begins, and written whole."""

import os
from collections.abc import Iterable
from pathlib import Path

from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage import files


def require(value: str, kind: files.Kind, inputs: Iterable[str | Path]) -> Path:
    """Returns the path of an output. Raises SolferinoError if it is one of the inputs, or a file of another kind."""
    path = Path(os.path.expanduser(value))
    files.require_apart([str(path)], (os.path.expanduser(name) for name in inputs))
    files.require_replaceable(str(path), kind)
    return path


def write(flag: str, path: Path, content: str, kind: files.Kind) -> None:
    """Makes `content` the file. Raises SolferinoError, which names the flag, if it cannot be written."""
    try:
        files.atomic_write(str(path), content, kind)
    except OSError as error:
        raise SolferinoError(f'--{flag}={path} cannot be written: {error.strerror}.') from None
