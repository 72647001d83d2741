"""rbm: a restricted Boltzmann machine of note-state matrices: a stretch of music as one picture.

Train `chords` on the music of a folder of MIDI files:

    rbm_create_dataset --config=chords --input=notes.tfrecord --output_dir=data
    rbm_train --sequence_example_file=data/training_note_states.tfrecord --run_dir=run --num_training_steps=3000

What each config costs and reaches stands beside it, as its `benchmark`.
"""

import dataclasses
from typing import Any, ClassVar

from solferino.hparams.generation import GenerateOptions
from solferino.hparams.networks.rnn_rbm import MOST, MOST_GIBBS_STEPS, RnnRbmHparams
from solferino.hparams.presets import TEN_MINUTES, TWO_MINUTES, Preset
from solferino.hparams.reasons import (
    EMPTY_WINDOW,
    NO_MELODY,
    ODD_METRE,
    OTHER_METRE,
    OUT_OF_RANGE,
    PART_OF_WINDOW,
    REMEDIES,
    TOO_MANY_STEPS,
)
from solferino.hparams.spec import Benchmark, Config, FamilySpec, Listening, architecture, midi_option, option


@dataclasses.dataclass(frozen=True)
class RbmHparams:
    """Names and advice are those of Hinton 2010, "A practical guide to training restricted Boltzmann machines".

    Attributes:
      batch_size: examples in a batch.
      num_timesteps: steps of a window, which is what the machine models at once.
      hidden_units: of the machine.
      learning_rate: of the optimizer.
      optimizer: 'momentum' or 'adam'.
      momentum: of the optimizer 'momentum'.
      decay_steps: the learning rate falls linearly to zero at this step; 0 keeps it constant.
      cd_steps: Gibbs steps, from the data or the persistent chains, to the samples of the negative phase.
      persistent: whether chains continue from step to step (persistent contrastive divergence) or start at the data.
      chains: how many persistent chains.
      weight_decay: share of the weights that is added to the gradient.
      averaging: decay of the exponential moving average (EMA) of the weights, which is evaluated and generates: over
        about 1 / (1 - averaging) steps.
      sparsity_target: how often a hidden unit should be on.
      sparsity_cost: weight of that target; 0 for none.
    """

    batch_size: int = 64
    num_timesteps: int = architecture(15)
    hidden_units: int = architecture(50)
    learning_rate: float = 0.03
    optimizer: str = 'momentum'
    momentum: float = 0.9
    decay_steps: int = 0
    cd_steps: int = 5
    persistent: bool = False
    chains: int = 64
    weight_decay: float = 0.0001
    averaging: float = 0.998
    sparsity_target: float = 0.1
    sparsity_cost: float = 0.0

    def __post_init__(self) -> None:
        for name, most in (
            ('batch_size', MOST),
            ('num_timesteps', MOST),
            ('hidden_units', MOST),
            ('cd_steps', MOST_GIBBS_STEPS),
            ('chains', MOST),
        ):
            if not 1 <= getattr(self, name) <= most:
                raise ValueError(f'{name}={getattr(self, name)} must be from 1 to {most}.')
        if self.learning_rate <= 0:
            raise ValueError(f'learning_rate={self.learning_rate} must be above 0.')
        if self.optimizer not in ('momentum', 'adam'):
            raise ValueError(f'optimizer={self.optimizer} must be momentum or adam.')
        if not 0 <= self.momentum < 1:
            raise ValueError(f'momentum={self.momentum} must be at least 0 and below 1.')
        if not 0 <= self.averaging < 1:
            raise ValueError(f'averaging={self.averaging} must be at least 0 and below 1.')
        if not 0 < self.sparsity_target < 1:
            raise ValueError(f'sparsity_target={self.sparsity_target} must be above 0 and below 1.')
        for name in ('decay_steps', 'weight_decay', 'sparsity_cost'):
            if getattr(self, name) < 0:
                raise ValueError(f'{name}={getattr(self, name)} must be 0 or more.')


