"""Notes become piano rolls by the rules that are stated, and piano rolls become the notes that they show."""

import dataclasses
from pathlib import Path

import numpy as np
import pretty_midi
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from note_seq import midi_io
from note_seq.protobuf import music_pb2

from solferino.models.core.generation import midi_bytes
from solferino.models.music.pieces import piano_rolls, piece, sections
from solferino.models.music.pieces.piano_rolls import PianoRoll
from solferino.models.music.pieces.piece import Piece
from solferino.pipelines import parsing

LOW, HIGH = 60, 63

SHAPES = st.tuples(st.integers(0, 24), st.just(HIGH - LOW + 1))
ROLLS = SHAPES.flatmap(
    lambda shape: st.builds(
        lambda sounding, struck: PianoRoll(sounding, struck & sounding, LOW),
        arrays.arrays(bool, shape),
        arrays.arrays(bool, shape),
    )
)
STEPS = st.integers(-3, 30)
STEP_NOTES = st.lists(st.tuples(STEPS, STEPS, st.integers(LOW - 1, HIGH + 1)), max_size=12)


def music(*notes: tuple[float, float, int]) -> music_pb2.NoteSequence:
    sequence = music_pb2.NoteSequence()
    for start, end, pitch in notes:
        sequence.notes.add(start_time=start, end_time=end, pitch=pitch, velocity=80)
    sequence.total_time = max((end for _, end, _ in notes), default=0.0)
    return sequence


def by_time(sequence: music_pb2.NoteSequence, frames_per_second: float, total_time: float | None = None) -> PianoRoll:
    time = sequence.total_time if total_time is None else total_time
    return piano_rolls.by_time(piece.of(sequence).notes, time, frames_per_second, LOW, HIGH)


def by_metre(sequence: music_pb2.NoteSequence) -> PianoRoll:
    return piano_rolls.by_metre(sections.quantize(piece.of(sequence), 4), LOW, HIGH)


def picture(roll: PianoRoll) -> list[str]:
    """A line for each key, the lowest first: '#' struck, '-' sounding."""
    signs = np.where(roll.struck, '#', np.where(roll.sounding, '-', '.'))
    return [''.join(row) for row in signs.T]


def onsets(roll: PianoRoll) -> np.ndarray:
    """Where notes begin: what is struck, and what sounds after silence."""
    silent_before = np.concatenate([np.ones_like(roll.sounding[:1]), ~roll.sounding[:-1]])[: len(roll.sounding)]
    return roll.sounding & (roll.struck | silent_before)


@given(STEP_NOTES, st.integers(0, 25))
def test_notes_become_a_roll(notes: list[tuple[int, int, int]], num_steps: int) -> None:
    starts, ends, pitches = np.array(notes, np.int64).reshape(-1, 3).T
    roll = piano_rolls.of_notes(starts, ends, pitches, num_steps, LOW, HIGH)
    sounding = np.zeros((num_steps, HIGH - LOW + 1), bool)
    struck = np.zeros_like(sounding)
    for start, end, pitch in notes:
        for step in range(start, max(end, start + 1)):
            if 0 <= step < num_steps and LOW <= pitch <= HIGH:
                sounding[step, pitch - LOW] = True
                struck[step, pitch - LOW] |= step == start
    assert roll.lowest == LOW
    assert roll.sounding.tolist() == sounding.tolist()
    assert roll.struck.tolist() == struck.tolist()


