"""The event network's forward pass in NumPy: its equations in readable form.

Generation and log-likelihood run on it, so that neither imports TensorFlow. The TensorFlow network in `event_rnn.py` is
tested against it.

    x_t  -> [projection] -> layer 0 (LSTM, or LSTM with attention) -> layer 1 (LSTM) -> ... -> logits

Weights by name, for layer i with `in` inputs and u units; gates in the order input, forget, cell, output:

    projection_i/kernel [in, u], /bias [u]             with residual connections: layer 0 and where the size changes
    lstm_i/kernel [in, 4u], /recurrent_kernel [u, 4u], /bias [4u]
    attention/input_kernel [in, in], /context_kernel [u, in], /input_bias [in]
    attention/query_kernel [2u, u], /query_bias [u], /memory_kernel [u, u], /score [u]
    attention/output_kernel [2u, u], /output_bias [u]
    logits/kernel [u, classes], /bias [classes]
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from solferino.hparams.networks.event_rnn import EventRnnHparams
from solferino.models.core.cpu.row_matmul import matmul_blocks
from solferino.models.core.family import Weights
from solferino.models.music.encodings.event_encodings import Inputs

# Factors of the pre-activations of the gates i, f, g, o, see `_lstm`.
_GATE_SCALE = np.array([-1, -1, -2, -1], np.float32)
_LARGEST_EXPONENT = np.float32(80)  # exp(88) is float32's largest
_VALUES_IN_CACHE = 1 << 16  # 256 KiB


class AttentionState(NamedTuple):
    """What the attention of layer 0 carries from step to step.

    Attributes:
      context: the weighted sum of the memory at the last step, [batch, u].
      memory: the layer's last outputs, zeros before the beginning, [batch, length, u].
      keys: exp(2 memory . memory_kernel), [batch, length, u].
      oldest: the index of the slot that the next output replaces.
    """

    context: np.ndarray
    memory: np.ndarray
    keys: np.ndarray
    oldest: int


class State(NamedTuple):
    """The network's state: hidden and cell of each layer [batch, u], and the attention of layer 0 if it has one."""

    hidden: tuple[np.ndarray, ...]
    cell: tuple[np.ndarray, ...]
    attention: AttentionState | None

    def take(self, rows: np.ndarray) -> 'State':
        """The state of the batch entries `rows`, which may repeat."""
        past = self.attention
        if past:
            past = AttentionState(past.context[rows], past.memory[rows], past.keys[rows], past.oldest)
        return State(tuple(h[rows] for h in self.hidden), tuple(c[rows] for c in self.cell), past)


