"""From seconds to steps: music cut where its tempo or metre changes, each section on a grid of its own.

The rules, and the order of floating-point operations, are those of note_seq.sequences_lib: the same note is on the
same step.
"""

import bisect
import dataclasses
import itertools
import operator
from collections.abc import Iterator
from typing import TypeVar

import numpy as np

from solferino.hparams.reasons import BAD_METRE, BAD_TIME, NEGATIVE_TIME, ODD_METRE, Reject
from solferino.models.music.pieces.piece import Metre, Piece, Tempo

Change = TypeVar('Change', Metre, Tempo)

# What holds before a file says something else.
_FIRST_METRE, _FIRST_TEMPO = Metre(0.0, 4, 4), Tempo(0.0, 120.0)
_MAX_STEP = 2.0**62  # int64 ends beyond it
_MOST_BEATS = 1000  # of a bar; MIDI holds 255
_AT_ONCE = 1e-6  # seconds; what rounding may cost
_NEARLY = 0.01  # seconds; what rounding to ticks may cost


@dataclasses.dataclass(frozen=True)
class Section:
    """Quantized music of one tempo and one metre, from step 0 on.

    Attributes:
      starts, ends: int64 [notes], steps; every note has one at least.
      steps_per_bar: a whole number.
      steps_per_second: at its tempo.
      metre, tempo: what holds in it.
    """

    starts: np.ndarray
    ends: np.ndarray
    steps_per_bar: int
    steps_per_second: float
    metre: Metre
    tempo: Tempo
    _piece: Piece
    _rows: np.ndarray

    def notes(self, field: str) -> np.ndarray:
        """Returns a field of NOTE for each of its notes."""
        return self._piece.notes[field][self._rows]

    @property
    def rows(self) -> np.ndarray:
        """Which notes of the piece its own are: int [notes]."""
        return self._rows

    def step(self, seconds: float) -> int:
        """Returns the step of an instant, counted from the section's beginning. Raises ValueError if there is none."""
        return int(_to_steps(np.array([seconds]), self.steps_per_second)[0])


class _RejectedError(ValueError):
    """Says to people why music cannot be quantized; `reason` is one of `hparams.reasons`."""

    def __init__(self, reason: str, text: str):
        super().__init__(text)
        self.reason = reason


def quantized_sections(
    piece: Piece, steps_per_quarter: int, reject: Reject, rows: np.ndarray | None = None
) -> Iterator[Section]:
    """Yields each section of one tempo and one metre, with the notes that begin in it, in the order of time.

    Notes end where the section ends. What begins before time zero or after the piece's end is in no section. Sections
    whose bar is not a whole number of steps, whose metre does not exist, or whose notes end before the section begins
    are left out and reported to `reject`, and so are notes at times that there are not.

    Args:
      piece: the music.
      steps_per_quarter: the grid.
      reject: called with reasons.
      rows: which of the notes to take; all if not given.
    """
    rows = np.arange(len(piece.notes)) if rows is None else rows
    starts = piece.notes['start'][rows]
    order = starts.argsort(kind='stable')
    starts, rows = starts[order], rows[order]
    if not np.isfinite(starts[[0, -1]] if len(rows) else 0.0).all():  # nan comes last
        reject(BAD_TIME)
        return
    for start, end, metre, tempo in _spans(piece):
        first, last = starts.searchsorted((start, end))
        try:
            yield _quantize(piece, rows[first:last], start, end, metre, tempo, steps_per_quarter)
        except _RejectedError as rejected:
            reject(rejected.reason)


