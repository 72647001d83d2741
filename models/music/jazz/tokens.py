"""A melody as tokens: what each note is to the chord under it, how long it lasts, and how far it is from the last one.

After Gillick, Tang and Keller, "Learning jazz grammars", SMC 2009. A token is of no key and no chord: the same tokens
over other chords are another melody of the same kind (`playing.py`). Roles, of which the first that fits is a note's:

    C  a tone of the chord
    L  a colour: another tone of the chord's scale
    A  an approach: any other note that the next one, a tone of its chord, is a semitone away from
    X  any other note
    R  silence

The interval from the note before is told as bounds in semitones, so that there is something to choose when it is
played.
"""

import bisect
import re
from collections.abc import Sequence
from typing import NamedTuple

from solferino.models.music.jazz.chords import OCTAVE, Changes, Chord

CHORD, COLOUR, APPROACH, OTHER, REST = ROLES = 'CLAXR'
LONGEST = 96  # steps of a token
# Bounds of intervals, upwards and downwards: a step, a third, a fourth or fifth, up to an octave, more.
_SIZES = ((1, 2), (3, 4), (5, 7), (8, 12), (13, 127))
BOUNDS = (*((-high, -low) for low, high in reversed(_SIZES)), (0, 0), *_SIZES)
_LOWS = [low for low, _ in BOUNDS]
_TOKEN = re.compile(r'(R)(\d+)|([CLAX])(\d+)(?::(-?\d+),(-?\d+))?')


class Note(NamedTuple):
    """A note of a melody: where it begins and how long it lasts, in steps, and its MIDI pitch."""

    start: int
    duration: int
    pitch: int

    @property
    def end(self) -> int:
        """The step at which it has ended."""
        return self.start + self.duration


class Token(NamedTuple):
    """A note or a silence.

    Attributes:
      role: one of ROLES.
      duration: steps, from 1 to LONGEST.
      bounds: the lowest and highest interval from the note before, in semitones, which need not be one of BOUNDS when
        it is to be played; None for silence, and for a note that has none before it.
    """

    role: str
    duration: int
    bounds: tuple[int, int] | None = None

    @property
    def text(self) -> str:
        """'C6:3,4', 'C6' for a first note, 'R12'."""
        bounds = f':{self.bounds[0]},{self.bounds[1]}' if self.bounds else ''
        return f'{self.role}{self.duration}{bounds}'


def parse(text: str) -> Token:
    """The token that a text says. Raises ValueError."""
    match = _TOKEN.fullmatch(text)
    if not match:
        raise ValueError(f'{text[:20]!r} is no token')
    rest, silence, role, duration, low, high = match.groups()
    token = Token(rest or role, int(silence or duration), None if low is None else (int(low), int(high)))
    if not 1 <= token.duration <= LONGEST or (token.bounds and token.bounds not in BOUNDS):
        raise ValueError(f'{text[:20]!r} is no token')
    return token


def bounds_of(interval: int) -> tuple[int, int]:
    """The bounds that an interval is within, in semitones, upwards above 0."""
    return BOUNDS[bisect.bisect_right(_LOWS, interval) - 1]


def colour(pitch: int, chord: Chord) -> str:
    """The role of a pitch over a chord, as far as the notes after it do not matter: C, L, or X where it may be A."""
    pitch_class = pitch % OCTAVE
    return CHORD if pitch_class in chord.tones else COLOUR if pitch_class in chord.scale else OTHER


def analyze(melody: Sequence[Note], changes: Changes, begin: int = 0, before: int | None = None) -> list[Token]:
    """Returns the tokens of a melody.

    Args:
      melody: its notes, none of them longer than the time until the next one begins.
      changes: the chords, at the same steps.
      begin: where it begins; silence before its first note is a token, too.
      before: the pitch of the note before it.
    """
    found: list[Token] = []
    step = begin
    for number, note in enumerate(melody):
        found += rests(note.start - step)
        role = colour(note.pitch, changes.at(note.start))
        following = melody[number + 1] if number + 1 < len(melody) else None
        if role == OTHER and following and abs(following.pitch - note.pitch) == 1:
            role = APPROACH if colour(following.pitch, changes.at(following.start)) == CHORD else OTHER
        bounds = None if before is None else bounds_of(note.pitch - before)
        found.append(Token(role, min(note.duration, LONGEST), bounds))
        step, before = note.start + found[-1].duration, note.pitch  # what is left of a very long note is silence
    return found + (rests(melody[-1].end - step) if melody else [])


def rests(steps: int) -> list[Token]:
    """Silence of so many steps as tokens; none if there are none."""
    whole, rest = divmod(max(0, steps), LONGEST)
    return [Token(REST, LONGEST)] * whole + ([Token(REST, rest)] if rest else [])
