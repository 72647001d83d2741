"""What a network sees of a sequence of event classes, and what it is asked for.

An input vector is mostly zeros, so it is never built: it is given as the rows of the first weight matrix that a one
selects (`ones`) and as a few dense values for the rows after them (`dense`). `to_dense` writes Magenta's vectors.
One function serves training (a whole track) and generation (the last step).
"""

import dataclasses
from typing import NamedTuple

import numpy as np


class Inputs(NamedTuple):
    """Input vectors of a batch of tracks.

    Attributes:
      ones: int32 [batch, steps, slots]; indices below `sparse_size` at which the vector is one.
      dense: float32 [batch, steps, dense_size]; the values from `sparse_size` on.
    """

    ones: np.ndarray
    dense: np.ndarray


@dataclasses.dataclass(frozen=True)
class OneHotEncoding:
    """The class of the current step, and a binary counter of the next one's position.

    Magenta's OneHotEventSequenceEncoderDecoder (`counter_bits` 0) and its LookbackEventSequenceEncoderDecoder without
    lookbacks. A counter bit is 1.0 if set, else -1.0; the lowest comes first.

    Attributes:
      num_classes: classes of events, and of labels.
      counter_bits: digits of the counter.
      no_event: the class that stands for nothing happening.
    """

    num_classes: int
    counter_bits: int = 0
    no_event: int = 0

    @property
    def sparse_size(self) -> int:
        """Size of the part of an input vector that is zeros and ones."""
        return self.num_classes

    @property
    def slots(self) -> int:
        """Ones in an input vector."""
        return 1

    @property
    def dense_size(self) -> int:
        """Size of the rest of an input vector."""
        return self.counter_bits

    @property
    def input_size(self) -> int:
        """Size of an input vector."""
        return self.sparse_size + self.dense_size

    def inputs(self, events: np.ndarray, start: int = 0) -> Inputs:
        """Returns the inputs of the steps from `start` on, for tracks `events` [batch, steps] of event classes."""
        tail = events[:, start:]
        positions = np.arange(start, events.shape[1])[:, None] + 1
        bits = positions >> np.arange(self.counter_bits) & 1
        counters = np.where(bits, np.float32(1), np.float32(-1))
        return Inputs(tail[:, :, None].astype(np.int32), np.broadcast_to(counters, (*tail.shape, self.counter_bits)))

    def labels(self, events: np.ndarray) -> np.ndarray:
        """Returns the class to predict at each step but the first, [batch, steps - 1]."""
        return events[:, 1:]

    def events_of_labels(self, events: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Returns the event class [batch] that `labels` [batch] mean after `events` [batch, steps]."""
        return labels

    def events_of_dense(self, inputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Returns the event classes [steps + 1] of Magenta's `inputs` [steps, input_size] and `labels` [steps].

        Raises:
          ValueError: they are not of this encoding.
        """
        if inputs.ndim != 2 or inputs.shape[1] != self.input_size:
            size = inputs.shape[1] if inputs.ndim == 2 else inputs.shape
            raise ValueError(f'its inputs have {size} values a step; this config has {self.input_size}')
        if not len(labels) or labels.min() < 0 or labels.max() >= self.num_classes:
            raise ValueError(f'its labels are not numbers from 0 to {self.num_classes - 1}')
        events = np.concatenate([inputs[:1, : self.num_classes].argmax(axis=1), labels]).astype(np.int32)
        if not np.array_equal(to_dense(self, events)[0], inputs):
            raise ValueError('its inputs are not what this config makes of its labels')
        return events


def to_dense(encoding: OneHotEncoding, events: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns Magenta's float32 inputs [steps - 1, input_size] and int64 labels [steps - 1] of one track [steps]."""
    ones, dense = encoding.inputs(events[None, :-1])
    steps = len(events) - 1
    vectors = np.zeros((steps, encoding.input_size), np.float32)
    np.put_along_axis(vectors, ones[0].astype(np.int64), 1, axis=1)
    vectors[:, encoding.sparse_size :] = dense[0]
    return vectors, encoding.labels(events[None])[0].astype(np.int64)
