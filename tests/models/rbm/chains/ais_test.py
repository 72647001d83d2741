"""Annealed importance sampling against enumeration."""

import numpy as np
import pytest

from solferino.models.rbm import equations
from solferino.models.rbm.chains import ais


def _machine(seed: int, visible: int, hidden: int, scale: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(0, scale, (visible, hidden)), rng.normal(-2, 1, visible), rng.normal(0, 1, hidden)


@pytest.mark.parametrize(
    ('visible', 'hidden', 'scale'), [(12, 8, 1.0), (88, 12, 0.5), (40, 13, 0.3), (9, 30, 0.5), (300, 5, 0.2)]
)
@pytest.mark.parametrize('has_base', [False, True])
def test_estimates_are_within_their_interval(visible: int, hidden: int, scale: float, has_base: bool) -> None:
    machine = _machine(visible, visible, hidden, scale)
    base = np.full(visible, -1.5) if has_base else None
    found = ais.log_partition(*machine, base_bias=base)
    assert 0 < found.error[0] < 0.2
    assert found.low[0] < equations.exact_log_partition(*machine) < found.high[0]


def test_the_interval_is_honest() -> None:
    """Of many estimates, two of three are within one error, and their mean weight is right."""
    machine = _machine(1, 15, 7, 0.8)
    exact = equations.exact_log_partition(*machine)
    found = [ais.log_partition(*machine, steps=100, chains=50, seed=seed) for seed in range(100)]
    values, errors = (np.array([getattr(z, name)[0] for z in found]) for name in ('value', 'error'))
    assert 0.55 < (abs(values - exact) < errors).mean() < 0.85
    assert abs(np.log(np.exp(values - exact).mean())) < 4 * errors.mean() / 10


def test_many_machines_share_their_weights() -> None:
    weights, _, _ = _machine(2, 10, 6, 0.7)
    rng = np.random.default_rng(3)
    visible_bias, hidden_bias = rng.normal(-1, 1, (40, 10)), rng.normal(0, 1, (40, 6))
    found = ais.log_partition(weights, visible_bias, hidden_bias, steps=200, chains=40)
    exact = [equations.exact_log_partition(weights, b, c) for b, c in zip(visible_bias, hidden_bias, strict=True)]
    assert (abs(found.value - exact) < 5 * found.error).all()
    alone = ais.log_partition(weights, visible_bias[0], hidden_bias[0], steps=200, chains=40)
    np.testing.assert_allclose(found.value[0], alone.value[0], atol=1e-4)


def test_estimates_do_not_depend_on_threads() -> None:
    machine = _machine(4, 30, 40, 0.3)
    one, two = (ais.log_partition(*machine, steps=100, chains=70, threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one.value, two.value)
    np.testing.assert_array_equal(one.error, two.error)


def test_a_machine_without_connections_is_exact() -> None:
    bias, hidden = np.array([0.5, -1.0, 2.0]), np.array([0.0, 0.0])
    found = ais.log_partition(np.zeros((3, 2)), bias, hidden, chains=10)
    np.testing.assert_allclose(found.value[0], equations.softplus(bias).sum() + 2 * np.log(2), rtol=1e-6)
    assert found.error[0] < 1e-6


def test_enumeration_is_preferred_where_it_can_be_had() -> None:
    machine = _machine(5, 30, 6, 0.5)
    found = ais.best_log_partition(*machine)
    assert found.value[0] == equations.exact_log_partition(*machine)
    assert found.low[0] == found.high[0] == found.value[0]
    assert ais.best_log_partition(*_machine(5, 30, 20, 0.2)).error[0] == 0
    assert ais.best_log_partition(*_machine(5, 30, 21, 0.2)).error[0] > 0
