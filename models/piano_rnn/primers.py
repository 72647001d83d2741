"""A primer of one note, as text."""

import re

import numpy as np

from solferino.hparams.errors import SolferinoError
from solferino.hparams.piano_rnn import HIGHEST, LOWEST
from solferino.models.piano_rnn import frames as frame_tools

_STEPS = {'C': 0, 'D': 2, 'E': 4, 'F': 5, 'G': 7, 'A': 9, 'B': 11}
_SIGNS = {'': 0, '#': 1, 'b': -1}


def parse(flag: str, text: str) -> np.ndarray:
    """Returns the frame, bool [1, KEYS], of '60' or 'C4'. Raises SolferinoError for a text that is no key."""
    number = re.fullmatch(r'\d{1,3}', text.strip())
    name = re.fullmatch(r'([A-G])([#b]?)(-?\d)', text.strip()[:1].upper() + text.strip()[1:])
    if number:
        pitch = int(number[0])
    elif name:
        pitch = _STEPS[name[1]] + _SIGNS[name[2]] + 12 * (int(name[3]) + 1)
    else:
        raise SolferinoError(
            f'--{flag}={text}: this is no note. Give its MIDI pitch, such as 60, or its name, such as C4, F#3 or Bb5.'
        )
    if not LOWEST <= pitch <= HIGHEST:
        raise SolferinoError(
            f'--{flag}={text}: a piano has no such key. Its MIDI pitches are {LOWEST} to {HIGHEST}, A0 to C8.'
        )
    return frame_tools.of_pitch(pitch)
