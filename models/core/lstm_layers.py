"""The LSTM layers that are trained, with and without attention; time comes first, [T, B, n].

On a processor the recurrences are those of `recurrence.py`. On a GPU they are cuDNN's, through Keras, and that of
`attention_lstm.py`.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from solferino.models.core import attention_lstm, recurrence
from solferino.models.core.recurrence import AttentionParameters, Inputs, LstmParameters

Gradient = Callable[[tf.Tensor], tuple[tf.Tensor | None, ...]]


class Lstm(keras.layers.Layer):
    """The layer without attention. Called with vectors [T, B, in], or with (ones, dense), which mean the same (`times`).

    Args:
      units: of the state.
      initializers: seeded initializers, one for each matrix.
    """

    def __init__(self, units: int, initializers: Iterator[Any]) -> None:
        super().__init__(name='lstm')
        self._lstm = keras.layers.LSTM(
            units,
            return_sequences=True,
            kernel_initializer=next(initializers),
            recurrent_initializer=next(initializers),
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the weights for inputs of size `input_shape[-1]`."""
        self._lstm.build(input_shape)
        self.named = {v.name: v for v in self._lstm.trainable_variables}
        self.built = True

    def call(self, inputs: Any) -> tf.Tensor:
        """Returns the hidden states [T, B, units]."""
        if _on_processor():
            parameters = LstmParameters(*(tf.convert_to_tensor(v) for v in self.named.values()))
            return _lstm(_parts(inputs), parameters)
        size = self.named['kernel'].shape[0]
        return tf.transpose(self._lstm(tf.transpose(vectors(inputs, size), [1, 0, 2])), [1, 0, 2])


class AttentionLstm(keras.layers.Layer):
    """The layer that attends to its own last outputs. Called with vectors [T, B, in], or with (ones, dense).

    Args:
      units: of the LSTM, of its output, and of the attention.
      length: memory slots.
      initializers: seeded initializers, one for each matrix.
    """

    def __init__(self, units: int, length: int, initializers: Iterator[Any]) -> None:
        super().__init__(name='attention_lstm')
        self._units = units
        self._length = length
        self._initializers = initializers
        self.named: dict[str, Any] = {}

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the weights for inputs of size `input_shape[-1]`."""
        size, units = input_shape[-1], self._units
        forget_one = tf.constant_initializer([0.0] * units + [1.0] * units + [0.0] * 2 * units)
        shapes = {
            'kernel': (size, 4 * units),
            'recurrent_kernel': (units, 4 * units),
            'input_kernel': (size, size),
            'context_kernel': (units, size),
            'query_kernel': (2 * units, units),
            'memory_kernel': (units, units),
            'output_kernel': (2 * units, units),
            'score': (units,),
            'bias': (4 * units,),
            'input_bias': (size,),
            'query_bias': (units,),
            'output_bias': (units,),
        }
        for name, shape in shapes.items():
            if name == 'bias':
                initializer: Any = forget_one
            elif name.endswith('_bias'):
                initializer = 'zeros'
            else:
                initializer = next(self._initializers)
            self.named[name] = self.add_weight(name=name, shape=shape, initializer=initializer)
        self.built = True

    def call(self, inputs: Any) -> tf.Tensor:
        """Returns the outputs [T, B, units]."""
        w = {name: tf.convert_to_tensor(variable) for name, variable in self.named.items()}
        p = AttentionParameters(
            # All that does not depend on the step before is folded into one matrix.
            kernel=tf.matmul(w['input_kernel'], w['kernel']),
            recurrent=tf.concat([w['recurrent_kernel'], tf.matmul(w['context_kernel'], w['kernel'])], axis=0),
            bias=tf.linalg.matvec(w['kernel'], w['input_bias'], transpose_a=True) + w['bias'],
            **{name: w[name] for name in AttentionParameters._fields[3:]},
        )
        if _on_processor():
            return _attention(_parts(inputs), p, self._length)
        return attention_lstm.recur(times(inputs, p.kernel), p, self._length)


def times(x: Any, matrix: tf.Tensor) -> tf.Tensor:
    """x . matrix for vectors [T, B, in].

    Instead of a vector of zeros and a few ones, (ones, dense) may come: the places of its ones, int32 [T, B, slots], and
    the values behind them, [T, B, d]. Then rows are selected, which is less work than a product.
    """
    if not isinstance(x, tuple):
        return _product(x, matrix) if _on_processor() else tf.tensordot(x, matrix, 1)
    ones, dense = x
    product = tf.reduce_sum(tf.gather(matrix, ones), axis=2)
    if dense.shape[2]:
        product += tf.tensordot(dense, matrix[-dense.shape[2] :], 1)
    return product


def vectors(x: Any, size: int) -> tf.Tensor:
    """The vectors [T, B, size] that (ones, dense) stands for; vectors as they are."""
    if not isinstance(x, tuple):
        return x
    ones, dense = x
    sparse = tf.reduce_sum(tf.one_hot(ones, size - dense.shape[2]), axis=2)
    return tf.concat([sparse, dense], axis=2) if dense.shape[2] else sparse


def _parts(x: Any) -> Inputs:
    """`times`'s argument as the recurrences have it."""
    return Inputs(*x) if isinstance(x, tuple) else Inputs(tf.zeros([*tf.unstack(tf.shape(x)[:2]), 0], tf.int32), x)


