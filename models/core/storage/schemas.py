"""Schemas of stored JSON, which is validated before it is used.

The module that owns a file declares its contents as a TypedDict; msgspec validates. Unknown keys are allowed: a later
version may have written them. Numbers have ranges, since Python's integers have none.
"""

import functools
import json
from typing import Annotated, Any, TypedDict

import msgspec

_MAX_DEPTH = 32  # of nested lists and objects; ours have five

# Counts of things, steps, bytes.
Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]
# A model's matrices have seeds a little above it, and TensorFlow's are below 2**63.
Seed = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]
# Of a process.
Pid = Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)]
# Seconds since 1970, up to the year 9999.
Time = Annotated[float, msgspec.Meta(ge=0, le=253_000_000_000)]
Temperature = Annotated[float, msgspec.Meta(gt=0, le=1e6)]
# Means of measures of music, by their names.
Means = dict[str, Annotated[float, msgspec.Meta(ge=0, le=1e6)]]


class Tally(TypedDict, total=False):
    """A count of something, with examples; see `pipelines.report`."""

    count: Count
    examples: list[str]


class Settings(TypedDict, total=False):
    """A config with its values; see `settings.record_of`."""

    family: str
    config: str
    hparams: dict[str, Any]
    extraction: dict[str, Any]
    learned: dict[str, Any]
    dynamics: dict[str, Any]


def loads(text: str | bytes) -> Any:
    """Returns the value of a JSON text. Raises ValueError if it is not JSON, or nested too deep."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError('it is nested too deep') from None
    layer = [value]
    for _ in range(_MAX_DEPTH):
        layer = [inner for outer in layer for inner in _inner(outer)]
        if not layer:
            return value
    raise ValueError('it is nested too deep')


def require(value: Any, schema: Any) -> None:
    """Raises ValueError if a value of `loads` does not fit the type `schema`; the message says where and why."""
    try:
        msgspec.convert(value, schema)
    except msgspec.ValidationError as error:
        raise ValueError(in_words(str(error))) from None


def _inner(value: Any) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


@functools.cache
def in_words(text: str) -> str:
    """What msgspec says, for people: 'Expected `int`, got `str` - at `$.seed`' -> 'seed: expected int, got str'"""
    problem, _, path = text.partition(' - at ')
    problem = problem.replace('`', '')
    path = path.strip('`').removeprefix('$').removeprefix('.')
    problem = problem[:1].lower() + problem[1:]
    return f'{path}: {problem}' if path else problem
