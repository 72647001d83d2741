"""Writes a report of music: one page with players, pictures, tables and curves, which needs no network.

    solferino_report generated data/notes.tfrecord --run_dir=run --output=report.html

The first set of music is judged, the others it is compared with. A set is a MIDI, MusicXML or ABC file, a folder of
them, a pattern, or a TFRecord file of NoteSequences.
"""

from pathlib import Path

from absl import flags

from solferino.bin import command
from solferino.hparams.errors import SolferinoError


def define(fv: flags.FlagValues) -> None:
    """Defines the flags."""
    flags.DEFINE_string('output', 'report.html', 'HTML file to write.', flag_values=fv)
    flags.DEFINE_string('title', None, "The page's title; the name of the first set if not given.", flag_values=fv)
    flags.DEFINE_string('run_dir', None, 'The training run whose curves are shown.', flag_values=fv)
    flags.DEFINE_string('commands', None, 'A text file with the commands that made the music.', flag_values=fv)
    flags.DEFINE_integer(
        'num_shown', 6, 'Pieces of each set to hear and see.', lower_bound=1, upper_bound=100, flag_values=fv
    )


def main(fv: flags.FlagValues, *sets: str) -> None:
    """Writes the report."""
    if Path(fv.output).suffix.lower() not in ('.html', '.htm'):
        raise SolferinoError(f'--output={fv.output} must end in .html.')
    from solferino.bin import outputs
    from solferino.models.core.storage.files import HTML, atomic_write
    from solferino.pipelines.reporting import contents

    output = outputs.require(fv.output, HTML, [fv.commands] if fv.commands else [])
    title = fv.title or f'Music of {sets[0]}'
    page = contents.report(contents.Job(sets, title, fv.run_dir or '', fv.commands or '', fv.num_shown))
    atomic_write(str(output), page, HTML)
    print(output)


def console_entry_point() -> None:
    """The command."""
    command.run(__doc__, define, main, arguments=('MUSIC', command.MORE))


if __name__ == '__main__':
    console_entry_point()
