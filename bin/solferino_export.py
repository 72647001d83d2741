"""Writes a trained model for other programs: for web pages, or for TensorFlow without Solferino.

solferino_export --format=magentajs --bundle_file=basic.mag --output_dir=web

magentajs: what MusicRNN of npm's @magenta/music loads, and a README.md that shows how. For one_drum, drum_kit,
basic_rnn and mono_rnn; that package has no other models of ours.

savedmodel: any model as functions of plain TensorFlow, such as a step from inputs and state to logits and state, and a
model.json that says how they are called and what goes in and comes out.
"""

import os
from collections.abc import Callable
from pathlib import Path

from absl import flags

from solferino.bin import command
from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage import temporaries
from solferino.pipelines.engine.staging import Staging

_SOURCES = ('bundle_file', 'run_dir', 'checkpoint_file')


def define(fv: flags.FlagValues) -> None:
    """Defines the flags."""
    formats = ['magentajs', 'savedmodel']
    flags.DEFINE_enum('format', None, formats, 'What to write, see above.', required=True, flag_values=fv)
    flags.DEFINE_string('bundle_file', None, 'A bundle (.mag).', flag_values=fv)
    flags.DEFINE_string(
        'run_dir', None, 'Directory of a training run: its best checkpoint is used, or else its newest.', flag_values=fv
    )
    flags.DEFINE_string(
        'checkpoint_file', None, 'A checkpoint of a training run, such as run/train/model.ckpt-1000.', flag_values=fv
    )
    flags.DEFINE_string('output_dir', None, 'A new or empty folder for the files.', required=True, flag_values=fv)


def main(fv: flags.FlagValues) -> None:
    """Exports the model."""
    given = [name for name in _SOURCES if fv[name].value]
    if len(given) != 1:
        named = ' and '.join('--' + name for name in given) or 'none'
        raise SolferinoError(
            f'Name one model to export: --bundle_file, --run_dir or --checkpoint_file (given: {named}).'
        )
    folder = Path(os.path.expanduser(fv.output_dir))
    temporaries.clear(str(folder.absolute().parent), folder.name)  # of a run that was killed when all was written
    _require_empty(folder)
    from solferino.models import loading

    if fv.format == 'savedmodel':
        from solferino.models.core.training import runtime

        runtime.set_up()  # imports TensorFlow quietly
    path = str(fv[given[0]].value)
    model = loading.load_bundle(path) if fv.bundle_file else loading.load_checkpoint(path)
    _write(folder, lambda new: model.family.export(model.weights, model.config, fv.format, new))
    files = sorted(file for file in folder.rglob('*') if file.is_file())
    print(f'Exported {model.source} ({model.config.name}) to {folder}:')
    for file in files:
        print(f'{file.stat().st_size:>10}  {file.relative_to(folder)}')


def _require_empty(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise SolferinoError(f'--output_dir={folder} is a file. Name a new folder.')
    if folder.is_dir() and any(folder.iterdir()):
        raise SolferinoError(f'--output_dir={folder} is not empty. Name a new folder, or remove what is in it.')


def _write(folder: Path, write: Callable[[Path], None]) -> None:
    """Makes `folder` of what `write` puts into an empty one, whole or not at all."""
    with Staging(str(folder)) as staging:
        new = Path(staging.path('export'))
        try:
            new.mkdir()
            write(new)
            os.replace(new, folder)  # an empty folder of this name gives way
        except OSError as error:
            raise SolferinoError(f'--output_dir={folder} cannot be written: {error.strerror}.') from error


def console_entry_point() -> None:
    """The command."""
    command.run(__doc__, define, main)


if __name__ == '__main__':
    console_entry_point()
