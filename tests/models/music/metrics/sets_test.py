"""How far two sets of music are apart."""

import math

import numpy as np
import pytest

from solferino.models.music.metrics import sets


def test_sets_of_one_source_overlap_and_others_do_not() -> None:
    rng = np.random.default_rng(0)
    one, alike, apart = rng.normal(0, 1, 300), rng.normal(0, 1, 300), rng.normal(6, 1, 300)
    near, far = sets.compare(one, alike), sets.compare(one, apart)
    assert near is not None and far is not None
    assert near.overlap.value > 0.95 and near.divergence.value < 0.01
    assert far.overlap.value < 0.1 and far.divergence.value > 2
    for found in (near.overlap, near.divergence, far.overlap, far.divergence):
        assert found.low <= found.high
    assert near.overlap.low <= near.overlap.value
    assert sets.compare(one, alike) == near  # of the same seed


def test_the_overlap_is_that_of_kernel_densities() -> None:
    stats = pytest.importorskip('scipy.stats', reason='scipy is not installed')
    rng = np.random.default_rng(1)
    one, other = rng.normal(0, 1, 60), rng.normal(1, 2, 50)
    within = np.abs(one[:, None] - one)[np.triu_indices(60, 1)]
    between = np.abs(one[:, None] - other).reshape(-1)
    places = np.linspace(-5, 15, 4000)
    densities = [stats.gaussian_kde(distances)(places) for distances in (within, between)]
    expected = float(np.minimum(*densities).sum() * (places[1] - places[0]))
    found = sets.compare(one, other)
    assert found is not None
    assert found.overlap.value == pytest.approx(expected, abs=0.01)


def test_values_that_are_all_the_same() -> None:
    found = sets.compare([1.0] * 5, [1.0] * 4)
    assert found is not None and found.overlap.value == pytest.approx(1) and found.divergence.value == 0
    found = sets.compare([1.0] * 5, [2.0] * 4)
    assert found is not None and found.overlap.value < 0.05
    assert sets.compare([1.0, math.nan], [1.0, 2.0]) is None
