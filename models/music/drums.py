"""Drum tracks: which drums are hit at each step, cut from music and turned into class numbers and back.

A drum event is the frozenset of the pitches hit at a step, as in note-seq's `DrumTrack`. A model sees its class: one
bit for each kind of drum.
"""

import dataclasses
import functools
from collections.abc import Iterable, Iterator

import numpy as np
from note_seq import drums_lib
from note_seq.constants import MAX_MIDI_PITCH, MIN_MIDI_PITCH
from note_seq.drums_encoder_decoder import DEFAULT_DRUM_TYPE_PITCHES
from note_seq.protobuf import music_pb2

from solferino.hparams.reasons import CUT_OFF, TOO_SHORT, Reject
from solferino.models.music import sections

HAND_CLAP = 39  # what a hit sounds as when all drums are one class


@dataclasses.dataclass(frozen=True)
class DrumClasses:
    """Kinds of drums, one bit each.

    Attributes:
      pitches: for each bit, the MIDI pitches of its kind; the first stands for the kind in generated music.
    """

    pitches: tuple[tuple[int, ...], ...]

    @property
    def num_classes(self) -> int:
        """Every combination of kinds is a class."""
        return 2 ** len(self.pitches)

    def encode(self, events: Iterable[frozenset[int]]) -> np.ndarray:
        """Returns int32 [steps]. Pitches of no kind are dropped, as Magenta does."""
        bits = {pitch: 1 << bit for bit, pitches in enumerate(self.pitches) for pitch in pitches}
        classes = []
        for event in events:
            number = 0
            for pitch in event:
                number |= bits.get(pitch, 0)
            classes.append(number)
        return np.array(classes, np.int32)

    def decode(self, classes: Iterable[int]) -> list[frozenset[int]]:
        """Returns an event for each class, each kind as its first pitch."""
        return [self._events[c] for c in classes]

    @functools.cached_property
    def _events(self) -> list[frozenset[int]]:
        """The event of each class."""
        kinds = list(enumerate(self.pitches))
        return [frozenset(p[0] for bit, p in kinds if c >> bit & 1) for c in range(self.num_classes)]


# A hit or none.
ANY_DRUM = DrumClasses(((HAND_CLAP, *(p for p in range(MIN_MIDI_PITCH, MAX_MIDI_PITCH + 1) if p != HAND_CLAP)),))
# Bass drum, snare, closed hi-hat, open hi-hat, low tom, mid tom, high tom, crash, ride.
DRUM_KIT = DrumClasses(tuple(tuple(pitches) for pitches in DEFAULT_DRUM_TYPE_PITCHES))


def only_drums(sequence: music_pb2.NoteSequence, ignore_is_drum: bool) -> music_pb2.NoteSequence:
    """Returns the drum notes, with tempos and metres."""
    return sections.only_notes(sequence, lambda note: note.is_drum or ignore_is_drum)


def extract(
    quantized: music_pb2.NoteSequence,
    reject: Reject,
    min_bars: int = 7,
    max_steps: int | None = 512,
    gap_bars: float = 1.0,
    ignore_is_drum: bool = False,
) -> Iterator[drums_lib.DrumTrack]:
    """Yields the drum tracks of a quantized section, from first to last.

    A track begins with the bar of its first hit and ends where `gap_bars` of silence follow. Tracks of fewer than
    `min_bars` bars are left out, longer ones than `max_steps` cut off there; `reject` is told of both.
    """
    search_from = 0
    while True:
        track = drums_lib.DrumTrack()
        track.from_quantized_sequence(
            quantized, search_start_step=search_from, gap_bars=gap_bars, ignore_is_drum=ignore_is_drum
        )
        if not len(track):
            return
        # The next track begins at a bar line.
        search_from = track.end_step + (search_from - track.end_step) % track.steps_per_bar
        if len(track) < min_bars * track.steps_per_bar:
            reject(TOO_SHORT)
            continue
        if max_steps is not None and len(track) > max_steps:
            reject(CUT_OFF)
            track.set_length(max_steps)
        yield track
