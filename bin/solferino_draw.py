"""Draws music files as PNG pictures: drums as a grid, other music as a piano roll.

    solferino_draw --input='generated/*.mid' --output_dir=pictures

    solferino_draw --input='generated/*.mid' --contact_sheet=all.png

MIDI, MusicXML and ABC files are drawn, of an ABC file each tune; and TFRecord files of NoteSequences. A contact sheet
is one picture of all of them.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from solferino.bin import command
from solferino.hparams.errors import SolferinoError

_STYLES = ('auto', 'drums', 'notes')


def define(flag_values: flags.FlagValues) -> None:
    """Defines the flags."""
    flags.DEFINE_list(
        'input', None, 'Music files, folders of them, TFRecord files of NoteSequences, or patterns such as '
        '"generated/*.mid", with commas between them.',
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
    from solferino.pipelines import music_files

    folder, paths = Path(os.path.expanduser(flag_values.output_dir or '')), music_files.find(flag_values.input)
    _require_different(paths, folder)
    items: list[tuple[Any, Path]] = []
    for title, sequence in music_files.read(paths):
        try:
            style = _style(sequence, flag_values)
        except _NothingToDrawError as error:
            print(f'left out: {title}: {error}')
            continue
        if flag_values.output_dir:
            _write('output_dir', folder / f'{title.stem}.png', _draw(sequence, title, style, flag_values))
        items.append((sequence, title))
    if not items:
        raise SolferinoError('--input: nothing was drawn; the reasons are above.')
    if sheet:
        _write('contact_sheet', sheet, _sheet(items, sheet.stem, flag_values))


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


def _require_different(paths: Iterable[Path], folder: Path) -> None:
    """Raises SolferinoError if two files would be drawn as one picture."""
    sources: dict[str, Path] = {}
    for source in paths:
        if sources.setdefault(source.stem, source) != source:
            raise SolferinoError(
                f'--input: {sources[source.stem]} and {source} would both be drawn as {folder / source.stem}.png. '
                'Draw them apart.'
            )


def console_entry_point() -> None:
    """The command."""
    command.run(__doc__, define, main)


if __name__ == '__main__':
    console_entry_point()
