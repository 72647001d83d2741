"""The recurrences of LSTM and GRU layers on a processor, forwards and backwards, in NumPy: called from TensorFlow.

Each thread takes a slice of the batch through all steps, so that a step's state stays in the cache of its core. A step
is a few matrix products and one or two fused passes (`fused.py`). What the gradient needs is kept for each step; the
products that give the weights' gradients are one for all the steps that a thread takes. The library's own threads, that
keep a core busy as they wait, take no part. `attention_lstm.py` says the same in TensorFlow, for GPUs and the tests,
which hold the two against each other.

Shapes: T steps, B tracks, u units, L slots of the attention's memory. Time comes first, so that a step is contiguous.
An LSTM's gates are in the order input, forget, cell, output, a GRU's in the order update, reset, candidate.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from solferino.models.core import fused
from solferino.models.core.slices import empty, in_order, in_slices


class Inputs(NamedTuple):
    """A layer's inputs, in three parts of which each may be of size 0.

    Attributes:
      given: [T, B, 4u]; added to the gates as it is.
      dense: [T, B, d]; multiplied by the kernel's last d rows.
      ones: [T, B, slots] int32; for each the kernel's row of this number is added, as if it were the place of a one in
        a vector of zeros.
    """

    given: np.ndarray
    dense: np.ndarray
    ones: np.ndarray


class LstmParameters(NamedTuple):
    """What the LSTM multiplies with.

    Attributes:
      kernel: [n, 4u]; the inputs to the gates.
      recurrent: [u, 4u]; the last step's hidden state to the gates.
      bias: [4u]; of the gates.
    """

    kernel: np.ndarray
    recurrent: np.ndarray
    bias: np.ndarray


class AttentionParameters(NamedTuple):
    """What the LSTM with attention multiplies with.

    Attributes:
      kernel: [n, 4u]; the inputs to the gates.
      recurrent: [2u, 4u]; the last step's hidden state and context to the gates.
      bias: [4u]; of the gates.
      query_kernel, query_bias: [2u, u], [u]; cell and hidden state to the query.
      memory_kernel: [u, u]; an output to its key.
      score: [u]; tanh(key + query) to a score.
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
    """What the GRU multiplies with.

    Attributes:
      kernel: [n, 3u]; the inputs to the gates.
      recurrent: [u, 3u]; the last step's hidden state to the gates.
      bias: [2, 3u]; of the inputs' part and of the state's part.
    """

    kernel: np.ndarray
    recurrent: np.ndarray
    bias: np.ndarray


class Lstm(NamedTuple):
    """What the LSTM keeps of each step.

    Attributes:
      hidden, cell: [T, B, u].
      gates: after their activation, [T, B, 4u].
    """

    hidden: np.ndarray
    cell: np.ndarray
    gates: np.ndarray


class Gru(NamedTuple):
    """What the GRU keeps of each step.

    Attributes:
      hidden: [T, B, u].
      gates: after their activation, [T, B, 3u].
      inner: what the last state gives to the candidate before the reset gate, [T, B, u].
    """

    hidden: np.ndarray
    gates: np.ndarray
    inner: np.ndarray


class Attention(NamedTuple):
    """What the LSTM with attention keeps.

    Attributes:
      memory: [B, L + T, u]; the outputs of all steps after L slots of zeros. Step t reads the L slots from t on.
      keys: [B, L + T, u]; of these, what the query is compared with.
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


def product(x: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """x . matrix, [T, B, n] by [n, m]."""
    result = empty(*x.shape[:2], matrix.shape[1])
    in_slices(len(x), lambda steps: np.matmul(_rows(x[steps]), matrix, out=_rows(result[steps])))
    return result


def product_gradient(d_result: np.ndarray, x: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The gradients of `x` and `matrix` in `product`."""
    return product(d_result, matrix.T), _matrix_gradient(x, d_result)


def drop_out(x: np.ndarray, seed: np.ndarray, keep: float) -> np.ndarray:
    """Dropout of x [T, B, n] by the seed int64 [2] alone; the same, of the result's gradient, is the gradient of x."""
    keys = np.random.SeedSequence(seed.view(np.uint64).tolist()).generate_state(2)
    result = empty(*x.shape)

    def run(steps: slice) -> None:
        fused.drop_out(x[steps].reshape(-1), steps.start * x[0].size, keep, keys, result[steps].reshape(-1))

    in_slices(len(x), run)
    return result


