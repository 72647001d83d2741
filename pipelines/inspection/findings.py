"""What is found in a file: facts, histograms and curves, and how they are written as text."""

import dataclasses
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from solferino.models.core.runs.curves import Curve

_WIDTH = 40  # of the longest bar, in letters
_EIGHTHS = ' ▏▎▍▌▋▊▉█'
_MOST_NAMES = 6


@dataclasses.dataclass(frozen=True)
class Chart:
    """A histogram.

    Attributes:
      title: what is counted.
      bars: a name and a number each.
      rows: the same with fewer bars, for text; None takes `bars`, empty leaves the chart to the plot.
    """

    title: str
    bars: Sequence[tuple[str, int]]
    rows: Sequence[tuple[str, int]] | None = None


@dataclasses.dataclass
class Finding:
    """What is found.

    Attributes:
      path: the file or folder.
      kind: what it is, in words.
      facts: what is to be said of it, by name; a mapping is a list of its own.
      charts: histograms.
      curves: for each quantity a curve of each side ('training', 'evaluation').
      warnings: what is wrong with it.
      picture: draws the music itself, where there is one piece of it.
    """

    path: str
    kind: str
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)
    charts: list[Chart] = dataclasses.field(default_factory=list)
    curves: dict[str, dict[str, Curve]] = dataclasses.field(default_factory=dict)
    warnings: list[str] = dataclasses.field(default_factory=list)
    picture: Callable[[], Any] | None = None


def text(finding: Finding) -> str:
    """Returns a finding as lines of text."""
    lines = [f'{finding.path}: {finding.kind}', *table(finding.facts)]
    if finding.curves:
        lines += ['', '  curves: first and last value, the best and its step']
        rows = {
            f'{side} {name}'.strip(): _ends(name, c)
            for name, sides in finding.curves.items()
            for side, c in sides.items()
        }
        lines += table(rows, '    ')
    for chart in finding.charts:
        rows_of_text = chart.bars if chart.rows is None else chart.rows
        if rows_of_text:
            lines += ['', f'  {chart.title}', *_bars(rows_of_text)]
    lines += ['', *(f'  attention: {warning}' for warning in finding.warnings)] if finding.warnings else []
    return '\n'.join(lines)


def table(facts: Mapping[str, Any], indent: str = '  ') -> list[str]:
    """Facts as lines of text, those of a mapping below its name."""
    width = max((len(name) for name, value in facts.items() if not isinstance(value, Mapping)), default=0)
    lines = []
    for name, value in facts.items():
        if isinstance(value, Mapping):
            lines += [f'{indent}{name}', *table(value, indent + '  ')] if value else []
        elif value is not None and value != '':
            lines.append(f'{indent}{name:<{width}}  {_value(value)}')
    return lines


def _value(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, int):
        return f'{value:,}'
    if isinstance(value, (list, tuple)):
        return ', '.join(map(_value, value)) or 'none'
    return f'{value:g}' if isinstance(value, float) else ' '.join(str(value).split())


def _ends(name: str, curve: Curve) -> str:
    steps, values = curve
    best = int(np.argmax(values) if 'accuracy' in name else np.argmin(values))
    ends = f'{values[0]:.4g} to {values[-1]:.4g}'
    is_goal = any(word in name for word in ('loss', 'perplexity', 'accuracy'))
    return ends + (f', best {values[best]:.4g} at step {steps[best]:,}' if is_goal else '')


def _bars(rows: Sequence[tuple[str, int]]) -> list[str]:
    names = max(len(name) for name, _ in rows)
    largest = max(count for _, count in rows) or 1
    return [f'    {name:>{names}}  {_bar(count / largest)} {count:,}' for name, count in rows]


def _bar(share: float) -> str:
    """A bar of letters, an eighth of one at least where there is anything."""
    eighths = max(round(share * _WIDTH * 8), int(share > 0))
    return '█' * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def spread(values: Sequence[float], unit: str) -> str:
    """'2 to 9, median 4 seconds' of any number of values."""
    if not len(values):
        return ''
    low, high = min(values), max(values)
    if low == high:
        return f'{low:,.4g} {unit}' if len(values) == 1 else f'{low:,.4g} {unit} each'
    return f'{_round(low)} to {_round(high)}, median {_round(statistics.median(values))} {unit}'


def _round(value: float) -> str:
    return f'{value:,.0f}' if abs(value) >= 100 or value == int(value) else f'{value:,.3g}'


def shares(counts: Mapping[str, int], one: bool = False) -> str:
    """'4/4 (12), 3/4 (3)', the most frequent first; names alone if everything is `one` thing."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    words = [name if one else f'{name} ({count:,})' for name, count in ordered[:_MOST_NAMES]]
    more = len(ordered) - len(words)
    return ', '.join(words) + (f' and {more:,} more' if more else '')


def binned(title: str, values: Iterable[float], most: int = 16) -> Chart | None:
    """A histogram of values, for the plot alone; None where they are all the same."""
    array = np.array([value for value in values if np.isfinite(value)])
    if not len(array) or array.min() == array.max():
        return None
    counts, edges = np.histogram(array, bins=min(most, len(np.unique(array))))
    return Chart(title, [(_round(float(edge)), int(n)) for edge, n in zip(edges, counts, strict=False)], [])
