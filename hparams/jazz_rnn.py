"""jazz_rnn: which note of a solo comes next, told as what it is to the chord under it; one song is enough.

After deepjazz (Ji-Sung Kim, 2016) and Gillick, Tang and Keller, "Learning jazz grammars" (2009). Train on a song, and
improvise over its chords or others:

    jazz_rnn_improvise song.mid --output_dir=out
    jazz_rnn_generate --run_dir=out/run --backing_chords="Dm7 G7 Cmaj7 Cmaj7" --num_measures=16

Cost and scores to expect are in docs/benchmarks.
"""

import dataclasses
import re
import unicodedata
from typing import Any

from solferino.hparams.errors import SolferinoError
from solferino.hparams.networks.event_rnn import EventGeneration, EventRnnHparams
from solferino.hparams.presets import TWO_MINUTES, Preset
from solferino.hparams.reasons import MELODY_TOO_SHORT, NO_MELODY, NO_TRACK, REMEDIES
from solferino.hparams.spec import Benchmark, Config, FamilySpec, Listening, architecture, midi_option, option

STEPS_PER_QUARTER = 12  # sixteenths and triplets
CHORD_INPUTS = ('none', 'length', 'all')
LEAST_LEAP = 6  # semitones: every role has a pitch so near
_MOST = 1 << 16  # tokens
# As `models.music.jazz.tokens` writes them, with its durations and its bounds of intervals.
_TOKEN = re.compile(
    r'(R|[CLAX])([1-9]|[1-8]\d|9[0-6])|[CLAX]([1-9]|[1-8]\d|9[0-6])'
    r':(-127,-13|-12,-8|-7,-5|-4,-3|-2,-1|0,0|1,2|3,4|5,7|8,12|13,127)'
)
_CHORD = re.compile(r'[A-G]b?[a-z0-9]*(/[A-G]b?)?\*\d+')
_METRE = re.compile(r'[1-9]\d{0,2}/[1-9]\d{0,2}')
_TRACKS = re.compile(r'\d+(,\d+)*')


@dataclasses.dataclass(frozen=True)
class JazzExtraction:
    """How a melody and chords are found in music, and cut into windows of tokens."""

    melody_track: int = option(
        -1, 'Instrument that has the melody, counted from 0; -1 takes the one most like a melody.'
    )
    chord_tracks: str = option(
        '', 'Instruments in which the chords are heard, such as "1,2"; all but the melody if not given. Chord symbols, '
        'where there are such, are taken instead.'
    )  # fmt: skip
    window: int = option(20, 'How many tokens, notes and rests, the model predicts on end in training.')
    min_notes: int = option(16, 'Leave out melodies of fewer notes.')
    gap_bars: float = option(2.0, 'Silence of this many bars of four quarters ends a melody.')
    vocabulary_size: int = option(2000, 'Know at most this many different tokens, the most frequent ones.')
    labels_from_folders: bool = option(
        False, 'The name of the folder that a file was in, such as "ballad", becomes a condition: the model learns '
        'what is played under each, and --label chooses one when it generates.'
    )  # fmt: skip

    def __post_init__(self) -> None:
        if self.melody_track < -1:
            raise ValueError(f'melody_track={self.melody_track} must be -1 (find it), or the number of an instrument.')
        if self.chord_tracks and not _TRACKS.fullmatch(self.chord_tracks):
            raise ValueError(f'chord_tracks={self.chord_tracks} must be numbers of instruments, such as "1,2".')
        for name in ('window', 'vocabulary_size'):
            if not 1 <= getattr(self, name) <= _MOST:
                raise ValueError(f'{name}={getattr(self, name)} must be from 1 to {_MOST}.')
        if self.min_notes < 1 or self.gap_bars <= 0:
            raise ValueError('min_notes must be at least 1, and gap_bars above 0.')

    @property
    def tracks(self) -> tuple[int, ...]:
        """The numbers in `chord_tracks`."""
        return tuple(map(int, self.chord_tracks.split(','))) if self.chord_tracks else ()


@dataclasses.dataclass(frozen=True)
class Grammar:
    """What a model knows of its training music before it is trained.

    Attributes:
      tokens: notes and rests as `models.music.jazz.tokens` writes them, most frequent first.
      chords: of a song that it learned from, such as 'Dm7*24': how many steps each lasts.
      labels: of its music, most frequent first; none if it was made without labels.
      metre: of that song; models of earlier versions do not say it.
    """

    tokens: tuple[str, ...] = ()
    chords: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    metre: str = '4/4'

    def __post_init__(self) -> None:
        for name in ('tokens', 'labels'):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise ValueError(f'{name} name one of them twice.')
        for name, pattern in (('tokens', _TOKEN), ('chords', _CHORD)):
            wrong = next((text for text in getattr(self, name) if not pattern.fullmatch(text)), None)
            if wrong is not None:
                raise ValueError(f'{name} name {wrong[:20]!r}, which is none.')
        if not _METRE.fullmatch(self.metre):
            raise ValueError(f'metre={self.metre[:20]!r} is none.')

    @property
    def beats(self) -> tuple[int, int]:
        """The metre as numerator and denominator."""
        numerator, denominator = map(int, self.metre.split('/'))
        return numerator, denominator

    def number(self, label: str | None) -> int:
        """Returns the place of a label in `labels`; of one that is not known, that of the most frequent."""
        return self.labels.index(label) if label in self.labels else 0

    def chosen(self, label: str) -> str | None:
        """Returns the label that a flag names, None if it names none. Raises SolferinoError if it is not known."""
        name = label_named(label)
        if not name or name in self.labels:
            return name or None
        if not self.labels:
            raise SolferinoError(
                f'--label={label}: the model knows no labels. Leave it out, or make the examples of its training with '
                '--labels_from_folders.'
            )
        raise SolferinoError(
            f'--label={label}: the model does not know it. It knows: {", ".join(sorted(self.labels))}.'
        )


