"""gru_nade in TensorFlow: what trains it. The equations and the weights' names are those of `nade.py`.

A frame of n sounding keys has n + 1 hidden vectors; a key takes one by the number of sounding keys below it. The
vectors of all frames of a batch are computed at once.
"""

import itertools
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from solferino.hparams.networks.gru_nade import GruNadeHparams
from solferino.models.core.cpu.layer_recurrence import GruParameters
from solferino.models.core.layers.moving_averages import MovingAverages
from solferino.models.core.layers.recurrent_layers import Gru
from solferino.models.core.layers.trainable import Metrics, Supervised, seeds
from solferino.models.piano_rnn.nade import key_network
from solferino.models.piano_rnn.nade.key_network import Extent, KeyParameters, Observed

_USUAL = -3.0  # a key's initial logit: four of 88 sound
_OBSERVED = Observed(*(tf.int16, tf.uint8, tf.int32), tf.uint8, tf.float32, *(tf.int16, tf.uint8, tf.int32))


class NadeModel(Supervised):
    """Trains on batches of `frames` [B, T, W] uint8, `length` [B] int32, `first` [B] int32, `begins` [B] uint8.

    Frames before `first` are context only; `begins` is 1 where frame 0 is the first of a piece.

    What is evaluated and saved is the moving average of the weights.

    Args:
      hparams: sizes, dropout, clipping, learning rate.
      keys: K.
      seed: of the initial weights and of dropout.
      planes: 1, or 2 where frames tell which keys are struck again: W / K.
    """

    descriptions: ClassVar[Mapping[str, str]] = {
        'loss': 'How surprised the model is by the keys of the next frame together, in nats: the mean of -ln of the '
        'probability it gave.',
        'metrics/loss_of_strikes': 'The part of the loss that says which keys that sound on are struck again.',
    }

    def __init__(self, hparams: GruNadeHparams, keys: int, seed: int, planes: int = 1) -> None:
        super().__init__('gru_nade', seed, hparams.clip_norm)
        self._hparams = hparams
        self._keys, self._planes = keys, planes
        self._lags = np.array(hparams.lags, np.int32)
        self._trained: dict[str, Any] = {}  # by the names of `nade.py`
        self._grus = []
        kinds = itertools.cycle((keras.initializers.GlorotUniform, keras.initializers.Orthogonal))
        initializers = (kind(seed=s) for kind, s in zip(kinds, seeds(seed), strict=False))
        sizes = (keys * planes + 1, *hparams.rnn_layer_sizes)
        for i, units in enumerate(hparams.rnn_layer_sizes):
            gru = Gru(units, initializers)
            gru.build((None, None, sizes[i]))
            self._trained |= {f'gru_{i}/{name}': v for name, v in gru.named.items()}
            self._grus.append(gru)
        self._add_weights(sum(hparams.rnn_layer_sizes))
        self._averages = MovingAverages(self, self._trained, hparams.averaging)
        decay = hparams.weight_decay or None
        self.optimizer = keras.optimizers.Adam(hparams.learning_rate, beta_2=0.99, weight_decay=decay)
        if decay:
            biases = [v for name, v in self._trained.items() if name.endswith('bias')]
            self.optimizer.exclude_from_weight_decay(var_list=biases)
        self.optimizer.build(list(self._trained.values()))
        self.built = True

    def _add_weights(self, size: int) -> None:
        rng = np.random.default_rng([self._seed, 0])
        keys, hidden, channels = self._keys, self._hparams.nade_size, self._hparams.key_size
        width = keys * self._planes
        parts = key_network.shapes(keys, channels, len(self._lags), self._hparams.span, self._planes)
        scales = {  # standard deviations; 0 for zeros
            'nade/hidden_kernel': ((size, hidden), size**-0.5),
            'nade/hidden_bias': ((hidden,), 0.0),
            'nade/below': ((width, hidden), 0.2),
            'nade/above': ((hidden, width), 0.02),
            'nade/key_kernel': ((size, width), 0.02),
            'nade/key_bias': ((width,), 0.0),
            'nade/given_kernel': ((hidden, channels), hidden**-0.5),
            **{f'keys/{name}': (shape, 0.1) for name, shape in parts.items()},
            'keys/matrix': (parts['matrix'], (2 / channels) ** 0.5),
            'keys/bias': (parts['bias'], 0.0),
            'keys/output': (parts['output'], 0.5 * channels**-0.5),
        }
        for name, (shape, scale) in scales.items():
            value = rng.normal(0, scale, shape) if scale else np.full(shape, _USUAL if name == 'nade/key_bias' else 0)
            self._trained[name] = self.add_weight(
                name=name.replace('/', '_'),
                shape=shape,
                initializer=lambda *_, value=value, **__: tf.constant(value, tf.float32),
            )

    def logits(self, batch: Mapping[str, tf.Tensor], training: bool) -> tf.Tensor:
        """Returns the logits [B, T, W] of each key, given all frames before and the keys below it."""
        frames, first, keys = batch['frames'], batch['first'], self._keys
        w = {
            name: tf.convert_to_tensor(v) for name, v in (self._trained if training else self._averages.weights).items()
        }
        h = self._past(frames, batch['begins'], w, training)
        observed = Observed(*tf.numpy_function(key_network.observe, [frames, keys], list(_OBSERVED), stateful=False))
        notes, again = (tf.ensure_shape(part, [None, None, None]) for part in (observed.notes, observed.again))
        sounds, notes = notes >= 0, tf.maximum(tf.cast(notes, tf.int32), 0)
        steps = tf.gather(w['nade/below'], notes) * tf.cast(sounds, tf.float32)[..., None]  # [B, T, S, H]
        if self._planes > 1:
            steps += tf.gather(w['nade/below'], keys + notes) * tf.cast(again, tf.float32)[..., None]
        steps = tf.cumsum(steps, axis=2)
        start = tf.tensordot(h, w['nade/hidden_kernel'], 1) + w['nade/hidden_bias']
        hidden = tf.sigmoid(start[:, :, None] + tf.pad(steps, [[0, 0], [0, 0], [1, 0], [0, 0]]))  # [B, T, S + 1, H]
        below = tf.cumsum(tf.cast(frames[..., :keys], tf.int32), axis=2, exclusive=True)  # [B, T, K]
        of_index = tf.transpose(tf.one_hot(below, tf.shape(hidden)[2]), [0, 1, 3, 2])  # [B, T, S + 1, K]
        of_index = tf.tile(of_index, [1, 1, 1, self._planes])
        nade = tf.reduce_sum(tf.tensordot(hidden, w['nade/above'], 1) * of_index, axis=2)
        given = tf.tensordot(hidden, w['nade/given_kernel'], 1)
        p = KeyParameters(*(w[f'keys/{name}'] for name in KeyParameters._fields))
        keeps = self._keeps(frames, training)
        shared = _shared(observed, Extent(first, batch['length']), given, keeps, p, self._lags)
        return nade + tf.tensordot(h, w['nade/key_kernel'], 1) + w['nade/key_bias'] + shared

    def _past(self, frames: tf.Tensor, begins: tf.Tensor, w: Mapping[str, tf.Tensor], training: bool) -> tf.Tensor:
        """The GRUs' outputs for the frames before each frame, [B, T, sum of the layers' units]."""
        before = tf.transpose(tf.cast(frames[:, :-1], tf.float32), [1, 0, 2])
        if training:
            before = self._drop(before, self._hparams.input_keep_prob, 0)
        # Before frame 0 is the beginning of the piece, or a frame that is not in this example.
        beginning = tf.one_hot(tf.where(begins > 0, 0, -1), tf.shape(frames)[1], axis=0)  # [T, B]
        x = tf.concat([tf.pad(before, [[1, 0], [0, 0], [0, 0]]), beginning[:, :, None]], axis=2)
        outputs = []
        for i, gru in enumerate(self._grus):
            x = gru(x, GruParameters(*(w[f'gru_{i}/{name}'] for name in gru.named)))
            if training:
                x = self._drop(x, self._hparams.dropout_keep_prob, 1 + i)
            outputs.append(x)
        return tf.transpose(tf.concat(outputs, axis=2), [1, 0, 2])

    def _keeps(self, frames: tf.Tensor, training: bool) -> tf.Tensor:
        """Dropout masks for the channels of the keys' network, [2, B, T, C]: the same for all keys of a frame."""
        keeps = tf.ones([2, *tf.unstack(tf.shape(frames)[:2]), self._hparams.key_size])
        return self._drop(keeps, self._hparams.key_keep_prob, 1 + len(self._grus)) if training else keeps

    def train_step(self, batch: Mapping[str, tf.Tensor]) -> Metrics:
        """See Supervised; updates the moving averages."""
        self._averages.begin(self.optimizer.iterations)
        metrics = super().train_step(batch)
        self._averages.update(self.optimizer.iterations)
        return metrics

    def named_weights(self) -> dict[str, Any]:
        """The moving averages under the names of `nade.py`."""
        return self._averages.weights

    def named_optimizer_state(self) -> dict[str, Any]:
        """See Trainable; the raw weights are a part of the training state."""
        return {**super().named_optimizer_state(), **self._trained}

    def measure(self, batch: Mapping[str, tf.Tensor], training: bool) -> Metrics:
        """See Supervised: nats per frame."""
        frames, first, length, keys = batch['frames'], batch['first'], batch['length'], self._keys
        logits = self.logits(batch, training)
        losses = tf.nn.sigmoid_cross_entropy_with_logits(tf.cast(frames, tf.float32), logits)
        index = tf.range(tf.shape(frames)[1])
        steps = tf.cast((index >= first[:, None]) & (index < length[:, None]), tf.float32)
        number = tf.reduce_sum(steps)

        def total(losses: tf.Tensor) -> tf.Tensor:
            return tf.reduce_sum(tf.reduce_sum(losses, axis=2) * steps)

        loss = total(losses[..., :keys])
        if self._planes == 1:
            return {'loss': (loss, number)}
        sounding = tf.cast(frames[..., :keys], tf.float32)
        sounds_on = sounding * tf.pad(sounding, [[0, 0], [1, 0], [0, 0]])[:, :-1]
        strikes = total(losses[..., keys:] * sounds_on)
        return {'loss': (loss + strikes, number), 'metrics/loss_of_strikes': (strikes, number)}

    def _drop(self, x: tf.Tensor, keep: float, index: int) -> tf.Tensor:
        return self.dropout(x, keep, index, 2 + len(self._grus))


