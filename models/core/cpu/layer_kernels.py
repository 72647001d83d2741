"""The parts of a recurrent step that are not matrix products, each fused into one pass over a few rows.

TensorFlow makes a pass over the memory for each operation: a step of attention is some fifteen passes over megabytes,
and these, not the arithmetic, were its cost. Here what belongs together is done while it is in the cache. Numba
compiles the functions when they are first called, ten seconds once on a machine, and they run without Python's lock.
The equations are those of `event_forward.py`; `layer_recurrence.py` calls them.

Arrays are float32 and contiguous along their last axis. R rows are a slice of the batch, u units, L slots of memory.
"""

import logging
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba.core import event

_log = logging.getLogger(__name__)
_F = np.float32
# Sums may be regrouped, so that they are done eight at a time; NaN and infinity stay what they are, so that a training
# that diverges is seen.
_FAST = {'reassoc', 'contract', 'nsz', 'arcp'}
_LIMIT = _F(7.90531110763549805)  # beyond it tanh is 1 in float32


class _Announcement(event.Listener):
    """Says what is going on before the first function is compiled, which takes seconds; once, and only then."""

    said = False

    def on_start(self, event: event.Event) -> None:
        if not self.said:
            _log.info('Compiling for this processor, once on this machine: about ten seconds.')
        self.said = True

    def on_end(self, event: event.Event) -> None:
        pass


event.register('numba:compile', _Announcement())


