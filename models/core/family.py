"""The contract of a family: all that the trainer, the pipelines and the binaries know about it.

A family is one object, held by `solferino.models.registry`: a subclass of `Family` with a `spec`. Four classes say what
it does, in the order of the road; what must be written stands first in each. The smallest family, by way of
`EventFamily`, is `models/drums_rnn/family.py`; one that does all by itself is `models/rbm/family.py`:

    MakingExamples  examples, to_sequence
    Modelling       features, encode, weight_shapes, model
    Generating      generate, log_likelihood
    Showing         draw

Every method takes the config whose hparams and extraction are in force. Modules of families import TensorFlow only
inside functions, so that pipelines and generation need not wait for it.
"""

import abc
import dataclasses
import pathlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from solferino.hparams import words
from solferino.hparams.errors import SolferinoError
from solferino.hparams.generation import DEFAULT_QPM
from solferino.hparams.reasons import Reject
from solferino.hparams.spec import Config, FamilySpec
from solferino.models.music.pictures.page import NO_MARKS, Marks
from solferino.models.music.pieces import piece as pieces
from solferino.models.music.pieces import sections
from solferino.models.music.pieces.piece import Piece

OTHER_INSTRUMENTS = 'of other instruments'  # what notes are that a model does not take for that reason
_SHORT = 0.1  # seconds of silence that no one misses

# One training example as it is stored: a name for each array. Time, if there is any, is the first dimension.
Example = Mapping[str, np.ndarray]
# A model's weights by name. What a checkpoint and a bundle hold, and all that generation needs.
Weights = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Feature:
    """Shape and type of one array of a batch, without the batch dimension; None is the time dimension."""

    shape: tuple[int | None, ...]
    dtype: str


class Events(NamedTuple):
    """What a model predicts one after the other, of which the first is given.

    Attributes:
      classes: int [T]; or frames, bool [T, K], of K keys of which any number sound.
      num_classes: of how many; of a key 2.
    """

    classes: np.ndarray
    num_classes: int


class Beat(NamedTuple):
    """Of given music: quarters a minute, and the metre as (numerator, denominator); None where it names none."""

    qpm: float | None
    metre: tuple[int, int] | None


class MakingExamples(abc.ABC):
    """Music to training examples: what <family>_create_dataset does, and how a dataset is shown."""

    spec: FamilySpec

    @abc.abstractmethod
    def examples(self, piece: Piece, config: Any, reject: Reject) -> Iterator[Example]:
        """Yields the examples of an unquantized piece of music, in order, calling `reject` for what is left out."""

    @abc.abstractmethod
    def to_sequence(self, example: Example, config: Any) -> Any:
        """Returns the music of a stored example as a NoteSequence; its tempo, which no example has, is made up."""

    def num_steps(self, example: Example, config: Any) -> int:
        """Length of a stored example in steps, for the table of create_dataset."""
        return max(len(array) for array in example.values())

    def steps_per_quarter(self, config: Any) -> float:
        """The grid of the music that `to_sequence` returns, at the tempo that it has there."""
        return config.steps_per_quarter

    def traits(self, example: Example, config: Any) -> Mapping[str, int]:
        """What is counted in each example for `learn`: how often each thing occurs."""
        return {}

    def learn(
        self, config: Any, training: Mapping[str, int], evaluation: Mapping[str, int]
    ) -> tuple[Config, Mapping[str, float]]:
        """Fills in `config.learned`, of the training side alone.

        Args:
          config: with nothing in `learned` yet.
          training, evaluation: the traits of the examples of each side, added up.

        Returns:
          The config, and what to tell the user about it, numbers by what they count.

        Raises:
          SolferinoError: the training side is not enough to learn from; it says what to change.
        """
        return config, {}

    def loudness_kinds(self, notes: np.ndarray, config: Any) -> np.ndarray | None:
        """What each of some notes is when it comes to loudness: int [notes], below 0 for what is not asked.

        Notes of one kind are alike but for their place in the bar. None where the family itself says how loud its music
        is.

        Args:
          notes: piece.NOTE [notes], of training music or of music that was generated.
          config: in force.
        """
        return np.zeros(len(notes), np.int64)

    def to_dense(self, example: Example, config: Any) -> tuple[np.ndarray, np.ndarray]:
        """Returns Magenta's dense form: float32 inputs [steps, input_size] and int64 labels [steps]."""
        raise SolferinoError(f'The examples of {self.spec.name} have no dense form: Magenta has no such model.')

    def from_dense(self, inputs: np.ndarray, labels: np.ndarray, config: Any) -> Example:
        """Inverse of `to_dense`. Raises ValueError if the arrays are not of this config's encoding."""
        raise ValueError('it is an example for Magenta')


