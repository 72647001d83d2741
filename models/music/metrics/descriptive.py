"""The metrics of MusPy (Dong et al. 2020, "MusPy: A toolkit for symbolic music generation", ISMIR), equal to its own.

What there is nothing to measure by is nan; MusPy gives 0 or -127 as the range of pitches of nothing but drums. Rates
are from 0 to 1, entropies in bits. Sources of the metrics are named where they are not MusPy's own.
"""

import math
from collections.abc import Callable

import numpy as np

from solferino.models.music.metrics.grid import Grid

_OCTAVE = 12
_MAJOR, _MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
_SCALES = np.zeros((2 * _OCTAVE, _OCTAVE), bool)  # major on each root, then minor
for _root in range(_OCTAVE):
    _SCALES[_root, [(_root + step) % _OCTAVE for step in _MAJOR]] = True
    _SCALES[_OCTAVE + _root, [(_root + step) % _OCTAVE for step in _MINOR]] = True


def n_pitches_used(grid: Grid) -> float:
    """How many pitches there are."""
    return len(np.unique(grid.pitches[grid.pitched])) if grid.pitched.any() else math.nan


def n_pitch_classes_used(grid: Grid) -> float:
    """How many pitch classes there are."""
    return len(np.unique(grid.pitches[grid.pitched] % _OCTAVE)) if grid.pitched.any() else math.nan


def pitch_range(grid: Grid) -> float:
    """Semitones from the lowest pitch to the highest."""
    return int(np.ptp(grid.pitches[grid.pitched])) if grid.pitched.any() else math.nan


def polyphony(grid: Grid) -> float:
    """How many pitches sound at once, while any sounds."""
    sounding = _sounding(grid)
    heard = np.count_nonzero(sounding)
    return float(sounding.sum() / heard) if heard else math.nan


def polyphony_rate(grid: Grid, threshold: int = 2) -> float:
    """Share of the steps in which more than `threshold` pitches sound (MuseGAN, Dong et al. 2018)."""
    sounding = _sounding(grid)
    return float(np.count_nonzero(sounding > threshold) / len(sounding)) if grid.pitched.any() else math.nan


def pitch_in_scale_rate(grid: Grid, root: int = 0, mode: str = 'major') -> float:
    """Share of the notes in a scale, that of C major by default (MuseGAN)."""
    if not grid.pitched.any():
        return math.nan
    return float(_in_scales(grid)[root + (_OCTAVE if mode == 'minor' else 0)])


def scale_consistency(grid: Grid) -> float:
    """Share of the notes in that major or minor scale that has most of them (C-RNN-GAN, Mogren 2016)."""
    return float(_in_scales(grid).max()) if grid.pitched.any() else math.nan


def pitch_entropy(grid: Grid) -> float:
    """Entropy of the pitches."""
    return entropy(np.bincount(grid.pitches[grid.pitched])) if grid.pitched.any() else math.nan


def pitch_class_entropy(grid: Grid) -> float:
    """Entropy of the pitch classes (Wu and Yang 2020)."""
    return entropy(np.bincount(grid.pitches[grid.pitched] % _OCTAVE)) if grid.pitched.any() else math.nan


def empty_beat_rate(grid: Grid) -> float:
    """Share of the quarters in which nothing sounds."""
    return _empty(grid, grid.steps_per_quarter)


def empty_measure_rate(grid: Grid) -> float:
    """Share of the bars in which nothing sounds (MuseGAN)."""
    return _empty(grid, grid.steps_per_bar)


def drum_in_pattern_rate(grid: Grid, metre: str = 'duple') -> float:
    """Share of the drum notes on sixteenths (duple), or on triplets of quarters (MuseGAN)."""
    places = grid.starts[grid.is_drum] % grid.steps_per_quarter
    if not len(places):
        return math.nan
    pattern = np.zeros(grid.steps_per_quarter, bool)
    pattern[0] = True
    for parts in (4, 2) if metre == 'duple' else (3,):
        if grid.steps_per_quarter % parts == 0:
            pattern[:: grid.steps_per_quarter // parts] = True
    return float(pattern[places].mean())


def drum_pattern_consistency(grid: Grid) -> float:
    """The larger of the two rates of `drum_in_pattern_rate`."""
    return max(drum_in_pattern_rate(grid, metre) for metre in ('duple', 'triple'))


def groove_consistency(grid: Grid) -> float:
    """1 minus the share of the steps in which one of two neighbouring bars has an onset (Wu and Yang 2020)."""
    bars = onsets_of_bars(grid)
    return float(1 - (bars[:-1] != bars[1:]).mean()) if len(bars) > 1 else math.nan


def entropy(counts: np.ndarray) -> float:
    """The entropy in bits of what is counted, of which there is something."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum()) + 0.0


def onsets_of_bars(grid: Grid) -> np.ndarray:
    """At which steps of each bar notes begin, bool [bars, steps]; bars go on beyond the last note's end."""
    bars = np.zeros((grid.length // grid.steps_per_bar + 1, grid.steps_per_bar), bool)
    bars[grid.starts // grid.steps_per_bar, grid.starts % grid.steps_per_bar] = True
    return bars


def _sounding(grid: Grid) -> np.ndarray:
    """How many pitches sound in each step."""
    changes = np.zeros(grid.length + 1, np.int64)
    for pitch in np.unique(grid.pitches[grid.pitched]):
        mine = grid.pitched & (grid.pitches == pitch)
        depth = np.zeros(grid.length + 1, np.int64)
        np.add.at(depth, grid.starts[mine], 1)
        np.add.at(depth, grid.ends[mine], -1)
        changes += depth.cumsum() > 0
    return changes[:-1]


def _in_scales(grid: Grid) -> np.ndarray:
    """The share of the notes in each scale, [24]."""
    counts = np.bincount(grid.pitches[grid.pitched] % _OCTAVE, minlength=_OCTAVE)
    return _SCALES @ counts / counts.sum()


def _empty(grid: Grid, size: int) -> float:
    """The share of the stretches of `size` steps in which nothing sounds; a note also fills that which it ends at."""
    if not len(grid.starts):
        return math.nan
    number = grid.length // size + 1
    depth = np.zeros(number + 1, np.int64)
    np.add.at(depth, grid.starts // size, 1)
    np.add.at(depth, grid.ends // size + 1, -1)
    return float(1 - np.count_nonzero(depth.cumsum()[:-1]) / number)


METRICS: dict[str, Callable[[Grid], float]] = {
    function.__name__: function
    for function in (
        n_pitches_used, n_pitch_classes_used, pitch_range, polyphony, polyphony_rate, pitch_in_scale_rate,
        scale_consistency, pitch_entropy, pitch_class_entropy, empty_beat_rate, empty_measure_rate,
        drum_in_pattern_rate, drum_pattern_consistency, groove_consistency,
    )
}  # fmt: skip
