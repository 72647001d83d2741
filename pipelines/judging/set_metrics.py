"""Metrics of sets of music: the mean of each set, and how far it is from the first."""

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from solferino.hparams.errors import SolferinoError
from solferino.models.music.metrics import all_metrics, bootstrap, sets
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


def known(measured: Sequence[Measured]) -> list[str]:
    """The metrics that have a value in any of the sets."""
    return [m for m in all_metrics.TITLES if any(not math.isnan(v) for one in measured for v in one.values[m])]


def header(measured: Sequence[Measured]) -> list[str]:
    """The titles of the columns of `rows`."""
    first, *others = measured
    return ['metric', first.name, *(cell for one in others for cell in (one.name, 'overlap', 'divergence'))]


def rows(measured: Sequence[Measured]) -> list[list[str]]:
    """A row for each metric that is known: the mean of each set, and its comparison with the first."""
    first, *others = measured
    found = []
    for metric in known(measured):
        row = [all_metrics.TITLES[metric], _shown(first.mean(metric))]
        for one in others:
            comparison = sets.compare(first.values[metric], one.values[metric])
            row += [_shown(one.mean(metric)), *(_compared(comparison))]
        found.append(row)
    return found


def _compared(comparison: Comparison | None) -> tuple[str, str]:
    return ('-', '-') if comparison is None else (_shown(comparison.overlap), _shown(comparison.divergence))


def _shown(estimate: Estimate) -> str:
    if math.isnan(estimate.value):
        return '-'
    if math.isnan(estimate.low):
        return _number(estimate.value)
    return f'{_number(estimate.value)} ({_number(estimate.low)} to {_number(estimate.high)})'


def _number(value: float) -> str:
    return f'{value:.3g}' if abs(value) < 100 else f'{value:,.0f}'


def as_json(measured: Sequence[Measured]) -> str:
    """All of it, with the values of each piece; what is not known is null."""
    first = measured[0]
    found = {}
    for metric in all_metrics.TITLES:
        found[metric] = [
            {
                'set': one.name,
                'mean': _plain(one.mean(metric)),
                'values': [None if math.isnan(value) else value for value in one.values[metric]],
                **_plain_comparison(None if one is first else sets.compare(first.values[metric], one.values[metric])),
            }
            for one in measured
        ]
    return json.dumps({'sets': {one.name: one.pieces for one in measured}, 'metrics': found}, indent=1) + '\n'


def _plain(estimate: Estimate) -> list[float | None]:
    return [None if math.isnan(value) else value for value in estimate]


def _plain_comparison(comparison: Comparison | None) -> dict[str, list[float | None]]:
    if comparison is None:
        return {}
    return {'overlap': _plain(comparison.overlap), 'divergence': _plain(comparison.divergence)}
