"""Pictures of music: drum grids."""

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from note_seq import sequences_lib
from note_seq.protobuf import music_pb2

from solferino.models.music.pictures import page
from solferino.models.music.pictures.drum_names import drum_height, drum_name
from solferino.models.music.pictures.page import (
    INK,
    KEPT_COLOURS,
    LINE,
    LINE_WIDTH,
    NO_MARKS,
    VELOCITY_COLOURS,
    Marks,
    Page,
    shade,
    to_png,
)
from solferino.models.music.pieces import bars as barlines
from solferino.models.music.pieces import piece
from solferino.models.music.pieces.bars import MAX_BARS, Bar, Metre
from solferino.models.music.pieces.sections import Section, quantized_sections

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ['MAX_BARS', 'draw_drums', 'to_png']


def draw_drums(
    sequence: music_pb2.NoteSequence,
    steps_per_quarter: int = 4,
    title: str | None = None,
    ignore_is_drum: bool = False,
    marks: Marks = NO_MARKS,
) -> 'Figure':
    """Draws a grid of drums over steps, the louder the darker, with lines at bars and beats.

    The rows are the kinds of drums that occur, cymbals at the top as in drum music, then other pitches by their names.
    Music whose tempo or metre changes is drawn section after section, each beginning a new bar.

    Args:
      sequence: quantized or not.
      steps_per_quarter: time resolution; a quantized sequence has its own.
      title: a line above; None takes the sequence's own title or file name.
      ignore_is_drum: draw the notes of every channel, not those of the drum channel alone.
      marks: the primer's part is shaded, and hits that were given to be kept have a colour of their own.

    Returns:
      A figure of at most MAX_BARS bars, on several systems where they do not fit on one; an empty grid where there is
      no drum.
    """
    score = read(sequence, steps_per_quarter, ignore_is_drum, marks)
    rows = rows_of(score.hits)
    systems = page.systems(score.bars, score.steps_per_quarter)
    # A long piece has smaller cells, so that the picture still fits a screen's width.
    cell = min(0.26, max(0.105, LINE_WIDTH / page.longest(systems)))
    paper = Page(systems, cell, len(rows) * max(cell, 0.16))
    name = title or sequence.sequence_metadata.title or sequence.filename or 'Drums'
    paper.head(name, page.heading(score.num_bars, score.tempos, score.reasons), [marks])
    paper.loudness()
    for axes, bars in paper.systems():
        draw_system(axes, bars, rows, score)
    return paper.figure


class Row(NamedTuple):
    """A line of the grid: its place, the lowest first, and its drum's name."""

    height: int
    name: str


_Place = tuple[int, Row]  # a step and a row


@dataclasses.dataclass(frozen=True)
class Score:
    """The first bars, the loudest velocity at each place, and what is said about the music.

    Attributes:
      primer_end: in steps; 0 for no primer.
      kept: places of hits that were given to be kept.
    """

    bars: list[Bar]
    hits: dict[_Place, int]
    num_bars: int
    steps_per_quarter: int
    tempos: list[float]
    reasons: list[str]
    primer_end: float = 0.0
    kept: frozenset[_Place] = frozenset()


class _Part(NamedTuple):
    """Music of one metre: step, pitch, velocity and number of the note of each hit, and its tempos."""

    metre: Metre
    hits: list[tuple[int, int, int, int]]
    tempos: list[float]


