"""LSTM and GRU layers on the CPU in NumPy: forward and backward pass, called from TensorFlow.

Each thread of the pool takes a slice of the batch through all steps, so that its state stays in the cache of its core.
A step is a few matmuls and one or two fused kernels (`layer_kernels.py`). What the backward pass needs is kept for each
step. The gradient of a weight takes one matmul for many steps. BLAS threads are off: they keep a core busy while they
wait. `attention_lstm.py` has the same equations in TensorFlow, for GPUs; the tests compare the two.

Shapes: T steps, B tracks, u units, L slots of the attention's memory. Time comes first, so that a step is contiguous.
Gates are in the order input, forget, cell, output (LSTM) and update, reset, candidate (GRU).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from solferino.models.core.cpu import layer_kernels
from solferino.models.core.cpu.thread_pool import empty, in_order, in_slices


class Inputs(NamedTuple):
    """A layer's inputs, in three parts. Each part may be of size 0.

    Attributes:
      given: [T, B, 4u]; added to the gates' pre-activations as it is.
      dense: [T, B, d]; multiplied by the kernel's last d rows.
      ones: [T, B, slots] int32; the indices of the ones in a vector of zeros and ones: these rows of the kernel are
        added.
    """

    given: np.ndarray
    dense: np.ndarray
    ones: np.ndarray


class LstmParameters(NamedTuple):
    """The weights of the LSTM.

    Attributes:
      kernel: [n, 4u]; the inputs to the gates.
      recurrent: [u, 4u]; the last step's hidden state to the gates.
      bias: [4u]; of the gates.
    """

    kernel: np.ndarray
    recurrent: np.ndarray
    bias: np.ndarray


class AttentionParameters(NamedTuple):
    """The weights of the LSTM with attention.

    Attributes:
      kernel: [n, 4u]; the inputs to the gates.
      recurrent: [2u, 4u]; the last step's hidden state and context to the gates.
      bias: [4u]; of the gates.
      query_kernel, query_bias: [2u, u], [u]; cell and hidden state to the query.
      memory_kernel: [u, u]; an output to its key.
      score: [u]; maps tanh(key + query) to a score.
      output_kernel, output_bias: [2u, u], [u]; hidden state and context to the output.
    """

    kernel: np.ndarray
    recurrent: np.ndarray
    bias: np.ndarray
    query_kernel: np.ndarray
    query_bias: np.ndarray
    memory_kernel: np.ndarray
    score: np.ndarray
    output_kernel: np.ndarray
    output_bias: np.ndarray


class GruParameters(NamedTuple):
    """The weights of the GRU.

    Attributes:
      kernel: [n, 3u]; the inputs to the gates.
      recurrent: [u, 3u]; the last step's hidden state to the gates.
      bias: [2, 3u]; of the inputs' part and of the state's part.
    """

    kernel: np.ndarray
    recurrent: np.ndarray
    bias: np.ndarray


class Lstm(NamedTuple):
    """What the LSTM keeps of each step for the backward pass.

    Attributes:
      hidden, cell: [T, B, u].
      gates: after their activation, [T, B, 4u].
    """

    hidden: np.ndarray
    cell: np.ndarray
    gates: np.ndarray


class Gru(NamedTuple):
    """What the GRU keeps of each step for the backward pass.

    Attributes:
      hidden: [T, B, u].
      gates: after their activation, [T, B, 3u].
      inner: what the last state gives to the candidate before the reset gate, [T, B, u].
    """

    hidden: np.ndarray
    gates: np.ndarray
    inner: np.ndarray


class Attention(NamedTuple):
    """What the LSTM with attention keeps for the backward pass.

    Attributes:
      memory: [B, L + T, u]; the outputs of all steps after L slots of zeros. Step t reads the L slots from t on.
      keys: [B, L + T, u]; memory . memory_kernel, which the query is compared with.
      state: [T, B, 3u]; cell, hidden state and context of each step.
      gates: after their activation, [T, B, 4u].
      query: [T, B, u].
      weights: of the slots that a step reads, [T, B, L].
    """

    memory: np.ndarray
    keys: np.ndarray
    state: np.ndarray
    gates: np.ndarray
    query: np.ndarray
    weights: np.ndarray


def matmul(x: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """x . matrix, [T, B, n] by [n, m]."""
    result = empty(*x.shape[:2], matrix.shape[1])
    in_slices(len(x), lambda steps: np.matmul(_rows(x[steps]), matrix, out=_rows(result[steps])))
    return result


def matmul_gradient(d_result: np.ndarray, x: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The gradients of `x` and `matrix` in `matmul`."""
    return matmul(d_result, matrix.T), _matrix_gradient(x, d_result)


