"""Writes results for people and for programs."""

import json
import math
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# What every stage measures, under these names.
START, WHOLE, AFTER = 'start-up, s', 'whole command, s', 'after start-up, s'
PEAK = 'peak memory, MB'


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a Markdown table."""
    lines = [header, ['---'] * len(header), *rows]
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines)


def comparison(measured: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """Returns the medians of what was measured as a Markdown table.

    Args:
      measured: side -> runs -> number by what it is; Magenta, if it is there, comes second. Of numbers a second more
        is better, of all others less.
    """
    sides = {
        side: _with_rates({what: statistics.median(run[what] for run in runs) for what in runs[0]})
        for side, runs in measured.items()
    }
    ours, *others = sides.values()
    rows = []
    for what, value in ours.items():
        values = [value, *(other[what] for other in others)]
        rows.append([what, *map(number, values)])
        if others:
            times = values[0] / values[1] if '/s' in what else values[1] / values[0]
            rows[-1].append(f'{number(times)} times' if all(v > 0 for v in values) else '')
    return table(['', *sides, *(f'better than {other}' for other in list(sides)[1:])], rows)


def _with_rates(medians: Mapping[str, float]) -> dict[str, float]:
    """Puts in what follows from the others: the amounts (their names have no unit) by time, with and without start-up.

    The time after start-up is a difference of medians; where the work is small it can be lost in their scatter.
    """
    numbers = {what: medians[what] for what in (START, WHOLE) if what in medians}
    if START in medians:
        numbers[AFTER] = medians[WHOLE] - medians[START]
    numbers |= {what: value for what, value in medians.items() if ',' in what or '/' in what}
    amounts = {what: value for what, value in medians.items() if what not in numbers}
    for what, value in amounts.items():
        numbers[f'{what}/s'] = value / medians[WHOLE]
        if START in medians:
            numbers[f'{what}/s after start-up'] = value / numbers[AFTER] if numbers[AFTER] > 0 else math.nan
    return numbers


def number(value: float) -> str:
    """Three digits, as much as such measurements are good for."""
    if not value > 0:  # lost in the scatter
        return '?'
    digits = max(0, 2 - math.floor(math.log10(value)))
    return f'{value:,.{digits}f}'


def machine() -> str:
    """One line about where this is measured."""
    return (
        f'{os.cpu_count()} cores, {platform.system()} {platform.machine()}; at the start {os.getloadavg()[0]:.1f} '
        'processes wanted to run.'
    )


def write(path: Path, results: Any, text: str) -> None:
    """Writes `path`.json and `path`.md."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix('.json').write_text(json.dumps(results, indent=1) + '\n', encoding='utf-8')
    path.with_suffix('.md').write_text(text + '\n', encoding='utf-8')
