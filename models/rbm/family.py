"""What only rbm knows: a window of a note-state matrix is a vector of binary visible units."""

import dataclasses
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from note_seq.protobuf import music_pb2

from solferino.hparams import words
from solferino.hparams.errors import SolferinoError
from solferino.hparams.rbm import SPEC, RbmConfig, RbmExtraction, RbmGeneration, RbmLearned
from solferino.hparams.reasons import NO_MELODY, OTHER_METRE, OUT_OF_RANGE, TOO_MANY_STEPS, Reject
from solferino.models.core.family import Example, Family, Feature, Weights, add_metre, beat_of
from solferino.models.music.pictures.page import NO_MARKS, Marks
from solferino.models.music.pieces import piano_rolls, sections
from solferino.models.music.pieces import piece as pieces
from solferino.models.music.pieces.piano_rolls import PianoRoll
from solferino.models.music.pieces.piece import Piece
from solferino.models.rbm import network_kinds
from solferino.models.rbm.generating import Given
from solferino.models.rbm.note_states import NoteStates, cut

_METRES = ('2/4', '4/4')
_STEPS = 'steps'  # the trait that counts steps; the others count how often a cell is on, by its index
_UNKNOWN = 0.02  # assumed share of cells that are on, before any music is seen
_QPM, _VELOCITY = 120.0, 80


