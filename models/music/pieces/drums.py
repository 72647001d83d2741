"""Drum tracks: which drums are hit at each step, cut from music and turned into class numbers and back.

A drum event is the frozenset of the pitches hit at a step, as in note-seq's `DrumTrack`. A model sees its class: one
bit for each kind of drum.
"""

import dataclasses
import functools
import itertools
from collections.abc import Collection, Iterable, Iterator

import numpy as np
from note_seq.constants import MAX_MIDI_PITCH, MIN_MIDI_PITCH, STANDARD_PPQ
from note_seq.drums_encoder_decoder import DEFAULT_DRUM_TYPE_PITCHES
from note_seq.drums_lib import DrumTrack
from note_seq.protobuf import music_pb2

from solferino.hparams.reasons import CUT_OFF, TOO_SHORT, Reject
from solferino.models.music.pieces.sections import Section, stretches
from solferino.models.music.reading.note_sequence_bytes import add_notes

HAND_CLAP = 39  # what a hit sounds as when all drums are one class
_NO_PITCH = MAX_MIDI_PITCH + 1
_VELOCITY, _INSTRUMENT = 100, 9  # of generated notes, as note_seq has them


@dataclasses.dataclass(frozen=True)
class Hits:
    """A drum track.

    Attributes:
      steps: int64 [hits], ascending, counted from the beginning of the track.
      pitches: int32 [hits].
      length: of the track in steps.
      start_step: where it begins in its section: at a bar line.
      steps_per_bar: of its metre.
    """

    steps: np.ndarray
    pitches: np.ndarray
    length: int
    start_step: int = 0
    steps_per_bar: int = 16

    @classmethod
    def of(cls, events: Collection[frozenset[int]]) -> 'Hits':
        """Returns the hits of drum events."""
        steps = np.repeat(np.arange(len(events)), [len(event) for event in events])
        return cls(steps, np.array([*itertools.chain(*events)], np.int32), len(events))

    def events(self) -> list[frozenset[int]]:
        """Returns the drum event of each step."""
        pitches: list[set[int]] = [set() for _ in range(self.length)]
        for step, pitch in zip(self.steps.tolist(), self.pitches.tolist(), strict=True):
            pitches[step].add(pitch)
        return [frozenset(event) for event in pitches]

    def cut(self, length: int) -> 'Hits':
        """Returns the first `length` steps."""
        hits = self.steps.searchsorted(length)
        return dataclasses.replace(self, steps=self.steps[:hits], pitches=self.pitches[:hits], length=length)


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

    def encode(self, track: Hits) -> np.ndarray:
        """Returns int32 [steps]. Pitches of no kind are dropped, as Magenta does."""
        classes = np.zeros(track.length, np.int32)
        known = np.where((track.pitches >= MIN_MIDI_PITCH) & (track.pitches < _NO_PITCH), track.pitches, _NO_PITCH)
        np.bitwise_or.at(classes, track.steps, self._bits[known])
        return classes

    def kinds(self, pitches: np.ndarray) -> np.ndarray:
        """Returns the bit of each pitch, -1 for pitches of no kind: int64 [pitches]."""
        known = np.where((pitches >= MIN_MIDI_PITCH) & (pitches < _NO_PITCH), pitches, _NO_PITCH)
        return np.frexp(self._bits[known])[1].astype(np.int64) - 1

    def decode(self, classes: Iterable[int]) -> list[frozenset[int]]:
        """Returns an event for each class, each kind as its first pitch."""
        return [self._events[c] for c in classes]

    @functools.cached_property
    def _events(self) -> list[frozenset[int]]:
        """The event of each class."""
        kinds = list(enumerate(self.pitches))
        return [frozenset(p[0] for bit, p in kinds if c >> bit & 1) for c in range(self.num_classes)]

    @functools.cached_property
    def _bits(self) -> np.ndarray:
        """The bit of each MIDI pitch, and none for _NO_PITCH: int32 [129]."""
        bits = np.zeros(_NO_PITCH + 1, np.int32)
        for bit, pitches in enumerate(self.pitches):
            bits[list(pitches)] = 1 << bit
        return bits


# A hit or none.
ANY_DRUM = DrumClasses(((HAND_CLAP, *(p for p in range(MIN_MIDI_PITCH, MAX_MIDI_PITCH + 1) if p != HAND_CLAP)),))
# Bass drum, snare, closed hi-hat, open hi-hat, low tom, mid tom, high tom, crash, ride.
DRUM_KIT = DrumClasses(tuple(tuple(pitches) for pitches in DEFAULT_DRUM_TYPE_PITCHES))


def to_sequence(track: DrumTrack, qpm: float, start_time: float) -> music_pb2.NoteSequence:
    """Returns what `track.to_sequence` returns, in a tenth of the time: each hit lasts a step."""
    seconds_per_step = 60.0 / qpm / track.steps_per_quarter
    start_time += track.start_step * seconds_per_step
    hits = Hits.of(list(track))
    starts, ends = (steps * seconds_per_step + start_time for steps in (hits.steps, hits.steps + 1))
    sequence = music_pb2.NoteSequence(ticks_per_quarter=STANDARD_PPQ)
    sequence.tempos.add(qpm=qpm)
    add_notes(sequence, starts, ends, hits.pitches, _VELOCITY, _INSTRUMENT, is_drum=True)
    sequence.total_time = ends.max(initial=0.0)
    return sequence


def extract(
    section: Section,
    reject: Reject,
    min_bars: int = 7,
    max_steps: int | None = 512,
    gap_bars: float = 1.0,
) -> Iterator[Hits]:
    """Yields the drum tracks of a section, all of whose notes are drums, from first to last.

    Tracks of fewer than `min_bars` bars are left out, longer ones than `max_steps` cut off there; `reject` is told of
    both.
    """
    for track in tracks(section, gap_bars):
        if track.length < min_bars * track.steps_per_bar:
            reject(TOO_SHORT)
        elif max_steps is not None and track.length > max_steps:
            reject(CUT_OFF)
            yield track.cut(max_steps)
        else:
            yield track


def tracks(section: Section, gap_bars: float) -> Iterator[Hits]:
    """Yields the drum tracks of a section, whatever their length.

    A track begins with the bar of its first hit, and ends with the last one before `gap_bars` of silence.
    """
    sounding = section.notes('velocity') != 0
    steps, pitches = section.starts[sounding], section.notes('pitch')[sounding]
    order = steps.argsort(kind='stable')
    steps, pitches = steps[order], pitches[order]
    bar = section.steps_per_bar
    for hits, start, end in stretches(steps, steps + 1, steps, bar, gap_bars):  # a hit takes a step
        yield Hits(steps[hits] - start, pitches[hits], end - start, start, bar)