def dropout(x: np.ndarray, seed: np.ndarray, keep: float) -> np.ndarray:
    """Dropout of x [n, ...], a function of the seed int64 [2]. The gradient is dropout with the same seed."""
    keys = np.random.SeedSequence(seed.view(np.uint64).tolist()).generate_state(2)
    result = empty(*x.shape)

    def run(steps: slice) -> None:
        layer_kernels.dropout(x[steps].reshape(-1), x[: steps.start].size, keep, keys, result[steps].reshape(-1))

    in_slices(len(x), run)
    return result


def lstm(inputs: Inputs, p: LstmParameters) -> Lstm:
    """Runs an LSTM from a state of zeros."""
    steps, batch, _ = inputs.dense.shape
    units = len(p.recurrent)
    kept = Lstm(empty(steps, batch, units), empty(steps, batch, units), empty(steps, batch, 4 * units))

    def run(rows: slice) -> None:
        preactivations = _preactivations(inputs, p.kernel, p.recurrent, rows)
        hidden = cell = np.zeros_like(kept.cell[0, rows])
        for t in range(steps):
            last_hidden, last_cell = hidden, cell
            hidden, cell = kept.hidden[t, rows], kept.cell[t, rows]
            layer_kernels.lstm(preactivations(t, last_hidden), p.bias, kept.gates[t, rows], last_cell, cell, hidden)

    in_slices(batch, run)
    return kept


def lstm_gradient(
    d_hidden: np.ndarray, inputs: Inputs, p: LstmParameters, kept: Lstm
) -> tuple[tuple[np.ndarray, np.ndarray], LstmParameters]:
    """The gradients of the inputs and of the parameters in `lstm`, from that of the hidden states [T, B, u]."""
    steps, batch, _ = d_hidden.shape
    d_preactivations = _PreactivationsGradient(inputs, p.kernel, p.recurrent)

    def run(rows: slice) -> None:
        part = d_preactivations.of_slice(rows)
        zeros = np.zeros_like(kept.cell[0, rows])
        d_last, d_state, d_cell = zeros, np.empty_like(zeros), np.zeros_like(zeros)
        for t in reversed(range(steps)):
            np.add(d_last, d_hidden[t, rows], out=d_state)
            last_hidden, last_cell = (kept.hidden[t - 1, rows], kept.cell[t - 1, rows]) if t else (zeros, zeros)
            d_z = part.of_step(t)
            layer_kernels.lstm_gradient(kept.gates[t, rows], last_cell, kept.cell[t, rows], d_state, d_cell, d_z)
            d_last = part.back(t, last_hidden)

    in_slices(batch, run)
    return d_preactivations.of_inputs(), LstmParameters(*d_preactivations.of_parameters())


def gru(dense: np.ndarray, p: GruParameters) -> Gru:
    """Runs a GRU over `dense` [T, B, n] from a state of zeros; its reset gate comes after the matmul.

    A step is `layer_kernels.gru`.
    """
    steps, batch, _ = dense.shape
    units = len(p.recurrent)
    kept = Gru(*(empty(steps, batch, size) for size in (units, 3 * units, units)))
    from_input = matmul(dense, p.kernel)

    def run(rows: slice) -> None:
        from_state = np.empty((rows.stop - rows.start, 3 * units), np.float32)
        last = np.zeros((len(from_state), units), np.float32)
        for t in range(steps):
            np.matmul(last, p.recurrent, out=from_state)
            hidden = kept.hidden[t, rows]
            layer_kernels.gru(
                from_input[t, rows], from_state, p.bias, last, kept.gates[t, rows], kept.inner[t, rows], hidden
            )
            last = hidden

    in_slices(batch, run)
    return kept


