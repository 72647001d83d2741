"""A soundfont made for tests, whose sounds are known exactly."""

import struct

import numpy as np
import pytest

RATE, PERIOD = 44_000, 100  # 440 Hz exactly
_SILENCE = np.zeros(46, '<i2')  # after each sample, as the specification asks


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack('<I', len(data)) + data + b'\0' * (len(data) % 2)


def _list(kind: bytes, *chunks: bytes) -> bytes:
    return _chunk(b'LIST', kind + b''.join(chunks))


def _name(text: str) -> bytes:
    return text.encode().ljust(20, b'\0')


def make_soundfont(sample_type: int = 1, release: float = 0.2) -> bytes:
    """Returns an SF2 file: program 0 is a sine wave, in tune at A4; each drum is a click of a tenth of a second.

    Args:
      sample_type: of its samples; 0x11 says that they are compressed, as in SF3.
      release: seconds in which a note dies away.
    """
    sine = np.sin(2 * np.pi * np.arange(PERIOD * 20) / PERIOD) * 20_000
    click = np.random.default_rng(1).uniform(-20_000, 20_000, RATE // 10) * np.exp(-np.arange(RATE // 10) / 400)
    waves = [wave.astype('<i2') for wave in (sine, click)]
    starts = [0, len(waves[0]) + len(_SILENCE)]
    samples = np.concatenate([waves[0], _SILENCE, waves[1], _SILENCE]).tobytes()
    headers = b''
    for name, start, wave, pitch in zip(('sine', 'click'), starts, waves, (69, 60), strict=True):
        end = start + len(wave)
        loop = start + PERIOD, end - PERIOD
        headers += _name(name) + struct.pack('<IIIIIBbHH', start, end, *loop, RATE, pitch, 0, 0, sample_type)
    timecents = round(1200 * np.log2(release))
    # Generators (section 8.1.2): sampleModes, here to loop, releaseVolEnv, sampleID; instrument, of a preset.
    zones = struct.pack('<HhHhHhHhHh', 54, 1, 38, timecents, 53, 0, 53, 1, 0, 0)
    presets = [('sine', 0, 0, 0), ('click', 0, 128, 1), ('EOP', 0, 0, 2)]
    parts = {
        b'phdr': b''.join(_name(n) + struct.pack('<HHHIII', p, bank, bag, 0, 0, 0) for n, p, bank, bag in presets),
        b'pbag': struct.pack('<6H', 0, 0, 1, 0, 2, 0),
        b'pmod': bytes(10),
        b'pgen': struct.pack('<HhHhHh', 41, 0, 41, 1, 0, 0),
        b'inst': b''.join(_name(n) + struct.pack('<H', bag) for bag, n in enumerate(('sine', 'click', 'EOI'))),
        b'ibag': struct.pack('<6H', 0, 0, 3, 0, 4, 0),
        b'imod': bytes(10),
        b'igen': zones,
        b'shdr': headers + _name('EOS') + bytes(26),
    }
    info = _list(b'INFO', _chunk(b'ifil', struct.pack('<HH', 2, 1)), _chunk(b'INAM', b'Test\0\0'))
    body = info + _list(b'sdta', _chunk(b'smpl', samples)) + _list(b'pdta', *map(_chunk, parts, parts.values()))
    return _chunk(b'RIFF', b'sfbk' + body)


@pytest.fixture(scope='session', name='make_soundfont')
def make_soundfont_fixture():
    """`make_soundfont`, for tests that want another."""
    return make_soundfont


@pytest.fixture(scope='session')
def soundfont() -> bytes:
    """A sine wave and clicks."""
    return make_soundfont()
