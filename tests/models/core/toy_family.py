"""A family that is not in the registry: what the trainer can do with it, it can do with any.

A track is a sequence of classes, and the model is a bigram with a hidden layer.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from solferino.hparams.generation import GenerateOptions
from solferino.hparams.presets import Preset
from solferino.hparams.spec import Config, FamilySpec, architecture, option
from solferino.models.core.family import Events, Example, Feature, Weights
from solferino.models.core.storage import records, sequence_examples


@dataclasses.dataclass(frozen=True)
class ToyHparams:
    """Few and small."""

    batch_size: int = 4
    units: int = architecture(8)
    keep_prob: float = 0.8
    clip_norm: float = 3.0
    learning_rate: float = 0.01
    decay_steps: int = 0


@dataclasses.dataclass(frozen=True)
class ToyExtraction:
    """One."""

    min_steps: int = option(2, 'Leave out shorter tracks.')


@dataclasses.dataclass(frozen=True)
class ToyConfig(Config):
    """How many classes there are."""

    classes: int = 5


SPEC = FamilySpec(
    name='toy_rnn',
    records='toy_tracks',
    configs={
        name: ToyConfig(name, f'The {name} toy.', 4, ToyHparams(), ToyExtraction(), classes)
        for name, classes in (('small', 5), ('large', 9))
    },
    default_config='small',
    default_primer='nothing',
    primer_flags={},
    remedies={},
    generation=GenerateOptions(),
    has_dense_form=True,
    presets={'small': {'two_minutes': Preset('units=4,learning_rate=0.02', 20, 'little', evaluations=2)}},
)


class ToyFamily:
    """See `solferino.models.core.family.Family`."""

    spec = SPEC

    def to_dense(self, example: Example, config: Any) -> tuple[np.ndarray, np.ndarray]:
        events = example['events']
        return np.eye(config.classes, dtype=np.float32)[events[:-1]], events[1:].astype(np.int64)

    def from_dense(self, inputs: np.ndarray, labels: np.ndarray, config: Any) -> Example:
        if inputs.shape[1] != config.classes:
            raise ValueError(f'its inputs have {inputs.shape[1]} values a step, not {config.classes}')
        return {'events': np.append(inputs.argmax(axis=1), labels[-1:])}

    def features(self, config: Any) -> Mapping[str, Feature]:
        return {
            'inputs': Feature((None,), 'int32'),
            'labels': Feature((None,), 'int32'),
            'size': Feature((), 'float32'),
        }

    def encode(self, example: Example, config: Any) -> Example:
        events = example['events']
        if events.max(initial=0) >= config.classes:
            raise ValueError(f'it has an event above {config.classes - 1}')
        return {'inputs': events[:-1], 'labels': events[1:], 'size': np.float32(len(events))}

    def events(self, example: Example, config: Any) -> Events:
        return Events(example['events'], config.classes)

    def weight_shapes(self, config: Any) -> Mapping[str, tuple[int, ...]]:
        return {'embedding': (config.classes, config.hparams.units), 'kernel': (config.hparams.units, config.classes)}

    def model(self, config: Any, seed: int) -> Any:
        from toy_model import Toy

        return Toy(config, seed)

    def calibrated(self, weights: Weights, config: Any, examples: Any, seed: int) -> tuple[Weights, str]:
        return weights, ''

    def generate(
        self, weights: Weights, config: Any, primers: Sequence[Any], options: GenerateOptions
    ) -> list[np.ndarray]:
        scores = weights['embedding'] @ weights['kernel']
        tracks = []
        for k, _ in enumerate(primers):
            rng = np.random.default_rng([options.seed, k])
            track = [0]
            while len(track) < options.num_steps:
                track.append(int(np.argmax(scores[track[-1]] + rng.gumbel(size=config.classes))))
            tracks.append(np.array(track))
        return tracks

    def draw(self, sequence: Any, config: Any) -> Any:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(3, 1))
        figure.add_subplot().plot(sequence)
        return figure


FAMILY = ToyFamily()


def tracks(number: int, config_name: str = 'small', seed: int = 0, longest: int = 20) -> Iterator[np.ndarray]:
    """Yields tracks in which most events are followed by the next class."""
    classes = SPEC.configs[config_name].classes
    rng = np.random.default_rng(seed)
    for _ in range(number):
        moves = rng.choice([1, 2], p=[0.8, 0.2], size=int(rng.integers(3, longest + 1)))
        yield (np.cumsum(moves) % classes).astype(np.int32)


def write(path: Any, number: int, config_name: str = 'small', seed: int = 0, dense: bool = False) -> str:
    """Writes such tracks as a TFRecord file and returns its path."""
    config = SPEC.configs[config_name]
    with records.Writer(str(path)) as writer:
        for track in tracks(number, config_name, seed):
            example = {'events': track}
            if dense:
                inputs, labels = FAMILY.to_dense(example, config)
                writer.write(sequence_examples.serialize_dense(sequence_examples.DenseExample(inputs, labels)))
            else:
                writer.write(sequence_examples.serialize(example))
    return str(path)
