"""Rewrites a bundle of Magenta as one of Solferino: weights and settings, no graph.

solferino_convert_bundle magenta.mag solferino.mag
"""

import os
from pathlib import Path

from absl import flags

from solferino.bin import command
from solferino.hparams import overrides
from solferino.hparams.errors import SolferinoError


def define(flag_values: flags.FlagValues) -> None:
    """Defines the flags."""
    flags.DEFINE_string(
        'config', None, 'The config of a model that calls itself something else.', flag_values=flag_values
    )


def main(flag_values: flags.FlagValues, source: str, target: str) -> None:
    """Writes the bundle."""
    from solferino.models import loading  # note-seq takes a second
    from solferino.models.core.storage import files

    output = Path(os.path.expanduser(target))
    if output.is_dir():
        raise SolferinoError(f'{target} is a folder. Name a file, such as {output / Path(source).name}.')
    model = loading.load_bundle(source, flag_values.config)
    files.require_apart([str(output)], [model.source])
    try:
        model.save_bundle(output)
    except OSError as error:
        raise SolferinoError(f'{target} cannot be written: {error.strerror}.') from error
    hparams = ', '.join(f'{name} {value}' for name, value in overrides.as_dict(model.config.hparams).items())
    print(f'Saved {source} as {target}: {model.family.spec.name}, {model.config.name}, {hparams}.')


def console_entry_point() -> None:
    """The command."""
    command.run(__doc__, define, main, arguments=('in.mag', 'out.mag'))


if __name__ == '__main__':
    console_entry_point()
