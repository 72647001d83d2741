"""The RNN-RBM in training (Boulanger-Lewandowski, Bengio, Vincent 2012). Its equations: `rnn_rbm_recurrence.py`.

A frame has a restricted Boltzmann machine, whose biases a recurrent network computes from the frames before. All frames
of a batch are rows of one Gibbs chain, which begins at the data (contrastive divergence). The gradient of the biases
flows back into the recurrent network.
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from solferino.hparams.networks.rnn_rbm import RnnRbmHparams
from solferino.models.core.layers.recurrent_layers import Gru
from solferino.models.core.layers.trainable import Metrics, Trainable, learning_rate
from solferino.models.rbm import contrastive
from solferino.models.rbm.chains import ais
from solferino.models.rbm.contrastive import Parameters
from solferino.models.rbm.rnn_rbm_recurrence import CELL_WEIGHTS

_SMALL = 0.05  # standard deviation of the initial weights: with smaller ones the machine learns slowly at first


class _Tanh(keras.layers.Layer):
    """The recurrent layer of the paper; time comes first, as in `Gru`."""

    def __init__(self, units: int, initializers: Iterator[Any]) -> None:
        super().__init__(name='tanh')
        self._layer = keras.layers.SimpleRNN(
            units,
            return_sequences=True,
            kernel_initializer=next(initializers),
            recurrent_initializer=next(initializers),
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the weights for inputs of size `input_shape[-1]`."""
        self._layer.build(input_shape)
        self.built = True

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns the states [T, B, units] of vectors [T, B, n]."""
        return tf.transpose(self._layer(tf.transpose(inputs, [1, 0, 2])), [1, 0, 2])


_LAYERS: Mapping[str, Any] = {'tanh': _Tanh, 'gru': Gru}


class RnnRbm(Trainable):
    """Trains on batches of `visible` [B, T, V] uint8, the frames of each sequence, and `length` [B].

    'loss' is the negative pseudo-log-likelihood in nats a step, as in `rbm_model.Rbm`.

    Args:
      hparams: sizes, and how to train.
      visible_bias: [V]; the initial bias, best the log-odds of each unit in the data.
      seed: of the initial weights, of dropout and of the Gibbs chains.
    """

    descriptions: ClassVar[Mapping[str, str]] = contrastive.DESCRIPTIONS
    repetitions = contrastive.REPETITIONS

    def __init__(self, hparams: RnnRbmHparams, visible_bias: np.ndarray, seed: int) -> None:
        super().__init__(name='rnn_rbm')
        self._hparams = hparams
        self._seed = seed
        visible, hidden, units = len(visible_bias), hparams.hidden_units, hparams.rnn_units
        shapes = {
            'weights': (visible, hidden),
            'visible_bias': (visible,),
            'hidden_bias': (hidden,),
            'state_to_visible': (units, visible),
            'state_to_hidden': (units, hidden),
        }
        self._own: dict[str, Any] = {}
        for number, (name, shape) in enumerate(shapes.items()):
            normal = keras.initializers.RandomNormal(stddev=_SMALL, seed=seed + number)
            initializer = 'zeros' if len(shape) == 1 else normal
            self._own[name] = self.add_weight(name=name, shape=shape, initializer=initializer)
        self._own['visible_bias'].assign(visible_bias)
        matrices = (
            keras.initializers.GlorotUniform(seed=seed + len(shapes)),
            keras.initializers.Orthogonal(seed=seed + len(shapes) + 1),
        )
        self._recurrent = _LAYERS[hparams.cell](units, iter(matrices))
        self._recurrent.build((None, None, visible))
        self.optimizer = keras.optimizers.Adam(learning_rate(hparams.learning_rate, hparams.decay_steps))
        self.optimizer.build(self._variables)
        self.built = True

    @property
    def _variables(self) -> list[Any]:
        return list(self.named_weights().values())

    def named_weights(self) -> dict[str, Any]:
        """The variables under the names of `rnn_rbm_recurrence.py`."""
        return self._own | {CELL_WEIGHTS + v.name: v for v in self._recurrent.trainable_variables}

    def machines(self, batch: Mapping[str, tf.Tensor], training: bool = False) -> tuple[tf.Tensor, Parameters]:
        """The frames of a batch without the padding, float32 [R, V], and the machine of each, given those before it."""
        frames = tf.cast(batch['visible'], tf.float32)
        # A frame's machine comes from the state before it. The first state is zero.
        states = tf.transpose(self._recurrent(tf.transpose(frames, [1, 0, 2])), [1, 0, 2])
        states = tf.pad(states[:, :-1], [[0, 0], [1, 0], [0, 0]])
        present = tf.sequence_mask(batch['length'], tf.shape(frames)[1])
        states, frames = tf.boolean_mask(states, present), tf.boolean_mask(frames, present)
        rate = 1 - self._hparams.dropout_keep_prob
        if training and rate:
            seed = contrastive.seed_of_step(self.replicas.seed(self._seed), self.optimizer.iterations)
            states = tf.nn.experimental.stateless_dropout(states, rate, seed=seed)
        own = {name: tf.convert_to_tensor(variable) for name, variable in self._own.items()}
        return frames, Parameters(
            own['weights'],
            own['visible_bias'] + tf.matmul(states, own['state_to_visible']),
            own['hidden_bias'] + tf.matmul(states, own['state_to_hidden']),
        )

    def train_step(self, batch: Mapping[str, tf.Tensor]) -> Metrics:
        """See Trainable: contrastive divergence, Adam, clipping by global norm."""
        seed = contrastive.seed_of_step(self.replicas.seed(self._seed), self.optimizer.iterations)
        with tf.GradientTape() as tape:
            data, parameters = self.machines(batch, training=True)
            hidden = contrastive.draw(contrastive.hidden_logits(data, parameters), contrastive.nth(seed, 2))
            model = contrastive.gibbs(hidden, parameters, self._hparams.cd_steps, contrastive.nth(seed, 3)).visible
            gap = contrastive.free_energy(data, parameters) - contrastive.free_energy(model, parameters)
            decay = tf.nn.l2_loss(parameters.weights) * self._hparams.weight_decay
            objective = tf.reduce_mean(gap) + decay
        rows = tf.cast(tf.shape(data)[0], tf.float32)
        gradients = self.replicas.mean(tape.gradient(objective, self._variables), rows)
        gradients, norm = tf.clip_by_global_norm(gradients, self._hparams.clip_norm)
        self.optimizer.apply(gradients, self._variables)
        metrics = contrastive.measure(data, parameters, 1, contrastive.TRAINING_WORK, contrastive.nth(seed, 1))
        one = tf.ones([])
        return {**metrics, 'gradient_norm': (norm, one), 'events': (metrics['loss'][1], one)}

    def test_step(self, batch: Mapping[str, tf.Tensor]) -> Metrics:
        """See Trainable: the pseudo-likelihood uses the same units at each evaluation."""
        seed = tf.constant([self._seed, 0], tf.int64)
        return contrastive.measure(*self.machines(batch), 1, contrastive.TEST_WORK, seed)

    def remarks(self, values: Mapping[str, float]) -> list[str]:
        """See Trainable."""
        return contrastive.remarks(values, self._own['visible_bias'].shape[0])

    def thorough_step(self, batch: Mapping[str, tf.Tensor]) -> Metrics:
        """See Trainable: with the log-likelihood in nats a step, by annealed importance sampling for each frame.

        'metrics/log_likelihood' is corrected by the jackknife, see `ais.LogPartition.bias`. '_high' is not corrected,
        and too high on average; '_low' is corrected twice. The interval narrows in proportion to `ais_steps`. The
        random error of a mean over many frames is far smaller.
        """
        data, parameters = self.machines(batch)
        value, bias = tf.numpy_function(self._log_partitions, parameters, [tf.float32] * 2)
        high = -contrastive.free_energy(data, parameters) - value
        steps = tf.cast(tf.shape(data)[0], tf.float32)
        ends = {'': high - bias, '_low': high - 2 * bias, '_high': high}
        likelihood = {f'metrics/log_likelihood{end}': (tf.reduce_sum(x), steps) for end, x in ends.items()}
        return {**self.test_step(batch), **likelihood}

    def _log_partitions(
        self, weights: np.ndarray, visible_bias: np.ndarray, hidden_bias: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """log Z of each frame's machine, and by how much it is too low on average: float32 [R]."""
        hparams = self._hparams
        z = ais.frame_log_partitions(
            weights, visible_bias, hidden_bias, steps=hparams.ais_steps, chains=hparams.ais_chains, seed=self._seed
        )
        return z.value.astype(np.float32), z.bias.astype(np.float32)

    def histograms(self, batch: Mapping[str, tf.Tensor]) -> Mapping[str, tf.Tensor]:
        """See Trainable: the probability that a hidden unit is on, for each unit and frame."""
        return {'hidden_activation': tf.sigmoid(contrastive.hidden_logits(*self.machines(batch)))}
