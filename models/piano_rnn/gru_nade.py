"""The network of config gru_nade: the keys of the next frame jointly, whatever they are, from all frames before."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from solferino.hparams.piano_rnn import PianoConfig, PianoGeneration
from solferino.models.core.family import Events, Example, Feature, Weights
from solferino.models.piano_rnn import frames as frame_tools
from solferino.models.piano_rnn import nade_sampling
from solferino.models.piano_rnn.nade import Nade


def features(config: PianoConfig) -> Mapping[str, Feature]:
    """See Family: the batch of `NadeModel`."""
    return {
        'frames': Feature((None, frame_tools.KEYS), 'uint8'),
        'first': Feature((), 'int32'),
        'begins': Feature((), 'uint8'),
    }


def encode(example: Example, config: PianoConfig) -> Example:
    """See Family: the frames as they are, how many of the first are only seen, whether the piece begins with them."""
    frames, context = frame_tools.of_example(example)
    return {
        'frames': frames.astype(np.uint8),
        'first': np.array(context, np.int32),
        'begins': np.array(frame_tools.begins(example), np.uint8),
    }


def events(example: Example, config: PianoConfig) -> Events:
    """See Family: the frames from the one before the first to predict."""
    frames, context = frame_tools.of_example(example)
    if not context:
        frames = np.pad(frames, [(1, 0), (0, 0)])
    return Events(frames[max(0, context - 1) :], 2)


def model(config: PianoConfig, seed: int) -> Any:
    """See Family."""
    from solferino.models.piano_rnn.nade_model import NadeModel  # imports TensorFlow

    return NadeModel(config.hparams, frame_tools.KEYS, seed)


def sample(
    weights: Weights, config: PianoConfig, primers: Sequence[np.ndarray], length: int, options: PianoGeneration
) -> np.ndarray:
    """Continues primers, bool [steps, KEYS], to `length` frames; returns bool [primers, length, KEYS].

    Output k draws its random numbers from the seed and k alone, so that it does not depend on how many are sampled
    beside it.
    """
    nade = Nade(weights, config.hparams.lags)
    return nade_sampling.sample(nade, primers, length, options.temperature, options.top_k, options.seed)


def export(weights: Weights, config: PianoConfig, folder: pathlib.Path) -> None:
    """Writes a SavedModel."""
    from solferino.models.piano_rnn import nade_export  # imports TensorFlow

    nade_export.write(weights, config, folder)


def log_likelihood(weights: Weights, config: PianoConfig, frames: np.ndarray) -> float:
    """Natural log of the probability of the frames, bool [steps, KEYS], after the first, given the first."""
    return float(Nade(weights, config.hparams.lags).log_likelihoods(frames)[1:].sum())
