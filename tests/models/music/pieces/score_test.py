"""Music in bars: where notes and bar lines are, and that cutting loses and invents nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from note_seq.protobuf import music_pb2

from solferino.models.music.pieces import piece, score
from solferino.models.music.pieces.score import Score

NOTES = st.lists(st.tuples(st.integers(0, 200), st.integers(1, 40), st.integers(21, 108)), max_size=30)


def music(
    notes: list[tuple[float, float, int]], is_drum: bool = False, total_time: float = 0.0
) -> music_pb2.NoteSequence:
    """Notes as (start, seconds, pitch)."""
    sequence = music_pb2.NoteSequence()
    for start, seconds, pitch in notes:
        sequence.notes.add(start_time=start, end_time=start + seconds, pitch=pitch, velocity=80, is_drum=is_drum)
    sequence.total_time = max([start + seconds for start, seconds, _ in notes] + [total_time])
    return sequence


def read(sequence: music_pb2.NoteSequence, is_drums: bool = False, steps_per_quarter: float = 4) -> Score:
    return score.read(piece.of(sequence), is_drums, steps_per_quarter)


def test_bars_follow_the_metres_and_the_tempos() -> None:
    """A bar of 3/4 at 60, then, in its middle, 4/4 at 120."""
    sequence = music([(k / 2, 0.5, 60) for k in range(16)])
    sequence.time_signatures.add(numerator=3, denominator=4)
    sequence.time_signatures.add(time=3.5, numerator=4, denominator=4)
    sequence.tempos.add(qpm=60)
    sequence.tempos.add(time=3.5, qpm=120)
    found = read(sequence)
    assert found.bars.tolist() == [0, 12, 14, 30, 46, 62]
    assert found.in_four.tolist() == [False, False, True, True, True]
    np.testing.assert_allclose(found.seconds, [0, 3, 3.5, 5.5, 7.5, 9.5])
    assert [len(bar) for bar in found.onsets()] == [6, 1, 4, 4, 1]


def test_a_bar_that_nothing_is_said_of_is_four_quarters_of_120() -> None:
    found = read(music([(0, 2.0, 60)], total_time=4.0))
    assert found.num_bars == 2
    assert found.in_four.all()
    assert found.onsets() == [{(0, 60)}, frozenset()]
    assert read(music([])).num_bars == 0


def test_silence_at_the_end_can_be_asked_for() -> None:
    found = score.read(piece.of(music([(0, 0.5, 60)])), False, min_bars=3)
    assert found.bars.tolist() == [0, 16, 32, 48]
    assert [len(bar) for bar in found.onsets()] == [1, 0, 0]
    assert score.read(piece.of(music([])), False, min_bars=2).num_bars == 2


def test_drums_are_kinds_and_others_are_left_out() -> None:
    sequence = music([(0, 0.1, 38), (0, 0.1, 40), (0.5, 0.1, 36), (1, 0.1, 3)], is_drum=True)  # 38 and 40 are snares
    sequence.notes.add(start_time=0, end_time=1, pitch=60, velocity=80)
    sequence.notes.add(start_time=0, end_time=1, pitch=36, velocity=0, is_drum=True)
    assert read(sequence, is_drums=True).onsets() == [{(0, 1), (4, 0)}]
    assert read(sequence).onsets() == [{(0, 60)}]


def test_a_step_may_be_a_part_of_a_second() -> None:
    """Five frames a second are two and a half a quarter at 120, ten a bar."""
    found = read(music([(k / 5, 0.2, 60 + k) for k in range(20)]), steps_per_quarter=2.5)
    assert found.bars.tolist() == [0, 10, 20]
    assert found.onsets()[1] == {(k, 70 + k) for k in range(10)}


@given(NOTES, st.integers(1, 3))
def test_cuts_hold_every_onset_once_and_all_that_sounds(notes: list[tuple[int, int, int]], num_bars: int) -> None:
    whole = read(music([(start / 8, length / 8, pitch) for start, length, pitch in notes]))
    cuts = list(whole.cut(num_bars))
    assert len(cuts) == whole.num_bars // num_bars
    bars = [bar for each in cuts for bar in each.onsets()]
    assert bars == whole.onsets()[: len(bars)]
    for number, each in enumerate(cuts):
        begin = number * num_bars * 16
        np.testing.assert_array_equal(each.sounding(), whole.sounding()[begin : begin + num_bars * 16])
        assert each.seconds.tolist() == [2.0 * k for k in range(num_bars + 1)]


@pytest.mark.parametrize('time', [float('nan'), float('inf'), 1e12])
def test_times_that_there_are_not(time: float) -> None:
    sequence = music([(0, 1, 60)])
    sequence.notes[0].start_time = time
    with pytest.raises(ValueError, match=r'no number of seconds|more than \d+ bars'):
        read(sequence)
