"""Fused kernels of Gibbs sampling: what is done between two matmuls, while the rows are in the cache.

Each unit of each row has its own random generator, xorshift32* (Marsaglia 2003, "Xorshift RNGs"; Vigna 2016). Its state
is a word of `streams`, never zero. Eight generators advance in one instruction, and a row's random numbers do not
depend on the rows beside it. States of units are 0 or 1 in float32, as matmuls take them.

R rows, n units of a layer. `which` int32 [R] is the index of each row's biases in [rows of biases, n].
"""

from typing import Any

import numba
import numpy as np

# The compiler flags and the vectorized sigmoid are those of the recurrences.
from solferino.models.core.cpu.layer_kernels import compile_kernel, sigmoid

_F = np.float32
_U = np.uint32
_TO_UNIT = _F(2.0**-24)
_BLOCK = 64  # factors that are multiplied before a logarithm is taken: so many stay in range


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
def draw(preactivations: Any, bias: Any, which: Any, scale: Any, streams: Any, states: Any) -> None:
    """Draws each unit: on with probability sigmoid(scale * (preactivation + bias)).

    Args:
      preactivations: [R, n]; without the bias: the matmul with the other layer.
      bias: [rows of biases, n].
      which: [R].
      scale: inverse temperature, float32.
      streams: uint32 [R, n]; advanced.
      states: [R, n]; filled.
    """
    for r in range(len(states)):
        total, b, words, state = preactivations[r], bias[which[r]], streams[r], states[r]
        for j in range(len(state)):
            word = _advance(words[j])
            words[j] = word
            state[j] = _F(1) if _uniform(word) < sigmoid(scale * (total[j] + b[j])) else _F(0)


@compile_kernel
def anneal_hidden(
    preactivations: Any,
    bias: Any,
    base: Any,
    which: Any,
    before: Any,
    now: Any,
    streams: Any,
    states: Any,
    log_weights: Any,
) -> None:
    """Updates a chain's weight, as the inverse temperature rises from `before` to `now`; draws hidden units at `now`.

    The factor of the weight is prod_j (1 + exp(y_j(now))) / (1 + exp(y_j(before))), with y(beta) = base + beta x and
    x = preactivation + bias - base. With p = sigmoid(y(before)) that is prod_j (1 + p_j (exp((now - before) x_j) - 1)).
    For a small rise this needs neither an exponential nor a logarithm per unit.

    Args:
      preactivations: [R, H]; v.W.
      bias, base: [rows of biases, H]; of the machine and of the base-rate machine that annealing began with.
      which, streams, states: see `draw`.
      before, now: float32.
      log_weights: float64 [R]; added to.
    """
    rise = now - before
    units = states.shape[1]
    excess = np.empty(units, np.float32)  # factor - 1
    for r in range(len(states)):
        total, b, a, words, state = preactivations[r], bias[which[r]], base[which[r]], streams[r], states[r]
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
    preactivations: Any, bias: Any, base: Any, which: Any, now: Any, streams: Any, states: Any, gains: Any
) -> None:
    """Draws visible units at inverse temperature `now`, and computes the biases' part of the chain's next weight.

    Args:
      preactivations: [R, V]; h.W'.
      bias, base: [rows of biases, V]; of the machine and of the base-rate machine that annealing began with.
      which, streams, states: see `draw`.
      now: float32.
      gains: float64 [R]; filled with (bias - base).v.
    """
    rest = _F(1) - now
    for r in range(len(states)):
        total, b, a, words, state = preactivations[r], bias[which[r]], base[which[r]], streams[r], states[r]
        for j in range(len(state)):
            word = _advance(words[j])
            words[j] = word
            p = sigmoid(now * (total[j] + b[j]) + rest * a[j])
            state[j] = _F(1) if _uniform(word) < p else _F(0)
        gain = np.float64(0)
        for j in range(len(state)):
            gain += np.float64(state[j] * (b[j] - a[j]))
        gains[r] = gain
