"""`--output` of the commands that can tell what they find as a JSON file, too."""

import os
from collections.abc import Callable
from pathlib import Path

from solferino.hparams.errors import SolferinoError


def path_of(value: str | None) -> Path | None:
    """The path of --output; None if it is not given. Raises SolferinoError if it is not named as a JSON file."""
    if not value:
        return None
    path = Path(os.path.expanduser(value))
    if path.suffix != '.json':
        raise SolferinoError(f'--output={value}: it is a JSON file, whose name ends in .json.')
    return path


def write(path: Path, to_json: Callable[[], str], what: str, key: str) -> None:
    """Writes a file and says so; over another one only if that has the same key.

    Args:
      path: of `path_of`.
      to_json: makes the text.
      what: it holds, in words.
      key: one of the first of its object, by which such a file is known.

    Raises:
      SolferinoError: it cannot be written, or stands there as something else.
    """
    from solferino.models.core.storage.files import atomic_write, json_about

    try:
        atomic_write(str(path), to_json(), json_about(what, key))
    except OSError as error:
        raise SolferinoError(f'--output={path} cannot be written: {error.strerror}.') from None
    print(f'\nWritten: {path}')
