"""What sampling does between two matrix products, each fused into one pass while the rows are in the cache.

Each unit of each row draws from a generator of its own, xorshift32* (Marsaglia 2003, "Xorshift RNGs"; Vigna 2016),
whose state is a word of `streams`, never zero: eight of them advance in one instruction, and what a row draws does not
depend on the rows beside it. States of units are 0 or 1 in float32, as they go into products.

R rows, n units of a layer. `which` int32 [R] says whose biases, a row of [rows of biases, n], a row has.
"""

from typing import Any

import numba
import numpy as np

# The compiler flags and the vectorized sigmoid are those of the recurrences.
from solferino.models.core.cpu.layer_kernels import compile_kernel, sigmoid

_F = np.float32
_U = np.uint32
_TO_UNIT = _F(2.0**-24)
_BLOCK = 64  # hidden units whose factors are multiplied before a logarithm is taken: their product stays in range


@numba.njit(inline='always')
def _advance(x: Any) -> Any:
    x = _U(x ^ _U(x << _U(13)))
    x = _U(x ^ (x >> _U(17)))
    return _U(x ^ _U(x << _U(5)))


@numba.njit(inline='always')
def _uniform(x: Any) -> Any:
    """From 0 to below 1 in steps of 2**-24."""
    return _F(np.int32(_U(x * _U(0x9E3779BB)) >> _U(8))) * _TO_UNIT


@compile_kernel
def draw(sums: Any, bias: Any, which: Any, scale: Any, streams: Any, states: Any) -> None:
    """Draws each unit: on with probability sigmoid(scale * (sum + bias)).

    Args:
      sums: [R, n]; what the other layer adds.
      bias: [rows of biases, n].
      which: [R].
      scale: inverse temperature, float32.
      streams: uint32 [R, n]; advanced.
      states: [R, n]; filled.
    """
    for r in range(len(states)):
        total, b, words, state = sums[r], bias[which[r]], streams[r], states[r]
        for j in range(len(state)):
            word = _advance(words[j])
            words[j] = word
            state[j] = _F(1) if _uniform(word) < sigmoid(scale * (total[j] + b[j])) else _F(0)


@compile_kernel
def anneal_hidden(
    sums: Any, bias: Any, base: Any, which: Any, before: Any, now: Any, streams: Any, states: Any, log_weights: Any
) -> None:
    """A chain's weight when the inverse temperature rises from `before` to `now`, and its hidden units at `now`.

    The weight's factor is prod_j (1 + exp(y_j(now))) / (1 + exp(y_j(before))), with y(beta) = base + beta x and x =
    sums + bias - base. With p = sigmoid(y(before)) that is prod_j (1 + p_j (exp((now - before) x_j) - 1)), which for a
    small rise takes neither an exponential nor a logarithm for each unit.

    Args:
      sums: [R, H]; v.W.
      bias, base: [rows of biases, H]; of the machine and of the base-rate machine that annealing began with.
      which, streams, states: see `draw`.
      before, now: float32.
      log_weights: float64 [R]; added to.
    """
    rise = now - before
    units = states.shape[1]
    excess = np.empty(units, np.float32)  # factor - 1
    for r in range(len(states)):
        total, b, a, words, state = sums[r], bias[which[r]], base[which[r]], streams[r], states[r]
        for j in range(units):
            x = total[j] + b[j] - a[j]
            # exp(y) - 1 by five terms for an eighth of y, squared three times.
            y = rise * x * _F(0.125)
            grown = y * (_F(1) + y * (_F(1 / 2) + y * (_F(1 / 6) + y * (_F(1 / 24) + y * _F(1 / 120)))))
            grown = grown * (_F(2) + grown)
            grown = grown * (_F(2) + grown)
            grown = grown * (_F(2) + grown)
            excess[j] = sigmoid(a[j] + before * x) * grown
            word = _advance(words[j])
            words[j] = word
            state[j] = _F(1) if _uniform(word) < sigmoid(a[j] + now * x) else _F(0)
        logarithm = np.float64(0)
        for begin in range(0, units, _BLOCK):
            factor = np.float64(1)
            for j in range(begin, min(begin + _BLOCK, units)):
                factor *= np.float64(1) + np.float64(excess[j])
            logarithm += np.log(factor)
        log_weights[r] += logarithm


@compile_kernel
def anneal_visible(
    sums: Any, bias: Any, base: Any, which: Any, now: Any, streams: Any, states: Any, gains: Any
) -> None:
    """Draws visible units at inverse temperature `now`, and says what the biases alone will add to the chain's weight.

    Args:
      sums: [R, V]; h.W'.
      bias, base: [rows of biases, V]; of the machine and of the base-rate machine that annealing began with.
      which, streams, states: see `draw`.
      now: float32.
      gains: float64 [R]; filled with (bias - base).v.
    """
    rest = _F(1) - now
    for r in range(len(states)):
        total, b, a, words, state = sums[r], bias[which[r]], base[which[r]], streams[r], states[r]
        for j in range(len(state)):
            word = _advance(words[j])
            words[j] = word
            p = sigmoid(now * (total[j] + b[j]) + rest * a[j])
            state[j] = _F(1) if _uniform(word) < p else _F(0)
        gain = np.float64(0)
        for j in range(len(state)):
            gain += np.float64(state[j] * (b[j] - a[j]))
        gains[r] = gain