class Forward:
    """The network of a set of weights.

    Rows of a batch do not depend on one another if they come in whole blocks, see `row_matmul.py`.

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
        self._kernels = [self._fold_layer(i) for i in range(self._num_layers)]

    def initial_state(self, batch: int) -> State:
        """Zeros."""
        units = [self._weights[f'lstm_{i}/recurrent_kernel'].shape[0] for i in range(self._num_layers)]
        zeros = tuple(np.zeros((batch, u), np.float32) for u in units)
        if not self._attn_length:
            return State(zeros, zeros, None)
        memory = np.zeros((batch, self._attn_length, units[0]), np.float32)
        return State(zeros, zeros, AttentionState(zeros[0], memory, np.exp(memory), oldest=0))

    def run(self, inputs: Inputs, state: State) -> tuple[np.ndarray, State]:
        """Returns the logits [batch, steps, classes] of several steps, and the state after them; see `advance`."""
        logits = []
        for t in range(inputs.ones.shape[1]):
            output, state = self.advance(Inputs(inputs.ones[:, t], inputs.dense[:, t]), state)
            logits.append(self.logits(output))
        return np.stack(logits, axis=1), state

    def logits(self, output: np.ndarray) -> np.ndarray:
        """Returns the logits [batch, classes] of the last layer's output."""
        return matmul_blocks(output, self._weights['logits/kernel']) + self._weights['logits/bias']

    @np.errstate(over='ignore')  # 1 / (1 + inf) is 0, the right value of a gate
    def advance(self, inputs: Inputs, state: State) -> tuple[np.ndarray, State]:
        """Returns the last layer's output [batch, u] of one step, and the state after it; inputs are [batch, ...].

        The attention's memory is updated in place: a state can be continued only once. `take` makes copies.
        """
        w = self._weights
        hidden, cell, attention = [], [], None
        x: np.ndarray | Inputs = inputs
        for i in range(self._num_layers):
            if f'projection_{i}/kernel' in w:
                x = _matmul(x, w[f'projection_{i}/kernel']) + w[f'projection_{i}/bias']
            together = [state.hidden[i]]
            if i == 0 and state.attention is not None:
                together.append(state.attention.context)
            if not isinstance(x, Inputs):
                together.append(x)
            gates = matmul_blocks(np.concatenate(together, axis=1), self._kernels[i])
            if isinstance(x, Inputs):
                gates += _matmul(x, w['lstm_0/kernel'])
            gates += w[f'lstm_{i}/bias']
            h, c = _lstm(gates, state.cell[i])
            output = h
            if i == 0 and state.attention is not None:
                output, attention = self._attend(h, c, state.attention)
            x = output = output + x if self._residual else output
            hidden.append(h)
            cell.append(c)
        return output, State(tuple(hidden), tuple(cell), attention)

    def _attend(self, h: np.ndarray, c: np.ndarray, past: AttentionState) -> tuple[np.ndarray, AttentionState]:
        """One step of the attention over the layer's own last outputs. Returns the output and the attention.

        Bahdanau et al. 2015 (arXiv:1409.0473) as in TensorFlow 1's AttentionCellWrapper:

            query = [c, h] . query_kernel + query_bias
            scores = score . tanh(memory . memory_kernel + query)
            context = softmax(scores) . memory
            output = [h, context] . output_kernel + output_bias

        As tanh(k + q) = 1 - 2 / (1 + exp(2k) exp(2q)), one exponential of each key, when it is stored, and one of each
        query are enough for all slots and steps. The 1 has no effect on the softmax.
        """
        w = self._weights
        query = matmul_blocks(np.concatenate([c, h], axis=1), w['attention/query_kernel']) + w['attention/query_bias']
        inverse = _bounded_exp(-2 * query)
        weighted = (inverse * (-2 * w['attention/score']))[:, :, None]
        scores = np.empty(past.memory.shape[:2], np.float32)
        for rows in _blocks(*past.keys.shape):
            denominators = past.keys[rows] + inverse[rows, None]
            scores[rows] = (np.reciprocal(denominators, out=denominators) @ weighted[rows])[:, :, 0]
        context = (softmax(scores)[:, None] @ past.memory)[:, 0]
        output = matmul_blocks(np.concatenate([h, context], axis=1), w['attention/output_kernel'])
        output += w['attention/output_bias']
        past.memory[:, past.oldest] = output
        past.keys[:, past.oldest] = _bounded_exp(2 * matmul_blocks(output, w['attention/memory_kernel']))
        return output, past._replace(context=context, oldest=(past.oldest + 1) % self._attn_length)

    def _fold_attention(self) -> None:
        """Folds the attention's input projection into layer 0.

        The LSTM's input is x' = [x, context] . input_kernel + input_bias, so that
        x' . kernel = x . (input_kernel . kernel) + context . (context_kernel . kernel) + input_bias . kernel.
        """
        w = self._weights
        kernel = w['lstm_0/kernel']
        w['lstm_0/kernel'] = w['attention/input_kernel'] @ kernel
        w['lstm_0/bias'] = w['attention/input_bias'] @ kernel + w['lstm_0/bias']
        w['attention/context_kernel'] = w['attention/context_kernel'] @ kernel

    def _fold_layer(self, i: int) -> np.ndarray:
        """Scales layer i for `_lstm`. Returns its matrix for the concatenated hidden state, context and dense input."""
        w = self._weights
        names = [f'lstm_{i}/recurrent_kernel']
        if i == 0 and self._attn_length:
            names.append('attention/context_kernel')
        names.append(f'lstm_{i}/kernel')
        scale = np.repeat(_GATE_SCALE, len(w[names[0]]))
        for name in (*names, f'lstm_{i}/bias'):
            w[name] = w[name] * scale
        has_sparse_input = i == 0 and 'projection_0/kernel' not in w
        return np.concatenate([w[name] for name in (names[:-1] if has_sparse_input else names)])


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


def _matmul(x: np.ndarray | Inputs, matrix: np.ndarray) -> np.ndarray:
    """x . matrix; for the ones of an input vector, rows are gathered."""
    if not isinstance(x, Inputs):
        return matmul_blocks(x, matrix)
    slots, dense = x.ones.shape[1], x.dense.shape[1]
    if not slots:
        return matmul_blocks(x.dense, matrix)
    result = matrix.take(x.ones[:, 0], axis=0)
    for slot in range(1, slots):
        result += matrix.take(x.ones[:, slot], axis=0)
    if dense:
        result += matmul_blocks(x.dense, matrix[len(matrix) - dense :])
    return result


def _lstm(gates: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hochreiter and Schmidhuber 1997, with forget gate. Returns hidden and cell.

    `gates` are pre-activations scaled by _GATE_SCALE, so that 1 / (1 + exp(gates)) is sigmoid(i), sigmoid(f),
    sigmoid(2g), sigmoid(o), where tanh(g) = 2 sigmoid(2g) - 1. They are overwritten.
    """
    np.exp(gates, out=gates)
    gates += 1
    np.reciprocal(gates, out=gates)
    i, f, g, o = gates.reshape(len(gates), 4, -1).swapaxes(0, 1)
    g *= 2
    g -= 1
    g *= i
    f *= cell
    cell = f + g
    return o * np.tanh(cell), cell


def _bounded_exp(x: np.ndarray) -> np.ndarray:
    """exp(x), bounded so that sum and ratio of two stay in float32; x is twice the argument of a tanh."""
    return np.exp(x.clip(-_LARGEST_EXPONENT, _LARGEST_EXPONENT))


def _blocks(batch: int, length: int, units: int) -> Iterator[slice]:
    """Cuts the batch into blocks whose array [rows, length, units] fits the nearest caches of the CPU."""
    rows = max(1, _VALUES_IN_CACHE // (length * units))
    return (slice(start, start + rows) for start in range(0, batch, rows))
