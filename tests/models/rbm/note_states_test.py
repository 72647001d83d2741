"""Note-state matrices: there and back, as examples and as rolls; and how they are cut."""

from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from solferino.hparams.rbm import RbmExtraction
from solferino.hparams.reasons import EMPTY_WINDOW, PART_OF_WINDOW
from solferino.models.core.storage import sequence_examples
from solferino.models.music.pieces import piano_rolls, piece
from solferino.models.rbm.note_states import NoteStates, cut

layouts = st.builds(NoteStates, st.integers(0, 60), st.integers(1, 40), st.integers(1, 2))


@st.composite
def matrices(draw: Any) -> tuple[NoteStates, np.ndarray]:
    layout = draw(layouts)
    return layout, draw(hnp.arrays(bool, (draw(st.integers(1, 20)), layout.width)))


@hypothesis.given(matrices())
def test_examples_come_back(case: tuple[NoteStates, np.ndarray]) -> None:
    layout, matrix = case
    stored = sequence_examples.parse(sequence_examples.serialize(layout.pack(matrix)))
    assert isinstance(stored, dict)
    np.testing.assert_array_equal(layout.unpack(stored), matrix)
    assert len(stored['ones']) == matrix.sum()


@hypothesis.given(matrices())
def test_music_comes_back(case: tuple[NoteStates, np.ndarray]) -> None:
    """A matrix of notes is the same after it was written as notes and read again, whatever the notes are."""
    layout, any_matrix = case
    roll = layout.roll(any_matrix)
    sequence = piano_rolls.to_sequence(roll, 0.125, 120.0, 80)
    hypothesis.assume(sequence.notes)
    notes = piece.of(sequence).notes
    starts, ends = (np.rint(notes[name] / 0.125).astype(int) for name in ('start', 'end'))
    again = piano_rolls.of_notes(starts, ends, notes['pitch'], len(any_matrix), layout.lowest, layout.highest)
    matrix = layout.of_roll(again)
    np.testing.assert_array_equal(matrix[:, : layout.pitches], roll.sounding)
    # What began to sound without being struck is struck now; beyond that nothing is.
    begins = roll.sounding & ~np.concatenate([np.zeros((1, layout.pitches), bool), roll.sounding[:-1]])
    if layout.planes > 1:
        np.testing.assert_array_equal(matrix[:, layout.pitches :], roll.struck | begins)


@pytest.mark.parametrize(
    'example',
    [
        {},
        {'ones': np.array([1])},
        {'ones': np.array([[1]]), 'steps': np.array([2])},
        {'ones': np.array([20]), 'steps': np.array([2])},
        {'ones': np.array([-1]), 'steps': np.array([2])},
        {'ones': np.array([], int), 'steps': np.array([0])},
        {'ones': np.array([1]), 'steps': np.array([1, 1])},
    ],
)
def test_what_is_no_matrix_is_refused(example: dict[str, np.ndarray]) -> None:
    with pytest.raises(ValueError):
        NoteStates(60, 5, 2).unpack(example)


def test_layout_is_that_of_the_options() -> None:
    assert NoteStates.of(RbmExtraction()) == NoteStates(24, 78, 2)
    assert NoteStates.of(RbmExtraction(lowest_pitch=21, highest_pitch=108, articulation=False)).width == 88


@hypothesis.given(
    hnp.arrays(bool, st.tuples(st.integers(0, 40), st.just(3))),
    st.integers(1, 7),
    st.integers(1, 4),
    st.integers(0, 30),
    st.booleans(),
)
def test_runs_are_what_they_were_cut_from(
    matrix: np.ndarray, window: int, most: int, hop: int, fill_last: bool
) -> None:
    reasons: list[str] = []
    runs = list(cut(matrix, window, most, hop, fill_last, reasons.append))
    for run in runs:
        assert len(run) % window == 0 and 0 < len(run) <= window * most
        assert run.any()
    assert fill_last <= (PART_OF_WINDOW not in reasons)
    if hop == 0:
        covered = np.concatenate([np.zeros((0, 3), bool), *runs])
        if EMPTY_WINDOW not in reasons:
            assert len(covered) - len(matrix) < window
            if fill_last:
                np.testing.assert_array_equal(covered[: len(matrix)], matrix)
                assert not covered[len(matrix) :].any()
            else:
                np.testing.assert_array_equal(covered, matrix[: len(covered)])
        assert covered.sum() == matrix.sum() or PART_OF_WINDOW in reasons


def test_silence_is_counted() -> None:
    reasons: list[str] = []
    matrix = np.zeros((10, 2), bool)
    matrix[5, 0] = True
    assert [run.tolist() for run in cut(matrix, 4, 1, 0, True, reasons.append)] == [matrix[4:8].tolist()]
    assert reasons == [EMPTY_WINDOW, EMPTY_WINDOW]


def test_overlapping_windows_end_with_the_music() -> None:
    matrix = np.ones((10, 1), bool)
    assert len(list(cut(matrix, 4, 1, 2, True, lambda reason: None))) == 4  # from 0, 2, 4 and 6