class TestByTime:
    """At two frames a second."""

    @pytest.mark.parametrize(
        ('start', 'end', 'expected'),
        [
            (0.0, 1.0, '#-..'),
            (0.4, 1.0, '#-..'),  # struck in the frame that it begins in
            (0.0, 0.9, '#...'),  # not in the frame that it ends in
            (0.0, 1.1, '#-..'),
            (0.6, 0.9, '.#..'),  # within a frame
            (0.5, 0.5, '.#..'),
            (0.995, 1.505, '..#.'),  # a hundredth of a frame from where it should be
            (0.985, 1.485, '.#..'),
            (1.9, 7.0, '...#'),
            (2.1, 7.0, '....'),  # after the end
            (-1.0, 1.0, '--..'),  # struck before the beginning
            (-1.0, -0.5, '....'),
        ],
    )
    def test_first_and_last_frame(self, start: float, end: float, expected: str) -> None:
        assert picture(by_time(music((start, end, LOW)), 2, total_time=2)) == [expected, '....', '....', '....']

    def test_as_many_frames_as_begin_before_the_end(self) -> None:
        lengths = [(0, 0), (0.001, 0), (0.1, 1), (0.5, 1), (0.505, 1), (0.6, 2), (1, 2), (29 * 0.1, 6), (-1, 0)]
        assert [(time, len(by_time(music(), 2, time).sounding)) for time, _ in lengths] == lengths

    @given(
        st.lists(
            st.tuples(
                st.floats(0, 9).flatmap(lambda start: st.tuples(st.just(start), st.floats(start, start + 1))),
                st.integers(LOW, HIGH),
            ),
            max_size=9,
        ),
        st.sampled_from([1.0, 2.0, 5.0, 7.3]),
    )
    def test_every_note_sounds_where_it_is_struck(
        self, notes: list[tuple[tuple[float, float], int]], frames_per_second: float
    ) -> None:
        roll = by_time(music(*((*times, pitch) for times, pitch in notes)), frames_per_second)
        for (start, _), pitch in notes:
            step = int(start * frames_per_second + 0.02)
            assert roll.sounding[step, pitch - LOW] and roll.struck[step, pitch - LOW]

    @pytest.mark.parametrize(
        ('start', 'end', 'expected'), [(0, 0, '#'), (2, 2, '....#'), (1.992, 1.999, '....#'), (1.98, 2.002, '...#')]
    )
    def test_the_last_note_has_a_frame(self, start: float, end: float, expected: str) -> None:
        assert picture(by_time(music((start, end, LOW)), 2))[0] == expected

    def test_what_is_not_heard_is_left_out(self) -> None:
        sequence = music((0, 1, 60), (0, 1, 61), (0, 1, 62), (0, 1, LOW - 1), (0, 1, HIGH + 1))
        sequence.notes[0].is_drum = True
        sequence.notes[1].velocity = 0
        assert picture(by_time(sequence, 2)) == ['..', '..', '#-', '..']
        assert picture(by_metre(sequence)) == ['........', '........', '#-------', '........']
        assert piano_rolls.num_outside(piece.of(sequence).notes, LOW, HIGH) == 2

    @pytest.mark.parametrize('bad', [(np.inf, 60), (0, np.inf), (np.nan, 60), (0, 1e300)])
    def test_times_that_there_are_not(self, bad: tuple[float, float]) -> None:
        with pytest.raises(ValueError, match='no number of seconds'):
            by_time(music((*bad, 60)), 5)

    def test_too_long(self) -> None:
        with pytest.raises(ValueError, match='at most 524288'):
            by_time(music((1e6, 1e6 + 1, 60)), 5)
        with pytest.raises(ValueError, match='at most 524288'):
            by_metre(music((1e6, 1e6 + 1, 60)))

    @given(st.lists(st.tuples(st.integers(0, 400), st.integers(21, 200), st.integers(LOW, HIGH)), max_size=9))
    def test_it_is_what_pretty_midi_shows(self, notes: list[tuple[int, int, int]]) -> None:
        """Of notes that are longer than a frame, at times that are not close to a frame's."""
        instrument = pretty_midi.Instrument(0)
        for start, length, pitch in notes:
            instrument.notes.append(pretty_midi.Note(80, pitch, start / 100 + 0.005, (start + length) / 100 + 0.005))
        sequence = music(*((note.start, note.end, note.pitch) for note in instrument.notes))
        theirs = instrument.get_piano_roll(fs=5)[LOW : HIGH + 1].T > 0
        ours = by_time(sequence, 5).sounding
        # It drops the frame that the music ends in, in which, by its rule and ours, no such note sounds.
        assert ours[: len(theirs)].tolist() == theirs.tolist()
        assert not ours[len(theirs) :].any()


def test_by_metre_is_on_the_grid_of_the_section() -> None:
    sequence = music((0.26, 0.51, 60), (0.5, 1.0, 60), (0.99, 1.01, 63))
    assert picture(by_metre(sequence)) == ['..#-#---.', '.........', '.........', '........#']


