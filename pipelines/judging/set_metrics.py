"""Metrics of sets of music: the mean of each set, and how far it is from the first."""

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from solferino.hparams.errors import SolferinoError
from solferino.models.music.metrics import all_metrics, bootstrap, sets, tables
from solferino.models.music.metrics.bootstrap import Estimate
from solferino.models.music.metrics.sets import Comparison
from solferino.models.music.pieces import piece
from solferino.pipelines.music_files import Music


@dataclasses.dataclass(frozen=True)
class Measured:
    """A set of music.

    Attributes:
      name: as it was given.
      values: of each metric, by the names of `all_metrics.TITLES`, one a piece; nan where there is nothing to measure.
    """

    name: str
    values: Mapping[str, Sequence[float]]

    @property
    def pieces(self) -> int:
        """How many there are."""
        return len(next(iter(self.values.values())))

    def mean(self, metric: str) -> Estimate:
        """The mean over the pieces."""
        values = np.array(self.values[metric])
        return bootstrap.ratio(values[~np.isnan(values)])


def measure(name: str, music: Iterable[Music], structure: bool = False) -> Measured:
    """Measures a set; what cannot be is told and left out.

    Raises SolferinoError if nothing is left.
    """
    values: dict[str, list[float]] = {metric: [] for metric in all_metrics.TITLES}
    for path, sequence in music:
        if not sequence.notes:
            print(f'left out: {path}: no notes')
            continue
        try:
            found = all_metrics.measure(piece.of(sequence), structure=structure)
        except ValueError as error:
            print(f'left out: {path}: {error}')
            continue
        for metric, value in found.items():
            values[metric].append(value)
    if not values['empty_beat_rate']:
        raise SolferinoError(f'{name}: there is no music that can be measured.')
    return Measured(name, values)


@dataclasses.dataclass(frozen=True)
class Compared:
    """Sets of music, one beside the other.

    Attributes:
      sets: the first is what the others are compared with.
      comparisons: of each metric, one for each set after the first; None where there is too little to compare.
    """

    sets: Sequence[Measured]
    comparisons: Mapping[str, Sequence[Comparison | None]]

    def header(self) -> list[str]:
        """The titles of the columns of `rows`."""
        first, *others = self.sets
        return ['metric', first.name, *(cell for one in others for cell in (one.name, 'overlap', 'divergence'))]

    def rows(self) -> list[list[str]]:
        """A row for each metric that any set has: the mean of each set, and its comparison with the first."""
        first, *others = self.sets
        found = []
        for metric, title in all_metrics.TITLES.items():
            if all(math.isnan(value) for one in self.sets for value in one.values[metric]):
                continue
            row = [title, _shown(first.mean(metric))]
            for one, comparison in zip(others, self.comparisons[metric], strict=True):
                row.append(_shown(one.mean(metric)))
                row += [_shown(part) for part in comparison] if comparison else ['-', '-']
            found.append(row)
        return found

    def to_json(self) -> str:
        """All of it, with the values of each piece; what is not known is null."""
        found = {
            metric: [
                {'set': one.name, 'mean': one.mean(metric), 'values': one.values[metric]}
                | (comparison._asdict() if comparison else {})
                for one, comparison in zip(self.sets, (None, *self.comparisons[metric]), strict=True)
            ]
            for metric in all_metrics.TITLES
        }
        record = {'sets': {one.name: one.pieces for one in self.sets}, 'metrics': found}
        return json.dumps(tables.plain(record), indent=1, allow_nan=False) + '\n'


def compare(measured: Sequence[Measured]) -> Compared:
    """Compares sets with the first of them."""
    first, *others = measured
    return Compared(
        measured,
        {
            metric: [sets.compare(first.values[metric], one.values[metric]) for one in others]
            for metric in all_metrics.TITLES
        },
    )


def _shown(estimate: Estimate) -> str:
    if math.isnan(estimate.value):
        return '-'
    if math.isnan(estimate.low):
        return _number(estimate.value)
    return f'{_number(estimate.value)} ({_number(estimate.low)} to {_number(estimate.high)})'


def _number(value: float) -> str:
    return f'{value:.3g}' if abs(value) < 100 else f'{value:,.0f}'
