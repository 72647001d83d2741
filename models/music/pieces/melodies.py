"""Melodies: one note at a time, cut from music and brought into a model's range and key.

A melody event is note-seq's: -2 nothing happens, -1 the note ends, 0 to 127 a note of that pitch begins. A model sees
its class: 0, 1, and from 2 on the pitches of its range.
"""

import dataclasses
import functools
from collections.abc import Iterator

import numpy as np
from note_seq.constants import (
    MAX_MIDI_PITCH,
    MELODY_NO_EVENT,
    MELODY_NOTE_OFF,
    MIN_MIDI_PITCH,
    NOTE_KEYS,
    NOTES_PER_OCTAVE,
    NUM_SPECIAL_MELODY_EVENTS,
)

from solferino.hparams.reasons import FEW_PITCHES, MELODY_CUT_OFF, MELODY_TOO_SHORT, POLYPHONIC, Reject
from solferino.models.music.pieces.sections import Section, stretches

_NUM_EVENTS = NUM_SPECIAL_MELODY_EVENTS + MAX_MIDI_PITCH + 1
# For each pitch (rows), 1 at the major keys (columns) that have it: int64 [128, 12].
_KEYS_OF_PITCH = np.zeros((MAX_MIDI_PITCH + 1, NOTES_PER_OCTAVE), np.int64)
for _pitch in range(MAX_MIDI_PITCH + 1):
    _KEYS_OF_PITCH[_pitch, NOTE_KEYS[_pitch % NOTES_PER_OCTAVE]] = 1


@dataclasses.dataclass(frozen=True)
class Range:
    """The pitches that a model knows.

    Attributes:
      min_note: lowest MIDI pitch.
      max_note: highest MIDI pitch plus one.
      key: the major key that melodies are transposed to, 0 for C; None to leave them where they are.
    """

    min_note: int
    max_note: int
    key: int | None

    @property
    def num_classes(self) -> int:
        """Nothing, note off, and the pitches."""
        return self.max_note - self.min_note + NUM_SPECIAL_MELODY_EVENTS

    def fit(self, melody: np.ndarray) -> tuple[np.ndarray, int]:
        """Returns the events of a melody in key and range, and the semitones by which it was transposed for that.

        The key is the one with the most of the notes, and the octave the one whose middle is nearest to the range's,
        as note_seq.melodies_lib.Melody.squash has them.
        """
        counts = np.bincount(melody + NUM_SPECIAL_MELODY_EVENTS, minlength=_NUM_EVENTS)[NUM_SPECIAL_MELODY_EVENTS:]
        pitches = counts.nonzero()[0]
        if self.key is None or not len(pitches):
            return self.transpose(melody, 0), 0
        to_key = self.key - int((counts @ _KEYS_OF_PITCH).argmax())
        middle = (int(pitches[0]) + int(pitches[-1])) / 2
        octaves = round(((self.min_note + self.max_note - 1) / 2 - (middle + to_key)) / NOTES_PER_OCTAVE)
        semitones = to_key + NOTES_PER_OCTAVE * octaves
        return self.transpose(melody, semitones), semitones

    def transpose(self, melody: np.ndarray, semitones: int) -> np.ndarray:
        """Returns the events of a melody, transposed; notes beyond the range go to the nearest octave in it."""
        return _transposed(self, semitones)[melody + NUM_SPECIAL_MELODY_EVENTS]

    def encode(self, melody: np.ndarray) -> np.ndarray:
        """Returns the event classes int32 [steps] of the events of a melody that fits."""
        classes = melody + NUM_SPECIAL_MELODY_EVENTS
        return (classes - np.where(melody >= MIN_MIDI_PITCH, self.min_note, 0)).astype(np.int32)

    def decode(self, classes: np.ndarray, transpose: int = 0) -> np.ndarray:
        """Returns the events of event classes; notes are moved by `transpose` semitones, within MIDI's pitches."""
        events = classes.astype(np.int64) - NUM_SPECIAL_MELODY_EVENTS
        events += np.where(events >= MIN_MIDI_PITCH, self.min_note, 0)
        return _MIDI.transpose(events, transpose)


@functools.cache
def _transposed(pitches: Range, semitones: int) -> np.ndarray:
    """Returns what becomes of each melody event, from MELODY_NO_EVENT on: int64 [130]."""
    low, high = pitches.min_note, pitches.max_note
    moved = np.arange(MIN_MIDI_PITCH, MAX_MIDI_PITCH + 1) + semitones
    moved = np.where(moved < low, low + (moved - low) % NOTES_PER_OCTAVE, moved)
    moved = np.where(moved >= high, high - NOTES_PER_OCTAVE + (moved - high) % NOTES_PER_OCTAVE, moved)
    return np.concatenate([[MELODY_NO_EVENT, MELODY_NOTE_OFF], moved])


