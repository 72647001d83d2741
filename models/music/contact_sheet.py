"""Contact sheets: many pieces of music in one picture, on common scales, so that they can be compared at a glance."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from note_seq.protobuf import music_pb2

from solferino.models.music import page, pictures, roll_pictures
from solferino.models.music.page import FOOTER, HEADER, INK, LABEL_WIDTH, LINE_WIDTH, MARGIN, NO_MARKS, Bar, Marks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = ((4, 1), (12, 2), (24, 3))  # up to so many pieces, so many columns; beyond them
_MOST_COLUMNS = 4
MOST = 400  # pieces; a picture of more is too large to be looked at, or made
_LEAST_BAR = 0.16  # inches; longer pieces have fewer columns
_GAP = 0.14  # between columns
_ABOVE = 0.36  # the lines of a piece's title and of its bars' numbers
_DRUM, _PITCH, _ROLL = (0.085, 0.15), (0.028, 0.09), 1.0  # inches: the least and the most of a row; a roll's height


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
      A figure in which a piece has at most MAX_BARS bars.
    """
    parts = _parts(items[:MOST], steps_per_quarter, style, ignore_is_drum)
    longest = max(part.quarters for part in parts)
    bars = max(len(part.bars) for part in parts)
    columns = _columns(len(parts), bars)
    width = (LINE_WIDTH - (columns - 1) * _GAP) / columns
    lines = [parts[k : k + columns] for k in range(0, len(parts), columns)]
    heights = [max(part.height for part in line) for line in lines]
    paper = page.Paper(LABEL_WIDTH + LINE_WIDTH + MARGIN, HEADER + sum(heights) + len(lines) * _ABOVE + FOOTER)
    reasons = sorted({reason for part in parts for reason in part.reasons})
    tempos = [tempo for part in parts for tempo in part.tempos]
    left_out = f'not drawn: all after the first {MOST}' if len(items) > MOST else ''
    facts = [f'{len(items)} piece' + 's' * (len(items) > 1), *filter(None, [left_out]), *page.tempo_words(tempos)]
    paper.head(
        title, '  ·  '.join(facts + [f'not drawn: {reason}' for reason in reasons]), [i.marks for i in items[:MOST]]
    )
    paper.loudness()
    most = max(3, int(width / 0.068))  # letters of a title
    top = HEADER
    for line, height in zip(lines, heights, strict=True):
        top += _ABOVE
        for number, part in enumerate(line):
            left = LABEL_WIDTH + number * (width + _GAP)
            axes = paper.axes(left, top, width * part.quarters / longest, part.height)
            part.draw(axes)
            if number:
                axes.set_yticks([])  # the rows are those of the first column
            words = part.title if len(part.title) <= most else '…' + part.title[1 - most :]
            paper.text(left / paper.width, top - 0.2, words, fontsize=7.5, fontweight='bold', color=INK)
        top += height
    return paper.figure


@dataclasses.dataclass(frozen=True)
class _Part:
    """A piece as it is drawn.

    Attributes:
      score: of its style.
      rows: of all grids.
      title: what is written above it.
      quarters: how long it is.
      height: inches.
    """

    score: pictures.Score | roll_pictures.Score
    rows: list[pictures.Row]
    title: str
    quarters: float
    height: float
    bars: list[Bar]
    tempos: list[float]
    reasons: list[str]

    def draw(self, axes: 'Axes') -> None:
        if isinstance(self.score, pictures.Score):
            pictures.draw_system(axes, self.bars, self.rows, self.score, _letters(self.height / len(self.rows)))
        else:
            row = self.height / (self.score.high - self.score.foot)
            roll_pictures.draw_system(axes, self.bars, self.score, row, 6.0)
        axes.tick_params(pad=3)


def _parts(items: Sequence[Item], steps_per_quarter: int, style: str, ignore_is_drum: bool) -> list[_Part]:
    has_drums = [any(note.is_drum or ignore_is_drum for note in item.sequence.notes) for item in items]
    # Silence is drawn as the first piece that is heard is.
    silence = next((has for has, item in zip(has_drums, items, strict=True) if item.sequence.notes), False)
    as_grid = [
        style == 'drums' or (style == 'auto' and (has if item.sequence.notes else silence))
        for has, item in zip(has_drums, items, strict=True)
    ]
    scores = [
        pictures.read(item.sequence, steps_per_quarter, ignore_is_drum, item.marks)
        if grid
        else roll_pictures.read(item.sequence, 1 / steps_per_quarter, item.marks)
        for item, grid in zip(items, as_grid, strict=True)
    ]
    grids = [score for score in scores if isinstance(score, pictures.Score)]
    rows = pictures.rows_of({place for score in grids for place in score.hits})
    rolls = [score for score in scores if isinstance(score, roll_pictures.Score)]
    low, high = min((roll.low for roll in rolls), default=0), max((roll.high for roll in rolls), default=0)
    return [
        _part(score if isinstance(score, pictures.Score) else score.in_range(low, high), rows, item, len(items))
        for score, item in zip(scores, items, strict=True)
    ]


def _part(score: pictures.Score | roll_pictures.Score, rows: list[pictures.Row], item: Item, among: int) -> _Part:
    if isinstance(score, pictures.Score):
        bars, num_bars, tempos, reasons = score.bars, score.num_bars, score.tempos, score.reasons
        quarters = bars[-1].end / score.steps_per_quarter
        height = len(rows) * _DRUM[among <= 4]
    else:
        time = score.time
        bars, num_bars, tempos, reasons = time.bars, time.num_bars, time.tempos, time.reasons
        quarters = bars[-1].end
        pitches = score.high - score.foot
        height = pitches * min(_PITCH[1], max(_PITCH[0], _ROLL / pitches))
    title = item.title if num_bars <= len(bars) else f'{item.title} (bars 1 to {len(bars)} of {num_bars})'
    return _Part(score, rows, title, quarters, height, bars, tempos, reasons)


def _columns(pieces: int, bars: int) -> int:
    wanted = next((columns for most, columns in _COLUMNS if pieces <= most), _MOST_COLUMNS)
    fitting = int(LINE_WIDTH / (bars * _LEAST_BAR))
    return max(1, min(wanted, fitting))


def _letters(row: float) -> float:
    """The size in points of letters for rows of so many inches."""
    return min(8.0, max(5.0, row * 72 * 0.8))
