"""Recordings to notes. The recordings are made here, of sines."""

import importlib.util
import io
from typing import Any

import numpy as np
import pytest
import soundfile

from solferino.hparams.errors import SolferinoError
from solferino.models.music.listening import decoding, posteriorgrams, transcription
from solferino.models.music.reading.remarks import DAMAGED, NOT_SOUND, TOO_LATE, Refused

SCALE = [60, 62, 64, 65, 67, 69, 71, 72]
FORMATS = ['WAV', 'MP3', 'FLAC', 'OGG']


def played(pitches: list[int], rate: int = 44100, apart: float = 0.5) -> np.ndarray:
    """Plucked tones, one every `apart` seconds from 0.3 s on, each for 0.45 s: float64 [samples]."""
    sound = np.zeros(round((0.5 + apart * len(pitches)) * rate))
    time = np.arange(round(0.45 * rate)) / rate
    shape = np.exp(-3 * time) * np.minimum(1, time / 0.005) * np.minimum(1, (0.45 - time) / 0.02)
    for number, pitch in enumerate(pitches):
        start = round((0.3 + apart * number) * rate)
        frequency = 440 * 2 ** ((pitch - 69) / 12)
        partials = [0.3 / k**2 * np.sin(2 * np.pi * frequency * k * time) for k in range(1, 6)]
        sound[start : start + len(time)] += np.sum(partials, axis=0) * shape
    return sound


def file(sound: np.ndarray, format: str = 'WAV', rate: int = 44100, **options: Any) -> bytes:
    content = io.BytesIO()
    soundfile.write(content, sound, rate, format=format, **options)
    return content.getvalue()


@pytest.mark.parametrize('format', FORMATS)
def test_a_scale_comes_back(format: str) -> None:
    music, is_silent = transcription.read(file(played(SCALE), format))
    assert music.notes.pitch.tolist() == SCALE and not is_silent
    assert np.abs(music.notes.start - (0.3 + 0.5 * np.arange(8))).max() < 0.02
    assert np.abs(music.notes.end - music.notes.start - 0.45).max() < 0.1
    assert music.total_time < 4.5 and music.tempos == [(0.0, 120.0)] and not music.metres


@pytest.mark.parametrize('rate, channels', [(8000, 1), (22050, 2), (48000, 6)])
def test_rate_and_channels_do_not_matter(rate: int, channels: int) -> None:
    sound = np.repeat(played(SCALE, rate)[:, None], channels, axis=1)
    assert transcription.read(file(sound, rate=rate))[0].notes.pitch.tolist() == SCALE


def test_times_stay_true_over_many_windows() -> None:
    music, _ = transcription.read(file(played(SCALE * 8, apart=1)))
    assert music.notes.pitch.tolist() == SCALE * 8
    assert np.abs(music.notes.start - (0.3 + np.arange(64))).max() < 0.02


@pytest.mark.parametrize('format', FORMATS)
def test_a_file_in_blocks_is_the_file(format: str) -> None:
    content = file(played(SCALE, decoding.RATE), format, decoding.RATE)
    whole = soundfile.read(io.BytesIO(content), dtype='float32')[0]
    assert len(whole) > 3 * decoding.BLOCK
    assert np.concatenate([*decoding.Recording(content).blocks()]) == pytest.approx(whole, abs=1e-6)


def test_blocks_do_not_matter() -> None:
    sound = played(SCALE, decoding.RATE).astype(np.float32)
    whole, cut = (posteriorgrams.listen(np.array_split(sound, parts)) for parts in (1, 7))
    assert (whole.frames == cut.frames).all() and (whole.onsets == cut.onsets).all()
    assert len(whole.frames) == -(-len(sound) // posteriorgrams.HOP)


@pytest.mark.parametrize('sound', [np.zeros(44100), np.zeros(0), np.full(44100, 1e-6)], ids=['zeros', 'none', 'faint'])
def test_silence_is_said(sound: np.ndarray) -> None:
    music, is_silent = transcription.read(file(sound, subtype='FLOAT'))
    assert is_silent and not len(music.notes.pitch)


def test_noise_has_no_notes() -> None:
    music, is_silent = transcription.read(file(np.random.default_rng(0).normal(0, 0.1, 44100)))
    assert not is_silent and not len(music.notes.pitch)


@pytest.mark.parametrize(
    'content, reason',
    [
        (b'no sound', NOT_SOUND),
        (file(played(SCALE))[:20], NOT_SOUND),
        (file(np.full(1000, np.nan), subtype='FLOAT'), DAMAGED),
        (file(np.full(1000, 1e30), subtype='FLOAT'), DAMAGED),
        (file(np.zeros(100000), rate=1), TOO_LATE),
        (file(np.zeros(1000), rate=1), DAMAGED),
    ],
    ids=['text', 'cut', 'nan', 'huge', 'long', 'slow'],
)
def test_what_is_no_sound_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        transcription.read(content)
    assert refused.value.reason == reason and '<' not in refused.value.detail


def test_a_damaged_recording_is_read_up_to_there() -> None:
    whole = file(played(SCALE), 'FLAC')
    music, _ = transcription.read(whole[: len(whole) // 2])
    heard = music.notes.pitch.tolist()
    assert 2 < len(heard) < 8 and heard == SCALE[: len(heard)]
    assert [remark.what for remark in music.remarks] == [transcription.CUT_SHORT]
    assert not transcription.read(whole)[0].remarks


def test_without_the_extra_a_sentence_tells_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    transcription.require()
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None if name == 'onnxruntime' else there(name))
    with pytest.raises(SolferinoError, match=r"--audio needs onnxruntime, .* pip install 'solferino\[audio\]'"):
        transcription.require()


def test_without_the_model_a_sentence_tells_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None if name == 'basic_pitch' else there(name))
    with pytest.raises(SolferinoError, match=r'pip install --no-deps basic-pitch==0\.4\.0'):
        transcription.require()
