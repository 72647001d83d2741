"""What pictures of music share: colours, the heading, bars and beats, and systems: the lines that music wraps onto.

Sizes are in inches. Places along a system are steps or quarters, whichever the picture counts in.
"""

import dataclasses
import functools
import io
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from solferino.hparams.words import readable
from solferino.models.music.pieces.bars import MAX_BARS, Bar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Soft to loud: from a pale tint to the dye that the project is named for, and on to its darkest shade.
VELOCITY_COLOURS = ('#f6d3e3', '#e98ab5', '#c2185b', '#8f0d47', '#4a0527')
KEPT_COLOURS = ('#7fb0dd', '#1f6fb2', '#154c7c')  # the same for notes that were given to be kept
PRIMER_TINT, PRIMER_EDGE = '#fbe9c3', '#cf8411'
INK, FAINT, BEAT_TINT, LINE = '#2b2330', '#8d8492', '#f7f4f6', '#ddd6db'

LABEL_WIDTH, MARGIN, LINE_WIDTH = 0.95, 0.3, 11.0
HEADER, FOOTER = 0.66, 0.1
_SYSTEM_GAP, _LEAST_WIDTH = 0.36, 5.0
_DPI = 120


@dataclasses.dataclass(frozen=True)
class Marks:
    """What of a piece of music was given to a model and not made by it.

    Attributes:
      primer_end: seconds; until then the music is the primer's.
      kept: places in `sequence.notes` of the notes that were given to be kept.
    """

    primer_end: float = 0.0
    kept: frozenset[int] = frozenset()


NO_MARKS = Marks()


def systems(bars: Sequence[Bar], per_quarter: float) -> list[list[Bar]]:
    """Lines of four or eight bars, fewer where bars are long."""
    most = (24 if len(bars) <= 24 else 32) * per_quarter
    typical = bars[0].end - bars[0].start
    per_system = next((n for n in (8, 4, 2) if n * typical <= most), 1)
    return [list(bars[i : i + per_system]) for i in range(0, len(bars), per_system)]


def longest(lines: Sequence[Sequence[Bar]]) -> float:
    """The length of the longest system."""
    return max(line[-1].end - line[0].start for line in lines)


def heading(num_bars: int, tempos: Sequence[float], reasons: Sequence[str]) -> str:
    """What is said below the title: how many bars, how fast, and what is not drawn."""
    facts = [f'{num_bars} bar' + ('s' if num_bars != 1 else ''), *tempo_words(tempos)]
    notes = [f'not drawn: {reason}' for reason in sorted(set(reasons))]
    if num_bars > MAX_BARS:
        notes.insert(0, f'bars 1 to {MAX_BARS} of {num_bars}')
    return '  ·  '.join([*facts, *(['; '.join(notes)] if notes else [])])


def tempo_words(tempos: Sequence[float]) -> list[str]:
    """How fast it is, or nothing if that is not known."""
    if not tempos:
        return []
    low, high = round(min(tempos)), round(max(tempos))
    return [f'{low} quarters a minute' if low == high else f'{low} to {high} quarters a minute']


class Paper:
    """A figure with a heading.

    Args:
      width, height: of all, the margins included.
    """

    def __init__(self, width: float, height: float) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.width, self.height = max(width, _LEAST_WIDTH), height
        self.figure: Figure = Figure(figsize=(self.width, self.height), dpi=_DPI, facecolor='white')
        FigureCanvasAgg(self.figure)

    def head(self, title: str, facts: str, marks: Sequence[Marks] = ()) -> None:
        """Writes the title, the line below it, and what the colours of `marks` mean."""
        meanings = {
            'primer': PRIMER_TINT if any(mark.primer_end > 0 for mark in marks) else None,
            'given to be kept': KEPT_COLOURS[1] if any(mark.kept for mark in marks) else None,
        }
        right = self.width - MARGIN
        for words, colour in reversed([(words, colour) for words, colour in meanings.items() if colour]):
            right -= 0.065 * len(words)
            self.text(right / self.width, 0.34, words, fontsize=8, color=FAINT)
            right -= CELL + 0.03
            self.cells(right / self.width, 0.34, [colour])
            right -= 0.2
        most = int((right - LABEL_WIDTH) * 8)  # characters of a title that fit
        title = title if len(title) <= most else title[: most - 1] + '…'
        left = LABEL_WIDTH / self.width
        # A file name may hold dollar signs, which would otherwise begin a formula.
        self.text(left, 0.34, title, fontsize=14, fontweight='bold', color=INK)
        self.text(left, 0.56, facts, fontsize=8.5, color=FAINT)

    def text(self, left: float, top: float, words: str, **style: Any) -> None:
        """Writes words: `left` as a share of the width, `top` in inches."""
        self.figure.text(left, 1 - top / self.height, readable(words), parse_math=False, **style)

    def cells(self, left: float, top: float, colours: Sequence[Any]) -> None:
        """Draws a row of small squares."""
        from matplotlib.patches import Rectangle

        for number, colour in enumerate(colours):
            corner = left + number * CELL / self.width, 1 - (top + 0.01) / self.height
            self.figure.add_artist(
                Rectangle(
                    corner,
                    0.8 * CELL / self.width,
                    0.8 * CELL / self.height,
                    transform=self.figure.transFigure,
                    color=colour,
                    lw=0,
                )
            )

    def loudness(self) -> None:
        """Writes the words soft and loud with five cells between them."""
        right, word, shades = 1 - MARGIN / self.width, 0.3, (20, 45, 70, 95, 120)
        left = right - (word + len(shades) * CELL) / self.width
        self.text(left - 0.05 / self.width, 0.56, 'soft', fontsize=8, color=FAINT, ha='right')
        self.text(right, 0.56, 'loud', fontsize=8, color=FAINT, ha='right')
        self.cells(left, 0.56, [shade(velocity) for velocity in shades])

    def axes(self, left: float, top: float, width: float, height: float) -> 'Axes':
        """Returns an empty axes, from 0 to 1 upwards; its place and size are in inches from the left upper corner."""
        axes = self.figure.add_axes(
            (
                left / self.width,
                1 - (top + height) / self.height,
                width / self.width,
                height / self.height,
            )
        )
        axes.set_facecolor('white')
        axes.set_xticks([])
        axes.tick_params(length=0, pad=5)
        for spine in axes.spines.values():
            spine.set_visible(False)
        return axes