_MIDI = Range(MIN_MIDI_PITCH, MAX_MIDI_PITCH + 1, None)


@dataclasses.dataclass(frozen=True)
class Line:
    """A melody as notes that begin one after the other; a note ends where the next begins, if not before.

    Attributes:
      starts, ends: int64 [notes], steps counted from the beginning of the melody; `starts` ascend.
      pitches: int32 [notes].
      length: of the melody in steps.
      start_step: where it begins in its section: at a bar line.
      steps_per_bar: of its metre.
    """

    starts: np.ndarray
    ends: np.ndarray
    pitches: np.ndarray
    length: int
    start_step: int
    steps_per_bar: int

    def cut(self, length: int) -> 'Line':
        """Returns the first `length` steps."""
        notes = slice(np.searchsorted(self.starts, length))
        return dataclasses.replace(
            self, starts=self.starts[notes], ends=self.ends[notes], pitches=self.pitches[notes], length=length
        )

    def events(self) -> np.ndarray:
        """Returns the melody events int64 [steps]."""
        events = np.full(self.length, MELODY_NO_EVENT, np.int64)
        following = np.concatenate([self.starts[1:], [self.length]])
        events[self.ends[self.ends < following]] = MELODY_NOTE_OFF
        events[self.starts] = self.pitches
        return events

    def num_pitch_classes(self) -> int:
        """Returns how many different notes it has, octaves not counted."""
        return len(set((self.pitches % NOTES_PER_OCTAVE).tolist()))


class PolyphonicError(Exception):
    """Two notes of a melody begin together."""


def extract(
    section: Section,
    reject: Reject,
    min_bars: int = 7,
    max_steps: int | None = 512,
    min_unique_pitches: int = 5,
    gap_bars: float = 1.0,
    ignore_polyphonic_notes: bool = False,
) -> Iterator[Line]:
    """Yields the melodies of a section, instrument by instrument, from first to last.

    `reject` is told of what is left out: an instrument from the place on where two notes begin together (unless
    `ignore_polyphonic_notes` takes the higher one), melodies of fewer than `min_bars` bars or `min_unique_pitches`
    pitch classes, and what is longer than `max_steps`.
    """
    for instrument in instruments(section):
        try:
            for line in lines(section, instrument, gap_bars, ignore_polyphonic_notes):
                if line.length < min_bars * section.steps_per_bar:
                    reject(MELODY_TOO_SHORT)
                    continue
                if max_steps is not None and line.length > max_steps:
                    reject(MELODY_CUT_OFF)
                    line = line.cut(max_steps)
                if line.num_pitch_classes() < min_unique_pitches:
                    reject(FEW_PITCHES)
                    continue
                yield line
        except PolyphonicError:
            reject(POLYPHONIC)


def instruments(section: Section) -> list[int]:
    """Returns the numbers of the instruments that play notes beside drums, in order."""
    return sorted(set(section.notes('instrument')[~section.notes('is_drum')].tolist()))


def lines(section: Section, instrument: int, gap_bars: float, ignore_polyphonic_notes: bool) -> Iterator[Line]:
    """Yields the melodies of an instrument, whatever their length.

    A melody begins with the bar of its first note, and ends with the last one before `gap_bars` of silence.

    Raises:
      PolyphonicError: two notes of the next melody begin together, and the higher one is not to be taken.
    """
    of_it = section.notes('instrument') == instrument
    pitch = section.notes('pitch')
    heard = of_it & ~section.notes('is_drum') & (section.notes('velocity') != 0)
    heard &= (pitch >= MIN_MIDI_PITCH) & (pitch <= MAX_MIDI_PITCH)
    # What makes no sound, and drums that share the number, take part in finding the first bar: as in note-seq.
    onsets = np.sort(section.starts[of_it])
    starts, ends, pitches = section.starts[heard], section.ends[heard], pitch[heard]
    # Of notes that begin together the highest comes first.
    order = (starts * (MAX_MIDI_PITCH + 1) - pitches).argsort(kind='stable')
    starts = starts[order]
    together = starts[1:] == starts[:-1]
    if ignore_polyphonic_notes and together.any():
        order, starts = (np.delete(array, together.nonzero()[0] + 1) for array in (order, starts))
        together = np.zeros(len(starts) - 1, bool)
    ends, pitches = ends[order], pitches[order]
    bar = section.steps_per_bar
    for notes, start, end in stretches(starts, ends, onsets, bar, gap_bars):
        if together[notes.start : notes.stop - 1].any():
            raise PolyphonicError
        yield Line(starts[notes] - start, ends[notes] - start, pitches[notes], end - start, start, bar)
