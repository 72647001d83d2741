"""Plays music on this machine's sound device; Ctrl-C ends it.

    solferino_play song.mid

    solferino_play generated --soundfont=my_sounds.sf2

It takes what solferino_render takes: files of MIDI, MusicXML and ABC, folders, patterns, and TFRecord files of
NoteSequences; one piece after the other. Where there is no sound device, it writes WAV files instead.
"""

import contextlib
import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from absl import flags

from solferino.bin import command, render
from solferino.hparams.errors import SolferinoError


def define(flag_values: flags.FlagValues) -> None:
    """Defines the flags."""
    render.define(flag_values)
    flags.DEFINE_string(
        'output_dir', '.', 'Folder for the WAV files where there is no sound device; the present one if not given.',
        flag_values=flag_values,
    )  # fmt: skip


def main(flag_values: flags.FlagValues, *music: str) -> None:
    """Plays the music, or writes it."""
    from solferino.models.music import extras
    from solferino.models.music.sound import playback, rendering, soundfonts
    from solferino.models.music.sound.synthesis import SAMPLE_RATE, NotHeardError
    from solferino.pipelines import music_files

    for name in 'libsonare', 'miniaudio':
        extras.load(name, extras.SOUND)
    soundfont = soundfonts.read(flag_values.soundfont)
    paths = music_files.find(music, None)
    heard = 0
    with _device() as device:
        for path, sequence in music_files.read(paths):
            try:
                frames = rendering.render(sequence, soundfont).frames
            except NotHeardError as error:
                print(f'not played: {path}: {error}', flush=True)
                continue
            if device:
                line = _Line(path.name, len(frames) / SAMPLE_RATE)
                try:
                    playback.play(device, frames, line.tell)
                finally:
                    line.end()
            else:
                print(_write(frames, Path(os.path.expanduser(flag_values.output_dir)), path.stem), flush=True)
            heard += 1
    if not heard:
        raise SolferinoError('Nothing was played; the reasons are above.')


@contextlib.contextmanager
def _device() -> Iterator[Any]:
    """The sound device; None, once that is said, where there is none."""
    from solferino.models.music.sound import playback

    with contextlib.ExitStack() as stack:
        try:
            device = stack.enter_context(playback.opened())
        except playback.NoDeviceError as error:
            print(f'No sound device can be used on this machine ({error}). Writing WAV files instead:', flush=True)
            device = None
        yield device


class _Line:
    """How far a piece is, on a line that is written over and over; where no one looks, its name alone."""

    def __init__(self, name: str, seconds: float) -> None:
        self._name, self._seconds, self._moves = name, seconds, sys.stdout.isatty()
        if not self._moves:
            print(f'{name}  {_clock(seconds)}', flush=True)

    def tell(self, seconds: float) -> None:
        """Says so."""
        if self._moves:
            print(f'\r{self._name}  {_clock(seconds)} of {_clock(self._seconds)}', end='', flush=True)

    def end(self) -> None:
        """Leaves the line as it is."""
        if self._moves:
            print(flush=True)


def _clock(seconds: float) -> str:
    return f'{int(seconds) // 60}:{int(seconds) % 60:02}'


def _write(frames: Any, folder: Path, name: str) -> Path:
    """Writes a WAV file under a name that is free: no recording of the user's is replaced."""
    from solferino.models.core.storage import files
    from solferino.models.music.sound import sound_files

    names = itertools.chain([name], (f'{name}_{number}' for number in itertools.count(2)))
    path = next(path for path in (folder / f'{free}.wav' for free in names) if not path.exists())
    try:
        files.atomic_write(str(path), sound_files.encode(frames, 'wav'), files.RENDERED['wav'])
    except OSError as error:
        raise SolferinoError(f'--output_dir={folder}: cannot be written: {error.strerror}.') from None
    return path


def console_entry_point() -> None:
    """The command."""
    command.run(__doc__, define, main, arguments=('MUSIC', command.MORE))


if __name__ == '__main__':
    console_entry_point()
