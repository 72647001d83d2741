"""Packages that only some installations have, those of an extra such as `[sound]`, and their libraries kept quiet."""

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator
from typing import Any

from solferino.hparams.errors import SolferinoError

SOUND, SCORE, STUDIO, MIDI = 'sound', 'score', 'studio', 'midi'
_WHAT = {SOUND: 'Sound', SCORE: 'A score', STUDIO: 'The studio', MIDI: 'Live MIDI'}


def load(name: str, extra: str) -> Any:
    """Imports a package of an extra. Raises SolferinoError that says how to install it where it is not there."""
    try:
        return importlib.import_module(name)
    except (ImportError, OSError) as error:  # OSError: the library that it wraps cannot be loaded
        package = name.partition('.')[0]
        why = 'is not installed' if isinstance(error, ModuleNotFoundError) else f'does not start here ({error})'
        raise SolferinoError(
            f"{_WHAT[extra]} needs the package {package}, which {why}. It comes with pip install 'solferino[{extra}]', "
            'or, in a checkout of Solferino, with make setup.'
        ) from None


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Lets libraries in C say nothing on stderr: ALSA fills fifty lines where there is no device."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
