"""Measures sets of music, and how far they are apart.

    solferino_metrics generated data/notes.tfrecord

A set is a MIDI, MusicXML or ABC file, a folder of them, a pattern, or a TFRecord file of NoteSequences. Of each metric
the mean of each set is shown with an interval of 95 %; and for each set after the first, how far it is from the first
(Yang and Lerch 2020): the overlap of their distances, 1 where they are alike, and the divergence, 0 where they are. The
metrics are MusPy's, tonal distance, and those of Wu and Yang 2020.
"""

import itertools

from absl import flags

from solferino.bin import command


def define(fv: flags.FlagValues) -> None:
    """Defines the flags."""
    flags.DEFINE_string('output', None, 'JSON file for all values, those of single pieces too.', flag_values=fv)
    flags.DEFINE_bool(
        'structure', False, 'Measure also how well the music repeats (SI), about a second a piece.', flag_values=fv
    )


def main(fv: flags.FlagValues, *names: str) -> None:
    """Prints the table."""
    from solferino.bin import outputs

    outputs.require_json_name(fv.output)
    from solferino.models.core.storage.files import json_about
    from solferino.models.music.metrics import tables
    from solferino.pipelines import music_files
    from solferino.pipelines.judging import set_metrics

    kind = json_about('metrics of music', 'sets')
    found = [music_files.find([name], None) for name in names]
    output = outputs.require(fv.output, kind, itertools.chain(*found)) if fv.output else None
    measured = [
        set_metrics.measure(name, music_files.read(paths), fv.structure)
        for name, paths in zip(names, found, strict=True)
    ]
    print('\n'.join(f'{one.pieces:,} pieces of {one.name}' for one in measured), end='\n\n')
    compared = set_metrics.compare(measured)
    print(tables.aligned([compared.header(), *compared.rows()]))
    if output:
        outputs.write(output, compared.to_json(), kind)


def console_entry_point() -> None:
    """The command."""
    command.run(__doc__, define, main, arguments=('MUSIC', command.MORE))


if __name__ == '__main__':
    console_entry_point()
