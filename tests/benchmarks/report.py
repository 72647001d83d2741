"""Writes results for people and for programs."""

import json
import math
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np  # noqa: F401  its BLAS is looked at
import threadpoolctl

# What every stage measures, under these names.
START, WHOLE, AFTER = 'start-up, s', 'whole command, s', 'after start-up, s'
PEAK = 'peak memory, MB'


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a Markdown table."""
    lines = [header, ['---'] * len(header), *rows]
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines)


def medians(measured: Mapping[str, Sequence[Mapping[str, float]]]) -> dict[str, dict[str, float]]:
    """Returns the medians of what was measured, and the rates that follow: side -> number by what it is.

    Args:
      measured: side -> runs -> number by what it is. Those without a unit are amounts of work.
    """
    return {
        side: _with_rates({what: statistics.median(run[what] for run in runs) for what in runs[0]})
        for side, runs in measured.items()
    }


def comparison(measured: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """Returns the medians of what was measured as a Markdown table.

    Args:
      measured: side -> runs -> number by what it is; ours comes first. Of numbers a second more is better,
        of all others less. If the sides did not do the same amount of work, their times are not compared.
    """
    sides = medians(measured)
    ours, *others = sides.values()
    amounts = [{what: runs[0][what] for what in _amounts(runs[0])} for runs in measured.values()]
    not_compared = () if all(amount == amounts[0] for amount in amounts) else (WHOLE, AFTER)
    rows = []
    for what, value in ours.items():
        values = [other.get(what, math.nan) for other in others]
        times = [ratio(what, value, theirs) if what not in not_compared else math.nan for theirs in values]
        shown = (f'{number(factor)} times' if factor > 0 else '' for factor in times)
        rows.append([what, *map(number, (value, *values)), *shown])
    return table(['', *sides, *(f'better than {other}' for other in list(sides)[1:])], rows)


def ratio(what: str, ours: float, theirs: float) -> float:
    """How many times better ours is; nan where that cannot be said."""
    if not (ours > 0 and theirs > 0):
        return math.nan
    return ours / theirs if '/s' in what else theirs / ours


def _amounts(numbers: Mapping[str, float]) -> list[str]:
    return [what for what in numbers if ',' not in what and '/' not in what]


def _with_rates(medians: Mapping[str, float]) -> dict[str, float]:
    """Puts in what follows from the others: the amounts (their names have no unit) by time, with and without start-up.

    The time after start-up is a difference of medians; where the work is small it can be lost in their scatter.
    """
    numbers = {what: medians[what] for what in (START, WHOLE) if what in medians}
    if START in medians:
        seconds = medians[WHOLE] - medians[START]
        numbers[AFTER] = seconds if seconds > 0 else math.nan
    amounts = _amounts(medians)
    numbers |= {what: value for what, value in medians.items() if what not in amounts}
    for what in amounts:
        numbers[f'{what}/s'] = medians[what] / medians[WHOLE]
        if START in medians:
            numbers[after(what)] = medians[what] / numbers[AFTER]
    return numbers


def after(amount: str) -> str:
    """The name of the rate that leaves start-up out."""
    return f'{amount}/s after start-up'


def number(value: float) -> str:
    """Three digits, as much as such measurements are good for."""
    if value == 0:
        return '0'
    if not value > 0:  # lost in the scatter
        return '?'
    digits = max(0, 2 - math.floor(math.log10(value)))
    return f'{value:,.{digits}f}'


def machine() -> str:
    """One line about where this is measured, with the kernels of NumPy's BLAS, which an environment may choose."""
    kernels = {module.get('architecture', '') for module in threadpoolctl.threadpool_info()} - {''} or {
        'an unknown CPU'
    }
    return (
        f'{os.cpu_count()} cores, {platform.system()} {platform.machine()}, BLAS for {", ".join(sorted(kernels))}; '
        f'at the start {os.getloadavg()[0]:.1f} processes wanted to run.'
    )


def write(path: Path, results: Any, text: str) -> None:
    """Writes `path`.json and `path`.md."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix('.json').write_text(json.dumps(results, indent=1) + '\n', encoding='utf-8')
    path.with_suffix('.md').write_text(text + '\n', encoding='utf-8')
