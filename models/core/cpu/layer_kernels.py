"""Fused kernels: all parts of a recurrent step that are no matmuls, a few rows at a time.

TensorFlow reads and writes memory for each operation: a step of attention takes some fifteen rounds over megabytes,
and these, not the arithmetic, were its cost. A fused kernel does what belongs together while it is in the cache. Numba
compiles the kernels when they are first called, ten seconds once on a machine. They run without Python's global lock.
The equations are those of `event_forward.py` and `gru.py`. `layer_recurrence.py` calls the kernels; its tests hold them
against TensorFlow. The kernels of piano_rnn and rbm are compiled as these are, and rbm's use `sigmoid`.
A kernel keeps nan visible, and computes no row from another.

Arrays are float32 and contiguous along their last axis. R: rows, a slice of the batch. u: units. L: slots of memory.
"""

import logging
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba.core import event

_log = logging.getLogger(__name__)
_F = np.float32
# Sums may be reordered, so that they are vectorized. NaN and infinity stay, so that training that diverges is seen.
_FAST = {'reassoc', 'contract', 'nsz', 'arcp'}
_LIMIT = _F(7.90531110763549805)  # beyond it tanh is 1 in float32


class _Announcement(event.Listener):
    """Logs a message before the first kernel is compiled, which takes seconds. It does so once."""

    said = False

    def on_start(self, event: event.Event) -> None:
        if not self.said:
            _log.info('Compiling kernels for this CPU, once on this machine: about ten seconds.')
        self.said = True

    def on_end(self, event: event.Event) -> None:
        pass


event.register('numba:compile', _Announcement())


