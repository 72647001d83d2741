"""Packages that only some installations have: those of the extra `[sound]`."""

import importlib
from typing import Any

from solferino.hparams.errors import SolferinoError

EXTRA = "pip install 'solferino[sound]'"


def load(name: str) -> Any:
    """Imports a package of the extra. Raises SolferinoError that says how to install it where it is not there."""
    try:
        return importlib.import_module(name)
    except (ImportError, OSError) as error:  # OSError: the library that it wraps cannot be loaded
        why = 'is not installed' if isinstance(error, ModuleNotFoundError) else f'does not start here ({error})'
        raise SolferinoError(
            f'Sound needs the package {name.partition(".")[0]}, which {why}. It comes with {EXTRA}, or, in a '
            'checkout of Solferino, with make setup.'
        ) from None
