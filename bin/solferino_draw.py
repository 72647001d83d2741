"""Draws music files as PNG pictures: drums as a grid, other music as a piano roll.

    solferino_draw --input='generated/*.mid' --output_dir=pictures

    solferino_draw --input='generated/*.mid' --contact_sheet=all.png

MIDI, MusicXML and ABC files are drawn; of an ABC file each tune. A contact sheet is one picture of all of them.
"""

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from solferino.bin import command
from solferino.hparams.errors import SolferinoError
from solferino.pipelines import parsing

_STYLES = ('auto', 'drums', 'notes')


def define(flag_values: flags.FlagValues) -> None:
    """Defines the flags."""
    flags.DEFINE_list(
        'input', None, 'Music files, folders of them, or patterns such as "generated/*.mid", with commas between them.',
        required=True, flag_values=flag_values,
    )  # fmt: skip
    flags.DEFINE_string(
        'output_dir', None, 'Folder for a picture of each file; made if missing.', flag_values=flag_values
    )
    flags.DEFINE_string('contact_sheet', None, 'PNG file for one picture of all files.', flag_values=flag_values)
    flags.DEFINE_enum(
        'as', 'auto', list(_STYLES),
        'drums: a grid of the drums alone; notes: a piano roll; auto: drums for files that have some, else notes.',
        flag_values=flag_values,
    )  # fmt: skip
    flags.DEFINE_integer(
        'steps_per_quarter',
        4,
        'Columns of a drum grid to a quarter note.',
        lower_bound=1,
        upper_bound=24,
        flag_values=flag_values,
    )
    flags.DEFINE_bool(
        'ignore_is_drum', False, 'Draw the notes of every channel as drums, not those of channel 10 alone.',
        flag_values=flag_values,
    )  # fmt: skip


def main(flag_values: flags.FlagValues) -> None:
    """Draws the pictures."""
    if not flag_values.output_dir and not flag_values.contact_sheet:
        raise SolferinoError('--output_dir or --contact_sheet is required: where to draw to.')
    sheet = command.picture_path('contact_sheet', flag_values.contact_sheet) if flag_values.contact_sheet else None
    paths = _pictures(flag_values.input, Path(os.path.expanduser(flag_values.output_dir or '')))
    items = []
    for picture, title, sequence in _music(paths):
        try:
            style = _style(sequence, flag_values)
        except _NothingToDrawError as error:
            print(f'left out: {title}: {error}')
            continue
        if flag_values.output_dir:
            _write('output_dir', picture, _draw(sequence, title, style, flag_values))
        items.append((sequence, title))
    if not items:
        raise SolferinoError('--input: nothing was drawn; the reasons are above.')
    if sheet:
        _write('contact_sheet', sheet, _sheet(items, sheet.stem, flag_values))


def _music(paths: dict[Path, Path]) -> Iterator[tuple[Path, Path, Any]]:
    """Yields picture, file and NoteSequence for each piece of music in the files, by `_pictures`."""
    from note_seq.protobuf import music_pb2  # only now, as it takes a second

    with parsing.Parser(parsing.Limits()) as parser:
        for source, picture in paths.items():
            answers = parser.parse_file(source)
            for number, answer in enumerate(answers, start=1):
                if isinstance(answer, parsing.LeftOut):
                    print(f'left out: {source}: {answer.reason}' + (f' ({answer.detail})' if answer.detail else ''))
                    continue
                which = f'_tune{number}' if len(answers) > 1 else ''
                yield (
                    picture.with_stem(picture.stem + which),
                    source.with_stem(source.stem + which),
                    music_pb2.NoteSequence.FromString(answer.data),
                )


def _write(flag: str, path: Path, figure: Any) -> None:
    from solferino.models.core.storage.files import PNG, atomic_write
    from solferino.models.music.pictures.page import to_png

    try:
        atomic_write(str(path), to_png(figure), PNG)
    except OSError as error:
        folder = path.parent if flag == 'output_dir' else path
        raise SolferinoError(f'--{flag}={folder}: cannot be written: {error.strerror}.') from None
    print(path)


class _NothingToDrawError(Exception):
    """There are no notes of the kind that is asked for; the message says which."""


def _style(sequence: Any, flag_values: flags.FlagValues) -> str:
    """Returns 'drums' or 'notes'. Raises _NothingToDrawError."""
    style = str(flag_values['as'].value)
    if not sequence.notes:
        raise _NothingToDrawError('no notes')
    has_drums = any(note.is_drum or flag_values.ignore_is_drum for note in sequence.notes)
    if style == 'drums' and not has_drums:
        raise _NothingToDrawError('no notes on channel 10 (--ignore_is_drum takes those of all channels)')
    return style if style != 'auto' else 'drums' if has_drums else 'notes'


def _draw(sequence: Any, title: Path, style: str, flag_values: flags.FlagValues) -> Any:
    """Returns a figure."""
    from solferino.models.music.pictures import roll_pictures, track_pictures

    if style == 'drums':
        every = flag_values.ignore_is_drum
        return track_pictures.draw_drums(sequence, flag_values.steps_per_quarter, title.name, every)
    return roll_pictures.draw_notes(sequence, flag_values.steps_per_quarter, title.name)


def _sheet(music: Sequence[tuple[Any, Path]], title: str, flag_values: flags.FlagValues) -> Any:
    """Returns a figure of all of the music."""
    from solferino.models.music.pictures import contact_sheet

    items = [contact_sheet.Item(sequence, path.stem) for sequence, path in music]
    style, every = str(flag_values['as'].value), flag_values.ignore_is_drum
    return contact_sheet.draw(items, title, flag_values.steps_per_quarter, style, every)


def _pictures(inputs: Iterable[str], folder: Path) -> dict[Path, Path]:
    """Returns the picture's path for each MIDI file. Raises SolferinoError for no file or two of one name."""
    paths: dict[Path, Path] = {}
    for text in inputs:
        pattern = str(Path(os.path.expanduser(text.strip())))
        found = _found(pattern)
        if not found and os.path.isdir(pattern):
            raise SolferinoError(
                f'--input: the folder {text.strip()} has no music files. Those of its subfolders as well are '
                f'"{text.strip().rstrip("/")}/**/*.mid".'
            )
        if not found:
            raise SolferinoError(f'--input: no file matches {text.strip()!r}.')
        paths.update({Path(file): folder / f'{Path(file).stem}.png' for file in found})
    sources: dict[Path, Path] = {}
    for source, picture in paths.items():
        if sources.setdefault(picture, source) != source:
            raise SolferinoError(
                f'--input: {sources[picture]} and {source} would both be drawn as {picture}. Draw them apart.'
            )
    return paths


def _found(pattern: str) -> list[str]:
    """The files that a text means: one that is there itself, even if its name holds a bracket, or those of a folder."""
    if os.path.isfile(pattern):
        return [pattern]
    if os.path.isdir(pattern):
        names = sorted(name for name in os.listdir(pattern) if parsing.ending(os.fsencode(name)) in parsing.KINDS)
        return [path for path in (os.path.join(pattern, name) for name in names) if os.path.isfile(path)]
    return sorted(filter(os.path.isfile, glob.glob(pattern, recursive=True)))


def console_entry_point() -> None:
    """The command."""
    command.run(__doc__, define, main)


if __name__ == '__main__':
    console_entry_point()
