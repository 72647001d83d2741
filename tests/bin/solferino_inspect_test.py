"""The command that tells what a file is."""

import subprocess
import sys
from pathlib import Path

import pytest
from note_seq import midi_io

from solferino.bin import command, solferino_inspect
from solferino.models.music.grooves.groove_library import style
from solferino.models.music.grooves.groove_songs import song


@pytest.fixture
def midi(tmp_path: Path) -> Path:
    midi_io.note_sequence_to_midi_file(song(style('waltz')), str(tmp_path / 'waltz.mid'))
    return tmp_path / 'waltz.mid'


def run(*arguments: str) -> int:
    try:
        command.run(
            solferino_inspect.__doc__,
            solferino_inspect.define,
            solferino_inspect.main,
            ['solferino_inspect', *arguments],
            arguments=solferino_inspect.ARGUMENTS,
        )
    except SystemExit as stop:
        return stop.code
    return 0


def test_tells_and_draws(midi: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    picture = tmp_path / 'new/waltz.PNG'
    assert run(str(midi), f'--plot={picture}') == 0
    out = capsys.readouterr().out
    assert 'MIDI file' in out and '3/4' in out and str(picture) in out
    assert picture.read_bytes().startswith(b'\x89PNG')


def test_mistakes(midi: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / 'x.json').write_text('{"converted": {}, "left_out_by_reason": {}}')
    for arguments, message in (
        ([], 'FILE'),
        ([str(tmp_path / 'missing.mid')], 'No file matches'),
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
