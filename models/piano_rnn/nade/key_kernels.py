"""Fused kernels of the keys' network: all parts that are no matmuls, a few frames at a time; compiled by Numba.

`key_network.py` has the equations, and calls the kernels. Frames are sparse: some four of 88 keys sound. So the first
layer adds up rows of the weights for the keys that sound; a matmul would mostly multiply with zeros.

Shapes: n frames of one piece, K keys, W = K or, where frames tell which keys are struck again, 2 K; C channels, S the
most keys that sound in a frame, Q and U the sizes of the tables of ranks and of durations. Arrays are contiguous along
their last axis.
"""

from typing import Any

import numpy as np

from solferino.models.core.cpu.layer_kernels import compile_kernel

_F = np.float32
DECAYS = (0.75, 0.94, 0.985)  # per frame, of the moving averages of pitch classes
LEAST_SHARE = _F(1e-4)  # of a pitch class in a profile: less is skipped
RANKS = 10  # keys beyond count as the last
# How many frames a key's state has lasted, in buckets that end at these numbers.
DURATIONS = np.array([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 20, 24, 32, 48, 64, 96, 128], np.int32)


@compile_kernel
def observe(
    frames: Any, decays: Any, durations: Any, lasted: Any, sounding: Any, averages: Any,
    notes: Any, again: Any, counts: Any, runs: Any, profile: Any,
) -> None:  # fmt: skip
    """Computes what the other kernels need of some frames of a piece.

    Args:
      frames: bool or uint8 [T, W].
      decays, durations: DECAYS and DURATIONS.
      lasted: int32 [K]; for how many frames each key has been sounding since it was struck, or silent. Updated, as are
        sounding and averages.
      sounding: bool [K]; which keys sound in the frame before.
      averages: [len(decays), 12]; the moving average of how many keys of each pitch class (key modulo 12) sound.
      notes: int16 [T, S]; filled with the keys that sound, ascending, padded with -1.
      again: uint8 [T, S]; filled with 1 for those of them that are struck again.
      counts: int32 [T]; filled with their number.
      runs: uint8 [T, K]; filled with the index in the table of durations of each key's state before the frame: how long
        it has been silent; or, after all of these, how long it has sounded.
      profile: [T, len(decays), 12]; filled with `averages` before the frame.
    """
    steps, keys = len(frames), len(lasted)
    for t in range(steps):
        profile[t] = averages
        for r in range(len(decays)):
            averages[r] *= decays[r]
        number = 0
        for k in range(keys):
            index = np.searchsorted(durations, lasted[k])
            runs[t, k] = index + (len(durations) + 1 if sounding[k] else 0)
            now = frames[t, k] != 0
            anew = now and frames.shape[1] > keys and frames[t, keys + k] != 0
            if now:
                notes[t, number] = k
                again[t, number] = anew
                number += 1
                for r in range(len(decays)):
                    averages[r, k % 12] += _F(1) - decays[r]
            lasted[k] = 1 if anew or now != sounding[k] else lasted[k] + 1
            sounding[k] = now
        counts[t] = number
        notes[t, number:] = -1
        again[t, number:] = 0


@compile_kernel
def first_layer(
    first: int, notes: Any, again: Any, counts: Any, runs: Any, profile: Any, past: Any, given: Any, keep: Any,
    key: Any, rank: Any, run: Any, tonal: Any, lagged: Any, lower: Any, lags: Any, z: Any,
) -> None:  # fmt: skip
    """Fills z [n, K, C] with the first layer's activations of the n frames from `first` on: ReLU, dropout.

    Args:
      notes, again, counts: of the whole piece, see `observe`.
      runs, profile, past: of the piece as it is seen from later frames; past is its notes, again and counts.
      given: [T, S + 1, C]; added to a key, by the number of sounding keys below it.
      keep: [T, C]; the dropout mask.
      key: [K, C]; rank: [Q, Q, C]; run: [U, C]; tonal: [R, 12, C].
      lagged: [lags, 2 span + 1, C]; lower: [K, C]. Where W is 2 K, as many rows more, for keys that are struck again.
      lags: int32.
    """
    classes = np.empty((12, z.shape[2]), np.float32)
    for i in range(len(z)):
        t = first + i
        _add_tonal(profile[t], tonal, classes)
        _add_own(t, notes, counts, runs[t], past, given[t], key, rank, run, classes, z[i])
        _add_past(t, past, lagged, lags, z[i])
        _add_lower(notes[t, : counts[t]], again[t], lower, z[i])
        _relu_dropout(keep[t], z[i])


