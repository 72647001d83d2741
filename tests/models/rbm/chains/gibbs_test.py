"""Gibbs chains: the probabilities they draw with, and what they leave alone."""

import numpy as np
import pytest

from solferino.models.rbm import equations
from solferino.models.rbm.chains import gibbs
from solferino.models.rbm.chains.gibbs import Machine

CHAINS = 20000


def _machine(visible: int = 6, hidden: int = 4, scale: float = 1.0) -> Machine:
    rng = np.random.default_rng(5)
    sizes = ((visible, hidden), visible, hidden)
    return Machine(*(rng.normal(0, scale, size).astype(np.float32) for size in sizes))


def _is_drawn_from(counts: np.ndarray, probabilities: np.ndarray) -> bool:
    """Whether Pearson's chi-squared is within five standard deviations of what it would be."""
    wanted = probabilities * counts.sum()
    degrees = len(counts) - 1
    return bool(((counts - wanted) ** 2 / wanted).sum() < degrees + 5 * (2 * degrees) ** 0.5)


def _numbers(states: np.ndarray) -> np.ndarray:
    return np.bincount(states @ (1 << np.arange(states.shape[1])), minlength=1 << states.shape[1])


def _distribution(machine: Machine, temperature: float = 1.0) -> np.ndarray:
    parameters = (x / temperature for x in (machine.weights, machine.visible_bias, machine.hidden_bias))
    logits = -equations.free_energy(equations.states(len(machine.visible_bias)), *parameters)
    return np.exp(logits - np.logaddexp.reduce(logits))


def test_one_step_draws_from_the_conditionals() -> None:
    machine = _machine(3, 2)
    start = np.array([True, False, True])
    on = equations.sigmoid(start @ machine.weights + machine.hidden_bias)
    h = equations.states(2)
    of_hidden = np.where(h, on, 1 - on).prod(axis=1)
    of_visible = equations.sigmoid(h @ machine.weights.T + machine.visible_bias)  # [4, 3]
    v = equations.states(3)
    wanted = (of_hidden[:, None] * np.where(v, of_visible[:, None], 1 - of_visible[:, None]).prod(axis=2)).sum(axis=0)
    ended = gibbs.sample(machine, np.tile(start, (CHAINS, 1)), 1, seed=[1])
    assert _is_drawn_from(_numbers(ended), wanted)


@pytest.mark.parametrize('temperature', [0.5, 1.0, 3.0])
def test_long_chains_draw_from_the_machine(temperature: float) -> None:
    machine = _machine(scale=0.7)
    ended = gibbs.sample(machine, np.zeros((CHAINS, 6), bool), 60, temperature=temperature, seed=[2])
    assert _is_drawn_from(_numbers(ended), _distribution(machine, temperature))


def test_held_units_condition_the_others() -> None:
    machine = _machine(scale=0.7)
    start = np.tile(np.array([1, 0, 0, 0, 0, 0], bool), (CHAINS, 1))
    held = np.array([1, 1, 0, 0, 0, 0], bool)
    ended = gibbs.sample(machine, start, 60, held=held, seed=[3])
    assert (ended[:, :2] == start[:, :2]).all()
    fitting = (equations.states(6)[:, :2] == [1, 0]).all(axis=1)
    wanted = _distribution(machine)[fitting]
    assert _is_drawn_from(_numbers(ended)[fitting], wanted / wanted.sum())


def test_a_chain_does_not_depend_on_those_beside_it_nor_on_threads() -> None:
    machine, start = _machine(40, 30), np.zeros((50, 40), bool)
    many = gibbs.sample(machine, start, 20, seed=[4])
    np.testing.assert_array_equal(gibbs.sample(machine, start[:5], 20, seed=[4]), many[:5])
    np.testing.assert_array_equal(gibbs.sample(machine, start, 20, seed=[4], threads=1), many)
    assert (gibbs.sample(machine, start, 20, seed=[5]) != many).any()


def test_the_last_step_may_be_mean_field() -> None:
    """With one hidden unit that is always on, nothing of the visible units' probabilities is left to chance."""
    weights, bias = np.array([[-2], [2], [0]], np.float32), np.array([1, -1, 2], np.float32)
    machine = Machine(weights, bias, np.array([50], np.float32))
    ended = gibbs.sample(machine, np.zeros((100, 3), bool), 3, mean_field=True)
    assert (ended == [False, True, True]).all()
    held = gibbs.sample(machine, np.zeros((100, 3), bool), 3, mean_field=True, held=np.array([False, True, False]))
    assert (held == [False, False, True]).all()


@pytest.mark.parametrize('shared', [True, False])
def test_from_hidden_states_chains_draw_from_the_conditionals(shared: bool) -> None:
    """With the biases of one machine, or with a row of them for each chain; more chains than go together."""
    machine = _machine(3, 2)
    hidden = np.tile(np.array([1, 0], np.float32), (CHAINS, 1))
    biases = (machine.visible_bias, machine.hidden_bias)
    if not shared:
        biases = tuple(np.tile(bias, (CHAINS, 1)) for bias in biases)
    visible, last, _ = gibbs.sample_from_hidden(hidden, machine.weights, *biases, np.array([1, -2]), 1)
    of_visible = equations.sigmoid(machine.weights @ [1, 0] + machine.visible_bias)
    v, h = equations.states(3), equations.states(2)
    wanted_visible = np.where(v, of_visible, 1 - of_visible).prod(axis=1)
    assert _is_drawn_from(_numbers(visible.astype(int)), wanted_visible)
    on = equations.sigmoid(v @ machine.weights + machine.hidden_bias)[:, None]  # [8, 1, 2]
    wanted = wanted_visible @ np.where(h, on, 1 - on).prod(axis=2)
    assert _is_drawn_from(_numbers(last.astype(int)), wanted)


def test_training_chains_of_many_steps_draw_from_the_machine() -> None:
    machine = _machine(scale=0.7)
    parameters = (machine.weights, machine.visible_bias, machine.hidden_bias)
    visible, _, preactivations = gibbs.sample_from_hidden(
        np.zeros((CHAINS, 4), np.float32), *parameters, np.array([0, 3]), 60
    )
    assert _is_drawn_from(_numbers(visible.astype(int)), _distribution(machine))
    again, *_ = gibbs.sample_from_hidden(np.zeros((CHAINS, 4), np.float32), *parameters, np.array([0, 3]), 60)
    other, *_ = gibbs.sample_from_hidden(np.zeros((CHAINS, 4), np.float32), *parameters, np.array([0, 4]), 60)
    np.testing.assert_allclose(preactivations, visible @ machine.weights, atol=1e-5)
    assert (visible == again).all() and (visible != other).any()
