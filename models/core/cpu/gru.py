"""A step of the gated recurrent unit in NumPy, in which no row depends on those beside it, see `row_matmul.py`."""

from collections.abc import Sequence

import numpy as np

from solferino.models.core.cpu.row_matmul import times


def weight_shapes(layer_sizes: Sequence[int], inputs: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights of layers on top of each other, 'gru_0/kernel' the first; see `advance`."""
    shapes: dict[str, tuple[int, ...]] = {}
    for i, (size, units) in enumerate(zip((inputs, *layer_sizes), layer_sizes, strict=False)):
        shapes |= {
            f'gru_{i}/kernel': (size, 3 * units),
            f'gru_{i}/recurrent_kernel': (units, 3 * units),
            f'gru_{i}/bias': (2, 3 * units),
        }
    return shapes


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


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)) without overflow."""
    return 0.5 * np.tanh(0.5 * x) + 0.5
