"""The machine's equations against sums over all of its states."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from solferino.models.rbm import contrastive, equations


def _machine(seed: int, visible: int, hidden: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(0, 1, (visible, hidden)), rng.normal(-1, 1, visible), rng.normal(0, 1, hidden)


def _minus_energies(weights: np.ndarray, visible_bias: np.ndarray, hidden_bias: np.ndarray) -> np.ndarray:
    """-E(v, h) for all states, [2**V, 2**H], from the definition."""
    v, h = (np.array(list(itertools.product((0, 1), repeat=len(bias)))) for bias in (visible_bias, hidden_bias))
    return np.array([[x @ visible_bias + y @ hidden_bias + x @ weights @ y for y in h] for x in v])


def test_free_energy_sums_the_hidden_units_out() -> None:
    machine = _machine(0, 4, 3)
    v = np.array(list(itertools.product((0, 1), repeat=4)))
    wanted = -np.logaddexp.reduce(_minus_energies(*machine), axis=1)
    np.testing.assert_allclose(equations.free_energy(v, *machine), wanted, rtol=1e-12)
    parameters = contrastive.Parameters(*(tf.constant(x, tf.float32) for x in machine))
    np.testing.assert_allclose(contrastive.free_energy(tf.constant(v, tf.float32), parameters), wanted, rtol=1e-5)


def test_rows_may_have_biases_of_their_own() -> None:
    weights, _, _ = _machine(0, 4, 3)
    rng = np.random.default_rng(1)
    v, visible_bias, hidden_bias = rng.integers(0, 2, (5, 4)), rng.normal(size=(5, 4)), rng.normal(size=(5, 3))
    together = equations.free_energy(v, weights, visible_bias, hidden_bias)
    alone = [equations.free_energy(v[k], weights, visible_bias[k], hidden_bias[k]) for k in range(5)]
    np.testing.assert_allclose(together, alone)
    parameters = contrastive.Parameters(*(tf.constant(x, tf.float32) for x in (weights, visible_bias, hidden_bias)))
    np.testing.assert_allclose(contrastive.free_energy(tf.constant(v, tf.float32), parameters), alone, rtol=1e-5)


@pytest.mark.parametrize(('visible', 'hidden'), [(5, 3), (3, 5), (1, 1), (4, 10), (11, 9)])
def test_log_partition_by_enumeration(visible: int, hidden: int) -> None:
    machine = _machine(2, visible, hidden)
    sums = -equations.free_energy(equations.states(visible), *machine)
    np.testing.assert_allclose(equations.exact_log_partition(*machine), np.logaddexp.reduce(sums), rtol=1e-12)


def test_too_many_states_are_not_enumerated() -> None:
    with pytest.raises(ValueError, match='21 units'):
        equations.exact_log_partition(*_machine(0, 30, 21))


def _conditionals(weights: np.ndarray, visible_bias: np.ndarray, hidden_bias: np.ndarray, v: np.ndarray) -> np.ndarray:
    """log p(v_i | all others) of one state, from the joint probabilities."""
    energy = equations.free_energy(v, weights, visible_bias, hidden_bias)
    flips = abs(v - np.eye(len(v)))
    return -np.logaddexp(0, energy - equations.free_energy(flips, weights, visible_bias, hidden_bias))


def test_pseudo_likelihood() -> None:
    machine = _machine(3, 7, 4)
    v = np.random.default_rng(4).integers(0, 2, (6, 7))
    wanted = np.array([_conditionals(*machine, row).sum() for row in v])
    parameters = contrastive.Parameters(*(tf.constant(x, tf.float32) for x in machine))
    visible, seed = tf.constant(v, tf.float32), tf.constant([0, 0], tf.int64)
    everything = contrastive.pseudo_log_likelihood(visible, parameters, 1 << 20, seed)
    np.testing.assert_allclose(everything, wanted, rtol=1e-5)
    # From two units of each row the mean of many estimates is the same.
    some = [
        contrastive.pseudo_log_likelihood(visible, parameters, 2 * 6 * 4, tf.constant([0, k], tf.int64)).numpy()
        for k in range(2000)
    ]
    assert np.std(some, axis=0).min() > 0.1
    np.testing.assert_allclose(np.mean(some, axis=0), wanted, atol=5 * np.std(some, axis=0).max() / 2000**0.5)
