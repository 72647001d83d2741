"""How far two sets of music are apart in a metric: overlapping area and Kullback-Leibler divergence.

Yang and Lerch 2020, "On the evaluation of generative models in music" (Neural Computing and Applications 32): the
distances of the pieces within a set and those between the sets are each smoothed to a density, and the two are
compared. Intervals are bootstrap percentiles over pieces.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from solferino.models.music.metrics.bootstrap import Estimate

_BINS, _MARGIN = 512, 3.0  # of a density: places, and how far it goes beyond the distances, in bandwidths
_LEAST = 1e-12  # of a density, so that a divergence is finite
MOST = 400  # values of a set that are compared
RESAMPLES = 200
_INTERVAL = (2.5, 97.5)  # percentiles


class Comparison(NamedTuple):
    """Of one metric in two sets.

    Attributes:
      overlap: the area that the density of distances within the first set shares with that of distances between the
        sets: 1 where the sets are alike.
      divergence: of the latter from the former, in nats: 0 where the sets are alike.
    """

    overlap: Estimate
    divergence: Estimate


def compare(one: Sequence[float], other: Sequence[float], seed: int = 0) -> Comparison | None:
    """Compares two sets by a metric's values; None if either has fewer than two that are not nan."""
    rng = np.random.default_rng(seed)
    sides = [_sample(np.array([v for v in side if not math.isnan(v)]), rng) for side in (one, other)]
    if min(map(len, sides)) < 2:
        return None
    pairs = [_densities(*sides)]
    for _ in range(RESAMPLES):
        pairs.append(_densities(*(side[rng.integers(0, len(side), len(side))] for side in sides)))
    return Comparison(_estimate(_overlap, pairs), _estimate(_divergence, pairs))


def _sample(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return values if len(values) <= MOST else np.sort(rng.choice(values, MOST, replace=False))


def _estimate(
    measure: Callable[[np.ndarray, np.ndarray], float], pairs: Sequence[tuple[np.ndarray, np.ndarray]]
) -> Estimate:
    values = [measure(*pair) for pair in pairs]
    low, high = np.percentile(values[1:], _INTERVAL)
    return Estimate(values[0], float(low), float(high))


def _densities(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The densities of distances within the first set and between both, at the same places; each sums to 1."""
    within = np.abs(one[:, None] - one)[np.triu_indices(len(one), 1)]
    between = np.abs(one[:, None] - other).reshape(-1)
    widths = [_bandwidth(distances) for distances in (within, between)]
    widest = max(widths)
    top = max(float(within.max()), float(between.max()))
    if not widest and not top:  # all are the same
        same = np.zeros(_BINS)
        same[0] = 1
        return same, same
    widest = widest or top / _BINS
    edges = np.linspace(-_MARGIN * widest, top + _MARGIN * widest, _BINS + 1)
    found = []
    for distances, width in zip((within, between), widths, strict=True):
        counts = np.histogram(distances, edges)[0].astype(float)
        reach = (edges[1] - edges[0]) * np.arange(-(_BINS // 2), _BINS // 2 + 1)
        kernel = np.exp(-0.5 * (reach / max(width, edges[1] - edges[0])) ** 2)
        smooth = np.convolve(counts, kernel / kernel.sum(), mode='same')
        found.append(smooth[:_BINS] / smooth[:_BINS].sum())
    return found[0], found[1]


def _bandwidth(values: np.ndarray) -> float:
    """Scott's rule, as scipy.stats.gaussian_kde has it."""
    return float(values.std(ddof=1) * len(values) ** -0.2) if len(values) > 1 else 0.0


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.minimum(one, other).sum())


def _divergence(one: np.ndarray, other: np.ndarray) -> float:
    one, other = one + _LEAST, other + _LEAST
    return max(0.0, float((one * np.log(one / other)).sum()))
