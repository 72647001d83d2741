"""Magenta's key-aware encoding of melodies (KeyMelodyEncoderDecoder), which attention_rnn sees."""

import dataclasses
import functools

import numpy as np

from solferino.models.music.encodings.event_encodings import Encoding, Inputs, State

_OFF, _FIRST_NOTE = 1, 2  # event classes: 0 nothing, 1 note off, 2 the lowest note
_OCTAVE = 12
_MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)
_BAR = 16  # steps; whatever the metre, as in Magenta
_RECENT = 3  # notes

# [12, 12]: one where the pitch class (row) is in the major scale on the key (column).
_KEYS = np.array(
    [[(pitch - key) % _OCTAVE in _MAJOR_SCALE for key in range(_OCTAVE)] for pitch in range(_OCTAVE)], np.int32
)


@dataclasses.dataclass(frozen=True)
class KeyState(State):
    """What is known of a melody so far; arrays are [batch] or [batch, ...].

    Attributes:
      sounding: the last event that was not 0, 0 if there was none.
      attack: whether the last event that was not a note off was a note.
      note: the last note's event class, 0 if there was none.
      direction: 1.0 if the last change of note was upwards, -1.0 if downwards, 0.0 if there was none.
      pitch_classes: how often each was played, [batch, 12].
      last_use: the position at which each note was last played, -1 if never, [batch, notes].
    """

    sounding: np.ndarray
    attack: np.ndarray
    note: np.ndarray
    direction: np.ndarray
    pitch_classes: np.ndarray
    last_use: np.ndarray


