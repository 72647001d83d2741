"""gru_nade's forward pass in NumPy: its equations in readable form, which scoring and sampling run on.

RNN-NADE (Boulanger-Lewandowski, Bengio, Vincent 2012, arXiv:1206.6392): the keys of a frame one by one, from the
lowest up (NADE; Larochelle and Murray 2011), given a recurrent network over the frames before:

    p(frame | frames before) = product over keys k of p(key k | frames before, keys below k)
    p(key k sounds | ...) = sigmoid(h . key_kernel_k + key_bias_k + hidden_k . above_k + shared_k)
    hidden_k = sigmoid(h . hidden_kernel + hidden_bias + sum over sounding keys j below k of below_j)
    h = the concatenated outputs of the GRU layers for the frames before; each input is a frame and a 1 where the piece
        begins

Frames have W = K columns or, where they tell which keys are struck again, W = 2 K. Then each key that sounds on, as it
did in the frame before, is struck again or held, which is decided right after the key:

    p(key k is struck again | ..., key k sounds on) = sigmoid(the same with column K + k for k)

and hidden_k is given below_(K + j) of those keys j below k that are struck again, too.

shared_k is the logit of a network that all keys share (`key_network.py`), given hidden_k . given_kernel. The GRU is
that of `attention_forward.py`. hidden_k changes only at keys that sound, some four of 88.

Weights by name, for frames of W columns, GRU layers of U units in all, H hidden units, C channels:

    gru_i/kernel, /recurrent_kernel, /bias
    nade/hidden_kernel [U, H], /hidden_bias [H], /key_kernel [U, W], /key_bias [W]
    nade/below [W, H], /above [H, W], /given_kernel [H, C]
    keys/...  see `key_network.KeyParameters`
"""

from collections.abc import Sequence

import numpy as np

from solferino.models.core.cpu import gru
from solferino.models.core.cpu.row_matmul import matmul
from solferino.models.core.cpu.thread_pool import one_thread
from solferino.models.core.family import Weights
from solferino.models.piano_rnn.frames import sounds_on
from solferino.models.piano_rnn.nade import key_network
from solferino.models.piano_rnn.nade.key_network import Extent, KeyParameters, Observed


class Nade:
    """The network of a set of weights.

    Args:
      weights: by name, as listed above.
      lags: see `hparams/networks/gru_nade.py`.

    Attributes:
      keys, width: K and W.
      channels: C.
    """

    def __init__(self, weights: Weights, lags: Sequence[int]) -> None:
        self._weights = {name: np.asarray(value, np.float32) for name, value in weights.items()}
        self._num_layers = sum(name.endswith('/recurrent_kernel') for name in weights)
        self._parameters = KeyParameters(*(self._weights[f'keys/{name}'] for name in KeyParameters._fields))
        self._lags = np.array(lags, np.int32)
        self.keys, self.channels = self._parameters.key.shape
        self.width = len(self._weights['nade/key_bias'])

    def initial_state(self, batch: int) -> list[np.ndarray]:
        """The zero state of each GRU layer, [batch, u]."""
        units = [len(self._weights[f'gru_{i}/recurrent_kernel']) for i in range(self._num_layers)]
        return [np.zeros((batch, u), np.float32) for u in units]

    def advance(self, frames: np.ndarray | None, state: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
        """Returns h [batch, U] for the next frame, and the state after it.

        Args:
          frames: the last frames, [batch, W]; None if the pieces begin.
          state: the state that `advance` returned for the last frames.
        """
        w = self._weights
        x = np.zeros((len(state[0]), self.width + 1), np.float32)
        if frames is None:
            x[:, -1] = 1
        else:
            x[:, :-1] = frames
        outputs = []
        for i, last in enumerate(state):
            x = gru.advance(x, last, *(w[f'gru_{i}/{name}'] for name in ('kernel', 'recurrent_kernel', 'bias')))
            outputs.append(x)
        return np.concatenate(outputs, axis=1), outputs

    def start(self, h: np.ndarray, numbers: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Returns what does not depend on the keys below: pre-activations of `hidden` [..., H], and logits [..., W].

        Args:
          h: [..., U].
          numbers: of the rows, see `row_matmul.matmul`.
        """
        w = self._weights
        of_hidden = matmul(h, w['nade/hidden_kernel'], numbers) + w['nade/hidden_bias']
        return of_hidden, matmul(h, w['nade/key_kernel'], numbers) + w['nade/key_bias']

    def below(self, notes: np.ndarray, again: np.ndarray) -> np.ndarray:
        """What sounding keys add to the pre-activations of `hidden`, [..., H].

        Args:
          notes: int [...]; -1 is no key.
          again: bool or uint8 [...]; which of them are struck again.
        """
        table = self._weights['nade/below']
        added = table[notes] * (notes >= 0)[..., None]
        if self.width > self.keys:
            added += table[self.keys + np.maximum(notes, 0)] * again[..., None]
        return added

    def of_hidden(self, preactivations: np.ndarray, numbers: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Returns what hidden vectors add to the logits and to the keys' network, from pre-activations [..., H]."""
        hidden = gru.sigmoid(preactivations)
        w = self._weights
        return matmul(hidden, w['nade/above'], numbers), matmul(hidden, w['nade/given_kernel'], numbers)

    def shared(self, observed: Observed, extent: Extent, given: np.ndarray) -> np.ndarray:
        """Returns the keys' network's logits [B, T, W]."""
        keeps = np.ones((2, *given.shape[:2], self.channels), np.float32)
        return key_network.logits(observed, extent, given, keeps, self._parameters, self._lags)

    @property
    def memory(self) -> int:
        """How many frames back a key sees."""
        return int(self._lags.max())

    def logits(self, frames: np.ndarray, begins: bool = True) -> np.ndarray:
        """Returns the logits [T, W] of a piece, bool [T, W]: of each key given the frames before and keys below.

        Unless it `begins` with them, other frames came before the first that are not known.
        """
        states, state = [], self.initial_state(1)
        for t in range(len(frames)):
            before = frames[t - 1, None] if t else None if begins else np.zeros_like(frames[:1])
            h, state = self.advance(before, state)
            states.append(h[0])
        start, logits = self.start(np.stack(states))
        observed = key_network.observe(frames[None], self.keys)
        steps = self.below(observed.notes[0].astype(np.int64), observed.again[0]).cumsum(axis=1)  # [T, S, H]
        preactivations = start[:, None] + np.pad(steps, [(0, 0), (1, 0), (0, 0)])
        nade, given = self.of_hidden(preactivations)
        sounding = frames[:, : self.keys]
        indices = sounding.cumsum(axis=1) - sounding  # sounding keys below each
        indices = np.tile(indices, (1, self.width // self.keys))
        logits += np.take_along_axis(nade, indices[:, None], axis=1)[:, 0]
        extent = Extent(np.zeros(1, np.int32), np.full(1, len(frames), np.int32))
        return logits + self.shared(observed, extent, given[None])[0]

    def log_likelihoods(self, frames: np.ndarray, begins: bool = True) -> np.ndarray:
        """Returns the natural log of the probability [T] of each frame of a piece, bool [T, W], given those before."""
        with one_thread():
            logits = self.logits(frames, begins).astype(np.float64)
        losses = np.logaddexp(0, np.where(frames, -logits, logits))
        losses[:, self.keys :] *= sounds_on(frames[:, : self.keys])[:, : self.width - self.keys]
        return -losses.sum(axis=1)
