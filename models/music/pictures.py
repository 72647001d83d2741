"""Pictures of music: drum grids."""

import dataclasses
import functools
import io
import math
from typing import TYPE_CHECKING, NamedTuple

from note_seq import sequences_lib
from note_seq.protobuf import music_pb2

from solferino.models.music.drum_names import drum_height, drum_name
from solferino.models.music.sections import quantized_sections

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_BARS = 64  # a longer piece is drawn to here
# Soft to loud: from a pale tint to the dye that the project is named for, and on to its darkest shade.
VELOCITY_COLOURS = ('#f6d3e3', '#e98ab5', '#c2185b', '#8f0d47', '#4a0527')
INK, FAINT, BEAT_TINT, LINE = '#2b2330', '#8d8492', '#f7f4f6', '#ddd6db'

# Inches.
_LABEL_WIDTH, _MARGIN, _HEADER, _FOOTER, _SYSTEM_GAP = 0.95, 0.3, 0.66, 0.1, 0.36
_DPI = 120


def draw_drums(
    sequence: music_pb2.NoteSequence, steps_per_quarter: int = 4, title: str | None = None, ignore_is_drum: bool = False
) -> 'Figure':
    """Draws a grid of drums over steps, the louder the darker, with lines at bars and beats.

    The rows are the kinds of drums that occur, cymbals at the top as in drum music, then other pitches by their names.
    Music whose tempo or metre changes is drawn section after section, each beginning a new bar.

    Args:
      sequence: quantized or not.
      steps_per_quarter: time resolution; a quantized sequence has its own.
      title: a line above; None takes the sequence's own title or file name.
      ignore_is_drum: draw the notes of every channel, not those of the drum channel alone.

    Returns:
      A figure of at most MAX_BARS bars, on several systems where they do not fit on one; an empty grid where there is
      no drum.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    score = _read(sequence, steps_per_quarter, ignore_is_drum)
    rows = _rows(score.hits)
    systems = _systems(score.bars)
    # A long piece has smaller cells, so that the picture still fits a screen's width.
    longest = max(system[-1].end - system[0].start for system in systems)
    cell = min(0.26, max(0.105, 11.0 / longest))
    width = _LABEL_WIDTH + longest * cell + _MARGIN
    system_height = len(rows) * max(cell, 0.16)
    height = _HEADER + len(systems) * (system_height + _SYSTEM_GAP) + _FOOTER
    width = max(width, 5.0)

    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor='white')
    FigureCanvasAgg(figure)
    _draw_header(figure, title or _title(sequence), score)
    for number, system in enumerate(systems):
        top = _HEADER + number * (system_height + _SYSTEM_GAP) + _SYSTEM_GAP / 2
        steps = system[-1].end - system[0].start
        axes = figure.add_axes(
            (_LABEL_WIDTH / width, 1 - (top + system_height) / height, steps * cell / width, system_height / height)
        )
        _draw_system(axes, system, rows, score.hits)
    return figure


def to_png(figure: 'Figure') -> bytes:
    """The figure as a PNG file; equal figures give equal bytes."""
    file = io.BytesIO()
    figure.savefig(file, format='png', metadata={'Software': None})
    return file.getvalue()


class _Row(NamedTuple):
    """A line of the grid: its place, the lowest first, and its drum's name."""

    height: int
    name: str


_Place = tuple[int, _Row]  # a step and a row


@dataclasses.dataclass(frozen=True)
class _Metre:
    """A time signature, and steps of a bar and of a beat."""

    name: str
    steps_per_bar: int
    beat: float


@dataclasses.dataclass(frozen=True)
class _Bar:
    """Number of a bar from 1, its first step and the step after its last, and whether its metre is a new one."""

    number: int
    start: int
    end: int
    metre: _Metre
    is_new_metre: bool


@dataclasses.dataclass(frozen=True)
class _Score:
    """The first bars, the loudest velocity at each place, and what is said about the music."""

    bars: list[_Bar]
    hits: dict[_Place, int]
    num_bars: int
    tempo: str
    left_out: str


