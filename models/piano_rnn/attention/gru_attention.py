"""The network of config gru_attention: the next frame as a token of the vocabulary, from a window of those before."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from solferino.hparams.cores import num_cores
from solferino.hparams.piano_rnn import PianoConfig, PianoGeneration
from solferino.models.core.cpu import gru
from solferino.models.core.cpu.row_matmul import arrange
from solferino.models.core.cpu.thread_pool import one_thread
from solferino.models.core.events import event_sampling
from solferino.models.core.events.event_forward import log_softmax
from solferino.models.core.family import Events, Example, Feature, Weights
from solferino.models.piano_rnn import frames as frame_tools
from solferino.models.piano_rnn.attention import lookup
from solferino.models.piano_rnn.attention.attention_forward import Forward

_SCORED_AT_ONCE = 48  # windows


def features(config: PianoConfig) -> Mapping[str, Feature]:
    """See Family: the batch of `AttentionModel`."""
    return {'tokens': Feature((None,), 'int32'), 'unknown': Feature((None,), 'uint8')}


def encode(example: Example, config: PianoConfig) -> Example:
    """See Family: indices in the vocabulary, after a window before the first to predict, padded with silence."""
    frames, context = frame_tools.of_example(example, config.extraction.articulation)
    window = config.extraction.window
    if context > window:
        raise ValueError(f'its first {context} frames are only seen, in windows of {window}')
    known = lookup.of(config)
    indices, unknown = known.indices(frames)
    silence = window - context
    return {
        'tokens': np.concatenate([np.full(silence, known.empty, np.int32), indices]),
        'unknown': np.concatenate([np.zeros(silence, np.uint8), unknown.astype(np.uint8)]),
    }


def events(example: Example, config: PianoConfig) -> Events:
    """See Family: the indices in the vocabulary, from the frame before the first to predict."""
    indices = encode(example, config)['tokens'][config.extraction.window - 1 :]
    return Events(indices, len(lookup.of(config)))


def weight_shapes(config: PianoConfig) -> Mapping[str, tuple[int, ...]]:
    """See Family: those that `attention_forward.py` lists."""
    sizes, tokens = config.hparams, len(config.learned.tokens)
    inputs, attention = sizes.embedding_size, sizes.attention_size
    width = frame_tools.width(config.extraction.articulation)
    shapes = gru.weight_shapes(sizes.rnn_layer_sizes, inputs)
    shapes |= {'embedding/kernel': (tokens, inputs), 'embedding/key_kernel': (width, inputs)}
    for i, units in enumerate(sizes.rnn_layer_sizes[:-1]):
        shapes |= {f'attention_{i}/{name}_kernel': (units, attention) for name in ('query', 'key')}
        shapes |= {f'attention_{i}/{name}': (attention,) for name in ('bias', 'score')}
    last = sizes.rnn_layer_sizes[-1]
    shapes |= {'logits/kernel': (last, tokens), 'logits/bias': (tokens,)}
    return shapes | {'logits/key_kernel': (last, width), 'logits/key_bias': (width,)}


def model(config: PianoConfig, seed: int) -> Any:
    """See Family."""
    from solferino.models.piano_rnn.attention.attention_model import AttentionModel  # imports TensorFlow

    return AttentionModel(config.hparams, lookup.of(config).frames, config.extraction.window, seed)


def sample(
    weights: Weights, config: PianoConfig, primers: Sequence[np.ndarray], length: int, options: PianoGeneration
) -> np.ndarray:
    """Continues primers, bool [steps, columns], to `length` frames; returns bool [primers, length, columns].

    The network sees the primer's frames as tokens of the vocabulary; the returned frames of the primer are as given.
    The random numbers of output k depend on the seed and on k alone, not on how many outputs are sampled beside it.
    """
    known, window = lookup.of(config), config.extraction.window
    tokens = np.full((len(primers), window + length), known.empty, np.int32)
    starts = np.array([len(primer) for primer in primers])
    draws = np.zeros((len(primers), length))
    for k, primer in enumerate(primers):
        tokens[k, window : window + len(primer)] = known.indices(primer)[0]
        draws[k, len(primer) :] = np.random.default_rng([options.seed, k]).random(length - len(primer))
    with one_thread():
        forward = Forward(weights, known.frames)

    def fill(rows: np.ndarray) -> np.ndarray:
        return _fill(forward, tokens[rows], draws[rows], starts[rows], window, options)

    groups, where = arrange(np.arange(len(primers)))
    sampled = event_sampling.on_cores(fill, list(groups), num_cores())[where]
    frames = known.frames[sampled[:, window:]]
    for k, primer in enumerate(primers):
        frames[k, : len(primer)] = primer
    return frames


def export(weights: Weights, config: PianoConfig, folder: pathlib.Path) -> None:
    """Writes a SavedModel."""
    from solferino.models.piano_rnn.attention import attention_export  # imports TensorFlow

    attention_export.write(weights, config, folder)


def log_likelihood(weights: Weights, config: PianoConfig, frames: np.ndarray) -> float:
    """Natural log of the probability of the frames after the first, as tokens of the vocabulary.

    Args:
      frames: bool [steps, columns].
    """
    known, window = lookup.of(config), config.extraction.window
    indices, _ = known.indices(frames)
    return _score(weights, config, np.concatenate([np.full(window - 1, known.empty, np.int32), indices]))


def score(weights: Weights, config: PianoConfig, example: Example) -> float:
    """Natural log of the probability of the frames of a stored example that are predicted."""
    return _score(weights, config, encode(example, config)['tokens'])


def _score(weights: Weights, config: PianoConfig, tokens: np.ndarray) -> float:
    """Of the tokens after the first window."""
    window = config.extraction.window
    windows = np.lib.stride_tricks.sliding_window_view(tokens, window)[:-1]
    labels, total = tokens[window:], 0.0
    with one_thread():
        forward = Forward(weights, lookup.of(config).frames)
        for start in range(0, len(labels), _SCORED_AT_ONCE):
            part = slice(start, start + _SCORED_AT_ONCE)
            scores = log_softmax(forward.logits(windows[part]).astype(np.float64))
            total += float(scores[np.arange(len(scores)), labels[part]].sum())
    return total


def plot(name: str, weights: Weights, config: PianoConfig, frames: np.ndarray) -> Mapping[str, Any]:
    """See Family: the weights of each self-attention over the last window of bool [steps, columns]."""
    from solferino.models.piano_rnn.attention import attention_plot  # imports matplotlib

    known, window = lookup.of(config), config.extraction.window
    shown = known.indices(frames[-window:])[0]
    padded = np.concatenate([np.full(window - len(shown), known.empty, np.int32), shown])
    layers = Forward(weights, known.frames).attention(padded[None])
    return {
        f'attention_{number}': attention_plot.draw(maps[0], known.frames[padded], number, len(layers))
        for number, maps in enumerate(layers, start=1)
    }


def _fill(
    forward: Forward, tokens: np.ndarray, draws: np.ndarray, starts: np.ndarray, window: int, options: PianoGeneration
) -> np.ndarray:
    """Samples the rest of `tokens` [rows, window + length]; row k is given up to its frame `starts[k]`."""
    for t in range(starts.min(), draws.shape[1]):
        logits = forward.logits(tokens[:, t : t + window])
        labels, _ = event_sampling.draw(logits, draws[:, t], options.temperature, options.top_k)
        tokens[:, window + t] = np.where(t >= starts, labels, tokens[:, window + t])
    return tokens
