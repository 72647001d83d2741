"""gru_attention in TensorFlow, for training. The equations and the weights' names are those of `attention_forward.py`.

Two things are more than GRUs with self-attention between them: tokens share weights by the keys that they contain, and
each self-attention has a residual connection. On piano music with a vocabulary of 5,000, after 300 steps from the same
seed, the loss of 160 held-out examples was 6.34 nats with both, 7.65 with shared weights alone, 8.27 with the residual
connections alone, and 8.34 with neither (accuracy 6.0%, 2.6%, 0.4% and 0.6%).

Time comes first: W steps of a window, N windows, u units of a state, a units of the attention.
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from solferino.hparams.piano_rnn import GruAttentionHparams
from solferino.models.core.layers import recurrent_ops
from solferino.models.core.layers.recurrent_layers import Gru
from solferino.models.core.layers.trainable import Metrics, Supervised, perplexity, seeds
from solferino.models.piano_rnn.attention import attention_kernels
from solferino.models.piano_rnn.attention.attention_kernels import Kept, Parameters

_SPREAD = 0.05  # initial weights are uniform from minus this to this


class SelfAttention(keras.layers.Layer):
    """Additive attention of each step of a window to all of its steps, see `attention_forward.py`.

    Args:
      units: of query and key.
      initializers: seeded initializers, one for each matrix.
    """

    def __init__(self, units: int, initializers: Iterator[Any]) -> None:
        super().__init__(name='attention')
        self._units = units
        self._initializers = initializers
        self.named: dict[str, Any] = {}

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the weights for states of size `input_shape[-1]`."""
        size, units = input_shape[-1], self._units
        for name, shape in (('query_kernel', (size, units)), ('key_kernel', (size, units)), ('score', (units,))):
            self.named[name] = self.add_weight(name=name, shape=shape, initializer=next(self._initializers))
        self.named['bias'] = self.add_weight(name='bias', shape=(units,), initializer='zeros')
        self.built = True

    def call(self, states: tf.Tensor) -> tf.Tensor:
        """Returns the outputs [W, N, u] of the states."""
        p = Parameters(*(tf.convert_to_tensor(self.named[name]) for name in Parameters._fields))
        return states + (_attend_on_cpu(states, *p) if recurrent_ops.on_cpu() else attend(states, p))


def attend(states: tf.Tensor, p: Parameters) -> tf.Tensor:
    """`attention_kernels.attend` in TensorFlow: for GPUs, and the reference of the tests."""
    states = tf.transpose(states, [1, 0, 2])
    queries, keys = tf.tensordot(states, p.query_kernel, 1) + p.bias, tf.tensordot(states, p.key_kernel, 1)
    active = tf.tanh(queries[:, :, None] + keys[:, None])  # [N, t, s, a]
    weights = tf.nn.softmax(tf.tensordot(active, p.score, 1))
    return tf.transpose(tf.matmul(weights, states), [1, 0, 2])


@tf.custom_gradient
def _attend_on_cpu(states: tf.Tensor, *parameters: tf.Tensor) -> tuple[tf.Tensor, Any]:
    def forwards(states: np.ndarray, *flat: np.ndarray) -> Kept:
        return attention_kernels.attend(states, Parameters(*flat))

    def backwards(d_mixed: np.ndarray, states: np.ndarray, *flat: np.ndarray) -> tuple[np.ndarray, ...]:
        number = len(Parameters._fields)
        p, kept = Parameters(*flat[:number]), Kept(d_mixed, *flat[number:])
        d_states, d_parameters = attention_kernels.gradient(d_mixed, states, p, kept)
        return d_states, *d_parameters

    mixed, *kept = tf.numpy_function(forwards, [states, *parameters], [tf.float32] * len(Kept._fields), stateful=False)

    def differentiate(d_mixed: tf.Tensor) -> list[tf.Tensor]:
        arguments = [d_mixed, states, *parameters, *kept]
        return tf.numpy_function(backwards, arguments, [tf.float32] * (1 + len(parameters)), stateful=False)

    return tf.ensure_shape(mixed, states.shape), differentiate


