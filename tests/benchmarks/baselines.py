"""What a model must beat: a unigram and a first-order Markov model of the same events, smoothed as well as they can be.

Both estimate p(event | history) from counts c as

    p = (max(c - discount, 0) + (strength + discount * kinds) * prior) / (total + strength)

where `total` and `kinds` are the number of events and of different events seen after the history: additive smoothing
for discount 0, interpolated absolute discounting (Kneser-Ney's) for strength 0, and in between what a Pitman-Yor
process predicts (Teh 2006, "A hierarchical Bayesian language model based on Pitman-Yor processes"). The unigram model
has no history and a uniform prior; the Markov model's history is the event before and its prior the unigram model.
The two numbers are those that predict tracks of the training side best from its other tracks; the held-out side has
no say in them.
"""

import dataclasses
import itertools
from collections.abc import Sequence

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
class Baseline:
    """A fitted model.

    Attributes:
      name: what it is called.
      probabilities: of the next event by the event before, [classes, classes]; rows are equal for a unigram model.
      smoothing: of its last level.
    """

    name: str
    probabilities: np.ndarray
    smoothing: Smoothing

    def loss(self, tracks: Sequence[np.ndarray]) -> float:
        """Returns the mean negative log-likelihood in nats of the events after the first of each track."""
        return score(self.probabilities, count(tracks, len(self.probabilities)))


def count(tracks: Sequence[np.ndarray], num_classes: int) -> np.ndarray:
    """Counts the pairs of neighbours in tracks of event classes: [classes, classes], the event before first."""
    counts = np.zeros((num_classes, num_classes), np.int64)
    for track in tracks:
        np.add.at(counts, (track[:-1], track[1:]), 1)
    return counts


def smoothed(counts: np.ndarray, prior: np.ndarray, smoothing: Smoothing) -> np.ndarray:
    """Returns probabilities for counts [..., classes]; a history that was never seen gets the prior."""
    discount, strength = smoothing.discount, smoothing.strength
    total = counts.sum(axis=-1, keepdims=True)
    kinds = (counts > 0).sum(axis=-1, keepdims=True)
    shares = np.maximum(counts - discount, 0) + (strength + discount * kinds) * prior
    return np.where(total > 0, shares / np.maximum(total + strength, 1e-9), prior)


def score(probabilities: np.ndarray, counts: np.ndarray) -> float:
    """Returns the mean negative log-probability in nats of the counted events."""
    seen = counts > 0
    return float(-(counts[seen] * np.log(probabilities[seen])).sum() / counts.sum())


def fit(tracks: Sequence[np.ndarray], num_classes: int) -> tuple[Baseline, Baseline]:
    """Fits the unigram and the Markov model to the events after the first of each of `tracks`."""
    folds = np.stack([count(tracks[i::_FOLDS], num_classes) for i in range(_FOLDS)])  # [folds, classes, classes]
    rest = folds.sum(axis=0) - folds
    uniform = np.full(num_classes, 1 / num_classes)

    unigram = _best(rest.sum(axis=1), [uniform] * _FOLDS, folds.sum(axis=1))
    priors = [smoothed(counts, uniform, unigram) for counts in rest.sum(axis=1)]
    markov = _best(rest, priors, folds)

    counts = folds.sum(axis=0)
    frequencies = smoothed(counts.sum(axis=0), uniform, unigram)
    transitions = smoothed(counts, frequencies, markov)
    return (
        Baseline('unigram', np.broadcast_to(frequencies, transitions.shape), unigram),
        Baseline('first-order Markov', transitions, markov),
    )


def _best(counts: np.ndarray, priors: Sequence[np.ndarray], held_out: np.ndarray) -> Smoothing:
    """The smoothing with the lowest loss over all folds: `counts` of the other folds predict `held_out`."""

    def loss(smoothing: Smoothing) -> float:
        return sum(
            score(smoothed(c, prior, smoothing), h) * h.sum()
            for c, prior, h in zip(counts, priors, held_out, strict=True)
            if h.any()
        )

    return min(GRID, key=loss)