def gru_gradient(
    d_hidden: np.ndarray, dense: np.ndarray, p: GruParameters, kept: Gru
) -> tuple[np.ndarray, GruParameters]:
    """The gradients of `dense` and of the parameters in `gru`, from that of the hidden states [T, B, u]."""
    steps, batch, _ = d_hidden.shape
    d_from_input, d_from_state = empty(*kept.gates.shape), empty(*kept.gates.shape)
    transposed = np.ascontiguousarray(p.recurrent.T)

    def run(rows: slice) -> None:
        zeros = np.zeros_like(kept.hidden[0, rows])
        d_last, d_state, buffer = zeros, np.zeros_like(zeros), np.empty_like(zeros)
        for t in reversed(range(steps)):
            np.add(d_last, d_hidden[t, rows], out=d_state)
            last = kept.hidden[t - 1, rows] if t else zeros
            layer_kernels.gru_gradient(
                kept.gates[t, rows], kept.inner[t, rows], last, d_state, d_from_input[t, rows], d_from_state[t, rows]
            )
            d_last = np.add(d_state, np.matmul(d_from_state[t, rows], transposed, out=buffer), out=buffer)

    in_slices(batch, run)
    d_dense, d_kernel = matmul_gradient(d_from_input, dense, p.kernel)
    return d_dense, GruParameters(
        kernel=d_kernel,
        recurrent=_matrix_gradient(kept.hidden[:-1], d_from_state[1:]),
        bias=np.stack([_sum(d_from_input), _sum(d_from_state)]),
    )


def attention(inputs: Inputs, p: AttentionParameters, length: int) -> Attention:
    """Runs the LSTM with attention over its last `length` outputs, from a state of zeros (`Forward._attend`)."""
    steps, batch, _ = inputs.dense.shape
    units = len(p.score)
    kept = Attention(
        memory=empty(batch, length + steps, units),
        keys=empty(batch, length + steps, units),
        state=empty(steps, batch, 3 * units),
        gates=empty(steps, batch, 4 * units),
        query=empty(steps, batch, units),
        weights=empty(steps, batch, length),
    )

    def run(rows: slice) -> None:
        preactivations = _preactivations(inputs, p.kernel, p.recurrent, rows)
        memory, keys = kept.memory[rows], kept.keys[rows]
        memory[:, :length] = keys[:, :length] = 0
        last = np.zeros_like(kept.state[0, rows])
        output, key = np.empty_like(kept.query[0, rows]), np.empty_like(kept.query[0, rows])
        for t in range(steps):
            state, query = kept.state[t, rows], kept.query[t, rows]
            cell, hidden, context = np.split(state, 3, axis=1)
            layer_kernels.lstm(
                preactivations(t, last[:, units:]), p.bias, kept.gates[t, rows], last[:, :units], cell, hidden
            )
            np.matmul(state[:, : 2 * units], p.query_kernel, out=query)
            query += p.query_bias
            layer_kernels.attend(query, p.score, keys, memory, kept.weights[t, rows], context, t)
            np.matmul(state[:, units:], p.output_kernel, out=output)
            output += p.output_bias
            memory[:, length + t] = output
            keys[:, length + t] = np.matmul(output, p.memory_kernel, out=key)
            last = state

    in_slices(batch, run)
    return kept


