"""The command that plays music. No test needs a sound device: miniaudio has one that plays to no one."""

import functools
import subprocess
import sys
import time
from pathlib import Path

import pytest
from note_seq import midi_io
from note_seq.protobuf import music_pb2

from solferino.bin import solferino_play
from solferino.models.music import extras
from solferino.models.music.sound import playback, sound_files
from tests.bin.typed import typed

# Where there are devices, only miniaudio's silent one is taken.
_TO_NO_ONE = tuple(b.name for b in extras.load('miniaudio', extras.SOUND).Backend if b.name != 'NULL')


run = functools.partial(typed, solferino_play)


@pytest.fixture
def tune(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    music = music_pb2.NoteSequence(total_time=0.5)
    music.notes.add(pitch=60, velocity=80, start_time=0, end_time=0.5, program=16)
    midi_io.note_sequence_to_midi_file(music, 'tune.mid')
    del music.notes[:]
    midi_io.note_sequence_to_midi_file(music, 'silence.mid')
    return 'tune.mid'


@pytest.fixture
def no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    miniaudio = extras.load('miniaudio', extras.SOUND)

    def refuse(**_) -> None:
        raise miniaudio.MiniaudioError('failed to init device', -401)

    monkeypatch.setattr(miniaudio, 'PlaybackDevice', refuse)


def test_it_plays_as_long_as_the_music_lasts(
    tune: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(playback, 'SILENT_BACKENDS', _TO_NO_ONE)
    played = []
    play = playback.play

    def watch(device, frames, tell):
        began = time.monotonic()
        play(device, frames, lambda seconds: (played.append(seconds), tell(seconds)))
        assert time.monotonic() - began > 0.6 * len(frames) / 44100

    monkeypatch.setattr(playback, 'play', watch)
    monkeypatch.setattr(sys.stdout, 'isatty', lambda: True, raising=False)
    assert run(tune) == 0
    assert played == sorted(played) and played[-1] > 0.5
    out = capsys.readouterr().out
    assert out.startswith('\rtune.mid  0:00 of 0:0') and out.count('\n') == 1
    assert not list(Path().glob('*.wav'))


def test_without_a_device_it_says_so_and_writes_files(
    tune: str, no_device: None, capsys: pytest.CaptureFixture
) -> None:
    Path('tune.wav').write_bytes(b'RIFF of the user')
    assert run(tune, 'silence.mid') == 0
    out = capsys.readouterr().out
    assert 'No sound device can be used' in out and 'tune_2.wav' in out and 'silence.mid: There are no notes' in out
    assert Path('tune.wav').read_bytes() == b'RIFF of the user'
    frames, _ = sound_files.decode(Path('tune_2.wav').read_bytes())
    assert abs(frames).max() > 0.1
    assert run(tune, '--output_dir=new/folder') == 0
    assert Path('new/folder/tune.wav').exists()


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['tune.mid', '--soundfont=no.sf2'], '--soundfont=no.sf2 is not there'),
        (['no.mid'], "no file matches 'no.mid'"),
        (['silence.mid'], 'Nothing was played'),
        ([], 'Nothing is named. After the command and its flags comes MUSIC'),
    ],
)
def test_what_is_wrong_is_said(
    tune: str, no_device: None, capsys: pytest.CaptureFixture, arguments: list[str], message: str
) -> None:
    assert run(*arguments) == 1
    assert message in capsys.readouterr().err


def test_ctrl_c_ends_it(tune: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(playback, 'SILENT_BACKENDS', _TO_NO_ONE)

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(playback.time, 'sleep', interrupt)
    assert run(tune) == 130
    assert 'Interrupted.' in capsys.readouterr().err


def test_the_system_says_nothing_of_its_own(tune: str) -> None:
    """Without a device ALSA tells of it in fifty lines."""
    code = 'from solferino.models.music.sound import playback\ntry:\n  with playback.opened(): pass\n'
    code += 'except playback.NoDeviceError: pass'
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', code], capture_output=True, text=True, check=True)
    assert done.stderr == ''
