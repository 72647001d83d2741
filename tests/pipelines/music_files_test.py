"""Music that a command is given by name."""

from pathlib import Path

import pytest
from note_seq.protobuf import music_pb2

from solferino.hparams.errors import SolferinoError
from solferino.models.core.generation.midi_files import write_midi
from solferino.models.core.storage import records
from solferino.pipelines import music_files


def _music(pitch: int, filename: str = '') -> music_pb2.NoteSequence:
    sequence = music_pb2.NoteSequence(total_time=1.0, ticks_per_quarter=220, filename=filename)
    sequence.notes.add(pitch=pitch, velocity=80, end_time=1.0)
    return sequence


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_midi(_music(60), tmp_path / 'a.mid')
    write_midi(_music(61), tmp_path / 'below' / 'b.mid')
    (tmp_path / 'tunes.abc').write_text('X:1\nK:C\nc4|\n\nX:2\nK:C\nd4|\n')
    (tmp_path / 'broken.mid').write_bytes(b'MThd')
    (tmp_path / 'notes.txt').write_text('no music')
    for shard in records.shard_paths(str(tmp_path / 'notes@2.tfrecord')):
        with records.Writer(shard) as writer:
            for name in ('x/c.mid', 'y/c.mid', ''):
                writer.write(_music(62, name).SerializeToString())
    return tmp_path


def test_files_folders_patterns_and_records(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = music_files.find([str(folder), str(folder / '**/*.mid'), str(folder / 'notes@2.tfrecord')])
    assert [path.name for path in found] == [
        'a.mid', 'broken.mid', 'tunes.abc', 'b.mid', 'notes-00000-of-00002.tfrecord', 'notes-00001-of-00002.tfrecord',
    ]  # fmt: skip
    names = [(music.path.name, music.sequence.notes[0].pitch) for music in music_files.read(found)]
    of_records = [('c.mid', 62), ('c_1.mid', 62)]
    assert names == [
        ('a.mid', 60), ('tunes_tune1.abc', 72), ('tunes_tune2.abc', 74), ('b.mid', 61),
        *of_records, ('notes-00000-of-00002_2', 62), *of_records, ('notes-00001-of-00002_2', 62),
    ]  # fmt: skip
    assert 'left out:' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('name', 'told'),
    [('nothing*.mid', 'no file matches'), ('below/x', 'no file matches'), ('empty', 'has no music files')],
)
def test_a_name_without_files(folder: Path, name: str, told: str) -> None:
    (folder / 'empty').mkdir()
    with pytest.raises(SolferinoError, match=f'--music: .*{told}'):
        music_files.find([str(folder / name)], 'music')


def test_subfolders_are_spoken_of_only_where_there_is_music(tmp_path: Path) -> None:
    (tmp_path / 'a/b').mkdir(parents=True)
    (tmp_path / 'a/b/notes.txt').write_text('no music')
    with pytest.raises(SolferinoError, match=r'has no music files\.$'):
        music_files.find([str(tmp_path)])
    (tmp_path / 'a/b/tune.ABC').write_text('X:1\nK:C\nc4|\n')
    with pytest.raises(SolferinoError, match=r'Those of its subfolders are ".*/\*\*/\*\.ABC"\.$') as error:
        music_files.find([str(tmp_path)])
    pattern = str(error.value).split('"')[1]
    assert [path.name for path in music_files.find([pattern])] == ['tune.ABC']


def test_records_that_are_no_music_or_are_missing(folder: Path) -> None:
    with records.Writer(str(folder / 'other.tfrecord')) as writer:
        writer.write(b'nothing')
    with pytest.raises(SolferinoError, match='record 0 is no NoteSequence'):
        list(music_files.read([folder / 'other.tfrecord']))
    (folder / 'notes-00001-of-00002.tfrecord').unlink()
    with pytest.raises(SolferinoError, match='1 of the 2 shards'):
        music_files.find([str(folder / 'notes@2.tfrecord')])
