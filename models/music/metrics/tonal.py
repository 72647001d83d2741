"""Tonal distance: how far apart two sets of pitch classes are where fifths and thirds are near.

Harte, Sandler and Gasser 2006, "Detecting harmonic change in musical audio", section 2.
"""

import itertools
import math

import numpy as np

from solferino.models.music.metrics.grid import Grid

_OCTAVE = 12
# The circles of fifths, minor thirds and major thirds, and their radii.
_CIRCLES = ((7 * np.pi / 6, 1.0), (3 * np.pi / 2, 1.0), (2 * np.pi / 3, 0.5))
_SPACE = np.concatenate(
    [[radius * np.sin(np.arange(12) * angle), radius * np.cos(np.arange(12) * angle)] for angle, radius in _CIRCLES]
)  # (6, 12)


def centroid(chroma: np.ndarray) -> np.ndarray:
    """Where pitch classes that sound for so long, [12], are in tonal space, [6]; they are not all 0."""
    place: np.ndarray = _SPACE @ (chroma / chroma.sum())
    return place


def tonal_distance(grid: Grid) -> float:
    """The mean distance of two instruments that both sound in a half bar (MuseGAN); nan if none do."""
    half = max(1, grid.steps_per_bar // 2)
    places = [_centroids(grid, instrument, half) for instrument in np.unique(grid.instruments[grid.pitched])]
    found = [
        float(np.linalg.norm(one[at] - other[at]))
        for one, other in itertools.combinations(places, 2)
        for at in one.keys() & other.keys()
    ]
    return math.fsum(found) / len(found) if found else math.nan


def _centroids(grid: Grid, instrument: int, half: int) -> dict[int, np.ndarray]:
    """By half bar, where the notes that sound in it are."""
    mine = grid.pitched & (grid.instruments == instrument)
    chroma: dict[int, np.ndarray] = {}
    for start, end, pitch in zip(
        grid.starts[mine].tolist(), grid.ends[mine].tolist(), (grid.pitches[mine] % _OCTAVE).tolist(), strict=True
    ):
        for at in range(start // half, (end - 1) // half + 1):
            heard = min(end, (at + 1) * half) - max(start, at * half)
            chroma.setdefault(at, np.zeros(_OCTAVE))[pitch] += heard
    return {at: centroid(counts) for at, counts in chroma.items()}
