"""Loudness: all music as loud as other music, and none of it clipped."""

import math

import numpy as np

from solferino.models.music import extras
from solferino.models.music.sound.synthesis import SAMPLE_RATE

LOUDNESS = -18.0  # LUFS: what ITU-R BS.1770-4 measures; leaves room for a drum set's peaks
CEILING = 0.84  # of full scale, -1.5 dB: decoders of lossy files overshoot by less
_WINDOW = round(0.005 * SAMPLE_RATE)  # frames in which the limiter gives way before a peak, and after it
_SHORTEST = 0.4  # seconds that BS.1770 measures at a time
_MOST_GAIN = 1000.0  # what is softer still is hardly music


def master(frames: np.ndarray) -> np.ndarray:
    """Returns sound, float32 [frames, 2], at the loudness LOUDNESS and nowhere above CEILING.

    Sound too short to be measured has its highest sample at half the ceiling.
    """
    measured = loudness(frames)
    if math.isfinite(measured):
        gain = 10 ** ((LOUDNESS - measured) / 20)
    else:
        gain = 0.5 * CEILING / max(float(np.abs(frames).max()), 1e-9)
    return limit(frames * np.float32(min(gain, _MOST_GAIN)))


def loudness(frames: np.ndarray) -> float:
    """The integrated loudness in LUFS; minus infinity for what is too short to be measured, or silent."""
    if len(frames) < _SHORTEST * SAMPLE_RATE:
        return -math.inf
    sonare = extras.load('libsonare', extras.SOUND)
    measured = sonare.lufs_interleaved(frames.reshape(-1), 2, SAMPLE_RATE).integrated_lufs
    return float(measured) if measured > -70 else -math.inf  # BS.1770's gate: below it is silence


def limit(frames: np.ndarray) -> np.ndarray:
    """Lowers the sound around samples beyond CEILING, smoothly, so that none is left.

    The gain of a frame is the mean, over a window, of the lowest gains in windows around it: each of these has seen
    this frame, so that the mean is not above what the frame needs.
    """
    ndimage = extras.load('scipy.ndimage', extras.SOUND)
    peaks = np.abs(frames).max(axis=1)
    if peaks.max() <= CEILING:
        return frames
    needed = CEILING / np.maximum(peaks.astype(np.float64), CEILING)
    size = 2 * _WINDOW + 1
    gains = ndimage.uniform_filter1d(ndimage.minimum_filter1d(needed, size, mode='nearest'), size, mode='nearest')
    return np.clip(frames * gains[:, None].astype(np.float32), -CEILING, CEILING)
