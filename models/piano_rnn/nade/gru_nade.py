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

# How the model's own music is measured: outputs, the frames that each goes on from, and of those that it makes how many
# are left out at first, until it is on its own, and how many count.
_OUTPUTS, _GIVEN, _SETTLING, _COUNTED = 96, 32, 64, 64
_ROUNDS = 4  # of correcting
_GAIN = 0.5  # log-odds added for each e-fold of keys that lacks; a part of what lacks comes back by itself later on
_LEAST = 0.05  # keys at once, of silence


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


def calibrated(weights: Weights, config: PianoConfig, examples: Sequence[Example], seed: int) -> tuple[Weights, str]:
    """See Family, where the hyperparameters ask for it: as many keys sound at once as in the music.

    Given true frames the model is hardly wrong. Given its own it is wrong by as little again and again, as a frame with
    too few keys is followed by one with fewer.
    """
    if not config.hparams.match_density or not examples:
        return weights, ''
    articulation = config.extraction.articulation
    chosen = [examples[k] for k in np.linspace(0, len(examples) - 1, _OUTPUTS).astype(int)]
    music = [frame_tools.of_example(example, articulation)[0] for example in chosen]
    wanted = float(np.concatenate(music)[:, : frame_tools.KEYS].sum(axis=1).mean())
    given = [frames[:_GIVEN] for frames in music]
    length = _GIVEN + _SETTLING + _COUNTED
    name, found, added = 'nade/key_bias', [], 0.0
    bias = np.asarray(weights[name])
    for number in range(_ROUNDS + 1):
        corrected = {**weights, name: bias + np.where(np.arange(len(bias)) < frame_tools.KEYS, np.float32(added), 0)}
        nade = Nade(corrected, config.hparams.lags)
        made = nade_sampling.sample(nade, given, length, 1.0, 0, seed)[:, -_COUNTED:, : frame_tools.KEYS]
        found.append(float(made.sum(axis=2).mean()))
        if number == _ROUNDS or not wanted:
            break
        added += _GAIN * float(np.log(wanted / max(found[-1], _LEAST)))
    return corrected, (
        f'Its own music had {found[0]:.2f} keys at once where the music has {wanted:.2f}: with {added:+.3f} on the '
        f'log-odds of each key it has {found[-1]:.2f}.'
    )


def score(weights: Weights, config: PianoConfig, example: Example) -> float:
    """Natural log of the probability of the frames of a stored example that are predicted."""
    frames, context = frame_tools.of_example(example, config.extraction.articulation)
    nade = Nade(weights, config.hparams.lags)
    return float(nade.log_likelihoods(frames, bool(frame_tools.begins(example)))[context:].sum())
