"""piano_rnn as a family: what its configs share is here, their networks are in the modules of their names."""

import dataclasses
import pathlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np
from note_seq.protobuf import music_pb2

from solferino.hparams import instruments
from solferino.hparams.errors import SolferinoError
from solferino.hparams.generation import DEFAULT_QPM
from solferino.hparams.piano_rnn import HIGHEST, LOWEST, SPEC, PianoConfig, PianoGeneration
from solferino.hparams.reasons import Reject
from solferino.models.core.family import OTHER_INSTRUMENTS, Beat, Events, Example, Family, Feature, Weights, add_metre
from solferino.models.music.pictures.page import NO_MARKS, Marks
from solferino.models.music.pieces import piano_rolls, sections
from solferino.models.music.pieces import piece as pieces
from solferino.models.music.pieces.piece import Piece
from solferino.models.piano_rnn import extraction, primers
from solferino.models.piano_rnn import frames as frame_tools
from solferino.models.piano_rnn.attention import gru_attention, lookup
from solferino.models.piano_rnn.nade import gru_nade

_DEFAULT_PITCH = 60
_VELOCITY = 80  # of notes, if --velocity says no other
# What a network says: features(config), encode(example, config), events(example, config), weight_shapes(config) and
# model(config, seed) as in Family;
# sample(weights, config, primers bool [steps, W], length, options) -> bool [primers, length, W];
# log_likelihood(weights, config, frames bool [steps, W]) -> float;
# calibrated(weights, config, examples, seed) as in Family, if there is something to correct;
# export(weights, config, folder), which writes a SavedModel;
# and, if there is something to see, plot(name, weights, config, frames bool [steps, W]) -> figures by name.
_NETWORKS: Mapping[str, ModuleType] = {'gru_attention': gru_attention, 'gru_nade': gru_nade}


