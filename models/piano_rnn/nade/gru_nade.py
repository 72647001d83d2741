"""The network of config gru_nade: the keys of the next frame jointly, whatever they are, from all frames before."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from solferino.hparams.piano_rnn import PianoConfig, PianoGeneration
from solferino.models.core.cpu import gru
from solferino.models.core.family import Events, Example, Feature, Weights
from solferino.models.piano_rnn import frames as frame_tools
from solferino.models.piano_rnn.nade import key_network, nade_sampling
from solferino.models.piano_rnn.nade.nade import Nade


def features(config: PianoConfig) -> Mapping[str, Feature]:
    """See Family: the batch of `NadeModel`."""
    return {
        'frames': Feature((None, frame_tools.width(config.extraction.articulation)), 'uint8'),
        'first': Feature((), 'int32'),
        'begins': Feature((), 'uint8'),
    }


def encode(example: Example, config: PianoConfig) -> Example:
    """See Family: the frames as they are, how many of the first are only seen, whether the piece begins with them."""
    frames, context = frame_tools.of_example(example, config.extraction.articulation)
    return {
        'frames': frames.astype(np.uint8),
        'first': np.array(context, np.int32),
        'begins': np.array(frame_tools.begins(example), np.uint8),
    }


def events(example: Example, config: PianoConfig) -> Events:
    """See Family: the frames from the one before the first to predict."""
    frames, context = frame_tools.of_example(example, config.extraction.articulation)
    if not context:
        frames = np.pad(frames, [(1, 0), (0, 0)])
    return Events(frames[max(0, context - 1) :], 2)


def weight_shapes(config: PianoConfig) -> Mapping[str, tuple[int, ...]]:
    """See Family: those that `nade.py` lists."""
    sizes, keys = config.hparams, frame_tools.KEYS
    width = frame_tools.width(config.extraction.articulation)
    size, hidden, channels = sum(sizes.rnn_layer_sizes), sizes.nade_size, sizes.key_size
    parts = key_network.shapes(keys, channels, len(sizes.lags), sizes.span, width // keys)
    return gru.weight_shapes(sizes.rnn_layer_sizes, width + 1) | {
        'nade/hidden_kernel': (size, hidden),
        'nade/hidden_bias': (hidden,),
        'nade/below': (width, hidden),
        'nade/above': (hidden, width),
        'nade/key_kernel': (size, width),
        'nade/key_bias': (width,),
        'nade/given_kernel': (hidden, channels),
        **{f'keys/{name}': shape for name, shape in parts.items()},
    }


def model(config: PianoConfig, seed: int) -> Any:
    """See Family."""
    from solferino.models.piano_rnn.nade.nade_model import NadeModel  # imports TensorFlow

    return NadeModel(config.hparams, frame_tools.KEYS, seed, planes=1 + config.extraction.articulation)


def sample(
    weights: Weights, config: PianoConfig, primers: Sequence[np.ndarray], length: int, options: PianoGeneration
) -> np.ndarray:
    """Continues primers, bool [steps, W], to `length` frames; returns bool [primers, length, W].

    Output k draws its random numbers from the seed and k alone, so that it does not depend on how many are sampled
    beside it.
    """
    nade = Nade(weights, config.hparams.lags)
    return nade_sampling.sample(nade, primers, length, options.temperature, options.top_k, options.seed)


def export(weights: Weights, config: PianoConfig, folder: pathlib.Path) -> None:
    """Writes a SavedModel."""
    from solferino.models.piano_rnn.nade import nade_export  # imports TensorFlow

    nade_export.write(weights, config, folder)


def log_likelihood(weights: Weights, config: PianoConfig, frames: np.ndarray) -> float:
    """Natural log of the probability of the frames, bool [steps, W], after the first, given the first."""
    return float(Nade(weights, config.hparams.lags).log_likelihoods(frames)[1:].sum())
