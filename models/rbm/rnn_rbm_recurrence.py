"""The recurrent network of the RNN-RBM in NumPy: its equations in readable form, which generation runs on.

Boulanger-Lewandowski, Bengio, Vincent 2012, "Modeling temporal dependencies in high-dimensional sequences" (arXiv:
1206.6392), equations 6 to 9: each frame v_t has a restricted Boltzmann machine. All machines share their weights. The
biases come from the state u_{t-1} of a recurrent network that has read the frames before; u_0 = 0.

    visible bias at t = b + u_{t-1} . state_to_visible      hidden bias at t = c + u_{t-1} . state_to_hidden
    u_t = cell(v_t, u_{t-1})

Weights by name, V visible units, H hidden units, U units of the recurrent network:

    weights [V, H], visible_bias [V], hidden_bias [H], state_to_visible [U, V], state_to_hidden [U, H]
    recurrent/kernel [V, gU], /recurrent_kernel [U, gU], /bias        g and the bias's shape: see the cells below

At the beginning of training the biases are those of a machine without a past.
"""

from collections.abc import Callable, Mapping

import numpy as np

from solferino.models.core.cpu import gru
from solferino.models.core.cpu.row_matmul import matmul
from solferino.models.core.family import Weights


def tanh_cell(frames: np.ndarray, state: np.ndarray, weights: Mapping[str, np.ndarray]) -> np.ndarray:
    """u_t = tanh(v_t . kernel + u_{t-1} . recurrent_kernel + bias), the paper's; bias is [U]."""
    preactivations = matmul(frames, weights['kernel']) + matmul(state, weights['recurrent_kernel'])
    return np.tanh(preactivations + weights['bias'])


def gru_cell(frames: np.ndarray, state: np.ndarray, weights: Mapping[str, np.ndarray]) -> np.ndarray:
    """The gated recurrent unit; see `gru.advance`."""
    return gru.advance(frames, state, weights['kernel'], weights['recurrent_kernel'], weights['bias'])


CELLS: Mapping[str, Callable[..., np.ndarray]] = {'tanh': tanh_cell, 'gru': gru_cell}


def weight_shapes(cell: str, visible: int, hidden: int, units: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights listed above, by name."""
    gates, bias = {'tanh': (1, (units,)), 'gru': (3, (2, 3 * units))}[cell]
    return {
        'weights': (visible, hidden),
        'visible_bias': (visible,),
        'hidden_bias': (hidden,),
        'state_to_visible': (units, visible),
        'state_to_hidden': (units, hidden),
        CELL_WEIGHTS + 'kernel': (visible, gates * units),
        CELL_WEIGHTS + 'recurrent_kernel': (units, gates * units),
        CELL_WEIGHTS + 'bias': bias,
    }


class Recurrence:
    """The recurrent network of a set of weights; R rows are sequences side by side.

    Args:
      weights: by name, as listed above.
      cell: one of CELLS.

    Attributes:
      weights: those of all machines, [V, H].
    """

    def __init__(self, weights: Weights, cell: str) -> None:
        self._weights = {name: np.asarray(value, np.float32) for name, value in weights.items()}
        self._cell = CELLS[cell]
        self.weights = np.ascontiguousarray(self._weights['weights'])
        self._cell_weights = {
            name.removeprefix(CELL_WEIGHTS): value
            for name, value in self._weights.items()
            if name.startswith(CELL_WEIGHTS)
        }

    def initial_state(self, rows: int) -> np.ndarray:
        """Zeros [R, U]."""
        return np.zeros((rows, len(self._weights['state_to_visible'])), np.float32)

    def biases(self, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The visible biases [R, V] and hidden biases [R, H] of the next frame."""
        w = self._weights
        return (
            w['visible_bias'] + matmul(state, w['state_to_visible']),
            w['hidden_bias'] + matmul(state, w['state_to_hidden']),
        )

    def advance(self, frames: np.ndarray, state: np.ndarray) -> np.ndarray:
        """The state after one more frame, [R, V] of zeros and ones."""
        return self._cell(frames, state, self._cell_weights)

    def all_biases(self, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The biases of each frame of one sequence [T, V], given those before: [T, V] and [T, H]."""
        state = self.initial_state(1)
        found = []
        for frame in frames:
            found.append(self.biases(state))
            state = self.advance(frame[None], state)
        visible, hidden = zip(*found, strict=True)
        return np.concatenate(visible), np.concatenate(hidden)


CELL_WEIGHTS = 'recurrent/'  # the prefix of the cell's weights