def quantize(piece: Piece, steps_per_quarter: int, rows: np.ndarray | None = None) -> Section:
    """Quantizes music of one tempo and one metre, as one section with all of the notes, or `rows` of them.

    Raises:
      ValueError: it has several tempos or metres, a metre that does not exist, a bar that is not a whole number of
        steps, or notes at times that there are not.
    """
    metres = sorted(piece.metres, key=operator.attrgetter('time'))
    tempos = sorted(piece.tempos, key=operator.attrgetter('time'))
    if not metres or metres[0].time != 0:
        metres.insert(0, _FIRST_METRE)
    if not tempos or tempos[0].time != 0:
        tempos.insert(0, _FIRST_TEMPO)
    for before, after in itertools.pairwise(metres):
        if not _same_metre(before, after):
            raise ValueError(f'its metre changes from {before.name} to {after.name} {_where(after)}')
    for old, new in itertools.pairwise(tempos):
        if old.qpm != new.qpm:
            raise ValueError(f'its tempo changes from {old.qpm:.4g} to {new.qpm:.4g} quarters a minute {_where(new)}')
    rows = np.arange(len(piece.notes)) if rows is None else rows
    return _quantize(piece, rows, 0.0, np.inf, metres[0], tempos[0], steps_per_quarter)


def settled(piece: Piece) -> Piece:
    """Returns a piece as if the metre and tempo that hold where its first note begins had held from time zero on.

    That note stays as many quarters after the first bar line; silence before its metre begins is left out. An upbeat, a
    single short bar with a metre of its own, is the end of a bar of the metre that follows. Changes
    after the last note has begun are left out, too; those between stay, for `quantize` to refuse. A tempo or metre that
    the piece does not name is not named here.
    """
    starts = piece.notes['start']
    if not np.isfinite(starts).all():
        return piece  # and cannot be quantized
    first, last = (float(starts.min()), float(starts.max())) if len(starts) else (0.0, 0.0)
    metres, later_metres = _held(piece.metres, first, last)
    tempos, later_tempos = _held(piece.tempos, first, last)
    origin = 0.0
    for before, after in itertools.pairwise([_FIRST_METRE, *metres]):
        if not _same_metre(before, after):
            origin = max(0.0, after.time)
    qpm = (tempos[-1] if tempos else _FIRST_TEMPO).qpm
    if metres and later_metres and qpm > 0:
        metre = later_metres[0]
        upbeat, bar = (_quarters(one) * 60 / qpm for one in (metres[-1], metre))
        if abs(metre.time - origin - upbeat) < _NEARLY and upbeat < bar:
            origin, metres, later_metres = metre.time - bar, [metre], later_metres[1:]
    shift = -origin
    if tempos and 0 < tempos[-1].qpm < np.inf:  # silence in other tempos lasts as many quarters in this one
        for old, new in itertools.pairwise([_FIRST_TEMPO, *tempos]):
            seconds = max(0.0, origin, min(new.time, first)) - max(0.0, origin, min(old.time, first))
            shift += seconds * (old.qpm / tempos[-1].qpm - 1)
    if first >= 0:
        shift = max(shift, -first)
    notes = piece.notes.copy()
    notes['start'] += shift
    notes['end'] += shift
    return dataclasses.replace(
        piece,
        total_time=piece.total_time + shift,
        metres=(*(dataclasses.replace(metre, time=0.0) for metre in metres[-1:]), *later_metres),
        tempos=(*(dataclasses.replace(tempo, time=0.0) for tempo in tempos[-1:]), *later_tempos),
        notes=notes,
        chord_symbols=tuple((time + shift, symbol) for time, symbol in piece.chord_symbols),
    )


def stretches(
    starts: np.ndarray, ends: np.ndarray, onsets: np.ndarray, steps_per_bar: int, gap_bars: float
) -> Iterator[tuple[slice, int, int]]:
    """Yields which notes lie between silences, and the steps where each such stretch begins and ends.

    It begins with the bar of its first onset, no sooner than the bar line after the stretch before, and ends with the
    last note before `gap_bars` of silence.

    Args:
      starts, ends: int64 [notes], steps; `starts` ascend.
      onsets: int64, ascending; what counts as the first sound of a bar, the starts of the notes among them.
      steps_per_bar: of the metre.
      gap_bars: the least silence that parts two stretches.
    """
    silences = (starts[1:] - ends[:-1] >= gap_bars * steps_per_bar).nonzero()[0] + 1
    stops = [*silences.tolist(), len(starts)]
    search_from = 0
    while True:
        first = int(starts.searchsorted(search_from))
        if first == len(starts):
            return
        last = stops[bisect.bisect(stops, first)]
        start = int(onsets[onsets.searchsorted(search_from)])
        start -= start % steps_per_bar
        end = int(ends[last - 1])
        yield slice(first, last), start, end
        search_from = end + -end % steps_per_bar  # the next begins at a bar line


