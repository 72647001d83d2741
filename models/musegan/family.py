"""What only musegan knows: music with one part a voice becomes pieces of some bars, and latents become music."""

import dataclasses
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from note_seq.protobuf import music_pb2

from solferino.hparams.errors import SolferinoError
from solferino.hparams.generation import DEFAULT_QPM
from solferino.hparams.musegan import SPEC, STEPS_PER_BAR, MuseGanConfig, MuseGanGeneration, MuseGanLearned
from solferino.hparams.reasons import (
    EMPTY_WINDOW,
    NO_MELODY,
    NOT_4_4,
    OTHER_VOICES,
    OUT_OF_RANGE,
    PART_OF_WINDOW,
    TOO_MANY_STEPS,
    Reject,
)
from solferino.models.core.cpu.thread_pool import one_thread
from solferino.models.core.family import Example, Family, Feature, Weights
from solferino.models.musegan import accompaniment, generator, latents
from solferino.models.musegan.classes import Classes
from solferino.models.musegan.generator import Latents
from solferino.models.music.pictures.page import NO_MARKS, Marks
from solferino.models.music.pieces import keys, piano_rolls, sections, voices
from solferino.models.music.pieces.piece import Piece

_VELOCITY = 80
_HIGHEST = 127  # MIDI pitch


