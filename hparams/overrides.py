"""Typed hyperparameters: `--hparams="a=1,b=[2,3]"` read into frozen dataclasses, compared, and written as JSON.

A family's hyperparameters are a frozen dataclass whose fields are int, float, bool, str or a tuple of one of
these. Nothing here knows which family it serves.
"""

import dataclasses
import math
import re
import typing
from typing import Any, TypeVar

from solferino.hparams import bounds
from solferino.hparams.errors import SolferinoError

H = TypeVar('H')

# A number in a damaged file must not become a size.
_LARGEST = {int: (1 << 31) - 1, float: 1e38}
_MOST = {int: 1000, float: 1 << 16, str: 1 << 20, bool: 1000}  # values in a list
_SHOWN = 60  # characters of a value

# name=value, where a value in square brackets may hold commas.
_PAIR = re.compile(r'\s*(?P<name>[A-Za-z_]\w*)\s*=\s*(?P<value>\[[^\]]*\]|[^,\[\]]*)\s*(?:,|$)')


def parse(defaults: H, text: str, flag: str = '--hparams') -> H:
    """Returns `defaults` with the comma-separated `name=value` pairs of `text` put in.

    Raises:
      SolferinoError: an unknown name, a value of the wrong type, a name given twice, or text that is not such a list.
    """
    values: dict[str, Any] = {}
    position = 0
    text = text.strip()
    while position < len(text):
        match = _PAIR.match(text, position)
        if not match:
            raise SolferinoError(
                f'{flag}: cannot read {text[position:]!r}. Write name=value pairs with commas between them and lists '
                f'in brackets, such as "{_example(defaults)}".'
            )
        name = match['name']
        if name in values:
            raise SolferinoError(f'{flag}: {name} is given twice.')
        values[name] = _convert(defaults, name, match['value'].strip(), flag)
        position = match.end()
    return replace(defaults, values, flag)


def replace(defaults: H, values: dict[str, Any], source: str) -> H:
    """Returns `defaults` with `values` put in: already typed, or as JSON gives them (lists for tuples).

    Raises:
      SolferinoError: an unknown name, or a value of the wrong type or outside its range; names `source`.
    """
    typed = {}
    for name, value in values.items():
        kind = _field_type(defaults, name, source)
        typed[name] = _check(name, value, kind, source)
    try:
        for name, value in typed.items():
            bounds.require(name, value)
        return dataclasses.replace(defaults, **typed)  # type: ignore[type-var]  # H is always a dataclass
    except ValueError as error:  # raised by __post_init__, which checks ranges
        raise SolferinoError(f'{source}: {error}') from error


def as_dict(hparams: Any) -> dict[str, Any]:
    """The values as JSON types (tuples become lists)."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(hparams).items()}


def require_equal(given: Any, stored: Any, given_in: str, stored_in: str, names: typing.Iterable[str]) -> None:
    """Raises SolferinoError when `given` and `stored` differ in one of `names`, with both values.

    A repeated setting is no error; a contradicting one never wins silently.
    """
    differing = [n for n in names if getattr(given, n) != getattr(stored, n)]
    if differing:
        rows = ', '.join(
            f'{n} is {_show(getattr(stored, n))} in {stored_in} but {_show(getattr(given, n))} in {given_in}'
            for n in differing
        )
        raise SolferinoError(f'{rows}. Leave {given_in} out to use the stored value.')


def names_in(text: str) -> list[str]:
    """The names that an `--hparams` text sets, in order (the text must have been parsed before)."""
    return [m['name'] for m in _PAIR.finditer(text.strip()) if m['name']]


def pairs(text: str) -> list[str]:
    """The `name=value` pairs of an `--hparams` text, in order (the text must have been parsed before)."""
    return [f'{m["name"]}={m["value"].strip()}' for m in _PAIR.finditer(text.strip()) if m['name']]


def _convert(defaults: Any, name: str, text: str, flag: str) -> Any:
    kind = _field_type(defaults, name, flag)
    if typing.get_origin(kind) is tuple:
        if not (text.startswith('[') and text.endswith(']')):
            raise _wrong_type(name, text, kind, flag)
        inner = text[1:-1].strip()
        item = typing.get_args(kind)[0]
        return tuple(_scalar(name, part.strip(), item, kind, flag) for part in inner.split(',')) if inner else ()
    return _scalar(name, text, kind, kind, flag)


def _scalar(name: str, text: str, item: Any, kind: Any, flag: str) -> Any:
    try:
        if item is bool:
            return {'true': True, '1': True, 'false': False, '0': False}[text.lower()]
        if item is str:
            return text
        value = item(text)
    except (ValueError, KeyError):
        raise _wrong_type(name, text, kind, flag) from None
    if item is float and not math.isfinite(value):
        raise _wrong_type(name, text, kind, flag)
    return value


def _check(name: str, value: Any, kind: Any, source: str) -> Any:
    if typing.get_origin(kind) is tuple:
        if isinstance(value, (list, tuple)):
            item = typing.get_args(kind)[0]
            if len(value) > _MOST[item]:
                raise SolferinoError(f'{source}: {name} has {len(value)} values; it can have {_MOST[item]} at most.')
            return tuple(_check(name, v, item, source) for v in value)
    elif type(value) in (int, kind) and kind in (int, float):
        if not -_LARGEST[kind] <= value <= _LARGEST[kind]:  # nan is neither
            raise SolferinoError(f'{source}: {name}={_shortened(value)} must be a number up to {_LARGEST[kind]}.')
        return kind(value)
    elif type(value) is kind:
        return value
    raise _wrong_type(name, value, kind, source)


def _field_type(defaults: Any, name: str, source: str) -> Any:
    kinds = typing.get_type_hints(type(defaults))
    valid = [f.name for f in dataclasses.fields(defaults)]
    if name not in valid:
        raise SolferinoError(f'{source}: there is no hyperparameter {name!r}. Valid names: {", ".join(valid)}.')
    return kinds[name]


def _wrong_type(name: str, value: Any, kind: Any, source: str) -> SolferinoError:
    if typing.get_origin(kind) is tuple:
        wanted = f'a list of {typing.get_args(kind)[0].__name__} such as [64,64]'
    else:
        wanted = {int: 'a whole number', float: 'a number', bool: 'true or false', str: 'a word'}[kind]
    return SolferinoError(f'{source}: {name}={_shortened(value)} is not {wanted}.')


def _shortened(value: Any) -> str:
    """A value in a message, however long it is."""
    text = str(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + '...'


def _example(defaults: Any) -> str:
    pairs = list(as_dict(defaults).items())[:2]
    return ','.join(f'{k}={_show(tuple(v) if isinstance(v, list) else v)}' for k, v in pairs)


def _show(value: Any) -> str:
    return '[' + ','.join(map(str, value)) + ']' if isinstance(value, (tuple, list)) else str(value)