@compile_kernel
def _add_tonal(profile: Any, tonal: Any, classes: Any) -> None:
    """Fills classes [12, C] with what the profile [R, 12] adds to the keys of each pitch class."""
    channels = classes.shape[1]
    classes[:] = _F(0)
    for r in range(len(tonal)):
        for c in range(12):
            share = profile[r, c]
            if share > LEAST_SHARE:
                for q in range(12):
                    row, total = tonal[r, (c - q) % 12], classes[q]
                    for j in range(channels):
                        total[j] += share * row[j]


@compile_kernel
def _add_own(
    t: int, notes: Any, counts: Any, runs: Any, past: Any, given: Any, key: Any, rank: Any, run: Any, classes: Any,
    z: Any,
) -> None:  # fmt: skip
    """Fills z [K, C] with the terms that depend on the key itself and on how many keys sound below it."""
    keys, channels = z.shape
    seen_notes, _, seen_counts = past
    below, before = 0, 0
    for k in range(keys):
        while t > 0 and before < seen_counts[t - 1] and seen_notes[t - 1, before] <= k:
            before += 1
        a, b, c, d, e = (
            key[k],
            given[below],
            rank[min(below, RANKS - 1), min(before, RANKS - 1)],
            run[runs[k]],
            classes[k % 12],
        )
        total = z[k]
        for j in range(channels):
            total[j] = a[j] + b[j] + c[j] + d[j] + e[j]
        if below < counts[t] and notes[t, below] == k:
            below += 1


@compile_kernel
def _add_past(t: int, past: Any, lagged: Any, lags: Any, z: Any) -> None:
    """Adds to z [K, C] the terms of the keys around each key in the frames before."""
    keys, channels = z.shape
    notes, again, counts = past
    span, flat = lagged.shape[1] // 2, z.reshape(-1)
    for index in range(len(lags)):
        frame = t - lags[index]
        if frame >= 0:
            for s in range(counts[frame]):
                note = notes[frame, s]
                low, high = max(0, note - span), min(keys, note + span + 1)
                total = flat[low * channels : high * channels]
                for plane in range(1 + again[frame, s]):
                    row = lagged[plane * len(lags) + index].reshape(-1)[(low - note + span) * channels :]
                    for j in range(len(total)):
                        total[j] += row[j]


@compile_kernel
def _add_lower(notes: Any, again: Any, lower: Any, z: Any) -> None:
    """Adds to z [K, C] the terms of the keys below each key that sound in its frame."""
    keys, channels = z.shape
    flat = z.reshape(-1)
    for s in range(len(notes)):
        total = flat[(notes[s] + 1) * channels :]
        for plane in range(1 + again[s]):
            matrix = lower[plane * keys :].reshape(-1)
            for j in range(len(total)):
                total[j] += matrix[j]


@compile_kernel
def _relu_dropout(keep: Any, z: Any) -> None:
    keys, channels = z.shape
    for k in range(keys):
        total = z[k]
        for j in range(channels):
            total[j] = max(total[j], _F(0)) * keep[j]


@compile_kernel
def first_layer_gradient(
    first: int, notes: Any, again: Any, counts: Any, runs: Any, profile: Any, past: Any, keep: Any, lags: Any, z: Any,
    d_z: Any, d_given: Any, d_key: Any, d_rank: Any, d_run: Any, d_tonal: Any, d_lagged: Any, d_lower: Any,
) -> None:  # fmt: skip
    """The gradient of `first_layer` from d_z [n, K, C], which is overwritten; all others are added to."""
    d_classes = np.empty((12, z.shape[2]), np.float32)
    for i in range(len(z)):
        t = first + i
        _relu_dropout_gradient(keep[t], z[i], d_z[i])
        _add_own_gradient(t, notes, counts, runs[t], past, d_given[t], d_key, d_rank, d_run, d_classes, d_z[i])
        _tonal_gradient(profile[t], d_classes, d_tonal)
        _add_past_gradient(t, past, lags, d_z[i], d_lagged)
        _add_lower_gradient(notes[t, : counts[t]], again[t], d_z[i], d_lower)


@compile_kernel
def _relu_dropout_gradient(keep: Any, z: Any, d_z: Any) -> None:
    """Replaces d_z, the gradient of the output z of `_relu_dropout`, by the gradient of its input."""
    keys, channels = z.shape
    for k in range(keys):
        total, seen = d_z[k], z[k]
        for j in range(channels):
            total[j] = total[j] * keep[j] if seen[j] > _F(0) else _F(0)


