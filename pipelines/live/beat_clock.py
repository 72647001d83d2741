"""Quarters and seconds: at a tempo of our own, or as another device's MIDI clock has it.

Seconds are those of any clock that does not jump, the same for all calls; tests count them themselves.
"""

import collections
import math
from typing import Protocol

PULSES = 24  # MIDI clocks in a quarter (MIDI 1.0, system real time messages)
_PULSES_IN_SIXTEENTH = 6  # the unit of song position pointers
_WINDOW = PULSES + 1  # clocks, over which the tempo is a straight line
_JITTER = 0.005  # seconds by which a clock may be off before it is a new tempo; USB has some milliseconds
_AFTER_CHANGE = 4  # clocks of a new tempo, about as many as it takes to notice it
_LOST = 1.0  # seconds without a clock after which there is none


class BeatClock(Protocol):
    """Where in the music a moment is.

    Attributes:
      running: whether music goes on; nothing is due while it does not.
      qpm: quarters a minute.
    """

    @property
    def running(self) -> bool: ...

    @property
    def qpm(self) -> float: ...

    def quarters(self, now: float) -> float:
        """Quarters since the beginning, at a time in seconds."""

    def time(self, quarters: float) -> float:
        """The inverse of `quarters`, as far as is known now."""


class TempoClock:
    """A tempo of our own. See BeatClock. The first bar begins at `now`."""

    running = True

    def __init__(self, qpm: float, now: float) -> None:
        self.qpm = qpm
        self._since = now, 0.0  # seconds and quarters at the last change of tempo

    def quarters(self, now: float) -> float:
        """See BeatClock."""
        seconds, quarters = self._since
        return quarters + (now - seconds) * self.qpm / 60

    def time(self, quarters: float) -> float:
        """See BeatClock."""
        seconds, before = self._since
        return seconds + (quarters - before) * 60 / self.qpm

    def change(self, qpm: float, now: float) -> None:
        """Goes on at another tempo from here; no quarter is lost or played twice."""
        self._since = now, self.quarters(now)
        self.qpm = qpm


class MidiClock:
    """The clock of another device. See BeatClock.

    Quarters are counted by its clocks from its last start; between two of them they are interpolated by a straight line
    through the last quarter's, so that clocks that come late or early by milliseconds move nothing by as much.

    Args:
      qpm: the tempo until two clocks have come.
    """

    def __init__(self, qpm: float = 120.0) -> None:
        self.running = False
        self._period = 60 / qpm / PULSES  # seconds
        self._times: collections.deque[float] = collections.deque(maxlen=_WINDOW)
        self._pulse = -1  # the number of the last clock since the beginning of the song
        self._fitted = 0.0  # when it came, without its jitter
        self._started = False

    @property
    def qpm(self) -> float:
        """See BeatClock."""
        return 60 / self._period / PULSES

    def quarters(self, now: float) -> float:
        """See BeatClock."""
        return (self._pulse + (now - self._fitted) / self._period) / PULSES

    def time(self, quarters: float) -> float:
        """See BeatClock."""
        return self._fitted + (quarters * PULSES - self._pulse) * self._period

    def receive(self, kind: str, now: float, position: int = 0) -> None:
        """Takes a message, by mido's name of its type: clock, start, continue, stop, or songpos with its position.

        The first clock after start is the beginning; after continue it is where stop was.
        """
        if kind == 'clock':
            self._take_clock(now)
        elif kind in ('start', 'continue'):
            if kind == 'start':
                self._pulse = -1
            self._started, self.running = True, False
            self._times.clear()  # many devices begin a new row of clocks
        elif kind == 'stop':
            self._started = self.running = False
        elif kind == 'songpos' and not self._started:
            self._pulse = position * _PULSES_IN_SIXTEENTH - 1

    def expire(self, now: float) -> bool:
        """Stops, and returns True, if no clock has come for so long that there is none."""
        if not self.running or now - self._times[-1] < max(_LOST, 4 * self._period):
            return False
        self.running = self._started = False
        return True

    def _take_clock(self, now: float) -> None:
        if self._started:
            self._pulse += 1
            self.running = True
        if self._times:
            expected = self._fitted + self._period
            if abs(now - expected) > _JITTER:
                recent = list(self._times)[1 - _AFTER_CHANGE :]
                self._times.clear()
                if now - recent[-1] < _LOST:  # else the other device paused
                    self._times.extend(recent)
        self._times.append(now)
        self._fit()

    def _fit(self) -> None:
        """A straight line through the times of the last clocks, by least squares: its slope, and where it is now."""
        count = len(self._times)
        if count == 1:
            self._fitted = self._times[0]
            return
        middle, mean = (count - 1) / 2, math.fsum(self._times) / count
        spread = math.fsum((k - middle) ** 2 for k in range(count))
        slope = math.fsum((k - middle) * (time - mean) for k, time in enumerate(self._times)) / spread
        if slope > 0:  # two clocks in a burst say nothing
            self._period = slope
        self._fitted = mean + (count - 1 - middle) * self._period
