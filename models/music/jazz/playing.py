"""Tokens over chords, played again: of the melodies that say the same, one by chance.

A note takes a pitch of its role within its bounds, where there is one. Whether there is depends on the pitch before,
so pitches are chosen backwards first: what each would cost from there on, in bounds that cannot be kept; then forwards,
by chance among those that cost least. Tokens of a melody over its own chords therefore come back from what is played.
"""

from collections.abc import Sequence

import numpy as np

from solferino.models.music.jazz.chords import OCTAVE, Changes
from solferino.models.music.jazz.tokens import APPROACH, CHORD, OTHER, REST, Note, Token, colour

LOWEST, HIGHEST = 55, 84  # of what is played, as MIDI pitches: what a trumpet has, about
_BROKEN = 100.0  # for bounds that are not kept; and 1 for each semitone beyond them
_LEAPT = 1e6  # for a leap that is too wide
_FAR = 0.1  # for a first note a semitone further from the middle than it need be
_NEAR = 4  # semitones that it need not be nearer


def play(
    tokens: Sequence[Token],
    changes: Changes,
    rng: np.random.Generator,
    start: int = 0,
    before: int | None = None,
    lowest: int = LOWEST,
    highest: int = HIGHEST,
    max_repeats: int = 0,
    max_leap: int = 0,
) -> list[Note]:
    """Returns a melody of tokens.

    Args:
      tokens: what to play.
      changes: over which chords.
      rng: chooses among pitches.
      start: the step at which the first token begins.
      before: the pitch of the note before it, which may be out of range; None if there is none.
      lowest, highest: the range, an octave at least, MIDI pitches.
      max_repeats: a pitch that would come more often than this on end gives way to another near it; 0 for any.
      max_leap: wider leaps are made narrower, as far as a role has a pitch so near; semitones, 0 for any.
    """
    steps = (start + np.cumsum([0, *(token.duration for token in tokens)])).tolist()
    sounding = [k for k, token in enumerate(tokens) if token.role != REST]
    pitches = np.arange(lowest, highest + 1)
    fits = [_fits(tokens[k], pitches, changes, steps[k]) for k in sounding]
    # What is lost from each note on, by its pitch: float [pitches].
    lost = [np.where(fit, 0.0, np.inf) for fit in fits]
    for number in range(len(sounding) - 1, 0, -1):
        one, other = (tokens[k] for k in sounding[number - 1 : number + 1])
        lost[number - 1] += (_cost(pitches - pitches[:, None], one, other, max_leap) + lost[number]).min(axis=1)
    melody: list[Note] = []
    for number, k in enumerate(sounding):
        last = melody[-1].pitch if melody else before
        previous = tokens[sounding[number - 1]] if number else None
        total = lost[number] + (
            _first(pitches) if last is None else _cost(pitches - last, previous, tokens[k], max_leap)
        )
        if max_repeats and [note.pitch for note in melody[-max_repeats:]] == [last] * max_repeats:
            total = np.where(pitches == last, np.inf, total)
        best = np.flatnonzero(total <= total.min() + 1e-9)
        pitch = int(pitches[best[int(rng.random() * len(best))]])
        melody.append(Note(steps[k], tokens[k].duration, pitch))
    return melody


def _fits(token: Token, pitches: np.ndarray, changes: Changes, step: int) -> np.ndarray:
    """Which pitches have the role of a token."""
    chord = changes.at(step)
    role = OTHER if token.role == APPROACH else token.role
    by_class = np.array([colour(pitch_class, chord) == role for pitch_class in range(OCTAVE)])
    return by_class[pitches % OCTAVE]


def _cost(intervals: np.ndarray, one: Token | None, other: Token, max_leap: int) -> np.ndarray:
    """What intervals from one token to the other cost; an approach leads by a semitone, and no other note does."""
    low, high = other.bounds or (-OCTAVE, OCTAVE)
    if max_leap:
        low, high = (min(max(bound, -max_leap), max_leap) for bound in (low, high))
    beyond = np.maximum(np.maximum(low - intervals, intervals - high), 0)
    cost = np.where(beyond > 0, _BROKEN + beyond, 0.0)
    if max_leap:
        cost += _LEAPT * (abs(intervals) > max_leap)
    if one and other.role == CHORD and one.role in (APPROACH, OTHER):
        cost += _BROKEN * ((abs(intervals) == 1) != (one.role == APPROACH))
    return cost


def _first(pitches: np.ndarray) -> np.ndarray:
    middle = (pitches[0] + pitches[-1]) // 2
    return np.maximum(abs(pitches - middle) - _NEAR, 0) * _FAR
