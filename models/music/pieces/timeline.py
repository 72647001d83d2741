"""Quarters and bars of a NoteSequence: where its seconds lie on paper, whatever its tempos and metres do."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from note_seq import sequences_lib
from note_seq.protobuf import music_pb2

from solferino.hparams.reasons import BAD_METRE
from solferino.models.music.pieces import bars as barlines
from solferino.models.music.pieces.bars import MAX_BARS, Bar, Metre

DEFAULT_QPM = 120.0
_CHORD_SYMBOL = music_pb2.NoteSequence.TextAnnotation.CHORD_SYMBOL
_ALMOST = 1e-3  # quarters; what rounding may cost


@dataclasses.dataclass(frozen=True)
class Timeline:
    """Where notes and bars are, in quarters from the beginning.

    Attributes:
      starts, ends: of the sequence's notes; a note at no time that there is has nan.
      bars: the first ones, at most `MAX_BARS`.
      num_bars: all of them.
      tempos: quarters a minute.
      reasons: why something of it cannot be drawn.
      chords: names of chords, in order, and where they begin.
    """

    starts: np.ndarray
    ends: np.ndarray
    bars: list[Bar]
    num_bars: int
    tempos: list[float]
    reasons: list[str]
    chords: list[tuple[float, str]]


def read(sequence: music_pb2.NoteSequence) -> Timeline:
    """Returns the timeline of a sequence, quantized or not."""
    notes = sequence.notes
    chords = [text for text in sequence.text_annotations if text.annotation_type == _CHORD_SYMBOL]
    tempos = {t.time: t.qpm for t in sequence.tempos if 0 < t.qpm < math.inf and 0 <= t.time < math.inf}
    to_quarters = Clock(tempos)
    if sequences_lib.is_relative_quantized_sequence(sequence):
        steps = [(note.quantized_start_step, note.quantized_end_step) for note in notes]
        per_quarter = sequence.quantization_info.steps_per_quarter
        times = np.array(steps, float).reshape(-1, 2) / per_quarter
        places = np.array([text.quantized_step for text in chords], float) / per_quarter
    else:
        times = to_quarters(np.array([(note.start_time, note.end_time) for note in notes]).reshape(-1, 2))
        times[~np.isfinite(times).all(axis=1)] = np.nan
        places = to_quarters(np.array([text.time for text in chords]))
    reasons: list[str] = []
    end = float(np.nanmax(times[:, 0], initial=0.0)) if len(times) else 0.0
    bars, num_bars = _bars(_metres(sequence.time_signatures, to_quarters, reasons), end)
    names = sorted(
        (float(place), text.text) for place, text in zip(places, chords, strict=True) if 0 <= place < math.inf
    )
    return Timeline(times[:, 0], times[:, 1], bars, num_bars, list(tempos.values()), reasons, names)


class Clock:
    """From seconds to quarters: called with the one, it returns the other."""

    def __init__(self, tempos: Mapping[float, float]) -> None:
        """Takes quarters a minute by the time in seconds from which they hold; they are above 0."""
        times = sorted(tempos)
        # The first tempo holds from the beginning on.
        self._times = np.array([0.0, *times[1:]])
        self._rates = np.array([tempos[time] for time in times] or [DEFAULT_QPM]) / 60
        self._quarters = np.concatenate([[0.0], np.cumsum(np.diff(self._times) * self._rates[:-1])])

    def __call__(self, seconds: np.ndarray) -> np.ndarray:
        last = np.maximum(np.searchsorted(self._times, seconds, side='right') - 1, 0)
        return self._quarters[last] + (seconds - self._times[last]) * self._rates[last]

    def seconds(self, quarters: np.ndarray) -> np.ndarray:
        """The way back."""
        last = np.maximum(np.searchsorted(self._quarters, quarters, side='right') - 1, 0)
        return self._times[last] + (quarters - self._quarters[last]) / self._rates[last]


def _metres(signatures: Any, to_quarters: Clock, reasons: list[str]) -> list[tuple[float, Metre]]:
    """Where each metre begins; the first one holds from the beginning on."""
    found: dict[float, Metre] = {}
    for signature in sorted(signatures, key=lambda s: s.time):
        if signature.numerator < 1 or signature.denominator < 1:
            reasons.append(BAD_METRE)
        elif 0 <= signature.time < math.inf:
            place = float(to_quarters(np.array([signature.time]))[0])
            found[place] = barlines.metre(signature.numerator, signature.denominator, 1)
    metres = list(found.items()) or [(0.0, barlines.metre(4, 4, 1))]
    return [(0.0, metres[0][1]), *metres[1:]]


def _bars(metres: list[tuple[float, Metre]], end: float) -> tuple[list[Bar], int]:
    """The first bars, and the number of those until the last note begins; a new metre begins a new bar."""
    bars: list[Bar] = []
    total = 0
    metre = None
    for number, (start, following) in enumerate(metres):
        if number and start > end:
            break
        is_new, metre = following != metre, following
        last = number + 1 == len(metres) or metres[number + 1][0] > end
        length = (end if last else metres[number + 1][0]) - start
        count = int(length // metre.bar) + 1 if last else math.ceil((length - _ALMOST) / metre.bar)
        for k in range(min(count, MAX_BARS - len(bars))):
            begin = start + k * metre.bar
            stop = begin + metre.bar if last else min(begin + metre.bar, start + length)
            bars.append(Bar(len(bars) + 1, begin, stop, metre, is_new and k == 0))
        total += count
    return bars, total
