"""Sound on the machine's own sound device, by miniaudio."""

import contextlib
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

import numpy as np

from solferino.models.music import extras
from solferino.models.music.sound.synthesis import SAMPLE_RATE

SILENT_BACKENDS = ('NULL', 'CUSTOM')  # miniaudio would play to no one where there is nothing else
_PERIOD = 0.1  # seconds between two looks at how far it is
_BUFFER = 200  # milliseconds of sound that the device holds
_FULL_SCALE = 32767


class NoDeviceError(Exception):
    """This machine has no sound device, or none that can be used; the message is what the system said."""


@contextlib.contextmanager
def opened() -> Iterator[Any]:
    """Opens the sound device. Raises NoDeviceError, and SolferinoError where miniaudio is not installed."""
    miniaudio = extras.load('miniaudio', extras.SOUND)
    backends = [backend for backend in miniaudio.Backend if backend.name not in SILENT_BACKENDS]
    try:
        with extras.quiet():
            device = miniaudio.PlaybackDevice(
                nchannels=2, sample_rate=SAMPLE_RATE, buffersize_msec=_BUFFER, backends=backends
            )
    except miniaudio.MiniaudioError as error:
        raise NoDeviceError(' '.join(str(part) for part in error.args)) from None
    try:
        yield device
    finally:
        with extras.quiet():
            device.close()


def play(device: Any, frames: np.ndarray, tell: Callable[[float], None]) -> None:
    """Plays sound, float32 [frames, 2] of full scale 1, to its end.

    Args:
      device: see `opened`.
      frames: at SAMPLE_RATE.
      tell: called some times a second with the seconds that were played; what it raises ends the sound.
    """
    samples = np.round(np.clip(frames, -1, 1) * _FULL_SCALE).astype(np.int16)
    place = 0

    def fetch() -> Generator[Any, int, None]:
        nonlocal place
        wanted = yield b''
        while place < len(samples):
            block = samples[place : place + wanted]
            place += len(block)
            wanted = yield block

    source = fetch()
    next(source)
    device.start(source)
    try:
        while place < len(samples):
            tell(place / SAMPLE_RATE)
            time.sleep(_PERIOD)
        time.sleep(_BUFFER / 1000)  # what the device still holds
        tell(len(samples) / SAMPLE_RATE)
    finally:
        device.stop()
