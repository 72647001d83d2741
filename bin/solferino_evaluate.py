"""Tells how likely music is under trained models: their negative log-likelihood, less is better.

    solferino_evaluate songs --bundle_file=drums.mag

    solferino_evaluate held_out.tfrecord --run_dir=run --bundle_file=a.mag,b.mag --output=scores.json

Music is given as files, folders, TFRecord files of NoteSequences, or patterns such as "songs/*.mid"; models as bundles,
those of Magenta too, and run directories. The figures are nats an event, a step and a bar of four quarters, with 95 %
intervals over pieces; of several models also how far each is from the first, over the pieces that both could read.
"""

import os

from absl import flags

from solferino.bin import command
from solferino.hparams.errors import SolferinoError

ARGUMENTS = ('MUSIC', command.MORE)


def define(flag_values: flags.FlagValues) -> None:
    """Defines the flags."""
    several = 'Several with commas between them, or the flag several times.'
    flags.DEFINE_multi_string('bundle_file', [], f'Bundles (.mag). {several}', flag_values=flag_values)
    flags.DEFINE_multi_string('run_dir', [], f'Run directories. {several}', flag_values=flag_values)
    flags.DEFINE_enum(
        'checkpoint', None, ['newest', 'best'],
        'Which checkpoint of a --run_dir; if it is not given, the best where there is one, else the newest.',
        flag_values=flag_values,
    )  # fmt: skip
    flags.DEFINE_string(
        'config', None, 'For a model of Magenta that does not tell its config.', flag_values=flag_values
    )
    flags.DEFINE_string('output', None, 'JSON file for all scores.', flag_values=flag_values)


def main(flag_values: flags.FlagValues, *names: str) -> None:
    """Prints the tables."""
    from solferino.bin import outputs

    outputs.require_json_name(flag_values.output)
    bundles, runs = ([part for text in flag_values[name].value or [] for part in text.split(',') if part]
                     for name in ('bundle_file', 'run_dir'))  # fmt: skip
    if not bundles and not runs:
        raise SolferinoError('Name a model: --bundle_file or --run_dir.')
    if flag_values.checkpoint and not runs:
        raise SolferinoError(f'--checkpoint={flag_values.checkpoint} chooses one of those of a --run_dir.')
    from solferino.models import loading, scoring
    from solferino.models.core.storage.files import json_about
    from solferino.pipelines import music_files

    kind, paths = json_about('likelihoods of music', 'models'), music_files.find(names, None)
    output = outputs.require(flag_values.output, kind, [*paths, *bundles]) if flag_values.output else None
    models = {name: loading.load_bundle(os.path.expanduser(name), flag_values.config) for name in bundles}
    for name in runs:
        models[name] = loading.load_checkpoint(os.path.expanduser(name), flag_values.config, flag_values.checkpoint)
    music = [(str(one.path), one.sequence) for one in music_files.read(paths)]
    if not music:
        raise SolferinoError(f'{" ".join(names)}: there is no music in it.')
    found = scoring.compare([scoring.score(model, name, music) for name, model in models.items()])
    print(found.table())
    if not any(one.pieces for one in found.models):
        raise SolferinoError('No model has scored any of the music; the reasons are above.')
    if output:
        outputs.write(output, found.to_json(), kind)


def console_entry_point() -> None:
    """The command."""
    command.run(__doc__, define, main, arguments=ARGUMENTS)


if __name__ == '__main__':
    console_entry_point()
