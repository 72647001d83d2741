"""What a family says about itself before anything heavy is imported.

A binary answers `--help` and checks its flags from these objects alone.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

from solferino.hparams.dynamics import Dynamics
from solferino.hparams.errors import SolferinoError
from solferino.hparams.presets import Preset


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """What a training cost and reached, measured once on real music.

    Attributes:
      command: trains it, with --run_dir, --sequence_example_file and --eval_file beside what is here.
      score: of music held out, the unit, the music, and what it stands beside.
      time: of the training, on a machine with two cores.
      page: where the figures and how they were measured are.
    """

    command: str
    score: str
    time: str
    page: str

    def __str__(self) -> str:
        return f'{self.score}, in {self.time}: {self.command} ({self.page})'


@dataclasses.dataclass(frozen=True)
class Config:
    """One named way to set a family up: `--config=name`.

    Attributes:
      name: its id, also the generator id of the bundle.
      description: one line for people, also the generator description of the bundle.
      steps_per_quarter: time resolution, steps to a quarter note.
      hparams: the model's hyperparameters, a frozen dataclass; `--hparams` overrides its fields.
      extraction: how examples are taken from music, a frozen dataclass; create_dataset has a flag for each field.
      learned: what the model needs from the training examples before it is made (a vocabulary), a frozen dataclass;
        `Family.learn` fills it in, and it is stored with the config. None for nothing.
      dynamics: how loud the training music's notes are, filled in with `learned` and stored with it.
      advice: for a musician who chooses a config: what it learns and when to use it.
      benchmark: what it costs and reaches; all that the registry knows have one.
    """

    name: str
    description: str
    steps_per_quarter: int
    hparams: Any
    extraction: Any
    learned: Any = dataclasses.field(default=None, kw_only=True)
    dynamics: Dynamics = dataclasses.field(default=Dynamics(), kw_only=True)
    advice: str = dataclasses.field(default='', kw_only=True)
    benchmark: Benchmark | None = dataclasses.field(default=None, kw_only=True)

    def for_evaluation(self) -> Self:
        """The config for evaluation examples: without augmentation."""
        return self


@dataclasses.dataclass(frozen=True)
class Listening:
    """How the music of a family's models is compared with held-out music after training.

    Attributes:
      measures: names of `models.music.pieces.measures.Measures`: those that matter to the family.
      num_bars: of four quarters, to generate at each temperature; so many that it takes seconds.
      options: of generating, those that make the outputs what `Family.to_sequence` makes of examples.
    """

    measures: tuple[str, ...]
    num_bars: int
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class FamilySpec:
    """A family's names, configs and flags.

    Attributes:
      name: 'drums_rnn'; the prefix of its commands.
      records: name of examples in file names: {training,eval}_<records>.tfrecord.
      configs: its configs by name.
      default_config: the `--config` of a command that is given none; None requires one.
      primer_flags: name and help of each flag that holds a primer as text.
      default_primer: what generation begins with if no primer is given, for messages.
      remedies: what to do about each reason for which music is left out, by reason.
      presets: settings for training in a given time, by config and name.
      generation: how to generate, a `generation.GenerateOptions`; generate has a flag for each field.
      plots: name and help of each flag of generate that draws how a model sees a piece of music; see `Family.plot`.
      has_dense_form: whether Magenta's tools can read its examples (`--format=dense`).
      keeps_silence: whether generate writes a file for an output without notes, instead of only counting it.
      silence_remedy: what to do about such outputs.
      listening: how a temperature is recommended; None recommends none.
      compares_losses: whether the loss of training and that of an evaluation are of one kind.
      aliases: other names for flags of generate, such as those of a tutorial, each with the flag that it means.
    """

    name: str
    records: str
    configs: Mapping[str, Config]
    default_config: str | None
    primer_flags: Mapping[str, str]
    default_primer: str
    remedies: Mapping[str, str]
    generation: Any
    presets: Mapping[str, Mapping[str, Preset]] = dataclasses.field(default_factory=dict)
    plots: Mapping[str, str] = dataclasses.field(default_factory=dict)
    has_dense_form: bool = False
    keeps_silence: bool = True
    silence_remedy: str = 'Try a higher --temperature.'
    listening: Listening | None = None
    compares_losses: bool = True
    aliases: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def config_help(self) -> str:
        """The configs, and what each is, as the help of `--config`."""
        return 'One of: ' + '; '.join(f'{name} ({config.advice})' for name, config in self.configs.items()) + '.'

    def benchmark_help(self) -> str:
        """What each config costs and reaches, a paragraph each."""
        return '\n\n'.join(f'{name}: {config.benchmark}' for name, config in self.configs.items() if config.benchmark)

    def config(self, name: str | None) -> Config:
        """Returns the config called `name` (None: the default). Raises SolferinoError that lists the valid names."""
        name = name or self.default_config
        if name is None or name not in self.configs:
            valid = ', '.join(self.configs)
            problem = f'there is no config {name!r}' if name else 'it is required'
            raise SolferinoError(f'--config: {problem}. {self.name} has: {valid}. --help tells what each is for.')
        return self.configs[name]


def option(default: Any, help: str, auto: bool = False, unsaid: Any = None) -> Any:
    """A dataclass field that a binary also offers as a flag with this help text, and with `auto` for a value.

    `unsaid`, if it is not None, is what holds in files of earlier versions, which do not say it.
    """
    return dataclasses.field(default=default, metadata={'help': help, 'auto': auto, 'unsaid': unsaid})


def midi_option(help: str) -> Any:
    """A field for a piece of music, None if there is none; its flag takes the path of a music file."""
    return dataclasses.field(default=None, metadata={'help': help, 'midi': True})


def architecture(default: Any) -> Any:
    """A hyperparameter that determines the weights' shapes or meaning: it cannot change in further training."""
    return dataclasses.field(default=default, metadata={'architecture': True})
