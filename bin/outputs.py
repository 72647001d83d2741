"""A file that a command writes beside what it prints: it is checked before the work begins."""

import os
from collections.abc import Iterable
from pathlib import Path

from solferino.models.core.storage import files


def require(value: str, kind: files.Kind, inputs: Iterable[str | Path]) -> Path:
    """Returns the path of an output. Raises SolferinoError if it is one of the inputs, or a file of another kind."""
    path = Path(os.path.expanduser(value))
    files.require_apart([str(path)], (os.path.expanduser(name) for name in inputs))
    files.require_replaceable(str(path), kind)
    return path