@dataclasses.dataclass(frozen=True)
class RbmExtraction:
    """How note-state matrices are cut from music.

    Attributes:
      example_windows: windows that follow one another are stored as one example, up to this many.
    """

    lowest_pitch: int = option(24, 'Lowest MIDI pitch of the matrices.')
    highest_pitch: int = option(101, 'Highest MIDI pitch of the matrices.')
    articulation: bool = option(
        True, 'Beside the plane of the keys that sound, one of those that are struck: a repeated note is told from a '
        'long one.'
    )  # fmt: skip
    hop: int = option(
        0, 'Steps from the beginning of one training example to the next; 0 for one right after the other.'
    )
    fill_last: bool = option(
        True, 'Fill the last window of a piece with silence; otherwise it is left out and counted.'
    )
    other_metres: bool = option(False, 'Keep music in other metres than 2/4 and 4/4.')
    example_windows: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.lowest_pitch <= self.highest_pitch <= 127:
            raise ValueError(
                f'lowest_pitch={self.lowest_pitch} and highest_pitch={self.highest_pitch} must be MIDI pitches, 0 to '
                '127, the lower one first.'
            )
        if self.hop < 0:
            raise ValueError(f'hop={self.hop} must be 0 or more.')
        if not 1 <= self.example_windows <= MOST:
            raise ValueError(f'example_windows={self.example_windows} must be from 1 to {MOST}.')


@dataclasses.dataclass(frozen=True)
class RbmLearned:
    """What is known of the training examples: the share of steps in which each cell of a step is on; () before that."""

    means: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not all(0 < mean < 1 for mean in self.means):
            raise ValueError('means must be above 0 and below 1.')


@dataclasses.dataclass(frozen=True)
class RbmConfig(Config):
    """A config of rbm."""

    def __post_init__(self) -> None:
        options, means = self.extraction, self.learned.means
        cells = (options.highest_pitch - options.lowest_pitch + 1) * (1 + options.articulation)
        if means and len(means) != cells:
            raise ValueError(f'there are {len(means)} means for the {cells} cells of a step.')

    def for_evaluation(self) -> 'RbmConfig':
        """See Config: without windows that overlap."""
        return dataclasses.replace(self, extraction=dataclasses.replace(self.extraction, hop=0))


@dataclasses.dataclass(frozen=True)
class RbmGeneration(GenerateOptions):
    """Gibbs sampling.

    Attributes:
      clamp_midi: a NoteSequence.
    """

    least_num_steps: ClassVar[int] = 0

    num_steps: int = option(
        0, 'Length of each output in steps, the primer included; 0 for as many as --clamp_midi takes or, without it, '
        '128 (rnn_rbm: 128 after the primer). Music longer than a window of the model is made window by window: each '
        'keeps the second half of the one before and goes on from there.'
    )  # fmt: skip
    exclude_primer: bool = option(False, 'Leave the primer out of the files; rnn_rbm alone keeps it there.')
    gibbs_steps: int = option(1000, 'Steps of the Gibbs chain: the more, the less is left of what it began with.')
    start: str = option('zeros', 'What the chain begins with if there is no primer: zeros (silence) or noise.')
    clamp_midi: Any = midi_option(  # noqa: RUF009  # its default is None
        'A music file whose notes stay as they are, on the grid of steps, while the model fills the rest; its tempo is '
        'kept unless --qpm is given.'
    )
    clamp: str = option(
        'notes', 'What of --clamp_midi stays. notes: its notes alone, while others may join them (harmonizing); steps: '
        'also the silence of other keys, in all steps in which a note sounds (completion).'
    )  # fmt: skip
    last_step: str = option(
        'sample', 'How the chain ends. sample: cells are drawn; mean_field: a cell is on if its probability is above '
        'one half.'
    )  # fmt: skip

    @property
    def beginning(self) -> str:
        """See GenerateOptions: what a chain begins with, and what it keeps."""
        kept = ', and the notes of --clamp_midi' if self.clamp_midi is not None else ''
        return f'{"silence" if self.start == "zeros" else self.start}{kept}'

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_at_least(1, 'gibbs_steps')
        for name, valid in (
            ('start', ('zeros', 'noise')),
            ('clamp', ('notes', 'steps')),
            ('last_step', ('sample', 'mean_field')),
        ):
            if getattr(self, name) not in valid:
                raise ValueError(f'--{name}={getattr(self, name)} must be {" or ".join(valid)}.')


