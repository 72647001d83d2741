"""The metrics command on real and damaged music."""

import functools
import json
from pathlib import Path

import pytest
from note_seq.protobuf import music_pb2

from solferino.bin import solferino_metrics
from solferino.models.core.generation.midi_files import write_midi
from solferino.models.music.metrics import all_metrics
from tests.bin.typed import typed

_run = functools.partial(typed, solferino_metrics)


def test_chorales_beside_grooves(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chorales = str(shared / 'data/chorales/jsb_midi/jsb_train_00*.mid')
    melodies = str(shared / 'data/melodies/hymn_soprano/A*.mid')
    out = tmp_path / 'all.json'
    assert _run(chorales, melodies, chorales, f'--output={out}') == 0
    text = capsys.readouterr().out
    assert '10 pieces of' in text and 'overlap' in text
    (polyphony,) = [line for line in text.splitlines() if line.startswith('pitches at once')]
    found = json.loads(out.read_text())
    assert set(found['metrics']) == set(all_metrics.TITLES)
    first, other, again = found['metrics']['polyphony']
    assert first['mean'][0] > 3.5 and 0.9 < other['mean'][0] < 1.1
    assert f'{first["mean"][0]:.3g}' in polyphony
    assert other['overlap'][0] < 0.3 and again['overlap'][0] > 0.8
    assert found['metrics']['drum_in_pattern_rate'][0]['values'] == [None] * 10
    assert 'drums' not in text and 'repetition' not in text


def test_structure_is_measured_if_it_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sequence = music_pb2.NoteSequence(total_time=20.0, ticks_per_quarter=220)
    for k in range(40):
        sequence.notes.add(pitch=60 + (k % 8), velocity=80, start_time=k / 2, end_time=k / 2 + 0.5)
    write_midi(sequence, tmp_path / 'a.mid')
    assert _run(str(tmp_path / 'a.mid'), '--structure') == 0
    assert 'repetition of 3 to 8 s (SI)' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('name', 'told'), [('silent', 'no music that can be measured'), ('nothing', 'no file matches'), ('', 'is empty')]
)
def test_what_cannot_be_measured(tmp_path: Path, name: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_midi(music_pb2.NoteSequence(ticks_per_quarter=220), tmp_path / 'silent' / 'x.mid')
    assert _run(str(tmp_path / name) if name else '') == 1
    assert told in capsys.readouterr().err
