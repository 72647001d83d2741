"""Chords: their names, the pitch classes that belong to them, and which chord is heard in a set of notes.

A pitch class is a number from 0, C, to 11, B; of a quality they are counted from the root.
"""

import bisect
import dataclasses
import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from solferino.models.music import chord_symbols

OCTAVE = 12
_ROOTS = ('C', 'Db', 'D', 'Eb', 'E', 'F', 'Gb', 'G', 'Ab', 'A', 'Bb', 'B')
_OF_BASS = 1 << 12  # of a code, for each semitone of the bass above C, and one more; a bass that is the root has none


class Quality(NamedTuple):
    """What a kind of chord is: its tones, and the scale that is played over it, both as pitch classes from the root."""

    tones: frozenset[int]
    scale: frozenset[int]


def _quality(tones: str, scale: str) -> Quality:
    return Quality(frozenset(map(int, tones.split())), frozenset(map(int, scale.split())))


# By name; an example stores the place of a name in this table, so new ones go to its end.
QUALITIES = {
    '': _quality('0 4 7', '0 2 4 5 7 9 11'),  # major
    'm': _quality('0 3 7', '0 2 3 5 7 8 10'),  # aeolian
    '7': _quality('0 4 7 10', '0 2 4 5 7 9 10'),  # mixolydian
    'maj7': _quality('0 4 7 11', '0 2 4 6 7 9 11'),  # lydian: its fourth is no semitone above the third
    'm7': _quality('0 3 7 10', '0 2 3 5 7 9 10'),  # dorian
    'm7b5': _quality('0 3 6 10', '0 1 3 5 6 8 10'),  # locrian
    'dim7': _quality('0 3 6 9', '0 2 3 5 6 8 9 11'),  # whole and half tones
    'aug': _quality('0 4 8', '0 2 4 6 8 10'),  # whole tones
    'sus4': _quality('0 5 7', '0 2 5 7 9 10'),
    '7sus4': _quality('0 5 7 10', '0 2 4 5 7 9 10'),
    '6': _quality('0 4 7 9', '0 2 4 5 7 9 11'),
    'm6': _quality('0 3 7 9', '0 2 3 5 7 9 11'),  # melodic minor
    'mmaj7': _quality('0 3 7 11', '0 2 3 5 7 9 11'),
    '7b9': _quality('0 1 4 7 10', '0 1 3 4 6 7 9 10'),  # half and whole tones
    '7alt': _quality('0 4 10', '0 1 3 4 6 8 10'),  # altered
    'aug7': _quality('0 4 8 10', '0 2 4 6 8 10'),
}
_NAMES = tuple(QUALITIES)
# Those that are heard in notes. A rarer quality would be taken for one of these, with a passing note in it.
_HEARD = ('', 'm', '7', 'maj7', 'm7', 'm7b5', 'dim7', 'aug')
_MISSING = 0.12  # of a chord's score, for a tone of which next to nothing sounds
_FAINT = 0.04  # of all that sounds
_IN_BASS, _STAYS = 0.15, 0.1  # more for the root in the bass, and for the chord before


class Chord(NamedTuple):
    """A chord.

    Attributes:
      root: its pitch class.
      quality: one of QUALITIES.
      slash: the pitch class of its bass, of the chord or not; None where that is the root.
    """

    root: int
    quality: str
    slash: int | None = None

    @property
    def name(self) -> str:
        """As it is written above a staff, 'Bbm7' or 'C/E'."""
        return _ROOTS[self.root] + self.quality + ('' if self.slash is None else f'/{_ROOTS[self.slash]}')

    @property
    def bass(self) -> int:
        """The pitch class of its lowest note."""
        return self.root if self.slash is None else self.slash

    def over(self, bass: int | None) -> 'Chord':
        """The chord with another bass, a pitch class; None for its root."""
        return self._replace(slash=None if bass == self.root else bass)

    @property
    def tones(self) -> frozenset[int]:
        """The pitch classes of its tones."""
        return _classes(self)[0]

    @property
    def scale(self) -> frozenset[int]:
        """The pitch classes of the scale that is played over it; its own tones are among them or beside them."""
        return _classes(self)[1]

    @property
    def code(self) -> int:
        """A number for it, for storing; `of_code` is the way back."""
        bass = 0 if self.slash is None else (1 + self.slash) * _OF_BASS
        return bass + _NAMES.index(self.quality) * OCTAVE + self.root


@functools.cache
def _classes(chord: Chord) -> tuple[frozenset[int], frozenset[int]]:
    quality = QUALITIES[chord.quality]  # the bass is no tone of the chord by being its bass
    tones, scale = (frozenset((chord.root + k) % OCTAVE for k in part) for part in quality)
    return tones, scale