def _shared(
    observed: Observed, extent: Extent, given: tf.Tensor, keeps: tf.Tensor, p: KeyParameters, lags: np.ndarray
) -> tf.Tensor:
    """`key_network.logits` as an operation of TensorFlow, with its gradient."""
    fixed = [*observed, *extent, keeps]
    counts = len(observed), len(observed) + len(extent)

    def parts(flat: tuple[np.ndarray, ...]) -> tuple[Any, ...]:
        """The arguments of both functions, from fixed, given and parameters."""
        o, e, k = Observed(*flat[: counts[0]]), Extent(*flat[counts[0] : counts[1]]), flat[counts[1]]
        return o, e, flat[counts[1] + 1], k, KeyParameters(*flat[counts[1] + 2 :]), lags

    def forwards(*flat: np.ndarray) -> np.ndarray:
        return key_network.logits(*parts(flat))

    def backwards(upstream: np.ndarray, *flat: np.ndarray) -> list[np.ndarray]:
        d_given, d_parameters = key_network.gradient(np.ascontiguousarray(upstream), *parts(flat))
        return [d_given, *d_parameters]

    @tf.custom_gradient
    def run(given: tf.Tensor, *parameters: tf.Tensor) -> tuple[tf.Tensor, Callable[..., Any]]:
        flat = [*fixed, given, *parameters]

        def differentiate(upstream: tf.Tensor) -> list[tf.Tensor]:
            gradients = tf.numpy_function(
                backwards, [upstream, *flat], [tf.float32] * (1 + len(parameters)), stateful=False
            )
            return [tf.ensure_shape(g, v.shape) for g, v in zip(gradients, (given, *parameters), strict=True)]

        result = tf.numpy_function(forwards, flat, tf.float32, stateful=False)
        width = p.key.shape[0] * p.output.shape[0] // p.matrix.shape[0]
        return tf.ensure_shape(result, [None, None, width]), differentiate

    return run(given, *p)