def _read(sequence: music_pb2.NoteSequence, steps_per_quarter: int, ignore_is_drum: bool) -> _Score:
    reasons: list[str] = []
    if sequences_lib.is_quantized_sequence(sequence):
        sections = [sequence]
    else:
        sections = list(quantized_sections(sequence, steps_per_quarter, reasons.append))
    bars: list[_Bar] = []
    hits: dict[_Place, int] = {}
    tempos: list[float] = []
    num_bars = 0
    for section in sections:
        notes = [note for note in section.notes if note.is_drum or ignore_is_drum]
        if not notes:
            continue
        metre = _metre(section)
        last_step = max(note.quantized_start_step for note in notes)
        section_bars = last_step // metre.steps_per_bar + 1
        first_step = bars[-1].end if bars else 0
        # A damaged file may have a note years from now: no more bars than can be drawn.
        for number in range(min(section_bars, MAX_BARS - len(bars))):
            start = first_step + number * metre.steps_per_bar
            is_new = not bars or bars[-1].metre != metre
            bars.append(_Bar(len(bars) + 1, start, start + metre.steps_per_bar, metre, is_new))
        if num_bars < MAX_BARS:
            for note in notes:
                place = first_step + note.quantized_start_step, _row_of(note.pitch)
                hits[place] = max(note.velocity, hits.get(place, 0))
        num_bars += section_bars
        tempos += [tempo.qpm for tempo in section.tempos]
    if not bars:
        bars = [_Bar(1, 0, 4 * steps_per_quarter, _Metre('4/4', 4 * steps_per_quarter, steps_per_quarter), True)]
    hits = {place: velocity for place, velocity in hits.items() if place[0] < bars[-1].end}
    return _Score(bars, hits, max(num_bars, 1), _tempo(tempos), _left_out(num_bars, reasons))


def _metre(section: music_pb2.NoteSequence) -> _Metre:
    signature = section.time_signatures[0] if section.time_signatures else None
    numerator, denominator = (signature.numerator, signature.denominator) if signature else (4, 4)
    unit = 4 * section.quantization_info.steps_per_quarter / denominator
    compound = denominator >= 8 and numerator % 3 == 0 and numerator > 3  # beats of three units, as in 6/8
    return _Metre(f'{numerator}/{denominator}', int(numerator * unit), 3 * unit if compound else unit)


def _row_of(pitch: int) -> _Row:
    return _Row(drum_height(pitch), drum_name(pitch))


def _rows(hits: dict[_Place, int]) -> list[_Row]:
    """The rows from the lowest up; bass drum, snare and closed hat at least."""
    return sorted({_row_of(pitch) for pitch in (36, 38, 42)} | {row for _, row in hits})


def _systems(bars: list[_Bar]) -> list[list[_Bar]]:
    """Lines of four or eight bars, fewer where bars are long."""
    most = 96 if len(bars) <= 24 else 128  # steps of a system
    typical = bars[0].end - bars[0].start
    per_system = next((n for n in (8, 4, 2) if n * typical <= most), 1)
    return [bars[i : i + per_system] for i in range(0, len(bars), per_system)]


def _tempo(tempos: list[float]) -> str:
    if not tempos:
        return ''
    low, high = round(min(tempos)), round(max(tempos))
    return f'{low} quarters a minute' if low == high else f'{low} to {high} quarters a minute'


def _left_out(num_bars: int, reasons: list[str]) -> str:
    notes = [f'not drawn: {reason}' for reason in sorted(set(reasons))]
    if num_bars > MAX_BARS:
        notes.insert(0, f'bars 1 to {MAX_BARS} of {num_bars}')
    return '; '.join(notes)


def _title(sequence: music_pb2.NoteSequence) -> str:
    return sequence.sequence_metadata.title or sequence.filename or 'Drums'


