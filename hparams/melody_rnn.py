"""melody_rnn: which melody event comes next, given all before.

Train `attention_rnn` on the melodies of a folder of MIDI files:

    melody_rnn_create_dataset --config=attention_rnn --input=notes.tfrecord --output_dir=data
    melody_rnn_train --sequence_example_file=data/training_melodies.tfrecord --run_dir=run --num_training_steps=1000

What each config costs and reaches stands beside it, as its `benchmark`.
"""

import dataclasses

from solferino.hparams import transposition
from solferino.hparams.networks.event_rnn import QUICK_START, EventGeneration, EventRnnHparams
from solferino.hparams.presets import TWO_MINUTES, Preset
from solferino.hparams.reasons import (
    FEW_PITCHES,
    MELODY_CUT_OFF,
    MELODY_TOO_SHORT,
    NO_MELODY,
    ODD_METRE,
    POLYPHONIC,
    REMEDIES,
)
from solferino.hparams.spec import Benchmark, Config, FamilySpec, Listening, option


@dataclasses.dataclass(frozen=True)
class MelodyExtraction:
    """How melodies are cut from music."""

    min_bars: int = option(7, 'Leave out melodies shorter than this many bars.')
    max_steps: int = option(512, 'Cut melodies off after this many steps.')
    min_unique_pitches: int = option(5, 'Leave out melodies with fewer different pitches, octaves not counted.')
    gap_bars: float = option(1.0, 'Silence of this many bars ends a melody.')
    ignore_polyphonic_notes: bool = option(False, 'Of several notes that begin together, take the highest.')
    transpose_augment: str = option('', transposition.HELP)

    def __post_init__(self) -> None:
        if self.min_bars < 0 or self.max_steps < 2 or self.gap_bars <= 0 or self.min_unique_pitches < 0:
            raise ValueError(
                'min_bars and min_unique_pitches must be at least 0, max_steps at least 2 and gap_bars above 0.'
            )
        transposition.semitones(self.transpose_augment)

    @property
    def semitones(self) -> tuple[int, ...]:
        """The transpositions of each melody; 0 alone without augmentation."""
        return transposition.semitones(self.transpose_augment)


@dataclasses.dataclass(frozen=True)
class MelodyConfig(Config):
    """A melody config.

    Attributes:
      encoding: 'one_hot', 'lookback' (repeats of one and two bars ago) or 'key' (lookback, keys, direction).
      min_note: lowest MIDI pitch.
      max_note: highest MIDI pitch plus one.
      transpose_to_key: the major key that melodies are transposed to, 0 for C; None to leave them where they are.
    """

    encoding: str = 'one_hot'
    min_note: int = 48
    max_note: int = 84
    transpose_to_key: int | None = 0

    def for_evaluation(self) -> 'MelodyConfig':
        """See Config: without transposed copies."""
        return dataclasses.replace(self, extraction=dataclasses.replace(self.extraction, transpose_augment=''))


_HPARAMS = EventRnnHparams(
    batch_size=128, rnn_layer_sizes=(128, 128), dropout_keep_prob=0.5, clip_norm=5.0, learning_rate=0.001
)

