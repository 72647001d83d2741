"""The network that all keys share, in NumPy: forward and backward pass, for TensorFlow, and for generation.

It sees a frame relative to each key, so that what it learns of a chord or a voice holds in all transpositions
(like the tied parallel networks of Johnson 2017, doi:10.1007/978-3-319-55750-2_9):

    z_k = key_k + given[b] + rank[b, m] + run[r_k] + sum over past classes c of tonal[c - k] profile[c]
          + sum over lags l and keys j that sounded l frames before of lagged[l, k - j]
          + sum over lower keys j that sound in this frame of lower[k - j]
    logit_k = relu(relu(z_k) . matrix + bias) . output

where b keys below k sound in this frame, m keys up to k did in the last, r_k says for how long key k has been sounding
or silent, and `given` comes from the rest of the model.

Frames have K columns or, where they tell which keys are struck again, a second plane of K. Then each such key adds a
second row of `lagged` and `lower`, r_k counts from when key k was struck, and `output` has a second half: for the logit
that key k, if it sounds on, is struck again.

Each thread takes some pieces, in blocks of a few frames that stay in the cache of its core.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from solferino.models.core.cpu.thread_pool import in_slices
from solferino.models.piano_rnn.nade import key_kernels

_FRAMES_AT_ONCE = 8
_DECAYS = np.array(key_kernels.DECAYS, np.float32)
_TABLES = (_DECAYS, key_kernels.DURATIONS)
_FILLED = 5  # of Observed, by the kernel
RUNS = 2 * (len(key_kernels.DURATIONS) + 1)


class Observed(NamedTuple):
    """What the network needs of frames [B, T, W]; see `key_kernels.observe`.

    notes, again and counts are of each frame as it is predicted; the rest is of the frames before as they are seen,
    which in training may be others.
    """

    notes: np.ndarray
    again: np.ndarray
    counts: np.ndarray
    runs: np.ndarray
    profile: np.ndarray
    past_notes: np.ndarray
    past_again: np.ndarray
    past_counts: np.ndarray

    def take(self, rows: np.ndarray) -> 'Observed':
        """Some pieces, of which the frames before are seen as they are."""
        parts = [part[rows] for part in self[:_FILLED]]
        return Observed(*parts, *parts[:3])

    def of_piece(self, b: int) -> tuple[Any, ...]:
        """The arguments of the kernels."""
        *parts, notes, again, counts = (part[b] for part in self)
        return *parts, (notes, again, counts)


class Past(NamedTuple):
    """The state of observing a piece frame by frame; see `key_kernels.observe`."""

    lasted: np.ndarray
    sounding: np.ndarray
    averages: np.ndarray


class KeyParameters(NamedTuple):
    """The weights; see the module's docstring for the equations and `shapes` for the shapes."""

    key: np.ndarray
    rank: np.ndarray
    run: np.ndarray
    tonal: np.ndarray
    lagged: np.ndarray
    lower: np.ndarray
    matrix: np.ndarray
    bias: np.ndarray
    output: np.ndarray


class Extent(NamedTuple):
    """Which frames of each piece are predicted: from `first` to `length`, both [B]."""

    first: np.ndarray
    length: np.ndarray


def shapes(keys: int, channels: int, lags: int, span: int, planes: int = 1) -> dict[str, tuple[int, ...]]:
    """The shapes of the parameters by name, for frames of so many planes."""
    q, c = key_kernels.RANKS, channels
    return {
        'key': (keys, c),
        'rank': (q, q, c),
        'run': (RUNS, c),
        'tonal': (len(_DECAYS), 12, c),
        'lagged': (planes * lags, 2 * span + 1, c),
        'lower': (planes * keys, c),  # row 0 of a plane is for the next key
        'matrix': (c, c),
        'bias': (c,),
        'output': (planes * c,),
    }


def observe(frames: np.ndarray, keys: int, seen: np.ndarray | None = None) -> Observed:
    """Observes whole pieces, frames bool or uint8 [B, T, W] of so many keys.

    Args:
      frames: as they are predicted.
      keys: K.
      seen: as they are seen from later frames, if they are seen otherwise.
    """
    observed = _observe(frames, keys)
    if seen is None:
        return observed
    past = _observe(seen, keys)
    return past._replace(notes=observed.notes, again=observed.again, counts=observed.counts)


def _observe(frames: np.ndarray, keys: int) -> Observed:
    batch, steps, _ = frames.shape
    observed = unobserved(batch, steps, keys, int(np.count_nonzero(frames[..., :keys], axis=2).max(initial=0)))
    for b, past in enumerate(pasts(batch, keys)):
        key_kernels.observe(frames[b], *_TABLES, *past, *(part[b] for part in observed[:_FILLED]))
    return observed


def observe_next(frames: np.ndarray, past: list[Past], observed: Observed) -> None:
    """Observes the next frame of each piece, bool or uint8 [B, W]; fills the last step of `observed`."""
    for b in range(len(frames)):
        key_kernels.observe(frames[b, None], *_TABLES, *past[b], *(part[b, -1:] for part in observed[:_FILLED]))


