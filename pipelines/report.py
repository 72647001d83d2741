"""What a run did and what it left out, and why: counted exactly, on any runner, in a table and in a JSON file."""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any

import apache_beam as beam

from solferino.models.core import files
from solferino.pipelines.staging import Staging

_EXAMPLES = 3
_COUNTS = 'counts.json'


@dataclasses.dataclass(frozen=True)
class Tally:
    """A number, and the first few names, in alphabetical order, of what was counted."""

    count: int = 0
    examples: tuple[str, ...] = ()

    def plus(self, count: int, examples: Iterable[str]) -> 'Tally':
        """Returns the sum of this and another tally."""
        return Tally(self.count + count, tuple(sorted({*self.examples, *examples})[:_EXAMPLES]))


class Count(beam.PTransform):
    """Adds up (name, amount, example) elements by name, for `load`. Amounts are int, examples str or None."""

    def __init__(self, staging: Staging):
        super().__init__()
        self._path = staging.path(_COUNTS)

    def expand(self, elements: Any) -> Any:
        return elements | 'add up' >> beam.CombineGlobally(_AddUp()) | 'write' >> beam.Map(_write_counts, self._path)


class _AddUp(beam.CombineFn):
    """A dictionary from name to Tally; no larger than the number of names."""

    def create_accumulator(self) -> dict[str, Tally]:
        return {}

    def add_input(self, tallies: dict[str, Tally], element: tuple[str, int, str | None]) -> dict[str, Tally]:
        name, amount, example = element
        tallies[name] = tallies.get(name, Tally()).plus(amount, () if example is None else (example,))
        return tallies

    def merge_accumulators(self, accumulators: Iterable[dict[str, Tally]]) -> dict[str, Tally]:
        total: dict[str, Tally] = {}
        for tallies in accumulators:
            for name, tally in tallies.items():
                total[name] = total.get(name, Tally()).plus(tally.count, tally.examples)
        return total

    def extract_output(self, tallies: dict[str, Tally]) -> dict[str, Tally]:
        return tallies


def _write_counts(tallies: dict[str, Tally], path: str) -> None:
    files.atomic_write(path, json.dumps({name: dataclasses.astuple(tally) for name, tally in tallies.items()}))


def load(staging: Staging) -> dict[str, Tally]:
    """Returns what `Count` counted, by name, in alphabetical order."""
    with open(staging.path(_COUNTS)) as file:
        return {name: Tally(count, tuple(examples)) for name, (count, examples) in sorted(json.load(file).items())}


def table(done: Mapping[str, int | float], left_out: Mapping[str, Tally], remedies: Mapping[str, str]) -> str:
    """Returns a table: a line for each number in `done`, two for each reason why something was left out.

        73  files converted
         3  damaged file: open it in a music program and export it again
            broken/garbled.mid, broken/header_only.mid, broken/truncated.mid

    Args:
      done: what was done, by its name.
      left_out: reason -> tally; the most frequent comes first, those that count nothing do not come.
      remedies: reason -> what to do about it, as far as there is something.
    """
    rows = [(_number(value), name, '') for name, value in done.items()]
    for reason, tally in sorted(left_out.items(), key=lambda item: (-item[1].count, item[0])):
        if tally.count:
            text = f'{reason}: {remedies[reason]}' if remedies.get(reason) else reason
            rows.append((_number(tally.count), text, ', '.join(tally.examples)))
    width = max(len(number) for number, _, _ in rows)
    lines = []
    for number, text, examples in rows:
        lines.append(f'{number:>{width}}  {text}')
        if examples:
            lines.append(' ' * (width + 2) + examples)
    return '\n'.join(lines)


def _number(value: int | float) -> str:
    return f'{value:,}' if isinstance(value, int) else f'{value:,.1f}'
