"""A step of the gated recurrent unit in NumPy. With NumPy's threads off, no row depends on how many are beside it."""

import numpy as np

# OpenBLAS multiplies this many rows at once where there is AVX2; of other numbers the rest is rounded differently.
ROWS_AT_ONCE = 12


def filled(rows: np.ndarray, multiple: int = ROWS_AT_ONCE) -> np.ndarray:
    """`rows`, then the last of them again until their number is a multiple."""
    return rows[np.minimum(np.arange(-(-len(rows) // multiple) * multiple), len(rows) - 1)]


def advance(
    x: np.ndarray, last: np.ndarray, kernel: np.ndarray, recurrent_kernel: np.ndarray, bias: np.ndarray
) -> np.ndarray:
    """Returns the state [R, u] after `last` and an input more (Cho et al. 2014, arXiv:1406.1078), float32.

    In cuDNN's form, where the reset gate comes after the product. Gates are in the order update, reset, candidate.

    Args:
      x: [R, n].
      last: [R, u].
      kernel: [n, 3u].
      recurrent_kernel: [u, 3u].
      bias: [2, 3u], that of the input and that of the state.
    """
    units = last.shape[1]
    given, state = times(x, kernel) + bias[0], times(last, recurrent_kernel) + bias[1]
    gates = sigmoid(given[:, : 2 * units] + state[:, : 2 * units])
    update, reset = gates[:, :units], gates[:, units:]
    candidate = np.tanh(given[:, 2 * units :] + reset * state[:, 2 * units :])
    return update * last + (1 - update) * candidate


def times(x: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """x [..., n] . matrix [n, m], in float32."""
    rows = x.reshape(-1, x.shape[-1])
    padded = np.zeros((-(-len(rows) // ROWS_AT_ONCE) * ROWS_AT_ONCE, x.shape[-1]), np.float32)
    padded[: len(rows)] = rows
    return (padded @ matrix)[: len(rows)].reshape(*x.shape[:-1], matrix.shape[1])


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)) without overflow."""
    return 0.5 * np.tanh(0.5 * x) + 0.5
