"""A sound file's notes: the reader of recorded music."""

import importlib.util
from collections.abc import Iterator

import numpy as np

from solferino.hparams.errors import SolferinoError
from solferino.models.music.listening import decoding, note_creation, posteriorgrams
from solferino.models.music.reading.midi_notes import NO_CONTROLS, Instrument, Music, Notes
from solferino.models.music.reading.remarks import Remark

CUT_SHORT = 'recordings damaged, read up to there'

_PACKAGES = ('onnxruntime', 'soundfile', 'soxr')  # of the extra [audio]
_QPM = 120.0  # sound says no tempo
_RESOLUTION = 480
_SILENT = 1e-4  # of full scale, -80 dB: no microphone is that quiet


def require() -> None:
    """Raises SolferinoError if what reads sound is not installed."""
    missing = [name for name in _PACKAGES if not importlib.util.find_spec(name)]
    if missing:
        raise SolferinoError(
            f"--audio needs {' and '.join(missing)}, which the extra [audio] installs: pip install 'solferino[audio]'"
        )
    if not posteriorgrams.model_path():
        raise SolferinoError(
            '--audio needs the model of basic-pitch. Its package asks for an old TensorFlow, so install it without '
            'these: pip install --no-deps basic-pitch==0.4.0'
        )


def load() -> None:
    """Imports what reading takes."""
    for name in _PACKAGES:
        importlib.import_module(name)


def read(content: bytes) -> tuple[Music, bool]:
    """Returns the notes of a sound file, and whether it is silent from beginning to end. Raises Refused.

    All notes are one instrument's, a piano's: who plays is not heard, and neither are tempo and metre. A velocity is
    how surely a note is heard, as basic-pitch has it: not how loud, as the network sees no loudness.
    """
    recording = decoding.Recording(content)
    loudest = 0.0

    def followed() -> Iterator[decoding.Samples]:
        nonlocal loudest
        for block in recording.blocks():
            loudest = max(loudest, float(np.abs(block).max(initial=0)))
            yield block

    heard = posteriorgrams.listen(followed())
    found = music(note_creation.create(heard))
    remarks = (Remark(CUT_SHORT, differs=False),) if recording.damage else ()
    return found._replace(remarks=remarks), loudest <= _SILENT


def music(found: note_creation.Notes) -> Music:
    """Notes as those of a file."""
    count = len(found.key)
    notes = Notes(
        np.zeros(count, np.int64),
        (found.key + posteriorgrams.LOWEST).astype(np.uint8),
        (127 * found.strength).round().clip(1, 127).astype(np.uint8),
        posteriorgrams.seconds(found.begin),
        posteriorgrams.seconds(found.end),
    )
    instruments = [Instrument(0, False, '')] if count else []
    return Music(_RESOLUTION, [], [], [(0.0, _QPM)], instruments, notes, NO_CONTROLS, NO_CONTROLS)