def of_code(code: int) -> Chord:
    """The chord of a number. Raises ValueError if there is none."""
    bass, rest = divmod(code, _OF_BASS)
    if not 0 <= bass <= OCTAVE or rest >= len(_NAMES) * OCTAVE:
        raise ValueError(f'{code} is the number of no chord')
    return Chord(rest % OCTAVE, _NAMES[rest // OCTAVE]).over(bass - 1 if bass else None)


def parse(symbol: str) -> Chord:
    """Reads a chord symbol such as 'Dm7', 'F#7b9' or 'C/E'. Raises ValueError."""
    root, quality, bass = chord_symbols.read(symbol)
    return Chord(root, quality).over(bass)


def heard(weights: np.ndarray, bass: int | None = None, before: Chord | None = None) -> Chord:
    """Returns the chord that is most like what sounds, over the bass if that is one of its tones.

    Args:
      weights: float [12], for how long each pitch class sounds; one of them at least.
      bass: the pitch class of the lowest note.
      before: the chord before, which is kept rather than another that is about as likely, whatever the bass.
    """
    shares = weights / weights.sum()
    scores = _INSIDE @ shares - (_INSIDE == 0) @ shares - _MISSING * (_INSIDE @ (shares < _FAINT))
    if bass is not None:
        scores += _IN_BASS * np.array([chord.root == bass for chord in _CANDIDATES])
    if before and before.over(None) in _CANDIDATES:
        scores[_CANDIDATES.index(before.over(None))] += _STAYS
    found = _CANDIDATES[int(scores.argmax())]
    return found.over(bass) if bass in found.tones else found


_CANDIDATES = [Chord(root, quality) for quality in _HEARD for root in range(OCTAVE)]
_INSIDE = np.array([[pitch in chord.tones for pitch in range(OCTAVE)] for chord in _CANDIDATES], float)


@dataclasses.dataclass(frozen=True)
class Changes:
    """Chords one after the other, again and again.

    Attributes:
      steps: where each begins, ascending from 0.
      chords: as many.
      length: steps after which they begin again.
    """

    steps: tuple[int, ...]
    chords: tuple[Chord, ...]
    length: int

    def at(self, step: int) -> Chord:
        """The chord that sounds at a step."""
        return self.chords[bisect.bisect_right(self.steps, step % self.length) - 1]

    def end(self, step: int) -> int:
        """The step at which the chord ends that sounds at a step."""
        base = step - step % self.length
        following = bisect.bisect_right(self.steps, step - base)
        return base + (self.steps[following] if following < len(self.steps) else self.length)

    def between(self, begin: int, end: int) -> list[tuple[int, int, Chord]]:
        """What sounds from one step to another: where each chord begins and ends, counted from `begin`."""
        found = []
        step = begin
        while step < end:
            stop = self.end(step)
            found.append((step - begin, min(stop, end) - begin, self.at(step)))
            step = stop
        return found

    def halved(self, longest: int) -> 'Changes':
        """The same, but chords of so many steps or more are two of half as many, as they are where they are heard."""
        parts: list[tuple[int, Chord]] = []
        for start, stop, chord in self.between(0, self.length):
            times = 2 if stop - start >= longest and (stop - start) % 2 == 0 else 1
            parts += [((stop - start) // times, chord)] * times
        return progression(parts)

    def cut(self, begin: int, end: int) -> 'Changes':
        """The chords from one step to another, of which the latter is later."""
        parts = self.between(begin, end)
        return Changes(tuple(start for start, _, _ in parts), tuple(chord for *_, chord in parts), end - begin)


def progression(chords: Sequence[tuple[int, Chord]]) -> Changes:
    """Returns the changes of chords that last so many steps each; there is one at least."""
    starts = np.cumsum([0, *(steps for steps, _ in chords)]).tolist()
    return Changes(tuple(starts[:-1]), tuple(chord for _, chord in chords), starts[-1])


def parse_bars(text: str, steps_per_bar: int) -> Changes:
    """Reads 'Dm7 G7 Cmaj7 Cmaj7', a chord a bar, or 'Dm7 G7 | Cmaj7', bars whose chords last equally long.

    Raises:
      ValueError: a chord that is none, no chord at all, or more in a bar than it has steps.
    """
    bars = [bar.split() for bar in text.strip().strip('|').split('|')] if '|' in text else [[c] for c in text.split()]
    if not bars or not all(bars):
        raise ValueError('there is a bar without a chord')
    found: list[tuple[int, Chord]] = []
    for bar in bars:
        if len(bar) > steps_per_bar:
            raise ValueError(f'a bar has {len(bar)} chords and {steps_per_bar} steps')
        edges = np.linspace(0, steps_per_bar, len(bar) + 1).astype(int)
        found += [(int(steps), parse(symbol)) for steps, symbol in zip(np.diff(edges), bar, strict=True)]
    return progression(found)
