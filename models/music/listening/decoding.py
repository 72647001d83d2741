"""Sound files to samples: mono, at the network's rate, block by block, so that memory does not grow with the length."""

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from solferino.models.music import extras
from solferino.models.music.reading.remarks import DAMAGED, NOT_SOUND, TOO_LATE, Refused

Samples = npt.NDArray[np.float32]

RATE = 22050  # samples a second

_SLOWEST = 1000  # samples a second: less is damage, and would be hours of work
_MOST_SECONDS = 24 * 60 * 60
BLOCK = 1 << 14  # samples of all channels that are decoded at once; where one is damaged, all are lost
_LOUDEST = 1e6  # full scale is 1; what is far beyond is damage


class Recording:
    """A sound file. `damage` says after reading why its rest cannot be decoded, or ''."""

    def __init__(self, content: bytes):
        self._content = content
        self.damage = ''

    def blocks(self) -> Iterator[Samples]:
        """Yields the samples, the mean of the channels, float32 arrays [n] at RATE, up to the end or to damage.

        Raises Refused if it is no sound file, damaged from the beginning, or longer than a day.
        """
        import soundfile
        import soxr

        class Stream(soundfile.SoundFile):
            """Read from beginning to end. Soundfile seeks after each block otherwise, which MP3 is disturbed by."""

            def seekable(self) -> bool:
                return False

        try:
            with extras.quiet():  # libmpg123 warns of what it then reads
                file = Stream(io.BytesIO(self._content))
        except soundfile.LibsndfileError as error:
            raise Refused(NOT_SOUND, _said(error)) from None
        with file:
            if file.frames > _MOST_SECONDS * file.samplerate:
                raise Refused(TOO_LATE, f'{file.frames / file.samplerate / 3600:,.0f} hours')
            if file.samplerate < _SLOWEST:
                raise Refused(DAMAGED, f'it says that it has {file.samplerate} samples a second')
            resampler = soxr.ResampleStream(file.samplerate, RATE, 1, dtype='float32')
            read = 0
            while True:
                block = self._block(file, max(1, BLOCK // file.channels))
                read += len(block)
                if self.damage and not read:
                    raise Refused(DAMAGED, self.damage)
                yield resampler.resample_chunk(block, last=not len(block))
                if not len(block):
                    return

    def _block(self, file: Any, frames: int) -> Samples:
        """The next samples at the file's rate; none at the end, or where the damage begins."""
        try:
            with extras.quiet():
                block: Samples = file.read(frames, dtype='float32', always_2d=True).mean(axis=1)
        except RuntimeError as error:  # soundfile's
            self.damage = _said(error)
            return np.zeros(0, np.float32)
        if (np.abs(block) < _LOUDEST).all():  # nan is not
            return block
        self.damage = 'it has samples that are no sound'
        return np.zeros(0, np.float32)


def _said(error: Exception) -> str:
    """libsndfile's words, without the address of the object that stands for the file."""
    said = str(error).rpartition('>: ')[2]
    if 'malloc' in said:
        raise MemoryError
    return said or 'its samples cannot be decoded'
