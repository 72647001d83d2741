"""What a musician notices, of music that can be counted by hand, and what must not change it."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from note_seq.protobuf import music_pb2

from solferino.models.music.pieces import measures, piece, score
from solferino.models.music.pieces.measures import Measures
from solferino.models.music.pieces.score import Score

# A bar as (step, pitch), each a 16th long.
BAR = st.frozensets(st.tuples(st.integers(0, 15), st.integers(40, 80)), max_size=8)
BASS, SNARE, HAT = 36, 38, 42
BEAT = frozenset({(0, BASS), (4, SNARE), (8, BASS), (12, SNARE)})


def of_bars(*bars: frozenset[tuple[int, int]], is_drums: bool = False, metre: tuple[int, int] = (4, 4)) -> Score:
    """16 steps a bar, at 120 quarters a minute; a bar is two seconds."""
    sequence = music_pb2.NoteSequence(total_time=2.0 * len(bars))
    sequence.time_signatures.add(numerator=metre[0], denominator=metre[1])
    for number, bar in enumerate(bars):
        for step, pitch in sorted(bar):
            start = 2 * number + step / 8
            sequence.notes.add(start_time=start, end_time=start + 1 / 8, pitch=pitch, velocity=80, is_drum=is_drums)
    return score.read(piece.of(sequence), is_drums)


def of(*bars: frozenset[tuple[int, int]], is_drums: bool = False) -> Measures:
    return measures.of(of_bars(*bars, is_drums=is_drums))


def notes(*pitches: int) -> frozenset[tuple[int, int]]:
    """One on each of the steps from the first on."""
    return frozenset(enumerate(pitches))


def test_bars_that_come_back() -> None:
    one, two = notes(60, 62), notes(64)
    assert of(one, one, one, one).repetition == 1
    assert of(one, two, one, two).repetition == pytest.approx(2 / 3)
    assert of(one, notes(), notes(), two).repetition == 0  # silence that comes back is no music that does
    assert math.isnan(of(one).repetition)
    assert math.isnan(of(notes(), notes()).repetition)


def test_likeness_of_neighbours() -> None:
    assert of(notes(60, 62), notes(60, 62)).likeness == 1
    assert of(notes(60, 62), notes(60, 64)).likeness == pytest.approx(1 / 3)
    assert of(notes(60), notes(), notes(60)).likeness == 0
    assert of(notes(60), notes(60), notes(), notes()).likeness == pytest.approx(1 / 2)


def test_backbeat() -> None:
    assert of(BEAT, is_drums=True).backbeat == 1
    assert of(BEAT, frozenset({(0, BASS), (4, 40), (12, HAT)}), is_drums=True).backbeat == pytest.approx(3 / 4)
    assert math.isnan(of(BEAT).backbeat)
    assert math.isnan(measures.of(of_bars(BEAT, is_drums=True, metre=(3, 4))).backbeat)


def test_density_counts_silent_bars() -> None:
    found = of(notes(60, 62, 64), notes())
    assert (found.notes_per_bar, found.notes_per_second) == (1.5, 0.75)
    silent = of(notes(), notes())
    assert (silent.notes_per_bar, silent.notes_per_second) == (0, 0)
    assert all(math.isnan(v) for k, v in dataclasses.asdict(silent).items() if not k.startswith('notes'))


def test_leaps_are_of_the_highest_voice() -> None:
    found = of(frozenset({(0, 60), (0, 48), (1, 64), (2, 77), (2, 52)}))
    assert found.leap == pytest.approx((4 + 13) / 2)
    assert found.wide_leaps == pytest.approx(1 / 2)


def test_notes_in_the_scale() -> None:
    assert of(notes(60, 62, 64, 65, 67, 69, 71)).in_scale == 1
    assert of(notes(57, 59, 60, 62, 64, 65, 67)).in_scale == 1  # A minor
    assert of(notes(*range(60, 72))).in_scale == pytest.approx(7 / 12)


def test_keys_that_clash() -> None:
    assert of(frozenset({(0, 60), (0, 61)})).clash == 1
    assert of(frozenset({(0, 60), (0, 71), (0, 64)})).clash == pytest.approx(1 / 3)  # C, E and B
    assert of(frozenset({(0, 60), (0, 72)})).clash == 0
    assert math.isnan(of(notes(60, 62)).clash)
    assert of(frozenset({(0, 60), (0, 64), (5, 60)})).polyphony == pytest.approx(3 / 2)


@given(st.lists(BAR, min_size=1, max_size=5))
def test_shares_are_shares(bars: list[frozenset[tuple[int, int]]]) -> None:
    for is_drums in (False, True):
        found = dataclasses.asdict(of(*bars, is_drums=is_drums))
        for name in ('repetition', 'likeness', 'backbeat', 'wide_leaps', 'in_scale', 'clash'):
            assert math.isnan(found[name]) or 0 <= found[name] <= 1, name


@given(st.lists(BAR, min_size=1, max_size=5), st.integers(-20, 20))
def test_transposed_music_measures_the_same(bars: list[frozenset[tuple[int, int]]], semitones: int) -> None:
    moved = [frozenset((step, pitch + semitones) for step, pitch in bar) for bar in bars]
    np.testing.assert_equal(dataclasses.asdict(of(*moved)), dataclasses.asdict(of(*bars)))


@given(st.lists(BAR, min_size=1, max_size=5))
def test_bars_in_another_order_hold_as_much(bars: list[frozenset[tuple[int, int]]]) -> None:
    one, other = of(*bars), of(*reversed(bars))
    for name in ('repetition', 'likeness', 'notes_per_bar', 'in_scale', 'polyphony', 'clash'):
        assert getattr(one, name) == pytest.approx(getattr(other, name), nan_ok=True)


SOME = [of(notes(60, 62), notes(60, 62)), of(notes(60), notes(72, 60)), of(notes(64, 65, 67), notes(60))]
NAMES = ('repetition', 'likeness', 'notes_per_bar', 'leap')


def test_music_is_not_away_from_itself() -> None:
    assert measures.distances(SOME, SOME, NAMES) == dict.fromkeys(NAMES, 0)
    assert measures.distances(SOME * 5, list(reversed(SOME)), NAMES) == dict.fromkeys(NAMES, 0)


def test_distances_are_in_standard_deviations() -> None:
    known = [of(notes(*range(60, 60 + k)), notes()) for k in (1, 2, 3)]
    denser = [of(notes(*range(60, 60 + k + 2)), notes()) for k in (1, 2, 3)]
    found = measures.distances(denser, known, ['notes_per_bar'])['notes_per_bar']
    assert found == pytest.approx(1 / np.std([0.5, 1, 1.5]))


def test_silence_and_sameness_are_far_away() -> None:
    silent, same = [of(notes(), notes())] * 3, [SOME[1]] * 3
    assert measures.distances(silent, SOME, NAMES)['repetition'] == 3
    assert measures.distances(same, SOME, NAMES)['leap'] > 0.5
    half = [SOME[0], silent[0]]
    assert measures.distances(half, SOME, ['repetition'])['repetition'] > 1.5


def test_what_the_reference_has_not_is_not_compared() -> None:
    assert set(measures.distances(SOME, SOME, ['backbeat', 'leap'])) == {'leap'}


def test_means_leave_out_what_is_not_there() -> None:
    found = measures.means([SOME[0], of(notes())])
    assert found['repetition'] == 1
    assert math.isnan(found['backbeat'])
    assert set(found) == set(measures.TITLES) == {field.name for field in dataclasses.fields(Measures)}
