"""Tokens over chords, played again: of the melodies that say the same, one by chance.

A note takes a pitch of its role within its bounds, where there is one. Whether there is depends on the pitch before,
so pitches are chosen backwards first: what each would cost from there on, in bounds that cannot be kept; then forwards,
by chance among those that cost least. Tokens of a melody over its own chords therefore come back from what is played.
"""

from collections.abc import Sequence

import numpy as np

from solferino.models.music.jazz.chords import OCTAVE, Changes
from solferino.models.music.jazz.tokens import APPROACH, OTHER, REST, Note, Token, colour

LOWEST, HIGHEST = 55, 84  # of what is played, as MIDI pitches: what a trumpet has, about
_BROKEN = 100.0  # for bounds that are not kept; and 1 for each semitone beyond them
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
) -> list[Note]:
    """Returns a melody of tokens.

    Args:
      tokens: what to play.
      changes: over which chords.
      rng: chooses among pitches.
      start: the step at which the first token begins.
      before: the pitch of the note before it, which may be out of range; None if there is none.
      lowest, highest: the range, an octave at least, MIDI pitches.
    """
    steps = (start + np.cumsum([0, *(token.duration for token in tokens)])).tolist()
    sounding = [k for k, token in enumerate(tokens) if token.role != REST]
    pitches = np.arange(lowest, highest + 1)
    fits = [_fits(tokens[k], pitches, changes, steps[k]) for k in sounding]
    costs = [_cost(tokens[k].bounds, pitches) if number else None for number, k in enumerate(sounding)]
    # What is lost from each note on, by its pitch: float [pitches].
    lost = [np.where(fit, 0.0, np.inf) for fit in fits]
    for number in range(len(sounding) - 1, 0, -1):
        lost[number - 1] += (costs[number] + lost[number]).min(axis=1)
    melody: list[Note] = []
    for number, k in enumerate(sounding):
        last = melody[-1].pitch if melody else before
        total = lost[number] + (_first(pitches) if last is None else _cost_from(last, tokens[k].bounds, pitches))
        best = np.flatnonzero(total <= total.min() + 1e-9)
        pitch = int(pitches[best[int(rng.random() * len(best))]])
        melody.append(Note(steps[k], tokens[k].duration, pitch))
    return melody


def smooth(tokens: Sequence[Token], max_repeats: int, max_leap: int) -> list[Token]:
    """Returns tokens without more than `max_repeats` of one pitch on end, nor leaps of more than `max_leap` semitones.

    A pitch that would come once more goes on to one a little higher or lower; 0 leaves repeats, or leaps, as they are.
    """
    smoothed: list[Token] = []
    same, up = 1, True
    for token in tokens:
        low, high = token.bounds or (1, 1)
        if token.role != REST:
            same = same + 1 if low == high == 0 else 1
        if max_repeats and same > max_repeats:
            low, high = (1, 4) if up else (-4, -1)
            same, up = 1, not up
        if max_leap:
            low, high = (min(max(bound, -max_leap), max_leap) for bound in (low, high))
        smoothed.append(token if token.bounds is None else token._replace(bounds=(low, high)))
    return smoothed


def _fits(token: Token, pitches: np.ndarray, changes: Changes, step: int) -> np.ndarray:
    """Which pitches have the role of a token."""
    chord = changes.at(step)
    role = OTHER if token.role == APPROACH else token.role
    by_class = np.array([colour(pitch_class, chord) == role for pitch_class in range(OCTAVE)])
    return by_class[pitches % OCTAVE]


def _cost(bounds: tuple[int, int] | None, pitches: np.ndarray) -> np.ndarray:
    """Of each step from one pitch to another, [pitches, pitches]."""
    return np.stack([_cost_from(int(pitch), bounds, pitches) for pitch in pitches])


def _cost_from(before: int, bounds: tuple[int, int] | None, pitches: np.ndarray) -> np.ndarray:
    low, high = bounds or (-OCTAVE, OCTAVE)
    intervals = pitches - before
    beyond = np.maximum(np.maximum(low - intervals, intervals - high), 0)
    return np.where(beyond > 0, _BROKEN + beyond, 0.0)


def _first(pitches: np.ndarray) -> np.ndarray:
    middle = (pitches[0] + pitches[-1]) // 2
    return np.maximum(abs(pitches - middle) - _NEAR, 0) * _FAR