@dataclasses.dataclass(frozen=True)
class KeyEncoding(Encoding):
    """Pitch, attack, direction, repeats, metre, and the major keys that all notes and the last three may be in.

    Attributes:
      min_note: MIDI pitch of the lowest note.
    """

    min_note: int = 0

    @property
    def sparse_size(self) -> int:
        """See Encoding: all of it is dense."""
        return 0

    @property
    def slots(self) -> int:
        """See Encoding."""
        return 0

    @property
    def dense_size(self) -> int:
        """See Encoding."""
        return self._num_notes + 2 + 1 + 1 + len(self.lookbacks) + self.counter_bits + 1 + 2 * _OCTAVE

    @property
    def _num_notes(self) -> int:
        return self.num_events - _FIRST_NOTE

    def parts(self) -> list[tuple[int, str]]:
        """See Encoding."""
        keys = '1 for each major key, C first, whose scale holds most of '
        return [
            (self._num_notes, 'a one at the note that sounds, the lowest first'),
            (1, '1 if a note sounds, else 0'),
            (1, '1 if none sounds, else 0'),
            (1, '1 if the last event that was not a note off was a note, else 0'),
            (1, '1 if the last change of note was upwards, -1 if downwards, 0 if there was none'),
            *self._repeat_parts(),
            *self._counter_parts(),
            (1, f'1 if the next step begins a bar of {_BAR} steps, else 0'),
            (_OCTAVE, keys + 'the notes played so far; all 1 before the first'),
            (_OCTAVE, keys + f'the last {_RECENT} different notes; all 1 before the first'),
        ]

    def start(self, batch: int) -> KeyState:
        """See Encoding."""
        state = super().start(batch)
        zeros = np.zeros(batch, np.int32)
        return KeyState(
            state.position,
            state.past,
            sounding=zeros,
            attack=zeros.astype(bool),
            note=zeros,
            direction=zeros.astype(np.float32),
            pitch_classes=np.zeros((batch, _OCTAVE), np.int32),
            last_use=np.full((batch, self._num_notes), -1, np.int32),
        )

    def advance(self, state: KeyState, events: np.ndarray) -> tuple[Inputs, KeyState]:
        """See Encoding."""
        steps = events.shape[1]
        past = self._with_past(state, events)
        is_note = events >= _FIRST_NOTE
        sounding = _last(events, events != 0, state.sounding)
        attack = _last(is_note, events != _OFF, state.attack)
        note = _last(events, is_note, state.note)
        before = np.concatenate([state.note[:, None], note[:, :-1]], axis=1)
        change = np.sign(events - before).astype(np.float32)
        direction = _last(change, is_note & (before > 0) & (change != 0), state.direction)
        played = is_note[:, :, None] & (events[:, :, None] - _FIRST_NOTE == np.arange(self._num_notes))
        positions = state.position + np.arange(steps, dtype=np.int32)
        last_use = np.maximum.accumulate(np.where(played, positions[:, None], np.int32(-1)), axis=1)
        last_use = np.maximum(last_use, state.last_use[:, None])
        pitch_classes = played.cumsum(axis=1, dtype=np.int32) @ self._octaves + state.pitch_classes[:, None]
        recent = (last_use >= 0) & (last_use >= np.partition(last_use, -_RECENT, axis=2)[:, :, -_RECENT, None])

        has_note = sounding >= _FIRST_NOTE
        pitch = has_note[:, :, None] & (sounding[:, :, None] - _FIRST_NOTE == np.arange(self._num_notes))
        counters = np.broadcast_to(self._counters(state, steps), (*events.shape, self.counter_bits))
        bar = np.broadcast_to((positions + 1) % _BAR == 0, events.shape)
        columns = [
            pitch,
            has_note[:, :, None],
            ~has_note[:, :, None],
            attack[:, :, None],
            direction[:, :, None],
            self._repeats(past, events),
            counters,
            bar[:, :, None],
            _likeliest_keys(pitch_classes),
            _likeliest_keys(recent @ self._octaves),
        ]
        dense = np.concatenate([column.astype(np.float32) for column in columns], axis=2)
        after = KeyState(
            state.position + steps,
            past[:, past.shape[1] - state.past.shape[1] :],
            sounding=sounding[:, -1],
            attack=attack[:, -1],
            note=note[:, -1],
            direction=direction[:, -1],
            pitch_classes=pitch_classes[:, -1],
            last_use=last_use[:, -1],
        )
        return Inputs(np.zeros((*events.shape, 0), np.int32), dense), after

    @functools.cached_property
    def _octaves(self) -> np.ndarray:
        """[notes, 12]: each note's pitch class."""
        pitches = self.min_note + np.arange(self._num_notes)
        return (pitches[:, None] % _OCTAVE == np.arange(_OCTAVE)).astype(np.int32)

    def _label_of_event(self, events: np.ndarray) -> np.ndarray:
        """Notes come first: pitch - min_note, then nothing, then note off."""
        return np.where(events >= _FIRST_NOTE, events - _FIRST_NOTE, events + self._num_notes)

    def _event_of_label(self, labels: np.ndarray) -> np.ndarray:
        return np.where(labels < self._num_notes, labels + _FIRST_NOTE, labels - self._num_notes)

    def _first_event(self, vector: np.ndarray) -> int:
        """A melody cannot begin with a note off, so that silence is nothing happening."""
        sounding = vector[: self._num_notes]
        return int(sounding.argmax()) + _FIRST_NOTE if sounding.any() else 0


def _last(values: np.ndarray, counts: np.ndarray, initial: np.ndarray) -> np.ndarray:
    """At each step the latest of `values` [batch, steps] where `counts` is true; `initial` [batch] before the first."""
    steps = values.shape[1]
    if steps == 1:  # the same, sooner: in generation there are many chunks of one step
        return np.where(counts, values, initial[:, None].astype(values.dtype))
    latest = np.maximum.accumulate(np.where(counts, np.arange(1, steps + 1), 0), axis=1)
    return np.take_along_axis(np.concatenate([initial[:, None].astype(values.dtype), values], axis=1), latest, axis=1)


def _likeliest_keys(pitch_classes: np.ndarray) -> np.ndarray:
    """The keys whose scales hold most of the notes; all of them while there is none."""
    fitting = pitch_classes @ _KEYS
    return fitting == fitting.max(axis=-1, keepdims=True)
