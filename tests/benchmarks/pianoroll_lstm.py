"""A plain LSTM with independent keys: what the others are to be compared with.

    h_t = LSTM layers(x_{t-1}),   p(x_t | x_{<t}) = prod_k Bernoulli(x_tk; sigmoid(V h_t + c)_k)

x_0 is silence. It keeps as much of a family's contract as the benchmark asks for.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from pianoroll_data import KEYS, LOWEST

from solferino.models.core.family import Example, Feature
from solferino.models.core.layers.recurrent_layers import Lstm
from solferino.models.core.layers.trainable import Metrics, Trainable, seeds


@dataclasses.dataclass(frozen=True)
class LstmHparams:
    """As those of the families.

    Attributes:
      batch_size: sequences in a batch.
      rnn_layer_sizes: units of each layer.
      input_dropout, dropout: share of the sounding keys and of each layer's outputs that is dropped in training.
      clip_norm: gradients are scaled down to this global norm.
      learning_rate: of Adam, at the beginning.
    """

    batch_size: int = 8
    rnn_layer_sizes: tuple[int, ...] = (200,)
    input_dropout: float = 0.0
    dropout: float = 0.3
    clip_norm: float = 1.0
    learning_rate: float = 0.003


@dataclasses.dataclass(frozen=True)
class LstmConfig:
    """As those of the families."""

    hparams: LstmHparams = LstmHparams()
    name: str = 'lstm'


class PlainLstm:
    """As a family."""

    def features(self, config: LstmConfig) -> Mapping[str, Feature]:
        """'frames' are multi-hot; the first 'first' of them are only seen, not predicted."""
        return {'frames': Feature((None, KEYS), 'uint8'), 'first': Feature((), 'int32')}

    def encode(self, example: Example, config: LstmConfig) -> Example:
        """See Family."""
        frames = np.zeros((len(example['sizes']), KEYS), np.uint8)
        frames[np.repeat(np.arange(len(frames)), example['sizes']), example['pitches'] - LOWEST] = 1
        return {'frames': frames, 'first': example['context'][0]}

    def model(self, config: LstmConfig, seed: int) -> Any:
        """See Family."""
        return LstmModel(config.hparams, seed)


class LstmModel(Trainable):
    """Trains on 'frames' [B, T, KEYS] uint8, 'first' [B] and 'length' [B] int32."""

    def __init__(self, hparams: LstmHparams, seed: int) -> None:
        super().__init__(name='plain_lstm')
        self._hparams = hparams
        self._seed = seed
        own = seeds(seed)
        self._recurrent = [Lstm(units, 'float32', own) for units in hparams.rnn_layer_sizes]
        for layer, size in zip(self._recurrent, (KEYS, *hparams.rnn_layer_sizes), strict=False):
            layer.build((None, None, size))
        glorot = keras.initializers.GlorotUniform(seed=next(own))
        self._keys = keras.layers.Dense(KEYS, kernel_initializer=glorot)
        self._keys.build((None, None, hparams.rnn_layer_sizes[-1]))
        self.optimizer = keras.optimizers.Adam(hparams.learning_rate)
        self.optimizer.build(self.trainable_variables)
        self.built = True

    def named_weights(self) -> dict[str, Any]:
        """See Trainable."""
        layers = {**{f'lstm_{i}': layer for i, layer in enumerate(self._recurrent)}, 'keys': self._keys}
        return {f'{name}/{v.name}': v for name, layer in layers.items() for v in layer.trainable_variables}

    def train_step(self, batch: Mapping[str, tf.Tensor]) -> Metrics:
        """See Trainable: mean negative log-likelihood of the predicted steps, Adam, clipping by global norm."""
        with tf.GradientTape() as tape:
            metrics = self._measure(batch, training=True)
            total, steps = metrics['loss']
            loss = total / tf.maximum(steps, 1)
        gradients = tape.gradient(loss, self.trainable_variables)
        gradients, norm = tf.clip_by_global_norm(gradients, self._hparams.clip_norm)
        self.optimizer.apply(gradients, self.trainable_variables)
        return {**metrics, 'gradient_norm': (norm, tf.ones_like(norm)), 'events': (steps, tf.ones_like(steps))}

    def test_step(self, batch: Mapping[str, tf.Tensor]) -> Metrics:
        """See Trainable; 'loss' is in nats per step."""
        return self._measure(batch, training=False)

    def _measure(self, batch: Mapping[str, tf.Tensor], training: bool) -> Metrics:
        frames = tf.transpose(tf.cast(batch['frames'], tf.float32), [1, 0, 2])  # [T, B, KEYS]
        before = tf.pad(frames[:-1], [[1, 0], [0, 0], [0, 0]])
        x = self._drop_out(before, self._hparams.input_dropout, 0, training)
        for i, layer in enumerate(self._recurrent, 1):
            x = self._drop_out(layer(x), self._hparams.dropout, i, training)
        nats = tf.nn.sigmoid_cross_entropy_with_logits(frames, self._keys(x))
        step = tf.range(tf.shape(frames)[0])[:, None]
        counts = tf.cast((step >= batch['first']) & (step < batch['length']), tf.float32)  # [T, B]
        return {'loss': (tf.reduce_sum(tf.reduce_sum(nats, axis=2) * counts), tf.reduce_sum(counts))}

    def _drop_out(self, x: tf.Tensor, rate: float, place: int, training: bool) -> tf.Tensor:
        if not training or not rate:
            return x
        number = tf.cast(self.optimizer.iterations, tf.int64) * 16 + place
        return tf.nn.experimental.stateless_dropout(x, rate, seed=tf.stack([tf.cast(self._seed, tf.int64), number]))
