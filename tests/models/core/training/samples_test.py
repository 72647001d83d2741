"""What a model makes while it is trained, in TensorBoard."""

import dataclasses
import io
import logging
import math
import wave
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from note_seq.protobuf import music_pb2
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator

from solferino.models.core.training import monitor, samples
from solferino.models.music import extras


@dataclasses.dataclass(frozen=True)
class _Options:
    seed: int = 0


class _Family:
    """Plays the step's weights: a note of so many seconds, or none."""

    spec = SimpleNamespace(generation=_Options())

    def generate(self, weights: Any, config: Any, primers: Any, options: _Options) -> list[music_pb2.NoteSequence]:
        assert options.seed == 7
        sequence = music_pb2.NoteSequence(total_time=weights)
        if weights:
            sequence.notes.add(pitch=69, velocity=100, end_time=weights)
        return [sequence]

    def draw(self, sequence: Any, config: Any) -> Figure:
        return Figure(figsize=(2, 1), dpi=50)

    def plots(self, config: Any) -> tuple[str, ...]:
        return ()


def _show(tmp_path: Path, *seconds: float) -> EventAccumulator:
    with monitor.Board(str(tmp_path)) as board:
        shown = samples.Samples(board, 7)
        for step, length in enumerate(seconds):
            shown.show(_Family(), None, SimpleNamespace(weights=length, step=step))  # type: ignore[arg-type]
    return EventAccumulator(str(tmp_path)).Reload()


def test_a_sample_is_seen_and_heard(tmp_path: Path) -> None:
    read = _show(tmp_path, 2.0, 2.0)
    assert [event.step for event in read.Tensors(samples.NAME)] == [0, 1]
    (event,) = read.Tensors(samples.SOUND)  # the second comes too soon
    with wave.open(io.BytesIO(event.tensor_proto.string_val[0])) as file:
        rate, heard = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), '<i2')
    assert 2.0 <= len(heard) / rate <= 8.0
    spectrum = np.abs(np.fft.rfft(heard[rate // 2 : rate * 3 // 2] * np.hanning(rate)))
    assert abs(spectrum[: rate // 4].argmax() - 440) <= 1  # A4


def test_silence_and_a_missing_package_are_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    read = _show(tmp_path / 'silence', 0.0)
    assert samples.SOUND not in read.Tags()['tensors']
    assert 'No sound of a generated track at step 0' in caplog.text
    monkeypatch.setattr(extras.importlib, 'import_module', lambda name: (_ for _ in ()).throw(ImportError(name)))
    read = _show(tmp_path / 'missing', 1.0, 1.0)
    assert len(read.Tensors(samples.NAME)) == 2
    assert caplog.text.count('TensorBoard has no sound') == 1


def test_long_music_is_cut() -> None:
    sequence = music_pb2.NoteSequence(total_time=100.0)
    for start in range(100):
        sequence.notes.add(pitch=60, velocity=80, start_time=start, end_time=start + 1.5)
    cut = samples._beginning(sequence)
    assert len(cut.notes) == 15 and math.isclose(max(note.end_time for note in cut.notes), 15.0)
    assert len(sequence.notes) == 100
