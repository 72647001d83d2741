"""How large packages are imported: without what they take along but do not need here, in less time; and left."""

import atexit
import contextlib
import gc
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


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Within the block Python looks for no garbage: among the objects of modules, which stay, there is none.

    Looking for it takes a fifth of the time of an import of TensorFlow.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def left_quickly() -> None:
    """Has this process end without looking for garbage among all its objects, which takes a second of TensorFlow's."""
    atexit.register(gc.freeze)