class RbmFamily(Family):
    """See Family."""

    spec = SPEC

    def examples(self, piece: Piece, config: RbmConfig, reject: Reject) -> Iterator[Example]:
        """See Family: runs of windows, 'ones' int32 [n] and 'steps' int32 [1]; see `NoteStates.pack`."""
        options, layout = config.extraction, NoteStates.of(config.extraction)
        if not piano_rolls.heard(piece.notes).any():
            reject(NO_MELODY)
            return
        if piano_rolls.num_outside(piece.notes, layout.lowest, layout.highest):
            reject(OUT_OF_RANGE)
        for matrix in self._matrices(piece, config, reject):
            window = config.hparams.num_timesteps
            for run in cut(matrix, window, options.example_windows, options.hop, options.fill_last, reject):
                yield layout.pack(run)

    def num_steps(self, example: Example, config: RbmConfig) -> int:
        """See Family."""
        return int(example['steps'][0])

    def traits(self, example: Example, config: RbmConfig) -> Mapping[str, int]:
        """See Family: how many steps there are, and in how many of them each cell is on."""
        cells, counts = np.unique(example['ones'] % NoteStates.of(config.extraction).width, return_counts=True)
        on = {str(cell): count for cell, count in zip(cells.tolist(), counts.tolist(), strict=True)}
        return {_STEPS: self.num_steps(example, config), **on}

    def learn(
        self, config: RbmConfig, training: Mapping[str, int], evaluation: Mapping[str, int]
    ) -> tuple[RbmConfig, Mapping[str, float]]:
        """See Family: how often each cell is on, with one count more for on and for off (Laplace)."""
        layout, steps = NoteStates.of(config.extraction), training[_STEPS]
        counts = np.array([training.get(str(cell), 0) for cell in range(layout.width)])
        means = tuple(((counts + 1) / (steps + 2)).tolist())
        told = {'mean number of keys that sound': float(counts[: layout.pitches].sum() / steps)}
        return dataclasses.replace(config, learned=RbmLearned(means)), told

    def to_sequence(self, example: Example, config: RbmConfig) -> music_pb2.NoteSequence:
        """See Family."""
        layout = NoteStates.of(config.extraction)
        return _sequence(layout.roll(layout.unpack(example)), config, _QPM)

    def features(self, config: RbmConfig) -> Mapping[str, Feature]:
        """See Family: the windows of an example; 'length' in a batch is their number."""
        return {'visible': Feature((None, _visible_units(config)), 'uint8')}

    def encode(self, example: Example, config: RbmConfig) -> Example:
        """See Family. Raises ValueError if the example is not of this config's matrices."""
        matrix = NoteStates.of(config.extraction).unpack(example)
        if len(matrix) % config.hparams.num_timesteps:
            raise ValueError(f'its {len(matrix)} steps do not divide into windows of {config.hparams.num_timesteps}')
        return {'visible': matrix.reshape(-1, _visible_units(config))}

    def weight_shapes(self, config: RbmConfig) -> Mapping[str, tuple[int, ...]]:
        """See Family."""
        return network_kinds.of(config).weight_shapes(config.hparams, _visible_units(config))

    def model(self, config: RbmConfig, seed: int) -> Any:
        """See Family."""
        return network_kinds.of(config).model(config.hparams, base_bias(config), seed)

    def chosen(self, piece: Piece, config: RbmConfig) -> Piece:
        """See Family: all but drums, in the range of the model."""
        layout = NoteStates.of(config.extraction)
        beyond = piano_rolls.outside(piece.notes, layout.lowest, layout.highest)
        return dataclasses.replace(piece, notes=piece.notes[piano_rolls.heard(piece.notes) & ~beyond])

    def unused(self, piece: Piece, config: RbmConfig) -> Mapping[str, int]:
        """See Family: and what lies beyond the range."""
        layout = NoteStates.of(config.extraction)
        return {
            f'beyond the pitches {layout.lowest} to {layout.highest}': piano_rolls.num_outside(
                piece.notes, layout.lowest, layout.highest
            ),
            'of drums': super().unused(piece, config)['of drums'],
        }

    def generate(
        self, weights: Weights, config: RbmConfig, primers: Sequence[Any], options: RbmGeneration
    ) -> list[music_pb2.NoteSequence]:
        """See Family: what the music, or a window's Gibbs chain, begins with; None for what `options.start` says."""
        layout = NoteStates.of(config.extraction)
        began = [None if primer is None else self._given(primer, config, 'The primer') for primer in primers]
        clamped = None
        if options.clamp_midi is not None:
            clamped = self._given(options.clamp_midi, config, '--clamp_midi', all_of_it=True)
        elif options.clamp != self.spec.generation.clamp:
            raise SolferinoError(
                f'--clamp={options.clamp} says what of --clamp_midi stays: give one, or leave --clamp out.'
            )
        network = network_kinds.of(config)
        matrices = network.generate(weights, config, began, clamped, options)
        made = []
        for primer, matrix in zip(began, matrices, strict=True):
            kept = [primer if network.keeps_primer else None, clamped]
            roll = layout.roll(matrix, _struck(kept, (len(matrix), layout.pitches)))
            if primer and options.exclude_primer:  # a network that does not keep it has refused
                first = len(primer.matrix)
                roll = PianoRoll(roll.sounding[first:], roll.struck[first:], roll.lowest)
            source = primer or clamped
            qpm = primer.qpm if primer and primer.qpm else options.qpm or (clamped and clamped.qpm) or _QPM
            sequence = _sequence(roll, config, qpm)
            add_metre(sequence, source.metre if source else None)
            made.append(sequence)
        return made

    def infill(
        self,
        weights: Weights,
        config: RbmConfig,
        given: music_pb2.NoteSequence,
        steps: range,
        num_outputs: int,
        options: RbmGeneration,
    ) -> list[music_pb2.NoteSequence] | None:
        """See Family: all that is given is clamped, so that the chain hears both sides.

        A network that goes from step to step does not hear what comes later: None.
        """
        if network_kinds.of(config).keeps_primer:
            return None
        if len(self.chosen(pieces.of(given), config).notes):
            options = dataclasses.replace(options, clamp_midi=given, clamp='steps')
        return self.generate(weights, config, [None] * num_outputs, options)

    def primer_steps(self, primer: Any, config: RbmConfig, options: RbmGeneration) -> int:
        """See Family."""
        if primer is None or not network_kinds.of(config).keeps_primer:
            return 0
        return len(self._given(primer, config, 'The primer').matrix)

    def marks(self, sequence: Any, primer: Any, config: RbmConfig, options: RbmGeneration) -> Marks:
        """See Family: with the notes of `options.clamp_midi`."""
        marks = super().marks(sequence, primer, config, options)
        if options.clamp_midi is None:
            return marks
        struck = self._given(options.clamp_midi, config, '--clamp_midi', all_of_it=True).struck
        assert struck is not None  # of music that was read it is known
        if primer is not None and options.exclude_primer:
            struck = struck[self.primer_steps(primer, config, options) :]
        rate = self.steps_per_second(config, options, sequence.tempos[0].qpm)
        lowest = NoteStates.of(config.extraction).lowest
        clamped = {(int(step), int(key) + lowest) for step, key in zip(*struck.nonzero(), strict=True)}
        positions = [(round(note.start_time * rate), note.pitch) for note in sequence.notes]
        return dataclasses.replace(marks, kept=frozenset(k for k, at in enumerate(positions) if at in clamped))

    def log_likelihood(self, weights: Weights, config: RbmConfig, sequence: Any) -> float:
        """See Family: of all windows of a NoteSequence, its first included, the last one filled with silence.

        The partition function is an estimate by annealed importance sampling, always with the same random numbers.
        """
        matrix = self._given(sequence, config, 'The music', all_of_it=True).matrix
        return network_kinds.of(config).log_likelihood(weights, config, matrix, base_bias(config))

    def scores(self, weights: Weights, config: RbmConfig, examples: Sequence[Example]) -> np.ndarray:
        """See Family."""
        layout, network = NoteStates.of(config.extraction), network_kinds.of(config)
        bias = base_bias(config)
        return np.array([network.log_likelihood(weights, config, layout.unpack(one), bias) for one in examples])

    def export(self, weights: Weights, config: RbmConfig, format: str, folder: pathlib.Path) -> None:
        """See Family."""
        self._require_savedmodel(format)
        from solferino.models.rbm import machine_export  # imports TensorFlow

        machine_export.write(weights, config, network_kinds.of(config).cell(config.hparams), folder)

    def draw(self, sequence: music_pb2.NoteSequence, config: RbmConfig, marks: Marks = NO_MARKS) -> Any:
        """A piano roll."""
        from solferino.models.music.pictures import roll_pictures  # imports matplotlib

        return roll_pictures.draw_notes(sequence, config.steps_per_quarter, marks=marks)

    def plot(self, name: str, weights: Weights, config: RbmConfig, sequence: Any, options: Any) -> Mapping[str, Any]:
        """See Family: the filters, with the mean probability of each hidden unit over the windows of the music."""
        from solferino.models.rbm import filters  # imports matplotlib

        activity = np.zeros(weights['weights'].shape[1])
        if sequence.notes:
            activity = network_kinds.of(config).activity(
                weights, config, self._given(sequence, config, 'The music').matrix
            )
        return {'filters': filters.draw(weights['weights'], NoteStates.of(config.extraction), activity)}

    def _given(self, sequence: Any, config: RbmConfig, what: str, all_of_it: bool = False) -> Given:
        """Reads a NoteSequence that the user gave; `what` is its name in messages. Raises SolferinoError.

        With `all_of_it` no note may be beyond the range of the model.
        """
        if not isinstance(sequence, music_pb2.NoteSequence):
            raise TypeError(f'{what} is a NoteSequence, not {type(sequence).__name__}.')
        layout, piece = NoteStates.of(config.extraction), self.settled(sequence, config)
        outside = piano_rolls.num_outside(pieces.of(sequence).notes, layout.lowest, layout.highest)
        if outside and (all_of_it or not len(piece.notes)):
            raise SolferinoError(
                f'{what} has {words.counted(outside, "notes")} outside the pitches {layout.lowest} to '
                f'{layout.highest}, which are all that this model knows. Transpose it, or leave them out.'
            )
        if not len(piece.notes):
            raise SolferinoError(f'{what} has no notes beside drums.')
        try:
            section = sections.quantize(piece, config.steps_per_quarter)
            roll = piano_rolls.by_metre(section, layout.lowest, layout.highest)
        except ValueError as error:
            raise SolferinoError(f'{what} cannot be used: {error}.') from error
        return Given(layout.of_roll(roll), *beat_of(piece), roll.struck)

    def _matrices(self, piece: Piece, config: RbmConfig, reject: Reject) -> Iterator[np.ndarray]:
        """Yields the matrix of each section of one tempo and metre that has notes."""
        layout = NoteStates.of(config.extraction)
        rows = piano_rolls.heard(piece.notes).nonzero()[0]
        for section in sections.quantized_sections(piece, config.steps_per_quarter, reject, rows):
            if not len(section.starts):
                continue
            if section.metre.name not in _METRES and not config.extraction.other_metres:
                reject(OTHER_METRE)
                continue
            try:
                yield layout.of_roll(piano_rolls.by_metre(section, layout.lowest, layout.highest))
            except ValueError:
                reject(TOO_MANY_STEPS)


def base_bias(config: RbmConfig) -> np.ndarray:
    """The log-odds of each visible unit in the training examples, float32 [V]; a guess where these are not known."""
    means = np.array(config.learned.means or [_UNKNOWN] * NoteStates.of(config.extraction).width)
    return np.tile(np.log(means / (1 - means)), config.hparams.num_timesteps).astype(np.float32)


def _visible_units(config: RbmConfig) -> int:
    extraction: RbmExtraction = config.extraction
    return int(config.hparams.num_timesteps) * NoteStates.of(extraction).width


def _struck(kept: Sequence[Given | None], shape: tuple[int, int]) -> np.ndarray:
    """Where the notes of given music begin, bool `shape` [steps, pitches]; what comes later lies on top."""
    struck = np.zeros(shape, bool)
    for given in kept:
        if given and given.struck is not None:
            sounding = given.matrix[:, : shape[1]]
            struck[: len(sounding)] = np.where(sounding, given.struck, struck[: len(sounding)])
    return struck


def _sequence(roll: PianoRoll, config: RbmConfig, qpm: float) -> music_pb2.NoteSequence:
    return piano_rolls.to_sequence(roll, 60 / qpm / config.steps_per_quarter, qpm, _VELOCITY)
