"""Music on the grid of its metre: steps and bars, whatever its tempos and metres do.

What is measured or compared bar by bar is read here. Sections of one tempo and metre, by note_seq's rules, which models
learn from, are cut by `sections.py`.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np

from solferino.models.music.pieces import piano_rolls
from solferino.models.music.pieces.drums import DRUM_KIT
from solferino.models.music.pieces.piece import Metre, Piece
from solferino.models.music.pieces.timeline import Clock

MAX_BARS = 1 << 16
_FOUR_FOUR = Metre(0.0, 4, 4)


@dataclasses.dataclass(frozen=True)
class Score:
    """Music in bars.

    Attributes:
      is_drums: whether its keys are kinds of drums or MIDI pitches.
      steps_per_quarter: the grid; a fraction where a step is a part of a second.
      starts, ends: int64 [notes], steps, by start. A note may begin before step 0 or end after the last one: it
        sounds across a cut.
      keys: int64 [notes], what is played: the bit in DRUM_KIT of a kind of drums, or a MIDI pitch.
      bars: int64 [bars + 1], the steps at which the bars begin, and where the last one ends.
      in_four: bool [bars], those in 4/4.
      seconds: [bars + 1], when they begin.
    """

    is_drums: bool
    steps_per_quarter: float
    starts: np.ndarray
    ends: np.ndarray
    keys: np.ndarray
    bars: np.ndarray
    in_four: np.ndarray
    seconds: np.ndarray

    @property
    def num_bars(self) -> int:
        """All of them, silent ones too."""
        return len(self.in_four)

    def cut(self, num_bars: int) -> Iterator['Score']:
        """Yields scores of `num_bars` bars one after the other; fewer at the end are left out."""
        for first in range(0, self.num_bars - num_bars + 1, num_bars):
            last = first + num_bars
            begin, end = self.bars[[first, last]]
            inside = (self.starts < end) & (self.ends > begin)
            yield dataclasses.replace(
                self,
                starts=self.starts[inside] - begin,
                ends=self.ends[inside] - begin,
                keys=self.keys[inside],
                bars=self.bars[first : last + 1] - begin,
                in_four=self.in_four[first:last],
                seconds=self.seconds[first : last + 1] - self.seconds[first],
            )

    def onsets(self) -> list[frozenset[tuple[int, int]]]:
        """Returns what begins in each bar, as (step from the beginning of the bar, key)."""
        found: list[set[tuple[int, int]]] = [set() for _ in range(self.num_bars)]
        here = (self.starts >= 0) & (self.starts < self.bars[-1])
        starts, keys = self.starts[here], self.keys[here]
        numbers = self.bars.searchsorted(starts, side='right') - 1
        for bar, step, key in zip(numbers.tolist(), (starts - self.bars[numbers]).tolist(), keys.tolist(), strict=True):
            found[bar].add((step, key))
        return [frozenset(bar) for bar in found]

    def sounding(self) -> np.ndarray:
        """Returns which keys sound, bool [steps, 128]. Raises ValueError if there are more than a roll can hold."""
        return piano_rolls.of_notes(self.starts, self.ends, self.keys, int(self.bars[-1]), 0, 127).sounding


def read(music: Piece, is_drums: bool, steps_per_quarter: float = 4, min_bars: int = 0) -> Score:
    """Returns the score of an unquantized piece: of its drums, or of its other notes.

    Of drums those are taken that are of a kind of DRUM_KIT. There are bars until the piece's total time, and until its
    last note has begun if that is later; a new metre begins a new bar.

    Args:
      music: the piece.
      is_drums: whether its drums are to be read.
      steps_per_quarter: the grid.
      min_bars: silent bars are added at the end until there are so many, as files do not tell of silence there.

    Raises:
      ValueError: a note is at no time that there is, or there are more than MAX_BARS bars.
    """
    notes = music.notes[music.notes['velocity'] > 0]
    notes = notes[notes['is_drum'] == is_drums]
    keys = notes['pitch'].astype(np.int64)
    if is_drums:
        kinds = _kinds()
        keys = kinds[np.where((keys >= 0) & (keys < len(kinds)), keys, 0)]
        notes, keys = notes[keys >= 0], keys[keys >= 0]
    clock = Clock({t.time: t.qpm for t in music.tempos if 0 < t.qpm < math.inf and 0 <= t.time < math.inf})
    quarters = clock(np.stack([notes['start'], notes['end']]))
    total = clock(np.array([music.total_time]))
    longest = max(float(abs(quarters).max(initial=0.0)), float(abs(total[0])))
    if not longest * steps_per_quarter < 1 << 40:  # nor nan
        raise ValueError('it has a time that is no number of seconds')
    starts, ends = np.floor(quarters * steps_per_quarter + 0.5).astype(np.int64)
    length = max(float(total[0]) * steps_per_quarter, float(starts.max(initial=-1)) + 1)
    bars, in_four = _bars(music.metres, clock, steps_per_quarter, length, min_bars)
    order = np.lexsort((keys, starts))
    order = order[starts[order] >= 0]
    return Score(
        is_drums,
        steps_per_quarter,
        starts[order],
        np.maximum(ends, starts + 1)[order],
        keys[order],
        bars,
        in_four,
        clock.seconds(bars / steps_per_quarter),
    )


def _bars(
    metres: Sequence[Metre], clock: Clock, steps_per_quarter: float, length: float, min_bars: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the steps at which bars begin, and the last one ends, so that they hold `length`; and which are 4/4."""
    changes = {0: _FOUR_FOUR}
    for metre in sorted(metres, key=lambda m: m.time):
        if metre.numerator > 0 and metre.denominator > 0 and 0 <= metre.time < math.inf:
            step = math.floor(float(clock(np.array([metre.time]))[0]) * steps_per_quarter + 0.5)
            changes[step] = metre
    begins = [step for step in changes if step < length] or [0]
    bars, in_four = [0], np.zeros(0, bool)
    for begin, end in itertools.zip_longest(begins, begins[1:]):
        metre = changes[begin]
        bar = max(1, round(4 * metre.numerator / metre.denominator * steps_per_quarter))
        # What rounding may add to the length is no bar.
        number = math.ceil(((length - 0.5 if end is None else end) - begin) / bar)
        number = max(number, min_bars - len(in_four) if end is None else 1, 0)
        if len(in_four) + number > MAX_BARS:
            raise ValueError(f'it has more than {MAX_BARS} bars')
        bars += [begin + k * bar for k in range(1, number + 1)]
        if end is not None:
            bars[-1] = end
        in_four = np.append(in_four, [(metre.numerator, metre.denominator) == (4, 4)] * number).astype(bool)
    return np.array(bars, np.int64), in_four


def _kinds() -> np.ndarray:
    """The bit in DRUM_KIT of each MIDI pitch, -1 for a pitch of no kind: int64 [128]."""
    kinds = np.full(128, -1)
    for bit, pitches in enumerate(DRUM_KIT.pitches):
        kinds[list(pitches)] = bit
    return kinds
