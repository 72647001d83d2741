"""The command that tells what a file is."""

import functools
import subprocess
import sys
from pathlib import Path

import pytest
from note_seq import midi_io

from solferino.bin import solferino_inspect
from solferino.hparams.drums_rnn import SPEC
from solferino.models.core.storage import records
from solferino.models.music.grooves.groove_library import style
from solferino.models.music.grooves.groove_songs import song
from solferino.pipelines import examples, music_files
from tests.bin.typed import typed


@pytest.fixture
def midi(tmp_path: Path) -> Path:
    midi_io.note_sequence_to_midi_file(song(style('waltz')), str(tmp_path / 'waltz.mid'))
    return tmp_path / 'waltz.mid'


run = functools.partial(typed, solferino_inspect)


def test_tells_and_draws(midi: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    picture = tmp_path / 'new/waltz.PNG'
    assert run(str(midi), f'--plot={picture}') == 0
    out = capsys.readouterr().out
    assert 'MIDI file' in out and '3/4' in out and str(picture) in out
    assert picture.read_bytes().startswith(b'\x89PNG')


def test_leaks_are_told_of_files_and_of_examples(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for folder, names in (('training', ('waltz', 'disco')), ('eval', ('waltz', 'funk'))):
        (tmp_path / folder).mkdir()
        for name in names:
            midi_io.note_sequence_to_midi_file(song(style(name)), str(tmp_path / folder / f'{name}.mid'))
    assert run('--leaks', str(tmp_path / 'training'), str(tmp_path / 'eval')) == 0
    out = capsys.readouterr().out
    assert out.startswith('1 of the 2 pieces of')
    assert '40 % or more of their n-grams are the same' in out
    assert 'waltz.mid is like waltz.mid\n        exact; shared n-grams: 100 %' in out
    assert out.endswith('keeps near-duplicates on one side.\n') and 'These are examples' not in out
    sequences = list(music_files.read(music_files.find([str(tmp_path / 'training')])))
    with records.Writer(str(tmp_path / 'notes.tfrecord')) as writer:
        for number, (path, sequence) in enumerate(sequences):
            sequence.id, sequence.filename = f'/id/{number}', path.name
            writer.write(sequence.SerializeToString())
    config = SPEC.config('drum_kit')
    examples.create(examples.Job(SPEC.name, config, str(tmp_path / 'notes.tfrecord'), str(tmp_path), eval_ratio=0))
    made = str(tmp_path / 'training_drum_tracks.tfrecord')
    assert run('--leaks', made, str(tmp_path / 'eval')) == 0
    out = capsys.readouterr().out
    assert 'waltz.mid is like example' in out
    assert 'These are examples' in out  # where the split saw files, and may have drawn the border otherwise


def test_mistakes(midi: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / 'x.json').write_text('{"converted": {}, "left_out_by_reason": {}}')
    for arguments, message in (
        ([], 'FILE'),
        (['--leaks', str(midi)], 'Name two files'),
        (['--leaks', str(midi), '/nowhere/x.mid'], "--leaks: no file matches '/nowhere/x.mid'"),
        ([str(tmp_path / 'missing.mid')], 'No file matches'),
        ([str(midi), str(midi)], 'is no run directory'),
        ([str(midi), f'--plot={tmp_path}/waltz.pdf'], 'a picture is a PNG file'),
        ([str(midi), f'--plot={midi}/waltz.png'], 'cannot be written'),
        ([str(tmp_path / 'x.json'), f'--plot={tmp_path}/x.png'], 'nothing in'),
    ):
        assert run(*arguments) == 1
        assert message in capsys.readouterr().err


def test_without_tensorflow(midi: Path) -> None:
    code = f"""
import sys
from solferino.pipelines.inspection import charts, kinds
charts.draw(kinds.inspect({str(midi)!r}))
sys.exit('tensorflow' in sys.modules)
"""
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0


def test_several_runs_are_compared(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run('run', 'run') == 0
    assert 'held-out loss' in capsys.readouterr().out
    for wrong, message in ((['run', 'b.mag'], 'no run directory'), (['run', 'run', '--plot=x.png'], 'draws one file')):
        assert run(*wrong) == 1
        assert message in capsys.readouterr().err
