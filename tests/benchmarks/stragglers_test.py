"""Simulated workers do the work that there is, and no more."""

import numpy as np
import stragglers
from hypothesis import given
from hypothesis import strategies as st


def test_the_next_free_worker_takes_the_next_unit():
    found = stragglers.outcome(np.array([5.0, 1, 1, 1, 4]), 2)
    assert found == stragglers.Outcome(ideal=6, makespan=7, dealt=10, longest=5)


@given(st.lists(st.floats(0.001, 100), min_size=1, max_size=50), st.integers(1, 12))
def test_grahams_bound(seconds, workers):
    """Graham 1966: in any order, the last ends at most one unit after all work shared equally."""
    found = stragglers.outcome(np.array(seconds), workers)
    least = max(found.ideal, found.longest)
    assert least * (1 - 1e-9) <= found.makespan <= (found.ideal + found.longest) * (1 + 1e-9)
    assert found.dealt >= least * (1 - 1e-9)


def test_units_are_of_neighbours_and_the_last_is_shorter():
    assert stragglers.unit_seconds(np.array([1.0, 2, 3, 4, 5]), 2).tolist() == [3, 7, 5]


def test_files_at_the_limit_are_as_many_as_asked():
    found = stragglers.simulated(np.array([0.001, 0.002]), 1_000_000, limit=60.0)
    assert [int((seconds == 60).sum()) for seconds in found.values()] == [0, 0, 1, 10, 100, 10]
    assert all(len(seconds) == 1_000_000 for seconds in found.values())
    *_, together = found.values()
    assert np.ptp(np.flatnonzero(together == 60)) == 9


def test_real_files_are_read(tmp_path):
    for name in ('a.mid', 'b.mid'):
        (tmp_path / name).write_bytes(b'no music')
    found = stragglers.read_seconds(sorted(tmp_path.iterdir()))
    assert found.shape == (2,)
    assert 0 < found.min() <= found.max() < 60
