"""The event network's forward pass in NumPy: the readable statement of its equations.

Generation and log-likelihood run on it, so that neither imports TensorFlow, and the TensorFlow network in
`event_rnn.py` is tested against it.

    x_t  -> [projection] -> layer 0 (LSTM, or LSTM with attention) -> layer 1 (LSTM) -> ... -> logits

Weights by name, for layer i with `in` inputs and u units; gates in the order input, forget, cell, output:

    projection_i/kernel [in, u], /bias [u]             with residual connections: layer 0 and where the size changes
    lstm_i/kernel [in, 4u], /recurrent_kernel [u, 4u], /bias [4u]
    attention/input_kernel [in, in], /context_kernel [u, in], /input_bias [in]
    attention/query_kernel [2u, u], /query_bias [u], /memory_kernel [u, u], /score [u]
    attention/output_kernel [2u, u], /output_bias [u]
    logits/kernel [u, classes], /bias [classes]
"""

from typing import NamedTuple

import numpy as np

from solferino.hparams.event_rnn import EventRnnHparams
from solferino.models.core.family import Weights
from solferino.models.music.encodings import Inputs


class AttentionState(NamedTuple):
    """What the attention of layer 0 carries from step to step.

    Attributes:
      context: the weighted sum of the memory at the last step, [batch, u].
      memory: the layer's last outputs, oldest first, zeros before the beginning, [batch, length, u].
      keys: the memory times memory_kernel, [batch, length, u].
    """

    context: np.ndarray
    memory: np.ndarray
    keys: np.ndarray


class State(NamedTuple):
    """The network's state: hidden and cell of each layer [batch, u], and the attention of layer 0 if it has one."""

    hidden: tuple[np.ndarray, ...]
    cell: tuple[np.ndarray, ...]
    attention: AttentionState | None

    def take(self, rows: np.ndarray) -> 'State':
        """The state of the batch entries `rows`, which may repeat."""
        attention = self.attention and AttentionState(*(part[rows] for part in self.attention))
        return State(tuple(h[rows] for h in self.hidden), tuple(c[rows] for c in self.cell), attention)


class Forward:
    """The network of a set of weights.

    Args:
      weights: by name, as listed above; the layers are found from the names.
      attn_length: memory slots of the attention.
      residual_connections: whether each layer's input is added to its output.
    """

    def __init__(self, weights: Weights, attn_length: int, residual_connections: bool) -> None:
        self._weights = {name: np.asarray(value, np.float32) for name, value in weights.items()}
        self._num_layers = sum(name.endswith('/recurrent_kernel') for name in weights)
        self._attn_length = attn_length
        self._residual = residual_connections
        if attn_length:
            self._fold_attention()

    def initial_state(self, batch: int) -> State:
        """Zeros."""
        units = [self._weights[f'lstm_{i}/recurrent_kernel'].shape[0] for i in range(self._num_layers)]
        zeros = tuple(np.zeros((batch, u), np.float32) for u in units)
        memory = np.zeros((batch, self._attn_length, units[0]), np.float32)
        return State(zeros, zeros, AttentionState(zeros[0], memory, memory) if self._attn_length else None)

    def run(self, inputs: Inputs, state: State) -> tuple[np.ndarray, State]:
        """Returns the logits [batch, steps, classes] of several steps, and the state after them."""
        logits = []
        for t in range(inputs.ones.shape[1]):
            step, state = self.step(Inputs(inputs.ones[:, t], inputs.dense[:, t]), state)
            logits.append(step)
        return np.stack(logits, axis=1), state

    def step(self, inputs: Inputs, state: State) -> tuple[np.ndarray, State]:
        """Returns the logits [batch, classes] of one step, and the state after it; inputs are [batch, ...]."""
        w = self._weights
        hidden, cell, attention = [], [], None
        x: np.ndarray | Inputs = inputs
        for i in range(self._num_layers):
            if f'projection_{i}/kernel' in w:
                x = _times(x, w[f'projection_{i}/kernel']) + w[f'projection_{i}/bias']
            if i == 0 and state.attention is not None:
                h, c, output, attention = self._attend(x, state.hidden[0], state.cell[0], state.attention)
            else:
                gates = _times(x, w[f'lstm_{i}/kernel']) + state.hidden[i] @ w[f'lstm_{i}/recurrent_kernel']
                h, c = _lstm(gates + w[f'lstm_{i}/bias'], state.cell[i])
                output = h
            x = output + x if self._residual else output
            hidden.append(h)
            cell.append(c)
        logits = _times(x, w['logits/kernel']) + w['logits/bias']
        return logits, State(tuple(hidden), tuple(cell), attention)

    def _attend(
        self, x: np.ndarray | Inputs, h: np.ndarray, c: np.ndarray, past: AttentionState
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, AttentionState]:
        """One step of the LSTM with attention over its own last outputs. Returns hidden, cell, output, attention.

        Bahdanau et al. 2015 (arXiv:1409.0473) as in TensorFlow 1's AttentionCellWrapper. The cell's input is
        x' = [x, context] . input_kernel + input_bias; its product with the LSTM's kernel is folded beforehand.
        """
        w = self._weights
        gates = _times(x, self._folded_input) + past.context @ self._folded_context + self._folded_bias
        h, c = _lstm(gates + h @ w['lstm_0/recurrent_kernel'], c)
        query = np.concatenate([c, h], axis=1) @ w['attention/query_kernel'] + w['attention/query_bias']
        scores = np.tanh(past.keys + query[:, None]) @ w['attention/score']  # [batch, length]
        attended = softmax(scores)
        context = (attended[:, None] @ past.memory)[:, 0]
        output = np.concatenate([h, context], axis=1) @ w['attention/output_kernel'] + w['attention/output_bias']
        memory = np.concatenate([past.memory[:, 1:], output[:, None]], axis=1)
        keys = np.concatenate([past.keys[:, 1:], (output @ w['attention/memory_kernel'])[:, None]], axis=1)
        return h, c, output, AttentionState(context, memory, keys)

    def _fold_attention(self) -> None:
        """x' . kernel = x . (input_kernel . kernel) + context . (context_kernel . kernel) + input_bias . kernel."""
        w = self._weights
        kernel = w['lstm_0/kernel']
        self._folded_input = w['attention/input_kernel'] @ kernel
        self._folded_context = w['attention/context_kernel'] @ kernel
        self._folded_bias = w['attention/input_bias'] @ kernel + w['lstm_0/bias']


