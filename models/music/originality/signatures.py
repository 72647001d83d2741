"""Near-duplicates of a piece: the same music under another name, in another key or tempo, or barred otherwise.

A piece is seen as its n-grams: what is played at some onsets in a row, by intervals and by how the time from onset to
onset changes. Neither key, tempo nor metre is in them. Two pieces are near-duplicates if they share `ALIKE` or more of
the n-grams that either of them has (their Jaccard similarity; one that is there twice counts twice), so that a few
other notes make no difference.

The signature is a MinHash of the n-grams (Broder, "On the resemblance and containment of documents", 1997): the share
of its numbers that are those of another signature estimates the similarity, with a standard error of 0.04. All that it
is made of is exact: it is the same on every machine, and so is what follows from it.
"""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from solferino.models.music.pieces.drums import DRUM_KIT
from solferino.models.music.pieces.piece import Piece
from solferino.models.music.pieces.timeline import Clock

ALIKE = 0.4  # of the n-grams of two pieces
SIZE = 126  # numbers of a signature
_BAND = 2  # numbers that must be equal before signatures are compared: one pair in 60,000 at ALIKE has no such band
_N = 4  # tokens of an n-gram
_FEW = 8  # n-grams; a piece of fewer is alike only to one with the very same tokens
_TOGETHER = 1 / 24  # quarters; onsets nearer than this are one
# Of the square of how much longer it is to an onset than to the one before it. They lie at half octaves, away from what
# is written (4:3, 3:2, 2:1, 3:1), and squares are exact on every machine, where logarithms are not.
_BORDERS = 2.0 ** np.array([-5, -3, -1, 1, 3, 5])
_WIDEST = 63  # semitones
_BLOCK = 1 << 16  # numbers worked on at once

_Pairs = Iterator[tuple[int, int]]


@dataclasses.dataclass(frozen=True)
class Ngrams:
    """The n-grams of a piece.

    Attributes:
      items: uint64 [n-grams], a number for each; the second time that one comes it is another.
      quarters, seconds: [n-grams], when they begin.
      spans: [n-grams], seconds, how long they are to their last onset.
      pitches: int64 [n-grams], the highest pitch where they begin; 0 for drums.
    """

    items: np.ndarray
    quarters: np.ndarray
    seconds: np.ndarray
    spans: np.ndarray
    pitches: np.ndarray


