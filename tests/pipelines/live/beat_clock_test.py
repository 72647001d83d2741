import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solferino.pipelines.live.beat_clock import PULSES, MidiClock, TempoClock


def test_a_tempo_of_our_own_changes_where_it_is():
    clock = TempoClock(60.0, 100.0)
    assert clock.quarters(103.0) == 3.0
    clock.change(120.0, 103.0)
    assert (clock.quarters(103.0), clock.quarters(104.0), clock.time(5.0), clock.qpm) == (3.0, 5.0, 104.0, 120.0)


@given(st.lists(st.tuples(st.floats(0.01, 20), st.floats(20, 400)), max_size=20), st.floats(0, 1e5))
def test_changes_of_tempo_lose_no_time(changes, begin):
    clock, now, quarters = TempoClock(120.0, begin), begin, 0.0
    for seconds, qpm in changes:
        quarters += seconds * clock.qpm / 60
        now += seconds
        clock.change(qpm, now)
        assert clock.quarters(now) == pytest.approx(quarters, abs=1e-5)
        assert clock.time(clock.quarters(now + 1)) == pytest.approx(now + 1, abs=1e-6)


def started(qpm=120.0):
    clock = MidiClock(qpm)
    clock.receive('start', 0.0)
    return clock


@given(st.floats(20, 400), st.floats(0, 0.002), st.integers(0, 1000))
def test_a_clock_that_trembles_is_followed(qpm, jitter, seed):
    """To within the greatest errors that the slope and the end of a line by least squares can have."""
    rng, period = random.Random(seed), 60 / qpm / PULSES
    clock = started()
    for k in range(4 * PULSES):
        clock.receive('clock', 1 + k * period + rng.uniform(-jitter, jitter))
    last = 1 + (4 * PULSES - 1) * period
    assert 60 / clock.qpm / PULSES == pytest.approx(period, abs=3 * jitter / PULSES + 1e-9)
    assert clock.time(4.0 - 1 / PULSES) == pytest.approx(last, abs=2.5 * jitter + 1e-9)


def test_what_follows_a_clock_that_trembles_trembles_less():
    rng, clock, jitter, errors = random.Random(1), started(), 0.003, []
    for k in range(500):
        clock.receive('clock', 1 + k / 48 + rng.uniform(-jitter, jitter))
        if k > PULSES:
            errors.append(clock.time((k + 1) / PULSES) - (1 + (k + 1) / 48))  # of the next, which has not come
    assert math.hypot(*errors) / len(errors) ** 0.5 < 0.5 * jitter / 3**0.5


def test_the_tempo_of_the_clock_is_followed_where_it_changes():
    clock, now = started(), 1.0
    for qpm in 120, 90, 180, 60:
        for _ in range(2 * PULSES):
            clock.receive('clock', now)
            now += 60 / qpm / PULSES
        assert clock.qpm == pytest.approx(qpm, rel=1e-3)
    assert clock.quarters(now) == pytest.approx(8.0, abs=1e-3)


def test_start_stop_continue_and_song_position():
    clock = MidiClock()
    for k in range(24):  # many devices send clocks all the time
        clock.receive('clock', k * 0.02)
    assert not clock.running and clock.qpm == pytest.approx(125)
    clock.receive('start', 0.49)
    assert not clock.running  # the first clock is the beginning
    for k in range(48):
        clock.receive('clock', 0.5 + k * 0.02)
    assert clock.running and clock.quarters(0.5) == pytest.approx(0.0)
    clock.receive('songpos', 1.45, 99)  # which nobody sends while it runs
    clock.receive('stop', 1.45)
    assert not clock.running
    clock.receive('continue', 3.0)
    clock.receive('clock', 3.01)
    assert clock.quarters(3.01) == pytest.approx(2.0)
    clock.receive('stop', 3.02)
    clock.receive('songpos', 3.03, 16)  # sixteenths
    clock.receive('continue', 3.04)
    clock.receive('clock', 3.05)
    assert clock.quarters(3.05) == pytest.approx(4.0)
    clock.receive('stop', 3.06)
    clock.receive('start', 4.0)
    clock.receive('clock', 4.01)
    assert clock.quarters(4.01) == pytest.approx(0.0)


def test_a_start_while_it_runs_begins_anew():
    clock = started()
    for k in range(10):
        clock.receive('clock', 1 + k * 0.02)
    clock.receive('start', 1.19)
    assert not clock.running and not clock.expire(1.19)
    clock.receive('clock', 1.2)
    assert clock.running and clock.quarters(1.2) == pytest.approx(0.0)


def test_a_clock_that_does_not_come_is_lost():
    clock = started()
    assert not clock.expire(100.0)
    for k in range(10):
        clock.receive('clock', 1 + k * 0.02)
    assert not clock.expire(1.5) and clock.running
    assert clock.expire(3.0) and not clock.running
    assert not clock.expire(4.0)


def test_clocks_in_a_burst_stop_nothing():
    clock = started()
    for now in 1.0, 1.0, 1.0, 1.02, 1.02, 1.04:
        clock.receive('clock', now)
        assert clock.qpm > 0
        clock.quarters(now)
