"""gru_nade for plain TensorFlow: the equations of `nade.py` and `key_network.py`, with dense frames."""

import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from solferino.hparams.piano_rnn import LOWEST
from solferino.models.core.export import saved_model
from solferino.models.core.export.saved_model import Function, State
from solferino.models.core.family import Weights
from solferino.models.piano_rnn.nade.key_kernels import DECAYS, DURATIONS, LEAST_SHARE, RANKS

_CLASSES = 12


class Step:
    """The network of a set of weights, a frame at a time.

    Args:
      weights: by name, as listed in `nade.py`.
      lags: see `hparams/networks/gru_nade.py`.
    """

    def __init__(self, weights: Weights, lags: Sequence[int]) -> None:
        self.variables = {name: tf.Variable(value, trainable=False, name=name) for name, value in weights.items()}
        self._lags = list(lags)
        self._keys = keys = weights['keys/key'].shape[0]
        self._width = width = weights['nade/key_bias'].shape[0]
        units = [array.shape[0] for name, array in weights.items() if name.endswith('/recurrent_kernel')]
        # The state, by name, without the batch dimension.
        self.state_shapes: dict[str, tuple[int, ...]] = {f'gru_{i}': (size,) for i, size in enumerate(units)}
        self.state_shapes |= {'frames': (max(lags), width), 'lasted': (keys,), 'profile': (len(DECAYS), _CLASSES)}
        apart = np.arange(keys) - np.arange(keys)[:, None]  # [j, k]: k - j
        span = weights['keys/lagged'].shape[1] // 2
        # Indices into the tables for each pair of keys; a row of zeros is added behind the last.
        self._around = np.where(abs(apart) <= span, apart + span, 2 * span + 1)
        self._above = np.where(apart > 0, apart - 1, keys)
        classes = np.arange(_CLASSES)
        self._intervals = (classes - classes[:, None]) % _CLASSES  # [q, c]: c - q
        self._class_of_key = np.eye(_CLASSES, dtype=np.float32)[np.arange(keys) % _CLASSES]  # [K, 12]

    def initial_state(self, batch_size: tf.Tensor) -> State:
        """The state at the beginning of pieces."""
        state = {name: tf.zeros([batch_size, *shape]) for name, shape in self.state_shapes.items()}
        begin = tf.one_hot(tf.fill([batch_size], self._width), self._width + 1)
        return state | self._advance(begin, state)

    def step(self, inputs: tf.Tensor, state: State) -> State:
        """Returns the state after the frames [batch, W]."""
        after = self._advance(tf.pad(inputs, [[0, 0], [0, 1]]), state)
        sounding, *again = self._planes(inputs)
        changed = tf.not_equal(sounding, self._planes(state['frames'][:, -1])[0])
        for plane in again:
            changed |= plane > 0
        decays = tf.constant(DECAYS, tf.float32)[:, None]
        heard = (sounding @ self._class_of_key)[:, None] * (1 - decays)
        return after | {
            'frames': tf.concat([state['frames'][:, 1:], inputs[:, None]], axis=1),
            'lasted': tf.where(changed, 1.0, state['lasted'] + 1),
            'profile': state['profile'] * decays + heard,
        }

    def logits(self, frame: tf.Tensor, state: State) -> tf.Tensor:
        """Returns the logits [batch, W]: of each key, given the frames before and the keys of `frame` below it."""
        w = self.variables
        h = tf.concat([state[f'gru_{i}'] for i in range(self._num_layers)], axis=1)
        of_keys = tf.add_n(self._planes(frame[..., None] * w['nade/below']))
        below = tf.cumsum(of_keys, axis=1, exclusive=True)  # [batch, K, H]
        hidden = tf.sigmoid((h @ w['nade/hidden_kernel'] + w['nade/hidden_bias'])[:, None] + below)
        own = h @ w['nade/key_kernel'] + w['nade/key_bias']
        own += tf.reduce_sum(tf.tile(hidden, [1, self._width // self._keys, 1]) * tf.transpose(w['nade/above']), axis=2)
        return own + self._shared(frame, state, tf.tensordot(hidden, w['nade/given_kernel'], 1))

    @property
    def _num_layers(self) -> int:
        return sum(name.startswith('gru_') for name in self.state_shapes)

    def _planes(self, x: tf.Tensor) -> list[tf.Tensor]:
        """[batch, W, ...] as one [batch, K, ...] or two."""
        return tf.split(x, self._width // self._keys, axis=1)

    def _advance(self, x: tf.Tensor, state: State) -> State:
        """The states of the GRU layers after x [batch, W + 1]; the last input is 1 where a piece begins."""
        after: State = {}
        for i in range(self._num_layers):
            kernel, recurrent, bias = (
                self.variables[f'gru_{i}/{name}'] for name in ('kernel', 'recurrent_kernel', 'bias')
            )
            last = state[f'gru_{i}']
            z, r, g = tf.split(x @ kernel + bias[0], 3, axis=1)
            c, d, e = tf.split(last @ recurrent + bias[1], 3, axis=1)
            update = tf.sigmoid(z + c)
            x = after[f'gru_{i}'] = update * last + (1 - update) * tf.tanh(g + tf.sigmoid(r + d) * e)
        return after

    def _shared(self, frame: tf.Tensor, state: State, given: tf.Tensor) -> tf.Tensor:
        """The logits [batch, W] of the network that all keys share."""
        w, last, sounding = self.variables, self._planes(state['frames'][:, -1])[0], self._planes(frame)[0]
        below = tf.cast(tf.cumsum(sounding, axis=1, exclusive=True), tf.int32)
        before = tf.cast(tf.cumsum(last, axis=1), tf.int32)
        ranks = tf.stack([tf.minimum(below, RANKS - 1), tf.minimum(before, RANKS - 1)], axis=-1)
        indices = tf.searchsorted(tf.constant(DURATIONS, tf.float32), tf.reshape(state['lasted'], [-1]))
        runs = tf.reshape(indices, tf.shape(last)) + tf.cast(last, tf.int32) * (len(DURATIONS) + 1)
        z = w['keys/key'] + given + tf.gather_nd(w['keys/rank'], ranks) + tf.gather(w['keys/run'], runs)
        shares = tf.where(state['profile'] > LEAST_SHARE, state['profile'], 0.0)
        tonal = tf.gather(w['keys/tonal'], self._intervals, axis=1)  # [decays, q, c, C]
        z += tf.einsum('brc,rqcz,kq->bkz', shares, tonal, self._class_of_key)
        lagged = tf.pad(w['keys/lagged'], [[0, 0], [0, 1], [0, 0]])
        planes = self._width // self._keys
        lower = tf.pad(tf.reshape(w['keys/lower'], [planes, self._keys, -1]), [[0, 0], [0, 1], [0, 0]])
        for plane, part in enumerate(self._planes(frame)):
            for i, lag in enumerate(self._lags):
                past, table = self._planes(state['frames'][:, -lag])[plane], lagged[plane * len(self._lags) + i]
                z += tf.einsum('bj,jkz->bkz', past, tf.gather(table, self._around))
            z += tf.einsum('bj,jkz->bkz', part, tf.gather(lower[plane], self._above))
        y = tf.nn.relu(tf.tensordot(tf.nn.relu(z), w['keys/matrix'], 1) + w['keys/bias'])
        return tf.concat([tf.linalg.matvec(y, own) for own in tf.split(w['keys/output'], planes)], axis=1)


def write(weights: Weights, config: Any, folder: pathlib.Path) -> None:
    """Writes a model of the config into an empty folder."""
    model = Step(weights, config.hparams.lags)
    width, state = weights['nade/key_bias'].shape[0], saved_model.state_spec(model.state_shapes)
    functions = {
        'initial_state': saved_model.start(model.initial_state),
        'step': Function(model.step, (tf.TensorSpec([None, width], tf.float32, name='inputs'), state)),
        'logits': Function(model.logits, (tf.TensorSpec([None, width], tf.float32, name='frame'), state), ('logits',)),
    }
    frame = {'shape': ['batch', width], 'dtype': 'float32'}
    keys = weights['keys/key'].shape[0]
    again = f'; {keys} + k is 1 if it sounded in the frame before and is struck again' if width > keys else ''
    of_again = (
        f'; of {keys} + k, that key k is struck again, given that it sounds as it did in the frame before'
        if width > keys
        else ''
    )
    description = {
        **saved_model.about(config),
        'frames_per_second': config.extraction.frames_per_second,
        'usage': 'model = tf.saved_model.load(folder); state = model.initial_state(batch_size); for each frame: decide '
        'its keys from the lowest up, each by model.logits(frame, state) with the keys below it in frame; then '
        'state = model.step(frame, state)',
        'inputs': frame | {'meaning': f'1 for each key that sounds; key k is the MIDI pitch {LOWEST} + k{again}'},
        'state': {name: ['batch', *shape] for name, shape in model.state_shapes.items()},
        'logits': frame
        | {
            'meaning': 'sigmoid(logits)[k] is the probability that key k sounds, given the keys below it in frame'
            + of_again
        },
    }
    saved_model.save(model.variables, functions, description, folder)