def _on_processor() -> bool:
    return not tf.config.list_physical_devices('GPU')


def _product(x: tf.Tensor, matrix: tf.Tensor) -> tf.Tensor:
    """`recurrence.product` and its gradient, for which TensorFlow takes two to three times as long."""

    @tf.custom_gradient
    def run(x: tf.Tensor, matrix: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
        (result,) = _call(recurrence.product, [x, matrix], 1)
        result = tf.ensure_shape(result, [None, None, matrix.shape[1]])
        return result, lambda upstream: _call(recurrence.product_gradient, [upstream, x, matrix], 2)

    return run(x, matrix)


def _lstm(inputs: Inputs, parameters: LstmParameters) -> tf.Tensor:
    """`recurrence.lstm` and its gradient; returns the hidden states."""

    def forward(ones: np.ndarray, dense: np.ndarray, *flat: np.ndarray) -> recurrence.Lstm:
        return recurrence.lstm(Inputs(ones, dense), LstmParameters(*flat))

    def backward(
        upstream: np.ndarray, ones: np.ndarray, dense: np.ndarray, *others: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        p, kept = LstmParameters(*others[:3]), recurrence.Lstm(*others[3:])
        d_dense, d_parameters = recurrence.lstm_gradient(upstream, Inputs(ones, dense), p, kept)
        return d_dense, *d_parameters

    @tf.custom_gradient
    def run(*arguments: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
        kept = _call(forward, arguments, len(recurrence.Lstm._fields))
        hidden = tf.ensure_shape(kept[0], [None, None, parameters.recurrent.shape[0]])
        return hidden, lambda upstream: (None, *_call(backward, [upstream, *arguments, *kept], len(arguments) - 1))

    return run(*inputs, *parameters)


def _attention(inputs: Inputs, parameters: AttentionParameters, length: int) -> tf.Tensor:
    """`recurrence.attention` and its gradient; returns the outputs."""

    def forward(ones: np.ndarray, dense: np.ndarray, *flat: np.ndarray) -> recurrence.Attention:
        return recurrence.attention(Inputs(ones, dense), AttentionParameters(*flat), length)

    def backward(
        upstream: np.ndarray, ones: np.ndarray, dense: np.ndarray, *others: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        p, kept = AttentionParameters(*others[: len(parameters)]), recurrence.Attention(*others[len(parameters) :])
        d_dense, d_parameters = recurrence.attention_gradient(upstream, Inputs(ones, dense), p, kept)
        return d_dense, *d_parameters

    @tf.custom_gradient
    def run(*arguments: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
        kept = _call(forward, arguments, len(recurrence.Attention._fields))
        outputs = tf.transpose(kept[0][:, length:], [1, 0, 2])
        outputs = tf.ensure_shape(outputs, [None, None, parameters.score.shape[0]])
        return outputs, lambda upstream: (None, *_call(backward, [upstream, *arguments, *kept], len(arguments) - 1))

    return run(*inputs, *parameters)


def _call(function: Callable[..., Any], arguments: Sequence[tf.Tensor], results: int) -> tuple[tf.Tensor, ...]:
    """Calls a function of arrays."""
    return tuple(tf.nest.flatten(tf.numpy_function(function, arguments, [tf.float32] * results)))
