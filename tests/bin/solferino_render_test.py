"""The command that renders music."""

import functools
import sys
from pathlib import Path

import numpy as np
import pytest
from note_seq import midi_io
from note_seq.protobuf import music_pb2

from solferino.bin import solferino_render
from solferino.models.core.storage import records
from solferino.models.music.grooves.groove_library import style
from solferino.models.music.grooves.groove_songs import song
from solferino.models.music.sound import sound_files
from tests.bin.typed import typed

run = functools.partial(typed, solferino_render)


def melody(*pitches: int) -> music_pb2.NoteSequence:
    music = music_pb2.NoteSequence(total_time=len(pitches) / 2)
    for n, pitch in enumerate(pitches):
        music.notes.add(pitch=pitch, velocity=80, start_time=n / 2, end_time=n / 2 + 0.5)
    return music


@pytest.fixture
def music(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a tune, a bar of drums and silence."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'music').mkdir()
    midi_io.note_sequence_to_midi_file(melody(60, 62, 64), 'music/tune.mid')
    drums = song(style('rock'))
    kept = [note for note in drums.notes if note.end_time < 2]
    del drums.notes[:]
    drums.notes.extend(kept)
    midi_io.note_sequence_to_midi_file(drums, 'music/drums.mid')
    midi_io.note_sequence_to_midi_file(music_pb2.NoteSequence(), 'silence.mid')
    return tmp_path


def test_all_formats_of_a_folder(music: Path, capsys: pytest.CaptureFixture) -> None:
    assert run('music', '--output_dir=new/out', '--format=wav,mp3,flac,ogg,png,svg,pdf,musicxml,score.svg') == 0
    written = {path.name: path.read_bytes() for path in (music / 'new/out').iterdir()}
    formats = 'wav', 'mp3', 'flac', 'ogg', 'png', 'svg', 'pdf', 'musicxml', 'score.svg'
    assert sorted(written) == sorted(f'{name}.{format}' for name in ('tune', 'drums') for format in formats)
    told = capsys.readouterr().out.splitlines()
    assert sorted(told) == sorted(f'new/out/{name}' for name in written)
    for name in 'tune', 'drums':
        wav, _ = sound_files.decode(written[f'{name}.wav'])
        assert 1.5 < len(wav) / 44100 < 14 and np.abs(wav).max() > 0.1
        for format in 'mp3', 'flac', 'ogg':
            assert len(sound_files.decode(written[f'{name}.{format}'])[0]) == len(wav)
    assert (
        run(
            'music/tune.mid',
            'music/drums.mid',
            '--output_dir=again',
            '--format=score.svg,musicxml,wav,mp3,ogg,flac,png,svg,pdf',
        )
        == 0
    )
    assert {path.name: path.read_bytes() for path in (music / 'again').iterdir()} == written


def test_notesequences_and_patterns(music: Path) -> None:
    with records.Writer('notes.tfrecord') as writer:
        for pitch in 60, 62:
            writer.write(melody(pitch).SerializeToString())
    assert run('notes.tfrecord', 'music/t*.mid', '--output_dir=out') == 0
    assert sorted(path.name for path in Path('out').iterdir()) == ['notes_0.mp3', 'notes_1.mp3', 'tune.mp3']


def test_silence_is_an_error_and_the_rest_is_rendered(music: Path, capsys: pytest.CaptureFixture) -> None:
    assert run('silence.mid', 'music/tune.mid', '--output_dir=out') == 1
    captured = capsys.readouterr()
    assert 'not rendered: silence.mid: There are no notes' in captured.out
    assert captured.err == 'error: 1 piece of 2 not rendered; the reasons are above.\n'
    assert [path.name for path in Path('out').iterdir()] == ['tune.mp3']


@pytest.mark.parametrize(
    'arguments, message',
    [
        (
            ['music', '--format=mp3,wma'],
            "--format=mp3,wma: 'wma' is none of: wav, mp3, flac, ogg, png, svg, pdf, musicxml",
        ),
        (['music', '--soundfont=no.sf2'], '--soundfont=no.sf2 is not there. Name an SF2 file'),
        (['music', '--soundfont=music/tune.mid'], '--soundfont=music/tune.mid is no soundfont'),
        (['music', '--soundfont=no.sf2', '--format=png'], '--format names no sound, only pictures'),
        (['nothing.mid'], "no file matches 'nothing.mid'"),
        (['music/tune.mid', 'tune.mid'], 'would both be rendered as tune'),
        ([], 'Nothing is named. After the command and its flags comes MUSIC ...'),
    ],
)
def test_what_is_wrong_is_said(music: Path, capsys: pytest.CaptureFixture, arguments: list[str], message: str) -> None:
    (music / 'tune.mid').write_bytes((music / 'music/tune.mid').read_bytes())
    assert run(*arguments, '--output_dir=out') == 1
    error = capsys.readouterr().err
    assert message in error and error.count('\n') == 1
    assert not Path('out').exists()


def test_a_file_is_no_folder_to_write_to(music: Path, capsys: pytest.CaptureFixture) -> None:
    assert run('music/tune.mid', '--output_dir=music/tune.mid') == 1
    assert capsys.readouterr().err == 'error: --output_dir=music/tune.mid is a file. Name a folder.\n'


def test_without_the_extra(music: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setitem(sys.modules, 'libsonare', None)
    assert run('music/tune.mid', '--output_dir=out') == 1
    assert "pip install 'solferino[sound]'" in capsys.readouterr().err
    assert run('music/tune.mid', '--output_dir=out', '--format=png') == 0
    monkeypatch.setitem(sys.modules, 'verovio', None)
    assert run('music/tune.mid', '--output_dir=out', '--format=score.svg') == 1
    assert 'A score needs the package verovio, which is not installed' in capsys.readouterr().err


def test_a_file_of_another_kind_is_not_written_over(music: Path, capsys: pytest.CaptureFixture) -> None:
    (music / 'out').mkdir()
    (music / 'out/tune.mp3').write_text('My notes on this tune.')
    assert run('music/tune.mid', '--output_dir=out') == 1
    assert 'is not an MP3 file' in capsys.readouterr().err
    assert (music / 'out/tune.mp3').read_text() == 'My notes on this tune.'


def test_pieces_of_one_name_in_several_files_are_all_rendered(music: Path) -> None:
    for number in range(2):
        with records.Writer(f'{number}.tfrecord') as writer:
            tune = melody(60 + number)
            tune.filename = f'{number}/tune.mid'
            writer.write(tune.SerializeToString())
    assert run('0.tfrecord', '1.tfrecord', 'music/tune.mid', '--output_dir=out', '--format=musicxml') == 0
    scores = [(music / 'out' / f'{name}.musicxml').read_bytes() for name in ('tune', 'tune_2', 'tune_3')]
    assert len(set(scores)) == 3