SPEC = FamilySpec(
    name='rbm',
    records='note_states',
    configs={
        # A bar less a step, 50 hidden units: chords and how they are broken.
        'chords': RbmConfig(
            name='chords',
            description='Restricted Boltzmann machine of 15 steps of notes.',
            advice='15 steps of a 16th at once, nearly a bar: for chords and how they are broken',
            benchmark=Benchmark(
                command='rbm_train --config=chords --preset=two_minutes',
                score='5.256 nats a step by pseudo-likelihood, chorales held out',
                time='176 s (171 s of one core)',
                page='docs/benchmarks/presets.md',
            ),
            steps_per_quarter=4,
            hparams=RbmHparams(),
            extraction=RbmExtraction(),
            learned=RbmLearned(),
        ),
        # Eight bars of 4/4, 64 hidden units: 20,000 visible units, so that music in hundreds of files is little.
        'phrases': RbmConfig(
            name='phrases',
            description='Restricted Boltzmann machine of 128 steps of notes.',
            advice='128 steps, eight bars, at once: for much music of one kind',
            benchmark=Benchmark(
                command='rbm_train --config=phrases --num_training_steps=1000 --eval_frequency=100',
                score='9.340 nats a step by pseudo-likelihood, chorales held out',
                time='385 s (140 s of one core)',
                page='docs/benchmarks/presets.md',
            ),
            steps_per_quarter=4,
            hparams=RbmHparams(num_timesteps=128, hidden_units=64),
            extraction=RbmExtraction(),
            learned=RbmLearned(),
        ),
        # Single steps, and of them only which keys sound: the model of the piano-roll benchmark. An example is a run of
        # 16 steps, a batch 256 of them.
        'frame': RbmConfig(
            name='frame',
            description='Restricted Boltzmann machine of the keys that sound together.',
            advice='one step: which keys sound together, and nothing of time',
            benchmark=Benchmark(
                command='make benchmark-pianoroll DATA=../shared/data/pianoroll_benchmark ONLY=frame:jsb',
                score='7.452 nats a step, test data of JSB Chorales (published: 7.43)',
                time='7.8 min of one core',
                page='docs/benchmarks/piano_rolls.md',
            ),
            steps_per_quarter=4,
            hparams=RbmHparams(
                batch_size=16, num_timesteps=1, hidden_units=200, persistent=True, cd_steps=5, chains=256
            ),
            extraction=RbmExtraction(lowest_pitch=21, highest_pitch=108, articulation=False, example_windows=16),
            learned=RbmLearned(),
        ),
        # The same steps, each given all before it. Generation goes on after a primer.
        'rnn_rbm': RbmConfig(
            name='rnn_rbm',
            description='Restricted Boltzmann machine of the keys that sound together, given those before.',
            advice='one step, given all before: for music that goes on after a primer',
            benchmark=Benchmark(
                command='rbm_train --config=rnn_rbm --preset=ten_minutes',
                score='2.633 nats a step by pseudo-likelihood, chorales held out',
                time='206 s (192 s of one core)',
                page='docs/benchmarks/presets.md',
            ),
            steps_per_quarter=4,
            hparams=RnnRbmHparams(),
            extraction=RbmExtraction(lowest_pitch=21, highest_pitch=108, articulation=False, example_windows=128),
            learned=RbmLearned(),
        ),
    },
    presets={
        'chords': {
            TWO_MINUTES: Preset(
                'hidden_units=200,decay_steps=4000',
                4000,
                'loss 5.26, chorales, 171 s of one core',
                evaluations=8,
            )
        },
        'rnn_rbm': {
            TWO_MINUTES: Preset('decay_steps=500', 500, 'loss 3.27, chorales, 88 s of one core', evaluations=8),
            TEN_MINUTES: Preset('decay_steps=2000', 2000, 'loss 2.63, chorales, 192 s of one core'),
        },
    },
    default_config='chords',
    primer_flags={},
    default_primer='silence',
    remedies={
        **REMEDIES,
        NO_MELODY: 'rbm does not learn drums; drums_rnn does.',
        OTHER_METRE: '--other_metres keeps it.',
        EMPTY_WINDOW: 'There is nothing to learn from silence.',
        PART_OF_WINDOW: '--fill_last keeps it, filled with silence.',
        OUT_OF_RANGE: '--lowest_pitch and --highest_pitch widen the range; other notes of the music are kept.',
        TOO_MANY_STEPS: 'Cut the file: it is thousands of bars long.',
        ODD_METRE: 'Only metres that fit the grid of sixteenths can be learned.',
    },
    generation=RbmGeneration(),
    plots={'plot_filters': 'Draw what each hidden unit is sensitive to, and how strongly the output turns it on.'},
    keeps_silence=False,
    silence_remedy='Give the chains another start or a longer way: --start=noise, a --primer_midi, more --gibbs_steps. '
    'A higher --temperature adds notes, too, and so does training for longer.',
    listening=Listening(('repetition', 'likeness', 'notes_per_bar', 'in_scale', 'polyphony', 'clash'), num_bars=64),
)
