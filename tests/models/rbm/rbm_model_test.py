"""Training: the gradient, what is learned, and that a run that is resumed goes on as it would have."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from solferino.hparams.rbm import RbmHparams
from solferino.models.core.storage import checkpoints
from solferino.models.rbm import contrastive, equations
from solferino.models.rbm.rbm_model import Rbm

UNITS = 8
HPARAMS = RbmHparams(
    batch_size=50, num_timesteps=1, hidden_units=6, learning_rate=0.05, weight_decay=0.0, cd_steps=1, averaging=0.0
)


def _data() -> np.ndarray:
    """Three patterns, each unit of them flipped now and then: uint8 [300, UNITS]."""
    rng = np.random.default_rng(0)
    patterns = rng.random((3, UNITS)) < 0.4
    return (patterns[rng.integers(0, 3, 300)] ^ (rng.random((300, UNITS)) < 0.05)).astype(np.uint8)


def _batch(rows: np.ndarray) -> dict[str, tf.Tensor]:
    """Examples of one or two windows, the shorter ones padded with ones, which must not count."""
    lengths = np.arange(len(rows)) % 2 + 1
    visible = np.ones((len(rows), 2, rows.shape[1]), np.uint8)
    visible[:, 0] = rows
    visible[lengths == 2, 1] = rows[lengths == 2]
    return {'visible': tf.constant(visible), 'length': tf.constant(lengths.astype(np.int32))}


def _model(hparams: RbmHparams, seed: int = 1) -> Rbm:
    return Rbm(hparams, np.full(UNITS, -0.5, np.float32), seed)


def _train(model: Rbm, steps: int, first: int = 0) -> None:
    step, data = tf.function(model.train_step), _data()
    for number in range(first, first + steps):
        chosen = np.random.default_rng(number).integers(0, len(data), HPARAMS.batch_size)
        step(_batch(data[chosen]))


def _divergence(model: Rbm) -> float:
    """Kullback-Leibler divergence of the model from the data's distribution, in nats."""
    parameters = [np.array(v.numpy()) for v in model.named_weights().values()]
    states = equations.states(UNITS)
    log_p = -equations.free_energy(states, *parameters) - equations.exact_log_partition(*parameters)
    counts = np.bincount(_data() @ (1 << np.arange(UNITS)), minlength=1 << UNITS) / len(_data())
    seen = counts > 0
    return float((counts[seen] * (np.log(counts[seen]) - log_p[seen])).sum())


@pytest.mark.parametrize(
    'changes',
    [
        {},
        {'cd_steps': 5},
        {'persistent': True, 'cd_steps': 5, 'chains': 100, 'momentum': 0.5, 'learning_rate': 0.2, 'decay_steps': 700},
        {'optimizer': 'adam', 'learning_rate': 0.02, 'weight_decay': 0.0001, 'averaging': 0.99},
    ],
)
def test_the_distribution_is_learned(changes: dict[str, Any]) -> None:
    model = _model(dataclasses.replace(HPARAMS, **changes))
    before = _divergence(model)
    _train(model, 700)
    assert _divergence(model) < 0.4 * before