def pasts(batch: int, keys: int) -> list[Past]:
    """The state before a piece begins, for each piece."""
    shape = (len(_DECAYS), 12)
    return [Past(np.zeros(keys, np.int32), np.zeros(keys, bool), np.zeros(shape, np.float32)) for _ in range(batch)]


def unobserved(batch: int, steps: int, keys: int, most: int) -> Observed:
    """Empty arrays for frames in which at most `most` keys sound."""
    notes = np.full((batch, steps, most), -1, np.int16)
    again = np.zeros((batch, steps, most), np.uint8)
    counts = np.zeros((batch, steps), np.int32)
    runs = np.zeros((batch, steps, keys), np.uint8)
    profile = np.zeros((batch, steps, len(_DECAYS), 12), np.float32)
    return Observed(notes, again, counts, runs, profile, notes, again, counts)


def logits(
    o: Observed, extent: Extent, given: np.ndarray, keeps: np.ndarray, p: KeyParameters, lags: np.ndarray
) -> np.ndarray:
    """Returns [B, T, W], 0 for frames that are not predicted.

    Args:
      given: [B, T, S + 1, C]; by the number of sounding keys below.
      keeps: [2, B, T, C]; the dropout masks of the channels after each layer.
      lags: int32.
    """
    batch, steps, keys = o.runs.shape
    result = np.zeros((batch, steps, keys * _planes(p)), np.float32)

    def run(rows: slice) -> None:
        z, y = _work(keys, p)
        for b, t, n in _blocks(extent, rows):
            key_kernels.first_layer(t, *o.of_piece(b), given[b], keeps[0, b], *p[:6], lags, z[:n])
            _multiply(z[:n], p.matrix, y[:n])
            key_kernels.last_layer(t, y[:n], p.bias, keeps[1, b], p.output, result[b])

    in_slices(batch, run)
    return result


def gradient(
    d_logits: np.ndarray,
    o: Observed,
    extent: Extent,
    given: np.ndarray,
    keeps: np.ndarray,
    p: KeyParameters,
    lags: np.ndarray,
) -> tuple[np.ndarray, KeyParameters]:
    """The gradients of `given` and of the parameters in `logits`, whose inner values are computed again."""
    batch, _, keys = o.runs.shape
    d_given = np.zeros_like(given)
    d_parts: list[tuple[int, KeyParameters]] = []

    def run(rows: slice) -> None:
        z, y = _work(keys, p)
        unused = np.empty(d_logits.shape[1:], np.float32)
        d = KeyParameters(*(np.zeros_like(part) for part in p))
        transposed, d_matrix = np.ascontiguousarray(p.matrix.T), np.empty_like(p.matrix)
        for b, t, n in _blocks(extent, rows):
            key_kernels.first_layer(t, *o.of_piece(b), given[b], keeps[0, b], *p[:6], lags, z[:n])
            _multiply(z[:n], p.matrix, y[:n])
            key_kernels.last_layer(t, y[:n], p.bias, keeps[1, b], p.output, unused)
            key_kernels.last_layer_gradient(t, y[:n], keeps[1, b], p.output, d_logits[b], d.bias, d.output)
            channels = len(p.matrix)
            np.matmul(z[:n].reshape(-1, channels).T, y[:n].reshape(-1, channels), out=d_matrix)
            np.add(d.matrix, d_matrix, out=d.matrix)
            d_z = np.empty_like(z[:n])
            _multiply(y[:n], transposed, d_z)
            key_kernels.first_layer_gradient(t, *o.of_piece(b), keeps[0, b], lags, z[:n], d_z, d_given[b], *d[:6])
        d_parts.append((rows.start, d))

    in_slices(batch, run)
    ordered = [d for _, d in sorted(d_parts, key=lambda pair: pair[0])]  # floating-point sums depend on their order
    return d_given, KeyParameters(*(sum(parts[1:], parts[0]) for parts in zip(*ordered, strict=True)))


def _planes(p: KeyParameters) -> int:
    return len(p.output) // len(p.matrix)


def _work(keys: int, p: KeyParameters) -> tuple[np.ndarray, np.ndarray]:
    shape = (_FRAMES_AT_ONCE, keys, len(p.matrix))
    return np.empty(shape, np.float32), np.empty(shape, np.float32)


def _blocks(extent: Extent, rows: slice) -> Iterator[tuple[int, int, int]]:
    """Yields piece, first frame and number of frames of each block."""
    for b in range(rows.start, rows.stop):
        for t in range(int(extent.first[b]), int(extent.length[b]), _FRAMES_AT_ONCE):
            yield b, t, min(_FRAMES_AT_ONCE, int(extent.length[b]) - t)


def _multiply(x: np.ndarray, matrix: np.ndarray, result: np.ndarray) -> None:
    channels = len(matrix)
    np.matmul(x.reshape(-1, channels), matrix, out=result.reshape(-1, channels))
