"""gru_attention for plain TensorFlow: the equations of `attention_forward.py`, for the frame after a window."""

import pathlib
from typing import Any

import numpy as np
import tensorflow as tf

from solferino.models.core.export import saved_model
from solferino.models.core.export.saved_model import Function, State
from solferino.models.core.family import Weights
from solferino.models.piano_rnn.attention import lookup


class Step:
    """The network of a set of weights, one frame at a time.

    Args:
      weights: by name, as listed in `attention_forward.py`.
      keys: bool [tokens, columns], which keys sound in each token.
      window: how many frames it sees.
      empty: the token of silence.
    """

    def __init__(self, weights: Weights, keys: np.ndarray, window: int, empty: int) -> None:
        self.variables = {name: tf.Variable(value, trainable=False, name=name) for name, value in weights.items()}
        self._keys = tf.constant(keys, tf.float32)
        self._num_layers = sum(name.endswith('/recurrent_kernel') for name in weights)
        self._window, self._empty = window, empty

    def initial_state(self, batch_size: tf.Tensor) -> State:
        """A window of silence."""
        return {'window': tf.fill([batch_size, self._window], self._empty)}

    def step(self, inputs: tf.Tensor, state: State) -> tf.Tensor:
        """Returns the logits [batch, tokens] after the tokens int32 [batch], and the state after them."""
        tokens = tf.concat([state['window'][:, 1:], inputs[:, None]], axis=1)
        w = self.variables
        embedding = w['embedding/kernel'] + self._keys @ w['embedding/key_kernel']
        x = tf.gather(embedding, tokens)  # [batch, window, units]
        for i in range(self._num_layers):
            states = self._gru(i, x)
            x = self._attend(i, states) if i + 1 < self._num_layers else states
        last = x[:, -1]
        of_keys = last @ w['logits/key_kernel'] + w['logits/key_bias']
        logits = last @ w['logits/kernel'] + w['logits/bias'] + tf.matmul(of_keys, self._keys, transpose_b=True)
        return logits, {'window': tokens}

    def _gru(self, i: int, x: tf.Tensor) -> tf.Tensor:
        """The states [batch, window, u] of layer i."""
        kernel, recurrent, bias = (self.variables[f'gru_{i}/{name}'] for name in ('kernel', 'recurrent_kernel', 'bias'))
        given = tf.unstack(tf.tensordot(x, kernel, 1) + bias[0], self._window, axis=1)
        state, states = tf.zeros([tf.shape(x)[0], recurrent.shape[0]]), []
        for inputs in given:
            z, r, g = tf.split(inputs, 3, axis=1)
            c, d, e = tf.split(state @ recurrent + bias[1], 3, axis=1)
            update = tf.sigmoid(z + c)
            state = update * state + (1 - update) * tf.tanh(g + tf.sigmoid(r + d) * e)
            states.append(state)
        return tf.stack(states, axis=1)

    def _attend(self, i: int, states: tf.Tensor) -> tf.Tensor:
        """The states plus the result of self-attention i."""
        query, key, bias, score = (
            self.variables[f'attention_{i}/{name}'] for name in ('query_kernel', 'key_kernel', 'bias', 'score')
        )
        queries, keys = tf.tensordot(states, query, 1) + bias, tf.tensordot(states, key, 1)
        scores = tf.linalg.matvec(tf.tanh(queries[:, :, None] + keys[:, None]), score)
        return states + tf.nn.softmax(scores) @ states


def write(weights: Weights, config: Any, folder: pathlib.Path) -> None:
    """Writes a model of the config into an empty folder."""
    known, window = lookup.of(config), config.extraction.window
    model = Step(weights, known.frames, window, known.empty)
    state = saved_model.state_spec({'window': (window,)}, {'window': tf.int32})
    functions = {
        'step': Function(model.step, (tf.TensorSpec([None], tf.int32, name='inputs'), state), ('logits',)),
        'initial_state': saved_model.start(model.initial_state),
    }
    description = {
        **saved_model.about(config),
        'frames_per_second': config.extraction.frames_per_second,
        'usage': 'model = tf.saved_model.load(folder); state = model.initial_state(batch_size); '
        'logits, state = model.step(inputs, state)',
        'inputs': {'shape': ['batch'], 'dtype': 'int32', 'meaning': 'a frame, as its number in vocabulary'},
        'state': {'window': ['batch', window]},
        'logits': {
            'shape': ['batch', len(known)],
            'meaning': 'softmax(logits)[k] is the probability that the next frame is entry k of vocabulary',
        },
        'vocabulary': list(config.learned.tokens),
        'vocabulary_meaning': 'the MIDI pitches that sound in a frame, with "!" behind those that sounded before and '
        'are struck again; "e" is silence',
    }
    saved_model.save(model.variables, functions, description, folder)