class TestToSequence:
    """What notes a roll is."""

    def test_every_note_and_what_is_said_of_it(self) -> None:
        lines = ['#--#-..', '.--.#.-', '#######', '.......']
        signs = np.array([list(line) for line in lines]).T
        roll = PianoRoll(signs != '.', signs == '#', LOW)
        sequence = piano_rolls.to_sequence(roll, 0.5, qpm=90, velocity=77, program=5, start_time=2.0)
        notes = [((n.start_time - 2) / 0.5, (n.end_time - 2) / 0.5, n.pitch) for n in sequence.notes]
        expected = [(0, 3, 60), (3, 5, 60), (1, 3, 61), (4, 5, 61), (6, 7, 61), *((k, k + 1, 62) for k in range(7))]
        assert notes == sorted(expected, key=lambda note: (note[0], note[2]))
        assert {(n.velocity, n.program, n.instrument, n.is_drum) for n in sequence.notes} == {(77, 5, 0, False)}
        assert [(t.time, t.qpm) for t in sequence.tempos] == [(0, 90)]
        assert sequence.total_time == 5.5

    def test_nothing(self) -> None:
        roll = PianoRoll(np.zeros((3, 4), bool), np.zeros((3, 4), bool), LOW)
        sequence = piano_rolls.to_sequence(roll, 0.5, qpm=90, velocity=77)
        assert not sequence.notes
        assert sequence.total_time == 0
        assert midi_bytes.midi_bytes(sequence)

    @given(ROLLS)
    def test_there_and_back_on_a_grid(self, roll: PianoRoll) -> None:
        """The same but for silence at the end."""
        sequence = piano_rolls.to_sequence(roll, 60 / 97 / 4, qpm=97, velocity=80)
        assert all(note.end_time > note.start_time for note in sequence.notes)
        back = by_metre(sequence)
        steps = len(back.sounding)
        assert back.sounding.tolist() == roll.sounding[:steps].tolist()
        assert back.struck.tolist() == onsets(roll)[:steps].tolist()
        assert not roll.sounding[steps:].any()

    @given(ROLLS, st.sampled_from([5.0, 7.0, 8.0, 10.0, 100.0]))
    def test_there_and_back_in_time(self, roll: PianoRoll, frames_per_second: float) -> None:
        sequence = piano_rolls.to_sequence(roll, 1 / frames_per_second, qpm=120, velocity=80)
        back = by_time(sequence, frames_per_second, len(roll.sounding) / frames_per_second)
        assert back.sounding.tolist() == roll.sounding.tolist()
        assert back.struck.tolist() == onsets(roll).tolist()

    @given(ROLLS)
    def test_through_a_midi_file(self, roll: PianoRoll) -> None:
        """A key that is struck again as it ends is two notes there, too."""
        sequence = piano_rolls.to_sequence(roll, 0.2, qpm=100, velocity=80)
        read = midi_io.midi_to_note_sequence(midi_bytes.midi_bytes(sequence))
        back = by_time(read, 5, len(roll.sounding) / 5)
        assert back.sounding.tolist() == roll.sounding.tolist()
        assert back.struck.tolist() == onsets(roll).tolist()


@pytest.mark.parametrize('folder', ['piano', 'chorales', 'multitrack'])
def test_real_music(shared: Path, folder: str) -> None:
    """A roll becomes the notes that it is, whatever the music."""
    paths = sorted(path for path in (shared / 'data' / folder).rglob('*') if path.suffix in ('.mid', '.midi'))
    steps = 0
    with parsing.Parser(parsing.Limits(seconds=20)) as parser:
        for path in paths[:40]:
            answer = parser.parse_midi(path)
            assert isinstance(answer, parsing.Converted)
            music = piece.read(answer.data)
            music = dataclasses.replace(music, notes=piano_rolls.sustained(music))
            for section in sections.quantized_sections(music, 4, pytest.fail):
                roll = piano_rolls.by_metre(section, 21, 108)
                back = rounded(roll, 60 / section.tempo.qpm / 4, section.tempo.qpm)
                again = piano_rolls.by_metre(sections.quantize(back, 4), 21, 108)
                assert (again.struck == onsets(roll)[: len(again.struck)]).all()
                assert (again.sounding == roll.sounding[: len(again.struck)]).all()
                assert not roll.sounding[len(again.struck) :].any()
                steps += len(roll.sounding)
            roll = piano_rolls.by_time(music.notes, music.total_time, 5, 21, 108)
            again = piano_rolls.by_time(rounded(roll, 0.2, 120).notes, len(roll.struck) / 5, 5, 21, 108)
            assert (again.sounding == roll.sounding).all()
            assert (again.struck == onsets(roll)).all()
    assert steps


def rounded(roll: PianoRoll, seconds_per_step: float, qpm: float) -> Piece:
    return piece.of(piano_rolls.to_sequence(roll, seconds_per_step, qpm, velocity=64))
