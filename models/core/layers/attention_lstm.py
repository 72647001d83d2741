"""The LSTM that attends to its own last outputs, in TensorFlow, for GPUs: the equations of `event_forward.Forward`.

Automatic differentiation would store a copy of the whole memory at each step: 13 GB for a batch of 128 tracks of 512
steps. So the gradient is written out below. The forward pass keeps what is small (the gates, the state, the output of
each step); the backward pass computes the attention again. Both hold the memory as a ring buffer, in which a step
replaces one slot: a softmax does not depend on the order of the slots.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from solferino.models.core.cpu.layer_recurrence import AttentionParameters


class History(NamedTuple):
    """What the forward pass keeps of each step, [steps, batch, size].

    Attributes:
      gates: input, forget, cell and output gate, after the activation, 4u.
      hidden, cell: the LSTM's state, u.
      context: the attention's weighted sum, u.
      output: the layer's output, u.
    """

    gates: tf.Tensor
    hidden: tf.Tensor
    cell: tf.Tensor
    context: tf.Tensor
    output: tf.Tensor


def recur(gates: tf.Tensor, parameters: AttentionParameters, length: int) -> tf.Tensor:
    """Runs the recurrence.

    Args:
      gates: [steps, batch, 4u]; the input's part of the gates' pre-activations.
      parameters: tensors here; the kernel is not used.
      length: slots of the memory.

    Returns:
      The outputs [steps, batch, u].
    """

    @tf.custom_gradient
    def run(gates: tf.Tensor, *flat: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor, ...]]]:
        p = AttentionParameters(parameters.kernel, *flat)
        history = _forward(gates, p, length)
        return history.output, lambda upstream: _backward(upstream, history, p, length)

    return run(gates, *parameters[1:])


def _attend(keys: tf.Tensor, query: tf.Tensor, score: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns tanh(keys + query) [length, batch, u] and the weights of the slots [length, batch]."""
    activation = tf.tanh(keys + query)
    return activation, tf.nn.softmax(tf.tensordot(activation, score, 1), axis=0)


def _read(weights: tf.Tensor, memory: tf.Tensor) -> tf.Tensor:
    """Sums the slots [length, batch, u] by their weights [length, batch]."""
    return tf.reduce_sum(weights[:, :, None] * memory, axis=0)


def _put(ring: tf.Tensor, step: tf.Tensor, row: tf.Tensor) -> tf.Tensor:
    """Replaces the slot of a step."""
    return tf.tensor_scatter_nd_update(ring, [[step % tf.shape(ring)[0]]], row[None])


def _at(values: tf.Tensor, t: Any) -> tf.Tensor:
    """The value of step t of [steps, batch, u]; zeros before the first."""
    return tf.where(t >= 0, values[tf.maximum(t, 0)], tf.zeros([], values.dtype))


def _last_ring(values: tf.Tensor, length: int) -> tf.Tensor:
    """The ring [length, batch, u] that the last step reads, of values [steps, batch, u]."""
    last = tf.shape(values)[0] - 1
    first = tf.maximum(last - length, 0)
    ring = tf.zeros([length, *tf.unstack(tf.shape(values)[1:])], values.dtype)
    return tf.tensor_scatter_nd_update(ring, (tf.range(first, last) % length)[:, None], values[first:last])


