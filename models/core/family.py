"""The contract of a family: all that the trainer, the pipelines and the binaries know about it.

A family is one object, held by `solferino.models.registry`. Its module imports TensorFlow only inside `model`, so
that pipelines and generation need not pay for it.
"""

import dataclasses
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from solferino.hparams.reasons import Reject
from solferino.hparams.spec import Config, FamilySpec
from solferino.models.music.piece import Piece

# One training example as it is stored: a name for each array. Time, if there is any, is the first dimension.
Example = Mapping[str, np.ndarray]
# A model's weights by name. What a checkpoint and a bundle hold, and all that generation needs.
Weights = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Feature:
    """Shape and type of one array of a batch, without the batch dimension; None is the time dimension."""

    shape: tuple[int | None, ...]
    dtype: str


@dataclasses.dataclass(frozen=True)
class GenerateOptions:
    """How to generate; each family ignores none of these silently: it raises SolferinoError for one it cannot follow.

    Attributes:
      num_steps: length of each output in steps, the primer included.
      temperature: logits are divided by it.
      top_k: sample among this many likeliest events; 0 for all.
      beam_size, branch_factor, steps_per_iteration: Magenta's beam search; 1, 1, 1 is plain sampling.
      seed: makes the outputs repeat.
      qpm: tempo of the outputs in quarters a minute for a primer that has none of its own; None is 120.
      exclude_primer: outputs hold only what follows the primer.
    """

    num_steps: int = 128
    temperature: float = 1.0
    top_k: int = 0
    beam_size: int = 1
    branch_factor: int = 1
    steps_per_iteration: int = 1
    seed: int = 0
    qpm: float | None = None
    exclude_primer: bool = False


class Family(Protocol):
    """See the module's docstring; every method takes the config whose hparams and extraction are in force."""

    spec: FamilySpec

    def examples(self, piece: Piece, config: Config, reject: Reject) -> Iterator[Example]:
        """Yields the examples of an unquantized piece of music, in order, calling `reject` for what is left out."""

    def to_dense(self, example: Example, config: Config) -> tuple[np.ndarray, np.ndarray]:
        """Returns Magenta's dense form: float32 inputs [steps, input_size] and int64 labels [steps]."""

    def from_dense(self, inputs: np.ndarray, labels: np.ndarray, config: Config) -> Example:
        """Inverse of `to_dense`. Raises ValueError if the arrays are not of this config's encoding."""

    def to_sequence(self, example: Example, config: Config) -> Any:
        """Returns the music of a stored example as a NoteSequence; its tempo, which no example has, is made up."""

    def features(self, config: Config) -> Mapping[str, Feature]:
        """The arrays that `encode` returns and the model takes."""

    def encode(self, example: Example, config: Config) -> Example:
        """Turns a stored example into the arrays that the model takes."""

    def model(self, config: Config, seed: int) -> Any:
        """Returns a new `solferino.models.core.trainable.Trainable` (this imports TensorFlow)."""

    def parse_primer(self, flag: str, text: str, config: Config) -> Any:
        """Reads the text of one of the spec's primer flags. Raises SolferinoError that says what is wrong with it."""

    def generate(self, weights: Weights, config: Config, primers: Sequence[Any], options: GenerateOptions) -> list[Any]:
        """Returns a NoteSequence for each primer (a NoteSequence, an event sequence, None for the default)."""

    def log_likelihood(self, weights: Weights, config: Config, sequence: Any) -> float:
        """Natural log of the probability of the events after the first, of a NoteSequence or an event sequence."""

    def export(self, weights: Weights, config: Config, format: str, folder: pathlib.Path) -> None:
        """Writes a model for other programs into the empty `folder`.

        `format` is 'magentajs', for web pages with @magenta/music, or 'savedmodel', for TensorFlow without Solferino
        (this imports TensorFlow). Raises SolferinoError that says why a model cannot be had in a format.
        """

    def draw(self, sequence: Any, config: Config) -> Any:
        """Returns a matplotlib Figure of a NoteSequence."""
