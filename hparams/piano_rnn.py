"""piano_rnn: which keys sound in the next frame, given the frames before.

`gru_attention` chooses among the sets of keys that it knows, `gru_nade` gives every set a probability. Train on the
piano music of a folder of MIDI files:

    piano_rnn_create_dataset --input=notes.tfrecord --output_dir=data
    piano_rnn_train --sequence_example_file=data/training_frames.tfrecord --run_dir=run --num_training_steps=2000

What each config costs and reaches stands beside it, as its `benchmark`.
"""

import dataclasses
import itertools

from solferino.hparams import instruments, transposition
from solferino.hparams.generation import GenerateOptions
from solferino.hparams.networks.gru_nade import GruNadeHparams
from solferino.hparams.presets import TEN_MINUTES, TWO_MINUTES, Preset
from solferino.hparams.reasons import (
    FRAMES_TOO_SHORT,
    NO_INSTRUMENT,
    NO_MELODY,
    ODD_METRE,
    OUT_OF_RANGE,
    REMEDIES,
    TOO_MANY_STEPS,
)
from solferino.hparams.spec import Benchmark, Config, FamilySpec, Listening, architecture, option

# The keys of a piano, as MIDI pitches.
LOWEST, HIGHEST = 21, 108
EMPTY = 'e'  # the token of a frame in which nothing sounds
AGAIN = '!'  # stands in a token behind a pitch that sounded before and is struck again
_PITCHES = {str(pitch): pitch for pitch in range(LOWEST, HIGHEST + 1)}
_MOST = 1 << 20  # frames, and sets of pitches: more would exceed any memory


@dataclasses.dataclass(frozen=True)
class PianoExtraction:
    """How frames are taken from music, and which of them become the vocabulary of gru_attention."""

    instruments: str = option('piano', instruments.HELP)
    frames_per_second: float = option(5.0, 'How many times a second the keys that sound are looked at.')
    steps_per_quarter: int = option(
        0, 'Look at them so many times a quarter note instead, each tempo and metre by itself; 0 for seconds.'
    )
    articulation: bool = option(
        True, 'Tell which of the keys that sound on are struck again. Without it a repeated note is one long note, as '
        'in the tutorial that gru_attention is from.', unsaid=False,
    )  # fmt: skip
    window: int = option(50, 'How many frames the model sees before the one that it predicts.')
    steps_per_example: int = option(16, 'Frames to predict in an example; small ones mix well but repeat their window.')
    min_steps: int = option(50, 'Leave out music of fewer frames.')
    transpose_augment: str = option('', transposition.HELP)
    vocabulary_size: int = option(
        5000, 'Of the sets of pitches that sound together, know at most this many (gru_attention).'
    )
    min_count: int = option(2, 'Do not know a set of pitches that sounds in fewer training frames (gru_attention).')

    def __post_init__(self) -> None:
        if not 0.01 <= self.frames_per_second <= 1000 or self.steps_per_quarter < 0:
            raise ValueError('frames_per_second must be from 0.01 to 1000, steps_per_quarter at least 0.')
        for name in ('window', 'steps_per_example', 'vocabulary_size', 'min_count'):
            if not 1 <= getattr(self, name) <= _MOST:
                raise ValueError(f'{name}={getattr(self, name)} must be from 1 to {_MOST}.')
        if self.min_steps < 2:
            raise ValueError(f'min_steps={self.min_steps} must be at least 2: a first frame, and one to predict.')
        instruments.programs(self.instruments)
        transposition.semitones(self.transpose_augment)


def _is_set(token: str) -> bool:
    """Whether a text is ascending pitches such as '49,68!'."""
    pitches = [pitch.removesuffix(AGAIN) for pitch in token.split(',')]
    if not all(pitch in _PITCHES for pitch in pitches):
        return False
    numbers = [_PITCHES[pitch] for pitch in pitches]
    return all(low < high for low, high in itertools.pairwise(numbers))


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """The sets of pitches that a model knows.

    Attributes:
      tokens: each as its pitches in order, '49,68', with '!' behind those that are struck again, or 'e' for silence,
        which is always there; most frequent first.
    """

    tokens: tuple[str, ...] = (EMPTY,)

    def __post_init__(self) -> None:
        if EMPTY not in self.tokens:
            raise ValueError(f'tokens lack {EMPTY!r}, silence.')
        if len(set(self.tokens)) < len(self.tokens):
            raise ValueError('tokens name a set of pitches twice.')
        wrong = next((token for token in self.tokens if token != EMPTY and not _is_set(token)), None)
        if wrong is not None:
            raise ValueError(f'tokens name {wrong[:20]!r}, which is no set of pitches from {LOWEST} to {HIGHEST}.')


@dataclasses.dataclass(frozen=True)
class PianoConfig(Config):
    """A piano config; the module of its name in `models/piano_rnn` is its network."""

    def __post_init__(self) -> None:
        known = self.learned.tokens if self.learned else ()
        if not self.extraction.articulation and any(AGAIN in token for token in known):
            raise ValueError('tokens say what is struck again, and articulation is off.')

    def for_evaluation(self) -> 'PianoConfig':
        """See Config: without transposed copies."""
        return dataclasses.replace(self, extraction=dataclasses.replace(self.extraction, transpose_augment=''))


