"""musegan: some bars of several voices at once, made by a generator that a critic has taught.

Train `musegan_small` on a folder of chorales, one track a voice:

    musegan_create_dataset --config=musegan_small --input=notes.tfrecord --output_dir=data
    musegan_train --sequence_example_file=data/training_quartets.tfrecord --run_dir=run --num_training_steps=2000

Dong, Hsiao, Yang, Yang 2018, "MuseGAN: Multi-track sequential generative adversarial networks for symbolic music
generation and accompaniment" (arXiv:1709.06298). Cost and scores to expect are in docs/benchmarks/musegan.md.
"""

import dataclasses
import re
from typing import Any, ClassVar

from solferino.hparams.generation import GenerateOptions
from solferino.hparams.reasons import (
    EMPTY_WINDOW,
    NO_MELODY,
    NOT_4_4,
    ODD_METRE,
    OTHER_VOICES,
    OUT_OF_RANGE,
    PART_OF_WINDOW,
    REMEDIES,
    TOO_MANY_STEPS,
)
from solferino.hparams.spec import Benchmark, Config, FamilySpec, architecture, midi_option, option

STEPS_PER_BAR = 16
PITCH_LAYERS = ('octaves', 'dense')
OUTPUTS = ('tanh', 'straight_through', 'gumbel')
VOICE_ORDERS = ('register', 'file')
_FARTHEST = 24  # semitones
_SEED = re.compile(r'\d{1,9}(,\d{1,9})*')
_SPAN = re.compile(r'(\d{1,9}):(\d{1,9}):(\d{1,4})')


@dataclasses.dataclass(frozen=True)
class MuseGanHparams:
    """Sizes are those of the paper and of the tutorials, unless it is said otherwise.

    Attributes:
      num_tracks, num_bars: of a piece.
      latent_size: of each of the four latents.
      temporal_size: hidden units of the network that makes one vector a bar of one latent.
      bar_sizes: channels of a bar generator: its dense layer, and each time that the number of steps doubles.
      pitch_layers: how a step becomes pitches. octaves: a layer of octaves, then pitches by the same kernel in each, as
        in the tutorials; dense: each pitch has weights of its own.
      critic_sizes: channels of the critic's convolutions: over bars, pitches and steps, and of its dense layer.
      output: what the critic sees of the generator. tanh: real values from -1 to 1; straight_through: notes, the
        likeliest class of each step, with the softmax's gradient (Dong and Yang 2018, "Convolutional generative
        adversarial networks with binary neurons for polyphonic music generation"); gumbel: notes drawn by the
        Gumbel-max trick, likewise (Jang, Gu, Poole 2017).
      streams: whether the critic sees, beside the class of each step, which pitches sound, and their pitch classes over
        all octaves (as Dong and Yang 2018 give it chroma, onsets and offsets): in classes a held note has no pitch.
      output_temperature: of the softmax whose gradient is taken.
      critic_steps: of the critic for each of the generator; a training step is one of the critic.
      gradient_penalty: its weight (Gulrajani et al. 2017, "Improved training of Wasserstein GANs").
      learning_rate, beta_1, beta_2: of Adam, for both.
      averaging: decay of the moving average of the generator's weights, which is evaluated and saved; 0 for none.
    """

    batch_size: int = 64
    num_tracks: int = architecture(4)
    num_bars: int = architecture(2)
    latent_size: int = architecture(32)
    temporal_size: int = architecture(1024)
    bar_sizes: tuple[int, int, int, int] = architecture((1024, 512, 256, 256))
    pitch_layers: str = architecture('octaves')
    critic_sizes: tuple[int, int, int, int] = architecture((128, 256, 512, 1024))
    output: str = 'straight_through'
    streams: bool = True
    output_temperature: float = 1.0
    critic_steps: int = 5
    gradient_penalty: float = 10.0
    learning_rate: float = 0.001
    beta_1: float = 0.5
    beta_2: float = 0.9
    averaging: float = 0.99

    def __post_init__(self) -> None:
        for name in ('batch_size', 'latent_size', 'temporal_size', 'critic_steps'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name}={getattr(self, name)} must be 1 or more.')
        if not 1 <= self.num_tracks <= 16:
            raise ValueError(f'num_tracks={self.num_tracks} must be from 1 to 16.')
        if not 1 <= self.num_bars <= 64:
            raise ValueError(f'num_bars={self.num_bars} must be from 1 to 64.')
        for name in ('bar_sizes', 'critic_sizes'):
            sizes = getattr(self, name)
            if len(sizes) != 4 or min(sizes) < 2:
                raise ValueError(f'{name}={list(sizes)} must be four numbers of 2 or more.')
        if self.bar_sizes[0] % 2:
            raise ValueError(f'bar_sizes={list(self.bar_sizes)}: the first must be even.')
        if self.pitch_layers not in PITCH_LAYERS:
            raise ValueError(f'pitch_layers={self.pitch_layers} must be {" or ".join(PITCH_LAYERS)}.')
        if self.output not in OUTPUTS:
            raise ValueError(f'output={self.output} must be {", ".join(OUTPUTS[:-1])} or {OUTPUTS[-1]}.')
        for name in ('output_temperature', 'learning_rate'):
            if not getattr(self, name) > 0:
                raise ValueError(f'{name}={getattr(self, name)} must be above 0.')
        if self.gradient_penalty < 0:
            raise ValueError(f'gradient_penalty={self.gradient_penalty} must be 0 or more.')
        for name in ('beta_1', 'beta_2', 'averaging'):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f'{name}={getattr(self, name)} must be at least 0 and below 1.')