def label_named(name: str) -> str:
    """The label that a name stands for: of the ways in which Unicode can write a letter, one."""
    return unicodedata.normalize('NFC', name.strip())


@dataclasses.dataclass(frozen=True)
class JazzHparams(EventRnnHparams):
    """See EventRnnHparams; the learning rate is that of RMSprop.

    Attributes:
      chord_input: what the network sees of the chord under the next note: 'none', 'length' (for how long it goes on
        from there), or 'all' (its kind and the motion of its root, too).
    """

    chord_input: str = architecture('none')

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.chord_input not in CHORD_INPUTS:
            raise ValueError(
                f'chord_input={self.chord_input} must be {", ".join(CHORD_INPUTS[:-1])} or {CHORD_INPUTS[-1]}.'
            )


@dataclasses.dataclass(frozen=True)
class JazzGeneration(EventGeneration):
    """How to improvise."""

    num_steps: int = option(
        16 * 4 * STEPS_PER_QUARTER, 'Length of each output in steps, twelfths of a quarter, the primer included.'
    )
    num_bars: int | None = option(
        None, 'Length in bars instead, the primer included: bars of the primer, of the song whose chords are played, '
        'or of 4/4.'
    )  # fmt: skip
    temperature: float = option(
        0.5,
        'Randomness: above 1.0 more than the model has learned, below 1.0 less. auto is the temperature that training '
        'found to make music most like the music held out.',
        auto=True,
    )
    qpm: float | None = option(130.0, 'Tempo in quarters a minute, from 4 to 6000; a primer MIDI brings its own.')
    backing_chords: str = option(
        '', 'Chords to play over, again and again: "Dm7 G7 Cmaj7 Cmaj7" is one a bar, and "Dm7 G7 | Cmaj7" has bars of '
        'two and one. If not given, those of --chords_midi, the primer, or a song that the model learned from.'
    )  # fmt: skip
    chords_midi: Any = midi_option('A file to take the chords from, heard in it or written in it.')  # noqa: RUF009  # its default is None
    label: str = option(
        '', 'Which label of the training music to play by, where its examples were made with --labels_from_folders; if '
        'not given, the most frequent.'
    )  # fmt: skip
    swing: float = option(0.5, 'Where in a beat its second eighth falls: 0.5 is straight, 0.667 swings as triplets do.')
    max_repeats: int = option(2, 'A pitch that would come once more than so often on end gives way; 0 lets it stay.')
    max_leap: int = option(12, 'Wider leaps than so many semitones are made narrower; 0 lets them be.')
    lowest_pitch: int = option(55, 'Lowest MIDI pitch of the solo.')
    highest_pitch: int = option(84, 'Highest MIDI pitch of the solo, an octave or more above the lowest.')
    chord_notes: bool = option(True, 'Play the chords on a track of their own, and not the solo alone.')

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_at_least(0, 'max_repeats', 'max_leap', 'lowest_pitch')
        if not 0.5 <= self.swing <= 0.8:
            raise ValueError(f'--swing={self.swing:g} must be from 0.5 (straight) to 0.8.')
        if not self.lowest_pitch + 12 <= self.highest_pitch <= 127:
            raise ValueError(
                f'--highest_pitch={self.highest_pitch} must be at most 127, and 12 or more above '
                f'--lowest_pitch={self.lowest_pitch}.'
            )
        if 0 < self.max_leap < LEAST_LEAP:
            raise ValueError(f'--max_leap={self.max_leap} must be 0 (any), or {LEAST_LEAP} or more semitones.')


SPEC = FamilySpec(
    name='jazz_rnn',
    records='solos',
    configs={
        'jazz_rnn': Config(
            name='jazz_rnn',
            description='Jazz RNN: two LSTM layers over what notes are to their chords.',
            advice='learns of one song or of many how a melody moves over chords: for improvising over any',
            benchmark=Benchmark(
                command='jazz_rnn_train --config=jazz_rnn --preset=two_minutes',
                score='4.08 nats a token, songs for a voice and piano held out (Markov chain: 4.64)',
                time='20 s of one core',
                page='docs/benchmarks/jazz_rnn.md',
            ),
            steps_per_quarter=STEPS_PER_QUARTER,
            hparams=JazzHparams(
                batch_size=16,
                rnn_layer_sizes=(128, 128),
                dropout_keep_prob=0.8,
                clip_norm=5.0,
                learning_rate=0.005,
                output_bias='frequencies',
            ),
            extraction=JazzExtraction(),
            learned=Grammar(),
        ),
    },
    presets={
        'jazz_rnn': {
            TWO_MINUTES: Preset(
                'rnn_layer_sizes=[128],dropout_keep_prob=0.35,averaging=0.97',
                300,
                'loss 4.08 (table: 4.64), songs for a voice and piano, 20 s of one core',
            ),
        },
    },
    default_config='jazz_rnn',
    primer_flags={},
    default_primer='the beginning of a solo',
    aliases={'num_measures': 'num_bars'},
    remedies={
        **REMEDIES,
        NO_MELODY: 'Melodies are looked for on all channels but 10.',
        NO_TRACK: 'Leave --melody_track and --chord_tracks out, and they are found.',
        MELODY_TOO_SHORT: '--min_notes=8 keeps shorter melodies, and a larger --gap_bars cuts them less often.',
    },
    generation=JazzGeneration(),
    listening=Listening(('repetition', 'likeness', 'notes_per_bar', 'leap', 'in_scale'), 128, {'chord_notes': False}),
)