def _draw_header(figure: 'Figure', title: str, score: _Score) -> None:
    width, height = figure.get_size_inches()
    left, right = _LABEL_WIDTH / width, 1 - _MARGIN / width
    most = int((right - left) * width * 8)  # characters of a title that fit
    title = title if len(title) <= most else title[: most - 1] + '…'
    # A file name may hold dollar signs, which would otherwise begin a formula.
    figure.text(left, 1 - 0.34 / height, title, fontsize=14, fontweight='bold', color=INK, parse_math=False)
    bars = f'{score.num_bars} bar' + ('s' if score.num_bars != 1 else '')
    facts = '  ·  '.join(filter(None, [bars, score.tempo, score.left_out]))
    figure.text(left, 1 - 0.56 / height, facts, fontsize=8.5, color=FAINT)
    _draw_legend(figure, right)


def _draw_legend(figure: 'Figure', right: float) -> None:
    """The words soft and loud with five cells between them."""
    from matplotlib.patches import Rectangle

    width, height = figure.get_size_inches()
    baseline, size, word = 1 - 0.56 / height, 0.12, 0.3  # a fraction; inches
    velocities = (20, 45, 70, 95, 120)
    left = right - (word + len(velocities) * size) / width
    figure.text(left - 0.05 / width, baseline, 'soft', fontsize=8, color=FAINT, ha='right')
    figure.text(right, baseline, 'loud', fontsize=8, color=FAINT, ha='right')
    for number, velocity in enumerate(velocities):
        corner, side = (left + number * size / width, baseline - 0.01 / height), 0.8 * size
        figure.add_artist(
            Rectangle(corner, side / width, side / height, transform=figure.transFigure, color=_colour(velocity), lw=0)
        )


def _draw_system(axes: 'Axes', bars: list[_Bar], rows: list[_Row], hits: dict[_Place, int]) -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import FancyBboxPatch, Rectangle

    start, end = bars[0].start, bars[-1].end
    axes.set_xlim(start, end)
    axes.set_ylim(0, len(rows))
    axes.set_facecolor('white')
    for bar in bars:
        for beat in range(math.ceil((bar.end - bar.start) / bar.metre.beat)):
            left = bar.start + beat * bar.metre.beat
            if beat % 2 == 0:
                axes.add_patch(
                    Rectangle((left, 0), min(bar.metre.beat, bar.end - left), len(rows), color=BEAT_TINT, lw=0)
                )
            axes.axvline(left, color=LINE, lw=0.6, zorder=1)
        axes.axvline(bar.start, color=INK, lw=1.1, zorder=4, clip_on=False)
        label = f'{bar.number}   {bar.metre.name}' if bar.is_new_metre else f'{bar.number}'
        axes.annotate(
            label, (bar.start, len(rows)), (0, 3), textcoords='offset points', fontsize=7.5, color=FAINT, va='bottom'
        )
    axes.axvline(end, color=INK, lw=1.1, zorder=4, clip_on=False)
    for y in range(1, len(rows)):
        axes.axhline(y, color=LINE, lw=0.4, zorder=1)

    heights = {row: y for y, row in enumerate(rows)}
    places = [(step, row, velocity) for (step, row), velocity in hits.items() if start <= step < end]
    box = 'round,pad=0,rounding_size=0.18'
    cells = [FancyBboxPatch((s + 0.08, heights[r] + 0.1), 0.84, 0.8, boxstyle=box) for s, r, _ in places]
    axes.add_collection(
        PatchCollection(cells, facecolors=[_colour(v) for *_, v in places] or 'none', linewidths=0, zorder=3)
    )
    axes.set_xticks([])
    axes.set_yticks([y + 0.5 for y in range(len(rows))], [name for _, name in rows], fontsize=8, color=INK)
    axes.tick_params(length=0, pad=5)
    for spine in axes.spines.values():
        spine.set_visible(False)


@functools.cache
def _colour(velocity: int) -> tuple[float, float, float, float]:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list('solferino', VELOCITY_COLOURS)(velocity / 127)
