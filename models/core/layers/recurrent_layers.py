"""The recurrent layers that are trained: LSTM with and without attention, GRU; time comes first, [T, B, n].

On the CPU they run in `layer_recurrence.py`. On a GPU they are cuDNN's, through Keras, and `attention_lstm.py`.

The input of an LSTM layer is vectors [T, B, n], or (ones, dense): sparse vectors of zeros and a few ones that end in
dense values. `ones` int32 [T, B, slots] are the indices of the ones, `dense` [T, B, d] the values at the end.
"""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from solferino.models.core.cpu.layer_recurrence import AttentionParameters, GruParameters, Inputs, LstmParameters
from solferino.models.core.layers import attention_lstm, recurrent_ops
from solferino.models.core.layers.recurrent_ops import BFLOAT16, FLOAT32

_MOST_KEPT = 0.95  # of an attention layer's output, from step to step


class Lstm(keras.layers.Layer):
    """The layer without attention.

    Args:
      units: of the state.
      precision: FLOAT32, or BFLOAT16 for the matmul of vectors with the kernel; on a GPU, where this matmul is a part
        of cuDNN's layer, for the whole layer. Weights and outputs are float32.
      seeds: of the initial weights, one for each matrix.
    """

    def __init__(self, units: int, precision: str, seeds: Iterator[int]) -> None:
        super().__init__(name='lstm')
        self._units = units
        self._precision = precision
        self._seeds = seeds

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the weights for inputs of size `input_shape[-1]`."""
        rows = _num_rows(input_shape) + self._units
        self._lstm = keras.layers.LSTM(
            self._units,
            dtype='mixed_bfloat16' if self._precision == BFLOAT16 else FLOAT32,
            return_sequences=True,
            kernel_initializer=glorot(rows, 4 * self._units, next(self._seeds)),
            recurrent_initializer=glorot(rows, 4 * self._units, next(self._seeds)),
        )
        self._lstm.build(input_shape)
        self.named = {v.name: v for v in self._lstm.trainable_variables}
        self.built = True

    def call(self, inputs: Any) -> tf.Tensor:
        """Returns the hidden states [T, B, units]."""
        if recurrent_ops.on_cpu():
            parameters = LstmParameters(*(tf.convert_to_tensor(v) for v in self.named.values()))
            return recurrent_ops.lstm(*_prepare(inputs, parameters, self._precision))
        size = self.named['kernel'].shape[0]
        states = self._lstm(tf.transpose(vectors(inputs, size), [1, 0, 2]))
        return tf.cast(tf.transpose(states, [1, 0, 2]), tf.float32)


class AttentionLstm(keras.layers.Layer):
    """The layer that attends to its own last outputs.

    Args:
      units: of the LSTM, of its output, and of the attention.
      length: memory slots.
      precision: FLOAT32, or BFLOAT16 for the matmul of vectors with the kernel; on a GPU also for that of `dense`.
      seeds: of the initial weights, one for each matrix.
    """

    def __init__(self, units: int, length: int, precision: str, seeds: Iterator[int]) -> None:
        super().__init__(name='attention_lstm')
        self._units = units
        self._length = length
        self._precision = precision
        self._seeds = seeds
        self.named: dict[str, Any] = {}

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the weights for inputs of size `input_shape[-1]`."""
        size, units = _num_rows(input_shape), self._units
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
        # Matrices that are parts of one matrix in TensorFlow 1, and its rows.
        rows = dict.fromkeys(('kernel', 'recurrent_kernel', 'input_kernel', 'context_kernel'), size + units)
        for name, shape in shapes.items():
            if name == 'bias':
                initializer: Any = forget_one
            elif name.endswith('_bias'):
                initializer = 'zeros'
            else:
                initializer = glorot(rows.get(name, shape[0]), shape[-1], next(self._seeds))
            if name == 'output_kernel':
                initializer = _fading(initializer)
            self.named[name] = self.add_weight(name=name, shape=shape, initializer=initializer)
        self.built = True

    def call(self, inputs: Any) -> tf.Tensor:
        """Returns the outputs [T, B, units]."""
        w = {name: tf.convert_to_tensor(variable) for name, variable in self.named.items()}
        p = AttentionParameters(
            # All linear maps of the input are folded into one matrix.
            kernel=tf.matmul(w['input_kernel'], w['kernel']),
            recurrent=tf.concat([w['recurrent_kernel'], tf.matmul(w['context_kernel'], w['kernel'])], axis=0),
            bias=tf.linalg.matvec(w['kernel'], w['input_bias'], transpose_a=True) + w['bias'],
            **{name: w[name] for name in AttentionParameters._fields[3:]},
        )
        if recurrent_ops.on_cpu():
            return recurrent_ops.attention(*_prepare(inputs, p, self._precision), self._length)
        return attention_lstm.recur(matmul(inputs, p.kernel, self._precision), p, self._length)


