"""The command that draws MIDI files."""

import functools
import shutil
from pathlib import Path

import pytest
from note_seq import midi_io

from solferino.bin import solferino_draw
from solferino.models.music.grooves.groove_library import style
from solferino.models.music.grooves.groove_songs import song
from tests.bin.typed import typed


@pytest.fixture(scope='module')
def midi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two files of drums, one without drums, one without notes, one that is no MIDI file."""
    folder = tmp_path_factory.mktemp('midi')
    for name in 'rock', 'waltz':
        midi_io.note_sequence_to_midi_file(song(style(name)), str(folder / f'{name}.mid'))
    melody = song(style('rock'))
    for note in melody.notes:
        note.is_drum = False
    midi_io.note_sequence_to_midi_file(melody, str(folder / 'melody.mid'))
    del melody.notes[:]
    midi_io.note_sequence_to_midi_file(melody, str(folder / 'silence.mid'))
    (folder / 'bad.mid').write_bytes(b'This is no music.')
    return folder


run = functools.partial(typed, solferino_draw)


@pytest.mark.parametrize(
    'style, drawn, left_out',
    [
        ('auto', ['melody', 'rock', 'waltz'], {}),
        ('drums', ['rock', 'waltz'], {'melody': 'no notes on channel 10'}),
        ('notes', ['melody', 'rock', 'waltz'], {}),
    ],
)
def test_every_file_is_drawn_or_named(
    midi: Path, tmp_path: Path, capsys: pytest.CaptureFixture, style: str, drawn: list[str], left_out: dict[str, str]
) -> None:
    assert run(f'--input={midi}/*.mid', f'--output_dir={tmp_path}/new/folder', f'--as={style}') == 0
    pictures = {path.stem: path.read_bytes() for path in (tmp_path / 'new/folder').iterdir()}
    assert sorted(pictures) == drawn
    assert all(picture.startswith(b'\x89PNG') for picture in pictures.values())
    out = capsys.readouterr().out
    for name, why in {'bad': 'not a MIDI file', 'silence': 'no notes', **left_out}.items():
        assert f'{name}.mid: {why}' in out


def test_files_without_drums_are_drawn_as_a_piano_roll(midi: Path, tmp_path: Path) -> None:
    def picture(*arguments: str) -> bytes:
        assert run(f'--input={midi}/melody.mid', f'--output_dir={tmp_path}', *arguments) == 0
        return (tmp_path / 'melody.png').read_bytes()

    assert picture() == picture('--as=notes') != picture('--ignore_is_drum')


def test_lists_odd_names_and_repeated_files(midi: Path, tmp_path: Path) -> None:
    odd = tmp_path / 'take [1].MIDI'
    shutil.copy(midi / 'rock.mid', odd)
    inputs = f'--input={odd},{midi}/waltz.mid,{midi}/w*.mid,{midi}/melody.mid'
    assert run(inputs, f'--output_dir={tmp_path}/out', '--ignore_is_drum') == 0
    assert {path.name for path in (tmp_path / 'out').iterdir()} == {'take [1].png', 'waltz.png', 'melody.png'}


def test_one_sheet_of_all_files(midi: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    sheet = tmp_path / 'new' / 'all.png'
    assert run(f'--input={midi}/*.mid', f'--contact_sheet={sheet}') == 0
    assert [path.name for path in sheet.parent.iterdir()] == ['all.png']
    out = capsys.readouterr().out
    assert str(sheet) in out and 'silence.mid: no notes' in out
    alone = sheet.read_bytes()
    assert run(f'--input={midi}/*.mid', f'--contact_sheet={sheet}', f'--output_dir={tmp_path}/each') == 0
    assert sheet.read_bytes() == alone
    assert len(list((tmp_path / 'each').iterdir())) == 3
    assert run(f'--input={midi}/*.mid', f'--contact_sheet={sheet}', '--as=drums') == 0
    assert sheet.read_bytes() != alone
    assert run(f'--input={midi}/rock.mid', f'--contact_sheet={midi}/bad.mid/all.png') == 1
    assert '--contact_sheet=' in capsys.readouterr().err
    assert run(f'--input={midi}/rock.mid') == 1
    assert '--output_dir or --contact_sheet is required' in capsys.readouterr().err


_TUNE = 'X:{}\nT:Scale\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|\n\n'


def test_abc_is_read_too(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / 'one.abc').write_text(_TUNE.format(1))
    prose = 'X:2\nK:C\nThese lines tell the story of the tune instead\n\n'
    (tmp_path / 'book.abc').write_text(_TUNE.format(1) + prose + _TUNE.format(3))
    (tmp_path / 'odd.abc').write_text(prose)
    assert run(f'--input={tmp_path}/*.abc', f'--output_dir={tmp_path}/out') == 0
    drawn = {path.name for path in (tmp_path / 'out').iterdir()}
    assert 'one.png' in drawn and len([name for name in drawn if name.startswith('book_tune')]) == 2
    assert 'odd.abc: not understood (tune 2: text among the notes, line 3' in capsys.readouterr().out


def test_a_folder_stands_for_the_music_in_it(midi: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert run(f'--input={midi}', f'--output_dir={tmp_path}/out') == 0
    assert sorted(path.stem for path in (tmp_path / 'out').iterdir()) == ['melody', 'rock', 'waltz']
    (tmp_path / 'notes.txt').write_text('no music')
    capsys.readouterr()
    assert run(f'--input={tmp_path}/', f'--output_dir={tmp_path}/more') == 1
    assert f'the folder {tmp_path}/ has no music files.\n' in capsys.readouterr().err
    (tmp_path / 'below').mkdir()
    (tmp_path / 'below/rock.mid').write_bytes((midi / 'rock.mid').read_bytes())
    assert run(f'--input={tmp_path}/', f'--output_dir={tmp_path}/more') == 1
    assert f'"{tmp_path}/**/*.mid"' in capsys.readouterr().err


def test_a_sheet_is_a_png_file_by_its_name(midi: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert run(f'--input={midi}/rock.mid', f'--contact_sheet={tmp_path}/all.txt') == 1
    assert f'a PNG file, whose name ends in .png: {tmp_path}/all.png.' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_mistakes(midi: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / 'rock.mid').write_bytes(b'')
    for inputs, message in (
        (f'{midi}/nothing*.mid', 'no file matches'),
        (f'{midi}/rock.mid,{tmp_path}/rock.mid', 'would both be drawn as'),
        (f'{midi}/bad.mid,{midi}/silence.mid', 'nothing was drawn'),
    ):
        assert run(f'--input={inputs}', f'--output_dir={tmp_path}/out') == 1
        assert message in capsys.readouterr().err
        assert not (tmp_path / 'out').exists()
    assert run(f'--input={midi}/rock.mid', f'--output_dir={midi}/bad.mid') == 1
    assert 'cannot be written' in capsys.readouterr().err