class Modelling(abc.ABC):
    """Examples to a trained model: what <family>_train does."""

    spec: FamilySpec

    @abc.abstractmethod
    def features(self, config: Any) -> Mapping[str, Feature]:
        """The arrays that `encode` returns and the model takes."""

    @abc.abstractmethod
    def encode(self, example: Example, config: Any) -> Example:
        """Turns a stored example into the arrays that the model takes."""

    @abc.abstractmethod
    def weight_shapes(self, config: Any) -> Mapping[str, tuple[int, ...]]:
        """The shapes of a model's weights, all of them float32, by name."""

    @abc.abstractmethod
    def model(self, config: Any, seed: int) -> Any:
        """Returns a new `solferino.models.core.layers.trainable.Trainable` (this imports TensorFlow)."""

    def calibrated(self, weights: Weights, config: Any, examples: Sequence[Example], seed: int) -> tuple[Weights, str]:
        """Corrects the weights of a trained model by the music that it generates; called once, after training.

        Args:
          weights, config: the model.
          examples: those that it learned from, in their stored form.
          seed: of generating.

        Returns:
          The weights, and a sentence for the user about what was done; '' if nothing was.
        """
        return weights, ''

    def events(self, example: Example, config: Any) -> Events | None:
        """A stored example as the events that the loss is the mean of; None where the model predicts no such events.

        What a table of which event follows which would make of them is what the model is held beside.
        """
        return None


class Generating(abc.ABC):
    """A trained model to music: what <family>_generate does."""

    spec: FamilySpec

    @abc.abstractmethod
    def generate(self, weights: Weights, config: Any, primers: Sequence[Any], options: Any) -> list[Any]:
        """Returns a NoteSequence for each primer (a NoteSequence, an event sequence, None for the default).

        The length is `options.num_steps`, whatever else they say about it.
        """

    @abc.abstractmethod
    def log_likelihood(self, weights: Weights, config: Any, sequence: Any) -> float:
        """Natural log of the probability of the events after the first, of a NoteSequence or an event sequence."""

    def log_likelihoods(self, weights: Weights, config: Any, sequences: Sequence[Any]) -> list[float]:
        """Returns `log_likelihood` of each of several NoteSequences; of many together where that is faster."""
        return [self.log_likelihood(weights, config, sequence) for sequence in sequences]

    def infill(
        self, weights: Weights, config: Any, given: Any, steps: range, num_outputs: int, options: Any
    ) -> list[Any] | None:
        """Returns NoteSequences in which `steps` of given music are made anew, by a way of the family's own.

        None where there is none: `models.infilling` then tries continuations of what stands before.

        Args:
          given: the NoteSequence without what is to be made anew; it may be silent.
          steps: from the first that is made anew until before the last, from where `settled` lets music begin.
          num_outputs: how many.
          options: of generating; `num_steps` is the length of the whole.
        """
        return None

    def around(self, music: Any, config: Any, options: Any) -> tuple[Any, Any]:
        """Returns the config and options to make a stretch of a NoteSequence anew with, as the whole of it suggests."""
        return config, options

    def renewed(self, piece: Piece, config: Any) -> Piece:
        """Returns a piece with those of the chosen notes alone that give way in a stretch that is made anew."""
        return self.chosen(piece, config)

    def parse_primer(self, flag: str, text: str, config: Any) -> Any:
        """Reads the text of one of the spec's primer flags. Raises SolferinoError that says what is wrong with it."""
        raise SolferinoError(f'--{flag}: {self.spec.name} has no primer in words.')

    def primer_steps(self, primer: Any, config: Any, options: Any) -> int:
        """How many steps of an output are a primer's, None for the default; 0 where outputs do not begin with it."""
        return 0

    def steps_per_second(self, config: Any, options: Any, qpm: float) -> float:
        """How many steps of generated music a second takes at a tempo in quarters a minute."""
        return float(qpm / 60 * config.steps_per_quarter)

    def chosen(self, piece: Piece, config: Any) -> Piece:
        """Returns a piece that generation is given with those of its notes alone that the model takes."""
        return piece

    def settled(self, music: Any, config: Any) -> Piece:
        """Returns the chosen notes of a NoteSequence, in the tempo and metre in which they begin."""
        return sections.settled(self.chosen(pieces.of(music), config))

    def beat(self, music: Any, config: Any) -> Beat:
        """Returns the tempo and metre of a NoteSequence where the chosen notes begin; nothing of any other music."""
        from note_seq.protobuf import music_pb2  # half a second, which help would wait for

        if not isinstance(music, music_pb2.NoteSequence):
            return Beat(None, None)
        return beat_of(self.settled(music, config))

    def metre(self, music: Any, config: Any, options: Any) -> tuple[int, int] | None:
        """Returns the metre of what is generated from a NoteSequence, or from anything else; None for 4/4."""
        return self.beat(music, config).metre

    def unused(self, piece: Piece, config: Any) -> Mapping[str, int]:
        """How many notes of a piece that generation is given are not used, by what they are: 'of drums', ..."""
        notes, chosen = (music.notes[music.notes['velocity'] > 0] for music in (piece, self.chosen(piece, config)))
        drums, others = (int((notes['is_drum'] == k).sum() - (chosen['is_drum'] == k).sum()) for k in (True, False))
        return {OTHER_INSTRUMENTS: others, 'of drums': drums}

    def remarks(self, music: Any, config: Any) -> list[str]:
        """Returns what else than all that it holds generation takes of a NoteSequence, as parts of one line."""
        piece, settled = pieces.of(music), self.settled(music, config)
        if not len(settled.notes):
            return []  # which is an error
        unused = {what: number for what, number in self.unused(piece, config).items() if number > 0}
        told = []
        if unused:
            number = sum(unused.values())
            kinds = ', '.join(f'{count} {what}' for what, count in unused.items())
            told.append(f'{words.counted(number, "notes")} {"is" if number == 1 else "are"} not used: {kinds}')
        silence, kept = (float(one.notes['start'].min()) for one in (self.chosen(piece, config), settled))
        if silence - kept > _SHORT:
            told.append(f'of {silence:.3g} s of silence before it, {kept:.3g} s are kept')
        return told

    def marks(self, sequence: Any, primer: Any, config: Any, options: Any) -> Marks:
        """What of a generated NoteSequence was given to the model: all from the beginning until the primer ends."""
        if primer is None or options.exclude_primer:
            return NO_MARKS
        steps = self.primer_steps(primer, config, options)
        return Marks(steps / self.steps_per_second(config, options, _qpm(sequence)))


