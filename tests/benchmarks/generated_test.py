"""Cutting the music that generated music is held against."""

import numpy as np
import pytest
from generated import stretches
from hypothesis import given
from hypothesis import strategies as st
from note_seq.protobuf import music_pb2

from solferino.models.music.pieces import piece

NOTES = st.lists(
    st.tuples(st.integers(0, 100), st.integers(1, 40), st.integers(21, 108)).map(lambda n: (n[0] / 8, n[1] / 8, n[2])),
    max_size=20,
)


def music(notes: list[tuple[float, float, int]], tempos: dict[float, float]) -> piece.Piece:
    """Notes as (start, seconds, pitch), tempos by time."""
    sequence = music_pb2.NoteSequence()
    for start, seconds, pitch in notes:
        sequence.notes.add(start_time=start, end_time=start + seconds, pitch=pitch, velocity=80)
    for time, qpm in tempos.items():
        sequence.tempos.add(time=time, qpm=qpm)
    sequence.total_time = max((start + seconds for start, seconds, _ in notes), default=0.0)
    return piece.of(sequence)


@given(NOTES, st.sampled_from([0.5, 1.0, 3.0]))
def test_every_sound_is_in_its_stretch(notes, seconds):
    whole = music(notes, {})
    found = list(stretches(whole, seconds))
    assert len(found) == int(whole.total_time / seconds)
    sounding = sum(float((s.notes['end'] - s.notes['start']).sum()) for s in found)
    end = len(found) * seconds
    expected = sum(max(min(start + length, end) - start, 0) for start, length, _ in notes)
    assert sounding == pytest.approx(expected)
    for each in found:
        assert (each.notes['start'] >= 0).all() and (each.notes['end'] <= seconds).all()
        assert (each.notes['start'] < each.notes['end']).all()


def test_tempos_go_on_into_the_next_stretch():
    found = list(stretches(music([(0, 9, 60)], {0.0: 60, 2.0: 90, 4.0: 120}), 3.0))
    assert [[(t.time, t.qpm) for t in s.tempos] for s in found] == [[(0, 60), (2, 90), (4, 120)], [(0, 90), (1, 120)],
                                                                    [(0, 120)]]  # fmt: skip
    np.testing.assert_allclose(found[1].notes['end'], [3.0])
