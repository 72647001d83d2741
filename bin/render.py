"""What commands share that render music: the formats, and files of music in them."""

import functools
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from absl import flags, logging

from solferino.hparams.errors import SolferinoError

SOUNDS = ('wav', 'mp3', 'flac', 'ogg')
PICTURES = ('png', 'svg', 'pdf')
SCORES = ('musicxml', 'score.svg')
FORMATS = SOUNDS + PICTURES + SCORES


def define(flag_values: flags.FlagValues) -> None:
    """Defines the flag of the soundfont."""
    flags.DEFINE_string(
        'soundfont', None, 'SF2 file with the instruments that sound; the one of the package pretty_midi if not given.',
        flag_values=flag_values,
    )  # fmt: skip


def of_flags(flag_values: flags.FlagValues) -> 'Renderer | None':
    """What --render and --soundfont of a command that generates ask for. Raises SolferinoError as `Renderer`."""
    if flag_values.render:
        return Renderer('render', flag_values.render, flag_values.soundfont)
    if flag_values.soundfont:
        raise SolferinoError(f'--soundfont={flag_values.soundfont}: nothing is to sound. Add --render=mp3.')
    return None


class Renderer:
    """Writes music in the formats that a flag names.

    Args:
      flag: its name, for messages.
      formats: its value.
      soundfont: the path of one; None for the default.

    Raises:
      SolferinoError: there is no such format, or what it takes is not there.
    """

    def __init__(self, flag: str, formats: Sequence[str], soundfont: str | None) -> None:
        named = [name.strip().lower().removeprefix('.') for name in formats]
        for name in named:
            if name not in FORMATS:
                raise SolferinoError(f'--{flag}={",".join(formats)}: {name!r} is none of: {", ".join(FORMATS)}.')
        self._formats = list(dict.fromkeys(named))
        self._sounds = any(name in SOUNDS for name in self._formats)
        if soundfont and not self._sounds:
            raise SolferinoError(
                f'--soundfont={soundfont}: --{flag} names no sound, only pictures. Add mp3, for example.'
            )
        if any(name in SCORES for name in self._formats):
            from solferino.models.music import extras

            extras.load('music21', extras.SCORE)
            extras.load('verovio', extras.SCORE)
        self._kept: frozenset[tuple[int, int]] = frozenset()
        self._soundfont = b''
        if self._sounds:
            from solferino.models.music import extras
            from solferino.models.music.sound import soundfonts

            extras.load('libsonare', extras.SOUND)
            extras.load('soundfile', extras.SOUND)
            self._soundfont = soundfonts.read(soundfont)
            self.keep([soundfont] if soundfont else [])

    def keep(self, paths: Iterable[str | Path]) -> None:
        """Files that are read are not to be written over."""
        from solferino.models.core.storage import files

        self._kept |= files.identities(os.path.expanduser(path) for path in paths)

    def write(self, stem: Path, sequence: Any, draw: Callable[[], Any]) -> list[Path]:
        """Writes music beside one another as `stem`.mp3, `stem`.png, and so on; returns the paths.

        Args:
          stem: without an ending.
          sequence: a NoteSequence.
          draw: returns a figure of it.

        Raises:
          SolferinoError: nothing would be heard, or a file is of another kind, or one of those to `keep`.
          OSError: a file cannot be written.
        """
        from solferino.models.core.storage import files

        paths = {name: stem.with_name(f'{stem.name}.{name}') for name in self._formats}
        for name, path in paths.items():
            files.require_apart([str(path)], self._kept)
            files.require_replaceable(str(path), files.RENDERED[name])
        contents: dict[str, Callable[[], bytes]] = {}
        if self._sounds:
            from solferino.models.music.sound import rendering, sound_files

            sound = rendering.render(sequence, self._soundfont)
            for missing in sound.missing:
                logging.warning('%s: the soundfont has no %s: a built-in sound plays it.', stem.name, missing)
            for name in filter(SOUNDS.__contains__, self._formats):
                contents[name] = functools.partial(sound_files.encode, sound.frames, name)
        if any(name in PICTURES for name in self._formats):
            figure = draw()
            for name in filter(PICTURES.__contains__, self._formats):
                contents[name] = functools.partial(_picture, figure, name)
        if any(name in SCORES for name in self._formats):
            from solferino.models.music.scores import score_writing

            score = score_writing.musicxml(sequence, stem.name)
            contents |= {'musicxml': lambda: score, 'score.svg': lambda: score_writing.svg(score)}
        for name, path in paths.items():
            files.atomic_write(str(path), contents[name](), files.RENDERED[name])
        return [*paths.values()]


def _picture(figure: Any, format: str) -> bytes:
    from solferino.models.music.pictures import page

    return page.to_file(figure, format)
