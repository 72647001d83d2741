"""The baselines are what they are said to be."""

import baselines
import numpy as np
import pytest
from baselines import Smoothing


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
    counts = baselines.count([np.array([0, 1, 1, 1]), np.array([2]), np.array([1, 0])], 3)
    np.testing.assert_array_equal(counts, [[0, 1, 0], [1, 2, 0], [0, 0, 0]])


def test_smoothing_by_hand() -> None:
    # 3 of class 0 and 1 of class 1; (3 - 1/2 + (1 + 1/2 * 2) / 3) / (4 + 1), and so on.
    uniform = np.full(3, 1 / 3)
    actual = baselines.smoothed(np.array([3, 1, 0]), uniform, Smoothing(discount=0.5, strength=1.0))
    np.testing.assert_allclose(actual, np.array([2.5 + 2 / 3, 0.5 + 2 / 3, 2 / 3]) / 5)
    # Additive smoothing: a third of an event more for each class.
    actual = baselines.smoothed(np.array([3, 1, 0]), uniform, Smoothing(discount=0.0, strength=1.0))
    np.testing.assert_allclose(actual, np.array([3 + 1 / 3, 1 + 1 / 3, 1 / 3]) / 5)


def test_unseen_history_gets_the_prior() -> None:
    prior = np.array([0.7, 0.2, 0.1])
    for smoothing in baselines.GRID:
        actual = baselines.smoothed(np.array([[0, 0, 0], [0, 0, 4]]), prior, smoothing)
        np.testing.assert_allclose(actual[0], prior)


def test_probabilities_are_positive_and_add_to_one() -> None:
    counts = np.random.default_rng(0).poisson(0.7, size=(6, 6))
    for smoothing in baselines.GRID:
        actual = baselines.smoothed(counts, np.full(6, 1 / 6), smoothing)
        assert actual.min() > 0
        np.testing.assert_allclose(actual.sum(axis=1), 1)


def test_loss_by_hand() -> None:
    model = baselines.Baseline('by hand', np.array([[0.5, 0.5], [0.25, 0.75]]), Smoothing(0.0, 1.0))
    # 0 -> 1, 1 -> 1, 1 -> 0 and 1 -> 1; nothing is asked about a first event.
    expected = -np.log([0.5, 0.75, 0.25, 0.75]).mean()
    assert model.loss([np.array([0, 1, 1, 0]), np.array([1, 1]), np.array([0])]) == pytest.approx(expected)


def test_markov_finds_the_entropy_of_a_markov_source_and_unigram_does_not() -> None:
    rng = np.random.default_rng(1)
    transitions = np.array([[0.05, 0.9, 0.05], [0.1, 0.1, 0.8], [0.7, 0.2, 0.1]])
    tracks = markov_tracks(rng, transitions, tracks=60, steps=100)
    training, held_out = tracks[:40], tracks[40:]
    unigram, markov = baselines.fit(training, 3)
    np.testing.assert_allclose(markov.probabilities, transitions, atol=0.03)
    rows = np.linalg.matrix_power(transitions, 50)[0]
    entropy = -(rows[:, None] * transitions * np.log(transitions)).sum()
    assert markov.loss(held_out) == pytest.approx(entropy, abs=0.03)
    assert unigram.loss(held_out) > markov.loss(held_out) + 0.2


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
    unigram, _ = baselines.fit(tracks[:20], 40)
    counts = baselines.count(tracks[:20], 40)
    best = min(
        baselines.score(baselines.smoothed(counts, unigram.probabilities, smoothing), baselines.count(tracks[20:], 40))
        for smoothing in baselines.GRID
    )
    assert markov.loss(tracks[20:]) < best + 0.02
