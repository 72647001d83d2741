"""The key of music, by how long each pitch class sounds.

A pitch class is a number from 0, C, to 11, B. The profiles are those of listeners, Krumhansl and Kessler 1982 ("Tracing
the dynamic changes in perceived tonal organization in a spatial representation of musical keys"); the key is the one
whose profile correlates best (Krumhansl, "Cognitive foundations of musical pitch", 1990).
"""

from typing import NamedTuple

import numpy as np

_OCTAVE = 12
_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
_PROFILES = np.array([np.roll(profile, tonic) for profile in (_MAJOR, _MINOR) for tonic in range(_OCTAVE)])
_DEVIATIONS = _PROFILES - _PROFILES.mean(axis=1, keepdims=True)


class Key(NamedTuple):
    """A major or minor key; its tonic is a pitch class."""

    tonic: int
    is_minor: bool


def find(weights: np.ndarray) -> Key:
    """Returns the key in which pitch classes sound for so long, float [12]; C major if all sound alike."""
    deviations = weights - weights.mean()
    # The weights' own deviation divides all correlations alike.
    best = int((_DEVIATIONS @ deviations / np.linalg.norm(_DEVIATIONS, axis=1)).round(9).argmax())
    return Key(best % _OCTAVE, best >= _OCTAVE)


def to_common(key: Key) -> int:
    """Returns by how many semitones, -5 to 6, to transpose music in a key so that it is in C major or A minor."""
    up = ((9 if key.is_minor else 0) - key.tonic) % _OCTAVE
    return up - _OCTAVE if up > _OCTAVE // 2 else up
