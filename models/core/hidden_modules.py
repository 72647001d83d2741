"""Modules that must not be imported."""

import contextlib
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def absent(*names: str) -> Iterator[None]:
    """Within the block, modules of these names cannot be imported, as if not installed; loaded modules stay."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is Python's mark for such a module
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
