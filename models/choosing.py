"""Which of several outputs to keep: those that the model finds likely and that are like music.

Likelihood alone prefers what is dull, and of two outputs the one with fewer notes. So outputs are also ranked by how
far they are from the music held out from training in each of the measures by which its temperature was found:
repetition, density and others. Where a model does not know that music, by how little they repeat themselves. The mean
rank decides, but those of which one half is very unlikely come last: all these figures are averages, and what loses its
pattern half-way can be nearest to the music in them (docs/benchmarks/music.md).
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from solferino.hparams.errors import SolferinoError
from solferino.models.core.training import temperature
from solferino.models.loading import Model
from solferino.models.music.metrics import tables
from solferino.models.music.pieces import measures, score
from solferino.models.music.pieces import piece as pieces
from solferino.models.music.pieces.timeline import Clock

_LEAST = 0.05  # of a measure; below it a distance is as if it were this


@dataclasses.dataclass(frozen=True)
class Ranked:
    """An output among others.

    Attributes:
      number: its place among the outputs as they were generated, from 0.
      log_likelihood: nats a bar of four quarters; nan where the model tells none of it.
      distance: the mean over measures of the relative distance from the music held out; nan if that is unknown.
      repetition: share of its bars that were heard before; nan if fewer than two of them sound.
      notes_per_bar: how dense it is.
      rank: the mean of its ranks in likelihood and in each measure, from 0; the lower the better.
    """

    number: int
    log_likelihood: float
    distance: float
    repetition: float
    notes_per_bar: float
    rank: float


def rank(model: Model, music: Sequence[Any]) -> list[Ranked]:
    """Returns what is to be said of NoteSequences that a model has made, the best first.

    A third of them stand behind all others: those with the least likely half. A figure that none of them has does not
    count; one that some of them lack puts these last. Of equal ones the likelier comes first, then the one that was
    generated first.
    """
    likely = np.array([_log_likelihood(model, one) for one in music])
    found = [_measures(one) for one in music]
    repeated = np.array([one.repetition for one in found])
    apart = np.array([_distances(one, model.held_out_music) for one in music])  # (outputs, measures)
    counted = apart.T if np.isfinite(apart).any() else [repeated]
    ranks = [_ranks(values) for values in (-likely, *counted) if np.isfinite(values).any()]
    distances = [float(row[np.isfinite(row)].mean()) if np.isfinite(row).any() else math.nan for row in apart]
    mean = np.mean(ranks, axis=0) if ranks else np.zeros(len(music))
    halves = np.array([_of_less_likely_half(model, *both) for both in zip(music, likely.tolist(), strict=True)])
    unlikely = _ranks(-halves) >= len(music) - len(music) // 3
    order = sorted(
        range(len(music)),
        key=lambda k: (unlikely[k], mean[k], -likely[k] if np.isfinite(likely[k]) else math.inf, k),
    )
    return [
        Ranked(k, *map(float, (likely[k], distances[k], repeated[k], found[k].notes_per_bar, mean[k]))) for k in order
    ]


def table(ranked: Sequence[Ranked], names: Sequence[str]) -> str:
    """Returns a row for each output, the best first; `names` are those of the ones that are kept."""
    rows = [['output', 'nats a bar', 'from the music', 'bars heard before', 'notes a bar', 'kept as']]
    for place, one in enumerate(ranked):
        figures = [_number(value, 2) for value in (one.log_likelihood, one.distance, one.repetition)]
        figures.append(_number(one.notes_per_bar, 1))
        rows.append([str(one.number + 1), *figures, names[place] if place < len(names) else '-'])
    return tables.aligned(rows)


def _log_likelihood(model: Model, sequence: Any) -> float:
    """Nats a bar."""
    quarters = _quarters(sequence)
    if not sequence.notes or quarters <= 0:
        return math.nan
    try:
        return model.log_likelihood(sequence) / (quarters / 4)
    except SolferinoError:  # it has none, or this music is too short for one
        return math.nan


def _of_less_likely_half(model: Model, sequence: Any, whole: float) -> float:
    """Nats a bar of the first half of the music or of the second, given the first; nan if it has none."""
    half = type(sequence)()
    half.CopyFrom(sequence)
    half.total_time = sequence.total_time / 2
    del half.notes[:]
    for note in sequence.notes:
        if note.start_time < half.total_time:
            half.notes.add().CopyFrom(note)
            half.notes[-1].end_time = min(note.end_time, half.total_time)
    first = _log_likelihood(model, half) if math.isfinite(whole) else math.nan
    return min(first, 2 * whole - first)


def _quarters(sequence: Any) -> float:
    tempos = {tempo.time: tempo.qpm for tempo in sequence.tempos if tempo.qpm > 0}
    return float(Clock(tempos)(np.array([sequence.total_time]))[0])


def _measures(sequence: Any) -> measures.Measures:
    return measures.of(_score(sequence))


def _distances(sequence: Any, known: Mapping[str, float]) -> list[float]:
    """From the music held out, of as many bars, by each measure; nan where this music has no value."""
    wanted = {name: value for name, value in known.items() if name in measures.TITLES}
    if not wanted or not sequence.notes:
        return [math.nan] * len(wanted)
    whole = _score(sequence)
    parts = list(whole.cut(max(1, int(known.get(temperature.BARS, 0))))) or [whole]
    found = measures.means([measures.of(part) for part in parts])
    return [abs(found[name] - value) / max(abs(value), _LEAST) for name, value in wanted.items()]


def _score(sequence: Any) -> score.Score:
    return score.read(pieces.of(sequence), any(note.is_drum for note in sequence.notes))


def _ranks(values: np.ndarray) -> np.ndarray:
    """From 0 for the lowest; equal values have one rank, nan the highest."""
    known = np.where(np.isfinite(values), np.round(values, 9), np.inf)
    return np.array([(known < value).sum() for value in known], np.float64)


def _number(value: float, decimals: int) -> str:
    return '-' if math.isnan(value) else f'{value:.{decimals}f}'
