"""Pieces of one collection that have a near-duplicate in another, and in what the two differ."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from solferino.models.music.originality import signatures
from solferino.models.music.pieces.piece import Piece

_SAME_TEMPO = 0.04  # share; people play so much faster or slower without meaning it
_GRID = 8  # places in a quarter that are told apart; what is played by hand is not exact


@dataclasses.dataclass(frozen=True)
class Likeness:
    """In what a piece differs from a near-duplicate.

    Attributes:
      shared: share of the n-grams of both that both have.
      semitones: how much higher it is.
      speed: how many times as fast it is, in seconds.
      rebarred: whether its notes lie elsewhere in the bar, or its metre is another one.
    """

    shared: float
    semitones: int
    speed: float
    rebarred: bool

    @property
    def kinds(self) -> tuple[str, ...]:
        """What was done to it, in words: one of them is there at least."""
        found = []
        if self.semitones:
            found.append(f'transposed by {self.semitones:+d}')
        if abs(self.speed - 1) > _SAME_TEMPO:
            found.append(f'other tempo ({self.speed:.2f} times as fast)')
        if self.rebarred:
            found.append('re-barred')
        if self.shared < 1:
            found.append('some notes changed')
        return tuple(found) or ('exact',)


@dataclasses.dataclass(frozen=True)
class Leak:
    """A piece of the one side with a near-duplicate on the other.

    Attributes:
      place: which piece it is.
      others: those like it on the other side, the one most like it first.
      likeness: in what it differs from that.
    """

    place: int
    others: tuple[int, ...]
    likeness: Likeness


def find(held_out: Sequence[Piece], known: Sequence[Piece]) -> list[Leak]:
    """Returns the pieces of `held_out` that have a near-duplicate in `known`. No piece has a flaw (`piece.flaw`)."""
    if not known:
        return []
    table = np.array([signatures.signature(one) for one in known])
    leaks = []
    for place, one in enumerate(held_out):
        alike = signatures.similarity(signatures.signature(one), table)
        others = np.flatnonzero(alike >= signatures.ALIKE)
        others = others[np.argsort(-alike[others], kind='stable')]
        if len(others) and len(one.notes):
            leaks.append(Leak(place, tuple(others.tolist()), compare(one, known[others[0]])))
    return leaks


def compare(one: Piece, other: Piece) -> Likeness:
    """Returns in what a piece differs from another that it shares n-grams with."""
    own, theirs = signatures.ngrams(one), signatures.ngrams(other)
    _, here, there = np.intersect1d(own.items, theirs.items, assume_unique=True, return_indices=True)
    if not len(here):
        return Likeness(0.0, 0, 1.0, False)
    spans = theirs.spans[there] / own.spans[here]
    moved = own.quarters[here] - theirs.quarters[there]
    bar = _bar(other)
    offsets = np.rint(moved * _GRID).astype(np.int64) % round(bar * _GRID)
    return Likeness(
        shared=len(here) / (len(own.items) + len(theirs.items) - len(here)),
        semitones=_most(own.pitches[here] - theirs.pitches[there]),
        speed=float(np.median(spans)),
        rebarred=_bar(one) != bar or _most(offsets) != 0,
    )


def _most(numbers: np.ndarray) -> int:
    """The most frequent one."""
    values, times = np.unique(numbers, return_counts=True)
    return int(values[times.argmax()])


def _bar(music: Piece) -> float:
    """Quarters in a bar of the first metre."""
    first = min(music.metres, key=lambda metre: metre.time, default=None)
    return 4 * first.numerator / first.denominator if first and first.numerator > 0 and first.denominator > 0 else 4.0