SPEC = FamilySpec(
    name='melody_rnn',
    records='melodies',
    configs={
        'basic_rnn': MelodyConfig(
            name='basic_rnn',
            description='Melody RNN with one-hot encoding.',
            advice='sees the last event; melodies are transposed to C, pitches 48 to 83: for a first try',
            benchmark=Benchmark(
                command='melody_rnn_train --flagfile=hparams/recipes/melodies-basic_rnn.flags',
                score='0.824 nats a step, songs and hymns held out (Markov chain: 1.195)',
                time='1.1 minutes on 2 cores',
                page='docs/benchmarks/quality.md',
            ),
            steps_per_quarter=4,
            hparams=_HPARAMS,
            extraction=MelodyExtraction(),
        ),
        'mono_rnn': MelodyConfig(
            name='mono_rnn',
            description='Monophonic RNN with one-hot encoding.',
            advice='the same with all pitches, and not transposed: for any single voice',
            benchmark=Benchmark(
                command='melody_rnn_train --flagfile=hparams/recipes/melodies-mono_rnn.flags',
                score='0.897 nats a step, songs and hymns held out (Markov chain: 1.213)',
                time='1.3 minutes on 2 cores',
                page='docs/benchmarks/quality.md',
            ),
            steps_per_quarter=4,
            hparams=_HPARAMS,
            extraction=MelodyExtraction(),
            min_note=0,
            max_note=128,
            transpose_to_key=None,
        ),
        'lookback_rnn': MelodyConfig(
            name='lookback_rnn',
            description='Melody RNN with lookback encoding.',
            advice='sees also one and two bars back, and may repeat them: for songs',
            benchmark=Benchmark(
                command='melody_rnn_train --flagfile=hparams/recipes/melodies-lookback_rnn.flags',
                score='0.861 nats a step, songs and hymns held out (Markov chain: 1.195)',
                time='1.2 minutes on 2 cores',
                page='docs/benchmarks/quality.md',
            ),
            steps_per_quarter=4,
            hparams=_HPARAMS,
            extraction=MelodyExtraction(),
            encoding='lookback',
        ),
        'attention_rnn': MelodyConfig(
            name='attention_rnn',
            description='Melody RNN with lookback encoding and attention.',
            advice='sees also the key, the metre and its last 40 steps: for longer forms',
            benchmark=Benchmark(
                command='melody_rnn_train --flagfile=hparams/recipes/melodies-attention_rnn.flags',
                score='0.999 nats a step, songs and hymns held out (Markov chain: 1.195)',
                time='8.4 minutes on 2 cores',
                page='docs/benchmarks/quality.md',
            ),
            steps_per_quarter=4,
            hparams=dataclasses.replace(_HPARAMS, attn_length=40, clip_norm=3.0),
            extraction=MelodyExtraction(),
            encoding='key',
        ),
    },
    presets={
        'basic_rnn': {
            TWO_MINUTES: Preset(
                f'batch_size=16,rnn_layer_sizes=[128],learning_rate=0.01,decay_steps=1500,{QUICK_START}',
                1500,
                'loss 0.93 (table: 1.27), songs and hymns, 57 s of one core',
            ),
        },
        'mono_rnn': {
            TWO_MINUTES: Preset(
                f'batch_size=16,rnn_layer_sizes=[128],learning_rate=0.01,decay_steps=1500,{QUICK_START}',
                1500,
                'loss 0.99 (table: 1.34), songs and hymns, 63 s of one core',
            ),
        },
        'lookback_rnn': {
            TWO_MINUTES: Preset(
                f'batch_size=16,rnn_layer_sizes=[128],learning_rate=0.01,decay_steps=1500,{QUICK_START}',
                1500,
                'loss 0.96 (table: 1.27), songs and hymns, 71 s of one core',
            ),
        },
        'attention_rnn': {
            TWO_MINUTES: Preset(
                f'batch_size=16,rnn_layer_sizes=[128],learning_rate=0.01,decay_steps=700,{QUICK_START}',
                700,
                'loss 1.06 (table: 1.27), songs and hymns, 117 s of one core',
            ),
        },
    },
    default_config=None,
    primer_flags={
        'primer_melody': 'Melody to begin with: an event for each step, -2 nothing, -1 note off, else the MIDI pitch '
        'of a note, such as "[60,-2,62,-2]".'
    },
    default_primer='a random note',
    remedies={
        **REMEDIES,
        NO_MELODY: 'Melodies are looked for on all channels but 10.',
        POLYPHONIC: '--ignore_polyphonic_notes takes the highest note.',
        MELODY_TOO_SHORT: '--min_bars=4 keeps shorter melodies.',
        FEW_PITCHES: '--min_unique_pitches=3 keeps them.',
        MELODY_CUT_OFF: '--max_steps=1024 keeps more of long melodies.',
        ODD_METRE: 'Only metres that fit the step grid of the config can be learned.',
    },
    generation=EventGeneration(),
    has_dense_form=True,
    listening=Listening(('repetition', 'likeness', 'notes_per_bar', 'leap', 'in_scale'), num_bars=512),
)
