"""Tells what a file is and what is in it.

solferino_inspect drums.mag

solferino_inspect data/training_melodies.tfrecord --plot=melodies.png

solferino_inspect runs/a runs/b

solferino_inspect --leaks training.tfrecord eval.tfrecord

solferino_inspect --verify notes.tfrecord data/training_melodies.tfrecord run melody.mag

It knows music (MIDI, MusicXML, ABC), TFRecord files of NoteSequences and of training examples, the JSON files beside
them, run directories and all that is in them, bundles, those of Magenta too, and what solferino_export writes. Of a
run it says what its curves mean; several runs are compared in a table.
"""

from absl import flags

from solferino.bin import command
from solferino.hparams.errors import SolferinoError

ARGUMENTS = ('FILE', command.MORE)


def define(flag_values: flags.FlagValues) -> None:
    """Defines the flags."""
    flags.DEFINE_string(
        'plot', None, 'Draw it into this PNG file: the notes of a piece of music, a piece that a trained model makes, '
        'the curves of a run, histograms of any other.', flag_values=flag_values,
    )  # fmt: skip
    flags.DEFINE_bool(
        'leaks', False, 'Tell which pieces of the second file have a near-duplicate in the first: the same music, in '
        'another key, tempo or metre, or with a few notes changed. Both are NoteSequences, examples, or music files or '
        'folders of them.', flag_values=flag_values,
    )  # fmt: skip
    flags.DEFINE_bool(
        'verify', False, 'Tell whether what was written, and what it was made of, is still what it was, by the digests '
        'that commands keep of both. It exits with 1 if not.', flag_values=flag_values,
    )  # fmt: skip


def main(flag_values: flags.FlagValues, *paths: str) -> None:
    """Prints what is found, and draws it."""
    if flag_values.leaks:
        if len(paths) != 2 or flag_values.plot:
            raise SolferinoError(
                'Name two files with --leaks, and no --plot: solferino_inspect --leaks training.tfrecord eval.tfrecord'
            )
        from solferino.pipelines.inspection import leak_report

        print(leak_report.report(*paths))
        return
    if flag_values.verify:
        _verify(paths, flag_values)
        return
    path, *others = paths
    picture = command.picture_path('plot', flag_values.plot) if flag_values.plot else None
    if others:
        if picture:
            raise SolferinoError(f'--plot={picture} draws one file; {len(others) + 1} are named.')
        from solferino.pipelines.inspection import comparing

        print(comparing.table(comparing.read(name) for name in (path, *others)))
        return
    from solferino.pipelines.inspection import charts, findings, kinds

    finding = kinds.inspect(path)
    print(findings.text(finding))
    if not picture:
        return
    figure = charts.draw(finding)
    if figure is None:
        raise SolferinoError(f'--plot={picture}: there is nothing in {path} to be drawn.')
    from solferino.models.core.storage.files import PNG, atomic_write
    from solferino.models.music.pictures.page import to_png

    try:
        atomic_write(str(picture), to_png(figure), PNG)
    except OSError as error:
        raise SolferinoError(f'--plot={picture} cannot be written: {error.strerror}.') from None
    print(f'\nDrawn: {picture}')


def _verify(paths: tuple[str, ...], flag_values: flags.FlagValues) -> None:
    if flag_values.plot:
        raise SolferinoError('--verify draws nothing: leave --plot out.')
    from solferino.pipelines.inspection import verifying

    found = [verifying.verify(path) for path in paths]
    print('\n'.join(one.text for one in found), flush=True)
    changed = [one.path for one in found if not one.is_good]
    if changed:
        raise SolferinoError(f'Not all is what it was: see {", ".join(changed)}.')


def console_entry_point() -> None:
    """The command."""
    command.run(__doc__, define, main, arguments=ARGUMENTS)


if __name__ == '__main__':
    console_entry_point()
