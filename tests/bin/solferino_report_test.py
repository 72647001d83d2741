"""The report command on generated and real music."""

import functools
from pathlib import Path

import pytest
from note_seq.protobuf import music_pb2

from solferino.bin import solferino_report
from solferino.models.core.generation.midi_files import write_midi
from tests.bin.typed import typed

_run = functools.partial(typed, solferino_report)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, is_drum in (('tune', False), ('beat', True)):
        sequence = music_pb2.NoteSequence(total_time=8.0, ticks_per_quarter=220)
        for k in range(16):
            sequence.notes.add(
                pitch=36 + k % 5, velocity=80, start_time=k / 2, end_time=k / 2 + 0.4, is_drum=is_drum, instrument=9
            )
        write_midi(sequence, tmp_path / name / f'{name} <1>.mid')
    (tmp_path / 'silent').mkdir()
    write_midi(music_pb2.NoteSequence(ticks_per_quarter=220), tmp_path / 'silent' / 'x.mid')
    return tmp_path


def test_a_report_of_two_sets(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / 'how.txt').write_text('$ drums_rnn_generate --seed=1\n')
    out = folder / 'report.html'
    given = [str(folder / 'tune'), str(folder / 'beat'), f'--output={out}', f'--commands={folder}/how.txt']
    assert _run(*given) == 0
    assert capsys.readouterr().out.strip() == str(out)
    page = out.read_text()
    assert '<h3>tune &lt;1&gt;.mid</h3>' in page and '<h3>beat &lt;1&gt;.mid</h3>' in page
    assert '16 notes, 7.9 seconds' in page
    assert '$ drums_rnn_generate --seed=1' in page
    assert _run(*given) == 0
    assert out.read_text() == page


@pytest.mark.parametrize(
    ('arguments', 'told'),
    [
        (['silent'], 'has notes'),
        (['tune', 'nothing'], 'no file matches'),
        (['tune', '--output=report.txt'], 'must end in .html'),
        (['tune', '--commands=there_is_none.txt'], '--commands=there_is_none.txt cannot be read'),
        (['tune', '--run_dir=tune'], '--run_dir: tune is a folder, but no run directory'),
        (['tune', '--run_dir=nothing'], '--run_dir=nothing is no folder'),
        (['tune', '--run_dir=tune/tune <1>.mid'], 'tune <1>.mid is no folder'),
        ([], 'comes MUSIC'),
    ],
)
def test_what_cannot_be_reported(
    folder: Path, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert _run(*arguments) == 1
    assert told in capsys.readouterr().err
    assert not (folder / 'report.html').exists()
