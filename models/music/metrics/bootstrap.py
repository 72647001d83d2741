"""Intervals by the bootstrap: B. Efron, R. Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13."""

import math
from typing import NamedTuple

import numpy as np

RESAMPLES = 1000
_COVERED = 0.95
_SEED = 0  # the same music has the same interval each time


class Estimate(NamedTuple):
    """A value, and the ends of its 95 % interval; nan where fewer than two pieces tell it."""

    value: float
    low: float
    high: float


def ratio(parts: np.ndarray, wholes: np.ndarray | None = None) -> Estimate:
    """Returns the sum of `parts` over that of `wholes`, both [pieces], with its interval over pieces.

    Without `wholes` it is the mean.
    """
    wholes = np.ones(len(parts)) if wholes is None else wholes
    if not len(parts) or not wholes.sum():
        return Estimate(math.nan, math.nan, math.nan)
    value = float(parts.sum() / wholes.sum())
    counts = resamples(len(parts), RESAMPLES)
    with np.errstate(invalid='ignore', divide='ignore'):
        return interval(value, counts @ parts / (counts @ wholes))


def difference(ours: tuple[np.ndarray, np.ndarray], theirs: tuple[np.ndarray, np.ndarray]) -> Estimate:
    """Returns `ratio` of ours less that of theirs, of the same pieces, with the interval of the paired bootstrap."""
    number = len(ours[0])
    if not number or not (ours[1].sum() and theirs[1].sum()):
        return Estimate(math.nan, math.nan, math.nan)
    value = float(ours[0].sum() / ours[1].sum() - theirs[0].sum() / theirs[1].sum())
    counts = resamples(number, RESAMPLES)
    with np.errstate(invalid='ignore', divide='ignore'):
        found = (counts @ ours[0]) / (counts @ ours[1]) - (counts @ theirs[0]) / (counts @ theirs[1])
    return interval(value, found)


def resamples(number: int, times: int, stream: int = 0) -> np.ndarray:
    """Returns how often each of `number` pieces is drawn in samples of as many: float64 [times, number]."""
    drawn = np.random.default_rng([_SEED, stream]).integers(number, size=(times, number))
    return np.array([np.bincount(one, minlength=number) for one in drawn], np.float64)


def interval(value: float, found: np.ndarray) -> Estimate:
    """Returns an estimate of a value that is `found` in the resamples, by their percentiles."""
    found = found[np.isfinite(found)]
    if len(found) < 2 or np.isnan(value):
        return Estimate(value, math.nan, math.nan)
    low, high = np.quantile(found, [(1 - _COVERED) / 2, (1 + _COVERED) / 2])
    return Estimate(value, float(low), float(high))