def read(
    sequence: music_pb2.NoteSequence, steps_per_quarter: int, ignore_is_drum: bool = False, marks: Marks = NO_MARKS
) -> Score:
    """Returns what is to be drawn of a sequence; see `draw_drums`."""
    reasons: list[str] = []
    if sequences_lib.is_quantized_sequence(sequence):
        steps_per_quarter = sequence.quantization_info.steps_per_quarter or steps_per_quarter
        parts = [_quantized_part(sequence, steps_per_quarter, ignore_is_drum)]
    else:
        music = piece.of(sequence)
        rows = np.flatnonzero(music.notes['is_drum'] | ignore_is_drum)
        sections = quantized_sections(music, steps_per_quarter, reasons.append, rows)
        parts = [_part(section, steps_per_quarter) for section in sections]
    bars: list[Bar] = []
    hits: dict[_Place, int] = {}
    kept: set[_Place] = set()
    tempos: list[float] = []
    num_bars = 0
    for part in parts:
        if not part.hits:
            continue
        steps_per_bar = int(part.metre.bar)
        part_bars = max(step for step, *_ in part.hits) // steps_per_bar + 1
        first_step = int(bars[-1].end) if bars else 0
        # A damaged file may have a note years from now: no more bars than can be drawn.
        for number in range(min(part_bars, MAX_BARS - len(bars))):
            start = first_step + number * steps_per_bar
            is_new = not bars or bars[-1].metre != part.metre
            bars.append(Bar(len(bars) + 1, start, start + steps_per_bar, part.metre, is_new))
        if num_bars < MAX_BARS:
            for step, pitch, velocity, number in part.hits:
                place = first_step + step, _row_of(pitch)
                if number in marks.kept:
                    kept.add(place)
                hits[place] = max(velocity, hits.get(place, 0))
        num_bars += part_bars
        tempos += part.tempos
    if not bars:
        metre = barlines.metre(4, 4, steps_per_quarter)
        bars = [Bar(1, 0, metre.bar, metre, True)]
    hits = {place: velocity for place, velocity in hits.items() if place[0] < bars[-1].end}
    # Where there is a primer there is one tempo: such music was generated.
    primer_end = marks.primer_end * (tempos[0] if tempos else 120.0) / 60 * steps_per_quarter
    return Score(bars, hits, max(num_bars, 1), steps_per_quarter, tempos, reasons, primer_end, frozenset(kept))


def _part(section: Section, steps_per_quarter: int) -> _Part:
    columns = section.starts, section.notes('pitch'), section.notes('velocity'), section.rows
    hits = list(zip(*(column.tolist() for column in columns), strict=True))
    metre = barlines.metre(section.metre.numerator, section.metre.denominator, steps_per_quarter)
    return _Part(metre, hits, [section.tempo.qpm])


def _quantized_part(sequence: music_pb2.NoteSequence, steps_per_quarter: int, ignore_is_drum: bool) -> _Part:
    signature = sequence.time_signatures[0] if sequence.time_signatures else None
    numerator, denominator = (signature.numerator, signature.denominator) if signature else (4, 4)
    return _Part(
        barlines.metre(numerator, denominator, steps_per_quarter),
        [
            (n.quantized_start_step, n.pitch, n.velocity, k)
            for k, n in enumerate(sequence.notes)
            if n.is_drum or ignore_is_drum
        ],
        [tempo.qpm for tempo in sequence.tempos],
    )


def _row_of(pitch: int) -> Row:
    return Row(drum_height(pitch), drum_name(pitch))


def rows_of(hits: Iterable[_Place]) -> list[Row]:
    """The rows from the lowest up; bass drum, snare and closed hat at least."""
    return sorted({_row_of(pitch) for pitch in (36, 38, 42)} | {row for _, row in hits})


def draw_system(axes: 'Axes', bars: 'Sequence[Bar]', rows: list[Row], score: Score, size: float = 8.0) -> None:
    """Draws some bars of a score, with letters of a size in points."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import FancyBboxPatch

    start, end = bars[0].start, bars[-1].end
    axes.set_ylim(0, len(rows))
    page.draw_bars(axes, bars, primer_end=score.primer_end, size=size - 0.5)
    for y in range(1, len(rows)):
        axes.axhline(y, color=LINE, lw=0.4, zorder=1)
    heights = {row: y for y, row in enumerate(rows)}
    places = [(*place, velocity) for place, velocity in score.hits.items() if start <= place[0] < end]
    box = 'round,pad=0,rounding_size=0.18'
    cells = [FancyBboxPatch((s + 0.08, heights[r] + 0.1), 0.84, 0.8, boxstyle=box) for s, r, _ in places]
    shades = [shade(v, KEPT_COLOURS if (s, r) in score.kept else VELOCITY_COLOURS) for s, r, v in places]
    axes.add_collection(PatchCollection(cells, facecolors=shades or 'none', linewidths=0, zorder=3))
    axes.set_yticks([y + 0.5 for y in range(len(rows))], [name for _, name in rows], fontsize=size, color=INK)