class AttentionModel(Supervised):
    """Trains on batches of `tokens` [B, T] int32, `unknown` [B, T] uint8 and `length` [B].

    The first `window` frames of each example are only seen; each later one is predicted from the window before it.

    Args:
      hparams: sizes, dropout, clipping, learning rate.
      keys: bool [tokens, columns], which keys sound in each token of the vocabulary.
      window: frames.
      seed: of the initial weights and of dropout.
    """

    descriptions: ClassVar[Mapping[str, str]] = {
        'loss': 'How surprised the model is by the next frame, in nats: the mean of -ln of the probability it gave.',
        'metrics/perplexity': 'e to the loss: among how many equally likely frames the model seems to choose.',
        'metrics/accuracy': 'The share of frames at which what the model takes for the likeliest is what comes.',
        'metrics/outside_vocabulary': 'The share of frames that the vocabulary does not know: the nearest is taken.',
    }

    def __init__(self, hparams: GruAttentionHparams, keys: np.ndarray, window: int, seed: int) -> None:
        super().__init__('gru_attention', seed, hparams.clip_norm)
        self._hparams = hparams
        self._window = window
        own_seeds = seeds(seed)
        matrices = (keras.initializers.GlorotUniform(seed=s) for s in own_seeds)
        self._keys = tf.constant(keys, tf.float32)
        num_tokens, num_keys = keys.shape
        self._tables: dict[str, Any] = {}

        def add(name: str, shape: tuple[int, ...], spread: float) -> None:
            initializer = keras.initializers.RandomUniform(-spread, spread, seed=next(own_seeds)) if spread else 'zeros'
            self._tables[name] = self.add_weight(name=name.replace('/', '_'), shape=shape, initializer=initializer)

        size, last = hparams.embedding_size, hparams.rnn_layer_sizes[-1]
        add('embedding/kernel', (num_tokens, size), _SPREAD)
        add(
            'embedding/key_kernel', (num_keys, size), 10 * _SPREAD
        )  # larger, so that keys differ from the first step on
        add('logits/kernel', (last, num_tokens), _SPREAD)
        add('logits/bias', (num_tokens,), 0)
        add('logits/key_kernel', (last, num_keys), _SPREAD)
        add('logits/key_bias', (num_keys,), 0)
        sizes = (hparams.embedding_size, *hparams.rnn_layer_sizes)
        self._grus, self._attentions = [], []
        for units, size in zip(hparams.rnn_layer_sizes, sizes, strict=False):
            gru = Gru(units, matrices)
            gru.build((window, None, size))
            self._grus.append(gru)
        for units in hparams.rnn_layer_sizes[:-1]:
            attention = SelfAttention(hparams.attention_size, matrices)
            attention.build((window, None, units))
            self._attentions.append(attention)
        self.optimizer = keras.optimizers.Adam(hparams.learning_rate)
        self.optimizer.build(self.trainable_variables)
        self.built = True

    def logits(self, windows: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns [N, tokens] for the frame after each of `windows` [N, W]."""
        w = {name: tf.convert_to_tensor(variable) for name, variable in self._tables.items()}
        embedding = w['embedding/kernel'] + tf.matmul(self._keys, w['embedding/key_kernel'])
        x = tf.gather(embedding, tf.transpose(windows))
        for i, gru in enumerate(self._grus):
            x = gru(x)
            if i < len(self._attentions):
                x = self._attentions[i](x)
        last = self.dropout(x[-1], self._hparams.dropout_keep_prob if training else 1)
        of_keys = tf.matmul(last, w['logits/key_kernel']) + w['logits/key_bias']
        return tf.matmul(last, w['logits/kernel']) + w['logits/bias'] + tf.matmul(of_keys, self._keys, transpose_b=True)

    def derived(self, values: Mapping[str, float]) -> dict[str, float]:
        """Perplexity is the exponential of the loss."""
        return {'metrics/perplexity': perplexity(values['loss'])}

    def named_weights(self) -> dict[str, Any]:
        """The variables under the names of `attention_forward.py`."""
        named = dict(self._tables)
        for i, gru in enumerate(self._grus):
            named |= {f'gru_{i}/{name}': v for name, v in gru.named.items()}
        for i, attention in enumerate(self._attentions):
            named |= {f'attention_{i}/{name}': v for name, v in attention.named.items()}
        return named

    def measure(self, batch: Mapping[str, tf.Tensor], training: bool) -> Metrics:
        """See Supervised: mean cross-entropy over the frames that are predicted."""
        tokens, window = batch['tokens'], self._window
        predicted = tf.shape(tokens)[1] - window  # of the longest example
        indices = tf.range(predicted)[:, None] + tf.range(window)
        windows = tf.reshape(tf.gather(tokens, indices, axis=1), [-1, window])  # [B predicted, W]
        labels = tf.reshape(tokens[:, window:], [-1])
        unknown = tf.cast(tf.reshape(batch['unknown'][:, window:], [-1]), tf.float32)
        steps = tf.reshape(tf.sequence_mask(batch['length'] - window, predicted, tf.float32), [-1])
        logits = self.logits(windows, training)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits) * steps
        correct = tf.cast(tf.argmax(logits, axis=-1, output_type=tf.int32) == labels, tf.float32) * steps
        number = tf.reduce_sum(steps)
        return {
            'loss': (tf.reduce_sum(losses), number),
            'metrics/accuracy': (tf.reduce_sum(correct), number),
            'metrics/outside_vocabulary': (tf.reduce_sum(unknown * steps), number),
        }
