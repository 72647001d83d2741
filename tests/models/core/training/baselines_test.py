"""The baselines are what they are said to be."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solferino.models.core.training import baselines
from solferino.models.core.training.baselines import Baseline, Smoothing


def matrix(baseline: Baseline) -> np.ndarray:
    """All its probabilities, [classes, classes], the event before first."""
    size = len(baseline.prior)
    before, after = (part.ravel() for part in np.indices((size, size)))
    return baseline.probabilities(before, after).reshape(size, size)


def of_counts(counts: np.ndarray, prior: np.ndarray, smoothing: Smoothing) -> Baseline:
    """A Markov model of counts [classes, classes]."""
    before, after = counts.nonzero()
    return Baseline('by hand', prior, baselines.Pairs(before, after, counts[before, after]), smoothing)


def markov_tracks(rng: np.random.Generator, transitions: np.ndarray, tracks: int, steps: int) -> list[np.ndarray]:
    """Tracks drawn from a Markov chain."""
    found = []
    for _ in range(tracks):
        events = [int(rng.integers(len(transitions)))]
        while len(events) < steps:
            events.append(int(rng.choice(len(transitions), p=transitions[events[-1]])))
        found.append(np.array(events))
    return found


def test_counts_pairs_of_neighbours() -> None:
    pairs = baselines.count([np.array([0, 1, 1, 1]), np.array([2]), np.array([1, 0])], 3)
    np.testing.assert_array_equal(
        np.stack([pairs.before, pairs.after, pairs.counts]), [[0, 1, 1], [1, 0, 1], [1, 1, 2]]
    )


def test_smoothing_by_hand() -> None:
    # 3 of class 0 and 1 of class 1; (3 - 1/2 + (1 + 1/2 * 2) / 3) / (4 + 1), and so on.
    actual = baselines.smoothed(np.array([3, 1, 0]), 4, 2, 1 / 3, Smoothing(discount=0.5, strength=1.0))
    np.testing.assert_allclose(actual, np.array([2.5 + 2 / 3, 0.5 + 2 / 3, 2 / 3]) / 5)
    # Additive smoothing: a third of an event more for each class.
    actual = baselines.smoothed(np.array([3, 1, 0]), 4, 2, 1 / 3, Smoothing(discount=0.0, strength=1.0))
    np.testing.assert_allclose(actual, np.array([3 + 1 / 3, 1 + 1 / 3, 1 / 3]) / 5)


def test_unseen_history_gets_the_prior() -> None:
    prior = np.array([0.7, 0.2, 0.1])
    for smoothing in baselines.GRID:
        model = of_counts(np.array([[0, 0, 0], [0, 0, 4], [0, 0, 0]]), prior, smoothing)
        np.testing.assert_allclose(matrix(model)[0], prior)


def test_probabilities_are_positive_and_add_to_one() -> None:
    counts = np.random.default_rng(0).poisson(0.7, size=(6, 6))
    for smoothing in baselines.GRID:
        actual = matrix(of_counts(counts, np.full(6, 1 / 6), smoothing))
        assert actual.min() > 0
        np.testing.assert_allclose(actual.sum(axis=1), 1)


def test_loss_and_accuracy_by_hand() -> None:
    model = of_counts(np.array([[2, 1], [1, 3]]), np.full(2, 0.5), Smoothing(0.0, 1.0))
    np.testing.assert_allclose(matrix(model), [[2.5 / 4, 1.5 / 4], [1.5 / 5, 3.5 / 5]])
    # 0 -> 1, 1 -> 1, 1 -> 0 and 1 -> 1; nothing is asked about a first event.
    tracks = [np.array([0, 1, 1, 0]), np.array([1, 1]), np.array([0])]
    assert model.loss(tracks) == pytest.approx(-np.log([1.5 / 4, 3.5 / 5, 1.5 / 5, 3.5 / 5]).mean())
    assert model.accuracy(tracks) == 0.5


@given(st.integers(1, 6), st.integers(0, 2**32 - 1), st.sampled_from(baselines.GRID))
def test_the_likeliest_is_the_likeliest_of_all(size: int, seed: int, smoothing: Smoothing) -> None:
    rng = np.random.default_rng(seed)
    prior = rng.dirichlet(np.ones(size)) + 1e-6
    model = of_counts(rng.poisson(0.5, size=(size, size)), prior / prior.sum(), smoothing)
    rows = matrix(model)
    np.testing.assert_allclose(rows[np.arange(size), model.likeliest()], rows.max(axis=1), rtol=1e-12)


def test_markov_finds_the_entropy_of_a_markov_source_and_unigram_does_not() -> None:
    rng = np.random.default_rng(1)
    transitions = np.array([[0.05, 0.9, 0.05], [0.1, 0.1, 0.8], [0.7, 0.2, 0.1]])
    tracks = markov_tracks(rng, transitions, tracks=60, steps=100)
    training, held_out = tracks[:40], tracks[40:]
    unigram, markov = baselines.fit(training, 3)
    np.testing.assert_allclose(matrix(markov), transitions, atol=0.03)
    rows = np.linalg.matrix_power(transitions, 50)[0]
    entropy = -(rows[:, None] * transitions * np.log(transitions)).sum()
    assert markov.loss(held_out) == pytest.approx(entropy, abs=0.03)
    assert unigram.loss(held_out) > markov.loss(held_out) + 0.2
    assert markov.accuracy(held_out) == pytest.approx((rows * transitions.max(axis=1)).sum(), abs=0.03)
    assert unigram.accuracy(held_out) == pytest.approx(rows.max(), abs=0.03)


def test_where_order_means_nothing_markov_is_no_worse_than_unigram() -> None:
    rng = np.random.default_rng(2)
    tracks = [rng.choice(50, size=30, p=np.arange(1, 51) / 1275) for _ in range(40)]
    unigram, markov = baselines.fit(tracks[:20], 50)
    assert markov.loss(tracks[20:]) == pytest.approx(unigram.loss(tracks[20:]), abs=0.02)
    assert markov.smoothing.strength >= 100


def test_fit_asks_the_training_side_only() -> None:
    """Smoothing that is chosen by tracks left out is near the best there is for other tracks of the same source."""
    rng = np.random.default_rng(3)
    transitions = rng.dirichlet(np.full(40, 0.05), size=40)
    tracks = markov_tracks(rng, transitions, tracks=40, steps=60)
    _, markov = baselines.fit(tracks[:20], 40)
    best = min(Baseline('any', markov.prior, markov.pairs, smoothing).loss(tracks[20:]) for smoothing in baselines.GRID)
    assert markov.loss(tracks[20:]) < best + 0.02


def test_keys_loss_by_hand() -> None:
    # The first key: silent then silent, silent then sounding. The second sounds, and goes on twice.
    track = np.array([[0, 1], [0, 1], [1, 1]], bool)
    held_out = [np.array([[0, 1], [1, 0]], bool), np.array([[0, 0], [0, 1]], bool)]
    first = [np.log(1.5 / 3), np.log(1.5 / 3)]
    second = [np.log(0.5 / 3), np.log(0.5 / 1)]
    assert baselines.keys_loss([track], held_out) == pytest.approx(-(sum(first) + sum(second)) / 2)


def test_one_track_is_enough() -> None:
    unigram, markov = baselines.fit([np.array([0, 1, 0, 1, 0])], 3)
    assert markov.accuracy([np.array([0, 1, 0])]) == 1
    assert np.isfinite(unigram.loss([np.array([2, 2])]))


@given(st.integers(1, 70), st.integers(0, 2**32 - 1))
def test_tracks_that_come_some_at_a_time_are_counted_as_all_at_once(number: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    tracks = [rng.integers(0, 4, rng.integers(2, 9)) for _ in range(number)]
    whole, whole_folds = baselines._in_folds(tracks, 4)
    with mock.patch.object(baselines, '_AT_A_TIME', 20):
        parts, folds = baselines._in_folds(iter(tracks), 4)
        counted = baselines.count(iter(tracks), 4)
    for pairs in (parts, counted):
        for name in ('before', 'after', 'counts'):
            assert getattr(pairs, name).tolist() == getattr(whole, name).tolist()
    assert [one.tolist() for one in whole_folds] == [one.tolist() for one in folds]
    assert sum(folds).tolist() == parts.counts.tolist()
    for first in (0, 3, 9):
        assert folds[first].sum() == sum(len(track) - 1 for track in tracks[first::10])
