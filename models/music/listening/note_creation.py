"""Probabilities of keys to notes, as basic-pitch makes them (`basic_pitch/note_creation.py` of 0.4.0).

Notes begin at peaks of the onsets, latest first, and last while the key sounds. What then is left of the sounding keys
is taken up from its loudest point on in both directions (the "melodia trick": notes without an onset).
"""

import dataclasses
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from solferino.models.music.listening.posteriorgrams import KEYS, Activations, Posteriorgrams

_QUIET = 11  # frames below the threshold after which a note has ended
_LOOK = 256  # frames that are looked at first for a note's end
_RISE = 2  # frames over which a sudden rise is an onset


@dataclasses.dataclass(frozen=True)
class Thresholds:
    """When a key is struck and sounds: probabilities; and how long a note is at least, in frames.

    With `rises`, sudden rises of a key's sound are onsets too; with `unstruck`, notes need none. What is default did
    best in tests/benchmarks/audio.py; basic-pitch has 0.5, 0.3, 11, and both.
    """

    onset: float = 0.65
    frame: float = 0.4
    shortest: int = 5
    rises: bool = False
    unstruck: bool = False


class Notes(NamedTuple):
    """Arrays [notes], by beginnings, then keys: frames from `begin` to before `end`, keys, mean probabilities."""

    begin: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    key: npt.NDArray[np.int64]
    strength: npt.NDArray[np.float64]


def create(heard: Posteriorgrams, thresholds: Thresholds = Thresholds()) -> Notes:
    """Finds the notes."""
    onsets = _with_rises(heard) if thresholds.rises else heard.onsets
    left = heard.frames.copy()
    found = _struck(onsets, left, thresholds)
    if thresholds.unstruck:
        found += _unstruck(left, thresholds)
    found.sort(key=lambda note: (note[0], note[2], note[1]))
    rows = np.array(found, np.int64).reshape(-1, 3)
    strengths = [heard.frames[begin:end, key].mean(dtype=np.float64) for begin, end, key in found]
    return Notes(rows[:, 0], rows[:, 1], rows[:, 2], np.array(strengths, np.float64))


def _with_rises(heard: Posteriorgrams) -> Activations:
    """Onsets, or how much more a key sounds than in both frames before, scaled to the highest onset."""
    frames, onsets = heard
    if len(frames) <= _RISE:
        return onsets
    rise = np.zeros_like(frames)
    rise[_RISE:] = np.minimum(frames[_RISE:] - frames[1:-1], frames[_RISE:] - frames[:-_RISE]).clip(0)
    highest = rise.max()
    return np.maximum(onsets, rise * (onsets.max() / highest)) if highest > 0 else onsets


def _struck(onsets: Activations, left: Activations, thresholds: Thresholds) -> list[tuple[int, int, int]]:
    """Notes (begin, end, key) that begin at onsets. Takes them from `left`, what sounds."""
    peaks = np.zeros(onsets.shape, bool)
    peaks[1:-1] = (onsets[1:-1] > onsets[:-2]) & (onsets[1:-1] > onsets[2:]) & (onsets[1:-1] >= thresholds.onset)
    found = []
    for begin, key in np.argwhere(peaks)[::-1].tolist():
        end = begin + 1 + _lasting(left[begin + 1 : -1, key], thresholds.frame)
        if end - begin > thresholds.shortest:
            left[begin:end, max(0, key - 1) : key + 2] = 0
            found.append((begin, end, key))
    return found


def _unstruck(left: Activations, thresholds: Thresholds) -> list[tuple[int, int, int]]:
    """Notes (begin, end, key) of what is left of the sounding keys."""
    cells = np.flatnonzero(left > thresholds.frame)
    cells = cells[np.argsort(-left.ravel()[cells], kind='stable')]  # the loudest first; cells only ever become 0
    found = []
    for middle, key in zip(*(places.tolist() for places in np.divmod(cells, KEYS)), strict=True):
        if left[middle, key] <= thresholds.frame:  # taken by a note before
            continue
        left[middle, key] = 0
        after = left[middle + 1 : -1, key]
        before = left[1:middle, key][::-1]
        forward, backward = _lasting(after, thresholds.frame), _lasting(before, thresholds.frame)
        heard_out = min(len(after), forward + _QUIET), min(len(before), backward + _QUIET)
        left[middle + 1 : middle + 1 + heard_out[0], max(0, key - 1) : key + 2] = 0
        left[middle - heard_out[1] : middle, max(0, key - 1) : key + 2] = 0
        begin, end = middle - backward, middle + forward
        if end - begin > thresholds.shortest:
            found.append((begin, end, key))
    return found


def _lasting(sounding: Activations, threshold: float) -> int:
    """How many values there are up to the last that is not quiet before a long quiet, or the end."""
    size = _LOOK
    while True:
        loud = np.flatnonzero(sounding[:size] >= threshold)
        places = np.concatenate([[-1], loud, [size + _QUIET]])
        last = int(places[np.argmax(np.diff(places) > _QUIET)])
        if last + _QUIET < size or size >= len(sounding):
            return last + 1
        size *= 4
