"""The RNN-RBM: its network in NumPy and TensorFlow, its likelihood, its training and its samples."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from solferino.hparams import overrides
from solferino.hparams.errors import SolferinoError
from solferino.hparams.networks.rnn_rbm import RnnRbmHparams
from solferino.models.rbm import contrastive, equations
from solferino.models.rbm.chains import ais, gibbs
from solferino.models.rbm.chains.gibbs import Machine
from solferino.models.rbm.rnn_rbm import RnnRbm
from solferino.models.rbm.rnn_rbm_recurrence import CELLS, Recurrence

_UNITS = 7


def model(cell: str = 'gru', **hparams: float) -> RnnRbm:
    """A small one whose weights are large enough to matter."""
    wanted = {'hidden_units': 5, 'rnn_units': 4, 'dropout_keep_prob': 1.0, **hparams}
    made = RnnRbm(RnnRbmHparams(cell=cell, **wanted), np.linspace(-2, 1, _UNITS).astype(np.float32), seed=3)
    rng = np.random.default_rng(0)
    for variable in made.named_weights().values():
        variable.assign(variable + rng.normal(0, 0.4, variable.shape))
    return made


def weights(made: RnnRbm) -> dict[str, np.ndarray]:
    return {name: variable.numpy() for name, variable in made.named_weights().items()}


def batch(lengths: list[int], seed: int = 0, share: float = 0.4) -> dict[str, tf.Tensor]:
    visible = np.random.default_rng(seed).random((len(lengths), max(lengths), _UNITS)) < share
    for k, length in enumerate(lengths):
        visible[k, length:] = 0
    return {'visible': tf.constant(visible.astype(np.uint8)), 'length': tf.constant(lengths, tf.int32)}


def exact_nats(made: RnnRbm, data: dict[str, tf.Tensor]) -> float:
    """Mean negative log-likelihood of a frame, by enumeration."""
    frames, parameters = (np.asarray(x) if isinstance(x, tf.Tensor) else x for x in made.machines(data))
    w, visible_bias, hidden_bias = (x.numpy() for x in parameters)
    z = [equations.exact_log_partition(w, *pair) for pair in zip(visible_bias, hidden_bias, strict=True)]
    return float((equations.free_energy(frames, w, visible_bias, hidden_bias) + z).mean())


@pytest.mark.parametrize('cell', CELLS)
def test_numpy_and_tensorflow_give_frames_the_same_biases(cell: str) -> None:
    made, data = model(cell), batch([6, 3, 1])
    frames, parameters = made.machines(data)
    recurrence = Recurrence(weights(made), cell)
    visible = data['visible'].numpy()
    alone = [recurrence.all_biases(visible[k, :length]) for k, length in enumerate([6, 3, 1])]
    np.testing.assert_array_equal(frames, np.concatenate([visible[0], visible[1, :3], visible[2, :1]]))
    for found, wanted in zip(parameters[1:], map(np.concatenate, zip(*alone, strict=True)), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_a_frame_knows_the_frames_before_it_and_no_others() -> None:
    made, data = model(), batch([8])
    changed = data['visible'].numpy().copy()
    changed[0, 4] ^= 1
    biases = [made.machines({**data, 'visible': tf.constant(v)})[1] for v in (data['visible'].numpy(), changed)]
    for before, after in zip(biases[0][1:], biases[1][1:], strict=True):
        differs = (before.numpy() != after.numpy()).any(axis=1)
        assert not differs[:5].any() and differs[5:].all()


def test_without_a_way_from_the_state_it_is_a_plain_machine() -> None:
    made, data = model(), batch([5, 4])
    for name in ('state_to_visible', 'state_to_hidden'):
        made.named_weights()[name].assign(0 * made.named_weights()[name])
    w = weights(made)
    plain = contrastive.Parameters(*(tf.constant(w[n]) for n in ('weights', 'visible_bias', 'hidden_bias')))
    frames, parameters = made.machines(data)
    np.testing.assert_allclose(
        contrastive.free_energy(frames, parameters), contrastive.free_energy(frames, plain), atol=1e-5
    )
    seed = tf.constant([1, 2], tf.int64)
    np.testing.assert_allclose(
        contrastive.pseudo_log_likelihood(frames, parameters, 1 << 20, seed),
        contrastive.pseudo_log_likelihood(frames, plain, 1 << 20, seed),
        atol=1e-4,
    )


def test_the_pseudo_likelihood_of_all_units_is_that_of_their_conditionals() -> None:
    made, data = model(), batch([4, 2])
    frames, parameters = made.machines(data)
    arrays = [x.numpy() for x in parameters]
    wanted = np.zeros(len(frames))
    for unit in range(_UNITS):
        flipped = frames.numpy().copy()
        flipped[:, unit] = 1 - flipped[:, unit]
        gap = equations.free_energy(flipped, *arrays) - equations.free_energy(frames.numpy(), *arrays)
        wanted -= equations.softplus(-gap)
    metrics = made.test_step(data)
    np.testing.assert_allclose(metrics['loss'][0], -wanted.sum(), rtol=1e-4)
    assert metrics['loss'][1] == 6  # frames that are no padding


def test_annealing_finds_each_frames_partition_function() -> None:
    made, data = model(), batch([20, 20, 20])
    arrays = [3 * x.numpy() for x in made.machines(data)[1]]
    exact = np.array([equations.exact_log_partition(arrays[0], *pair) for pair in zip(*arrays[1:], strict=True)])
    many = ais.frame_log_partitions(*arrays, steps=1000, chains=20, seed=1)
    assert abs((many.value - exact).mean()) < 0.01
    assert np.abs(many.value - exact).max() < 0.2


@pytest.mark.parametrize('chains', (2, 5))
def test_the_jackknife_knows_by_how_much_the_estimate_is_too_low(chains: int) -> None:
    deviation = 0.6  # weights are log-normal, with the mean 1
    log_weights = np.random.default_rng(0).normal(-(deviation**2) / 2, deviation, (100_000, chains))
    z = ais.of_chains(log_weights, np.full(len(log_weights), 7.0))
    error = z.value.mean() - 7
    assert error < -0.02
    assert z.bias.mean() == pytest.approx(-error, rel=0.25)


def test_the_thorough_evaluation_is_the_exact_one() -> None:
    made, data = model(ais_steps=500), batch([30, 20])
    metrics = made.thorough_step(data)
    assert metrics.keys() > made.test_step(data).keys()
    low, value, high = (float(np.divide(*metrics[f'metrics/log_likelihood{end}'])) for end in ('_low', '', '_high'))
    assert metrics['metrics/log_likelihood'][1] == 50
    assert value == pytest.approx(-exact_nats(made, data), abs=0.02)
    assert low < value < high < low + 0.02


@pytest.mark.parametrize('cell', CELLS)
def test_training_lowers_the_exact_negative_log_likelihood(cell: str) -> None:
    # A frame follows from the one before: the sounding key goes up by one.
    visible = np.zeros((8, 12, _UNITS), np.uint8)
    for k, t in itertools.product(range(8), range(12)):
        visible[k, t, (k + t) % _UNITS] = 1
    data = {'visible': tf.constant(visible), 'length': tf.constant([12] * 8, tf.int32)}
    made = RnnRbm(
        RnnRbmHparams(cell=cell, hidden_units=8, rnn_units=16, learning_rate=0.03, cd_steps=5, dropout_keep_prob=0.9),
        np.full(_UNITS, -1.8, np.float32),
        seed=1,
    )
    step = tf.function(made.train_step)
    before = exact_nats(made, data)
    for _ in range(250):
        step(data)
    # Without a memory a frame takes log 7 nats at least; only the first one of each piece must.
    assert exact_nats(made, data) < 0.6 * np.log(7) < before


def test_training_repeats_with_the_seed() -> None:
    data = batch([6, 5])
    runs = []
    for _ in range(2):
        made = model(dropout_keep_prob=0.5)
        for _ in range(3):
            made.train_step(data)
        runs.append(weights(made))
    for name, array in runs[0].items():
        np.testing.assert_array_equal(array, runs[1][name])


def test_chains_of_machines_of_their_own_repeat_and_do_not_see_one_another() -> None:
    made, data = model(), batch([15, 13])
    machine = Machine(*(x.numpy() for x in made.machines(data)[1]))
    start = np.zeros((28, _UNITS), bool)
    sampled = gibbs.sample(machine, start, 20, seed=(1,))
    np.testing.assert_array_equal(sampled, gibbs.sample(machine, start, 20, seed=(1,)))
    assert (sampled != gibbs.sample(machine, start, 20, seed=(2,))).any()
    np.testing.assert_array_equal(sampled[:5], gibbs.sample(machine.of_chains(np.arange(5)), start[:5], 20, seed=(1,)))


def test_chains_reach_the_means_of_their_own_machines() -> None:
    made, data = model(), batch([2])
    w, visible_bias, hidden_bias = (x.numpy() for x in made.machines(data)[1])
    all_states = equations.states(_UNITS)
    for row in range(2):
        logs = -equations.free_energy(all_states, w, visible_bias[row], hidden_bias[row])
        wanted = np.exp(logs - np.logaddexp.reduce(logs)) @ all_states
        many = Machine(w, np.tile(visible_bias[row], (4000, 1)), np.tile(hidden_bias[row], (4000, 1)))
        found = gibbs.sample(many, np.zeros((4000, _UNITS), bool), 30).mean(axis=0)
        np.testing.assert_allclose(found, wanted, atol=0.05)


@pytest.mark.parametrize('name', ['momentum', 'persistent', 'chains', 'sparsity_cost', 'sparsity_target'])
def test_hyperparameters_not_of_this_network_are_refused(name: str) -> None:
    with pytest.raises(SolferinoError, match=f'no hyperparameter .{name}.'):
        overrides.parse(RnnRbmHparams(), f'{name}=1')
