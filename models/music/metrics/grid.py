"""Music as metrics see it: all notes on one grid, with bars of one length."""

import dataclasses
import math
from collections import Counter

import numpy as np

from solferino.models.music.pieces.piece import Piece
from solferino.models.music.pieces.timeline import Clock

STEPS_PER_QUARTER = 24  # sixteenths and triplets of them, as in MusPy's examples
MOST_STEPS = 1 << 21  # a day of music


@dataclasses.dataclass(frozen=True)
class Grid:
    """Notes on a grid.

    Attributes:
      steps_per_quarter: of the grid.
      steps_per_bar: of the metre that holds longest; others are measured by its bars, as their metrics ask for one.
      starts, ends: int64 [notes], steps, by start; a note lasts a step at least.
      pitches: int64 [notes], MIDI pitches.
      instruments: int64 [notes].
      is_drum: bool [notes].
      quarters: where the music's seconds are.
    """

    steps_per_quarter: int
    steps_per_bar: int
    starts: np.ndarray
    ends: np.ndarray
    pitches: np.ndarray
    instruments: np.ndarray
    is_drum: np.ndarray
    quarters: Clock

    @property
    def length(self) -> int:
        """Steps until the last note ends."""
        return int(self.ends.max(initial=0))

    @property
    def pitched(self) -> np.ndarray:
        """Which notes are no drums, bool [notes]."""
        return ~self.is_drum


def read(piece: Piece, steps_per_quarter: int = STEPS_PER_QUARTER) -> Grid:
    """Returns an unquantized piece on a grid. Raises ValueError for a note at no time that there is."""
    notes = piece.notes[(piece.notes['velocity'] > 0) & (piece.notes['pitch'] >= 0) & (piece.notes['pitch'] < 128)]
    clock = Clock({t.time: t.qpm for t in piece.tempos if 0 < t.qpm < math.inf and 0 <= t.time < math.inf})
    places = clock(np.stack([notes['start'], notes['end']])) * steps_per_quarter
    if not np.abs(places).max(initial=0.0) < MOST_STEPS:  # nor nan
        raise ValueError('a note is at no time that can be measured')
    starts, ends = np.floor(places + 0.5).astype(np.int64)
    kept = starts >= 0
    order = np.lexsort((notes['pitch'][kept], starts[kept]))
    starts, notes = starts[kept][order], notes[kept][order]
    return Grid(
        steps_per_quarter,
        _steps_per_bar(piece, clock, steps_per_quarter, int(ends.max(initial=0))),
        starts,
        np.maximum(ends[kept][order], starts + 1),
        notes['pitch'].astype(np.int64),
        notes['instrument'].astype(np.int64),
        notes['is_drum'].astype(bool),
        clock,
    )


def _steps_per_bar(piece: Piece, clock: Clock, steps_per_quarter: int, length: int) -> int:
    """Of the metre that holds for the most steps; of 4/4 where none is given."""
    found = sorted((m for m in piece.metres if m.numerator > 0 and m.denominator > 0 and 0 <= m.time < math.inf),
                   key=lambda metre: metre.time)  # fmt: skip
    begins = [float(clock(np.array([metre.time]))[0]) * steps_per_quarter for metre in found]
    lasts: Counter[int] = Counter()
    for metre, begin, end in zip(found, begins, [*begins[1:], max(length, *begins)] if begins else [], strict=True):
        lasts[max(1, round(4 * metre.numerator / metre.denominator * steps_per_quarter))] += max(0, round(end - begin))
    return lasts.most_common(1)[0][0] if lasts else 4 * steps_per_quarter