class MuseGanFamily(Family):
    """See Family."""

    spec = SPEC

    def examples(self, piece: Piece, config: MuseGanConfig, reject: Reject) -> Iterator[Example]:
        """See Family: 'classes' int32 [bars * 16, tracks], see `Classes`."""
        options, classes = config.extraction, Classes.of(config.extraction)
        instruments = voices.parts(piece, options.voice_order == 'register')
        if not instruments:
            reject(NO_MELODY)
            return
        if len(instruments) != config.hparams.num_tracks:
            reject(OTHER_VOICES)
            return
        length, hop = _num_steps(config), (options.hop_bars or config.hparams.num_bars) * STEPS_PER_BAR
        rows = piano_rolls.heard(piece.notes).nonzero()[0]
        for section in sections.quantized_sections(piece, config.steps_per_quarter, reject, rows):
            if not len(section.starts):
                continue
            if section.metre.name != '4/4':
                reject(NOT_4_4)
                continue
            # The last bar is filled with what its last notes do, silence.
            steps = -(-int(section.ends.max()) // STEPS_PER_BAR) * STEPS_PER_BAR
            if steps > piano_rolls.MAX_STEPS:
                reject(TOO_MANY_STEPS)
                continue
            try:
                music = voices.of_section(section, instruments, steps)
            except ValueError:
                reject(OTHER_VOICES)
                continue
            if options.common_key:
                music = voices.transpose(music, keys.to_common(voices.key(music)))
            if not classes.fits(music):
                reject(OUT_OF_RANGE)
                continue
            if steps < length or (steps - length) % hop:
                reject(PART_OF_WINDOW)
            for start in range(0, steps - length + 1, hop):
                window = voices.cut(music, start, start + length)
                if (window == voices.REST).all():
                    reject(EMPTY_WINDOW)
                else:
                    yield {'classes': classes.of_voices(window)}

    def traits(self, example: Example, config: MuseGanConfig) -> Mapping[str, int]:
        """See Family: how often each pitch is struck in each track, as 'track:pitch'."""
        music = Classes.of(config.extraction).voices(example['classes'])
        counted: dict[str, int] = {}
        for track, column in enumerate(music.T):
            pitches, counts = np.unique(column[column >= 0], return_counts=True)
            counted |= {f'{track}:{pitch}': int(n) for pitch, n in zip(pitches.tolist(), counts.tolist(), strict=True)}
        return counted

    def learn(
        self, config: MuseGanConfig, training: Mapping[str, int], evaluation: Mapping[str, int]
    ) -> tuple[MuseGanConfig, Mapping[str, float]]:
        """See Family: the range of each track. Raises SolferinoError for a track without a note."""
        found: list[list[int]] = [[] for _ in range(config.hparams.num_tracks)]
        for name in training:
            track, pitch = map(int, name.split(':'))
            found[track].append(pitch)
        if not all(found):
            silent = [number for number, pitches in enumerate(found, 1) if not pitches]
            raise SolferinoError(f'Track {silent[0]} has no note in any training example: there is nothing to learn.')
        learned = MuseGanLearned(tuple(map(min, found)), tuple(map(max, found)))
        return dataclasses.replace(config, learned=learned), {}

    def to_sequence(self, example: Example, config: MuseGanConfig) -> music_pb2.NoteSequence:
        """See Family."""
        music = Classes.of(config.extraction).voices(example['classes'])
        return _sequence(music, config, DEFAULT_QPM, self.spec.generation)

    def features(self, config: MuseGanConfig) -> Mapping[str, Feature]:
        """See Family."""
        return {'voices': Feature((None, config.hparams.num_tracks), 'int32')}

    def encode(self, example: Example, config: MuseGanConfig) -> Example:
        """See Family. Raises ValueError if the example is not of this config."""
        classes, shape = example.get('classes'), (_num_steps(config), config.hparams.num_tracks)
        if classes is None or classes.shape != shape:
            raise ValueError(f'it does not hold {shape[0]} steps of {shape[1]} voices')
        if not 0 <= classes.min() <= classes.max() < config.extraction.num_classes:
            raise ValueError(f'its classes are not from 0 to {config.extraction.num_classes - 1}')
        return {'voices': classes}

    def weight_shapes(self, config: MuseGanConfig) -> Mapping[str, tuple[int, ...]]:
        """See Family."""
        classes = Classes.of(config.extraction)
        return generator.weight_shapes(config.hparams, classes.num_pitches, classes.others)

    def model(self, config: MuseGanConfig, seed: int) -> Any:
        """See Family."""
        from solferino.models.musegan.gan import MuseGan  # imports TensorFlow

        return MuseGan(config.hparams, Classes.of(config.extraction), config.learned, seed)

    def generate(
        self, weights: Weights, config: MuseGanConfig, primers: Sequence[Any], options: MuseGanGeneration
    ) -> list[music_pb2.NoteSequence]:
        """See Family. Raises SolferinoError for a primer, which it cannot follow."""
        if any(primer is not None for primer in primers):
            raise SolferinoError('musegan makes all bars at once and cannot go on from a primer. Leave it out.')
        if options.accompany_midi is not None:
            return self._accompany(weights, config, len(primers), options)
        made = latents.draw(config.hparams, len(primers), _num_pieces(config, options), options)
        logits = _logits(weights, made, config)
        if config.hparams.output == 'gumbel':
            rng = np.random.default_rng([options.seed, latents.NOISE])
            logits = logits + np.float32(options.temperature) * rng.gumbel(size=logits.shape).astype(np.float32)
        layout, qpm = Classes.of(config.extraction), options.qpm or DEFAULT_QPM
        classes = layout.likeliest(logits, options.crossing).reshape(len(primers), -1, config.hparams.num_tracks)
        length = options.num_steps or classes.shape[1]
        return [_sequence(layout.voices(one[:length]), config, qpm, options) for one in classes]

    def _accompany(
        self, weights: Weights, config: MuseGanConfig, outputs: int, options: MuseGanGeneration
    ) -> list[music_pb2.NoteSequence]:
        """Outputs for `options.accompany_midi`, as long as it is."""
        piece = self.settled(options.accompany_midi, config)
        voice, up = accompaniment.given_voice(piece, config)
        track = accompaniment.track_index(config, options.accompany_track)
        length, layout = _num_steps(config), Classes.of(config.extraction)
        qpm = self.beat(options.accompany_midi, config).qpm or options.qpm or DEFAULT_QPM
        made = []
        for output in range(outputs):
            found = []
            for number, start in enumerate(range(0, len(voice), length)):
                # Tries are outputs of a seed of their own.
                tries = dataclasses.replace(options, seed=latents.seed_of(options.seed, output, number), interpolate='')
                drawn = latents.draw(config.hparams, 1, options.accompany_tries, tries)
                classes = layout.likeliest(_logits(weights, drawn, config), options.crossing)
                pieces = np.array([layout.voices(one) for one in classes])
                found.append(accompaniment.choose(voice[start : start + length, 0], pieces, track))
            music = voices.transpose(np.concatenate(found)[: options.num_steps or None], -up)
            made.append(_sequence(music, config, qpm, options))
        return made

    def log_likelihood(self, weights: Weights, config: MuseGanConfig, sequence: Any) -> float:
        """See Family. Raises SolferinoError: a generative adversarial network tells no likelihood."""
        raise SolferinoError('musegan tells no likelihood of music: a generative adversarial network has none.')

    def export(self, weights: Weights, config: MuseGanConfig, format: str, folder: pathlib.Path) -> None:
        """See Family."""
        self._require_savedmodel(format)
        from solferino.models.musegan import generator_export  # imports TensorFlow

        generator_export.write(weights, config, folder)

    def draw(self, sequence: music_pb2.NoteSequence, config: MuseGanConfig, marks: Marks = NO_MARKS) -> Any:
        """A piano roll."""
        from solferino.models.music.pictures import roll_pictures  # imports matplotlib

        return roll_pictures.draw_notes(sequence, config.steps_per_quarter, marks=marks)

    def plot(
        self, name: str, weights: Weights, config: MuseGanConfig, sequence: Any, options: Any
    ) -> Mapping[str, Any]:
        """See Family: what each latent of an output's first piece changes."""
        from solferino.models.musegan import sheet  # imports matplotlib

        rows, layout = {}, Classes.of(config.extraction)
        for row, drawn in latents.varied(config.hparams, options).items():
            classes = layout.likeliest(_logits(weights, drawn, config), options.crossing)
            rows[row] = [layout.voices(one) for one in classes]
        return {'latents': sheet.draw(rows)}


def _logits(weights: Weights, made: Latents, config: MuseGanConfig) -> np.ndarray:
    with one_thread():
        logits = generator.forward(weights, made, config.hparams)
    return logits + Classes.of(config.extraction).allowed(config.learned, config.hparams.num_tracks)


def _num_steps(config: MuseGanConfig) -> int:
    """Steps of a piece."""
    return int(config.hparams.num_bars) * STEPS_PER_BAR


def _num_pieces(config: MuseGanConfig, options: MuseGanGeneration) -> int:
    """Pieces of an output."""
    if options.interpolation:
        return options.interpolation[2]
    return -(-options.num_steps // _num_steps(config)) if options.num_steps else options.num_pieces


def _sequence(
    music: np.ndarray, config: MuseGanConfig, qpm: float, options: MuseGanGeneration
) -> music_pb2.NoteSequence:
    programs = options.numbers('programs')
    number = music.shape[1]
    if len(programs) not in (1, number):
        raise SolferinoError(f'--programs={options.programs} must be one number or {number}, one for each track.')
    programs = programs * number if len(programs) == 1 else programs
    moved = voices.transpose(music, options.transpose)
    struck = moved[music >= 0]
    if len(struck) and not 0 <= struck.min() <= struck.max() <= _HIGHEST:
        raise SolferinoError(f'--transpose={options.transpose} moves notes beyond the pitches of MIDI. Choose less.')
    return voices.to_sequence(moved, config.steps_per_quarter, qpm, _VELOCITY, programs)