def compile_kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiles a kernel, in which sums may be reordered."""
    options: dict[str, Any] = {'nogil': True, 'fastmath': _FAST, 'error_model': 'numpy'}
    try:
        return numba.njit(function, cache=True, **options)
    except RuntimeError:  # no folder to cache the compiled kernel in
        return numba.njit(function, **options)


@numba.njit(inline='always')
def _tanh(x: Any) -> Any:
    """tanh within 4e-7, by the rational function of Eigen (MathFunctionsImpl.h), which compilers vectorize."""
    x = -_LIMIT if x < -_LIMIT else x
    x = _LIMIT if x > _LIMIT else x
    y = x * x
    p = _F(-2.76076847742355e-16) * y + _F(2.00018790482477e-13)
    p = p * y + _F(-8.60467152213735e-11)
    p = p * y + _F(5.12229709037114e-08)
    p = p * y + _F(1.48572235717979e-05)
    p = p * y + _F(6.37261928875436e-04)
    p = p * y + _F(4.89352455891786e-03)
    q = _F(1.19825839466702e-06) * y + _F(1.18534705686654e-04)
    q = q * y + _F(2.26843463243900e-03)
    q = q * y + _F(4.89352518554385e-03)
    return x * p / q


@numba.njit(inline='always')
def sigmoid(x: Any) -> Any:
    return _F(0.5) * _tanh(_F(0.5) * x) + _F(0.5)


@compile_kernel
def add_rows(matrix: Any, ones: Any, preactivations: Any) -> None:
    """Adds x . matrix [n, m] to `preactivations` [R, m], where x are vectors of zeros and ones.

    `ones` [R, slots] are the indices of the ones.
    """
    for r in range(len(ones)):
        total = preactivations[r]
        for index in ones[r]:
            row = matrix[index]
            for j in range(len(total)):
                total[j] += row[j]


@compile_kernel
def add_rows_gradient(d_preactivations: Any, ones: Any, d_matrix: Any) -> None:
    """The gradient of `add_rows`, added to `d_matrix`."""
    for r in range(len(ones)):
        total = d_preactivations[r]
        for index in ones[r]:
            row = d_matrix[index]
            for j in range(len(total)):
                row[j] += total[j]


@compile_kernel
def lstm(preactivations: Any, bias: Any, gates: Any, last_cell: Any, cell: Any, hidden: Any) -> None:
    """The LSTM's equations after its matmuls (Hochreiter and Schmidhuber 1997, with forget gate).

    Args:
      preactivations: [R, 4u]; of the gates, without the bias.
      bias: [4u].
      gates: [R, 4u]; filled with input gate, forget gate, candidate and output gate, after the activation.
      last_cell: [R, u].
      cell, hidden: [R, u]; filled.
    """
    rows, units = cell.shape
    for r in range(rows):
        for part in range(4):
            begin, end = part * units, (part + 1) * units
            z, x, b = gates[r, begin:end], preactivations[r, begin:end], bias[begin:end]
            if part == 2:
                for j in range(units):
                    z[j] = _tanh(x[j] + b[j])
            else:
                for j in range(units):
                    z[j] = sigmoid(x[j] + b[j])
        z, before, now, out = gates[r], last_cell[r], cell[r], hidden[r]
        i, f, g, o = z[:units], z[units : 2 * units], z[2 * units : 3 * units], z[3 * units :]
        for j in range(units):
            now[j] = before[j] * f[j] + i[j] * g[j]
        for j in range(units):
            out[j] = o[j] * _tanh(now[j])


@compile_kernel
def lstm_gradient(gates: Any, last_cell: Any, cell: Any, d_hidden: Any, d_cell: Any, d_gates: Any) -> None:
    """The gradient of `lstm`.

    Args:
      gates, last_cell, cell: as `lstm` had and left them.
      d_hidden: [R, u].
      d_cell: [R, u]; the gradient of `cell`, without what comes through `hidden`; replaced by that of `last_cell`.
      d_gates: [R, 4u]; filled with the gradient of `preactivations`.
    """
    rows, units = cell.shape
    for r in range(rows):
        z, d_z = gates[r], d_gates[r]
        i, f, g, o = z[:units], z[units : 2 * units], z[2 * units : 3 * units], z[3 * units :]
        before, now, d_h, d_c = last_cell[r], cell[r], d_hidden[r], d_cell[r]
        d_o = d_z[3 * units :]
        for j in range(units):
            active = _tanh(now[j])
            d_c[j] += d_h[j] * o[j] * (_F(1) - active * active)
            d_o[j] = d_h[j] * active * o[j] * (_F(1) - o[j])
        d_i, d_f, d_g = d_z[:units], d_z[units : 2 * units], d_z[2 * units : 3 * units]
        for j in range(units):
            d_i[j] = d_c[j] * g[j] * i[j] * (_F(1) - i[j])
        for j in range(units):
            d_f[j] = d_c[j] * before[j] * f[j] * (_F(1) - f[j])
        for j in range(units):
            d_g[j] = d_c[j] * i[j] * (_F(1) - g[j] * g[j])
        for j in range(units):
            d_c[j] *= f[j]


@compile_kernel
def gru(from_input: Any, from_state: Any, bias: Any, last: Any, gates: Any, inner: Any, hidden: Any) -> None:
    """The GRU's equations after its matmuls (Cho et al. 2014, arXiv:1406.1078; reset after the matmul, as in cuDNN).

    Args:
      from_input, from_state: [R, 3u]; the pre-activations of update gate, reset gate and candidate, without biases, in
        two parts: what the input and what the last state give.
      bias: [2, 3u]; of the two parts.
      last: [R, u]; the last state.
      gates: [R, 3u]; filled with update gate, reset gate and candidate, after the activation.
      inner: [R, u]; filled with what the last state gives to the candidate before the reset gate.
      hidden: [R, u]; filled.
    """
    rows, units = hidden.shape
    for r in range(rows):
        x, s, z, a, b = from_input[r], from_state[r], gates[r], bias[0], bias[1]
        for j in range(2 * units):
            z[j] = sigmoid(x[j] + a[j] + s[j] + b[j])
        update, reset, candidate = z[:units], z[units : 2 * units], z[2 * units :]
        x, s, a, b = x[2 * units :], s[2 * units :], a[2 * units :], b[2 * units :]
        before, now, kept = last[r], hidden[r], inner[r]
        for j in range(units):
            kept[j] = s[j] + b[j]
            candidate[j] = _tanh(x[j] + a[j] + reset[j] * kept[j])
            now[j] = candidate[j] + update[j] * (before[j] - candidate[j])


@compile_kernel
def gru_gradient(gates: Any, inner: Any, last: Any, d_hidden: Any, d_from_input: Any, d_from_state: Any) -> None:
    """The gradient of `gru`.

    Args:
      gates, inner, last: as `gru` had and left them.
      d_hidden: [R, u]; replaced by the gradient of `last`, without what comes through `from_state`.
      d_from_input, d_from_state: [R, 3u]; filled with the gradients of `from_input` and `from_state`.
    """
    rows, units = last.shape
    for r in range(rows):
        z, kept, before, d_h = gates[r], inner[r], last[r], d_hidden[r]
        update, reset, candidate = z[:units], z[units : 2 * units], z[2 * units :]
        d_update, d_reset, d_candidate = (
            d_from_input[r, :units],
            d_from_input[r, units : 2 * units],
            d_from_input[r, 2 * units :],
        )
        for j in range(units):
            d_c = d_h[j] * (_F(1) - update[j]) * (_F(1) - candidate[j] * candidate[j])
            d_update[j] = d_h[j] * (before[j] - candidate[j]) * update[j] * (_F(1) - update[j])
            d_reset[j] = d_c * kept[j] * reset[j] * (_F(1) - reset[j])
            d_candidate[j] = d_c
            d_h[j] *= update[j]
        d_from_state[r, : 2 * units] = d_from_input[r, : 2 * units]
        d_inner = d_from_state[r, 2 * units :]
        for j in range(units):
            d_inner[j] = d_candidate[j] * reset[j]


@compile_kernel
def attend(query: Any, score: Any, keys: Any, memory: Any, weights: Any, context: Any, first: int) -> None:
    """Additive attention (Bahdanau et al. 2015, arXiv:1409.0473) of each row to its own window of slots.

    Args:
      query: [R, u].
      score: [u]; maps tanh(key + query) to a score.
      keys, memory: [R, slots, u]; the window begins at slot `first`.
      weights: [R, L]; filled with the softmax of the window's scores.
      context: [R, u]; filled with the weighted sum of the memory in the window.
    """
    rows, units = query.shape
    length = weights.shape[1]
    read = np.empty(units, np.float32)  # contiguous, which `context` need not be
    for r in range(rows):
        q, w = query[r], weights[r]
        for k in range(length):
            key = keys[r, first + k]
            total = _F(0)
            for j in range(units):
                total += score[j] * _tanh(key[j] + q[j])
            w[k] = total
        top = w[0]
        for k in range(1, length):
            top = w[k] if w[k] > top else top
        total = _F(0)
        for k in range(length):
            w[k] = np.exp(w[k] - top)
            total += w[k]
        read[:] = _F(0)
        for k in range(length):
            share = w[k] / total
            w[k] = share
            slot = memory[r, first + k]
            for j in range(units):
                read[j] += share * slot[j]
        context[r, :] = read


@compile_kernel
def attend_gradient(
    query: Any, score: Any, keys: Any, memory: Any, weights: Any, first: int,
    d_context: Any, d_query: Any, d_keys: Any, d_memory: Any, d_score: Any,
) -> None:  # fmt: skip
    """The gradient of `attend`; tanh is computed again.

    Args:
      query, score, keys, memory, weights, first: as `attend` had and left them.
      d_context: [R, u].
      d_query: [R, u]; filled.
      d_keys, d_memory, d_score: shaped as keys, memory and score; added to.
    """
    rows, units = query.shape
    length = weights.shape[1]
    d_weights = np.empty(length, np.float32)
    d_c = np.empty(units, np.float32)  # contiguous, which `d_context` need not be
    for r in range(rows):
        q, d_q = query[r], d_query[r]
        d_c[:] = d_context[r]
        mean = _F(0)
        for k in range(length):
            w, slot, d_slot = weights[r, k], memory[r, first + k], d_memory[r, first + k]
            total = _F(0)
            for j in range(units):
                total += slot[j] * d_c[j]
                d_slot[j] += w * d_c[j]
            d_weights[k] = total
            mean += w * total
        for j in range(units):
            d_q[j] = _F(0)
        for k in range(length):
            d_scored = weights[r, k] * (d_weights[k] - mean)
            key, d_key = keys[r, first + k], d_keys[r, first + k]
            for j in range(units):
                active = _tanh(key[j] + q[j])
                d_score[j] += d_scored * active
                d_preactivation = d_scored * score[j] * (_F(1) - active * active)
                d_q[j] += d_preactivation
                d_key[j] += d_preactivation


@numba.njit(inline='always')
def _scrambled(x: Any) -> Any:
    """A hash of 32-bit numbers (the finalizer of MurmurHash3, Appleby); a bijection where each bit depends on all."""
    x = np.uint32((x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    x = np.uint32((x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    return np.uint32(x ^ (x >> np.uint32(16)))


@compile_kernel
def dropout(values: Any, first: int, keep: float, keys: Any, result: Any) -> None:
    """Dropout (Srivastava et al. 2014): keeps each value with probability `keep` and scales it, or makes it zero.

    Args:
      values: [n].
      first: the index of the first value. Which values are kept is a function of their indices and the keys.
      keep: the share of values to keep.
      keys: uint32 [2].
      result: [n]; filled.
    """
    scale, limit = _F(1 / keep), np.uint32(min(keep * 2.0**32, 2.0**32 - 1))
    index, key, second_key = np.uint32(first), keys[0], keys[1]
    for i in range(len(values)):
        drawn = _scrambled(_scrambled(np.uint32(index ^ key)) ^ second_key)
        index = np.uint32(index + np.uint32(1))  # 32 bits: longer numbers are not vectorized
        value = values[i] * scale
        result[i] = value if drawn < limit else _F(0)
