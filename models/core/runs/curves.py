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
    found: dict[str, dict[int, float]] = {}
    for event in _events(path):
        if event.HasField('session_log') and event.session_log.status == event.session_log.START:
            for values in found.values():
                for step in [step for step in values if step >= event.step]:
                    del values[step]
        for value in event.summary.value:
            number = _number(value)
            if number is not None and math.isfinite(number):
                found.setdefault(value.tag, {})[event.step] = number
    return {tag: (sorted(v), [v[step] for step in sorted(v)]) for tag, v in sorted(found.items()) if v}


def _events(path: str) -> Iterator[Any]:
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto.event_pb2 import Event

    names = [path] if os.path.isfile(path) else _as_written(glob.glob(os.path.join(glob.escape(path), EVENTS + '*')))
    for name in names:
        try:
            for data in records.read(name):
                yield Event.FromString(data)
        except (SolferinoError, DecodeError):  # a run that still writes, or was killed, leaves half a record at the end
            continue


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