def attention_gradient(
    d_outputs: np.ndarray, inputs: Inputs, p: AttentionParameters, kept: Attention
) -> tuple[tuple[np.ndarray, np.ndarray], AttentionParameters]:
    """The gradients of the inputs and of the parameters in `attention`, from that of the outputs [T, B, u].

    The backward pass goes from the last step to the first. Step t adds to the gradients of the slots that it has read.
    When the pass comes to the step that wrote a slot, the gradient of this slot is complete.
    """
    steps, batch, units = d_outputs.shape
    length = kept.weights.shape[2]
    d_query, d_output, d_keys = (empty(*array.shape) for array in (kept.query, d_outputs, kept.keys))
    d_preactivations = _PreactivationsGradient(inputs, p.kernel, p.recurrent)
    d_scores: list[tuple[int, np.ndarray]] = []
    output_back, query_back, memory_back = (
        np.ascontiguousarray(part.T) for part in (p.output_kernel, p.query_kernel, p.memory_kernel)
    )

    def run(rows: slice) -> None:
        part = d_preactivations.of_slice(rows)
        memory, keys, d_key = kept.memory[rows], kept.keys[rows], d_keys[rows]
        d_memory = np.zeros_like(memory)
        d_key[:] = 0
        d_score, d_cell = np.zeros_like(p.score), np.zeros_like(d_outputs[0, rows])
        buffer = np.empty_like(kept.state[0, rows, units:])
        d_last, nothing = np.zeros_like(buffer), np.zeros_like(kept.state[0, rows])
        for t in reversed(range(steps)):
            cell, last = kept.state[t, rows, :units], kept.state[t - 1, rows] if t else nothing
            d_out, d_q, d_z = d_output[t, rows], d_query[t, rows], part.of_step(t)
            np.matmul(d_key[:, length + t], memory_back, out=d_out)
            d_out += d_memory[:, length + t]
            d_out += d_outputs[t, rows]
            d_last += np.matmul(d_out, output_back, out=buffer)
            d_hidden, d_context = np.split(d_last, 2, axis=1)
            layer_kernels.attend_gradient(
                kept.query[t, rows], p.score, keys, memory, kept.weights[t, rows], t,
                d_context, d_q, d_key, d_memory, d_score,
            )  # fmt: skip
            np.matmul(d_q, query_back, out=buffer)
            d_cell += buffer[:, :units]
            d_hidden += buffer[:, units:]
            layer_kernels.lstm_gradient(kept.gates[t, rows], last[:, :units], cell, d_hidden, d_cell, d_z)
            d_last = part.back(t, last[:, units:])
        d_scores.append((rows.start, d_score))

    in_slices(batch, run)
    return d_preactivations.of_inputs(), AttentionParameters(
        *d_preactivations.of_parameters(),
        query_kernel=_matrix_gradient(kept.state[:, :, : 2 * units], d_query),
        query_bias=_sum(d_query),
        memory_kernel=_matrix_gradient(kept.memory, d_keys),
        score=in_order(d_scores),
        output_kernel=_matrix_gradient(kept.state[:, :, units:], d_output),
        output_bias=_sum(d_output),
    )


def _preactivations(
    inputs: Inputs, kernel: np.ndarray, recurrent: np.ndarray, rows: slice
) -> Callable[[int, np.ndarray], np.ndarray]:
    """Returns a function that computes the gates' pre-activations [R, 4u] of a step, without the bias.

    Its arguments are the step and the recurrent input [R, len(recurrent)]. The result is overwritten by the next call.
    """
    given, dense, ones = (part[:, rows] for part in inputs)
    matrix, size = _stacked(kernel, recurrent, dense.shape[2]), len(recurrent)
    both = np.empty((dense.shape[1], len(matrix)), np.float32)
    result = np.empty((dense.shape[1], kernel.shape[1]), np.float32)

    def preactivations(t: int, last: np.ndarray) -> np.ndarray:
        if dense.shape[2]:
            both[:, :size], both[:, size:] = last, dense[t]
        np.matmul(both if dense.shape[2] else last, matrix, out=result)
        if given.shape[2]:
            np.add(result, given[t], out=result)
        if ones.shape[2]:
            layer_kernels.add_rows(kernel, ones[t], result)
        return result

    return preactivations


