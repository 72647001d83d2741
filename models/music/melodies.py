"""Melodies: one note at a time, cut from music and brought into a model's range and key.

A melody event is note-seq's: -2 nothing happens, -1 the note ends, 0 to 127 a note of that pitch begins. A model sees
its class: 0, 1, and from 2 on the pitches of its range.
"""

import copy
import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np
from note_seq import melodies_lib
from note_seq.constants import NUM_SPECIAL_MELODY_EVENTS
from note_seq.protobuf import music_pb2

from solferino.hparams.reasons import FEW_PITCHES, MELODY_CUT_OFF, MELODY_TOO_SHORT, POLYPHONIC, Reject


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

    def fit(self, melody: melodies_lib.Melody) -> tuple[melodies_lib.Melody, int]:
        """Returns a copy of a melody in key and range, and the semitones by which it was transposed for that."""
        fitted = copy.deepcopy(melody)
        return fitted, fitted.squash(self.min_note, self.max_note, self.key)

    def transpose(self, melody: melodies_lib.Melody, semitones: int) -> melodies_lib.Melody:
        """Returns a copy of a melody that fits, transposed; notes beyond the range go to the nearest octave in it."""
        moved = copy.deepcopy(melody)
        moved.transpose(semitones, self.min_note, self.max_note)
        return moved

    def encode(self, melody: Iterable[int]) -> np.ndarray:
        """Returns the event classes int32 [steps] of a melody that fits."""
        events = np.array(list(melody), np.int32)
        offset = NUM_SPECIAL_MELODY_EVENTS - np.where(events >= 0, self.min_note, 0)
        return (events + offset).astype(np.int32)

    def decode(self, classes: np.ndarray, transpose: int = 0) -> list[int]:
        """Returns the events of event classes; notes are moved by `transpose` semitones, within MIDI's pitches."""
        notes = classes >= NUM_SPECIAL_MELODY_EVENTS
        events = classes.astype(np.int64) - NUM_SPECIAL_MELODY_EVENTS + np.where(notes, self.min_note, 0)
        moved = melodies_lib.Melody(events.tolist()) if len(events) else melodies_lib.Melody()
        moved.transpose(transpose)
        # A Melody drops note offs before its first note; here they may end a note that came before.
        return np.where(notes, np.array(list(moved), np.int64), events).tolist()


def extract(
    quantized: music_pb2.NoteSequence,
    reject: Reject,
    min_bars: int = 7,
    max_steps: int | None = 512,
    min_unique_pitches: int = 5,
    gap_bars: float = 1.0,
    ignore_polyphonic_notes: bool = False,
) -> Iterator[melodies_lib.Melody]:
    """Yields the melodies of a quantized section, instrument by instrument, from first to last.

    A melody begins with the bar of its first note and ends where `gap_bars` of silence follow. `reject` is told of
    what is left out: an instrument from the place on where two notes begin together (unless `ignore_polyphonic_notes`
    takes the higher one), melodies of fewer than `min_bars` bars or `min_unique_pitches` pitch classes, and what is
    longer than `max_steps`.
    """
    for instrument in sorted({note.instrument for note in quantized.notes if not note.is_drum}):
        search_from = 0
        while True:
            melody = melodies_lib.Melody()
            try:
                melody.from_quantized_sequence(
                    quantized,
                    search_start_step=search_from,
                    instrument=instrument,
                    gap_bars=gap_bars,
                    ignore_polyphonic_notes=ignore_polyphonic_notes,
                )
            except melodies_lib.PolyphonicMelodyError:
                reject(POLYPHONIC)
                break
            if not len(melody):
                break
            # The next melody begins at a bar line.
            search_from = melody.end_step + -melody.end_step % melody.steps_per_bar
            if len(melody) < min_bars * melody.steps_per_bar:
                reject(MELODY_TOO_SHORT)
                continue
            if max_steps is not None and len(melody) > max_steps:
                reject(MELODY_CUT_OFF)
                melody.set_length(max_steps)
            if np.count_nonzero(melody.get_note_histogram()) < min_unique_pitches:
                reject(FEW_PITCHES)
                continue
            yield melody
