"""The four measures of Wu and Yang 2020, "The Jazz Transformer on the front line" (ISMIR, arXiv:2008.01307), section 4.

Pitch-class histogram entropy H1 and H4 (of one bar and of four), grooving pattern similarity, chord progression
irregularity, and structureness. The paper takes chords from its model's tokens and structure from the chroma of audio;
here chords are those written, or heard by half bars, and the chroma is that of the notes.
"""

import itertools
import math

import numpy as np

from solferino.models.music.jazz import lead_sheet
from solferino.models.music.jazz.chords import Chord
from solferino.models.music.metrics import descriptive, scape
from solferino.models.music.metrics.grid import Grid
from solferino.models.music.pieces.piece import Piece

_OCTAVE = 12
_MOST_BARS = 1000  # of those whose pairs are compared
_FRAME = 0.5  # seconds
_MOST_FRAMES = 120  # they are longer in long music: the time that fitness takes grows with their fourth power
# Seconds of the stretches whose repetition is sought, short, middle and long.
STRUCTURE = {'structure_short': (3.0, 8.0), 'structure_middle': (8.0, 15.0), 'structure_long': (15.0, math.inf)}


def histogram_entropy(grid: Grid, num_bars: int) -> float:
    """The mean entropy in bits of the pitch classes that begin in each stretch of `num_bars`, silent ones left out."""
    size = grid.steps_per_bar * num_bars
    places, classes = grid.starts[grid.pitched] // size, grid.pitches[grid.pitched] % _OCTAVE
    if not len(places):
        return math.nan
    counts = np.zeros((int(places.max()) + 1, _OCTAVE))
    np.add.at(counts, (places, classes), 1)
    return float(np.mean([descriptive.entropy(one) for one in counts if one.any()]))


def grooving_similarity(grid: Grid) -> float:
    """1 minus the share of the steps at which one of two bars has an onset, the mean over all pairs of bars.

    Silent bars after the last onset do not count; of very long music the first thousand bars do.
    """
    if not len(grid.starts):
        return math.nan
    bars = descriptive.onsets_of_bars(grid)[: min(int(grid.starts.max()) // grid.steps_per_bar + 1, _MOST_BARS)]
    number = len(bars)
    if number < 2:
        return math.nan
    there = bars.sum(axis=0, dtype=float)
    # Of the pairs of bars, how many differ at each step.
    differ = (there * (number - there)).sum()
    return float(1 - differ / (number * (number - 1) / 2) / bars.shape[1])


def chord_irregularity(piece: Piece) -> float:
    """The share of different ones among all three successive chords; nan where there are fewer than three chords."""
    try:
        sheet = lead_sheet.read(piece)
    except ValueError:
        return math.nan
    if sheet is None:
        return math.nan
    chords: list[Chord] = [chord for chord, _ in itertools.groupby(sheet.changes.chords)]
    trigrams = list(zip(chords, chords[1:], chords[2:], strict=False))
    return len(set(trigrams)) / len(trigrams) if trigrams else math.nan


def structureness(grid: Grid) -> dict[str, float]:
    """How well the stretch that repeats best repeats, of each range of lengths in STRUCTURE.

    It is nan where music is shorter. It is the highest fitness (0 to 1) in the scape plot of Müller, Grosche and Jiang
    2011, "A segment-based fitness measure for capturing repetitive structures of music recordings".
    """
    chroma, seconds = _chroma(grid)
    length = len(chroma)
    fitness = scape.fitness(scape.similarity(chroma)) if length > 1 else np.zeros((0, 0))
    found = {}
    for name, (least, most) in STRUCTURE.items():
        first, last = math.ceil(least / seconds), min(math.floor(most / seconds) if most < math.inf else length, length)
        # The stretch that is all of it repeats nothing.
        last = min(last, length - 1)
        found[name] = float(fitness[first - 1 : last].max()) if 0 < first <= last else math.nan
    return found


def _chroma(grid: Grid) -> tuple[np.ndarray, float]:
    """For how long each pitch class sounds in each frame, [frames, 12], and the seconds of a frame."""
    if not grid.pitched.any():
        return np.zeros((0, _OCTAVE)), _FRAME
    pitched = grid.pitched
    starts, ends = (grid.quarters.seconds(x[pitched] / grid.steps_per_quarter) for x in (grid.starts, grid.ends))
    total = float(ends.max())
    seconds = max(_FRAME, total / _MOST_FRAMES)
    edges = np.arange(math.ceil(total / seconds - 1e-9) + 1) * seconds
    chroma = np.zeros((len(edges) - 1, _OCTAVE))
    for start, end, pitch in zip(
        starts.tolist(), ends.tolist(), (grid.pitches[pitched] % _OCTAVE).tolist(), strict=True
    ):
        first, last = int(start / seconds), min(int(end / seconds), len(chroma) - 1)
        heard = np.minimum(end, edges[first + 1 : last + 2]) - np.maximum(start, edges[first : last + 1])
        chroma[first : last + 1, pitch] += np.maximum(heard, 0)
    return chroma, seconds
