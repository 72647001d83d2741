"""A step of the gated recurrent unit in NumPy. No row depends on the rows beside it, see `row_matmul.py`."""

from collections.abc import Sequence

import numpy as np

from solferino.models.core.cpu.row_matmul import matmul


def weight_shapes(layer_sizes: Sequence[int], inputs: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights of stacked layers, the first of them 'gru_0'; see `advance`."""
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
    """Returns the state [R, u] after one more input (Cho et al. 2014, arXiv:1406.1078), float32.

    This is cuDNN's form: the reset gate comes after the matmul. Gates are in the order update, reset, candidate.

    Args:
      x: the input, [R, n].
      last: the last state, [R, u].
      kernel: [n, 3u].
      recurrent_kernel: [u, 3u].
      bias: [2, 3u]; of the input and of the state.
    """
    units = last.shape[1]
    given, state = matmul(x, kernel) + bias[0], matmul(last, recurrent_kernel) + bias[1]
    gates = sigmoid(given[:, : 2 * units] + state[:, : 2 * units])
    update, reset = gates[:, :units], gates[:, units:]
    candidate = np.tanh(given[:, 2 * units :] + reset * state[:, 2 * units :])
    return update * last + (1 - update) * candidate


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)) without overflow."""
    return 0.5 * np.tanh(0.5 * x) + 0.5
