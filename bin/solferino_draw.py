"""Draws MIDI files as PNG pictures, one for each file: drums as a grid, other music as a piano roll.

solferino_draw --input='generated/*.mid' --output_dir=pictures
"""

import glob
import os
from collections.abc import Iterable
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
        'input', None, 'MIDI files, or patterns such as "generated/*.mid", with commas between them.',
        required=True, flag_values=flag_values,
    )  # fmt: skip
    flags.DEFINE_string(
        'output_dir', None, 'Folder for the pictures; made if missing.', required=True, flag_values=flag_values
    )
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
    paths = _pictures(flag_values.input, Path(flag_values.output_dir).expanduser())
    from note_seq.protobuf import music_pb2  # only now, as it takes a second

    from solferino.models.core.files import atomic_write
    from solferino.models.music.page import to_png

    drawn = 0
    with parsing.Parser(parsing.Limits()) as parser:
        for source, picture in paths.items():
            answer = parser.parse_midi(source)
            if isinstance(answer, parsing.LeftOut):
                print(f'left out: {source}: {answer.reason}' + (f' ({answer.detail})' if answer.detail else ''))
                continue
            sequence = music_pb2.NoteSequence.FromString(answer.data)
            try:
                figure = _draw(sequence, source.name, flag_values)
            except _NothingToDrawError as error:
                print(f'left out: {source}: {error}')
                continue
            try:
                atomic_write(str(picture), to_png(figure))
            except OSError as error:
                raise SolferinoError(f'--output_dir={picture.parent}: cannot be written: {error.strerror}.') from None
            drawn += 1
            print(picture)
    if not drawn:
        raise SolferinoError('--input: nothing was drawn; the reasons are above.')


class _NothingToDrawError(Exception):
    """There are no notes of the kind that is asked for; the message says which."""


def _draw(sequence: Any, title: str, flag_values: flags.FlagValues) -> Any:
    """Returns a figure. Raises _NothingToDrawError."""
    from solferino.models.music import pictures, roll_pictures

    every, style = flag_values.ignore_is_drum, flag_values['as'].value
    if not sequence.notes:
        raise _NothingToDrawError('no notes')
    has_drums = any(note.is_drum or every for note in sequence.notes)
    if style == 'drums' and not has_drums:
        raise _NothingToDrawError('no notes on channel 10 (--ignore_is_drum takes those of all channels)')
    if style == 'drums' or (style == 'auto' and has_drums):
        return pictures.draw_drums(sequence, flag_values.steps_per_quarter, title, every)
    return roll_pictures.draw_notes(sequence, flag_values.steps_per_quarter, title)


def _pictures(inputs: Iterable[str], folder: Path) -> dict[Path, Path]:
    """Returns the picture's path for each MIDI file. Raises SolferinoError for no file or two of one name."""
    paths: dict[Path, Path] = {}
    for text in inputs:
        pattern = str(Path(text.strip()).expanduser())
        # A file that is there is meant itself, even if its name holds a bracket.
        found = (
            [pattern] if os.path.isfile(pattern) else sorted(filter(os.path.isfile, glob.glob(pattern, recursive=True)))
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


def console_entry_point() -> None:
    """The command."""
    command.run(__doc__, define, main)


if __name__ == '__main__':
    console_entry_point()
