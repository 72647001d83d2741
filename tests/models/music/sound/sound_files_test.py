"""Files of sound."""

import numpy as np
import pytest

from solferino.models.music.sound import sound_files
from solferino.models.music.sound.synthesis import SAMPLE_RATE

TIME = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
WAVE = (np.sin(2 * np.pi * 440 * TIME)[:, None] * [0.5, 0.25]).astype(np.float32)


@pytest.mark.parametrize(
    'format, start, error',
    [('wav', b'RIFF', 4e-5), ('flac', b'fLaC', 4e-5), ('ogg', b'OggS', 0.02), ('mp3', b'', 0.02)],
)
def test_a_file_decoded_is_the_sound_that_it_was_made_of(format: str, start: bytes, error: float) -> None:
    data = sound_files.encode(WAVE, format)
    assert data.startswith(start) and data == sound_files.encode(WAVE, format)
    frames, rate = sound_files.decode(data)
    assert rate == SAMPLE_RATE and frames.shape == WAVE.shape
    middle = slice(SAMPLE_RATE // 10, -SAMPLE_RATE // 10)
    assert np.abs(frames - WAVE)[middle].max() < error


def test_long_music_as_ogg() -> None:
    """One call of libsndfile for two minutes of it crashed the interpreter."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (150 * SAMPLE_RATE, 2)).astype(np.float32)
    frames, _ = sound_files.decode(sound_files.encode(noise, 'ogg'))
    assert len(frames) == len(noise)
