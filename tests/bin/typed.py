"""Commands as they are typed, in this process."""

import sys
from typing import Any


def typed(module: Any, *arguments: str) -> int:
    """Types the command of a module of `solferino.bin`; returns its exit code."""
    before, sys.argv = sys.argv, [module.__name__.rpartition('.')[2], *arguments]
    try:
        module.console_entry_point()
    except SystemExit as stop:
        return int(str(stop.code or 0))
    finally:
        sys.argv = before
    return 0