class Page(Paper):
    """A figure with a heading and an axes for each system.

    Args:
      lines: the bars of each system.
      unit: width of a step or quarter, whichever places are counted in.
      height: of a system.
      extra: room for more lines of heading.
    """

    def __init__(self, lines: Sequence[Sequence[Bar]], unit: float, height: float, extra: float = 0.0) -> None:
        self._lines, self._unit, self._system, self._top = lines, unit, height, HEADER + extra
        super().__init__(
            LABEL_WIDTH + longest(lines) * unit + MARGIN, self._top + len(lines) * (height + _SYSTEM_GAP) + FOOTER
        )

    def systems(self) -> 'Iterator[tuple[Axes, Sequence[Bar]]]':
        """Yields an empty axes, from 0 to 1 upwards, and the bars for each system."""
        for number, bars in enumerate(self._lines):
            top = self._top + number * (self._system + _SYSTEM_GAP) + _SYSTEM_GAP / 2
            yield self.axes(LABEL_WIDTH, top, (bars[-1].end - bars[0].start) * self._unit, self._system), bars


_MOST_BEATS = 32  # of a bar; where there are more, none is drawn
CELL = 0.12  # a square of a legend


def draw_bars(
    axes: 'Axes', bars: Sequence[Bar], tint_beats: bool = True, primer_end: float = 0.0, size: float = 7.5
) -> None:
    """Draws lines at bars and beats, tints every other beat, and numbers the bars.

    Args:
      axes: becomes as long as the bars.
      bars: of a system.
      tint_beats: or leave them white.
      primer_end: until where the primer is shaded.
      size: of letters; where bars are narrow, not all are numbered.
    """
    axes.set_xlim(bars[0].start, bars[-1].end)
    points, fine = bar_points(axes, bars), is_fine(axes, bars)
    every = next((n for n in (1, 2, 4, 8) if n * points > 2.2 * size), 16)
    bar_line, beat_line = (0.6, 0.3) if fine else (1.1, 0.6)
    if primer_end > bars[0].start:
        axes.axvspan(bars[0].start, min(primer_end, bars[-1].end), color=PRIMER_TINT, alpha=0.7, lw=0, zorder=0.7)
        if primer_end < bars[-1].end:
            axes.axvline(primer_end, color=PRIMER_EDGE, lw=0.9, zorder=2)
    free_from = 0  # the first bar whose number is not in the way of the metre's name
    for bar in bars:
        beats = math.ceil((bar.end - bar.start) / bar.metre.beat - 1e-6)
        for beat in range(beats if beats <= _MOST_BEATS else 0):
            left = bar.start + beat * bar.metre.beat
            if beat % 2 == 0 and tint_beats:
                axes.axvspan(left, min(left + bar.metre.beat, bar.end), color=BEAT_TINT, lw=0, zorder=0.5)
            axes.axvline(left, color=LINE, lw=beat_line, zorder=1)
        axes.axvline(bar.start, color=INK, lw=bar_line, zorder=4, clip_on=False)
        if bar.number < free_from or ((bar.number - 1) % every and not bar.is_new_metre):
            continue
        free_from = bar.number + math.ceil(0.6 * size * (5 + len(bar.metre.name)) / points) if bar.is_new_metre else 0
        label = f'{bar.number}   {bar.metre.name}' if bar.is_new_metre else f'{bar.number}'
        axes.annotate(
            label,
            (bar.start, 1),
            (0, 3),
            xycoords=('data', 'axes fraction'),
            textcoords='offset points',
            fontsize=size,
            color=FAINT,
            va='bottom',
        )
    axes.axvline(bars[-1].end, color=INK, lw=bar_line, zorder=4, clip_on=False)


def bar_points(axes: 'Axes', bars: Sequence[Bar]) -> float:
    """How many points wide a bar is, if all of them are alike and fill the axes."""
    return axes.bbox.width * 72 / axes.figure.dpi / len(bars)


def is_fine(axes: 'Axes', bars: Sequence[Bar]) -> bool:
    """Whether bars are so narrow that lines must be thin."""
    return bar_points(axes, bars) < 32


@functools.cache
def shade(velocity: int, colours: tuple[str, ...] = VELOCITY_COLOURS) -> tuple[float, float, float, float]:
    """The colour of a velocity, on the way from the first of `colours` to the last."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list('velocities', colours)(velocity / 127)


def to_png(figure: 'Figure') -> bytes:
    """The figure as a PNG file; equal figures give equal bytes."""
    return to_file(figure, 'png')


FORMATS = ('png', 'svg', 'pdf')
# What a file would say of when and by what it was made.
_UNSAID: dict[str, dict[str, None]] = {'png': {'Software': None}, 'svg': {'Date': None}, 'pdf': {'CreationDate': None}}


def to_file(figure: 'Figure', format: str) -> bytes:
    """The figure as a file of a format, one of FORMATS; equal figures give equal bytes."""
    import matplotlib

    file = io.BytesIO()
    with matplotlib.rc_context({'svg.hashsalt': 'solferino'}):  # names of shapes follow from it
        figure.savefig(file, format=format, metadata=_UNSAID[format])
    return file.getvalue()
