"""What a network sees of a sequence of event classes, and what it is asked for.

An input vector is mostly zeros, so it is never built: it is given as the rows of the first weight matrix that a one
selects (`ones`) and as a few dense values for the rows after them (`dense`). `to_dense` writes Magenta's vectors.

An encoding reads events in chunks and carries a state from chunk to chunk: a chunk is a whole track in training and a
single step in generation, so one function serves both, in time linear in the length.
"""

import abc
import dataclasses
from typing import Any, NamedTuple

import numpy as np

_NOTHING = -1  # in the past of a track: before its beginning


class Inputs(NamedTuple):
    """Input vectors of a batch of tracks.

    Attributes:
      ones: int32 [batch, steps, slots]; indices below `sparse_size` at which the vector is one.
      dense: float32 [batch, steps, dense_size]; the values from `sparse_size` on.
    """

    ones: np.ndarray
    dense: np.ndarray


@dataclasses.dataclass(frozen=True)
class State:
    """What an encoding carries from chunk to chunk.

    Attributes:
      position: steps read so far, the same for all tracks.
      past: int32 [batch, longest lookback]; the last events, _NOTHING before the beginning.
    """

    position: int
    past: np.ndarray

    def take(self, rows: np.ndarray) -> 'State':
        """The state of the batch entries `rows`, which may repeat."""
        arrays = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return dataclasses.replace(self, **{n: a[rows] for n, a in arrays.items() if isinstance(a, np.ndarray)})


@dataclasses.dataclass(frozen=True)
class Encoding(abc.ABC):
    """How the network sees events, and which labels it predicts.

    Labels stand for events, or for repeating the event some steps ago: the repeats come after the events, in the order
    of `lookbacks`.

    Attributes:
      num_events: classes of events; class 0 is that nothing happens.
      counter_bits: digits of a binary counter of the next step's position; 1.0 if set, else -1.0, the lowest first.
      lookbacks: distances in steps, ascending.
    """

    num_events: int
    counter_bits: int = 0
    lookbacks: tuple[int, ...] = ()

    @property
    def num_classes(self) -> int:
        """Labels."""
        return self.num_events + len(self.lookbacks)

    @property
    def no_event_label(self) -> int:
        """The label of nothing happening."""
        return int(self._label_of_event(np.zeros(1, np.int32))[0])

    @property
    @abc.abstractmethod
    def sparse_size(self) -> int:
        """Size of the part of an input vector that is zeros and ones."""

    @property
    @abc.abstractmethod
    def slots(self) -> int:
        """Ones in that part."""

    @property
    @abc.abstractmethod
    def dense_size(self) -> int:
        """Size of the rest of an input vector."""

    @property
    def input_size(self) -> int:
        """Size of an input vector."""
        return self.sparse_size + self.dense_size

    @abc.abstractmethod
    def parts(self) -> list[tuple[int, str]]:
        """Size and meaning of each part of an input vector, in order: for those who build it without this project."""

    def start(self, batch: int) -> Any:
        """The state before the first step."""
        return State(0, np.full((batch, max(self.lookbacks, default=0)), _NOTHING, np.int32))

    @abc.abstractmethod
    def advance(self, state: Any, events: np.ndarray) -> tuple[Inputs, Any]:
        """Returns the inputs of the next steps, from their event classes int32 [batch, steps], and the state after."""

    def inputs(self, events: np.ndarray) -> Inputs:
        """Returns the inputs of whole tracks [batch, steps]."""
        return self.advance(self.start(len(events)), events)[0]

    def labels(self, events: np.ndarray) -> np.ndarray:
        """Returns what to predict at each step but the first, int32 [batch, steps - 1], of tracks [batch, steps]."""
        labels = self._label_of_event(events)
        past = self._with_past(self.start(len(events)), events)
        for number, distance in enumerate(self.lookbacks):  # the more distant repeat comes later and counts
            repeats = self._ago(past, distance, events.shape[1]) == events
            labels = np.where(repeats, self.num_events + number, labels)
        if self.lookbacks:
            early = np.arange(events.shape[1]) < self.lookbacks[-1]
            labels = np.where(early & (events == 0), self.num_classes - 1, labels)
        return labels[:, 1:].astype(np.int32)

    def meanings(self, events: np.ndarray) -> np.ndarray:
        """Returns all labels that mean the event at each step but the first, of tracks [batch, steps].

        Of these `labels` is the one to predict. int32 [batch, steps - 1, 1 + lookbacks]: the event's own, then each
        repeat, or the event's own again where it would be another event.
        """
        own = self._label_of_event(events)
        past = np.maximum(self._with_past(self.start(len(events)), events), 0)  # before the beginning nothing happens
        found = [own]
        for number, distance in enumerate(self.lookbacks):
            repeats = self._ago(past, distance, events.shape[1]) == events
            found.append(np.where(repeats, self.num_events + number, own))
        return np.stack(found, axis=2)[:, 1:].astype(np.int32)

    def events_of_labels(self, state: Any, labels: np.ndarray) -> np.ndarray:
        """Returns the event classes [batch] that `labels` [batch] mean after the steps of `state`."""
        events = self._event_of_label(labels)
        for number, distance in enumerate(self.lookbacks):
            ago = np.maximum(state.past[:, -distance], 0)  # before the beginning nothing happens
            events = np.where(labels == self.num_events + number, ago, events)
        return events.astype(np.int32)

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
        events = self._decode(self._first_event(inputs[0]), labels)
        again = to_dense(self, events)
        if not np.array_equal(again[0], inputs) or not np.array_equal(again[1], labels):
            raise ValueError('its inputs are not what this config makes of its labels')
        return events

    def _decode(self, first: int, labels: np.ndarray) -> np.ndarray:
        events = np.concatenate([[first], self._event_of_label(labels)]).astype(np.int32)
        for position in np.flatnonzero(labels >= self.num_events) + 1:
            ago = position - self.lookbacks[labels[position - 1] - self.num_events]
            events[position] = events[ago] if ago >= 0 else 0
        return events

    def _label_of_event(self, events: np.ndarray) -> np.ndarray:
        return events

    def _event_of_label(self, labels: np.ndarray) -> np.ndarray:
        """For labels that are no repeats."""
        return labels

    @abc.abstractmethod
    def _first_event(self, vector: np.ndarray) -> int:
        """The event class of a track's first input vector."""

    def _with_past(self, state: Any, events: np.ndarray) -> np.ndarray:
        return np.concatenate([state.past, events], axis=1)

    def _ago(self, past: np.ndarray, distance: int, steps: int) -> np.ndarray:
        """The events `distance` steps before the last `steps` of `past`."""
        end = past.shape[1] - distance
        return past[:, end - steps : end]

    def _counter_parts(self) -> list[tuple[int, str]]:
        """The meaning of `_counters`."""
        meaning = 'the number of steps so far, this one included, in binary, lowest digit first: 1 if set, else -1'
        return [(self.counter_bits, meaning)] if self.counter_bits else []

    def _repeat_parts(self) -> list[tuple[int, str]]:
        """The meaning of `_repeats`."""
        return [(1, f'1 if this event is that of {distance} steps before, else 0') for distance in self.lookbacks]

    def _counters(self, state: Any, steps: int) -> np.ndarray:
        """Float32 [steps, counter_bits]."""
        positions = state.position + np.arange(steps)[:, None] + 1
        return np.where(positions >> np.arange(self.counter_bits) & 1, np.float32(1), np.float32(-1))

    def _repeats(self, past: np.ndarray, events: np.ndarray) -> np.ndarray:
        """Whether each step repeats the event of each lookback: float32 [batch, steps, lookbacks]."""
        steps = events.shape[1]
        flags = [self._ago(past, distance, steps) == events for distance in self.lookbacks]
        return np.stack(flags, axis=2).astype(np.float32) if flags else np.zeros((*events.shape, 0), np.float32)


