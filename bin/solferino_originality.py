"""Tells what generated music copies from the music that its model learned from.

    solferino_originality generated --training=notes.tfrecord --output=copies.json

Of each piece: the longest run of notes that a training piece has, too, in any key, with its bars; beside it what the
training pieces have of each other. Music is given as files, folders, patterns or TFRecord files of NoteSequences.
"""

from absl import flags

from solferino.bin import command

ARGUMENTS = ('GENERATED', command.MORE)


def define(flag_values: flags.FlagValues) -> None:
    """Defines the flags."""
    flags.DEFINE_list(
        'training', None, 'The training music: files, folders, patterns, or TFRecord files of NoteSequences, with '
        'commas between them.', required=True, flag_values=flag_values,
    )  # fmt: skip
    flags.DEFINE_integer(
        'steps_per_quarter', 4, 'The grid on which notes are compared: that of the model.', lower_bound=1,
        upper_bound=24, flag_values=flag_values,
    )  # fmt: skip
    flags.DEFINE_string('output', None, 'JSON file for all that is found.', flag_values=flag_values)


def main(flag_values: flags.FlagValues, *generated: str) -> None:
    """Prints what is found."""
    from solferino.bin import outputs

    outputs.require_json_name(flag_values.output)
    from solferino.models.core.storage.files import json_about
    from solferino.models.music.originality import copies
    from solferino.pipelines import music_files
    from solferino.pipelines.inspection import copying

    kind = json_about('what music copies', 'training_usual_notes')
    inputs = [*music_files.find(generated, None), *music_files.find(flag_values.training, 'training')]
    output = outputs.require(flag_values.output, kind, inputs) if flag_values.output else None
    names, pieces = copying.read(generated, None)
    training_names, training = copying.read(flag_values.training, 'training')
    found = copies.compare(pieces, training, flag_values.steps_per_quarter)
    print(copying.report(found, names, training_names))
    if output:
        outputs.write(output, copying.to_json(found, names, training_names), kind)


def console_entry_point() -> None:
    """The command."""
    command.run(__doc__, define, main, arguments=ARGUMENTS)


if __name__ == '__main__':
    console_entry_point()
