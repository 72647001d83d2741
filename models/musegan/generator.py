"""The generator of MuseGAN: latents to bars, its equations written once for NumPy and for TensorFlow.

Dong et al. 2018 (arXiv:1709.06298), the hybrid model, with the layers of the tutorials. Four latents of size z:

    chords  [B, z]          through a temporal network, one vector a bar
    style   [B, z]          the same for all bars and tracks
    melody  [B, tracks, z]  through a temporal network of each track, one vector a bar
    groove  [B, tracks, z]  of each track, the same for all bars

A bar generator of each track makes a bar of the four vectors: it doubles the steps until there are sixteen, and splits
each into octaves and pitches. All its transposed convolutions have strides as long as their kernels, so that each is a
matmul and a reshape. Batch normalization and ReLU follow each but the last.

Weights by name, of units u and v:

    chords/hidden_kernel [z, P * t], chords/bar_kernel [t, L * z]              P positions, kernels of L: P + L - 1 bars
    melody_<i>/hidden_kernel, melody_<i>/bar_kernel                            the same for each track
    bar_<i>/dense_kernel [4z, 2u], bar_<i>/double_<j>_kernel [u, 2v]           j = 0, 1, 2
    bar_<i>/octave_kernel [v, octaves * v], bar_<i>/pitch_kernel [v, 12], bar_<i>/pitch_bias [12]
    bar_<i>/pitch_kernel [v, pitches], bar_<i>/pitch_bias [pitches]             instead, without layers of octaves
    bar_<i>/other_kernel [v, 2], bar_<i>/other_bias [2]                        rest and hold
    <layer>_scale, _offset, _mean, _variance [units]                           batch normalization after each kernel
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from solferino.hparams.musegan import STEPS_PER_BAR, MuseGanHparams
from solferino.models.core.cpu import row_matmul
from solferino.models.core.family import Weights

EPSILON = 1e-3  # added to variances
_DOUBLED = 3  # times: 2 steps become 16
_OCTAVE = 12
NORMS = ('scale', 'offset', 'mean', 'variance')


class Latents(NamedTuple):
    """What a batch of pieces is made of: chords and style [B, z], melody and groove [B, tracks, z]."""

    chords: Any
    style: Any
    melody: Any
    groove: Any


class Ops(NamedTuple):
    """The operations that NumPy and TensorFlow have under different names.

    Attributes:
      matmul, reshape, concat, stack, tile: as in TensorFlow.
      activate: of a layer's name and its pre-activations [rows, units] the activations.
    """

    matmul: Callable[[Any, Any], Any]
    reshape: Callable[[Any, Any], Any]
    concat: Callable[[list[Any], int], Any]
    stack: Callable[[list[Any], int], Any]
    tile: Callable[[Any, Any], Any]
    zeros_like: Callable[[Any], Any]
    activate: Callable[[str, Any], Any]


def generate(weights: Mapping[str, Any], latents: Latents, hparams: MuseGanHparams, ops: Ops) -> Any:
    """Returns the logits [B, bars, 16, classes, tracks] of what each voice does in each step."""
    z, bars = hparams.latent_size, hparams.num_bars

    def layer(name: str, x: Any, units: int) -> Any:
        return ops.activate(name, ops.reshape(ops.matmul(x, weights[f'{name}_kernel']), [-1, units]))

    def over_bars(x: Any) -> Any:
        """[B, z] -> [B * bars, z]"""
        return ops.reshape(ops.tile(ops.reshape(x, [-1, 1, z]), [1, bars, 1]), [-1, z])

    def temporal(name: str, x: Any) -> Any:
        """[B, z] -> [B * bars, z]"""
        positions, reach = _positions(hparams), _reach(hparams)
        hidden = layer(f'{name}/hidden', x, hparams.temporal_size)
        kernel = weights[f'{name}/bar_kernel']
        spread = ops.reshape(ops.matmul(hidden, kernel), [-1, positions, reach, z])
        total = spread[:, 0]
        if positions == 2:
            nothing = ops.zeros_like(total[:, :1])
            total = ops.concat([total, nothing], 1) + ops.concat([nothing, spread[:, 1]], 1)
        return ops.activate(f'{name}/bar', ops.reshape(total, [-1, z]))

    def bar(name: str, x: Any) -> Any:
        """[B * bars, 4z] -> [B, bars, 16, classes]"""
        sizes = hparams.bar_sizes
        x = layer(f'{name}/dense', x, sizes[0] // 2)
        for j in range(_DOUBLED):
            x = layer(f'{name}/double_{j}', x, sizes[1 + j])
        kernel, y = weights[f'{name}/pitch_kernel'], x
        num_pitches = kernel.shape[1]
        if hparams.pitch_layers == 'octaves':
            y = layer(f'{name}/octave', x, sizes[-1])
            num_pitches *= weights[f'{name}/octave_kernel'].shape[1] // sizes[-1]
        logits = ops.reshape(ops.matmul(y, kernel) + weights[f'{name}/pitch_bias'], [-1, num_pitches])
        if f'{name}/other_kernel' in weights:
            others = ops.matmul(x, weights[f'{name}/other_kernel']) + weights[f'{name}/other_bias']
            logits = ops.concat([others, logits], 1)
        return ops.reshape(logits, [-1, bars, STEPS_PER_BAR, logits.shape[-1]])

    chords, style = temporal('chords', latents.chords), over_bars(latents.style)
    tracks = []
    for i in range(hparams.num_tracks):
        melody, groove = temporal(f'melody_{i}', latents.melody[:, i]), over_bars(latents.groove[:, i])
        tracks.append(bar(f'bar_{i}', ops.concat([chords, style, melody, groove], 1)))
    return ops.stack(tracks, 4)


def weight_shapes(hparams: MuseGanHparams, num_pitches: int, others: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights by name."""
    return dict(_weight_shapes(hparams, num_pitches, others))


