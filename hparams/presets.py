"""`--preset`: settings that make good music in a given time, chosen by measuring.

The own hyperparameters of drums_rnn's and melody_rnn's configs are Magenta's, for hours of training on large
collections. A preset is for some hundred files and two cores. The expected scores were measured on held-out music, see
docs/benchmarks.
"""

import dataclasses
from collections.abc import Mapping

from solferino.hparams import overrides
from solferino.hparams.errors import SolferinoError

TWO_MINUTES = 'two_minutes'
TEN_MINUTES = 'ten_minutes'
NAMES = (TWO_MINUTES, TEN_MINUTES)


@dataclasses.dataclass(frozen=True)
class Preset:
    """How to train a config.

    Attributes:
      hparams: those that differ from the config's, in the form of `--hparams`.
      num_steps: of training.
      evaluations: how many, spread over the training; one of them gives the best checkpoint.
      expect: held-out loss, that of a Markov table, the music, and the time.
    """

    hparams: str
    num_steps: int
    expect: str
    evaluations: int = 10

    @property
    def eval_frequency(self) -> int:
        """Steps from one evaluation to the next."""
        return max(1, self.num_steps // self.evaluations)

    def hparams_with(self, given: str, num_steps: int = 0) -> str:
        """Returns the preset's hparams overridden by `given`, as one text.

        For `num_steps`, if these are not 0, instead of its own, the learning rate falls as far as they go.
        """
        names = overrides.names_in(given)
        own = [pair for pair in overrides.pairs(self.hparams) if overrides.names_in(pair)[0] not in names]
        own = [f'decay_steps={num_steps}' if num_steps and pair.startswith('decay_steps=') else pair for pair in own]
        return ','.join([*own, *([given] if given.strip() else [])])


def find(presets: Mapping[str, Mapping[str, Preset]], config: str, name: str) -> Preset:
    """Returns the preset of a config. Raises SolferinoError, with the existing ones, if there is none of the name."""
    of_config = presets.get(config, {})
    if name not in of_config:
        there = ', '.join(of_config) or 'none; set --hparams and --num_training_steps'
        raise SolferinoError(f'--preset={name}: {config} has no such preset. It has: {there}.')
    return of_config[name]


def describe(presets: Mapping[str, Mapping[str, Preset]]) -> str:
    """The help text of the presets: each with its settings and what to expect."""
    return '\n\n'.join(
        f'{config}, {name}: {preset.expect} (--num_training_steps={preset.num_steps} --hparams="{preset.hparams}")'
        for config, of_config in presets.items()
        for name, preset in of_config.items()
    )
