"""Chord symbols, as they are written above a staff: 'Dm7', 'F#7b9', 'C/E'."""

import functools
import re
from typing import NamedTuple

_LETTERS = {'C': 0, 'D': 2, 'E': 4, 'F': 5, 'G': 7, 'A': 9, 'B': 11}
_SHIFTS = {'': 0, '#': 1, '♯': 1, 'b': -1, '♭': -1}
_NOTE = r'([A-G])([#b♯♭]?)'
_SYMBOL = re.compile(rf'{_NOTE}([^/]*|m?6/9)(?:/{_NOTE})?')
# How kinds of chords are called besides, once brackets and commas are gone and signs are letters.
_ALSO = {
    '': 'maj ma M Maj major 5',
    'm': 'min mi - minor',
    '7': '9 13 dom dom7 7#11 9#11 13#11 7add13 dominant',
    'maj7': 'M7 Maj7 ma7 Ma7 j7 ^ ^7 maj9 Maj9 ma9 M9 ^9 maj13 Maj13 maj7#11 maj9#11 maj13#11',
    'm7': 'min7 mi7 -7 m9 min9 mi9 -9 m11 min11 mi11 -11 m13 min13',
    'm7b5': 'min7b5 mi7b5 -7b5 h h7 m7-5 m9b5 h9',
    'dim7': 'dim o o7 m7bb5',
    'aug': '+ #5',
    'sus4': 'sus sus2 sus4sus2',
    '7sus4': '7sus 9sus 9sus4 13sus 13sus4 11',
    '6': '69 6/9 add9 2 maj6 M6',
    'm6': 'min6 mi6 -6 m69 m6/9 min69 madd9',
    'mmaj7': 'mM7 mMaj7 minmaj7 minMaj7 -maj7 -M7 m^7 -^7 mmaj9',
    '7b9': '13b9 7b9b13 7b5b9',
    '7alt': 'alt 7#9 7b5 7#5#9 7#5b9 7b13 7#9b13 7#9#5 7b9#9 7b9b5',
    'aug7': '+7 7#5 7+ 9#5 +9 aug9',
}
_MEANT = {name: name for name in _ALSO} | {other: name for name, others in _ALSO.items() for other in others.split()}
_SIGNS = str.maketrans({'♯': '#', '♭': 'b', 'Δ': '^', 'ø': 'h', '°': 'o', '(': '', ')': '', ',': '', ' ': ''})


class Symbol(NamedTuple):
    """What a symbol says: the pitch classes of root and bass, 0 for C, and the kind of chord; no bass but the root."""

    root: int
    quality: str
    bass: int | None


@functools.lru_cache(maxsize=1024)
def read(symbol: str) -> Symbol:
    """Reads a chord symbol. Raises ValueError."""
    match = _SYMBOL.fullmatch(symbol.strip())
    if not match:
        raise ValueError(f'{symbol!r} is no chord: it begins with its root, such as D, F# or Bb')
    letter, shift, rest, bass, bass_shift = match.groups()
    quality = _MEANT.get(rest.translate(_SIGNS))
    if quality is None:
        known = ', '.join(f'C{name}' for name in _ALSO)
        raise ValueError(f'{symbol!r} is a chord of a kind that is not known; there are {known}')
    return Symbol(_pitch_class(letter, shift), quality, _pitch_class(bass, bass_shift) if bass else None)


def is_symbol(text: str) -> bool:
    """Whether a text is a chord symbol."""
    try:
        read(text)
    except ValueError:
        return False
    return True


def _pitch_class(letter: str, shift: str) -> int:
    return (_LETTERS[letter] + _SHIFTS[shift]) % 12