def _weight_shapes(hparams: MuseGanHparams, num_pitches: int, others: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    z, t, sizes = hparams.latent_size, hparams.temporal_size, hparams.bar_sizes

    def layer(name: str, shape: tuple[int, int], units: int) -> Iterator[tuple[str, tuple[int, ...]]]:
        yield f'{name}_kernel', shape
        for norm in NORMS:
            yield f'{name}_{norm}', (units,)

    for name in ('chords', *(f'melody_{i}' for i in range(hparams.num_tracks))):
        yield from layer(f'{name}/hidden', (z, _positions(hparams) * t), t)
        yield from layer(f'{name}/bar', (t, _reach(hparams) * z), z)
    for i in range(hparams.num_tracks):
        yield from layer(f'bar_{i}/dense', (4 * z, sizes[0]), sizes[0] // 2)
        for j, (size, double) in enumerate(zip((sizes[0] // 2, *sizes[1:3]), sizes[1:], strict=True)):
            yield from layer(f'bar_{i}/double_{j}', (size, 2 * double), double)
        has_octaves = hparams.pitch_layers == 'octaves'
        if has_octaves:
            yield from layer(f'bar_{i}/octave', (sizes[-1], num_pitches // _OCTAVE * sizes[-1]), sizes[-1])
        yield f'bar_{i}/pitch_kernel', (sizes[-1], _OCTAVE if has_octaves else num_pitches)
        yield f'bar_{i}/pitch_bias', (_OCTAVE if has_octaves else num_pitches,)
        if others:
            yield f'bar_{i}/other_kernel', (sizes[-1], others)
            yield f'bar_{i}/other_bias', (others,)


def forward(weights: Weights, latents: Latents, hparams: MuseGanHparams) -> np.ndarray:
    """`generate` in NumPy, with the means and variances of training: no piece depends on those beside it."""

    def activate(name: str, x: np.ndarray) -> np.ndarray:
        scale, offset, mean, variance = (weights[f'{name}_{norm}'] for norm in NORMS)
        factor = scale / np.sqrt(variance + np.float32(EPSILON))
        return np.maximum(x * factor + (offset - mean * factor), 0)

    ops = Ops(row_matmul.matmul, np.reshape, np.concatenate, np.stack, np.tile, np.zeros_like, activate)
    logits: np.ndarray = generate(weights, latents, hparams, ops)
    return logits


def _positions(hparams: MuseGanHparams) -> int:
    return min(2, hparams.num_bars)


def _reach(hparams: MuseGanHparams) -> int:
    return hparams.num_bars - _positions(hparams) + 1