@dataclasses.dataclass(frozen=True)
class MuseGanExtraction:
    """How pieces of some bars are cut from music.

    Attributes:
      tutorial_format: of a step that a note is held, the note again; of a rest, the lowest pitch.
    """

    lowest_pitch: int = option(24, 'Lowest MIDI pitch of the voices.')
    num_pitches: int = option(84, 'How many pitches there are from the lowest up: whole octaves.')
    voice_order: str = option(
        'register', 'Which voice is which track. register: the highest on average is the first; file: as parts are in '
        'the file.'
    )  # fmt: skip
    common_key: bool = option(
        True, 'Transpose each piece to C major or A minor, whichever of them its notes are like: chords are learned '
        'sooner, and music is generated in these keys.'
    )  # fmt: skip
    hop_bars: int = option(0, 'Bars from the beginning of one training example to the next; 0 for those of an example.')
    tutorial_format: bool = option(
        False, "The tutorials' format, which does not tell a rest from the lowest pitch, nor a note that is held from "
        'one that is struck again.'
    )  # fmt: skip

    def __post_init__(self) -> None:
        if not 0 <= self.lowest_pitch <= 127:
            raise ValueError(f'lowest_pitch={self.lowest_pitch} must be a MIDI pitch, 0 to 127.')
        if self.num_pitches % 12 or not 12 <= self.num_pitches <= 120 or self.lowest_pitch + self.num_pitches > 128:
            raise ValueError(f'num_pitches={self.num_pitches} must be 12, 24, ... and end within MIDI pitch 127.')
        if self.voice_order not in VOICE_ORDERS:
            raise ValueError(f'voice_order={self.voice_order} must be {" or ".join(VOICE_ORDERS)}.')
        if not 0 <= self.hop_bars <= 64:
            raise ValueError(f'hop_bars={self.hop_bars} must be from 0 to 64.')

    @property
    def num_classes(self) -> int:
        """What a voice may do in a step: rest, hold, or strike one of the pitches; in the tutorials' format a pitch."""
        return self.num_pitches + (0 if self.tutorial_format else 2)


@dataclasses.dataclass(frozen=True)
class MuseGanLearned:
    """The lowest and highest MIDI pitch of each track in the training examples; () before they are known."""

    lowest: tuple[int, ...] = ()
    highest: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if len(self.lowest) != len(self.highest) or any(a > b for a, b in zip(self.lowest, self.highest, strict=True)):
            raise ValueError('lowest and highest must be a pitch for each track, the lower one first.')


@dataclasses.dataclass(frozen=True)
class MuseGanConfig(Config):
    """A config of musegan."""

    def __post_init__(self) -> None:
        if self.learned.lowest and len(self.learned.lowest) != self.hparams.num_tracks:
            raise ValueError(f'there are {len(self.learned.lowest)} ranges for {self.hparams.num_tracks} tracks.')

    def for_evaluation(self) -> 'MuseGanConfig':
        """See Config: without pieces that overlap."""
        return dataclasses.replace(self, extraction=dataclasses.replace(self.extraction, hop_bars=0))