def _forward(gates: tf.Tensor, p: AttentionParameters, length: int) -> History:
    steps, batch, units = tf.shape(gates)[0], tf.shape(gates)[1], p.score.shape[0]
    zeros = tf.zeros([batch, units], gates.dtype)
    ring = tf.zeros([length, batch, units], gates.dtype)

    def step(t: Any, h: Any, c: Any, context: Any, memory: Any, keys: Any, *kept: Any) -> tuple[Any, ...]:
        z = gates[t] + tf.matmul(tf.concat([h, context], 1), p.recurrent) + p.bias
        sigmoids = tf.sigmoid(z)
        i, f, _, o = tf.split(sigmoids, 4, axis=1)
        g = tf.tanh(z[:, 2 * units : 3 * units])
        c = c * f + i * g
        h = o * tf.tanh(c)
        query = tf.matmul(tf.concat([c, h], 1), p.query_kernel) + p.query_bias
        _, weights = _attend(keys, query, p.score)
        context = _read(weights, memory)
        output = tf.matmul(tf.concat([h, context], 1), p.output_kernel) + p.output_bias
        memory = _put(memory, t, output)
        keys = _put(keys, t, tf.matmul(output, p.memory_kernel))
        values = (tf.concat([i, f, g, o], 1), h, c, context, output)
        arrays = (array.write(t, value) for array, value in zip(kept, values, strict=True))
        return t + 1, h, c, context, memory, keys, *arrays

    sizes = (4 * units, units, units, units, units)
    kept = [tf.TensorArray(gates.dtype, steps, element_shape=(None, size)) for size in sizes]
    state = (0, zeros, zeros, zeros, ring, ring, *kept)
    _, *_, a, b, c, d, e = tf.while_loop(lambda t, *_: t < steps, step, state, parallel_iterations=1)
    return History(*(array.stack() for array in (a, b, c, d, e)))


def _backward(upstream: tf.Tensor, kept: History, p: AttentionParameters, length: int) -> tuple[tf.Tensor, ...]:
    """Returns the gradients of `gates` and of all parameters but the kernel, from that of the outputs.

    The backward pass goes from the last step to the first. At step t the ring holds the outputs of the steps t - length
    to t - 1, and for each slot its gradient from later steps. When step t has added its own, the gradient of the output
    of step t - 1 is complete.
    """
    steps, batch, units = tf.shape(upstream)[0], tf.shape(upstream)[1], p.score.shape[0]
    all_keys = tf.reshape(tf.matmul(tf.reshape(kept.output, [-1, units]), p.memory_kernel), tf.shape(kept.output))
    zeros = tf.zeros([batch, units], upstream.dtype)
    ring = tf.zeros([length, batch, units], upstream.dtype)

    def step(
        t: Any, d_output: Any, d_h: Any, d_c: Any, d_context: Any, memory: Any, keys: Any, d_memory: Any, d_keys: Any,
        d_score: Any, *saved: Any,
    ) -> tuple[Any, ...]:  # fmt: skip
        h, c, weights_of = kept.hidden[t], kept.cell[t], p.output_kernel
        from_output = tf.matmul(d_output, weights_of, transpose_b=True)
        d_h += from_output[:, :units]
        d_context += from_output[:, units:]
        # The attention, computed again.
        query = tf.matmul(tf.concat([c, h], 1), p.query_kernel) + p.query_bias
        to_memory, to_keys, to_score = _attend_gradient(memory, keys, query, p.score, d_context)
        d_memory, d_keys, d_score = d_memory + to_memory, d_keys + to_keys, d_score + to_score
        d_query = tf.reduce_sum(to_keys, axis=0)
        from_query = tf.matmul(d_query, p.query_kernel, transpose_b=True)
        d_c += from_query[:, :units]
        d_h += from_query[:, units:]
        d_gates, d_last_c = _lstm_gradient(kept.gates[t], _at(kept.cell, t - 1), c, d_h, d_c)
        from_gates = tf.matmul(d_gates, p.recurrent, transpose_b=True)
        # The output of step t - 1 leaves the ring, and the one that it had replaced comes back.
        slot = (t - 1) % length
        d_key = d_keys[slot]
        d_previous = upstream[tf.maximum(t - 1, 0)] + d_memory[slot]
        d_previous += tf.matmul(d_key, p.memory_kernel, transpose_b=True)
        memory = _put(memory, slot, _at(kept.output, t - 1 - length))
        keys = _put(keys, slot, _at(all_keys, t - 1 - length))
        d_memory, d_keys = _put(d_memory, slot, zeros), _put(d_keys, slot, zeros)
        values = (d_gates, d_query, d_output, d_key)
        arrays = (array.write(t, value) for array, value in zip(saved, values, strict=True))
        return (
            t - 1, d_previous, from_gates[:, :units], d_last_c, from_gates[:, units:],
            memory, keys, d_memory, d_keys, d_score, *arrays,
        )  # fmt: skip

    sizes = (4 * units, units, units, units)
    saved = [tf.TensorArray(upstream.dtype, steps, element_shape=(None, size)) for size in sizes]
    rings = (_last_ring(kept.output, length), _last_ring(all_keys, length), ring, ring)
    state = (steps - 1, upstream[-1], zeros, zeros, zeros, *rings, tf.zeros_like(p.score), *saved)
    *_, d_score, a, b, c, d = tf.while_loop(lambda t, *_: t >= 0, step, state, parallel_iterations=1)
    d_gates, d_query, d_output, d_key = (array.stack() for array in (a, b, c, d))

    return d_gates, *_of_parameters(kept, d_gates, d_query, d_output, d_key, d_score)


