"""What a musician plays, in quarters: a call."""

import math
from collections.abc import Iterable
from typing import NamedTuple

_EARLY = 0.125  # quarters: a note so little before a bar line is meant to be on it
_SHORTEST = 0.01  # quarters, of a note that ends as it begins
DRUM_CHANNEL = 9  # counted from 0: channel 10 of General MIDI
CONTEXT_BARS = 8  # what a model goes on from; what is before them is forgotten


class LiveNote(NamedTuple):
    """A note: pitch and velocity as MIDI has them, start and end in quarters, the voice counted from 0."""

    pitch: int
    velocity: int
    start: float
    end: float
    is_drum: bool = False
    voice: int = 0


class Phrase(NamedTuple):
    """Music in whole bars: `quarters` is its length."""

    notes: tuple[LiveNote, ...]
    quarters: float

    def then(self, other: 'Phrase', bar: float) -> 'Phrase':
        """Both, one after the other, or as many bars of `bar` quarters of their end as a model goes on from."""
        both = self.notes + moved(other.notes, self.quarters)
        length = self.quarters + other.quarters
        dropped = max(0.0, length - CONTEXT_BARS * bar)
        return Phrase(moved((note for note in both if note.start >= dropped), -dropped), length - dropped)


def moved(notes: Iterable[LiveNote], quarters: float) -> tuple[LiveNote, ...]:
    """Returns the notes so much later."""
    return tuple(note._replace(start=note.start + quarters, end=note.end + quarters) for note in notes)


class Call:
    """A call while it is played; it begins at the bar line before its first note.

    Args:
      at: where that note is, in quarters.
      bar: quarters in a bar.

    Attributes:
      start: quarters at that bar line.
      silent_since: quarters at which the last key was left; None while one is down.
    """

    def __init__(self, at: float, bar: float) -> None:
        self.start = math.floor((at + _EARLY) / bar) * bar
        self.silent_since: float | None = None
        self._bar = bar
        self._down: dict[tuple[int, int], tuple[float, int]] = {}  # (channel, pitch) -> start and velocity
        self._notes: list[LiveNote] = []

    def press(self, channel: int, pitch: int, velocity: int, at: float) -> None:
        """A key goes down; one that is down already is struck again. Channels are counted from 0."""
        self.release(channel, pitch, at)
        self._down[channel, pitch] = at, velocity
        self.silent_since = None

    def release(self, channel: int, pitch: int, at: float) -> None:
        """A key is left, if it was down."""
        if (channel, pitch) in self._down:
            start, velocity = self._down.pop((channel, pitch))
            self._notes.append(self._note(channel, pitch, velocity, start, at))
            if not self._down:
                self.silent_since = at

    def phrase(self, until: float) -> Phrase:
        """What was played until then, in quarters from `start`; keys that are down are left then.

        It ends with the bar of its last note: notes are not cut where that bar is over, but end there.
        """
        held = [
            self._note(channel, pitch, velocity, start, until)
            for (channel, pitch), (start, velocity) in self._down.items()
        ]
        notes = sorted(self._notes + held, key=lambda note: (note.start, note.pitch))
        last = max((max(note.start + _EARLY, note.end - _EARLY) for note in notes), default=0.0)
        bars = min(last, until - self.start) / self._bar
        length = max(1, math.ceil(bars)) * self._bar
        cut = (note._replace(end=min(note.end, length)) for note in notes)
        whole = Phrase(tuple(note for note in cut if note.end > note.start), length)
        return Phrase((), 0.0).then(whole, self._bar)

    def _note(self, channel: int, pitch: int, velocity: int, start: float, end: float) -> LiveNote:
        begin = max(0.0, start - self.start)
        return LiveNote(pitch, velocity, begin, max(begin + _SHORTEST, end - self.start), channel == DRUM_CHANNEL)
