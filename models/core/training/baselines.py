"""Baselines that a model must beat: a unigram and a first-order Markov model of the same events, with tuned smoothing.

Both estimate p(event | history) from counts c as

    p = (max(c - discount, 0) + (strength + discount * kinds) * prior) / (total + strength)

where `total` and `kinds` are the number of events and of different events seen after the history: additive smoothing
for discount 0, interpolated absolute discounting (Kneser-Ney's) for strength 0, and in between what a Pitman-Yor
process predicts (Teh 2006, "A hierarchical Bayesian language model based on Pitman-Yor processes"). The unigram model
has no history and a uniform prior; the Markov model's history is the event before and its prior the unigram model.
The two smoothing parameters are tuned by cross-validation over the training tracks, without the held-out ones.

Only pairs that occur are stored, so that thousands of classes (sets of piano keys) cost no more than a few.
"""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

DISCOUNTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
STRENGTHS = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
_FOLDS = 10
_AT_A_TIME = 1000 * _FOLDS  # tracks


@dataclasses.dataclass(frozen=True)
class Smoothing:
    """See the module's docstring."""

    discount: float
    strength: float


GRID = tuple(Smoothing(d, s) for d, s in itertools.product(DISCOUNTS, STRENGTHS) if d or s)


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Events, the events before them, and how often each pair occurs: int64 [pairs], ascending, without duplicates."""

    before: np.ndarray
    after: np.ndarray
    counts: np.ndarray


@dataclasses.dataclass(frozen=True)
class Baseline:
    """A fitted model.

    Attributes:
      name: of the model.
      prior: the probability of each event after an unknown one, float64 [classes].
      pairs: the counts of pairs; empty for a unigram model.
      smoothing: of the highest order.
    """

    name: str
    prior: np.ndarray
    pairs: Pairs
    smoothing: Smoothing

    def probabilities(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """Returns p(after | before), float64 [n], for event classes int [n]."""
        size, pairs = len(self.prior), self.pairs
        total, kinds = _histories(pairs, pairs.counts, size)
        counts = np.zeros(len(before))
        if len(pairs.counts):
            known, wanted = pairs.before * size + pairs.after, before * size + after
            indices = np.searchsorted(known, wanted).clip(max=len(known) - 1)
            counts = np.where(known[indices] == wanted, pairs.counts[indices], 0)
        return smoothed(counts, total[before], kinds[before], self.prior[after], self.smoothing)

    def loss(self, tracks: Iterable[np.ndarray]) -> float:
        """Returns the mean negative log-likelihood in nats of the events after the first of each track."""
        found = count(tracks, len(self.prior))
        logs = np.log(self.probabilities(found.before, found.after))
        return float(-(found.counts * logs).sum() / found.counts.sum())

    def accuracy(self, tracks: Iterable[np.ndarray]) -> float:
        """Returns the share of events, without the first of each track, that are the likeliest of the model."""
        found = count(tracks, len(self.prior))
        right = self.likeliest()[found.before] == found.after
        return float(found.counts[right].sum() / found.counts.sum())

    def likeliest(self) -> np.ndarray:
        """The likeliest event after each event, int [classes]; among equals the lowest.

        It is one that was seen there, or the likeliest of all: unseen events have their prior times a constant.
        """
        size = len(self.prior)
        best = np.full(size, self.prior.argmax())
        before = np.concatenate([self.pairs.before, np.arange(size)])
        after = np.concatenate([self.pairs.after, best])
        order = np.lexsort((-after, self.probabilities(before, after), before))
        best[before[order]] = after[order]  # the last one, the likeliest, stays
        return best


def count(tracks: Iterable[np.ndarray], num_classes: int) -> Pairs:
    """Counts pairs of successive events in tracks of event classes, some of which at a time are held in memory."""
    rest = iter(tracks)
    counted = _added([], num_classes)
    while some := list(itertools.islice(rest, _AT_A_TIME)):
        counted = _added([counted, _counted(some, num_classes)], num_classes)
    return counted


def _counted(tracks: Sequence[np.ndarray], num_classes: int) -> Pairs:
    codes = [track[:-1].astype(np.int64) * num_classes + track[1:] for track in tracks]
    code, counts = np.unique(np.concatenate([*codes, np.zeros(0, np.int64)]), return_counts=True)
    before, after = np.divmod(code, num_classes)
    return Pairs(before, after, counts)


def _added(parts: Sequence[Pairs], num_classes: int) -> Pairs:
    """The pairs of several counts together."""
    none = np.zeros(0, np.int64)
    codes = np.concatenate([none, *(part.before * num_classes + part.after for part in parts)])
    code, which = np.unique(codes, return_inverse=True)
    counts = np.zeros(len(code), np.int64)
    np.add.at(counts, which, np.concatenate([none, *(part.counts for part in parts)]))
    before, after = np.divmod(code, num_classes)
    return Pairs(before, after, counts)


def smoothed(counts: np.ndarray, total: Any, kinds: Any, prior: Any, smoothing: Smoothing) -> np.ndarray:
    """Returns the probabilities of events by their counts; after an unseen history, the prior."""
    discount, strength = smoothing.discount, smoothing.strength
    shares = np.maximum(counts - discount, 0) + (strength + discount * kinds) * prior
    return np.where(total > 0, shares / np.maximum(total + strength, 1e-9), prior)


def fit(tracks: Iterable[np.ndarray], num_classes: int) -> tuple[Baseline, Baseline]:
    """Fits both models to the events after the first of each of `tracks`; one of these must have two events."""
    pairs, folds = _in_folds(tracks, num_classes)
    uniform = np.full(num_classes, 1 / num_classes)
    followers = np.stack([np.bincount(pairs.after, counts, num_classes) for counts in folds])  # [folds, classes]
    rest = followers.sum(axis=0) - followers

    def unigram_loss(smoothing: Smoothing) -> float:
        return sum(
            _loss(_frequencies(r, uniform, smoothing)[h > 0], h[h > 0]) for r, h in zip(rest, followers, strict=True)
        )

    unigram = min(GRID, key=unigram_loss)
    known: list[_Fold] = []
    for counts, others in zip(folds, rest, strict=True):
        total, kinds = _histories(pairs, pairs.counts - counts, num_classes)
        held = counts > 0
        prior = _frequencies(others, uniform, unigram)
        before, after = pairs.before[held], pairs.after[held]
        known.append(_Fold(counts[held], (pairs.counts - counts)[held], total[before], kinds[before], prior[after]))

    def markov_loss(smoothing: Smoothing) -> float:
        return sum(_loss(smoothed(*fold[1:], smoothing), fold.held) for fold in known)

    frequencies = _frequencies(followers.sum(axis=0), uniform, unigram)
    return (
        Baseline('unigram', frequencies, count([], num_classes), unigram),
        Baseline('first-order Markov', frequencies, pairs, min(GRID, key=markov_loss)),
    )


class _Fold(NamedTuple):
    """The counts of pairs in a part of the tracks, and the statistics of the other parts, see `smoothed`."""

    held: np.ndarray
    counts: np.ndarray
    total: np.ndarray
    kinds: np.ndarray
    prior: np.ndarray


def keys_loss(tracks: Iterable[np.ndarray], held_out: Iterable[np.ndarray]) -> float:
    """Returns the loss of a table that has for each key how often it sounds after it did, and after it did not.

    Args:
      tracks, held_out: frames bool [T, K], of which the first is given.

    Returns:
      Nats a frame of `held_out`, all keys together. Counts start at one half (Krichevsky and Trofimov 1981, "The
      performance of universal encoding").
    """
    known, asked = _key_changes(tracks) + 0.5, _key_changes(held_out)
    logs = np.log(known / known.sum(axis=1, keepdims=True))
    return float(-(asked * logs).sum() / asked[:, :, 0].sum())


def _key_changes(tracks: Iterable[np.ndarray]) -> np.ndarray:
    """The counts of each key's transitions between silence (0) and sound (1): [2, 2, K]."""
    return sum(_key_changes_of(track) for track in tracks)  # type: ignore[return-value]  # there is a track


def _key_changes_of(track: np.ndarray) -> np.ndarray:
    before, after = track[:-1].astype(bool), track[1:].astype(bool)
    changes = [[~before & ~after, ~before & after], [before & ~after, before & after]]
    return np.array([[change.sum(axis=0, dtype=np.int64) for change in row] for row in changes])


def _in_folds(tracks: Iterable[np.ndarray], num_classes: int) -> tuple[Pairs, list[np.ndarray]]:
    """The pairs of all tracks, and their counts [pairs] in each of the parts that the tracks are dealt into."""
    rest = iter(tracks)
    parts = [count([], num_classes)] * _FOLDS
    while some := list(itertools.islice(rest, _AT_A_TIME)):
        found = (_counted(some[first::_FOLDS], num_classes) for first in range(_FOLDS))
        parts = [_added(pair, num_classes) for pair in zip(parts, found, strict=True)]
    pairs = _added(parts, num_classes)
    codes = pairs.before * num_classes + pairs.after
    folds = [np.zeros(len(codes), np.int64) for _ in parts]
    for counts, part in zip(folds, parts, strict=True):
        counts[np.searchsorted(codes, part.before * num_classes + part.after)] = part.counts
    return pairs, folds


def _histories(pairs: Pairs, counts: np.ndarray, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """The number of events, and of different events, that follow each class: [classes], from the counts of pairs."""
    return (
        np.bincount(pairs.before, counts, num_classes),
        np.bincount(pairs.before, counts > 0, num_classes),
    )


def _frequencies(counts: np.ndarray, prior: np.ndarray, smoothing: Smoothing) -> np.ndarray:
    """The smoothed shares [classes] of events by their counts."""
    return smoothed(counts, counts.sum(), np.count_nonzero(counts), prior, smoothing)


def _loss(probabilities: np.ndarray, counts: np.ndarray) -> float:
    return float(-(counts * np.log(probabilities)).sum())