@dataclasses.dataclass(frozen=True)
class MuseGanGeneration(GenerateOptions):
    """Latents.

    Attributes:
      chords_seed, ...: '' draws the latent anew for each piece.
    """

    least_num_steps: ClassVar[int] = 0

    num_steps: int = option(0, 'Length of each output in steps; 0 for --num_pieces.')
    num_pieces: int = option(8, 'Pieces that are joined into an output.')
    chords_seed: str = option('', 'Hold the latent of the chords, which differs by bar, for all pieces: a number.')
    style_seed: str = option('', 'Hold the latent of the style, which is the same everywhere: a number.')
    melody_seed: str = option(
        '', 'Hold the latents of the melodies, which differ by track and bar: a number, or one for each track with '
        'commas.'
    )  # fmt: skip
    groove_seed: str = option(
        '', 'Hold the latents of the groove, which differ by track: a number, or one for each track with commas.'
    )
    interpolate: str = option(
        '', 'a:b:steps goes from the latents of one seed to those of another in so many pieces, such as 1:2:8.'
    )
    accompany_midi: Any = midi_option(  # noqa: RUF009  # its default is None
        'A music file with one voice, which is kept: the other voices are made for it.'
    )
    accompany_track: int = option(1, 'Which track the voice of --accompany_midi is, from 1, the highest.')
    accompany_tries: int = option(500, 'Pieces that are made for each piece of --accompany_midi, to choose one.')
    crossing: bool = option(
        False,
        'Let voices cross. Else each stays below those that have higher registers, where tracks are in that order.',
    )
    transpose: int = option(0, 'Semitones by which the music is moved up, or down if negative.')
    programs: str = option(
        '52', 'MIDI programs from 0 to 127 of the tracks, one or one for each with commas; 52 is a choir.'
    )

    @property
    def beginning(self) -> str:
        """See GenerateOptions."""
        return 'latents of the seed'

    @property
    def interpolation(self) -> tuple[int, int, int] | None:
        """The two seeds and the number of pieces."""
        match = _SPAN.fullmatch(self.interpolate)
        return (int(match[1]), int(match[2]), int(match[3])) if match else None

    def numbers(self, name: str) -> tuple[int, ...]:
        """The numbers of a field, by its name; () for ''."""
        text = getattr(self, name)
        return tuple(map(int, text.split(','))) if text else ()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_at_least(1, 'num_pieces', 'accompany_track', 'accompany_tries')
        if abs(self.transpose) > _FARTHEST:
            raise ValueError(f'--transpose={self.transpose} must be from -{_FARTHEST} to {_FARTHEST}.')
        for name in ('chords_seed', 'style_seed'):
            if not re.fullmatch(r'\d{0,9}', getattr(self, name)):
                raise ValueError(f'--{name}={getattr(self, name)} must be a number of at most nine digits.')
        for name in ('melody_seed', 'groove_seed', 'programs'):
            if getattr(self, name) and not _SEED.fullmatch(getattr(self, name)):
                raise ValueError(f'--{name}={getattr(self, name)} must be numbers of at most nine digits with commas.')
        if not self.programs or max(self.numbers('programs')) > 127:
            raise ValueError(f'--programs={self.programs} must be from 0 to 127.')
        if self.interpolate and (not self.interpolation or not 2 <= self.interpolation[2] <= 1000):
            raise ValueError(
                f'--interpolate={self.interpolate} must be two seeds and a number of pieces from 2 to 1000: a:b:steps.'
            )


_SMALL = MuseGanHparams(
    temporal_size=128, bar_sizes=(256, 128, 64, 64), critic_sizes=(32, 64, 128, 256), learning_rate=0.0005
)

SPEC = FamilySpec(
    compares_losses=False,  # of training it is the critic's
    name='musegan',
    records='quartets',
    configs={
        'musegan': MuseGanConfig(
            name='musegan',
            description='MuseGAN: two bars of four voices.',
            advice="two bars of four voices at once, with the paper's sizes: for a GPU, or hours",
            benchmark=Benchmark(
                command='musegan_train --config=musegan --num_training_steps=100 --eval_frequency=50',
                score='0.142 as the distance from chorales held out (their steps shuffled: 0.157); not to an end',
                time='3 minutes of one core',
                page='docs/benchmarks/musegan.md',
            ),
            steps_per_quarter=STEPS_PER_BAR // 4,
            hparams=MuseGanHparams(),
            extraction=MuseGanExtraction(),
            learned=MuseGanLearned(),
        ),
        'musegan_small': MuseGanConfig(
            name='musegan_small',
            description='MuseGAN, small: two bars of four voices.',
            advice='the same with layers of a quarter of the size: minutes on two cores',
            benchmark=Benchmark(
                command='musegan_train --config=musegan_small --num_training_steps=600 --eval_frequency=100',
                score='0.078 as the distance from chorales held out (their steps shuffled: 0.157)',
                time='3 minutes on 2 cores',
                page='docs/benchmarks/musegan.md',
            ),
            steps_per_quarter=STEPS_PER_BAR // 4,
            hparams=_SMALL,
            extraction=MuseGanExtraction(hop_bars=1),
            learned=MuseGanLearned(),
        ),
    },
    presets={},
    default_config='musegan_small',
    primer_flags={},
    default_primer='latents of the seed',
    remedies={
        **REMEDIES,
        NO_MELODY: 'musegan does not learn drums; drums_rnn does.',
        NOT_4_4: 'A piece has bars of sixteen 16ths.',
        OTHER_VOICES: 'Give files with one part for each voice, or --hparams=num_tracks=... for another number.',
        OUT_OF_RANGE: '--lowest_pitch and --num_pitches widen the range.',
        TOO_MANY_STEPS: 'Cut the file: it is thousands of bars long.',
        ODD_METRE: 'Only metres that fit the grid of sixteenths can be learned.',
        EMPTY_WINDOW: 'There is nothing to learn from silence.',
        PART_OF_WINDOW: '--hparams=num_bars=... makes pieces of fewer bars.',
    },
    generation=MuseGanGeneration(),
    plots={'grid': 'Draw a sheet of piano rolls that shows what each latent changes.'},
    keeps_silence=False,
    silence_remedy='Train for longer.',
)
