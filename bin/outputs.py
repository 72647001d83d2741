"""Files that commands write beside what they print: checked before the work begins."""

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


def require_json_name(value: str | None) -> None:
    """Raises SolferinoError if --output is given and not named as a JSON file."""
    if value and Path(value).suffix != '.json':
        raise SolferinoError(f'--output={value}: it is a JSON file, whose name ends in .json.')


def write(path: Path, text: str, kind: files.Kind) -> None:
    """Writes a file of `require`, and says so. Raises SolferinoError if it cannot be written."""
    try:
        files.atomic_write(str(path), text, kind)
    except OSError as error:
        raise SolferinoError(f'--output={path} cannot be written: {error.strerror}.') from None
    print(f'\nWritten: {path}')
