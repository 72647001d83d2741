"""Near-duplicates of a piece: the same music under another name, in another key or tempo, or barred otherwise.

A piece is seen as its n-grams: what is played at some onsets in a row, by intervals and by how the time from onset to
onset changes. Neither key, tempo nor metre is in them. Two pieces are near-duplicates if they share `ALIKE` or more of
the n-grams that either of them has (their Jaccard similarity; one that is there twice counts twice), so that a few
other notes make no difference.

The signature is a MinHash of the n-grams (Broder, "On the resemblance and containment of documents", 1997): the share
of its numbers that are those of another signature estimates the similarity, with a standard error of 0.04. All that it
is made of is exact: it is the same on every machine, and so is what follows from it.
"""

import math
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


def signature(music: Piece) -> np.ndarray:
    """Returns the signature of a piece, uint32 [SIZE]. The piece has no flaw (`piece.flaw`)."""
    notes = music.notes[music.notes['velocity'] > 0]
    clock = Clock({tempo.time: tempo.qpm for tempo in music.tempos if tempo.time >= 0})
    quarters = clock(notes['start'])
    drums = notes['is_drum']
    items = np.concatenate(
        [_items(tokens, salt) for salt, tokens in enumerate((
            _pitched(quarters[~drums], notes['pitch'][~drums]), _drums(quarters[drums], notes['pitch'][drums])
        ))]
    )  # fmt: skip
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


def _pitched(quarters: np.ndarray, pitches: np.ndarray) -> np.ndarray:
    """Tokens, int64: the interval of the highest note to that before, how far the lowest is below, and the time."""
    starts, firsts, order = _onsets(quarters)
    if len(starts) < 3:
        return np.zeros(0, np.int64)
    pitches = pitches[order].astype(np.int64)
    highest, lowest = (by.reduceat(pitches, firsts) for by in (np.maximum, np.minimum))
    intervals = np.diff(highest).clip(-_WIDEST, _WIDEST) + _WIDEST
    widths = (highest - lowest).clip(0, _WIDEST)
    return (intervals[1:] * 64 + widths[2:]) * 8 + _times(starts)


def _drums(quarters: np.ndarray, pitches: np.ndarray) -> np.ndarray:
    """Tokens, int64: the kinds of drums, and the time."""
    kinds = _KINDS[pitches]
    quarters, kinds = quarters[kinds > 0], kinds[kinds > 0]
    starts, firsts, order = _onsets(quarters)
    if len(starts) < 3:
        return np.zeros(0, np.int64)
    return np.bitwise_or.reduceat(kinds[order], firsts)[2:] * 8 + _times(starts)


def _onsets(quarters: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where onsets are, in quarters; the first note of each; and the order in which these notes are."""
    order = quarters.argsort(kind='stable')
    ordered = quarters[order]
    firsts = np.flatnonzero(np.diff(ordered, prepend=-math.inf) >= _TOGETHER)
    return ordered[firsts], firsts, order


def _times(starts: np.ndarray) -> np.ndarray:
    """How much longer it is to an onset than to the one before it: 0 to 6, 3 for about as long."""
    lengths = np.diff(starts)
    return _BORDERS.searchsorted((lengths[1:] / lengths[:-1]) ** 2)


def _items(tokens: np.ndarray, salt: int) -> np.ndarray:
    """The n-grams as numbers, uint64: the second time that one comes it is another."""
    if not len(tokens):
        return np.zeros(0, np.uint64)
    n = _N if len(tokens) >= _N + _FEW - 1 else len(tokens)
    hashes = np.full(len(tokens) - n + 1, salt + 2 * (n != _N), np.uint64)
    for k in range(n):
        hashes = _mix(hashes ^ tokens[k : k + len(hashes)].astype(np.uint64))
    hashes.sort()
    first = np.append(True, hashes[1:] != hashes[:-1]).nonzero()[0]
    times = np.arange(len(hashes)) - np.repeat(first, np.diff(np.append(first, len(hashes))))
    return _mix(hashes + times.astype(np.uint64))


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