def weight_shapes(hparams: EventRnnHparams, input_size: int, num_classes: int) -> dict[str, tuple[int, ...]]:
    """The names and shapes, listed above, of the weights of a network."""
    shapes: dict[str, tuple[int, ...]] = {}
    size = input_size
    for i, u in enumerate(hparams.rnn_layer_sizes):
        if hparams.residual_connections and (i == 0 or size != u):
            shapes |= {f'projection_{i}/kernel': (size, u), f'projection_{i}/bias': (u,)}
            size = u
        if i == 0 and hparams.attn_length:
            shapes |= {
                'attention/input_kernel': (size, size),
                'attention/context_kernel': (u, size),
                'attention/input_bias': (size,),
                'attention/query_kernel': (2 * u, u),
                'attention/query_bias': (u,),
                'attention/memory_kernel': (u, u),
                'attention/score': (u,),
                'attention/output_kernel': (2 * u, u),
                'attention/output_bias': (u,),
            }
        shapes |= {
            f'lstm_{i}/kernel': (size, 4 * u),
            f'lstm_{i}/recurrent_kernel': (u, 4 * u),
            f'lstm_{i}/bias': (4 * u,),
        }
        size = u
    return shapes | {'logits/kernel': (size, num_classes), 'logits/bias': (num_classes,)}


def softmax(logits: np.ndarray) -> np.ndarray:
    """Along the last axis."""
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Along the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _times(x: np.ndarray | Inputs, matrix: np.ndarray) -> np.ndarray:
    """x . matrix; the ones of an input vector select rows."""
    if not isinstance(x, Inputs):
        return x @ matrix
    product = matrix[x.ones].sum(axis=1)
    if x.dense.shape[1]:
        product += x.dense @ matrix[len(matrix) - x.dense.shape[1] :]
    return product


def _lstm(gates: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hochreiter and Schmidhuber 1997, with forget gate. Returns hidden and cell."""
    i, f, g, o = np.split(gates, 4, axis=1)
    cell = cell * _sigmoid(f) + _sigmoid(i) * np.tanh(g)
    return _sigmoid(o) * np.tanh(cell), cell


def _sigmoid(x: np.ndarray) -> np.ndarray:
    # The tanh form does not overflow.
    return 0.5 * np.tanh(0.5 * x) + 0.5