@dataclasses.dataclass(frozen=True)
class GruAttentionHparams:
    """See `models/piano_rnn/attention/attention_forward.py` for the equations.

    Attributes:
      batch_size: examples in a batch, each of `steps_per_example` windows.
      embedding_size: size of a frame's embedding.
      rnn_layer_sizes: units of each GRU layer, first layer first; there is a self-attention between two layers.
      attention_size: units of each self-attention.
      dropout_keep_prob: probability that a unit of the last layer's output is kept in training.
      clip_norm: gradients are scaled down to this global norm.
      learning_rate: of Adam.
    """

    batch_size: int = 8
    embedding_size: int = architecture(100)
    rnn_layer_sizes: tuple[int, ...] = architecture((128, 128, 128))
    attention_size: int = architecture(32)
    dropout_keep_prob: float = 0.7
    clip_norm: float = 3.0
    learning_rate: float = 0.001

    def __post_init__(self) -> None:
        for name in ('batch_size', 'embedding_size', 'attention_size'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name}={getattr(self, name)} must be at least 1.')
        if not self.rnn_layer_sizes or min(self.rnn_layer_sizes) < 1:
            raise ValueError('rnn_layer_sizes must name at least one layer of at least one unit, such as [64,64].')
        if not 0 < self.dropout_keep_prob <= 1:
            raise ValueError(f'dropout_keep_prob={self.dropout_keep_prob} must be above 0 and at most 1.')
        if self.clip_norm <= 0 or self.learning_rate <= 0:
            raise ValueError('clip_norm and learning_rate must be above 0.')


@dataclasses.dataclass(frozen=True)
class PianoGeneration(GenerateOptions):
    """How to generate frames, and how to play them.

    A key sounds until a frame without it, or one in which it is struck again.
    """

    num_steps: int = option(200, 'Length of each output in frames, the primer included.')
    qpm: float | None = option(
        None,
        'Tempo in quarters a minute, from 4 to 6000 (120 if not given); a primer MIDI brings its own. Where frames are '
        'parts of a second, it says where bars and beats are and not how fast the music is: see --frames_per_second.',
    )
    top_k: int = option(0, 'Choose among this many likeliest frames (gru_nade: next keys of a frame); 0 for all.')
    random_frames: int = option(0, 'Begin each output with this many frames that the model knows, 50 for example.')
    frames_per_second: float | None = option(
        None, 'Play so many frames a second instead of as many as the examples had: faster or slower music.'
    )
    strike_anew: bool = option(False, 'Strike a key anew in each frame instead of holding it from frame to frame.')

    @property
    def beginning(self) -> str:
        """See GenerateOptions."""
        return f'{self.random_frames} frames that the model knows' if self.random_frames else ''

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_at_least(0, 'top_k', 'random_frames')
        if self.frames_per_second is not None and not 0.01 <= self.frames_per_second <= 1000:
            raise ValueError(f'--frames_per_second={self.frames_per_second} must be from 0.01 to 1000.')


SPEC = FamilySpec(
    name='piano_rnn',
    records='frames',
    configs={
        'gru_attention': PianoConfig(
            name='gru_attention',
            description='Piano RNN: three GRU layers with self-attention over the last 50 frames.',
            advice='chooses among the sets of keys that the training music has: for chords that were there before',
            benchmark=Benchmark(
                command='piano_rnn_train --config=gru_attention --preset=ten_minutes',
                score='5.073 nats a frame, works of Mutopia held out, --noarticulation (Markov chain: 5.610)',
                time='422 s (324 s of one core)',
                page='docs/benchmarks/presets.md',
            ),
            steps_per_quarter=0,
            hparams=GruAttentionHparams(),
            extraction=PianoExtraction(),
            learned=Vocabulary(),
        ),
        'gru_nade': PianoConfig(
            name='gru_nade',
            description='Piano RNN: a GRU over all frames before, and a NADE of the keys of the next.',
            advice='decides key by key: learns more from the same music, and finds chords that were never there',
            benchmark=Benchmark(
                command='piano_rnn_train --config=gru_nade --preset=two_minutes',
                score='4.930 nats a frame, works of Mutopia held out, --noarticulation (Markov chain: 6.502)',
                time='107 s (103 s of one core)',
                page='docs/benchmarks/presets.md',
            ),
            steps_per_quarter=0,
            hparams=GruNadeHparams(),
            extraction=PianoExtraction(window=64, steps_per_example=128),
        ),
    },
    presets={
        'gru_attention': {
            TEN_MINUTES: Preset(
                'learning_rate=0.002,dropout_keep_prob=0.5',
                1000,
                'loss 5.07 (table: 5.61), Mutopia, --noarticulation, 324 s of one core',
            ),
        },
        'gru_nade': {
            TWO_MINUTES: Preset(
                'averaging=0.98,match_density=true',
                300,
                'loss 4.93 (table: 6.50), Mutopia, --noarticulation, 103 s of one core',
            ),
        },
    },
    default_config='gru_attention',
    primer_flags={
        'start_note': 'Note to begin with, after silence: its MIDI pitch, from 21 to 108, or its name, such as C4, F#3 '
        'or Bb5.'
    },
    default_primer='the note C4 after silence',
    remedies={
        **REMEDIES,
        NO_INSTRUMENT: '--instruments=all takes all that is not drums.',
        NO_MELODY: 'piano_rnn does not learn drums; drums_rnn does.',
        FRAMES_TOO_SHORT: '--min_steps=20 keeps shorter music.',
        TOO_MANY_STEPS: 'Cut it in a sequencer, or delete the note that is hours behind the others.',
        OUT_OF_RANGE: 'Transpose the file; the rest of it was kept.',
        ODD_METRE: 'Another --steps_per_quarter fits the bar, or 0 takes frames by time.',
    },
    generation=PianoGeneration(),
    plots={
        'plot_attention': 'Draw what each self-attention layer looks at in the last frames of each output, as a PNG '
        'beside it (gru_attention).'
    },
    listening=Listening(('repetition', 'likeness', 'notes_per_bar', 'in_scale', 'polyphony', 'clash'), num_bars=160),
)