class PianoRnn(Family):
    """See Family."""

    spec = SPEC

    def examples(self, piece: Piece, config: PianoConfig, reject: Reject) -> Iterator[Example]:
        """See Family; what an example holds is told in `frames.py`."""
        return extraction.examples(piece, config, reject)

    def num_steps(self, example: Example, config: PianoConfig) -> int:
        """See Family: the frames to be predicted."""
        return len(example['sizes']) - int(example['context'][0])

    def traits(self, example: Example, config: PianoConfig) -> Mapping[str, int]:
        """See Family: the tokens of the frames to be predicted, for a config that has a vocabulary."""
        counts: dict[str, int] = {}
        if config.learned is not None:
            frames, context = frame_tools.of_example(example, config.extraction.articulation)
            for token in frame_tools.tokens(frames[context:]):
                counts[token] = counts.get(token, 0) + 1
        return counts

    def learn(
        self, config: PianoConfig, training: Mapping[str, int], evaluation: Mapping[str, int]
    ) -> tuple[PianoConfig, Mapping[str, float]]:
        """See Family: the vocabulary. Raises SolferinoError if there is nothing in it but silence."""
        if config.learned is None:
            return config, {}
        settings = config.extraction
        vocabulary = lookup.build(training, settings.vocabulary_size, settings.min_count)
        if len(vocabulary.tokens) == 1:
            raise SolferinoError(
                f'The vocabulary would be silence alone. Lower --min_count (it is {settings.min_count}) or raise '
                f'--vocabulary_size (it is {settings.vocabulary_size}).'
            )
        sides = {'training': training, 'evaluation': evaluation}
        return dataclasses.replace(config, learned=vocabulary), {
            'sets of pitches in training examples': len(training),
            'of them in the vocabulary': len(vocabulary.tokens),
            **{
                f'percent of {side} frames in the vocabulary': lookup.coverage(vocabulary, counts)
                for side, counts in sides.items()
                if counts
            },
        }

    def to_sequence(self, example: Example, config: PianoConfig) -> music_pb2.NoteSequence:
        """See Family; a key that sounds in several frames on end is one note, until it is struck again."""
        frames, _ = frame_tools.of_example(example, config.extraction.articulation)
        return _play(frames, config, self.spec.generation, DEFAULT_QPM)

    def steps_per_quarter(self, config: PianoConfig) -> float:
        """See Family; frames are parts of a quarter, or of a second at a tempo that is made up."""
        settings = config.extraction
        return settings.steps_per_quarter or settings.frames_per_second * 60 / DEFAULT_QPM

    def features(self, config: PianoConfig) -> Mapping[str, Feature]:
        """See Family."""
        return _network(config).features(config)

    def encode(self, example: Example, config: PianoConfig) -> Example:
        """See Family. Raises ValueError if the example is not of this config."""
        return _network(config).encode(example, config)

    def events(self, example: Example, config: PianoConfig) -> Events:
        """See Family."""
        return _network(config).events(example, config)

    def weight_shapes(self, config: PianoConfig) -> Mapping[str, tuple[int, ...]]:
        """See Family."""
        return _network(config).weight_shapes(config)

    def model(self, config: PianoConfig, seed: int) -> Any:
        """See Family."""
        return _network(config).model(config, seed)

    def calibrated(
        self, weights: Weights, config: PianoConfig, examples: Sequence[Example], seed: int
    ) -> tuple[Weights, str]:
        """See Family."""
        network = _network(config)
        if not hasattr(network, 'calibrated'):
            return weights, ''
        corrected: tuple[Weights, str] = network.calibrated(weights, config, examples, seed)
        return corrected

    def parse_primer(self, flag: str, text: str, config: PianoConfig) -> np.ndarray:
        """See Family: the frame of a note, bool [1, KEYS]."""
        return primers.parse(flag, text)

    def generate(
        self, weights: Weights, config: PianoConfig, primers: Sequence[Any], options: PianoGeneration
    ) -> list[music_pb2.NoteSequence]:
        """See Family; a primer can also be frames, bool [steps, KEYS or W], and None is random frames or a note.

        Raises SolferinoError for a primer that is silent, too long, or does not fit the config, and for an option that
        the config does not have.
        """
        if config.extraction.steps_per_quarter and options.frames_per_second:
            raise SolferinoError(
                '--frames_per_second: the frames of this model are parts of a quarter note. Set the tempo with --qpm.'
            )
        if options.random_frames and any(given is not None for given in primers):
            raise SolferinoError('Give a primer or --random_frames, not both.')
        # Outputs mostly have one primer in common, which is read once.
        distinct = {id(given): given for given in primers if given is not None}
        read = {
            key: (self._frames(given, config, 'primer'), self.beat(given, config)) for key, given in distinct.items()
        }
        known = [
            read.get(id(given)) or (self._beginning(config, options, number), Beat(None, None))
            for number, given in enumerate(primers)
        ]
        longest = max(len(frames) for frames, _ in known)
        if longest >= options.num_steps:
            silent = min(int(frames.any(axis=1).argmax()) for frames, _ in known)
            silence = f', {silent} of them silence before it,' if silent else ''
            raise SolferinoError(
                f'The primer takes {longest} frames{silence} and {options.length} counts them: nothing is left '
                f'to generate. Give a shorter primer or {options.enough(longest + 100)}.'
            )
        sampled = _network(config).sample(weights, config, [frames for frames, _ in known], options.num_steps, options)
        qpm = options.qpm or DEFAULT_QPM
        return [
            _play(frames[len(primer) if options.exclude_primer else 0 :], config, options, beat.qpm or qpm, beat.metre)
            for frames, (primer, beat) in zip(sampled, known, strict=True)
        ]

    def steps_per_second(self, config: PianoConfig, options: PianoGeneration, qpm: float) -> float:
        """See Family: frames, played as fast as they are."""
        settings = config.extraction
        if settings.steps_per_quarter:
            return float(qpm / 60 * settings.steps_per_quarter)
        return float(options.frames_per_second or settings.frames_per_second)

    def primer_steps(self, primer: Any, config: PianoConfig, options: PianoGeneration) -> int:
        """See Family."""
        if primer is None:
            return options.random_frames or 1
        return len(self._frames(primer, config, 'primer'))

    def chosen(self, piece: Piece, config: PianoConfig) -> Piece:
        """See Family: those of the instruments that the model learned, on the keyboard."""
        chosen = extraction.choose(piece, config.extraction)
        return dataclasses.replace(chosen, notes=chosen.notes[~piano_rolls.outside(chosen.notes, LOWEST, HIGHEST)])

    def unused(self, piece: Piece, config: PianoConfig) -> Mapping[str, int]:
        """See Family: and what lies beyond the keyboard."""
        notes = extraction.choose(piece, config.extraction).notes
        beyond = int(piano_rolls.outside(notes, LOWEST, HIGHEST).sum())
        others = super().unused(piece, config)
        return {
            f'beyond the pitches {LOWEST} to {HIGHEST}': beyond,
            **others,
            OTHER_INSTRUMENTS: others[OTHER_INSTRUMENTS] - beyond,
        }

    def remarks(self, music: music_pb2.NoteSequence, config: PianoConfig) -> list[str]:
        """See Family: and which instruments those are."""
        told, names = super().remarks(music, config), config.extraction.instruments
        if self.unused(pieces.of(music), config)[OTHER_INSTRUMENTS] > 0:
            program = instruments.programs(names)[0]
            told.append(
                f'the examples of this model were made with --instruments={names}: of program {program} they are used'
            )
        return told

    def log_likelihood(self, weights: Weights, config: PianoConfig, sequence: Any) -> float:
        """See Family: of the frames after the first that sounds, up to the last."""
        frames = self._frames(sequence, config, 'sequence', all_of_it=True)
        frames = frames[frames.any(axis=1).argmax() :]
        if len(frames) < 2:
            raise SolferinoError('A sequence of one frame has no frames after the first to be scored.')
        return _network(config).log_likelihood(weights, config, frames)

    def scores(self, weights: Weights, config: PianoConfig, examples: Sequence[Example]) -> np.ndarray:
        """See Family."""
        return np.array([_network(config).score(weights, config, example) for example in examples])

    def export(self, weights: Weights, config: PianoConfig, format: str, folder: pathlib.Path) -> None:
        """See Family."""
        self._require_savedmodel(format)
        _network(config).export(weights, config, folder)

    def draw(self, sequence: music_pb2.NoteSequence, config: PianoConfig, marks: Marks = NO_MARKS) -> Any:
        """A piano roll."""
        from solferino.models.music.pictures import roll_pictures  # imports matplotlib

        return roll_pictures.draw_notes(sequence, config.extraction.steps_per_quarter or 4, marks=marks)

    def plots(self, config: PianoConfig) -> Collection[str]:
        """See Family: all of them, if the config's network has something to show."""
        return self.spec.plots if hasattr(_network(config), 'plot') else ()

    def plot(
        self, name: str, weights: Weights, config: PianoConfig, sequence: Any, options: PianoGeneration
    ) -> Mapping[str, Any]:
        """See Family: of the frames that were generated, the silent ones at the end among them."""
        if options.exclude_primer:
            raise SolferinoError(f'--{name}: what the model saw cannot be told without the primer. Generate with it.')
        frames = np.zeros((0, frame_tools.width(config.extraction.articulation)), bool)
        if sequence.notes:
            # Looked at as often as it was played.
            rate = options.frames_per_second or config.extraction.frames_per_second
            played = dataclasses.replace(config.extraction, frames_per_second=rate)
            frames = self._frames(sequence, dataclasses.replace(config, extraction=played), 'sequence')
        silence = np.zeros((max(0, options.num_steps - len(frames)), frames.shape[1]), bool)
        return _network(config).plot(name, weights, config, np.concatenate([frames, silence]))

    def _beginning(self, config: PianoConfig, options: PianoGeneration, number: int) -> np.ndarray:
        """The frames that output `number` begins with if no primer is given."""
        if not options.random_frames:
            return self._frames(frame_tools.of_pitch(_DEFAULT_PITCH), config, 'primer')
        if config.learned is None:
            raise SolferinoError(f'--random_frames: a model of {config.name} has no vocabulary to choose them from.')
        known = lookup.of(config)
        rng = np.random.default_rng([options.seed, number, 1])  # apart from the numbers that the network draws
        return known.frames[rng.integers(len(known), size=options.random_frames)]

    def _frames(self, given: Any, config: PianoConfig, what: str, all_of_it: bool = False) -> np.ndarray:
        """The frames of a NoteSequence, or frames as they are; with `all_of_it` no note may be beyond the keyboard."""
        settings = config.extraction
        if isinstance(given, np.ndarray):
            width = frame_tools.width(settings.articulation)
            if given.ndim != 2 or given.shape[1] not in (frame_tools.KEYS, width) or not len(given):
                raise SolferinoError(f'The {what} has no frames of {frame_tools.KEYS} keys.')
            return np.pad(given.astype(bool), [(0, 0), (0, width - given.shape[1])])  # none is struck again
        if not isinstance(given, music_pb2.NoteSequence):
            raise TypeError(f'A {what} is a NoteSequence or an array of frames, not {type(given).__name__}.')
        if not given.notes:
            raise SolferinoError(f'The {what} has no notes.')
        try:
            if all_of_it:
                return extraction.whole(sections.settled(extraction.choose(pieces.of(given), settings)), settings)
            return extraction.whole(self.settled(given, config), settings)
        except ValueError as error:
            raise SolferinoError(f'The {what} cannot be used: {error}.') from error


def _network(config: PianoConfig) -> Any:
    return _NETWORKS[config.name]


def _play(
    frames: np.ndarray,
    config: PianoConfig,
    options: PianoGeneration,
    qpm: float,
    metre: tuple[int, int] | None = None,
) -> music_pb2.NoteSequence:
    """Returns frames as notes."""
    settings = config.extraction
    if settings.steps_per_quarter:
        seconds = 60 / qpm / settings.steps_per_quarter
    else:
        seconds = 1 / (options.frames_per_second or settings.frames_per_second)
    roll = frame_tools.to_roll(frames)
    if options.strike_anew:
        roll = dataclasses.replace(roll, struck=roll.sounding)
    # Of the instruments that the model learned from, so that it takes what it wrote as a primer.
    program = instruments.programs(settings.instruments)[0]
    sequence = piano_rolls.to_sequence(roll, seconds, qpm, _VELOCITY, program)
    add_metre(sequence, metre)
    return sequence
