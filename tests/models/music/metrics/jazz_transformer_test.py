"""The measures of the Jazz Transformer, and the scape plot that one of them is taken from."""

import itertools
import math

import numpy as np
import pytest
from note_seq.protobuf import music_pb2

from solferino.models.music.metrics import all_metrics, descriptive, grid, jazz_transformer, scape, tonal
from solferino.models.music.pieces import piece


def _music(pitches: list[int], seconds: float = 0.5, instrument: int = 0) -> music_pb2.NoteSequence:
    """A note each quarter; -1 is a rest."""
    sequence = music_pb2.NoteSequence(total_time=len(pitches) * seconds)
    sequence.tempos.add(qpm=60 / seconds)
    for number, pitch in enumerate(pitches):
        if pitch >= 0:
            sequence.notes.add(
                pitch=pitch, velocity=80, start_time=number * seconds, end_time=(number + 1) * seconds,
                instrument=instrument,
            )  # fmt: skip
    return sequence


def _grid(pitches: list[int]) -> grid.Grid:
    return grid.read(piece.of(_music(pitches)))


def test_entropy_of_one_bar_and_of_four() -> None:
    notes = _grid([60, 62, 64, 65] + [60] * 4 + [-1] * 4 + [60, 60, 62, 62])
    assert jazz_transformer.histogram_entropy(notes, 1) == pytest.approx((2 + 0 + 1) / 3)
    counts = np.array([7, 3, 1, 1]) / 12
    assert jazz_transformer.histogram_entropy(notes, 4) == pytest.approx(-(counts * np.log2(counts)).sum())


def test_grooving_similarity_is_the_mean_over_all_pairs() -> None:
    rng = np.random.default_rng(0)
    notes = _grid([int(p) for p in rng.choice([-1, 60], 28)] + [60] * 4)
    bars = descriptive.onsets_of_bars(notes)[:8]
    expected = np.mean([1 - np.mean(a ^ b) for a, b in itertools.combinations(bars, 2)])
    assert jazz_transformer.grooving_similarity(notes) == pytest.approx(expected)


def test_chords_that_come_back_are_regular() -> None:
    def played(names: list[list[int]]) -> music_pb2.NoteSequence:
        sequence = _music([76] * (4 * len(names)))
        for number, chord in enumerate(names):
            for pitch in chord:
                sequence.notes.add(
                    pitch=pitch, velocity=80, start_time=2.0 * number, end_time=2.0 * number + 2, instrument=1
                )
        return sequence

    c, f, g, a = [48, 52, 55], [53, 57, 60], [55, 59, 62], [57, 60, 64]
    regular = jazz_transformer.chord_irregularity(piece.of(played([c, f, g] * 6)))
    other = jazz_transformer.chord_irregularity(piece.of(played([c, f, g, a, c, g, f, a, g])))
    assert regular < 0.5 < other
    assert math.isnan(jazz_transformer.chord_irregularity(piece.of(_music([60]))))


def test_what_repeats_is_fit() -> None:
    rng = np.random.default_rng(1)
    theme, other = rng.random((8, 12)), rng.random((8, 12))
    values = scape.fitness(scape.similarity(np.concatenate([theme, other, theme, other])))
    assert values.min() >= 0 and values.max() <= 1
    best = np.unravel_index(values.argmax(), values.shape)
    assert best[0] + 1 == 16 and best[1] in (0, 16)  # half of it, which repeats once
    assert values[15, 0] > 1.5 * scape.fitness(scape.similarity(rng.random((32, 12)))).max()


def _paths(values: np.ndarray, row: int, column: int, size: int, first: int) -> list[tuple[float, int, int]]:
    """(score, length, last row) of the paths from here to the last column of a stretch."""
    here = float(values[row, first + column])
    found = [(here, 1, row)] if column == size - 1 else []
    for down, right in ((1, 1), (2, 1), (1, 2)):
        if row + down < len(values) and column + right < size:
            rest = _paths(values, row + down, column + right, size, first)
            found += [(here + score, length + 1, end) for score, length, end in rest]
    return found


def _best(values: np.ndarray, row: int, size: int, first: int) -> tuple[float, int, int]:
    """(score, length, rows) of the best family of paths from a row on."""
    if row >= len(values):
        return (0.0, 0, 0)
    options = [_best(values, row + 1, size, first)]
    for score, length, end in _paths(values, row, 0, size, first):
        after = _best(values, end + 1, size, first)
        options.append((score + after[0], length + after[1], end - row + 1 + after[2]))
    return max(options)


@pytest.mark.parametrize('seed', range(5))
def test_fitness_is_that_of_the_best_family_of_paths(seed: int) -> None:
    """Against a search over all families, by brute force."""
    values = np.random.default_rng(seed).normal(0.3, 1, (6, 6)).round(2)
    found = scape.fitness(values)
    for size in range(1, 7):
        for first in range(7 - size):
            score, length, rows = _best(values, 0, size, first)
            normal, coverage = (score - size) / max(length, 1), (rows - size) / 6
            expected = 2 * normal * coverage / (normal + coverage) if normal > 0 and coverage > 0 else 0.0
            assert found[size - 1, first] == pytest.approx(expected), (size, first)


def test_tonal_distance_of_a_fifth_is_less_than_of_a_tritone() -> None:
    def of(interval: int) -> float:
        sequence = _music([60] * 8)
        sequence.MergeFrom(_music([60 + interval] * 8, instrument=1))
        return tonal.tonal_distance(grid.read(piece.of(sequence)))

    assert of(12) == pytest.approx(0)
    assert of(7) < of(2) < of(6)
    assert math.isnan(tonal.tonal_distance(_grid([60] * 8)))


def test_silence_has_no_metrics() -> None:
    found = all_metrics.measure(piece.of(music_pb2.NoteSequence()))
    assert set(found) == set(all_metrics.TITLES)
    assert all(math.isnan(value) for value in found.values())
    late = _music([60])
    late.notes[0].end_time = 1e12
    with pytest.raises(ValueError, match='no time that can be measured'):
        all_metrics.measure(piece.of(late))