class Gru(keras.layers.Layer):
    """The GRU layer, with Keras's equations and weights.

    Args:
      units: of the state.
      initializers: seeded initializers, one for each matrix.
    """

    def __init__(self, units: int, initializers: Iterator[Any]) -> None:
        super().__init__(name='gru')
        self._gru = keras.layers.GRU(
            units,
            return_sequences=True,
            kernel_initializer=next(initializers),
            recurrent_initializer=next(initializers),
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the weights for inputs of size `input_shape[-1]`."""
        self._gru.build(input_shape)
        self.named = {v.name: v for v in self._gru.trainable_variables}
        self.built = True

    def call(self, inputs: tf.Tensor, weights: GruParameters | None = None) -> tf.Tensor:
        """Returns the states [T, B, units] of vectors [T, B, n]; `weights` replace the layer's own."""
        weights = weights or GruParameters(*(tf.convert_to_tensor(v) for v in self.named.values()))
        if recurrent_ops.on_cpu():
            return recurrent_ops.gru(inputs, weights)
        others = [tf.convert_to_tensor(v) for v in self._gru.non_trainable_variables]
        states, _ = self._gru.stateless_call(list(weights), others, tf.transpose(inputs, [1, 0, 2]))
        return tf.transpose(states, [1, 0, 2])


def glorot(rows: int, columns: int, seed: int) -> Any:
    """Returns an initializer: uniform within the bounds for a matrix [rows, columns], whatever shape it fills.

    Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks", eq. 16. A cell
    of TensorFlow 1 has one matrix for its inputs and its state: both parts begin within the bounds of the whole.
    """
    bound = (6 / (rows + columns)) ** 0.5
    return keras.initializers.RandomUniform(-bound, bound, seed=seed)


def _fading(initializer: Any) -> Any:
    """The initializer of the attention's output kernel [2u, u]: the influence of an output on later ones decays.

    An output goes through the kernel's last u rows at each step that attends to it. If an eigenvalue of these rows is
    above 1, outputs grow with every step: to infinity in a long track, before the first training step. Within the
    bounds of `glorot` it is near the root of 2/3 for large matrices, but above 1 for a fifth of those of 4 units, for a
    tenth of 16 units and hardly ever for 64. Such rows are scaled down; all others stay as they are.
    """

    def draw(shape: Any, dtype: Any = None) -> Any:
        kernel = np.array(initializer(shape, dtype))
        of_context = kernel[shape[1] :]
        largest = np.abs(np.linalg.eigvals(of_context)).max()
        if largest > _MOST_KEPT:
            of_context *= _MOST_KEPT / largest
        return tf.constant(kernel)

    return draw


def _num_rows(input_shape: tuple[int | None, ...]) -> int:
    """The rows of a kernel for such inputs."""
    size = input_shape[-1]
    assert size is not None
    return size


def matmul(x: Any, matrix: tf.Tensor, precision: str) -> tf.Tensor:
    """x . matrix, [T, B, m]; for ones rows are gathered, which is less work than a matmul."""
    if not isinstance(x, tuple):
        return recurrent_ops.matmul(x, matrix, precision)
    ones, dense = x
    result = tf.reduce_sum(tf.gather(matrix, ones), axis=2)
    if dense.shape[2]:
        result += recurrent_ops.matmul(dense, matrix[-dense.shape[2] :], precision)
    return result


def _prepare(x: Any, p: Any, precision: str) -> tuple[Inputs, Any]:
    """A layer's inputs and its parameters in the form of `layer_recurrence.py`."""
    batch = tf.unstack(tf.shape(x[0] if isinstance(x, tuple) else x)[:2])
    nothing = Inputs(*(tf.zeros([*batch, 0], dtype) for dtype in (tf.float32, tf.float32, tf.int32)))
    if isinstance(x, tuple):
        ones, dense = x
        return nothing._replace(ones=ones, dense=dense), p
    if precision == BFLOAT16:  # which NumPy cannot multiply
        return nothing._replace(given=recurrent_ops.matmul(x, p.kernel, precision)), p._replace(kernel=p.kernel[:0])
    return nothing._replace(dense=x), p


def vectors(x: Any, size: int) -> tf.Tensor:
    """The vectors [T, B, size] of (ones, dense); vectors as they are."""
    if not isinstance(x, tuple):
        return x
    ones, dense = x
    sparse = tf.reduce_sum(tf.one_hot(ones, size - dense.shape[2]), axis=2)
    return tf.concat([sparse, dense], axis=2) if dense.shape[2] else sparse
