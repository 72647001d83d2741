"""What a model of piano rolls must beat: keys that know nothing of one another, with no memory or one of a step.

Both are independent Bernoulli variables, one for each key. Their negative log-likelihood is in nats, summed over keys
and averaged over all steps of all sequences.
"""

from collections.abc import Sequence

import numpy as np

# Markov probabilities stay this far from 0 and 1.
_MARGIN = 1e-6


def unigram(training: Sequence[np.ndarray]) -> np.ndarray:
    """Each key's probability by Laplace's rule: (steps in which it sounds + 1) / (steps + 2)."""
    steps = np.concatenate(training)
    return (steps.sum(axis=0) + 1) / (len(steps) + 2)


def unigram_nats(probabilities: np.ndarray, rolls: Sequence[np.ndarray]) -> float:
    """The negative log-likelihood of `rolls`, nats per step."""
    return float(_nats(np.concatenate(rolls), probabilities).mean())


def markov(training: Sequence[np.ndarray]) -> np.ndarray:
    """Each key's probability after a step without it and after a step with it, [2, keys]: relative frequencies.

    A sequence's first step follows nothing and is not counted. Probabilities are kept 1e-6 away from 0 and 1.
    """
    before, after = _pairs(training)
    found = []
    for sounded in (False, True):
        times = (before == sounded).sum(axis=0)
        found.append(((before == sounded) & after).sum(axis=0) / np.maximum(times, 1))
    return np.clip(np.stack(found), _MARGIN, 1 - _MARGIN)


def markov_nats(transitions: np.ndarray, rolls: Sequence[np.ndarray], beginnings: np.ndarray | None) -> float:
    """The negative log-likelihood of `rolls`, nats per step.

    Args:
      transitions: from `markov`.
      rolls: to predict.
      beginnings: each key's probability in a sequence's first step; None leaves first steps out of the mean, as the
        published figures of this model do.
    """
    before, after = _pairs(rolls)
    nats = _nats(after, np.where(before, transitions[1], transitions[0]))
    if beginnings is not None:
        nats = np.concatenate([nats, _nats(np.stack([keys[0] for keys in rolls]), beginnings)])
    return float(nats.mean())


def _pairs(rolls: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """All steps that have a successor, and their successors."""
    return np.concatenate([keys[:-1] for keys in rolls]), np.concatenate([keys[1:] for keys in rolls])


def _nats(keys: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Of each step, [steps]."""
    return -np.where(keys, np.log(probabilities), np.log1p(-probabilities)).sum(axis=-1)
