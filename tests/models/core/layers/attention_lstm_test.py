"""The written-out gradient of the attention layer is the gradient."""

import numpy as np
import pytest
import tensorflow as tf

from solferino.models.core.cpu.layer_recurrence import AttentionParameters
from solferino.models.core.layers import attention_lstm


def _plain(gates: tf.Tensor, p: AttentionParameters, length: int) -> tf.Tensor:
    """The same recurrence in the plainest way, for TensorFlow to differentiate."""
    batch, units = gates.shape[1], p.score.shape[0]
    h = c = context = tf.zeros([batch, units], gates.dtype)
    outputs = [h] * length
    for z in tf.unstack(gates):
        i, f, g, o = tf.split(z + tf.concat([h, context], 1) @ p.recurrent + p.bias, 4, axis=1)
        c = c * tf.sigmoid(f) + tf.sigmoid(i) * tf.tanh(g)
        h = tf.sigmoid(o) * tf.tanh(c)
        query = tf.concat([c, h], 1) @ p.query_kernel + p.query_bias
        memory = tf.stack(outputs[-length:], axis=1)  # [batch, length, units]
        scores = tf.linalg.matvec(tf.tanh(memory @ p.memory_kernel + query[:, None]), p.score)
        context = tf.linalg.matvec(memory, tf.nn.softmax(scores), transpose_a=True)
        outputs.append(tf.concat([h, context], 1) @ p.output_kernel + p.output_bias)
    return tf.stack(outputs[length:])


@pytest.mark.parametrize('steps, length', [(9, 4), (3, 5), (1, 2), (12, 1), (20, 7), (6, 6)])
def test_outputs_and_gradients(steps: int, length: int) -> None:
    rng = np.random.default_rng(0)
    batch, units = 3, 5

    def random(*shape: int) -> tf.Tensor:
        return tf.constant(rng.normal(0, 0.6, shape))  # float64, so that the comparison can be strict

    gates = random(steps, batch, 4 * units)
    parameters = AttentionParameters(
        kernel=random(1, 1),
        recurrent=random(2 * units, 4 * units),
        bias=random(4 * units),
        query_kernel=random(2 * units, units),
        query_bias=random(units),
        memory_kernel=random(units, units),
        score=random(units),
        output_kernel=random(2 * units, units),
        output_bias=random(units),
    )
    upstream = random(steps, batch, units)

    def differentiate(recur) -> tuple[tf.Tensor, list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            tape.watch([gates, *parameters[1:]])
            outputs = recur(gates, parameters, length)
            loss = tf.reduce_sum(outputs * upstream)
        return outputs, tape.gradient(loss, [gates, *parameters[1:]])

    expected, expected_gradients = differentiate(_plain)
    for recur in (attention_lstm.recur, tf.function(attention_lstm.recur)):
        outputs, gradients = differentiate(recur)
        np.testing.assert_allclose(outputs, expected, atol=1e-12)
        for name, ours, theirs in zip(
            ('gates', *AttentionParameters._fields[1:]), gradients, expected_gradients, strict=True
        ):
            # With one slot the softmax is 1 whatever the scores: then there is no gradient to compare, but rounding.
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11, err_msg=name)