class _PreactivationsGradient:
    """The gradient of `_preactivations`: gathers the gradients of the inputs and of the parameters."""

    def __init__(self, inputs: Inputs, kernel: np.ndarray, recurrent: np.ndarray) -> None:
        self._inputs = inputs
        self._kernel = kernel
        self._size = len(recurrent)
        self._transposed = np.ascontiguousarray(_stacked(kernel, recurrent, inputs.dense.shape[2]).T)
        self._d_given, self._d_dense = empty(*inputs.given.shape), empty(*inputs.dense.shape)
        self._slices: list[tuple[int, _SliceGradient]] = []

    def of_slice(self, rows: slice) -> '_SliceGradient':
        """The part for a slice of rows, of which one thread takes all steps, the last one first."""
        inputs = Inputs(*(part[:, rows] for part in self._inputs))
        d_given, d_dense = self._d_given[:, rows], self._d_dense[:, rows]
        part = _SliceGradient(inputs, d_given, d_dense, self._transposed, np.zeros_like(self._kernel))
        self._slices.append((rows.start, part))
        return part

    def of_inputs(self) -> tuple[np.ndarray, np.ndarray]:
        """The gradients of `given` and `dense`, when all steps are done."""
        return self._d_given, self._d_dense

    def of_parameters(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The gradients of the kernel, of the recurrent kernel and of the bias, when all steps are done."""
        d_kernel, d_matrix, d_bias = (
            in_order([(start, getattr(part, name)) for start, part in self._slices])
            for name in ('d_kernel', 'd_matrix', 'd_bias')
        )
        d_kernel[len(d_kernel) - self._inputs.dense.shape[2] :] += d_matrix[self._size :]
        return d_kernel, d_matrix[: self._size], d_bias


class _SliceGradient:
    """One thread's part of `_PreactivationsGradient`.

    The gradients of the pre-activations are kept for a few steps only. What they give to the weights is added up while
    they are in the cache.

    Attributes:
      d_kernel: the gradient that comes from the ones, [n, 4u].
      d_matrix: the gradient of `_stacked`.
      d_bias: [4u].
    """

    def __init__(
        self, inputs: Inputs, d_given: np.ndarray, d_dense: np.ndarray, transposed: np.ndarray, d_kernel: np.ndarray
    ) -> None:
        self._inputs, self._d_given, self._d_dense, self._transposed = inputs, d_given, d_dense, transposed
        gates, size = transposed.shape
        number = d_dense.shape[1]
        self._both = np.empty((_STEPS, number, size), np.float32)
        self._d_preactivations = np.empty((_STEPS, number, gates), np.float32)
        self._d_both = np.empty((number, size), np.float32)
        self._buffer = np.empty((size, gates), np.float32)
        self.d_kernel, self.d_matrix, self.d_bias = d_kernel, np.zeros_like(self._buffer), np.zeros(gates, np.float32)

    def of_step(self, t: int) -> np.ndarray:
        """Where to write the gradient of a step's pre-activations, [R, 4u], before `back` is called."""
        return self._d_preactivations[t % _STEPS]

    def back(self, t: int, last: np.ndarray) -> np.ndarray:
        """Returns the gradient of the recurrent input `last`; both are [R, len(recurrent)].

        The result may be written to, and is overwritten by the next call.
        """
        _, dense, ones = self._inputs
        d_preactivations, both, size = self.of_step(t), self._both[t % _STEPS], last.shape[1]
        np.matmul(d_preactivations, self._transposed, out=self._d_both)
        both[:, :size] = last
        if dense.shape[2]:
            both[:, size:] = dense[t]
            self._d_dense[t] = self._d_both[:, size:]
        if self._d_given.shape[2]:
            self._d_given[t] = d_preactivations
        if ones.shape[2]:
            layer_kernels.add_rows_gradient(d_preactivations, ones[t], self.d_kernel)
        if t % _STEPS == 0:
            steps = min(_STEPS, len(dense) - t)
            flat = _rows(self._d_preactivations[:steps])
            self.d_matrix += np.matmul(_rows(self._both[:steps]).T, flat, out=self._buffer)
            self.d_bias += np.sum(flat, axis=0)
        return self._d_both[:, :size]


_STEPS = 16  # one matmul gives the gradient of the weights over so many steps


def _stacked(kernel: np.ndarray, recurrent: np.ndarray, size: int) -> np.ndarray:
    """The matrix for the state and `size` dense inputs behind it: one matmul is faster than two."""
    return np.concatenate([recurrent, kernel[len(kernel) - size :]]) if size else recurrent


def _matrix_gradient(x: np.ndarray, d_result: np.ndarray) -> np.ndarray:
    """The gradient of the matrix in x . matrix, summed over steps and tracks."""
    parts: list[tuple[int, np.ndarray]] = []
    in_slices(len(x), lambda steps: parts.append((steps.start, _rows(x[steps]).T @ _rows(d_result[steps]))))
    return in_order(parts)


def _rows(array: np.ndarray) -> np.ndarray:
    """[T, B, n] as [T B, n], a view."""
    return array.reshape(-1, array.shape[2])


def _sum(array: np.ndarray) -> np.ndarray:
    """The sum over steps and tracks."""
    return _matrix_gradient(np.ones((*array.shape[:2], 1), np.float32), array)[0]
