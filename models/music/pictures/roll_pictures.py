"""Pictures of music: piano rolls."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from note_seq.protobuf import music_pb2

from solferino.models.music.pictures import page
from solferino.models.music.pictures.drum_names import drum_height
from solferino.models.music.pictures.page import (
    FAINT,
    INK,
    KEPT_COLOURS,
    LINE,
    LINE_WIDTH,
    NO_MARKS,
    VELOCITY_COLOURS,
    Marks,
    Page,
    shade,
)
from solferino.models.music.pieces import timeline
from solferino.models.music.pieces.bars import Bar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Pale to dark for each instrument, in their order; of more than these the ones with fewest notes share the last.
_SHADES: tuple[tuple[str, ...], ...] = (
    ('#e98ab5', '#c2185b', '#8f0d47'),
    ('#7fb0dd', '#1f6fb2', '#154c7c'),
    ('#98c97f', '#3f8f2d', '#2b641f'),
    ('#f0bd6a', '#cf8411', '#955f0a'),
    ('#ac97dc', '#6b4bb8', '#49327f'),
    ('#70c4bf', '#128a84', '#0b5f5b'),
    ('#c7a78f', '#8a5f40', '#5f412b'),
)
_OTHERS = ('#c9c4cb', '#8d8492', '#5c5560')
_DRUMS = ('#c9c4cb', '#6d6471', INK)
_BLACK_KEYS, _BLACK_TINT = {1, 3, 6, 8, 10}, '#f4eff3'
_OCTAVE = 12
LEGEND = 0.24  # inches, for the names of instruments
_CHORDS = 0.12  # inches above the first line of music, for the names of chords
_NO_CHORD = ('', 'N.C.')  # what note_seq calls none
_LONGEST_CHORD = 12  # letters
_HIGHEST = 127  # pitch
_STRIP = 5  # the rows that drums take, below the lowest pitch
_DRUM_LANES = 10


Voices = dict[int, tuple[str, ...]]


def draw_notes(
    sequence: music_pb2.NoteSequence,
    steps_per_quarter: int = 4,
    title: str | None = None,
    marks: Marks = NO_MARKS,
) -> 'Figure':
    """Draws a piano roll: pitch upwards, time to the right, with lines at bars and beats, the louder the darker.

    Notes are where they sound, not where a grid would put them. Time is in quarters, so that a bar is as wide in any
    tempo. Instruments differ in colour; drums are a strip at the foot. Chords that the music names stand above it.

    Args:
      sequence: quantized or not.
      steps_per_quarter: a note is drawn at least half a step long, so that it is seen.
      title: a line above; None takes the sequence's own title or file name.
      marks: the primer's part is shaded, and notes that were given to be kept have a colour of their own.

    Returns:
      A figure of at most MAX_BARS bars, on several systems where they do not fit on one; an empty roll where there is
      no note.
    """
    score = read(sequence, 0.5 / steps_per_quarter, marks)
    time = score.time
    lines = page.systems(time.bars, 1)
    row = min(0.115, max(0.05, 2.6 / (score.high - score.foot)))  # inches
    named = legend(score.voices, [sequence])
    unit = LINE_WIDTH / max(page.longest(lines), 10)
    extra = (LEGEND if named else 0) + (_CHORDS if time.chords else 0)
    paper = Page(lines, unit, (score.high - score.foot) * row, extra)
    name = title or sequence.sequence_metadata.title or sequence.filename or 'Notes'
    paper.head(name, page.heading(time.num_bars, time.tempos, time.reasons), [marks])
    if named:
        draw_legend(paper, named)
    else:
        paper.loudness()
    for axes, bars in paper.systems():
        draw_system(axes, bars, score, row)
        _draw_chords(axes, bars, time.chords)
    return paper.figure


@dataclasses.dataclass(frozen=True)
class Score:
    """Rectangles and what they are measured on.

    Attributes:
      time: where bars are.
      boxes: left, bottom, right, top of each note, quarters and pitches, [notes, 4].
      colours: of each note, [notes, 4].
      voices: the shades of each instrument, see `voices_of`.
      low, high: the lowest pitch and the one after the highest.
      foot: below the lowest pitch, where the strip of drums ends.
      primer_end: in quarters; 0 for no primer.
    """

    time: timeline.Timeline
    boxes: np.ndarray
    colours: np.ndarray
    voices: Voices
    low: int
    high: int
    foot: int
    primer_end: float = 0.0

    def in_range(self, low: int, high: int) -> 'Score':
        """The same with a wider range of pitches; its strip of drums stays below the lowest."""
        down = self.low - low
        boxes = self.boxes.copy()
        boxes[boxes[:, 1] < self.low, 1::2] -= down
        return dataclasses.replace(self, boxes=boxes, low=low, high=high, foot=self.foot - down)


def voices_of(music: Iterable[tuple[music_pb2.NoteSequence, Marks]]) -> Voices:
    """The shades of each instrument, drums apart, in their order: the same in all of the music.

    Where notes are given to be kept, their colour is theirs alone, and the others are told apart.
    """
    counts: Counter[int] = Counter()
    kept = False
    for sequence, marks in music:
        counts.update(n.instrument for k, n in enumerate(sequence.notes) if not (n.is_drum or k in marks.kept))
        kept = kept or bool(marks.kept)
    if len(counts) == 1:  # nothing to be told apart: all the shades there are
        return {next(iter(counts)): VELOCITY_COLOURS}
    shades = [colours for colours in _SHADES if not (kept and KEPT_COLOURS[1] in colours)]
    own = iter(shades)
    most = {instrument for instrument, _ in counts.most_common(len(shades))}
    return {instrument: next(own) if instrument in most else _OTHERS for instrument in sorted(counts)}


def read(
    sequence: music_pb2.NoteSequence, shortest: float, marks: Marks = NO_MARKS, voices: Voices | None = None
) -> Score:
    """Returns what is to be drawn of a sequence.

    Args:
      sequence: quantized or not.
      shortest: no note is shorter than so many quarters.
      marks: what was given.
      voices: the shades of each instrument; those of the sequence alone if they are not given.
    """
    time = timeline.read(sequence)
    seen = np.nan_to_num(time.starts, nan=np.inf) < time.bars[-1].end
    seen &= np.array([0 <= note.pitch <= _HIGHEST for note in sequence.notes], bool)
    drawn = [(note, time.starts[k], time.ends[k], k in marks.kept) for k, note in enumerate(sequence.notes) if seen[k]]
    counts = Counter(note.instrument for note, *_ in drawn if not note.is_drum)
    voices = voices_of([(sequence, marks)]) if voices is None else voices
    low, high = _fit([note.pitch for note, *_ in drawn if not note.is_drum])
    foot = low - _STRIP if len(counts) < len({(n.instrument, n.is_drum) for n, *_ in drawn}) else low
    # Of notes in one place the shorter, of the instrument with fewer notes, lies on top.
    drawn.sort(key=lambda place: (-counts[place[0].instrument], place[1] - place[2]))
    boxes, colours = [], []
    for note, start, end, is_kept in drawn:
        if note.is_drum:
            lane = min(drum_height(note.pitch), _DRUM_LANES - 1)
            bottom = foot + 0.25 + (_STRIP - 0.5) * lane / _DRUM_LANES
            boxes.append((start, bottom, start + shortest, bottom + 0.4))
        else:
            # Two notes of one pitch, one right after the other, are seen to be two.
            end = max(start + shortest, end - min(0.05, 0.1 * (end - start)))
            boxes.append((start, note.pitch + 0.06, end, note.pitch + 0.94))
        shades = _DRUMS if note.is_drum else KEPT_COLOURS if is_kept else voices[note.instrument]
        colours.append(shade(max(note.velocity, 1), shades))
    # Where there is a primer there is one tempo: such music was generated.
    primer_end = marks.primer_end * (time.tempos[0] if time.tempos else 120.0) / 60
    return Score(
        time, np.array(boxes).reshape(-1, 4), np.array(colours).reshape(-1, 4), voices, low, high, foot, primer_end
    )


def _fit(pitches: Sequence[int]) -> tuple[int, int]:
    """The range to draw: a semitone more than is needed on either side, and no less than an octave."""
    low, high = (min(pitches) - 1, max(pitches) + 2) if pitches else (60, 61)
    spare = max(0, _OCTAVE + 1 - (high - low))
    return low - spare // 2, high + spare - spare // 2


def draw_system(axes: 'Axes', bars: Sequence[Bar], score: Score, row: float, size: float = 7.5) -> None:
    """Draws some bars of a score, a pitch `row` inches high, with letters of a size in points."""
    from matplotlib.collections import PolyCollection

    axes.set_ylim(score.foot, score.high)
    for pitch in range(score.low, score.high):
        if pitch % _OCTAVE in _BLACK_KEYS:
            axes.axhspan(pitch, pitch + 1, color=_BLACK_TINT, lw=0, zorder=0.5)
        elif pitch % _OCTAVE == 0:
            axes.axhline(pitch, color=LINE, lw=0.9, zorder=1)
    page.draw_bars(axes, bars, tint_beats=False, primer_end=score.primer_end, size=size)
    here = (score.boxes[:, 0] < bars[-1].end) & (score.boxes[:, 2] > bars[0].start)
    left, bottom, right, top = score.boxes[here].T
    corners = np.stack([left, bottom, left, top, right, top, right, bottom], axis=-1).reshape(-1, 4, 2)
    axes.add_collection(
        PolyCollection(
            list(corners),
            facecolors=score.colours[here],
            edgecolors='white',
            linewidths=0.0 if page.is_fine(axes, bars) else 0.3,
            snap=False,
            zorder=3,
        )
    )
    labels = {pitch + 0.5: _label(pitch) for pitch in range(score.low, score.high) if _is_labelled(pitch, row)}
    if score.foot < score.low:
        axes.axhline(score.low, color=FAINT, lw=0.7, zorder=2)
        labels[(score.foot + score.low) / 2] = 'drums'
    axes.set_yticks(list(labels), list(labels.values()), fontsize=size, color=INK)


def _draw_chords(axes: 'Axes', bars: Sequence[Bar], chords: Sequence[tuple[float, str]]) -> None:
    """Writes the names of chords above the bars' numbers; of several that would lie on one another the first."""
    start, end = bars[0].start, bars[-1].end
    points = axes.bbox.width * 72 / axes.figure.dpi / (end - start)  # a quarter
    here = [(max(place, start), name) for place, name in chords if place < end]
    before = [chord for chord in here if chord[0] == start][-1:]  # the chord that still sounds where the line begins
    free = start
    for place, name in [*before, *(chord for chord in here if chord[0] > start)]:
        if place < free or name in _NO_CHORD:
            continue
        name = name if len(name) <= _LONGEST_CHORD else name[: _LONGEST_CHORD - 1] + '…'
        axes.annotate(
            name,
            (place, 1),
            (0, 12),
            xycoords=('data', 'axes fraction'),
            textcoords='offset points',
            fontsize=8,
            color=INK,
            va='bottom',
            parse_math=False,
        )
        free = place + (len(name) + 1) * 4.8 / points


