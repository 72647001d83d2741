"""`layer_recurrence.py` and `output_layer.py` as TensorFlow operations with gradients, for the CPU."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from solferino.models.core.cpu import layer_recurrence, output_layer
from solferino.models.core.cpu.layer_recurrence import (
    Attention,
    AttentionParameters,
    Gru,
    GruParameters,
    Inputs,
    Lstm,
    LstmParameters,
)
from solferino.models.core.cpu.output_layer import OutputParameters

_Gradient = Callable[[tf.Tensor], tuple[tf.Tensor | None, ...]]
FLOAT32, BFLOAT16 = 'float32', 'bfloat16'


def on_cpu() -> bool:
    """Whether there is no GPU."""
    return not tf.config.list_physical_devices('GPU')


def matmul(x: tf.Tensor, matrix: tf.Tensor, precision: str = FLOAT32) -> tf.Tensor:
    """x . matrix, [T, B, n] by [n, m]; with BFLOAT16 factors and result are rounded to it, backwards too."""
    if precision == BFLOAT16:
        return tf.cast(tf.tensordot(tf.cast(x, tf.bfloat16), tf.cast(matrix, tf.bfloat16), 1), tf.float32)
    if not on_cpu():
        return tf.tensordot(x, matrix, 1)

    @tf.custom_gradient
    def run(x: tf.Tensor, matrix: tf.Tensor) -> tuple[tf.Tensor, _Gradient]:
        # TensorFlow takes two to three times as long for the gradient.
        (result,) = _call(layer_recurrence.matmul, [x, matrix], 1)
        result = tf.ensure_shape(result, [None, None, matrix.shape[1]])
        return result, lambda upstream: _call(layer_recurrence.matmul_gradient, [upstream, x, matrix], 2)

    return run(x, matrix)


def dropout(x: tf.Tensor, seed: tf.Tensor, keep: float) -> tf.Tensor:
    """`layer_recurrence.dropout` by the seed int64 [2]; on a GPU TensorFlow's, with other random numbers."""
    if not on_cpu():
        return tf.nn.experimental.stateless_dropout(x, 1 - keep, seed=seed)

    @tf.custom_gradient
    def run(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        def dropped(values: tf.Tensor) -> tf.Tensor:
            return tf.ensure_shape(
                _call(functools.partial(layer_recurrence.dropout, keep=keep), [values, seed], 1)[0], x.shape
            )

        return dropped(x), dropped  # the mask is computed again, not kept

    return run(x)


def cross_entropy(x: tf.Tensor, labels: tf.Tensor, parameters: OutputParameters) -> tuple[tf.Tensor, tf.Tensor]:
    """The losses [T, B] and the likeliest labels of `output_layer.cross_entropy`; for CPUs."""

    def backwards(upstream: np.ndarray, x: np.ndarray, labels: np.ndarray, *flat: np.ndarray) -> tuple[np.ndarray, ...]:
        d_x, d_parameters = output_layer.cross_entropy_gradient(upstream, x, labels, OutputParameters(*flat))
        return d_x, *d_parameters

    @tf.custom_gradient
    def run(x: tf.Tensor, *flat: tf.Tensor) -> tuple[tuple[tf.Tensor, tf.Tensor], Callable[..., Any]]:
        losses, likeliest = tf.numpy_function(
            lambda x, labels, *flat: output_layer.cross_entropy(x, labels, OutputParameters(*flat)),
            [x, labels, *flat],
            [tf.float32, tf.int32],
        )

        def differentiate(upstream: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, ...]:
            gradients = _call(backwards, [upstream, x, labels, *flat], 3)
            return tuple(tf.ensure_shape(g, v.shape) for g, v in zip(gradients, (x, *flat), strict=True))

        return (tf.ensure_shape(losses, labels.shape), tf.ensure_shape(likeliest, labels.shape)), differentiate

    return run(x, *parameters)


def lstm(inputs: Inputs, parameters: LstmParameters) -> tf.Tensor:
    """The hidden states [T, B, u] of `layer_recurrence.lstm`."""
    return _recur(
        layer_recurrence.lstm, layer_recurrence.lstm_gradient, Lstm, inputs, parameters, lambda kept: kept.hidden
    )


def gru(dense: tf.Tensor, parameters: GruParameters) -> tf.Tensor:
    """The hidden states [T, B, u] of `layer_recurrence.gru`."""

    def backwards(upstream: np.ndarray, dense: np.ndarray, *flat: np.ndarray) -> tuple[np.ndarray, ...]:
        d_dense, d_parameters = layer_recurrence.gru_gradient(upstream, dense, GruParameters(*flat[:3]), Gru(*flat[3:]))
        return d_dense, *d_parameters

    @tf.custom_gradient
    def run(dense: tf.Tensor, *flat: tf.Tensor) -> tuple[tf.Tensor, _Gradient]:
        kept = _call(lambda dense, *flat: layer_recurrence.gru(dense, GruParameters(*flat)), [dense, *flat], 3)

        def differentiate(upstream: tf.Tensor) -> tuple[tf.Tensor | None, ...]:
            gradients = _call(backwards, [upstream, dense, *flat, *kept], 4)
            return tuple(tf.ensure_shape(g, v.shape) for g, v in zip(gradients, (dense, *flat), strict=True))

        return tf.ensure_shape(kept[0], [None, None, flat[1].shape[0]]), differentiate

    return run(dense, *parameters)


def attention(inputs: Inputs, parameters: AttentionParameters, length: int) -> tf.Tensor:
    """The outputs [T, B, u] of `layer_recurrence.attention`."""
    forward = functools.partial(layer_recurrence.attention, length=length)

    def outputs(kept: Attention) -> tf.Tensor:
        return tf.transpose(kept.memory[:, length:], [1, 0, 2])

    return _recur(forward, layer_recurrence.attention_gradient, Attention, inputs, parameters, outputs)


def _recur(
    forward: Callable[..., Any],
    gradient: Callable[..., Any],
    kept_type: Any,
    inputs: Inputs,
    parameters: Any,
    outputs: Callable[[Any], tf.Tensor],
) -> tf.Tensor:
    number, kind = len(parameters), type(parameters)

    def forwards(*flat: np.ndarray) -> Any:
        return forward(Inputs(*flat[:3]), kind(*flat[3:]))

    def backwards(upstream: np.ndarray, *flat: np.ndarray) -> tuple[np.ndarray, ...]:
        kept = kept_type(*flat[3 + number :])
        d_inputs, d_parameters = gradient(upstream, Inputs(*flat[:3]), kind(*flat[3 : 3 + number]), kept)
        return *d_inputs, *d_parameters

    @tf.custom_gradient
    def run(*flat: tf.Tensor) -> tuple[tf.Tensor, _Gradient]:
        kept = kept_type(*_call(forwards, flat, len(kept_type._fields)))

        def differentiate(upstream: tf.Tensor) -> tuple[tf.Tensor | None, ...]:
            d_given, d_dense, *d_parameters = _call(backwards, [upstream, *flat, *kept], 2 + number)
            return d_given, d_dense, None, *d_parameters

        return tf.ensure_shape(outputs(kept), [None, None, parameters.bias.shape[0] // 4]), differentiate

    return run(*inputs, *parameters)


def _call(function: Callable[..., Any], arguments: Sequence[tf.Tensor], results: int) -> tuple[tf.Tensor, ...]:
    """Calls a NumPy function that returns float32 arrays."""
    return tuple(tf.nest.flatten(tf.numpy_function(function, arguments, [tf.float32] * results)))
