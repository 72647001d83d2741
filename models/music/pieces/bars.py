"""Bars and their metres, as they are counted and drawn."""

import dataclasses

MAX_BARS = 64  # a longer piece is drawn to here


@dataclasses.dataclass(frozen=True)
class Metre:
    """A time signature, and how long a bar and a beat are."""

    name: str
    bar: float
    beat: float


@dataclasses.dataclass(frozen=True)
class Bar:
    """Number of a bar from 1, where it begins and ends, and whether its metre is a new one."""

    number: int
    start: float
    end: float
    metre: Metre
    is_new_metre: bool


def metre(numerator: int, denominator: int, per_quarter: float) -> Metre:
    """Returns the metre of a time signature, `per_quarter` steps to a quarter."""
    unit = 4 * per_quarter / denominator
    compound = denominator >= 8 and numerator % 3 == 0 and numerator > 3  # beats of three units, as in 6/8
    return Metre(f'{numerator}/{denominator}', numerator * unit, 3 * unit if compound else unit)
