"""drums_rnn: which drums sound at the next step, given all before.

Train `drum_kit` on the drums of a folder of MIDI files:

    drums_rnn_create_dataset --input=notes.tfrecord --output_dir=data
    drums_rnn_train --sequence_example_file=data/training_drum_tracks.tfrecord --run_dir=run --num_training_steps=1000

What each config costs and reaches stands beside it, as its `benchmark`.
"""

import dataclasses

from solferino.hparams.networks.event_rnn import QUICK_START, EventGeneration, EventRnnHparams
from solferino.hparams.presets import TEN_MINUTES, TWO_MINUTES, Preset
from solferino.hparams.reasons import CUT_OFF, NO_DRUMS, ODD_METRE, REMEDIES, TOO_SHORT
from solferino.hparams.spec import Benchmark, Config, FamilySpec, Listening, option


@dataclasses.dataclass(frozen=True)
class DrumExtraction:
    """How drum tracks are cut from music."""

    min_bars: int = option(7, 'Leave out drum tracks shorter than this many bars.')
    max_steps: int = option(512, 'Cut drum tracks off after this many steps.')
    gap_bars: float = option(1.0, 'Silence of this many bars ends a drum track.')
    ignore_is_drum: bool = option(False, 'Take the notes of every channel as drums, not those of channel 10 alone.')

    def __post_init__(self) -> None:
        if self.min_bars < 0 or self.max_steps < 2 or self.gap_bars <= 0:
            raise ValueError('min_bars must be at least 0, max_steps at least 2 and gap_bars above 0.')


@dataclasses.dataclass(frozen=True)
class DrumConfig(Config):
    """A drum config.

    Attributes:
      drum_classes: 'any' (a step has a hit or not) or 'kit' (nine classes of drums, 512 combinations).
      counter_bits: binary digits of the position in the track, an input beside the drums.
    """

    drum_classes: str = 'kit'
    counter_bits: int = 0


SPEC = FamilySpec(
    name='drums_rnn',
    records='drum_tracks',
    configs={
        'one_drum': DrumConfig(
            name='one_drum',
            description='Drums RNN with 2-state encoding.',
            advice='a hit or none at each 8th, whatever is hit: rhythm alone',
            benchmark=Benchmark(
                command='drums_rnn_train --flagfile=hparams/recipes/groove-one_drum.flags',
                score='0.083 nats a step, files of Groove held out (Markov chain: 0.132)',
                time='0.7 minutes on 2 cores',
                page='docs/benchmarks/quality.md',
            ),
            steps_per_quarter=2,
            drum_classes='any',
            hparams=EventRnnHparams(
                batch_size=128, rnn_layer_sizes=(128, 128), dropout_keep_prob=0.5, clip_norm=5.0, learning_rate=0.001
            ),
            extraction=DrumExtraction(),
        ),
        'drum_kit': DrumConfig(
            name='drum_kit',
            description='Drums RNN with multiple drums and binary counters.',
            advice='which of nine kinds of drums are hit at each 16th: whole beats',
            benchmark=Benchmark(
                command='drums_rnn_train --flagfile=hparams/recipes/groove-drum_kit.flags',
                score='1.651 nats a step, files of Groove held out (Markov chain: 2.451)',
                time='7.3 minutes on 2 cores',
                page='docs/benchmarks/quality.md',
            ),
            steps_per_quarter=4,
            drum_classes='kit',
            counter_bits=6,
            hparams=EventRnnHparams(
                batch_size=128,
                rnn_layer_sizes=(256, 256, 256),
                dropout_keep_prob=0.5,
                attn_length=32,
                clip_norm=3.0,
                learning_rate=0.001,
            ),
            extraction=DrumExtraction(),
        ),
    },
    presets={
        'one_drum': {
            TWO_MINUTES: Preset(
                f'batch_size=8,rnn_layer_sizes=[128],learning_rate=0.005,decay_steps=1500,{QUICK_START}',
                1500,
                'loss 0.21 (table: 0.36), Groove, 49 s of one core',
            ),
        },
        'drum_kit': {
            TWO_MINUTES: Preset(
                f'batch_size=8,rnn_layer_sizes=[128],attn_length=0,learning_rate=0.01,decay_steps=600,{QUICK_START}',
                600,
                'loss 1.80 (table: 2.57), Groove, 44 s of one core',
            ),
            TEN_MINUTES: Preset(
                'batch_size=16,rnn_layer_sizes=[256],attn_length=0,dropout_keep_prob=0.3,learning_rate=0.005,'
                f'decay_steps=1000,{QUICK_START}',
                1000,
                'loss 1.77 (table: 2.57), Groove, 300 s of one core',
            ),
        },
    },
    default_config='drum_kit',
    primer_flags={
        'primer_drums': 'Drums to begin with: a list with the MIDI pitches of each step, such as '
        '"[(36,42),(),(42,),()]".'
    },
    default_primer='one hit of the bass drum',
    remedies={
        **REMEDIES,
        NO_DRUMS: '--ignore_is_drum takes all notes as drums.',
        TOO_SHORT: '--min_bars=4 keeps shorter tracks.',
        CUT_OFF: '--max_steps=1024 keeps more of long tracks.',
        ODD_METRE: 'Only metres that fit the step grid of the config can be learned.',
    },
    generation=EventGeneration(),
    has_dense_form=True,
    listening=Listening(('repetition', 'likeness', 'backbeat', 'notes_per_bar'), num_bars=512),
)
