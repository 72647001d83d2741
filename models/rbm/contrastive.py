"""Training of the restricted Boltzmann machine in TensorFlow. The equations are those of `equations.py`.

R rows of visible states [R, V], float32 zeros and ones. Biases [V] and [H] are shared by all rows; [R, V] and [R, H]
give each row its own. Random numbers are functions of `seed`, int64 [2], as in `tf.random.stateless_uniform`.
"""

import functools
from collections.abc import Mapping
from typing import NamedTuple

import tensorflow as tf

from solferino.models.core.layers import recurrent_ops
from solferino.models.core.layers.trainable import Metrics
from solferino.models.rbm.chains import gibbs as gibbs_chains

# Softplus evaluations for the pseudo-likelihood: few in training, for all or many of the units otherwise.
TRAINING_WORK, TEST_WORK = 1 << 15, 1 << 22


# What both kinds of network report, see `measure`.
DESCRIPTIONS = {
    'loss': 'The pseudo-negative-log-likelihood in nats a step: how surprising each cell is, given all others.',
    'metrics/pseudo_log_likelihood': 'The loss with the other sign.',
    'metrics/reconstruction_error': 'Cells that differ, a step, if the model sees the music and paints it again.',
    'metrics/hidden_activation': 'The mean probability of the hidden units to be on; none or all are of no use.',
    'metrics/log_likelihood': 'The log-likelihood in nats a step, estimated by annealed importance sampling.',
    'metrics/log_likelihood_low': 'The lower end of the interval that the log-likelihood is in.',
    'metrics/log_likelihood_high': 'The higher end of the interval that the log-likelihood is in.',
}
REPETITIONS = ('metrics/pseudo_log_likelihood',)


def remarks(values: Mapping[str, float], cells: int) -> list[str]:
    """The sentence about an evaluation of a model of so many cells a step."""
    error = values.get('metrics/reconstruction_error')
    if error is None:
        return []
    return [
        f'Shown held-out music and asked to paint it again, it is off by {error:.1f} of the {cells} cells of a step.'
    ]


class Parameters(NamedTuple):
    """weights [V, H], visible bias and hidden bias."""

    weights: tf.Tensor
    visible_bias: tf.Tensor
    hidden_bias: tf.Tensor


def hidden_logits(visible: tf.Tensor, parameters: Parameters) -> tf.Tensor:
    """The hidden units' logits [R, H] given the visible ones."""
    return tf.matmul(visible, parameters.weights) + parameters.hidden_bias


def visible_logits(hidden: tf.Tensor, parameters: Parameters) -> tf.Tensor:
    """The visible units' logits [R, V] given the hidden ones."""
    return tf.matmul(hidden, parameters.weights, transpose_b=True) + parameters.visible_bias


def free_energy(visible: tf.Tensor, parameters: Parameters) -> tf.Tensor:
    """F(v) = -b.v - sum_j softplus(c_j + (v.W)_j), nats [R]."""
    hidden = tf.reduce_sum(tf.nn.softplus(hidden_logits(visible, parameters)), axis=-1)
    return -tf.reduce_sum(visible * parameters.visible_bias, axis=-1) - hidden


