"""Converts a folder of music files to NoteSequences in a TFRecord file.

Reads MIDI (.mid .midi .rmi .kar), MusicXML (.xml .musicxml .mxl), ABC (.abc) and tables of chorales (.json .npz), as
it sounds: what is damaged or not needed in a file is passed over and counted. A file that is broken, empty or no music,
or that would take too much memory or time, is left out; the others are not disturbed. A table at the end and a JSON
file beside the output say what was left out and why. An output that exists is replaced when all is done, not before.

  convert_dir_to_note_sequences --input_dir=~/midi --recursive --output_file=/tmp/music.tfrecord

With --audio the notes of recordings (.wav .mp3 .flac .ogg) are found too, by the model of basic-pitch: docs/audio.md.

Flags of Apache Beam, such as --runner, are passed on to it.
"""

from absl import flags

from solferino.bin import command
from solferino.hparams.errors import SolferinoError


def define(values: flags.FlagValues) -> None:
    """Defines the flags."""
    flags.DEFINE_string(
        'input_dir',
        None,
        'Folder of music files. Its name becomes the collection_name of the NoteSequences and part of their ids.',
        flag_values=values,
    )
    flags.DEFINE_string(
        'output_file',
        None,
        'TFRecord file to write; name@8.tfrecord writes 8 shards, name-00000-of-00008.tfrecord and so on.',
        flag_values=values,
    )
    flags.mark_flags_as_required(['input_dir', 'output_file'], values)
    flags.DEFINE_bool('recursive', False, 'Search subfolders too.', flag_values=values)
    flags.DEFINE_integer('num_shards', None, 'Write so many shards.', lower_bound=1, flag_values=values)
    flags.DEFINE_integer('num_workers', 1, 'Processes that read files.', lower_bound=1, flag_values=values)
    flags.DEFINE_bool(
        'magenta_reading',
        False,
        "Read files bug for bug as Magenta does, not as they sound: for datasets that are to be equal to Magenta's.",
        flag_values=values,
    )
    flags.DEFINE_bool(
        'audio',
        False,
        'Find the notes of recordings too (.wav .mp3 .flac .ogg; not drums). Needs the extra [audio].',
        flag_values=values,
    )
    # A file's limits are at most what the system can be told of: bytes and nanoseconds in 64 bits.
    flags.DEFINE_float(
        'max_file_mb',
        100,
        'Leave out files larger than this, in MB.',
        lower_bound=0,
        upper_bound=1e9,
        flag_values=values,
    )
    flags.DEFINE_float(
        'max_file_memory_mb',
        2048,
        'Leave out files that take more memory than this to read, in MB.',
        lower_bound=1,
        upper_bound=1e9,
        flag_values=values,
    )
    flags.DEFINE_float(
        'max_file_seconds',
        60,
        'Leave out files that take more CPU time than this to read, in seconds.',
        lower_bound=0.01,
        upper_bound=1e6,
        flag_values=values,
    )


def main(values: flags.FlagValues, beam_args: list[str]) -> None:
    """Converts, and prints the table."""
    if values.audio and values.magenta_reading:
        raise SolferinoError('--audio and --magenta_reading: Magenta reads no recordings. Leave one of them out.')
    from solferino.pipelines.engine import workers

    with workers.begun(values.num_workers, 'solferino.pipelines.convert'):
        from solferino.models.core.storage import records
        from solferino.pipelines import convert, parsing

        output = values.output_file
        if values.num_shards:
            output = records.with_shards(output, values.num_shards)
        job = convert.Job(
            values.input_dir,
            output,
            values.recursive,
            parsing.Limits(values.max_file_mb, values.max_file_memory_mb, values.max_file_seconds),
            values.num_workers,
            tuple(beam_args),
            values.magenta_reading,
            values.audio,
        )
        print(convert.convert(job))


def console_entry_point() -> None:
    """The command."""
    command.run(__doc__, define, main, beam=True)


if __name__ == '__main__':
    console_entry_point()
