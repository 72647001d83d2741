"""The numbers by which music is described, of music whose numbers can be counted by hand."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from note_seq import midi_io
from note_seq.protobuf import music_pb2

from solferino.models.music.pieces import piano_rolls, piece, statistics


def music(*notes: tuple[float, float, int], total_time: float = 0.0, qpm: float = 0.0) -> music_pb2.NoteSequence:
    sequence = music_pb2.NoteSequence(total_time=total_time)
    for start, end, pitch in notes:
        sequence.notes.add(start_time=start, end_time=end, pitch=pitch, velocity=80)
    if qpm:
        sequence.tempos.add(qpm=qpm)
    return sequence


def of(*notes: tuple[float, float, int], total_time: float = 0.0, qpm: float = 0.0) -> statistics.Statistics:
    return statistics.of_sequences([music(*notes, total_time=total_time, qpm=qpm)])


def test_a_piece_by_hand() -> None:
    """Two seconds of a third, one of silence, one of a single note; at 60 quarters a minute."""
    found = of((0, 2, 60), (0, 2, 64), (3, 4, 72), qpm=60)
    assert (found.pieces, found.silent, found.lowest, found.highest) == (1, 0, 60, 72)
    assert found.pitch_range == 12
    assert found.polyphony == pytest.approx(5 / 3)
    assert found.notes_per_second == pytest.approx(3 / 4)
    assert found.notes_per_quarter == pytest.approx(3 / 4)
    assert found.pitch_class_entropy == pytest.approx(math.log2(3) - 2 / 3)
    assert found.empty == pytest.approx(1 / 4)


def test_length_is_that_of_the_piece_or_its_last_note() -> None:
    assert of((0, 1, 60), total_time=4).empty == pytest.approx(3 / 4)
    assert of((0, 1, 60), total_time=0.5).empty == 0
    assert of((1, 2, 60), total_time=2).empty == pytest.approx(1 / 2)


def test_quarters_are_those_of_the_tempos() -> None:
    sequence = music((0, 4, 60), (3, 4, 60), qpm=60)
    sequence.tempos.add(time=2, qpm=180)
    assert statistics.of_sequences([sequence]).notes_per_quarter == pytest.approx(2 / 8)
    assert of((0, 4, 60)).notes_per_quarter == pytest.approx(1 / 8)  # 120 where nothing is said


@pytest.mark.parametrize(
    ('pitches', 'bits'),
    [([60], 0), ([60, 72, 48], 0), ([60, 61], 1), (list(range(60, 72)), math.log2(12)), ([60, 60, 60, 62], 0.8112781)],
)
def test_pitch_class_entropy(pitches: list[int], bits: float) -> None:
    assert of(*((k, k + 1, pitch) for k, pitch in enumerate(pitches))).pitch_class_entropy == pytest.approx(bits)


def test_a_key_counts_once_however_often_it_is_struck() -> None:
    assert of((0, 3, 60), (1, 2, 60), (2, 4, 60)).polyphony == 1
    assert of((0, 3, 60), (1, 2, 60), (0, 3, 67)).polyphony == 2


def test_what_is_not_heard() -> None:
    sequence = music((0, 1, 60), (0, 9, 36), (0, 9, 20), total_time=1)
    sequence.notes[1].is_drum = True
    sequence.notes[2].velocity = 0
    assert statistics.of_sequences([sequence]) == of((0, 1, 60))


def test_each_piece_counts_the_same() -> None:
    """And those in which nothing sounds are counted alone."""
    long = music(*((k, k + 1, 60 + k) for k in range(40)))
    pieces = [music((0, 1, 50)), piece.of(long), music(), music(total_time=3), music((1, 1, 20))]
    found = statistics.of_sequences(pieces)
    assert (found.pieces, found.silent, found.lowest, found.highest) == (5, 3, 50, 99)
    assert found.pitch_range == 39 / 2
    assert found.polyphony == 1


def test_nothing() -> None:
    found = statistics.of_sequences([music()])
    assert (found.pieces, found.silent, found.lowest, found.highest) == (1, 1, None, None)
    assert math.isnan(found.polyphony)
    assert '-' in statistics.side_by_side({'generated': found})


def test_times_that_there_are_not() -> None:
    with pytest.raises(ValueError, match='no number of seconds'):
        of((0, math.inf, 60))


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(1, 9), st.integers(60, 63)), min_size=1, max_size=12),
    st.integers(0, 32),
)
def test_frames_say_the_same(notes: list[tuple[int, int, int]], total: int) -> None:
    """Notes on a grid: the roll of them has the polyphony and the empty frames."""
    sequence = music(*((start, start + length, pitch) for start, length, pitch in notes), total_time=total)
    found = statistics.of_sequences([sequence])
    length = max(total, *(start + length for start, length, _ in notes))
    roll = piano_rolls.by_time(piece.of(sequence).notes, length, 1, 60, 63)
    keys = roll.sounding.sum(axis=1)
    assert found.empty == pytest.approx((keys == 0).mean())
    assert found.polyphony == pytest.approx(keys[keys > 0].mean())


@given(st.lists(st.floats(0.01, 2), min_size=1, max_size=60))
def test_a_melody_without_gaps_is_not_empty(lengths: list[float]) -> None:
    """Nor less than that, however its times are rounded."""
    times = np.concatenate([[0.0], np.cumsum(lengths)]).tolist()
    found = of(*((start, end, 60 + k % 5) for k, (start, end) in enumerate(itertools.pairwise(times))))
    assert 0 <= found.empty < 1e-12
    assert statistics.side_by_side({'': found}).splitlines()[-1].split()[-1] == '0.000'


def test_side_by_side() -> None:
    columns = {'generated': of((0, 2, 60), (0, 2, 64), (3, 4, 72), qpm=60), 'training': of((0, 1, 60))}
    assert statistics.side_by_side(columns).splitlines() == [
        '                              generated  training',
        'pieces                                1         1',
        'of them silent                        0         0',
        'lowest pitch (MIDI)                  60        60',
        'highest pitch (MIDI)                 72        60',
        'range of a piece (semitones)       12.0       0.0',
        'keys at once                       1.67      1.00',
        'notes a second                     0.75      1.00',
        'notes a quarter                    0.75      0.50',
        'pitch-class entropy (bits)         0.92      0.00',
        'share of empty frames             0.250     0.000',
    ]


def test_real_music_is_within_what_can_be(shared: Path) -> None:
    paths = sorted((shared / 'data' / 'chorales' / 'hymns_satb').glob('*.mid'))[:20]
    found = statistics.of_sequences([midi_io.midi_file_to_note_sequence(str(path)) for path in paths])
    assert found.silent == 0
    assert 3 < found.polyphony <= 4.5  # four voices
    assert 2 < found.pitch_class_entropy <= np.log2(12)
    assert 0 <= found.empty < 0.1
