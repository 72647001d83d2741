"""Measures sets of music, and how far they are apart.

    solferino_metrics generated data/notes.tfrecord

A set is a MIDI, MusicXML or ABC file, a folder of them, a pattern, or a TFRecord file of NoteSequences. Of each metric
the mean of each set is shown with an interval of 95 %; and for each set after the first, how far it is from the first
(Yang and Lerch 2020): the overlap of their distances, 1 where they are alike, and the divergence, 0 where they are. The
metrics are MusPy's, tonal distance, and those of Wu and Yang 2020.
"""

from absl import flags

from solferino.bin import command, json_output


def define(fv: flags.FlagValues) -> None:
    """Defines the flags."""
    flags.DEFINE_string('output', None, 'JSON file for all values, those of single pieces too.', flag_values=fv)
    flags.DEFINE_bool(
        'structure', False, 'Measure also how well the music repeats (SI), about a second a piece.', flag_values=fv
    )


def main(fv: flags.FlagValues, *names: str) -> None:
    """Prints the table."""
    path = json_output.path_of(fv.output)
    from solferino.models.music.metrics import tables
    from solferino.pipelines import music_files
    from solferino.pipelines.judging import set_metrics

    measured = [
        set_metrics.measure(name, music_files.read(music_files.find([name], None)), fv.structure) for name in names
    ]
    print('\n'.join(f'{one.pieces:,} pieces of {one.name}' for one in measured), end='\n\n')
    found = set_metrics.compare(measured)
    print(tables.aligned([found.header(), *found.rows()]))
    if path:
        json_output.write(path, found.to_json, 'metrics of music', 'sets')


def console_entry_point() -> None:
    """The command."""
    command.run(__doc__, define, main, arguments=('MUSIC', command.MORE))


if __name__ == '__main__':
    console_entry_point()