def test_gradient_is_that_of_the_free_energies() -> None:
    """With plain gradient descent a step moves against the gradient of F(data) - F(where the chains are)."""
    model = _model(dataclasses.replace(HPARAMS, persistent=True, momentum=0.0, learning_rate=1.0, chains=40))
    rows = _data()[:30]
    start = model.parameters
    metrics = model.train_step(_batch(rows))
    end = model.parameters
    # The chains' visible states are drawn again from where the chains were before: nothing was on.
    seed = contrastive.nth(contrastive.seed_of_step(1, tf.constant(0)), 2)
    chains, _, hidden = contrastive.gibbs(tf.zeros([40, 6]), start, 1, seed)
    np.testing.assert_array_equal(hidden, model.named_optimizer_state()['chains'].numpy())
    data = tf.constant(np.concatenate([rows, rows[1::2]]), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(start)
        difference = tf.reduce_mean(contrastive.free_energy(data, start))
        difference -= tf.reduce_mean(contrastive.free_energy(chains, start))
    gradients = tape.gradient(difference, start)
    for before, after, gradient in zip(start, end, gradients, strict=True):
        np.testing.assert_allclose(before - after, gradient, atol=1e-6)
    np.testing.assert_allclose(metrics['gradient_norm'][0], tf.linalg.global_norm(list(gradients)), rtol=1e-5)
    assert metrics['events'][0] == len(data)


@pytest.mark.parametrize('optimizer', ['momentum', 'adam'])
def test_a_resumed_run_repeats_an_uninterrupted_one(optimizer: str) -> None:
    hparams = dataclasses.replace(
        HPARAMS, persistent=True, sparsity_cost=0.1, optimizer=optimizer, decay_steps=20, averaging=0.9
    )
    whole = _model(hparams)
    _train(whole, 12)
    first = _model(hparams)
    _train(first, 5)
    resumed = _model(hparams)
    checkpoints.restore(resumed, checkpoints.capture(first, {}))
    _train(resumed, 7, first=5)
    for kind in ('weights', 'optimizer'):
        wanted, found = (getattr(checkpoints.capture(model, {}), kind) for model in (whole, resumed))
        for name, array in wanted.items():
            np.testing.assert_array_equal(array, found[name], err_msg=name)


def test_what_generation_does_not_need_is_no_weight() -> None:
    model = _model(dataclasses.replace(HPARAMS, persistent=True, sparsity_cost=0.1))
    assert set(model.named_weights()) == {'weights', 'visible_bias', 'hidden_bias'}
    assert {'chains', 'activity'} < set(model.named_optimizer_state())
    assert 'chains' not in _model(HPARAMS).named_optimizer_state()


def test_sparsity_target_is_approached() -> None:
    def activity(cost: float) -> float:
        model = _model(dataclasses.replace(HPARAMS, sparsity_cost=cost, sparsity_target=0.1))
        _train(model, 200)
        return float(tf.reduce_mean(model.histograms(_batch(_data()))['hidden_activation']))

    assert abs(activity(0.5) - 0.1) < 0.5 * abs(activity(0.0) - 0.1)


def test_weight_decay_shrinks_weights() -> None:
    def norm(decay: float) -> float:
        model = _model(dataclasses.replace(HPARAMS, weight_decay=decay))
        _train(model, 200)
        return float(tf.norm(model.parameters.weights))

    assert norm(0.1) < 0.5 * norm(0.0)


def test_values_are_those_of_a_step() -> None:
    """A window of two steps counts twice, and a padded one not at all."""
    model = _model(dataclasses.replace(HPARAMS, num_timesteps=2))
    _train(model, 50)
    rows = _data()[:20]
    parameters = [np.array(v.numpy()) for v in model.named_weights().values()]
    windows = np.concatenate([rows, rows[1::2]])
    values = {name: float(total / weight) for name, (total, weight) in model.test_step(_batch(rows)).items()}
    energy = equations.free_energy(windows, *parameters).sum() / (2 * len(windows))
    np.testing.assert_allclose(values['metrics/free_energy'], energy, rtol=1e-5)
    hidden = equations.sigmoid(windows @ parameters[0] + parameters[2])
    again = equations.sigmoid(hidden @ parameters[0].T + parameters[1])
    np.testing.assert_allclose(
        values['metrics/reconstruction_error'], ((windows - again) ** 2).sum() / (2 * len(windows)), rtol=1e-4
    )
    np.testing.assert_allclose(values['metrics/hidden_activation'], hidden.mean(), rtol=1e-5)
    assert model.compare({'metrics/free_energy': 1.5}, {'metrics/free_energy': 2.0}) == {'metrics/free_energy_gap': 0.5}
    found = model.thorough(values)
    log_p = -energy - equations.exact_log_partition(*parameters) / 2
    np.testing.assert_allclose(found['metrics/log_likelihood'], log_p, rtol=1e-5)
    assert found['metrics/log_likelihood_low'] == found['metrics/log_likelihood_high']


def test_training_estimates_the_pseudo_likelihood_of_all() -> None:
    """From some of the rows and units: the mean of many estimates is the value."""
    model = _model(HPARAMS)
    _train(model, 100)
    data = tf.constant(_data()[:60], tf.float32)
    seeds = [tf.constant([7, number], tf.int64) for number in range(400)]
    whole = contrastive.measure(data, model.parameters, 1, 1 << 20, seeds[0])
    estimate = tf.function(lambda seed: contrastive.measure(data, model.parameters, 1, 200, seed)['loss'])
    found = np.array([float(total) for total, _ in map(estimate, seeds)])
    assert abs(found.mean() - whole['loss'][0]) < 4 * found.std() / 20 + 0.01 * float(whole['loss'][0])


def test_on_a_gpu_the_chains_are_led_by_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contrastive.recurrent_ops, 'on_cpu', lambda: False)
    model = _model(HPARAMS)
    before = _divergence(model)
    _train(model, 700)
    assert _divergence(model) < 0.4 * before