def _attend_gradient(
    memory: tf.Tensor, keys: tf.Tensor, query: tf.Tensor, score: tf.Tensor, d_context: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns one step's part of the gradients of memory, keys and score, from that of the context.

    The gradient of the keys, summed over the slots, is the gradient of the query.
    """
    activation, weights = _attend(keys, query, score)
    d_weights = tf.reduce_sum(memory * d_context, axis=2)
    d_scores = weights * (d_weights - tf.reduce_sum(weights * d_weights, axis=0))
    flat = tf.reshape(activation, [-1, score.shape[0]])
    d_score = tf.linalg.matvec(flat, tf.reshape(d_scores, [-1]), transpose_a=True)
    d_keys = tf.raw_ops.TanhGrad(y=activation, dy=d_scores[:, :, None] * score)  # one kernel
    return weights[:, :, None] * d_context, d_keys, d_score


def _lstm_gradient(
    gates: tf.Tensor, last_cell: tf.Tensor, cell: tf.Tensor, d_hidden: tf.Tensor, d_cell: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the gradients of the gates' pre-activations and of the last cell, as `layer_kernels.lstm_gradient`."""
    i, f, g, o = tf.split(gates, 4, axis=1)
    active = tf.tanh(cell)
    d_cell += d_hidden * o * (1 - active * active)
    parts = (
        d_cell * g * i * (1 - i),
        d_cell * last_cell * f * (1 - f),
        d_cell * i * (1 - g * g),
        d_hidden * active * o * (1 - o),
    )
    return tf.concat(parts, axis=1), d_cell * f


def _of_parameters(
    kept: History, d_gates: tf.Tensor, d_query: tf.Tensor, d_output: tf.Tensor, d_key: tf.Tensor, d_score: tf.Tensor
) -> tuple[tf.Tensor, ...]:
    """Returns the gradients of all parameters but the kernel: one matmul each, over all steps [steps, batch, size]."""

    def pairs(*parts: tf.Tensor) -> tf.Tensor:
        return tf.reshape(tf.concat(parts, axis=2), [-1, sum(part.shape[2] for part in parts)])

    def flat(gradient: tf.Tensor) -> tf.Tensor:
        return tf.reshape(gradient, [-1, gradient.shape[2]])

    def shifted(values: tf.Tensor) -> tf.Tensor:
        return tf.concat([tf.zeros_like(values[:1]), values[:-1]], axis=0)

    return AttentionParameters(
        d_gates,  # stands for the kernel, and is cut off
        recurrent=tf.matmul(pairs(shifted(kept.hidden), shifted(kept.context)), flat(d_gates), transpose_a=True),
        bias=tf.reduce_sum(flat(d_gates), axis=0),
        query_kernel=tf.matmul(pairs(kept.cell, kept.hidden), flat(d_query), transpose_a=True),
        query_bias=tf.reduce_sum(flat(d_query), axis=0),
        # The key of the output of step t - 1 is completed at step t; nothing reads that of the last.
        memory_kernel=tf.matmul(flat(kept.output[:-1]), flat(d_key[1:]), transpose_a=True),
        score=d_score,
        output_kernel=tf.matmul(pairs(kept.hidden, kept.context), flat(d_output), transpose_a=True),
        output_bias=tf.reduce_sum(flat(d_output), axis=0),
    )[1:]