class Showing(abc.ABC):
    """Models and their music for people and for other programs."""

    spec: FamilySpec

    @abc.abstractmethod
    def draw(self, sequence: Any, config: Any, marks: Marks = NO_MARKS) -> Any:
        """Returns a matplotlib Figure of a NoteSequence, with what `marks` tells shown."""

    def plots(self, config: Any) -> Collection[str]:
        """Those of the spec's `plots` in which a model of this config has something to show."""
        return self.spec.plots

    def plot(self, name: str, weights: Weights, config: Any, sequence: Any, options: Any) -> Mapping[str, Any]:
        """Returns matplotlib Figures by name of how a model sees a NoteSequence that it generated with `options`.

        `name` is one of `plots`. The primer is part of the sequence, as the model has seen it.
        """
        return {}

    def export(self, weights: Weights, config: Any, format: str, folder: pathlib.Path) -> None:
        """Writes a model for other programs into the empty `folder`.

        `format` is 'magentajs', for web pages with @magenta/music, or 'savedmodel', for TensorFlow without Solferino
        (this imports TensorFlow). Raises SolferinoError that says why a model cannot be had in a format.
        """
        raise SolferinoError(f'--format={format}: models of {self.spec.name} cannot be had in this format yet.')

    def _require_savedmodel(self, format: str) -> None:
        """For families that web pages cannot have: raises SolferinoError that says so."""
        if format != 'savedmodel':
            raise SolferinoError(
                f'--format={format}: the npm package @magenta/music has no model like those of {self.spec.name}. '
                '--format=savedmodel writes one for TensorFlow.'
            )


class Family(MakingExamples, Modelling, Generating, Showing):
    """All that a family is. What is abstract each must write; the rest has a default, which is right for most."""

    def scores(self, weights: Weights, config: Any, examples: Sequence[Example]) -> np.ndarray:
        """Natural log of the probability of what is predicted of each stored example, float64 [examples].

        The loss of held-out examples is the mean of it over `num_predicted`, where it is a likelihood. Raises
        SolferinoError if the family tells none.
        """
        return np.array([self.log_likelihood(weights, config, self.to_sequence(one, config)) for one in examples])

    def num_predicted(self, example: Example, config: Any) -> int:
        """How many events of a stored example are predicted; steps, where there are no events."""
        events = self.events(example, config)
        return self.num_steps(example, config) if events is None else len(events.classes) - 1


def _qpm(sequence: Any) -> float:
    return float(sequence.tempos[0].qpm if sequence.tempos else DEFAULT_QPM)


def beat_of(piece: Piece) -> Beat:
    """Returns the tempo and metre with which a piece begins."""
    return Beat(
        piece.tempos[0].qpm if piece.tempos else None,
        (piece.metres[0].numerator, piece.metres[0].denominator) if piece.metres else None,
    )


def add_metre(sequence: Any, metre: tuple[int, int] | None) -> None:
    """Names the metre of a generated NoteSequence, if it is one, and not the one that holds without a name, 4/4."""
    if metre and metre != (4, 4) and 0 < metre[0] < 256 and metre[1] > 0 and metre[1].bit_count() == 1:
        sequence.time_signatures.add(numerator=metre[0], denominator=metre[1])