@compile_kernel
def _add_own_gradient(
    t: int, notes: Any, counts: Any, runs: Any, past: Any, d_given: Any, d_key: Any, d_rank: Any, d_run: Any,
    d_classes: Any, d_z: Any,
) -> None:  # fmt: skip
    """The gradient of `_add_own`; fills d_classes, and adds to the others."""
    keys, channels = d_z.shape
    d_classes[:] = _F(0)
    seen_notes, _, seen_counts = past
    below, before = 0, 0
    for k in range(keys):
        while t > 0 and before < seen_counts[t - 1] and seen_notes[t - 1, before] <= k:
            before += 1
        a, b, c, d, e = (
            d_key[k],
            d_given[below],
            d_rank[min(below, RANKS - 1), min(before, RANKS - 1)],
            d_run[runs[k]],
            d_classes[k % 12],
        )
        total = d_z[k]
        for j in range(channels):
            value = total[j]
            a[j] += value
            b[j] += value
            c[j] += value
            d[j] += value
            e[j] += value
        if below < counts[t] and notes[t, below] == k:
            below += 1


@compile_kernel
def _tonal_gradient(profile: Any, d_classes: Any, d_tonal: Any) -> None:
    channels = d_classes.shape[1]
    for r in range(len(d_tonal)):
        for c in range(12):
            share = profile[r, c]
            if share > LEAST_SHARE:
                for q in range(12):
                    row, total = d_tonal[r, (c - q) % 12], d_classes[q]
                    for j in range(channels):
                        row[j] += share * total[j]


@compile_kernel
def _add_past_gradient(t: int, past: Any, lags: Any, d_z: Any, d_lagged: Any) -> None:
    keys, channels = d_z.shape
    notes, again, counts = past
    span, flat = d_lagged.shape[1] // 2, d_z.reshape(-1)
    for index in range(len(lags)):
        frame = t - lags[index]
        if frame >= 0:
            for s in range(counts[frame]):
                note = notes[frame, s]
                low, high = max(0, note - span), min(keys, note + span + 1)
                total = flat[low * channels : high * channels]
                for plane in range(1 + again[frame, s]):
                    row = d_lagged[plane * len(lags) + index].reshape(-1)[(low - note + span) * channels :]
                    for j in range(len(total)):
                        row[j] += total[j]


@compile_kernel
def _add_lower_gradient(notes: Any, again: Any, d_z: Any, d_lower: Any) -> None:
    keys, channels = d_z.shape
    flat = d_z.reshape(-1)
    for s in range(len(notes)):
        total = flat[(notes[s] + 1) * channels :]
        for plane in range(1 + again[s]):
            matrix = d_lower[plane * keys :].reshape(-1)
            for j in range(len(total)):
                matrix[j] += total[j]


@compile_kernel
def last_layer(first: int, y: Any, bias: Any, keep: Any, output: Any, logits: Any) -> None:
    """Fills logits [T, W] of the n frames from `first` on: (relu(y + bias) * keep) . output, for y [n, K, C].

    output is [C] or, where W is 2 K, [2 C]: of a key that sounds, and of one that is struck again. y is replaced by
    relu(y + bias) * keep.
    """
    rows, keys, channels = y.shape
    planes = len(output) // channels
    for i in range(rows):
        mask = keep[first + i]
        for k in range(keys):
            row = y[i, k]
            for j in range(channels):
                row[j] = max(row[j] + bias[j], _F(0)) * mask[j]
            for plane in range(planes):
                own, total = output[plane * channels :], _F(0)
                for j in range(channels):
                    total += row[j] * own[j]
                logits[first + i, plane * keys + k] = total


@compile_kernel
def last_layer_gradient(first: int, y: Any, keep: Any, output: Any, d_logits: Any, d_bias: Any, d_output: Any) -> None:
    """The gradient of `last_layer`: y, as it left it, is replaced by the gradient; d_bias and d_output are added to."""
    rows, keys, channels = y.shape
    planes = len(output) // channels
    for i in range(rows):
        mask = keep[first + i]
        for k in range(keys):
            row = y[i, k]
            for j in range(channels):
                seen, value = row[j], _F(0)
                for plane in range(planes):
                    d = d_logits[first + i, plane * keys + k]
                    d_output[plane * channels + j] += d * seen
                    value += d * output[plane * channels + j]
                value = value * mask[j] if seen > _F(0) else _F(0)
                d_bias[j] += value
                row[j] = value