def _is_labelled(pitch: int, row: float) -> bool:
    """Each C, and where rows are high the third and the fifth above it."""
    return pitch % _OCTAVE in ((0, 4, 7) if row > 0.1 else (0,))


def _label(pitch: int) -> str:
    return f'{"C D EF G A B"[pitch % _OCTAVE]}{pitch // _OCTAVE - 1}'  # MIDI pitch 60 is C4


def legend(voices: Voices, music: Sequence[music_pb2.NoteSequence]) -> list[tuple[str, tuple[str, ...]]]:
    """Name and shades of each instrument of some music; those that share their shades are one. None for one alone."""
    if len(voices) < 2:
        return []
    names: dict[int, dict[str, None]] = {voice: {} for voice in voices}
    for sequence in music:
        infos = {info.instrument: info.name for info in sequence.instrument_infos if info.name.strip()}
        programs = {note.instrument: note.program for note in sequence.notes if not note.is_drum}
        for voice, program in programs.items():
            if voice in names:
                names[voice][infos.get(voice) or _program_name(program)] = None
    told = {
        voice: next(iter(found)) if len(found) == 1 else f'track {k}'
        for k, (voice, found) in enumerate(names.items(), start=1)
    }
    alike = Counter(told.values())
    numbers: Counter[str] = Counter()
    for voice, name in told.items():
        if alike[name] > 1:
            numbers[name] += 1
            told[voice] = f'{numbers[name]}: {name}'  # in front, as long names are cut
    more = sum(colours == _OTHERS for colours in voices.values())
    named = [(told[voice], colours) for voice, colours in voices.items() if colours != _OTHERS]
    return named + ([(f'{more} more', _OTHERS)] if more else [])


def _program_name(program: int) -> str:
    import pretty_midi  # type: ignore[import-untyped]  # it ships no types

    return pretty_midi.program_to_instrument_name(program % 128)


def draw_legend(paper: page.Paper, legend: list[tuple[str, tuple[str, ...]]]) -> None:
    """A line below the heading, as far as it fits."""
    left, most = page.LABEL_WIDTH, paper.width - page.MARGIN
    for name, colours in legend:
        name = ' '.join(name.split()).rstrip(':')
        most_letters = 24 if len(legend) < 5 else 14
        name = name if len(name) <= most_letters else name[: most_letters - 1] + '…'
        width = 3 * page.CELL + 0.08 + 0.068 * len(name) + 0.2
        if left + width > most:
            break
        paper.cells(left / paper.width, 0.8, [shade(velocity, colours) for velocity in (40, 80, 110)])
        paper.text((left + 3 * page.CELL + 0.05) / paper.width, 0.8, name, fontsize=8, color=FAINT)
        left += width
