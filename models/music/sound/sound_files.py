"""Sound as files: WAV, MP3, FLAC and Ogg Vorbis, without a program of the system's; the same sound, the same bytes."""

import io
import struct
from collections.abc import Iterator

import numpy as np

from solferino.models.music import extras
from solferino.models.music.sound.synthesis import SAMPLE_RATE

# Format -> libsndfile's names for it.
FORMATS = {
    'wav': ('WAV', 'PCM_16'),
    'mp3': ('MP3', 'MPEG_LAYER_III'),
    'flac': ('FLAC', 'PCM_16'),
    'ogg': ('OGG', 'VORBIS'),
}
_LOSSY = ('mp3', 'ogg')
_QUALITY = 0.3  # of 0, the best and largest, to 1
_BLOCK = 1 << 16  # frames: libsndfile crashes where two minutes are written as Vorbis at once


def encode(frames: np.ndarray, format: str) -> bytes:
    """Returns a file of a format, one of FORMATS, with sound: float32 [frames, 2], full scale 1, at SAMPLE_RATE."""
    soundfile = extras.load('soundfile', extras.SOUND)
    container, subtype = FORMATS[format]
    quality = {'compression_level': _QUALITY} if format in _LOSSY else {}
    file = io.BytesIO()
    with soundfile.SoundFile(file, 'w', SAMPLE_RATE, 2, subtype, format=container, **quality) as writer:
        for start in range(0, len(frames), _BLOCK):
            writer.write(frames[start : start + _BLOCK])
    data = file.getvalue()
    return _with_serial_number(data, 1) if format == 'ogg' else data


def decode(data: bytes) -> tuple[np.ndarray, int]:
    """Returns the sound of a file, float32 [frames, channels], and its sample rate."""
    frames, rate = extras.load('soundfile', extras.SOUND).read(io.BytesIO(data), dtype='float32', always_2d=True)
    return frames, rate


_PAGE = struct.Struct('<4sBBqIIIB')  # of Ogg (RFC 3533, section 6): capture pattern, version, type, position,
#                                      serial number, page number, checksum, number of segments
_CHECKSUM, _SERIAL = slice(22, 26), slice(14, 18)


def _with_serial_number(data: bytes, number: int) -> bytes:
    """Gives all pages of an Ogg stream this serial number; libsndfile's is another one each time."""
    return b''.join(_numbered(page, number) for page in _pages(data))


def _pages(data: bytes) -> Iterator[bytearray]:
    start = 0
    while start < len(data):
        segments = _PAGE.unpack_from(data, start)[-1]
        sizes = data[start + _PAGE.size : start + _PAGE.size + segments]
        end = start + _PAGE.size + segments + sum(sizes)
        yield bytearray(data[start:end])
        start = end


def _numbered(page: bytearray, number: int) -> bytes:
    page[_SERIAL] = struct.pack('<I', number)
    page[_CHECKSUM] = bytes(4)  # while it is computed
    checksum = 0
    for byte in page:
        checksum = (checksum << 8 & 0xFFFFFFFF) ^ _TABLE[checksum >> 24 ^ byte]
    page[_CHECKSUM] = struct.pack('<I', checksum)
    return bytes(page)


def _row(byte: int) -> int:
    row = byte << 24
    for _ in range(8):
        row = row << 1 ^ (0x04C11DB7 if row & 0x80000000 else 0)  # of the CRC-32 that Ogg has
    return row & 0xFFFFFFFF


_TABLE = [_row(byte) for byte in range(256)]
