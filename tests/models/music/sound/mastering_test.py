"""Loudness and limiting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solferino.models.music.sound import mastering
from solferino.models.music.sound.synthesis import SAMPLE_RATE

TIME = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
WAVE = np.stack([np.sin(2 * np.pi * 997 * TIME)] * 2, axis=1).astype(np.float32)


def test_loudness_is_that_of_the_standard() -> None:
    """EBU Tech 3341, case 1: a stereo sine of 1 kHz at -23 dBFS has -23 LUFS."""
    assert mastering.loudness(WAVE * np.float32(10 ** (-23 / 20))) == pytest.approx(-23, abs=0.1)


@pytest.mark.parametrize('gain', [1.0, 0.03, 1e-3])
def test_soft_and_loud_music_become_alike(gain: float) -> None:
    assert mastering.loudness(mastering.master(WAVE * np.float32(gain))) == pytest.approx(mastering.LOUDNESS, abs=0.1)


def test_peaks_are_lowered_and_what_is_far_from_them_is_left() -> None:
    frames = WAVE * np.float32(0.2)
    frames[SAMPLE_RATE] = 5
    limited = mastering.limit(frames)
    assert np.abs(limited).max() <= mastering.CEILING
    far = np.abs(np.arange(len(frames)) - SAMPLE_RATE) > 0.02 * SAMPLE_RATE
    assert np.array_equal(limited[far], frames[far])
    near = slice(SAMPLE_RATE - 100, SAMPLE_RATE)  # lowered smoothly, as it is, and not cut off
    assert np.corrcoef(limited[near, 0], frames[near, 0])[0, 1] > 0.95


def test_a_moment_of_sound_has_a_level_too() -> None:
    short = mastering.master(WAVE[:1000] * np.float32(1e-3))
    assert np.abs(short).max() == pytest.approx(mastering.CEILING / 2, rel=0.01)


@given(st.integers(0, 1 << 30), st.integers(1, 3000), st.floats(0.01, 1000))
def test_nothing_is_beyond_the_ceiling(seed: int, length: int, gain: float) -> None:
    frames = (np.random.default_rng(seed).standard_cauchy((length, 2)) * gain).astype(np.float32)
    assert np.abs(mastering.limit(frames)).max() <= mastering.CEILING