def ngrams(music: Piece) -> Ngrams:
    """Returns the n-grams of a piece without a flaw (`piece.flaw`)."""
    notes = music.notes[music.notes['velocity'] > 0]
    clock = Clock({tempo.time: tempo.qpm for tempo in music.tempos if tempo.time >= 0})
    drums = notes['is_drum']
    sides = ((0, notes[~drums]), (1, notes[drums])) if drums.any() else ((0, notes),)
    found = [_of_line(clock(some['start']), some, salt) for salt, some in sides]
    return Ngrams(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def signature(music: Piece) -> np.ndarray:
    """Returns the signature of a piece, uint32 [SIZE]. The piece has no flaw (`piece.flaw`)."""
    items = ngrams(music).items
    if not len(items):
        return np.full(SIZE, np.iinfo(np.uint32).max, np.uint32)
    # Multiply-shift (Dietzfelbinger et al., 1997) of numbers that are scattered already.
    blocks = np.array_split(_KEYS, len(items) * SIZE // _BLOCK + 1)
    return np.concatenate([(items * keys[:, None]).min(axis=1) >> np.uint64(32) for keys in blocks]).astype(np.uint32)


def similarity(one: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns how alike a signature is to others, [others] from 0 to 1."""
    return (others == one).mean(axis=-1)


def groups(table: np.ndarray) -> list[list[int]]:
    """Returns the groups of near-duplicates among signatures, uint32 [signatures, SIZE]: lists of two rows or more.

    What is a near-duplicate of one of a group is of the group. The order of the rows does not matter.
    """
    distinct, of = np.unique(table, axis=0, return_inverse=True)
    leads = list(range(len(distinct)))

    def lead(row: int) -> int:
        while leads[row] != row:
            leads[row] = row = leads[leads[row]]
        return row

    for one, other in _alike(distinct):
        leads[lead(other)] = lead(one)
    found: dict[int, list[int]] = {}
    for row, number in enumerate(of.reshape(-1).tolist()):
        found.setdefault(lead(number), []).append(row)
    return [rows for rows in found.values() if len(rows) > 1]


def _alike(table: np.ndarray) -> _Pairs:
    """Yields pairs of near-duplicates among rows that differ: all pairs, but for those that others already join."""
    for band in range(0, SIZE, _BAND):
        _, of, sizes = np.unique(table[:, band : band + _BAND], axis=0, return_inverse=True, return_counts=True)
        order = of.reshape(-1).argsort(kind='stable')
        ends = sizes.cumsum()
        for bucket in np.flatnonzero(sizes > 1):
            left = order[ends[bucket] - sizes[bucket] : ends[bucket]]
            while len(left) > 1:  # breadth first: what is joined need not be compared with each other
                joined, left = left[:1], left[1:]
                while len(joined) and len(left):
                    near = similarity(table[joined[0]], table[left]) >= ALIKE
                    yield from ((int(joined[0]), int(row)) for row in left[near])
                    joined, left = np.append(joined[1:], left[near]), left[~near]


def _of_line(quarters: np.ndarray, notes: np.ndarray, salt: int) -> tuple[np.ndarray, ...]:
    """The fields of Ngrams, of notes that are all drums (salt 1) or none of them (0)."""
    pitches = notes['pitch'].astype(np.int64)
    if salt:
        pitches = _KINDS[pitches]
        quarters, notes, pitches = (some[pitches > 0] for some in (quarters, notes, pitches))
    order = quarters.argsort(kind='stable')
    ordered, pitches = quarters[order], pitches[order]
    apart = np.ones(len(ordered), bool)
    apart[1:] = ordered[1:] - ordered[:-1] >= _TOGETHER
    firsts = apart.nonzero()[0]
    starts, seconds = ordered[firsts], notes['start'][order][firsts]
    if len(starts) < 3:
        return (np.zeros(0, np.uint64), *np.zeros((3, 0)), np.zeros(0, np.int64))
    if salt:  # the kinds of drums
        played = np.bitwise_or.reduceat(pitches, firsts)[2:]
        highest = np.zeros(len(starts), np.int64)
    else:  # the interval of the highest note to that before, and how far the lowest is below
        highest, lowest = (by.reduceat(pitches, firsts) for by in (np.maximum, np.minimum))
        intervals = (highest[2:] - highest[1:-1]).clip(-_WIDEST, _WIDEST) + _WIDEST
        played = intervals * 64 + (highest - lowest).clip(0, _WIDEST)[2:]
    items, places, n = _items(played * 8 + _times(starts), salt)
    return items, starts[places], seconds[places], seconds[places + n + 1] - seconds[places], highest[places]


def _times(starts: np.ndarray) -> np.ndarray:
    """How much longer it is to an onset than to the one before it: 0 to 6, 3 for about as long."""
    lengths = starts[1:] - starts[:-1]
    return _BORDERS.searchsorted((lengths[1:] / lengths[:-1]) ** 2)


def _items(tokens: np.ndarray, salt: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Returns the n-grams as numbers, uint64; where each begins; and of how many tokens they are."""
    n = _N if len(tokens) >= _N + _FEW - 1 else len(tokens)
    hashes = np.full(len(tokens) - n + 1, salt + 2 * (n != _N), np.uint64)
    for k in range(n):
        hashes = _mix(hashes ^ tokens[k : k + len(hashes)].astype(np.uint64))
    places = hashes.argsort(kind='stable')
    hashes = hashes[places]
    first = np.append(True, hashes[1:] != hashes[:-1]).nonzero()[0]
    times = np.arange(len(hashes)) - np.repeat(first, np.diff(np.append(first, len(hashes))))
    return _mix(hashes + times.astype(np.uint64)), places, n


def _mix(numbers: np.ndarray) -> np.ndarray:
    """Scatters whole numbers, uint64: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    z = numbers + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _kinds(classes: Sequence[Sequence[int]]) -> np.ndarray:
    """The bit of each MIDI pitch, 0 for a pitch of no kind: int64 [128]."""
    kinds = np.zeros(128, np.int64)
    for bit, pitches in enumerate(classes):
        kinds[list(pitches)] = 1 << bit
    return kinds


_KINDS = _kinds(DRUM_KIT.pitches)
_KEYS = _mix(np.arange(SIZE, dtype=np.uint64)) | np.uint64(1)