def draw(logits: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Units that are on with the probability sigmoid(logits), as zeros and ones."""
    return tf.cast(tf.random.stateless_uniform(tf.shape(logits), seed) < tf.sigmoid(logits), tf.float32)


class Ends(NamedTuple):
    """The ends of chains: visible states [R, V], and the hidden units' logits and states [R, H] given these."""

    visible: tf.Tensor
    hidden_logits: tf.Tensor
    hidden: tf.Tensor


def gibbs(hidden: tf.Tensor, parameters: Parameters, steps: int, seed: tf.Tensor) -> Ends:
    """Runs a chain from each row of hidden states [R, H]: visible given hidden, hidden given visible, `steps` times.

    On the CPU this is `gibbs.sample_from_hidden`, as TensorFlow spends three times as long on the random numbers as on
    the matmuls. No gradient flows through the result.
    """
    if recurrent_ops.on_cpu():
        run = functools.partial(gibbs_chains.sample_from_hidden, steps=steps)
        visible, last, preactivations = tf.numpy_function(run, [hidden, *parameters, seed], [tf.float32] * 3)
        visible = tf.ensure_shape(visible, [None, parameters.weights.shape[0]])
        last, preactivations = (tf.ensure_shape(x, hidden.shape) for x in (last, preactivations))
        return Ends(visible, preactivations + parameters.hidden_bias, last)
    visible, logits = tf.zeros([tf.shape(hidden)[0], parameters.weights.shape[0]]), hidden
    for step in range(steps):
        visible = draw(visible_logits(hidden, parameters), nth(seed, 2 * step))
        logits = hidden_logits(visible, parameters)
        hidden = draw(logits, nth(seed, 2 * step + 1))
    return Ends(*map(tf.stop_gradient, (visible, logits, hidden)))


def seed_of_step(seed: int, iterations: tf.Variable) -> tf.Tensor:
    """The first seed of a training step; `nth` gives up to 2**20 others."""
    return tf.stack([tf.constant(seed, tf.int64), tf.cast(iterations, tf.int64) * (1 << 20)])


def nth(seed: tf.Tensor, number: int) -> tf.Tensor:
    """The seed that is `number` after `seed`."""
    return seed + tf.constant([0, number], tf.int64)


def pseudo_log_likelihood(visible: tf.Tensor, parameters: Parameters, work: int, seed: tf.Tensor) -> tf.Tensor:
    """log p(v_i | all others) summed over the units i, nats [R]: of all of them, or an unbiased estimate from some.

    The conditional of a unit is log sigmoid(F(flipped) - F(v)), with the free energy for that unit flipped (Marlin,
    Swersky, Chen, de Freitas 2010, "Inductive principles for restricted Boltzmann machine learning"). From the hidden
    logits it takes H softplus. The units of a row are spaced evenly, from a random offset.

    Args:
      visible: [R, V].
      parameters: see above.
      work: at most this many softplus, but at least one unit per row.
      seed: of the offsets.
    """
    rows, units = tf.shape(visible)[0], parameters.weights.shape[0]
    each = tf.clip_by_value(work // (tf.maximum(rows, 1) * parameters.weights.shape[1]), 1, units)
    offsets = tf.random.stateless_uniform([rows, 1], seed) + tf.range(tf.cast(each, tf.float32))
    indices = tf.minimum(tf.cast(offsets * (units / tf.cast(each, tf.float32)), tf.int32), units - 1)  # [R, each]
    turn = 1 - 2 * tf.gather(visible, indices, batch_dims=1)  # what flipping adds to the unit
    logits = hidden_logits(visible, parameters)[:, None]
    flipped = logits + turn[..., None] * tf.gather(parameters.weights, indices)  # [R, each, H]
    gained = tf.reduce_sum(tf.nn.softplus(flipped) - tf.nn.softplus(logits), axis=-1)
    bias = tf.broadcast_to(parameters.visible_bias, tf.shape(visible))
    gained += turn * tf.gather(bias, indices, batch_dims=1)  # F(v) - F(flipped)
    scale = units / tf.cast(each, tf.float32)
    return -scale * tf.reduce_sum(tf.nn.softplus(gained), axis=-1)


def measure(data: tf.Tensor, parameters: Parameters, steps: int, work: int, seed: tf.Tensor) -> Metrics:
    """The metrics that both kinds of network report, for rows of data [R, V].

    Values are per time step; a row has `steps` of them. `work` and `seed` are those of `pseudo_log_likelihood`. It is
    estimated from a part of the rows where one unit of each row is more than `work`.
    """
    probabilities = tf.sigmoid(hidden_logits(data, parameters))
    reconstruction = tf.sigmoid(visible_logits(probabilities, parameters))
    rows = tf.cast(tf.shape(data)[0], tf.float32)
    every = 1 + tf.shape(data)[0] * parameters.weights.shape[1] // work
    some = Parameters(parameters.weights, *(b if b.shape.rank == 1 else b[::every] for b in parameters[1:]))
    likelihood = rows * tf.reduce_mean(pseudo_log_likelihood(data[::every], some, work, seed))
    return {
        'loss': (-likelihood, rows * steps),
        'metrics/pseudo_log_likelihood': (likelihood, rows * steps),
        'metrics/reconstruction_error': (tf.reduce_sum(tf.square(data - reconstruction)), rows * steps),
        'metrics/hidden_activation': (tf.reduce_sum(tf.reduce_mean(probabilities, axis=-1)), rows),
    }
