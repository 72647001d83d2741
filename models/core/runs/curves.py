"""The curves of a training run, as TensorBoard's files of events hold them."""

import glob
import math
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage import records

# Steps and values.
Curve = tuple[Sequence[int], Sequence[float]]
EVENTS = 'events.out.tfevents.'
TRAINING, EVALUATION = 'training', 'evaluation'
_SIDES = {'train': TRAINING, 'eval': EVALUATION}


def read(path: str) -> dict[str, dict[str, Curve]]:
    """The curves of a run directory, by quantity and side."""
    found: dict[str, dict[str, Curve]] = {}
    for folder, side in _SIDES.items():
        for tag, curve in of_events(os.path.join(path, folder)).items():
            found.setdefault(tag, {})[side] = curve
    return found


def is_event(data: bytes) -> bool:
    """Whether a record is the first of a file of TensorBoard's events."""
    return b'brain.Event:' in data[:64]


def of_events(path: str) -> dict[str, Curve]:
    """The numbers in a file or folder of events; of a step that a resumed run repeated, the newer ones."""
    numbers = _Numbers()
    names = [path] if os.path.isfile(path) else _files(path)
    for name in names:
        for _, event in _events(name):
            numbers.add(event)
    return numbers.curves()


class Follower:
    """The curves of a run directory that is written to: each call reads only what is new.

    Args:
      path: of the run directory; it may not be there yet.
    """

    def __init__(self, path: str):
        self._path = path
        self._numbers = {side: _Numbers() for side in _SIDES.values()}
        self._read: dict[str, int] = {}  # bytes, by file
        self._steps: list[tuple[float, int]] = []  # of training since the newest file began, with the time of each

    def read(self) -> dict[str, dict[str, Curve]]:
        """As `read` of the directory."""
        found: dict[str, dict[str, Curve]] = {}
        for folder, side in _SIDES.items():
            for name in _files(os.path.join(self._path, folder)):
                self._follow(name, side)
            for tag, curve in self._numbers[side].curves().items():
                found.setdefault(tag, {})[side] = curve
        return found

    def seconds_a_step(self) -> float | None:
        """How long a step of training took since it was begun or gone on with, with all that is done between steps."""
        if len(self._steps) < 2:
            return None
        (began, first), (now, last) = self._steps[0], self._steps[-1]
        return (now - began) / (last - first) if last > first else None

    def _follow(self, name: str, side: str) -> None:
        if name not in self._read and side == TRAINING:
            self._steps = []
        start = self._read.setdefault(name, 0)
        if os.path.getsize(name) == start:
            return
        for end, event in _events(name, start):
            self._read[name] = end
            self._numbers[side].add(event)
            if side == TRAINING and any(value.tag == 'loss' for value in event.summary.value):
                self._steps.append((event.wall_time, event.step))


class _Numbers:
    """By quantity and step."""

    def __init__(self) -> None:
        self._found: dict[str, dict[int, float]] = {}

    def add(self, event: Any) -> None:
        if event.HasField('session_log') and event.session_log.status == event.session_log.START:
            for values in self._found.values():
                for step in [step for step in values if step >= event.step]:
                    del values[step]
        for value in event.summary.value:
            number = _number(value)
            if number is not None and math.isfinite(number):
                self._found.setdefault(value.tag, {})[event.step] = number

    def curves(self) -> dict[str, Curve]:
        return {tag: (sorted(v), [v[step] for step in sorted(v)]) for tag, v in sorted(self._found.items()) if v}


def _events(path: str, start: int = 0) -> Iterator[tuple[int, Any]]:
    """Yields the events of a file from a byte on, each with the byte where it ends."""
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto.event_pb2 import Event

    try:
        for data in records.read(path, start):
            start = records.Span(start, len(data)).end
            yield start, Event.FromString(data)
    except (SolferinoError, DecodeError):  # a run that still writes, or was killed, leaves half a record at the end
        return


def _files(path: str) -> list[str]:
    return _as_written(glob.glob(os.path.join(glob.escape(path), EVENTS + '*')))


def _number(value: Any) -> float | None:
    if value.HasField('simple_value'):
        return value.simple_value
    # The newer form: a tensor of one float.
    if value.HasField('tensor') and value.tensor.dtype == 1 and not value.tensor.tensor_shape.dim:
        content = value.tensor.tensor_content
        return (
            float(np.frombuffer(content, '<f4')[0]) if len(content) == 4 else next(iter(value.tensor.float_val), None)
        )
    return None


def _as_written(paths: list[str]) -> list[str]:
    """Files of events in the order of their making: their names count seconds, and files, without leading zeros."""
    return sorted(paths, key=lambda path: [int(number) for number in re.findall(r'\d+', os.path.basename(path))])
