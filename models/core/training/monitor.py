"""Reports of training and evaluation: means over batches, tables, TensorBoard events.

The scalars have Magenta's names: 'loss', 'metrics/perplexity', 'metrics/accuracy', ... Metrics of
training are means since the last summary, with each batch weighted by its size.
"""

import io
import itertools
import os
import socket
import time
import wave
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DT_STRING
from tensorboard.plugins.hparams import summary_v2

from solferino.hparams import system_errors
from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage import records

# The metric that counts events: reported as a rate, not as a mean.
EVENTS = 'events'
# What the trainer reports in addition to the model's metrics.
DESCRIPTIONS = {
    'gradient_norm': 'The length of the gradient before it is clipped; if it leaps, lower the learning rate.',
    'events_per_second': 'How fast training is: events learned from in a second.',
    'global_step/sec': 'How fast training is: steps in a second.',
    'learning_rate': "The optimizer's learning rate.",
    'temperature/recommended': 'The temperature at which generated music is most like the music held out.',
    'temperature/distance': 'How far it is from it at that temperature.',
    'generated': 'Music that the model makes at this step, always from the same seed.',
    'generated_sound': 'The beginning of the same music, to be heard.',
}
# What TensorBoard compares runs by.
COMPARED = ('loss', 'temperature/distance')
_NUMBERS = itertools.count()  # of the files of this process
_BINS = 30
_LONGEST = 200  # characters of a setting, such as a vocabulary


