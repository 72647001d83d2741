"""Sampling from the event network, and scoring with it: many tracks at a time, a step at a time."""

import contextlib
from collections.abc import Sequence

import numpy as np
import threadpoolctl

from solferino.models.core.family import GenerateOptions
from solferino.models.core.forward import Forward, log_softmax
from solferino.models.music.encodings import Encoding, Inputs

# Products of fewer rows are done before other threads have woken up.
_ROWS_FOR_THREADS = 128


def threads(rows: int) -> contextlib.AbstractContextManager[object]:
    """Within this, NumPy multiplies in as many threads as pay for batches of `rows` tracks.

    On a machine that does other work, threads that wait for one another made ten tracks take 7 s instead of 0.2 s.
    """
    return contextlib.nullcontext() if rows >= _ROWS_FOR_THREADS else threadpoolctl.threadpool_limits(1, 'blas')


def sample(
    forward: Forward,
    encoding: Encoding,
    primers: np.ndarray,
    length: int,
    options: GenerateOptions,
    streams: Sequence[int],
) -> np.ndarray:
    """Continues event classes `primers` [tracks, steps] to `length` steps; returns [tracks, length].

    With a beam, each track is `beam_size` hypotheses; every `steps_per_iteration` steps each of them branches
    `branch_factor` ways, and the likeliest are kept; the first iteration is the shorter one if the steps do not divide.
    A track draws its random numbers from the seed and its own number in `streams` alone, so that it does not depend on
    how many are sampled beside it.
    """
    tracks, start = primers.shape
    steps = length - start
    width = options.beam_size * options.branch_factor
    draws = np.stack([np.random.default_rng([options.seed, k]).random((steps, width)) for k in streams])

    inputs, seen = encoding.advance(encoding.start(tracks), primers)
    logits, state = forward.run(inputs, forward.initial_state(tracks))
    next_logits = logits[:, -1]
    events = np.zeros((tracks, length), np.int32)
    events[:, :start] = primers
    score = np.zeros(tracks)  # log-likelihood of what was sampled

    def take(rows: np.ndarray) -> None:
        nonlocal events, score, seen, state, next_logits
        events, score, next_logits = events[rows], score[rows], next_logits[rows]
        seen, state = seen.take(rows), state.take(rows)

    if width > 1:
        take(np.repeat(np.arange(tracks), width))
    for t in range(start, length):
        labels, logprobs = _draw(next_logits, draws[:, t - start].reshape(-1), options)
        events[:, t] = encoding.events_of_labels(seen, labels)
        score += logprobs
        if t + 1 == length:
            break
        ends_iteration = (length - t - 1) % options.steps_per_iteration == 0
        if width > 1 and ends_iteration:
            take(np.repeat(_best(score, tracks, options.beam_size), options.branch_factor))
        inputs, seen = encoding.advance(seen, events[:, t : t + 1])
        next_logits, state = forward.step(Inputs(inputs.ones[:, 0], inputs.dense[:, 0]), state)
    return events[_best(score, tracks, 1)] if width > 1 else events


def log_likelihood(forward: Forward, encoding: Encoding, events: np.ndarray) -> float:
    """Natural log of the probability of the classes `events` [steps] after the first, given the first."""
    batch = events[None]
    logits, _ = forward.run(encoding.inputs(batch[:, :-1]), forward.initial_state(1))
    labels = encoding.labels(batch)[0]
    return float(log_softmax(logits[0].astype(np.float64))[np.arange(len(labels)), labels].sum())


def _best(score: np.ndarray, tracks: int, keep: int) -> np.ndarray:
    """The rows of the `keep` likeliest hypotheses of each track, likeliest first; the earlier one of equals."""
    per_track = score.reshape(tracks, -1)
    order = np.argsort(-per_track, axis=1, kind='stable')[:, :keep]
    return (order + np.arange(tracks)[:, None] * per_track.shape[1]).reshape(-1)


def _draw(logits: np.ndarray, uniform: np.ndarray, options: GenerateOptions) -> tuple[np.ndarray, np.ndarray]:
    """Draws a label [rows] from each of `logits` [rows, classes]; returns its log-probability beside it."""
    scaled = logits.astype(np.float64) / options.temperature
    if 0 < options.top_k < logits.shape[1]:
        kth = np.partition(scaled, -options.top_k, axis=1)[:, -options.top_k, None]
        scaled = np.where(scaled >= kth, scaled, -np.inf)
    logprobs = log_softmax(scaled)
    cumulative = np.exp(logprobs).cumsum(axis=1)
    # Rounding may leave the last sum below 1: scale the draw by it, so that a class of probability 0 is never drawn.
    labels = (cumulative <= (uniform * cumulative[:, -1])[:, None]).sum(axis=1).astype(np.int32)
    return labels, logprobs[np.arange(len(labels)), labels]
