"""The command that writes the groove library as MIDI files."""

import functools
from pathlib import Path

import pytest
from note_seq import midi_io

from solferino.bin import solferino_write_grooves
from solferino.models.music.grooves.groove_library import style_names
from tests.bin.typed import typed

run = functools.partial(typed, solferino_write_grooves)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_files_are_named_counted_and_the_same_each_time(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    number = len(style_names()) + 1
    for folder, seed in ('a', 1), ('b', 1), ('c', 2):
        assert run(f'--output_dir={tmp_path / folder}', f'--num_files={number}', f'--seed={seed}') == 0
    first = contents(tmp_path / 'a')
    assert set(first) == {f'{name}_01.mid' for name in style_names()} | {f'{style_names()[0]}_02.mid'}
    assert first == contents(tmp_path / 'b')
    assert all(first[name] != other for name, other in contents(tmp_path / 'c').items())
    assert f'{number}  MIDI files' in capsys.readouterr().out


def test_files_hold_drums_with_tempo_and_metre(tmp_path: Path) -> None:
    assert run(f'--output_dir={tmp_path}', '--num_files=2', '--styles=waltz, rock') == 0
    assert set(contents(tmp_path)) == {'waltz_01.mid', 'rock_01.mid'}
    waltz = midi_io.midi_file_to_note_sequence(str(tmp_path / 'waltz_01.mid'))
    assert all(note.is_drum for note in waltz.notes)
    assert [(s.numerator, s.denominator) for s in waltz.time_signatures] == [(3, 4)]
    assert len(waltz.tempos) == 1


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / 'mine.mid').write_bytes(b'mine')
    assert run(f'--output_dir={tmp_path}', '--num_files=1', '--styles=rock') == 0
    assert (tmp_path / 'mine.mid').read_bytes() == b'mine'
    assert set(contents(tmp_path)) == {'mine.mid', 'rock_01.mid'}


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ([], '--output_dir'),
        (['--output_dir=x', '--styles=rok'], "no style 'rok'"),
        (['--output_dir=x', '--num_files=0'], 'num_files'),
        (['--output_dir={file}'], 'cannot be written'),
    ],
)
def test_mistakes(arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    file = tmp_path / 'file'
    file.touch()
    assert run(*(argument.format(file=file) for argument in arguments)) == 1
    assert message in capsys.readouterr().err