def compile_pass(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiles a pass, in which sums may be regrouped."""
    options: dict[str, Any] = {'nogil': True, 'fastmath': _FAST, 'error_model': 'numpy'}
    try:
        return numba.njit(function, cache=True, **options)
    except RuntimeError:  # no folder to keep the compiled function in
        return numba.njit(function, **options)


@numba.njit(inline='always')
def _tanh(x: Any) -> Any:
    """tanh within 4e-7, by the rational function of Eigen (MathFunctionsImpl.h), which compilers turn into vectors."""
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


@compile_pass
def add_rows(matrix: Any, ones: Any, sums: Any) -> None:
    """Adds vectors of zeros and ones . matrix [n, m] to `sums` [R, m]; `ones` [R, slots] are the places of the ones."""
    for r in range(len(ones)):
        total = sums[r]
        for place in ones[r]:
            row = matrix[place]
            for j in range(len(total)):
                total[j] += row[j]


@compile_pass
def add_rows_gradient(d_sums: Any, ones: Any, d_matrix: Any) -> None:
    """The gradient of `add_rows`, added to `d_matrix`."""
    for r in range(len(ones)):
        total = d_sums[r]
        for place in ones[r]:
            row = d_matrix[place]
            for j in range(len(total)):
                row[j] += total[j]


@compile_pass
def lstm(sums: Any, bias: Any, gates: Any, last_cell: Any, cell: Any, hidden: Any) -> None:
    """The LSTM's equations after its products (Hochreiter and Schmidhuber 1997, with forget gate).

    Args:
      sums: [R, 4u]; what the input and the step before add to the gates.
      bias: [4u].
      gates: [R, 4u]; filled with input gate, forget gate, candidate and output gate after their activation.
      last_cell: [R, u].
      cell, hidden: [R, u]; filled.
    """
    rows, units = cell.shape
    for r in range(rows):
        for part in range(4):
            begin, end = part * units, (part + 1) * units
            z, x, b = gates[r, begin:end], sums[r, begin:end], bias[begin:end]
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


@compile_pass
def lstm_gradient(gates: Any, last_cell: Any, cell: Any, d_hidden: Any, d_cell: Any, d_gates: Any) -> None:
    """The gradient of `lstm`.

    Args:
      gates, last_cell, cell: as `lstm` had and left them.
      d_hidden: [R, u].
      d_cell: [R, u]; that of `cell` from elsewhere than `hidden`, replaced by that of `last_cell`.
      d_gates: [R, 4u]; filled with that of `sums`.
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


@compile_pass
def gru(given: Any, sums: Any, bias: Any, last: Any, gates: Any, inner: Any, hidden: Any) -> None:
    """The GRU's equations after its products (Cho et al. 2014, arXiv:1406.1078; reset after the product, as in cuDNN).

    Args:
      given, sums: [R, 3u]; what the input and the last state add to update gate, reset gate and candidate.
      bias: [2, 3u]; of the one and of the other.
      last: [R, u]; the last state.
      gates: [R, 3u]; filled with update gate, reset gate and candidate after their activation.
      inner: [R, u]; filled with what the last state gives to the candidate before the reset gate.
      hidden: [R, u]; filled.
    """
    rows, units = hidden.shape
    for r in range(rows):
        x, s, z, a, b = given[r], sums[r], gates[r], bias[0], bias[1]
        for j in range(2 * units):
            z[j] = sigmoid(x[j] + a[j] + s[j] + b[j])
        update, reset, candidate = z[:units], z[units : 2 * units], z[2 * units :]
        x, s, a, b = x[2 * units :], s[2 * units :], a[2 * units :], b[2 * units :]
        before, now, kept = last[r], hidden[r], inner[r]
        for j in range(units):
            kept[j] = s[j] + b[j]
            candidate[j] = _tanh(x[j] + a[j] + reset[j] * kept[j])
            now[j] = candidate[j] + update[j] * (before[j] - candidate[j])


@compile_pass
def gru_gradient(gates: Any, inner: Any, last: Any, d_hidden: Any, d_given: Any, d_sums: Any) -> None:
    """The gradient of `gru`.

    Args:
      gates, inner, last: as `gru` had and left them.
      d_hidden: [R, u]; replaced by the gradient of `last`, but for what comes through `sums`.
      d_given, d_sums: [R, 3u]; filled with those of `given` and `sums`.
    """
    rows, units = last.shape
    for r in range(rows):
        z, kept, before, d_h = gates[r], inner[r], last[r], d_hidden[r]
        update, reset, candidate = z[:units], z[units : 2 * units], z[2 * units :]
        d_update, d_reset, d_candidate = d_given[r, :units], d_given[r, units : 2 * units], d_given[r, 2 * units :]
        for j in range(units):
            d_c = d_h[j] * (_F(1) - update[j]) * (_F(1) - candidate[j] * candidate[j])
            d_update[j] = d_h[j] * (before[j] - candidate[j]) * update[j] * (_F(1) - update[j])
            d_reset[j] = d_c * kept[j] * reset[j] * (_F(1) - reset[j])
            d_candidate[j] = d_c
            d_h[j] *= update[j]
        d_sums[r, : 2 * units] = d_given[r, : 2 * units]
        d_inner = d_sums[r, 2 * units :]
        for j in range(units):
            d_inner[j] = d_candidate[j] * reset[j]


@compile_pass
def attend(query: Any, score: Any, keys: Any, memory: Any, weights: Any, context: Any, first: int) -> None:
    """Additive attention (Bahdanau et al. 2015, arXiv:1409.0473) of each row to its own window of slots.

    Args:
      query: [R, u].
      score: [u]; tanh(key + query) to a score.
      keys, memory: [R, slots, u]; those of the window begin with slot `first`.
      weights: [R, L]; filled with the softmax of the window's scores.
      context: [R, u]; filled with the memory in the window summed by weight.
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


@compile_pass
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
                d_sum = d_scored * score[j] * (_F(1) - active * active)
                d_q[j] += d_sum
                d_key[j] += d_sum


@numba.njit(inline='always')
def _scrambled(x: Any) -> Any:
    """A bijection of 32-bit numbers in which each bit depends on all (MurmurHash3's last part, Appleby)."""
    x = np.uint32((x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    x = np.uint32((x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    return np.uint32(x ^ (x >> np.uint32(16)))


@compile_pass
def drop_out(values: Any, first: int, keep: float, keys: Any, result: Any) -> None:
    """Dropout (Srivastava et al. 2014): keeps each value with the same chance and scales it, or makes it zero.

    Args:
      values: [n].
      first: the number of the first of them. Which are kept is a function of their numbers and the keys.
      keep: the share to keep.
      keys: uint32 [2].
      result: [n]; filled.
    """
    scale, limit = _F(1 / keep), np.uint32(min(keep * 2.0**32, 2.0**32 - 1))
    number, key, second_key = np.uint32(first), keys[0], keys[1]
    for i in range(len(values)):
        drawn = _scrambled(_scrambled(np.uint32(number ^ key)) ^ second_key)
        number = np.uint32(number + np.uint32(1))  # of 32 bits: of longer ones compilers make no vectors
        value = values[i] * scale
        result[i] = value if drawn < limit else _F(0)