class EventEncoding(Encoding):
    """The event, for each lookback the event that would come next if it were repeated, and the counter and repeats.

    Magenta's OneHotEventSequenceEncoderDecoder (no lookbacks and no counter) and LookbackEventSequenceEncoderDecoder.
    """

    @property
    def sparse_size(self) -> int:
        """See Encoding."""
        return self.num_events * self.slots

    @property
    def slots(self) -> int:
        """See Encoding."""
        return 1 + len(self.lookbacks)

    @property
    def dense_size(self) -> int:
        """See Encoding."""
        return self.counter_bits + len(self.lookbacks)

    def parts(self) -> list[tuple[int, str]]:
        """See Encoding."""
        repeated = [
            f'a one at the event class that would come next if the events of {distance} steps before were repeated, 0 '
            'before the beginning'
            for distance in self.lookbacks
        ]
        ones = [(self.num_events, part) for part in ['a one at the event class of this step', *repeated]]
        return ones + self._counter_parts() + self._repeat_parts()

    def advance(self, state: State, events: np.ndarray) -> tuple[Inputs, State]:
        """See Encoding."""
        steps = events.shape[1]
        past = self._with_past(state, events)
        ones = [events]
        ones += [np.maximum(self._ago(past, distance - 1, steps), 0) for distance in self.lookbacks]
        offsets = np.arange(self.slots) * self.num_events
        counters = np.broadcast_to(self._counters(state, steps), (*events.shape, self.counter_bits))
        inputs = Inputs(
            np.stack(ones, axis=2).astype(np.int32) + offsets.astype(np.int32),
            np.concatenate([counters, self._repeats(past, events)], axis=2),
        )
        return inputs, State(state.position + steps, past[:, past.shape[1] - state.past.shape[1] :])

    def _first_event(self, vector: np.ndarray) -> int:
        return int(vector[: self.num_events].argmax())


def to_dense(encoding: Encoding, events: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns Magenta's float32 inputs [steps - 1, input_size] and int64 labels [steps - 1] of one track [steps]."""
    ones, dense = encoding.inputs(events[None, :-1])
    vectors = np.zeros((len(events) - 1, encoding.input_size), np.float32)
    np.put_along_axis(vectors, ones[0].astype(np.int64), 1, axis=1)
    vectors[:, encoding.sparse_size :] = dense[0]
    return vectors, encoding.labels(events[None])[0].astype(np.int64)
