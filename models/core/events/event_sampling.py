"""Sampling from the event network, and scoring with it: many tracks at a time, step by step."""

import math
from collections.abc import Callable, Sequence
from concurrent import futures
from typing import Any

import numpy as np

from solferino.hparams.cores import num_cores
from solferino.hparams.networks.event_rnn import EventGeneration
from solferino.models.core.cpu.row_matmul import ROWS_AT_ONCE, arrange
from solferino.models.core.cpu.thread_pool import one_thread
from solferino.models.core.events.event_forward import Forward, State, log_softmax
from solferino.models.music.encodings.event_encodings import Encoding, Inputs

# The most rows of a batch whose memory (drum_kit: 64 KiB a row) fits the caches of a core from the first step to the
# last; and the fewest rows that are worth a second core, which reads all weights again.
_MOST_ROWS = 132
_FEWEST_ROWS = 36
_SCORED_AT_ONCE = 4 * ROWS_AT_ONCE  # tracks
_TEMPERATURES = (1e-30, 1e30)  # beyond them float32 overflows; the lowest is argmax, the highest uniform


def sample(
    forward: Forward,
    encoding: Encoding,
    primers: np.ndarray,
    length: int,
    options: EventGeneration,
    streams: Sequence[int],
    threads: int | None = None,
) -> np.ndarray:
    """Continues event classes `primers` [tracks, steps] to `length` steps; returns [tracks, length].

    Beam search: each track has `beam_size` hypotheses. Every `steps_per_iteration` steps each of them branches
    `branch_factor` ways, and the likeliest are kept; if the steps do not divide, the first iteration is shorter.
    The random numbers of a track depend on the seed and its number in `streams` alone: not on how many tracks are
    sampled beside it, and not on `threads`, which are as many as cores if None.
    """
    threads = threads or num_cores()
    at_once = ROWS_AT_ONCE // math.gcd(ROWS_AT_ONCE, options.beam_size)  # tracks
    groups, where = arrange(streams, at_once)
    slices = np.array_split(groups, _num_slices(len(groups), at_once * _width(options), threads))

    def sample_slice(groups: np.ndarray) -> np.ndarray:
        return _sample(forward, encoding, primers[groups], length, options, [streams[k] for k in groups.reshape(-1)])

    return on_cores(sample_slice, slices, threads)[where]


def log_likelihood(forward: Forward, encoding: Encoding, events: np.ndarray) -> float:
    """Natural log of the probability of the classes `events` [steps] after the first, given the first."""
    batch = events[None]
    with one_thread():
        logits, _ = forward.run(encoding.inputs(batch[:, :-1]), forward.initial_state(1))
    labels = encoding.labels(batch)[0]
    return float(log_softmax(logits[0].astype(np.float64))[np.arange(len(labels)), labels].sum())


def scores(forward: Forward, tracks: Sequence[tuple[Inputs, np.ndarray]]) -> np.ndarray:
    """Natural log of the probability of the labels [steps] of each track, given its inputs [1, steps, ...].

    Tracks of about one length are scored together, padded at their ends, which changes nothing before them.
    """
    if not tracks:
        return np.zeros(0)
    lengths = np.array([len(labels) for _, labels in tracks])
    order = np.argsort(-lengths, kind='stable')
    parts = [order[start : start + _SCORED_AT_ONCE] for start in range(0, len(order), _SCORED_AT_ONCE)]

    def score(part: np.ndarray) -> np.ndarray:
        steps = int(lengths[part[0]])
        ones, dense = (
            np.stack([np.pad(getattr(tracks[k][0], name)[0], [(0, steps - lengths[k]), (0, 0)]) for k in part])
            for name in ('ones', 'dense')
        )
        totals, state = np.zeros(len(part)), forward.initial_state(len(part))
        for step in range(steps):
            output, state = forward.advance(Inputs(ones[:, step], dense[:, step]), state)
            here = int((lengths[part] > step).sum())  # the longest come first
            logits = log_softmax(forward.logits(output)[:here].astype(np.float64))
            totals[:here] += logits[np.arange(here), [tracks[k][1][step] for k in part[:here]]]
        return totals

    found = np.zeros(len(tracks))
    found[order] = on_cores(score, parts, num_cores())
    return found


def on_cores(run: Callable[[np.ndarray], np.ndarray], parts: Sequence[np.ndarray], threads: int) -> np.ndarray:
    """Concatenates the results of `run` for each part, from a thread pool with BLAS threads off."""
    with one_thread():
        if len(parts) == 1:
            return run(parts[0])
        pool = futures.ThreadPoolExecutor(threads)
        try:
            return np.concatenate(list(pool.map(run, parts)))
        finally:
            pool.shutdown(cancel_futures=True)  # after an error or Ctrl-C, no more parts are begun


