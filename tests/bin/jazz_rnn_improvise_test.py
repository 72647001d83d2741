"""One song in, improvisations out: data, training and music in one command."""

import functools
import shutil
from pathlib import Path

import pytest

from solferino.bin import jazz_rnn_improvise
from solferino.models.core.generation import midi_bytes
from solferino.models.jazz_rnn import performance
from solferino.models.music.jazz import chords
from solferino.models.music.jazz.tokens import Note
from tests.bin.typed import typed


@pytest.fixture
def song(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / 'song.mid'
    path.write_bytes(music(6))
    return path


def music(duration: int) -> bytes:
    """A MIDI file of 16 bars, with notes that long."""
    line = [Note(place * duration, duration, 60 + place * 7 % 13) for place in range(768 // duration)]
    sequence = performance.play(line, chords.parse_bars('Dm7 G7 Cmaj7 Cmaj7', 48), 0, 768, 120.0)
    return midi_bytes.midi_bytes(sequence)


run = functools.partial(typed, jazz_rnn_improvise)


def test_a_song_becomes_improvisations(song: Path, capfd: pytest.CaptureFixture) -> None:
    small = ['--output_dir=out', '--num_training_steps=3', '--hparams=rnn_layer_sizes=[8]', '--num_measures=4']
    assert run('song.mid', *small, '--num_outputs=2', '--seed=1') == 0
    first = {path.read_bytes() for path in Path('out').glob('*.mid')}
    assert len(first) == 2
    assert Path('out/run/train').is_dir() and Path('out/data/training_solos.tfrecord').is_file()
    out = capfd.readouterr().out
    assert '192 steps (7.38 s)' in out  # 4 bars at 130 quarters a minute
    assert 'Melody: 128 notes of track 0' in out and 'Chords: Dm7 Dm7 G7 G7 Cmaj7' in out

    assert run('song.mid', *small, '--num_outputs=1', '--backing_chords=Am7 D7', '--draw', '--render=mp3') == 0
    assert 'already trained to step 3' in capfd.readouterr().out
    assert len(list(Path('out').glob('*.mid'))) == 3
    assert len(list(Path('out').glob('*.png'))) == len(list(Path('out').glob('*_1.mp3'))) == 1

    other = music(12)
    Path('other.mid').write_bytes(other)
    assert run('other.mid', *small) == 1
    assert 'out/run learned from other music than other.mid' in capfd.readouterr().err


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['song.mid'], '--output_dir is missing'),
        (['no.mid', '--output_dir=out'], 'There is no file or folder no.mid.'),
        (['text.mid', '--output_dir=out'], 'text.mid: not a MIDI file'),
        (['song.mid', '--output_dir=out', '--melody_track=7'], 'no track of that number'),
        (['song.mid', '--output_dir=out', '--min_notes=1000'], 'melody too short'),
        (['song.mid', '--output_dir=out', '--swing=2'], '--swing=2 must be'),
        (['song.mid', '--output_dir=out', '--window=0'], '--window=0 must be'),
        (['song.mid', '--output_dir=out', '--render=gif'], "'gif' is none of"),
    ],
)
def test_errors_are_sentences(song: Path, capfd: pytest.CaptureFixture, arguments: list[str], message: str) -> None:
    Path('text.mid').write_text('This is no music.')
    assert run(*arguments) == 1
    assert message in capfd.readouterr().err
    assert not list(Path().glob('out/*.mid'))


def test_folders_of_real_songs_become_labels(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    songs = sorted((shared / 'data' / 'multitrack').rglob('*.mid'))[:4]
    for number, source in enumerate(songs):
        folder = Path('songs', ('early', 'late songs')[number % 2])
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, folder)
    small = ['--output_dir=out', '--num_training_steps=2', '--hparams=rnn_layer_sizes=[8]', '--num_measures=8']
    small += ['--labels_from_folders', '--seed=1', '--num_outputs=1', '--temperature=1.5', '--chord_notes=false']
    assert run('songs', *small, '--label=slow') == 1
    assert '--label=slow: the model does not know it. It knows: early, late songs.' in capfd.readouterr().err
    assert not Path('out/run').exists()
    for label in ('early', 'late songs'):
        assert run('songs', *small, f'--label={label}') == 0
    assert len({path.read_bytes() for path in Path('out').glob('*.mid')}) == 2
    assert 'training examples of late songs' in capfd.readouterr().out
    assert run('songs', *small, '--nolabels_from_folders') == 1
    assert 'or of it with other flags' in capfd.readouterr().err