def lstm(inputs: Inputs, p: LstmParameters) -> Lstm:
    """Runs an LSTM from a state of zeros."""
    steps, batch, _ = inputs.dense.shape
    units = len(p.recurrent)
    kept = Lstm(empty(steps, batch, units), empty(steps, batch, units), empty(steps, batch, 4 * units))

    def run(rows: slice) -> None:
        sums = _sums(inputs, p.kernel, p.recurrent, rows)
        hidden = cell = np.zeros_like(kept.cell[0, rows])
        for t in range(steps):
            last_hidden, last_cell = hidden, cell
            hidden, cell = kept.hidden[t, rows], kept.cell[t, rows]
            fused.lstm(sums(t, last_hidden), p.bias, kept.gates[t, rows], last_cell, cell, hidden)

    in_slices(batch, run)
    return kept


def lstm_gradient(
    d_hidden: np.ndarray, inputs: Inputs, p: LstmParameters, kept: Lstm
) -> tuple[tuple[np.ndarray, np.ndarray], LstmParameters]:
    """The gradients of the inputs and of the parameters in `lstm`, from that of the hidden states [T, B, u]."""
    steps, batch, _ = d_hidden.shape
    d_gates, d_inputs = empty(*kept.gates.shape), _SumsGradient(inputs, p.kernel, p.recurrent)

    def run(rows: slice) -> None:
        back = d_inputs.of_slice(rows)
        zeros = np.zeros_like(kept.cell[0, rows])
        d_last, d_state, d_cell = zeros, np.empty_like(zeros), np.zeros_like(zeros)
        for t in reversed(range(steps)):
            np.add(d_last, d_hidden[t, rows], out=d_state)
            last_cell, d_z = kept.cell[t - 1, rows] if t else zeros, d_gates[t, rows]
            fused.lstm_gradient(kept.gates[t, rows], last_cell, kept.cell[t, rows], d_state, d_cell, d_z)
            d_last = back(t, d_z)

    in_slices(batch, run)
    return d_inputs.of(d_gates), LstmParameters(
        kernel=d_inputs.kernel(d_gates),
        recurrent=_matrix_gradient(kept.hidden[:-1], d_gates[1:]),
        bias=_sum(d_gates),
    )


def gru(dense: np.ndarray, p: GruParameters) -> Gru:
    """Runs a GRU over `dense` [T, B, n] from a state of zeros; its reset gate comes after the product (`fused.gru`)."""
    steps, batch, _ = dense.shape
    units = len(p.recurrent)
    kept = Gru(*(empty(steps, batch, size) for size in (units, 3 * units, units)))
    given = product(dense, p.kernel)

    def run(rows: slice) -> None:
        sums = np.empty((rows.stop - rows.start, 3 * units), np.float32)
        last = np.zeros((len(sums), units), np.float32)
        for t in range(steps):
            np.matmul(last, p.recurrent, out=sums)
            hidden = kept.hidden[t, rows]
            fused.gru(given[t, rows], sums, p.bias, last, kept.gates[t, rows], kept.inner[t, rows], hidden)
            last = hidden

    in_slices(batch, run)
    return kept