def _to_steps(seconds: np.ndarray, steps_per_second: float) -> np.ndarray:
    """Returns the int64 steps that instants belong to. Raises ValueError for instants that there are not."""
    with np.errstate(all='ignore'):
        steps = seconds * steps_per_second + 0.5
        if not (abs(steps) < _MAX_STEP).all():
            raise _RejectedError(BAD_TIME, 'it has a time that is no number of seconds')
    return steps.astype(np.int64)  # towards zero, where int() goes


def _spans(piece: Piece) -> Iterator[tuple[float, float, Metre, Tempo]]:
    """Yields from and to when, in seconds, one metre and tempo hold; the first from zero on."""
    start, metre, tempo = 0.0, _FIRST_METRE, _FIRST_TEMPO
    changes: list[Metre | Tempo] = sorted([*piece.metres, *piece.tempos], key=operator.attrgetter('time'))
    for change in changes:
        if not change.time < piece.total_time:
            continue
        if _same_metre(metre, change) if isinstance(change, Metre) else tempo.qpm == change.qpm:
            continue
        if change.time > start:
            yield start, change.time, metre, tempo
            start = change.time
        if isinstance(change, Metre):
            metre = change
        else:
            tempo = change
    if piece.total_time > start:
        yield start, piece.total_time, metre, tempo


def _held(changes: tuple[Change, ...], first: float, last: float) -> tuple[list[Change], list[Change]]:
    """The changes up to an instant, and those after it up to another, in the order of time."""
    ordered = sorted(changes, key=operator.attrgetter('time'))
    return (
        [change for change in ordered if change.time <= first + _AT_ONCE],
        [change for change in ordered if first + _AT_ONCE < change.time <= last + _AT_ONCE],
    )


def _quarters(metre: Metre) -> float:
    return 4 * metre.numerator / (metre.denominator or 1)


def _where(change: Metre | Tempo) -> str:
    """For people: where the change is, and what to do."""
    return f'at {change.time:.1f} s, among its notes; give the part before it or after it alone'


def _same_metre(one: Metre, other: Metre) -> bool:
    return (one.numerator, one.denominator) == (other.numerator, other.denominator)


def _quantize(
    piece: Piece, rows: np.ndarray, start: float, end: float, metre: Metre, tempo: Tempo, steps_per_quarter: int
) -> Section:
    """Quantizes rows of a piece's notes that begin between two instants. Raises _RejectedError."""
    if not 1 <= metre.numerator <= _MOST_BEATS or metre.denominator < 1 or metre.denominator & (metre.denominator - 1):
        raise _RejectedError(BAD_METRE, f'there is no metre {metre.name}')
    steps_per_second = steps_per_quarter * tempo.qpm / 60.0
    seconds = np.stack([piece.notes['start'][rows], np.minimum(piece.notes['end'][rows], end)]) - start
    starts, ends = steps = _to_steps(seconds, steps_per_second)
    ends += ends == starts
    if steps.min(initial=0) < 0:
        raise _RejectedError(NEGATIVE_TIME, 'it has notes before time zero')
    steps_per_bar = steps_per_quarter * (4.0 / metre.denominator * metre.numerator)
    if steps_per_bar % 1:
        raise _RejectedError(ODD_METRE, f'a bar of {metre.name} is {steps_per_bar:g} steps, not a whole number of them')
    # A note that ends before it begins is heard for a step.
    ends = np.maximum(ends, starts + 1)
    return Section(starts, ends, int(steps_per_bar), steps_per_second, metre, tempo, piece, rows)