def _width(options: EventGeneration) -> int:
    """Hypotheses of a track."""
    return options.beam_size * options.branch_factor


def _num_slices(groups: int, rows: int, threads: int) -> int:
    """The number of parts for groups of so many rows: equally many for each thread, and large enough."""
    rounds = -(-groups * rows // (threads * _MOST_ROWS))
    slices = threads * rounds if rounds > 1 else min(threads, groups * rows // _FEWEST_ROWS)
    return max(1, min(slices, groups))


def _sample(
    forward: Forward,
    encoding: Encoding,
    primers: np.ndarray,
    length: int,
    options: EventGeneration,
    streams: Sequence[int],
) -> np.ndarray:
    """See `sample`; `primers` are [groups, tracks, steps], as `arrange` has put the tracks into groups."""
    groups, at_once, start = primers.shape
    tracks = groups * at_once
    width = _width(options)
    draws = np.stack([np.random.default_rng([options.seed, k]).random((length - start, width)) for k in streams])
    events = np.zeros((tracks, length), np.int32)
    events[:, :start] = primers.reshape(tracks, start)
    score = np.zeros(tracks)  # log-likelihood of what was sampled

    # The network reads each different primer only once, at every position of a block of rows.
    primers, same = np.unique(primers, axis=0, return_inverse=True)
    begun = np.arange(len(primers) * ROWS_AT_ONCE).reshape(-1, ROWS_AT_ONCE)
    primers = np.concatenate([primers] * (ROWS_AT_ONCE // at_once), axis=1).reshape(-1, start)
    seen, state = encoding.start(len(primers)), forward.initial_state(len(primers))
    for t in range(start):
        output, seen, state = _advance(forward, encoding, primers[:, t], seen, state)
    track_primers = begun[same.reshape(-1), :at_once].reshape(-1)

    def take(rows: np.ndarray) -> None:
        nonlocal events, score, seen, state, output
        events, score = events[rows], score[rows]
        seen, state, output = seen.take(rows), state.take(rows), output[rows]

    seen, state, output = seen.take(track_primers), state.take(track_primers), output[track_primers]
    if width > 1:
        take(np.repeat(np.arange(tracks), width))
    for t in range(start, length):
        uniform = draws[:, t - start].reshape(-1)
        labels, logprobs = draw(forward.logits(output), uniform, options.temperature, options.top_k)
        events[:, t] = encoding.events_of_labels(seen, labels)
        score += logprobs
        if t + 1 == length:
            break
        ends_iteration = width > 1 and (length - t - 1) % options.steps_per_iteration == 0
        if ends_iteration:
            take(_best(score, tracks, options.beam_size))
        output, seen, state = _advance(forward, encoding, events[:, t], seen, state)
        if ends_iteration and options.branch_factor > 1:
            take(np.repeat(np.arange(len(events)), options.branch_factor))
    return events[_best(score, tracks, 1)] if width > 1 else events


def _advance(forward: Forward, encoding: Encoding, events: np.ndarray, seen: Any, state: State) -> tuple[Any, ...]:
    """Takes event classes [rows]; returns the network's output and the states of the encoding and the network."""
    inputs, seen = encoding.advance(seen, events[:, None])
    output, state = forward.advance(Inputs(inputs.ones[:, 0], inputs.dense[:, 0]), state)
    return output, seen, state


def _best(score: np.ndarray, tracks: int, keep: int) -> np.ndarray:
    """The rows of the `keep` likeliest hypotheses of each track, likeliest first; the earlier one of equals."""
    per_track = score.reshape(tracks, -1)
    order = np.argsort(-per_track, axis=1, kind='stable')[:, :keep]
    return (order + np.arange(tracks)[:, None] * per_track.shape[1]).reshape(-1)


def draw(logits: np.ndarray, uniform: np.ndarray, temperature: float, top_k: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws a label [rows] from each of `logits` [rows, classes]; returns its log-probability beside it.

    Args:
      uniform: [rows], random numbers from 0 to 1.
      temperature, top_k: see GenerateOptions.
    """
    scaled = logits - logits.max(axis=1, keepdims=True)
    scaled /= np.float32(np.clip(temperature, *_TEMPERATURES))
    if 0 < top_k < logits.shape[1]:
        kth = np.partition(scaled, -top_k, axis=1)[:, -top_k, None]
        scaled[scaled < kth] = -np.inf
    rows = np.arange(len(scaled))
    cumulative = np.exp(scaled).cumsum(axis=1, dtype=np.float64)
    total = cumulative[:, -1]
    # A class of probability 0 does not raise the cumulative sum, so that it is never drawn.
    labels = (cumulative > (uniform * total)[:, None]).argmax(axis=1).astype(np.int32)
    return labels, scaled[rows, labels] - np.log(total)