class Meter:
    """Adds up the metrics of batches."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[float, float]] = {}

    def add(self, metrics: Mapping[str, tuple[float, float]]) -> None:
        """Adds (sum, weight) by name."""
        for name, (total, weight) in metrics.items():
            before = self._sums.get(name, (0.0, 0.0))
            self._sums[name] = (before[0] + total, before[1] + weight)

    def total(self, name: str) -> float:
        """The sum of a metric that is a count."""
        return self._sums.get(name, (0.0, 0.0))[0]

    def means(self) -> dict[str, float]:
        """Sum / weight by name, without counts and without metrics of weight 0."""
        return {name: total / weight for name, (total, weight) in self._sums.items() if weight and name != EVENTS}


class UnwritableError(SolferinoError):
    """Events cannot be written; the message says why. The trainer saves a checkpoint first."""


class Board:
    """Writes TensorBoard events into a directory, in the plain format that every version of TensorBoard reads.

    An event is in the file when the call returns. TensorBoard's own writer uses a thread, whose errors come later, with
    a traceback.

    Args:
      directory: made if missing.
      step: the step that the run resumes from, None for a new one; TensorBoard drops later events, of a run that was
        interrupted.
      descriptions: what the values mean, by name, in addition to DESCRIPTIONS.
    """

    def __init__(self, directory: str, step: int | None = None, descriptions: Mapping[str, str] | None = None) -> None:
        self._descriptions = DESCRIPTIONS | dict(descriptions or {})  # those that are still to be written
        name = f'events.out.tfevents.{int(time.time()):010}.{socket.gethostname()}.{os.getpid()}.{next(_NUMBERS)}'
        self._path = os.path.join(directory, name)
        try:
            os.makedirs(directory, exist_ok=True)
            self._file = io.FileIO(self._path, 'x')
        except OSError as error:
            raise self._unwritable(error) from error
        self._add(0, file_version='brain.Event:2')
        if step is not None:
            self._add(step + 1, session_log=SessionLog(status=SessionLog.START))

    def __enter__(self) -> 'Board':
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Writes named numbers."""
        self._add(step, summary=Summary(value=[self._value(k, simple_value=v) for k, v in values.items()]))

    def picture(self, step: int, name: str, figure: Any) -> None:
        """Writes a matplotlib Figure."""
        png = io.BytesIO()
        figure.savefig(png, format='png')
        width, height = (int(size) for size in figure.get_size_inches() * figure.dpi)
        image = Summary.Image(height=height, width=width, colorspace=4, encoded_image_string=png.getvalue())
        self._add(step, summary=Summary(value=[self._value(name, image=image)]))

    def sound(self, step: int, name: str, samples: np.ndarray, rate: int) -> None:
        """Writes sound, int16 [frames] at so many a second."""
        file = io.BytesIO()
        with wave.open(file, 'wb') as writer:
            writer.setnchannels(1)
            writer.setsampwidth(samples.itemsize)
            writer.setframerate(rate)
            writer.writeframes(samples.tobytes())
        audio = Summary.Audio(
            sample_rate=rate, num_channels=1, length_frames=len(samples), encoded_audio_string=file.getvalue(),
            content_type='audio/wav',
        )  # fmt: skip
        self._add(step, summary=Summary(value=[self._value(name, audio=audio)]))

    def text(self, step: int, name: str, markdown: str) -> None:
        """Writes a text, which TensorBoard shows under TEXT."""
        metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name='text'))
        tensor = TensorProto(dtype=DT_STRING, string_val=[markdown.encode()])
        self._add(step, summary=Summary(value=[Summary.Value(tag=name, tensor=tensor, metadata=metadata)]))

    def hparams(self, values: Mapping[str, Any], name: str) -> None:
        """Writes the settings of a run, which TensorBoard compares under HPARAMS with those of other runs.

        Args:
          values: which may be nested mappings.
          name: of the run; what is written again under a name is the same run.
        """
        kept = {key: value if isinstance(value, (int, float)) else _shown(value) for key, value in leaves(values)}
        kinds = [summary_v2.HParam(key) for key in kept]
        metrics = [summary_v2.Metric(tag) for tag in COMPARED]
        self._add(0, summary=summary_v2.hparams_config_pb(kinds, metrics))
        self._add(0, summary=summary_v2.hparams_pb(kept, name))

    def histogram(self, step: int, name: str, values: np.ndarray) -> None:
        """Writes a histogram of the finite values, if there are any."""
        values = values[np.isfinite(values)].astype(np.float64)
        if not values.size:
            return
        counts, edges = np.histogram(values, bins=_BINS)
        histogram = HistogramProto(
            min=values.min(), max=values.max(), num=values.size, sum=values.sum(), sum_squares=np.square(values).sum()
        )
        histogram.bucket_limit.extend(edges[1:].tolist())
        histogram.bucket.extend(counts.tolist())
        self._add(step, summary=Summary(value=[self._value(name, histo=histogram)]))

    def _value(self, name: str, **content: Any) -> Summary.Value:
        """A value, with its description if it is the first of that name: TensorBoard reads no other."""
        description = self._descriptions.pop(name, '')
        metadata = SummaryMetadata(summary_description=description) if description else None
        return Summary.Value(tag=name, metadata=metadata, **content)

    def _add(self, step: int, **content: Any) -> None:
        frame = memoryview(records.frame(Event(wall_time=time.time(), step=step, **content).SerializeToString()))
        try:
            while frame:
                frame = frame[self._file.write(frame) :]
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> UnwritableError:
        return UnwritableError(
            f'{self._path} cannot be written: {error.strerror}. {system_errors.advice(error)} The same command goes on '
            'from the last checkpoint.'
        )


def settings_table(values: Mapping[str, Any]) -> str:
    """Returns names and values, which may be nested mappings, as a Markdown table."""
    rows = (f'| {name} | {_shown(value)} |' for name, value in leaves(values))
    return '\n'.join(['| setting | value |', '| --- | --- |', *rows])


def leaves(values: Mapping[str, Any], prefix: str = '') -> Iterator[tuple[str, Any]]:
    """Yields ('hparams.batch_size', 64) and so on."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f'{prefix}{name}.')
        else:
            yield prefix + name, value


def _shown(value: Any) -> str:
    """A setting as text; a long one is cut."""
    text = ', '.join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    text = text.replace('|', r'\|')
    return text if len(text) <= _LONGEST else f'{text[:_LONGEST]} ...'


def table(title: str, values: Mapping[str, float]) -> str:
    """Returns `values` as lines of text below a title."""
    width = max(map(len, values), default=0)
    return '\n'.join([title, *(f'  {name:<{width}}  {value:.4f}' for name, value in values.items())])