def gru_gradient(
    d_hidden: np.ndarray, dense: np.ndarray, p: GruParameters, kept: Gru
) -> tuple[np.ndarray, GruParameters]:
    """The gradients of `dense` and of the parameters in `gru`, from that of the hidden states [T, B, u]."""
    steps, batch, _ = d_hidden.shape
    d_given, d_sums = empty(*kept.gates.shape), empty(*kept.gates.shape)
    transposed = np.ascontiguousarray(p.recurrent.T)

    def run(rows: slice) -> None:
        zeros = np.zeros_like(kept.hidden[0, rows])
        d_last, d_state, product = zeros, np.zeros_like(zeros), np.empty_like(zeros)
        for t in reversed(range(steps)):
            np.add(d_last, d_hidden[t, rows], out=d_state)
            last = kept.hidden[t - 1, rows] if t else zeros
            fused.gru_gradient(
                kept.gates[t, rows], kept.inner[t, rows], last, d_state, d_given[t, rows], d_sums[t, rows]
            )
            d_last = np.add(d_state, np.matmul(d_sums[t, rows], transposed, out=product), out=product)

    in_slices(batch, run)
    d_dense, d_kernel = product_gradient(d_given, dense, p.kernel)
    return d_dense, GruParameters(
        kernel=d_kernel,
        recurrent=_matrix_gradient(kept.hidden[:-1], d_sums[1:]),
        bias=np.stack([_sum(d_given), _sum(d_sums)]),
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
        sums = _sums(inputs, p.kernel, p.recurrent, rows)
        memory, keys = kept.memory[rows], kept.keys[rows]
        memory[:, :length] = keys[:, :length] = 0
        last = np.zeros_like(kept.state[0, rows])
        output, key = np.empty_like(kept.query[0, rows]), np.empty_like(kept.query[0, rows])
        for t in range(steps):
            state, query = kept.state[t, rows], kept.query[t, rows]
            cell, hidden, context = np.split(state, 3, axis=1)
            fused.lstm(sums(t, last[:, units:]), p.bias, kept.gates[t, rows], last[:, :units], cell, hidden)
            np.matmul(state[:, : 2 * units], p.query_kernel, out=query)
            query += p.query_bias
            fused.attend(query, p.score, keys, memory, kept.weights[t, rows], context, t)
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

    Going backwards, what step t adds to the gradients of the slots that it reads stays in place: when it is the turn of
    the step that wrote a slot, the slot's gradient is complete.
    """
    steps, batch, units = d_outputs.shape
    length = kept.weights.shape[2]
    d_gates, d_query, d_output = (empty(*array.shape) for array in (kept.gates, kept.query, d_outputs))
    d_keys, d_inputs = empty(*kept.keys.shape), _SumsGradient(inputs, p.kernel, p.recurrent)
    d_scores: list[tuple[int, np.ndarray]] = []
    output_back, query_back, memory_back = (
        np.ascontiguousarray(part.T) for part in (p.output_kernel, p.query_kernel, p.memory_kernel)
    )

    def run(rows: slice) -> None:
        back = d_inputs.of_slice(rows)
        memory, keys, d_key = kept.memory[rows], kept.keys[rows], d_keys[rows]
        d_memory = np.zeros_like(memory)
        d_key[:] = 0
        d_score, zeros = np.zeros_like(p.score), np.zeros_like(d_outputs[0, rows])
        d_cell, product = np.zeros_like(zeros), np.empty_like(kept.state[0, rows, units:])
        d_last = np.zeros_like(product)
        for t in reversed(range(steps)):
            cell = kept.state[t, rows, :units]
            last_cell = kept.state[t - 1, rows, :units] if t else zeros
            d_out, d_q, d_z = d_output[t, rows], d_query[t, rows], d_gates[t, rows]
            np.matmul(d_key[:, length + t], memory_back, out=d_out)
            d_out += d_memory[:, length + t]
            d_out += d_outputs[t, rows]
            d_last += np.matmul(d_out, output_back, out=product)
            d_hidden, d_context = np.split(d_last, 2, axis=1)
            fused.attend_gradient(
                kept.query[t, rows], p.score, keys, memory, kept.weights[t, rows], t,
                d_context, d_q, d_key, d_memory, d_score,
            )  # fmt: skip
            np.matmul(d_q, query_back, out=product)
            d_cell += product[:, :units]
            d_hidden += product[:, units:]
            fused.lstm_gradient(kept.gates[t, rows], last_cell, cell, d_hidden, d_cell, d_z)
            d_last = back(t, d_z)
        d_scores.append((rows.start, d_score))

    in_slices(batch, run)
    return d_inputs.of(d_gates), AttentionParameters(
        kernel=d_inputs.kernel(d_gates),
        recurrent=_matrix_gradient(kept.state[:-1, :, units:], d_gates[1:]),
        bias=_sum(d_gates),
        query_kernel=_matrix_gradient(kept.state[:, :, : 2 * units], d_query),
        query_bias=_sum(d_query),
        memory_kernel=_matrix_gradient(kept.memory, d_keys),
        score=in_order(d_scores),
        output_kernel=_matrix_gradient(kept.state[:, :, units:], d_output),
        output_bias=_sum(d_output),
    )


def _sums(
    inputs: Inputs, kernel: np.ndarray, recurrent: np.ndarray, rows: slice
) -> Callable[[int, np.ndarray], np.ndarray]:
    """Returns a function from a step and what it has of the one before, [R, len(recurrent)], to the sums of its gates.

    They, [R, 4u], hold until the next call.
    """
    given, dense, ones = (part[:, rows] for part in inputs)
    matrix, size = _together(kernel, recurrent, dense.shape[2]), len(recurrent)
    both = np.empty((dense.shape[1], len(matrix)), np.float32)
    result = np.empty((dense.shape[1], kernel.shape[1]), np.float32)

    def sums(t: int, last: np.ndarray) -> np.ndarray:
        if dense.shape[2]:
            both[:, :size], both[:, size:] = last, dense[t]
        np.matmul(both if dense.shape[2] else last, matrix, out=result)
        if given.shape[2]:
            np.add(result, given[t], out=result)
        if ones.shape[2]:
            fused.add_rows(kernel, ones[t], result)
        return result

    return sums


class _SumsGradient:
    """The gradient of `_sums`: gathers those of the inputs and of the kernel."""

    def __init__(self, inputs: Inputs, kernel: np.ndarray, recurrent: np.ndarray) -> None:
        self._inputs = inputs
        self._shape = kernel.shape
        self._size = len(recurrent)
        self._transposed = np.ascontiguousarray(_together(kernel, recurrent, inputs.dense.shape[2]).T)
        self._of_ones: list[tuple[int, np.ndarray]] = []
        self._dense = empty(*inputs.dense.shape)

    def of_slice(self, rows: slice) -> Callable[[int, np.ndarray], np.ndarray]:
        """Returns a function from a step and the gradient of its sums, [R, 4u], to that of the step before.

        That, [R, len(recurrent)], holds until the next call, and may be written to.
        """
        ones, d_dense = self._inputs.ones[:, rows], self._dense[:, rows]
        d_kernel = np.zeros(self._shape, np.float32)
        self._of_ones.append((rows.start, d_kernel))
        d_both = np.empty((d_dense.shape[1], self._transposed.shape[1]), np.float32)

        def back(t: int, d_sums: np.ndarray) -> np.ndarray:
            np.matmul(d_sums, self._transposed, out=d_both)
            if d_dense.shape[2]:
                d_dense[t] = d_both[:, self._size :]
            if ones.shape[2]:
                fused.add_rows_gradient(d_sums, ones[t], d_kernel)
            return d_both[:, : self._size]

        return back

    def of(self, d_gates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The gradients of `given` and `dense`, when all steps are done."""
        return d_gates[:, :, : self._inputs.given.shape[2]], self._dense

    def kernel(self, d_gates: np.ndarray) -> np.ndarray:
        """The kernel's gradient, when all steps are done."""
        d_kernel = in_order(self._of_ones)
        size = self._dense.shape[2]
        if size:
            d_kernel[len(d_kernel) - size :] += _matrix_gradient(self._inputs.dense, d_gates)
        return d_kernel


def _together(kernel: np.ndarray, recurrent: np.ndarray, size: int) -> np.ndarray:
    """What multiplies the state and `size` dense inputs behind it: one product takes less than two."""
    return np.concatenate([recurrent, kernel[len(kernel) - size :]]) if size else recurrent


def _matrix_gradient(x: np.ndarray, d_result: np.ndarray) -> np.ndarray:
    """That of the matrix in x . matrix, summed over steps and tracks."""
    parts: list[tuple[int, np.ndarray]] = []
    in_slices(len(x), lambda steps: parts.append((steps.start, _rows(x[steps]).T @ _rows(d_result[steps]))))
    return in_order(parts)


def _rows(array: np.ndarray) -> np.ndarray:
    """[T, B, n] as [T B, n], in place."""
    return array.reshape(-1, array.shape[2])


def _sum(array: np.ndarray) -> np.ndarray:
    """Over steps and tracks."""
    return _matrix_gradient(np.ones((*array.shape[:2], 1), np.float32), array)[0]
