"""gru_attention's forward pass in NumPy: its equations in readable form.

Generation and log-likelihood run on it, so that neither imports TensorFlow. The TensorFlow network in
`attention_model.py` is tested against it. The input is a window of W frames, as indices of tokens in the vocabulary:

    x_t -> embedding -> GRU 0 -> self-attention 0 -> GRU 1 -> ... -> h, the last GRU's last state -> logits of the next

Most tokens (sets of keys) are rare. So a token shares weights with all tokens that have a key in common with it.
K_ip = 1 where key p sounds in token i, and, of 2 KEYS columns, K_i(KEYS + p) = 1 where it is struck again:

    embedding_i = kernel_i + sum over p of K_ip key_kernel_p
    logit_i = h . kernel_i + bias_i + sum over p of K_ip (h . key_kernel_p + key_bias_p)

A GRU (Cho et al. 2014, arXiv:1406.1078; with the reset gate after the matmul, as in cuDNN), gates in the order update,
reset, candidate:

    z = sigmoid(x_t . W_z + b_z + h . U_z + c_z)
    r = sigmoid(x_t . W_r + b_r + h . U_r + c_r)
    g = tanh(x_t . W_g + b_g + r * (h . U_g + c_g))
    h_t = z * h + (1 - z) * g

Self-attention: the additive attention of Bahdanau et al. 2015 (arXiv:1409.0473, section A.1.2), of each step t to all
steps s of the window:

    e_ts = score . tanh(h_t . query_kernel + h_s . key_kernel + bias)
    a_t = softmax(e_t)
    o_t = h_t + sum over s of a_ts h_s

Weights by name, for layer i with `in` inputs and u units, and attention of a units:

    embedding/kernel [tokens, in], /key_kernel [columns, in]
    gru_i/kernel [in, 3u], /recurrent_kernel [u, 3u], /bias [2, 3u] (b and c)
    attention_i/query_kernel [u, a], /key_kernel [u, a], /bias [a], /score [a]    for all layers but the last
    logits/kernel [u, tokens], /bias [tokens], /key_kernel [u, columns], /key_bias [columns]
"""

from collections.abc import Iterator

import numpy as np

from solferino.models.core.events.event_forward import softmax
from solferino.models.core.family import Weights

_LARGEST_EXPONENT = np.float32(80)  # exp(88) is float32's largest
_VALUES_IN_CACHE = 1 << 17  # 512 KiB


class Forward:
    """The network of a set of weights.

    Args:
      weights: by name, as listed above; the layers are found from the names.
      keys: bool [tokens, columns], which keys sound in each token.
    """

    def __init__(self, weights: Weights, keys: np.ndarray) -> None:
        self._weights = {name: np.asarray(value, np.float32) for name, value in weights.items()}
        self._num_layers = sum(name.endswith('/recurrent_kernel') for name in weights)
        w, sounding = self._weights, keys.astype(np.float32)
        # The first layer's pre-activations of each token: a row is looked up, where a step would take a matmul.
        embedding = w['embedding/kernel'] + sounding @ w['embedding/key_kernel']
        self._table = embedding @ w['gru_0/kernel'] + w['gru_0/bias'][0]
        self._kernel = w['logits/kernel'] + w['logits/key_kernel'] @ sounding.T
        self._bias = w['logits/bias'] + sounding @ w['logits/key_bias']

    def logits(self, windows: np.ndarray) -> np.ndarray:
        """Returns the logits [N, tokens] of the frame after each of `windows` int [N, W]."""
        return self._run(windows, []) @ self._kernel + self._bias

    def attention(self, windows: np.ndarray) -> list[np.ndarray]:
        """Returns the weights [N, W, W] of each self-attention: how much step t takes of step s."""
        kept: list[np.ndarray] = []
        self._run(windows, kept)
        return kept

    def _run(self, windows: np.ndarray, kept: list[np.ndarray]) -> np.ndarray:
        """Returns the last state [N, u] of the last layer; puts the weights of each self-attention into `kept`."""
        w = self._weights
        hidden = self._gru(0, self._table[windows.T])
        for i in range(1, self._num_layers):
            weights = self._attend(i - 1, hidden)
            kept.append(weights)
            mixed = hidden + (weights @ hidden.swapaxes(0, 1)).swapaxes(0, 1)
            hidden = self._gru(i, mixed @ w[f'gru_{i}/kernel'] + w[f'gru_{i}/bias'][0])
        return hidden[-1]

    @np.errstate(over='ignore')  # of a gate: 1 / (1 + inf) is the 0 that it should be
    def _gru(self, i: int, given: np.ndarray) -> np.ndarray:
        """Returns the states [W, N, u] of layer i; `given` [W, N, 3u] is the inputs' part of the pre-activations."""
        recurrent, bias = self._weights[f'gru_{i}/recurrent_kernel'], self._weights[f'gru_{i}/bias'][1]
        units = len(recurrent)
        states = np.empty((*given.shape[:2], units), np.float32)
        state = np.zeros_like(states[0])
        for t, inputs in enumerate(given):
            from_state = state @ recurrent + bias
            gates = 1 / (1 + np.exp(-(from_state[:, : 2 * units] + inputs[:, : 2 * units])))
            update, reset = gates[:, :units], gates[:, units:]
            candidate = np.tanh(inputs[:, 2 * units :] + reset * from_state[:, 2 * units :])
            state = states[t] = candidate + update * (state - candidate)
        return states

    def _attend(self, i: int, hidden: np.ndarray) -> np.ndarray:
        """The weights [N, W, W] of self-attention i.

        As tanh(q + k) = 1 - 2 / (1 + exp(2q) exp(2k)), exponentials of each query and each key serve all pairs. The 1
        has no effect on the softmax.
        """
        w = self._weights
        states = np.ascontiguousarray(hidden.swapaxes(0, 1))  # [N, W, u]
        queries = states @ w[f'attention_{i}/query_kernel'] + w[f'attention_{i}/bias']
        inverse = _bounded_exp(-2 * queries)  # exp(-2q) / (exp(-2q) + exp(2k)) is the fraction above
        keys = _bounded_exp(2 * (states @ w[f'attention_{i}/key_kernel']))
        weighted = inverse * (-2 * w[f'attention_{i}/score'])
        scores = np.empty((*states.shape[:2], states.shape[1]), np.float32)
        for rows in _blocks(len(states), states.shape[1] ** 2 * keys.shape[2]):
            denominators = keys[rows, None] + inverse[rows, :, None]  # [rows, t, s, a]
            scores[rows] = (np.reciprocal(denominators, out=denominators) @ weighted[rows, :, :, None])[..., 0]
        return softmax(scores)


def _bounded_exp(x: np.ndarray) -> np.ndarray:
    """exp(x), bounded so that sum and ratio of two stay in float32; x is twice the argument of a tanh."""
    return np.exp(x.clip(-_LARGEST_EXPONENT, _LARGEST_EXPONENT))


def _blocks(rows: int, values: int) -> Iterator[slice]:
    """Cuts rows of so many values each into blocks that fit the nearer caches of the CPU."""
    size = max(1, _VALUES_IN_CACHE // values)
    return (slice(start, start + size) for start in range(0, rows, size))
