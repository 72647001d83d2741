"""The flags of each command, with values that they may have and values that they may not."""

import dataclasses
import functools
import importlib
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

import cases
import file_kinds
import mutations
from absl import flags as absl_flags
from cases import Case
from small_files import CONFIGS, SmallFiles

from solferino.bin import command
from solferino.models import registry

_PATHS = (
    '{out}', '{out}/missing', '{out}/missing/x.mid', '{out}/' + 'x' * 300, '/dev/null/x', 'x@1000000000.tfrecord',
    'x@-1.tfrecord', 'x@0', 'x@3', '*', '**', '[', '~nobody_is_called_so/x', '..', '../..', '.', '/proc/self/cmdline',
    '/proc/self/status', 'a,b', ',', ':', 'a\nb', '\udcff', 'é', '-', '--', '=', '{out}/../../../..', 'x' * 5000,
)  # fmt: skip
_PRIMERS = (
    '[60]', '[60, -2, 60, -1]', '[(36,), (), (38, 42)]', '[(36, 36)]', '[60] * 1000000000', '[[[[[[', '(' * 3000,
    '[1e308]', '[10000000000000000000000000]', '[-3]', '[(128,)]', '{}', '"x"', '[None]', 'C4', 'H9', 'C99999999999',
    '[True]', '[60.0]', "__import__('os')", '[60' + ',60' * 5000 + ']', '-1', 'auto',
)  # fmt: skip
_HPARAMS = (
    '0', '-1', '1', '1000000', '10000000000', '1' * 24, 'nan', 'inf', '1e308', '-0.5', '[]', '[0]', '[1000000]',
    '[3,3]', 'x', '', 'true', '[' * 999,
)  # fmt: skip
_FORMATS = 'mp3', 'wav,ogg,flac', 'png,svg,pdf', 'musicxml,score.svg', 'mp3,,png', 'mp3 , mp3', 'mid', '.MP3', 'score'
_NUMBERS = (3, 7, 24 * '9', '1_000', '0x10', '1e9', '٣', ' 5 ', '5.0', 'auto', '1,5')


@dataclasses.dataclass(frozen=True)
class Flags:
    """The flags of a command: a cases.Subject.

    Attributes:
      name: of the command.
      arguments: with which it does something; {out} is a folder.
      texts: values for flags that take a text, beside those for all.
    """

    name: str
    arguments: Sequence[str]
    texts: Sequence[str] = ()

    def whole(self) -> int:
        """See cases.Subject."""
        return 1

    def case(self, rng: Random | None, folder: Path, number: int = 0) -> Case:
        """See cases.Subject."""
        out = folder / 'a/b/c'  # where '../..' is still ours
        out.mkdir(parents=True)
        arguments = [argument.format(out=out) for argument in self.arguments]
        flags = _flags(self.name)
        for _ in range(rng.choice((1, 1, 1, 2, 3)) if rng else 0):
            name = rng.choice(sorted(flags))
            value = _value(flags[name], self.texts, rng).replace('{out}', str(out))
            arguments = [a for a in arguments if not a.startswith(f'--{name}=')] + [f'--{name}={value}']
        return Case(' '.join([self.name, *arguments]), lambda: cases.typed(self.name, *arguments, folder=out))


def all_commands(made: SmallFiles) -> list[Flags]:
    """All commands that the models there are can be used with."""
    some = next(iter(made.midi.glob('*.mid')))
    found = {
        'convert_dir_to_note_sequences': [f'--input_dir={made.midi}', '--output_file={out}/notes.tfrecord'],
        'solferino_inspect': [str(some)],
        'solferino_draw': [f'--input={some}', '--output_dir={out}/pictures'],
        'solferino_write_grooves': ['--output_dir={out}/midi', '--num_files=2'],
        'solferino_render': [
            str(made.short), '--output_dir={out}/rendered', '--format=wav,png', f'--soundfont={cases.SOUNDFONT}',
        ],
        'solferino_play': [str(made.short), '--output_dir={out}/played', f'--soundfont={cases.SOUNDFONT}'],
        'solferino_metrics': [str(made.midi), str(some), '--output={out}/metrics.json'],
        'solferino_originality': [str(some), f'--training={made.notes}'],
        'solferino_report': [str(made.short), str(made.midi / '1.mid'), '--output={out}/report.html', '--num_shown=1'],
    }  # fmt: skip
    found['solferino_evaluate'] = [str(some), f'--bundle_file={made.bundle(made.configs[0])}']
    if 'drum_kit' in made.configs:
        bundle = made.bundle('drum_kit')
        found['solferino_export'] = ['--format=magentajs', f'--bundle_file={bundle}', '--output_dir={out}/js']
        found['solferino_convert_bundle'] = [str(bundle), '{out}/copy.mag']
    listening = *_FORMATS, str(cases.SOUNDFONT), str(some), str(made.notes)
    texts: dict[str, Sequence[str]] = dict.fromkeys(found, listening)
    for config in reversed(made.configs):  # of a family the first is taken
        family, bundle = CONFIGS[config][0], made.bundle(config)
        found |= {
            f'{family}_generate': [
                f'--bundle_file={bundle}', '--output_dir={out}/music', '--num_outputs=1', *file_kinds.short(config),
            ],
            f'{family}_create_dataset': [
                f'--config={config}', f'--hparams={CONFIGS[config][1]}', f'--input={made.notes}',
                '--output_dir={out}/data',
            ],
            f'{family}_train': [
                f'--sequence_example_file={made.examples(config)}', '--run_dir={out}/run', '--num_training_steps=1',
            ],
        }  # fmt: skip
        own = (str(bundle), str(made.run(config)), config, *_hparams(config), *_PRIMERS, *listening)
        texts |= dict.fromkeys((f'{family}_{verb}' for verb in ('generate', 'create_dataset', 'train')), own)
    return [Flags(name, arguments, texts.get(name, ())) for name, arguments in found.items()]


def _hparams(config: str) -> tuple[str, ...]:
    """Texts for --hparams."""
    fields = dataclasses.fields(registry.get(CONFIGS[config][0]).spec.configs[config].hparams)
    return tuple(f'{field.name}={value}' for field in fields for value in _HPARAMS)


@functools.cache
def _flags(name: str) -> dict[str, absl_flags.Flag[Any]]:
    """The flags of a command by name, but for that which waits for a training, and says so."""
    values = absl_flags.FlagValues()
    with mock.patch.object(command, 'run', lambda doc, define, *_, **__: define(values)):
        importlib.import_module(f'solferino.bin.{name}').console_entry_point()
    return {name: values[name] for name in values if name != 'eval'}


def _value(flag: absl_flags.Flag[Any], texts: Sequence[str], rng: Random) -> str:
    """A value for a flag, which may not be one."""
    kind = flag.flag_type()
    if isinstance(flag.parser, absl_flags.EnumParser) and rng.random() < 0.7:
        # TensorFlow, which writes that one, cannot be loaded in the memory that a case has.
        return rng.choice([value for value in flag.parser.enum_values if value != 'savedmodel'])
    if kind == 'bool':
        return rng.choice(('true', 'false', 'true', 'false', 'maybe', '2', ''))
    if kind in ('int', 'float', 'number or auto'):
        numbers = (*mutations.WHOLE_NUMBERS, *mutations.NUMBERS, *_NUMBERS)
        return str(rng.choice((*numbers, *mutations.TEXTS) if rng.random() < 0.2 else numbers))
    if texts and rng.random() < 0.5:
        return rng.choice(texts)
    return rng.choice((*_PATHS, *mutations.TEXTS))
