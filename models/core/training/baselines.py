"""What a model must beat: a unigram and a first-order Markov model of the same events, smoothed as well as they can be.

Both estimate p(event | history) from counts c as

    p = (max(c - discount, 0) + (strength + discount * kinds) * prior) / (total + strength)

where `total` and `kinds` are the number of events and of different events seen after the history: additive smoothing
for discount 0, interpolated absolute discounting (Kneser-Ney's) for strength 0, and in between what a Pitman-Yor
process predicts (Teh 2006, "A hierarchical Bayesian language model based on Pitman-Yor processes"). The unigram model
has no history and a uniform prior; the Markov model's history is the event before and its prior the unigram model.
The two numbers are those that predict tracks of the training side best from its other tracks; the held-out side has
no say in them.

Only pairs that occur are held, so that thousands of classes (sets of piano keys) cost no more than a few.
"""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

DISCOUNTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
STRENGTHS = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
_FOLDS = 10


@dataclasses.dataclass(frozen=True)
class Smoothing:
    """See the module's docstring."""

    discount: float
    strength: float


GRID = tuple(Smoothing(d, s) for d, s in itertools.product(DISCOUNTS, STRENGTHS) if d or s)


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Events and the events before them, which occur so often: int64 [pairs], in ascending order, none twice."""

    before: np.ndarray
    after: np.ndarray
    times: np.ndarray


@dataclasses.dataclass(frozen=True)
class Baseline:
    """A fitted model.

    Attributes:
      name: what it is called.
      prior: of each event where nothing is known of what follows the one before, float64 [classes].
      pairs: what followed what; empty for a unigram model.
      smoothing: of its last level.
    """

    name: str
    prior: np.ndarray
    pairs: Pairs
    smoothing: Smoothing

    def probabilities(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """Returns p(after | before), float64 [n], for event classes int [n]."""
        size, pairs = len(self.prior), self.pairs
        total, kinds = _histories(pairs, pairs.times, size)
        times = np.zeros(len(before))
        if len(pairs.times):
            known, wanted = pairs.before * size + pairs.after, before * size + after
            places = np.searchsorted(known, wanted).clip(max=len(known) - 1)
            times = np.where(known[places] == wanted, pairs.times[places], 0)
        return smoothed(times, total[before], kinds[before], self.prior[after], self.smoothing)

    def loss(self, tracks: Sequence[np.ndarray]) -> float:
        """Returns the mean negative log-likelihood in nats of the events after the first of each track."""
        found = count(tracks, len(self.prior))
        logs = np.log(self.probabilities(found.before, found.after))
        return float(-(found.times * logs).sum() / found.times.sum())

    def accuracy(self, tracks: Sequence[np.ndarray]) -> float:
        """Returns the share of the events after the first of each track that are those it takes for the likeliest."""
        found = count(tracks, len(self.prior))
        right = self.likeliest()[found.before] == found.after
        return float(found.times[right].sum() / found.times.sum())

    def likeliest(self) -> np.ndarray:
        """The likeliest event after each, int [classes]; the lowest of equals.

        It is one that was seen there, or else the likeliest of all: what was not seen has its prior times a constant.
        """
        size = len(self.prior)
        best = np.full(size, self.prior.argmax())
        before = np.concatenate([self.pairs.before, np.arange(size)])
        after = np.concatenate([self.pairs.after, best])
        order = np.lexsort((-after, self.probabilities(before, after), before))
        best[before[order]] = after[order]  # the last one, the likeliest, stays
        return best


def count(tracks: Sequence[np.ndarray], num_classes: int) -> Pairs:
    """Counts the pairs of neighbours in tracks of event classes."""
    codes = [track[:-1].astype(np.int64) * num_classes + track[1:] for track in tracks]
    code, times = np.unique(np.concatenate([*codes, np.zeros(0, np.int64)]), return_counts=True)
    before, after = np.divmod(code, num_classes)
    return Pairs(before, after, times)


def smoothed(times: np.ndarray, total: Any, kinds: Any, prior: Any, smoothing: Smoothing) -> np.ndarray:
    """Returns probabilities of events that came so many times of a total; a history never seen gives the prior."""
    discount, strength = smoothing.discount, smoothing.strength
    shares = np.maximum(times - discount, 0) + (strength + discount * kinds) * prior
    return np.where(total > 0, shares / np.maximum(total + strength, 1e-9), prior)


def fit(tracks: Sequence[np.ndarray], num_classes: int) -> tuple[Baseline, Baseline]:
    """Fits the unigram and the Markov model to the events after the first of each of `tracks`, of which one has two."""
    pairs = count(tracks, num_classes)
    folds = list(_in_folds(pairs, tracks, num_classes))  # each times [pairs]
    uniform = np.full(num_classes, 1 / num_classes)
    followers = np.stack([np.bincount(pairs.after, times, num_classes) for times in folds])  # [folds, classes]
    rest = followers.sum(axis=0) - followers

    def unigram_loss(smoothing: Smoothing) -> float:
        return sum(
            _loss(_frequencies(r, uniform, smoothing)[h > 0], h[h > 0]) for r, h in zip(rest, followers, strict=True)
        )

    unigram = min(GRID, key=unigram_loss)
    known: list[_Fold] = []
    for times, others in zip(folds, rest, strict=True):
        total, kinds = _histories(pairs, pairs.times - times, num_classes)
        held = times > 0
        prior = _frequencies(others, uniform, unigram)
        before, after = pairs.before[held], pairs.after[held]
        known.append(_Fold(times[held], (pairs.times - times)[held], total[before], kinds[before], prior[after]))

    def markov_loss(smoothing: Smoothing) -> float:
        return sum(_loss(smoothed(*fold[1:], smoothing), fold.held) for fold in known)

    frequencies = _frequencies(followers.sum(axis=0), uniform, unigram)
    return (
        Baseline('unigram', frequencies, count([], num_classes), unigram),
        Baseline('first-order Markov', frequencies, pairs, min(GRID, key=markov_loss)),
    )


class _Fold(NamedTuple):
    """How often each pair of a part of the tracks comes in it, and what the other parts say: see `smoothed`."""

    held: np.ndarray
    times: np.ndarray
    total: np.ndarray
    kinds: np.ndarray
    prior: np.ndarray


def keys_loss(tracks: Sequence[np.ndarray], held_out: Sequence[np.ndarray]) -> float:
    """Returns the loss of a table that knows of each key how often it sounds after it did, and after it did not.

    Args:
      tracks, held_out: frames bool [T, K], of which the first is given.

    Returns:
      Nats a frame of `held_out`, all keys together. Counts begin at one half (Krichevsky and Trofimov 1981, "The
      performance of universal encoding").
    """
    known, asked = _key_changes(tracks) + 0.5, _key_changes(held_out)
    logs = np.log(known / known.sum(axis=1, keepdims=True))
    return float(-(asked * logs).sum() / sum(len(track) - 1 for track in held_out))


def _key_changes(tracks: Sequence[np.ndarray]) -> np.ndarray:
    """How often each key was silent or sounded, and then was silent or sounded: [2, 2, K]."""
    counts = np.zeros((2, 2, tracks[0].shape[1]), np.int64)
    for track in tracks:
        before, after = track[:-1].astype(bool), track[1:].astype(bool)
        counts[1, 1] += (before & after).sum(axis=0)
        counts[1, 0] += (before & ~after).sum(axis=0)
        counts[0, 1] += (~before & after).sum(axis=0)
        counts[0, 0] += (~before & ~after).sum(axis=0)
    return counts


def _in_folds(pairs: Pairs, tracks: Sequence[np.ndarray], num_classes: int) -> Iterator[np.ndarray]:
    """Yields how often each of the pairs is in each part of the tracks."""
    codes = pairs.before * num_classes + pairs.after
    for first in range(_FOLDS):
        part = count(tracks[first::_FOLDS], num_classes)
        times = np.zeros(len(codes), np.int64)
        times[np.searchsorted(codes, part.before * num_classes + part.after)] = part.times
        yield times


def _histories(pairs: Pairs, times: np.ndarray, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """How many events, and how many different ones, follow each class: [classes], if the pairs come so many times."""
    return (
        np.bincount(pairs.before, times, num_classes),
        np.bincount(pairs.before, times > 0, num_classes),
    )


def _frequencies(times: np.ndarray, prior: np.ndarray, smoothing: Smoothing) -> np.ndarray:
    """Smoothed shares [classes] of events that came so many times."""
    return smoothed(times, times.sum(), np.count_nonzero(times), prior, smoothing)


def _loss(probabilities: np.ndarray, times: np.ndarray) -> float:
    return float(-(times * np.log(probabilities)).sum())
