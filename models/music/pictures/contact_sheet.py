"""Contact sheets: many pieces of music in one picture, on common scales, so that they can be compared at a glance."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from note_seq.protobuf import music_pb2

from solferino.models.music.pictures import page, roll_pictures, track_pictures
from solferino.models.music.pictures.page import (
    FOOTER,
    HEADER,
    INK,
    LABEL_WIDTH,
    LINE_WIDTH,
    MARGIN,
    NO_MARKS,
    Marks,
)
from solferino.models.music.pieces.bars import Bar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = ((4, 1), (12, 2), (24, 3))  # up to so many pieces, so many columns; beyond them
_MOST_COLUMNS = 4
MOST = 400  # pieces; a picture of more is too large to be looked at, or made
_LEAST_BAR = 0.165  # inches; where most pieces are long there are fewer columns, and of longer ones not all is drawn
_GAP = 0.14  # between columns
_ABOVE = 0.36  # the lines of a piece's title and of its bars' numbers
_DRUM, _PITCH, _ROLL = (0.085, 0.15), (0.028, 0.09), 1.0  # inches: the least and the most of a row; a roll's height
_RANGE = ((min, 'low'), (max, 'high'))


@dataclasses.dataclass(frozen=True)
class Item:
    """A piece of music, what it is called, and what of it was given."""

    sequence: music_pb2.NoteSequence
    title: str
    marks: Marks = NO_MARKS


def draw(
    items: Sequence[Item], title: str, steps_per_quarter: int = 4, style: str = 'auto', ignore_is_drum: bool = False
) -> 'Figure':
    """Draws each of the pieces on a line of its own, as a drum grid or a piano roll.

    Args:
      items: at least one; of more than MOST the first ones are drawn.
      title: of all of them.
      steps_per_quarter: columns of a drum grid to a quarter.
      style: 'drums', 'notes', or 'auto': drums for pieces that have some.
      ignore_is_drum: draw the notes of every channel as drums, not those of the drum channel alone.

    Returns:
      A figure; of pieces that are much longer than the others it has the first bars, and says so.
    """
    items, of_all = items[:MOST], items
    are_drums = _are_drums(items, style, ignore_is_drum)
    rolls = [item for item, is_drums in zip(items, are_drums, strict=True) if not is_drums]
    voices = roll_pictures.voices_of((item.sequence, item.marks) for item in rolls)
    legend = roll_pictures.legend(voices, [item.sequence for item in rolls])
    parts = _parts(items, are_drums, voices, steps_per_quarter, ignore_is_drum)
    columns = _columns([len(part.bars) for part in parts])
    width = (LINE_WIDTH - (columns - 1) * _GAP) / columns
    most_bars = int(width / _LEAST_BAR)
    longest = max(part.quarters(most_bars) for part in parts)
    lines = [parts[k : k + columns] for k in range(0, len(parts), columns)]
    heights = [max(part.height for part in line) for line in lines]
    header = HEADER + (roll_pictures.LEGEND if legend else 0)
    paper = page.Paper(LABEL_WIDTH + LINE_WIDTH + MARGIN, header + sum(heights) + len(lines) * _ABOVE + FOOTER)
    reasons = sorted({reason for part in parts for reason in part.reasons})
    tempos = [tempo for part in parts for tempo in part.tempos]
    left_out = f'not drawn: all after the first {MOST}' if len(of_all) > MOST else ''
    facts = [f'{len(of_all)} piece' + 's' * (len(of_all) > 1), *filter(None, [left_out]), *page.tempo_words(tempos)]
    paper.head(
        title, '  ·  '.join(facts + [f'not drawn: {reason}' for reason in reasons]), [item.marks for item in items]
    )
    if legend:
        roll_pictures.draw_legend(paper, legend)
    if not legend or any(are_drums):
        paper.loudness()
    most_letters = max(3, int(width / 0.068))
    top = header
    for line, height in zip(lines, heights, strict=True):
        top += _ABOVE
        for number, part in enumerate(line):
            left = LABEL_WIDTH + number * (width + _GAP)
            axes = paper.axes(left, top, width * part.quarters(most_bars) / longest, part.height)
            part.draw(axes, part.bars[:most_bars])
            axes.tick_params(pad=3)
            if number:
                axes.set_yticks([])  # the rows are those of the first column
            words = part.title(most_bars)
            words = words if len(words) <= most_letters else '…' + words[1 - most_letters :]
            paper.text(left / paper.width, top - 0.2, words, fontsize=7.5, fontweight='bold', color=INK)
        top += height
    return paper.figure


@dataclasses.dataclass(frozen=True)
class _Part:
    """A piece as it is drawn.

    Attributes:
      name: its title.
      bars, num_bars: the first bars, and how many there are.
      per_quarter: what places in bars are counted in.
      tempos, reasons: what is said about the music.
      height: inches.
      draw: draws some of the bars onto axes.
    """

    name: str
    bars: list[Bar]
    num_bars: int
    per_quarter: int
    tempos: list[float]
    reasons: list[str]
    height: float
    draw: 'Callable[[Axes, Sequence[Bar]], None]'

    def quarters(self, most: int) -> float:
        """The length of at most so many bars."""
        return self.bars[:most][-1].end / self.per_quarter

    def title(self, most: int) -> str:
        """Says which bars are drawn, if at most so many are and these are not all."""
        drawn = min(most, len(self.bars))
        return self.name if drawn == self.num_bars else f'{self.name} (bars 1 to {drawn} of {self.num_bars})'


def _are_drums(items: Sequence[Item], style: str, ignore_is_drum: bool) -> list[bool]:
    """Which pieces are drawn as drum grids."""
    if style != 'auto':
        return [style == 'drums'] * len(items)
    has_drums = [any(note.is_drum or ignore_is_drum for note in item.sequence.notes) for item in items]
    # Silence is drawn as the first piece that is heard is.
    silence = next((has for has, item in zip(has_drums, items, strict=True) if item.sequence.notes), False)
    return [has if item.sequence.notes else silence for has, item in zip(has_drums, items, strict=True)]


def _parts(
    items: Sequence[Item],
    are_drums: Sequence[bool],
    voices: roll_pictures.Voices,
    steps_per_quarter: int,
    ignore_is_drum: bool,
) -> list[_Part]:
    grids, rolls = {}, {}
    for number, (is_drums, item) in enumerate(zip(are_drums, items, strict=True)):
        if is_drums:
            grids[number] = track_pictures.read(item.sequence, steps_per_quarter, ignore_is_drum, item.marks)
        else:
            rolls[number] = roll_pictures.read(item.sequence, 1 / steps_per_quarter, item.marks, voices)
    rows = track_pictures.rows_of({place for score in grids.values() for place in score.hits})
    low, high = (end((getattr(roll, name) for roll in rolls.values()), default=0) for end, name in _RANGE)
    row = _DRUM[len(items) <= 4]
    parts = {number: _grid(items[number].title, score, rows, row) for number, score in grids.items()}
    parts |= {number: _roll(items[number].title, score.in_range(low, high)) for number, score in rolls.items()}
    return [part for _, part in sorted(parts.items())]


def _grid(name: str, score: track_pictures.Score, rows: list[track_pictures.Row], row: float) -> _Part:
    letters = min(8.0, max(5.0, row * 72 * 0.8))  # points

    def draw(axes: 'Axes', bars: Sequence[Bar]) -> None:
        track_pictures.draw_system(axes, bars, rows, score, letters)

    height, per_quarter = len(rows) * row, score.steps_per_quarter
    return _Part(name, score.bars, score.num_bars, per_quarter, score.tempos, score.reasons, height, draw)


def _roll(name: str, score: roll_pictures.Score) -> _Part:
    time, pitches = score.time, score.high - score.foot
    row = min(_PITCH[1], max(_PITCH[0], _ROLL / pitches))

    def draw(axes: 'Axes', bars: Sequence[Bar]) -> None:
        roll_pictures.draw_system(axes, bars, score, row, 6.0)

    return _Part(name, time.bars, time.num_bars, 1, time.tempos, time.reasons, pitches * row, draw)


def _columns(bars: Sequence[int]) -> int:
    """How many columns there are room for: by the number of pieces, and by how long most of them are."""
    wanted = next((columns for most, columns in _COLUMNS if len(bars) <= most), _MOST_COLUMNS)
    fitting = int(LINE_WIDTH / (sorted(bars)[len(bars) // 2] * _LEAST_BAR))
    return max(1, min(wanted, fitting))
