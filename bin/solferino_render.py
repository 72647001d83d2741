"""Renders music to listen to, to look at and to read: sound files, pictures and scores.

    solferino_render generated/*.mid --output_dir=sounds

    solferino_render song.mid --output_dir=out --format=mp3,png --soundfont=my_sounds.sf2

It takes files of MIDI, MusicXML and ABC, folders of them, patterns such as "music/**/*.mid", and TFRecord files of
NoteSequences. All music is made equally loud, and is heard until its last note has died away.
"""

import functools
import itertools
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from absl import flags

from solferino.bin import command, render
from solferino.hparams import words
from solferino.hparams.errors import SolferinoError


def define(flag_values: flags.FlagValues) -> None:
    """Defines the flags."""
    flags.DEFINE_string(
        'output_dir', None, 'Folder for the files; made if missing.', required=True, flag_values=flag_values
    )
    formats = ', '.join(render.FORMATS)
    flags.DEFINE_list(
        'format', ['mp3'], f'What to write of each piece of music, with commas between them: {formats}.',
        flag_values=flag_values,
    )  # fmt: skip
    render.define(flag_values)


def main(flag_values: flags.FlagValues, *music: str) -> None:
    """Renders the music, and says which files were written."""
    renderer = render.Renderer('format', flag_values.format, flag_values.soundfont)
    from solferino.models.music.scores.score_writing import NotWrittenError
    from solferino.models.music.sound.synthesis import NotHeardError
    from solferino.pipelines import music_files

    folder = Path(os.path.expanduser(flag_values.output_dir))
    if folder.exists() and not folder.is_dir():
        raise SolferinoError(f'--output_dir={folder} is a file. Name a folder.')
    paths = music_files.find(music, None)
    _require_different(paths)
    renderer.keep(paths)
    rendered, refused = 0, 0
    taken: set[str] = set()
    for path, sequence in music_files.read(paths):
        # Of TFRecord files, such as shards, pieces may have one name.
        numbered = itertools.chain([path.stem], (f'{path.stem}_{number}' for number in itertools.count(2)))
        stem = next(name for name in numbered if name not in taken)
        taken.add(stem)
        try:
            for written in renderer.write(folder / stem, sequence, functools.partial(_draw, sequence, path)):
                print(written, flush=True)
            rendered += 1
        except (NotHeardError, NotWrittenError) as error:
            print(f'not rendered: {path}: {error}', flush=True)
            refused += 1
    if refused or not rendered:
        what = f'{words.counted(refused, "pieces")} of {refused + rendered} not rendered' if refused else 'No music'
        raise SolferinoError(f'{what}; the reasons are above.')


def _draw(sequence: Any, path: Path) -> Any:
    from solferino.models.music.pictures import roll_pictures, track_pictures

    if all(note.is_drum for note in sequence.notes):
        return track_pictures.draw_drums(sequence, title=path.name)
    return roll_pictures.draw_notes(sequence, title=path.name)


def _require_different(paths: Iterable[Path]) -> None:
    """Raises SolferinoError if two files would be rendered as one."""
    sources: dict[str, Path] = {}
    for source in paths:
        if sources.setdefault(source.stem, source) != source:
            raise SolferinoError(
                f'{sources[source.stem]} and {source} would both be rendered as {source.stem}. Render them apart.'
            )


def console_entry_point() -> None:
    """The command."""
    command.run(__doc__, define, main, arguments=('MUSIC', command.MORE))


if __name__ == '__main__':
    console_entry_point()
