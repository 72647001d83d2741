"""Which of several outputs to keep: those that the model finds likely and that do not repeat themselves.

Likelihood alone prefers what is dull, as a bar that comes back is likely; little repetition alone prefers what is wild.
Outputs are ranked by each, and by the mean of the two ranks.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from solferino.hparams.errors import SolferinoError
from solferino.models.loading import Model
from solferino.models.music.metrics import tables
from solferino.models.music.pieces import measures, score
from solferino.models.music.pieces import piece as pieces
from solferino.models.music.pieces.timeline import Clock


@dataclasses.dataclass(frozen=True)
class Ranked:
    """An output among others.

    Attributes:
      number: its place among the outputs as they were generated, from 0.
      log_likelihood: nats a bar of four quarters; nan where the model tells none of it.
      repetition: share of its bars that were heard before; nan if fewer than two of them sound.
      notes_per_bar: how dense it is, for the reader; it does not count.
      rank: the mean of its ranks in the two figures before, from 0; the lower the better.
    """

    number: int
    log_likelihood: float
    repetition: float
    notes_per_bar: float
    rank: float


def rank(model: Model, music: Sequence[Any]) -> list[Ranked]:
    """Returns what is to be said of NoteSequences that a model has made, the best first.

    A figure that none of them has does not count; one that some of them lack puts these last. Of equal ones the
    likelier comes first, then the one that was generated first.
    """
    likely = np.array([_log_likelihood(model, one) for one in music])
    found = [_measures(one) for one in music]
    repeated = np.array([one.repetition for one in found])
    ranks = [_ranks(values) for values in (-likely, repeated) if np.isfinite(values).any()]
    mean = np.mean(ranks, axis=0) if ranks else np.zeros(len(music))
    order = sorted(range(len(music)), key=lambda k: (mean[k], -likely[k] if np.isfinite(likely[k]) else math.inf, k))
    return [
        Ranked(k, float(likely[k]), float(repeated[k]), float(found[k].notes_per_bar), float(mean[k])) for k in order
    ]


def table(ranked: Sequence[Ranked], names: Sequence[str]) -> str:
    """Returns a row for each output, the best first; `names` are those of the ones that are kept."""
    rows = [['output', 'nats a bar', 'bars heard before', 'notes a bar', 'kept as']]
    for place, one in enumerate(ranked):
        figures = [_number(one.log_likelihood, 2), _number(one.repetition, 2), _number(one.notes_per_bar, 1)]
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


def _quarters(sequence: Any) -> float:
    tempos = {tempo.time: tempo.qpm for tempo in sequence.tempos if tempo.qpm > 0}
    return float(Clock(tempos)(np.array([sequence.total_time]))[0])


def _measures(sequence: Any) -> measures.Measures:
    return measures.of(score.read(pieces.of(sequence), any(note.is_drum for note in sequence.notes)))


def _ranks(values: np.ndarray) -> np.ndarray:
    """From 0 for the lowest; equal values have one rank, nan the highest."""
    known = np.where(np.isfinite(values), np.round(values, 9), np.inf)
    return np.array([(known < value).sum() for value in known], np.float64)


def _number(value: float, decimals: int) -> str:
    return '-' if math.isnan(value) else f'{value:.{decimals}f}'
