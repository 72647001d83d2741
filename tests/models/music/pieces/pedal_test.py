"""The sustain pedal lengthens notes as note_seq does.

The oracle is note_seq.sequences_lib.apply_sustain_control_changes.
"""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from note_seq import sequences_lib
from note_seq.protobuf import music_pb2

from solferino.models.music.pieces import piano_rolls, piece
from solferino.pipelines import parsing

NoteSequence = music_pb2.NoteSequence

# Few values, so that much falls together.
INSTANTS = st.integers(0, 8).map(float)
NOTES = st.builds(
    NoteSequence.Note,
    pitch=st.sampled_from([60, 61]),
    velocity=st.sampled_from([1, 80]),
    start_time=INSTANTS,
    end_time=INSTANTS,  # before the start, too
    instrument=st.sampled_from([0, 0, 1]),
    is_drum=st.sampled_from([False, False, False, True]),
)
CONTROLS = st.builds(
    NoteSequence.ControlChange,
    time=INSTANTS,
    control_number=st.sampled_from([64, 64, 64, 1]),
    control_value=st.sampled_from([0, 63, 64, 127, 300, -1]),
    instrument=st.sampled_from([0, 0, 1, 2]),
    is_drum=st.booleans(),
)
SEQUENCES = st.builds(
    NoteSequence,
    notes=st.lists(NOTES, max_size=12),
    control_changes=st.lists(CONTROLS, max_size=8),
)


def same(sequence: NoteSequence) -> np.ndarray:
    """Returns the sustained notes, which are note_seq's."""
    found = piano_rolls.sustained(piece.of(sequence))
    assert found.tolist() == piece.of(sequences_lib.apply_sustain_control_changes(sequence)).notes.tolist()
    return found


def music(notes: list[tuple[float, float, int]], pedal: list[tuple[float, int]]) -> NoteSequence:
    sequence = NoteSequence()
    for start, end, pitch in notes:
        sequence.notes.add(start_time=start, end_time=end, pitch=pitch, velocity=80)
    for time, value in pedal:
        sequence.control_changes.add(time=time, control_number=64, control_value=value)
    return sequence


def ends(notes: list[tuple[float, float, int]], pedal: list[tuple[float, int]]) -> list[float]:
    return same(music(notes, pedal))['end'].tolist()


@given(SEQUENCES)
def test_notes_are_those_of_note_seq(sequence: NoteSequence) -> None:
    same(sequence)


@pytest.mark.parametrize(
    ('notes', 'pedal', 'expected'),
    [
        ([(0, 1, 60)], [(0.5, 127), (3, 0)], [3]),  # until the pedal comes up
        ([(0, 1, 60)], [(0.5, 64), (3, 63)], [3]),
        ([(0, 1, 60)], [(0.5, 63), (3, 0)], [1]),
        ([(0, 1, 60)], [(1, 127), (3, 0)], [3]),  # what happens at one instant: first the pedal, then keys
        ([(0, 1, 60)], [(0.5, 127), (1, 0)], [1]),
        ([(0, 1, 60)], [(0, 127), (0.5, 0)], [1]),  # held longer than the pedal
        ([(0, 1, 60), (2, 3, 60)], [(0.5, 127), (4, 0)], [2, 4]),  # struck again
        ([(0, 1, 60), (2, 3, 61)], [(0.5, 127), (4, 0)], [4, 4]),
        ([(0, 1, 60)], [(0.5, 127), (2, 100), (3, 0)], [3]),
        ([], [(0.5, 127)], []),
    ],
)
def test_what_the_pedal_does(
    notes: list[tuple[float, float, int]], pedal: list[tuple[float, int]], expected: list[float]
) -> None:
    assert ends(notes, pedal) == expected


class TestOddities:
    """Of note_seq; ours are the same."""

    def test_a_pedal_that_never_comes_up_ends_with_the_last_event(self) -> None:
        """Even where that is a control change, and not with the piece, which may be longer."""
        sequence = music([(0, 1, 60), (1, 2, 64)], [(0.5, 127), (5, 127)])
        sequence.total_time = 9
        assert same(sequence)['end'].tolist() == [5, 5]

    def test_a_key_that_is_held_ends_when_struck_again_under_the_pedal(self) -> None:
        """But not without it."""
        assert ends([(0, 9, 60), (2, 3, 60)], [(1, 127), (4, 0)]) == [2, 4]
        assert ends([(0, 9, 60), (2, 3, 60)], [(5, 127), (6, 0)]) == [9, 3]

    def test_of_notes_that_begin_together_under_the_pedal_the_last_is_kept(self) -> None:
        """Unisons of two voices become one note, which is not the longest one."""
        assert ends([(1, 9, 60), (1, 2, 60)], [(0, 127), (4, 0)]) == [4]
        assert ends([(1, 9, 60), (1, 2, 60)], [(3, 127), (4, 0)]) == [9, 2]

    def test_a_note_that_ends_before_it_begins_sounds_on(self) -> None:
        """Without a pedal until the last event, with one until it comes up."""
        assert ends([(5, 3, 60), (6, 8, 64)], []) == [8, 8]
        assert ends([(5, 3, 60), (6, 8, 64)], [(7, 0)]) == [7, 8]

    def test_of_a_change_up_and_down_at_once_up_counts(self) -> None:
        """Whatever their order in the file: a pedal that is changed within a tick is up from then on."""
        assert ends([(0, 1, 60)], [(0, 127), (0.5, 0), (0.5, 127), (3, 0)]) == [1]

    def test_the_pedal_of_another_instrument_or_of_drums(self) -> None:
        """Drums stay as they are, but a pedal of theirs works on notes of the same number that are no drums."""
        sequence = music([(0, 1, 60), (0, 1, 36)], [(0.5, 127), (3, 0)])
        sequence.notes[1].is_drum = True
        assert same(sequence)['end'].tolist() == [3, 1]
        sequence.control_changes[0].is_drum = True
        assert same(sequence)['end'].tolist() == [3, 1]
        sequence.notes[0].instrument = 1
        assert same(sequence)['end'].tolist() == [1, 1]


def test_real_music(shared: Path) -> None:
    """As it is, and with a pedal that is up and down at any time: few of the files have one."""
    rng = np.random.default_rng(0)
    pedals = 0
    with parsing.Parser(parsing.Limits(seconds=20)) as parser:
        for path in sorted((shared / 'data' / 'piano').rglob('*.mid')):
            answer = parser.parse_midi(path)
            assert isinstance(answer, parsing.Converted)
            sequence = NoteSequence.FromString(answer.data)
            same(sequence)
            pedals += len(piece.of(sequence).pedal)
            for time in rng.uniform(0, sequence.total_time, 100):
                instrument = rng.choice([note.instrument for note in sequence.notes])
                value = int(rng.integers(0, 128))
                sequence.control_changes.add(time=time, control_number=64, control_value=value, instrument=instrument)
            same(sequence)
    assert pedals


def test_sustained_twice() -> None:
    """The pedal stays with a Piece whose notes are replaced; what sounds until it comes up still does."""
    one = piece.of(music([(0, 1, 60)], [(0.5, 127), (3, 0)]))
    other = dataclasses.replace(one, notes=piano_rolls.sustained(one))
    assert piano_rolls.sustained(other).tolist() == other.notes.tolist()
