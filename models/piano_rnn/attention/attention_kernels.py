"""Self-attention on the CPU, forward and backward pass, called from TensorFlow.

TensorFlow would make an array of all pairs of steps, and read and write it several times. The equations are those of
`attention_forward.py`. Shapes: W steps of a window, N windows, u units of a state, a units of the attention. Time comes
first, as in `layer_recurrence.py`; each thread takes a slice of the windows.
"""

from typing import Any, NamedTuple

import numpy as np

from solferino.models.core.cpu.layer_kernels import compile_kernel
from solferino.models.core.cpu.thread_pool import in_slices

_F = np.float32
_LARGEST_EXPONENT = _F(80)  # exp(88) is float32's largest


class Parameters(NamedTuple):
    """The weights of the attention: [u, a], [u, a], [a] and [a]."""

    query_kernel: np.ndarray
    key_kernel: np.ndarray
    bias: np.ndarray
    score: np.ndarray


class Kept(NamedTuple):
    """What the backward pass needs.

    Attributes:
      mixed: [W, N, u]; the result, the weighted sums of the states.
      weights: [N, W, W]; of step t on step s.
      queries, keys: [N, W, a]; exp(-2q) and exp(2k).
    """

    mixed: np.ndarray
    weights: np.ndarray
    queries: np.ndarray
    keys: np.ndarray


def attend(states: np.ndarray, p: Parameters) -> Kept:
    """Computes the weighted sums of the states [W, N, u] of each window."""
    steps, number, _ = states.shape
    size = len(p.score)
    kept = Kept(
        mixed=np.empty_like(states),
        weights=np.empty((number, steps, steps), np.float32),
        queries=np.empty((number, steps, size), np.float32),
        keys=np.empty((number, steps, size), np.float32),
    )

    def run(rows: slice) -> None:
        own = _windows(states, rows)
        for exponent, kernel, sign in ((kept.queries[rows], p.query_kernel, -2), (kept.keys[rows], p.key_kernel, 2)):
            np.matmul(own, kernel, out=exponent)
            if sign < 0:
                exponent += p.bias
            exponent *= _F(sign)
            np.clip(exponent, -_LARGEST_EXPONENT, _LARGEST_EXPONENT, out=exponent)
            np.exp(exponent, out=exponent)
        _weigh(kept.queries[rows], kept.keys[rows], p.score, kept.weights[rows])
        kept.mixed[:, rows] = np.matmul(kept.weights[rows], own).swapaxes(0, 1)

    in_slices(number, run)
    return kept


def gradient(d_mixed: np.ndarray, states: np.ndarray, p: Parameters, kept: Kept) -> tuple[np.ndarray, Parameters]:
    """The gradients of the states and of the parameters in `attend`, from that of the result [W, N, u]."""
    d_states = np.empty_like(states)
    parts: list[tuple[int, Parameters]] = []

    def run(rows: slice) -> None:
        own, d_own = _windows(states, rows), _windows(d_mixed, rows)
        queries, keys, weights = kept.queries[rows], kept.keys[rows], kept.weights[rows]
        d_queries, d_keys, d_score = np.empty_like(queries), np.zeros_like(keys), np.zeros_like(p.score)
        _weigh_gradient(d_own @ own.swapaxes(1, 2), queries, keys, p.score, weights, d_queries, d_keys, d_score)
        by_mixing = weights.swapaxes(1, 2) @ d_own
        by_mixing += d_queries @ p.query_kernel.T
        by_mixing += d_keys @ p.key_kernel.T
        d_states[:, rows] = by_mixing.swapaxes(0, 1)
        flat, d_queries, d_keys = (array.reshape(-1, array.shape[2]) for array in (own, d_queries, d_keys))
        parts.append((rows.start, Parameters(flat.T @ d_queries, flat.T @ d_keys, d_queries.sum(axis=0), d_score)))

    in_slices(states.shape[1], run)
    parts.sort(key=lambda part: part[0])  # floating-point sums depend on their order
    return d_states, Parameters(*(np.sum(arrays, axis=0) for arrays in zip(*(p for _, p in parts), strict=True)))


def _windows(array: np.ndarray, rows: slice) -> np.ndarray:
    """Some windows of [W, N, m], contiguous: [R, W, m], so that more steps fit the caches."""
    return np.ascontiguousarray(array[:, rows].swapaxes(0, 1))


@compile_kernel
def _weigh(queries: Any, keys: Any, score: Any, weights: Any) -> None:
    """Fills weights [R, W, W] from queries and keys, see `Kept`.

    As tanh(q + k) = 1 - 2 exp(-2q) / (exp(-2q) + exp(2k)), a pair of steps takes one division per unit. The 1 has no
    effect on the softmax.
    """
    number, steps, size = queries.shape
    weighted = np.empty(size, np.float32)
    for n in range(number):
        for t in range(steps):
            query, w = queries[n, t], weights[n, t]
            for j in range(size):
                weighted[j] = _F(-2) * score[j] * query[j]
            for s in range(steps):
                key = keys[n, s]
                value = _F(0)
                for j in range(size):
                    value += weighted[j] / (query[j] + key[j])
                w[s] = value
            top = w[0]
            for s in range(1, steps):
                top = w[s] if w[s] > top else top
            total = _F(0)
            for s in range(steps):
                w[s] = np.exp(w[s] - top)
                total += w[s]
            for s in range(steps):
                w[s] /= total


@compile_kernel
def _weigh_gradient(
    d_weights: Any, queries: Any, keys: Any, score: Any, weights: Any, d_queries: Any, d_keys: Any, d_score: Any
) -> None:
    """The gradient of `_weigh`; the fractions are computed again.

    Args:
      d_weights: [R, W, W].
      queries, keys, score, weights: as `_weigh` had and left them.
      d_queries, d_keys: [R, W, a]; of queries and keys before the exponential; filled, and added to.
      d_score: [a]; added to.
    """
    number, steps, size = queries.shape
    parts = np.empty(size, np.float32)
    for n in range(number):
        for t in range(steps):
            query, d_query, w, d_w = queries[n, t], d_queries[n, t], weights[n, t], d_weights[n, t]
            mean = _F(0)
            for s in range(steps):
                mean += w[s] * d_w[s]
            d_query[:] = _F(0)
            for s in range(steps):
                d_value = w[s] * (d_w[s] - mean)
                key, d_key = keys[n, s], d_keys[n, s]
                for j in range(size):
                    quotient = query[j] / (query[j] + key[j])
                    d_score[j] -= _F(2) * d_value * quotient
                    parts[j] = _F(4) * score[j] * d_value * quotient * (_F(1) - quotient)
                for j in range(size):
                    d_query[j] += parts[j]
                    d_key[j] += parts[j]
