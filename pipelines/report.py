"""Counts of what a run did and left out, and why: exact on any runner, for a table and a JSON file."""

import collections
import dataclasses
from collections.abc import Iterable, Mapping

from solferino.hparams import words

_EXAMPLES = 3


@dataclasses.dataclass(frozen=True)
class Tally:
    """A count, and the first few names, in alphabetical order, of what was counted."""

    count: int = 0
    examples: tuple[str, ...] = ()


class Counts:
    """Counts by name, with a few examples each; there should be few names."""

    def __init__(self) -> None:
        self._amounts: collections.Counter[str] = collections.Counter()
        self._examples: dict[str, list[str]] = collections.defaultdict(list)

    def add(self, name: str, amount: int = 1, example: str | None = None) -> None:
        """Adds an amount, and an example."""
        self._amounts[name] += amount
        if example is not None:
            self._examples[name] = _first({*self._examples[name], example})

    def plain(self) -> dict[str, tuple[int, list[str]]]:
        """Returns the counts as JSON types, for `add_up`."""
        return {name: (amount, self._examples[name]) for name, amount in self._amounts.items()}


def add_up(counts: Iterable[Mapping[str, tuple[int, Iterable[str]]]]) -> dict[str, Tally]:
    """Returns the sums of plain Counts by name, in alphabetical order."""
    amounts: collections.Counter[str] = collections.Counter()
    examples: dict[str, list[str]] = collections.defaultdict(list)
    for name, (amount, some) in (item for plain in counts for item in plain.items()):
        amounts[name] += amount
        examples[name] = _first({*examples[name], *some})
    return {name: Tally(amounts[name], tuple(examples[name])) for name in sorted(amounts)}


def _first(examples: Iterable[str]) -> list[str]:
    return sorted(examples)[:_EXAMPLES]


def table(
    done: Mapping[str, int | float],
    left_out: Mapping[str, Tally],
    remedies: Mapping[str, str],
    noticed: Mapping[str, Tally] | None = None,
) -> str:
    """Returns a table: a line for each number in `done`, two for what was noticed, or left out for a reason.

        73  files converted
         3  damaged file: open it in a music program and export it again
            broken/garbled.mid, broken/header_only.mid, broken/truncated.mid

    Args:
      done: what was done, by its name.
      left_out: reason -> tally; shown by frequency, without those of count 0.
      remedies: reason -> what to do about it, if known.
      noticed: remark -> tally, of what was not left out; shown likewise.
    """
    rows = [(_number(value), words.agreeing(value, name), '') for name, value in done.items()]
    for what, tally in _by_count(noticed or {}):
        rows.append((_number(tally.count), words.agreeing(tally.count, what), ', '.join(tally.examples)))
    for reason, tally in _by_count(left_out):
        text = f'{reason}: {remedies[reason]}' if remedies.get(reason) else reason
        rows.append((_number(tally.count), text, ', '.join(tally.examples)))
    width = max(len(number) for number, _, _ in rows)
    lines = []
    for number, text, examples in rows:
        lines.append(f'{number:>{width}}  {text}')
        if examples:
            lines.append(' ' * (width + 2) + examples)
    return '\n'.join(lines)


def _by_count(tallies: Mapping[str, Tally]) -> list[tuple[str, Tally]]:
    """By frequency, without those of count 0."""
    counted = ((name, tally) for name, tally in tallies.items() if tally.count)
    return sorted(counted, key=lambda item: (-item[1].count, item[0]))


def _number(value: int | float) -> str:
    return f'{value:,}' if isinstance(value, int) else f'{value:,.1f}'
