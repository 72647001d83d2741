"""Reads tables of voices: chorales as they circulate in machine learning, a row of pitches for each 16th.

A file is JSON, or NumPy's archive (.npz), with splits by name: {'train': [chorale, ...], 'valid': ...}. A chorale is
[T, V], the MIDI pitch that each of V voices sounds in each step; nan or a number below 0 is a rest. That a note is
struck again is not in it: equal neighbours are one note.

The archives hold pickled lists of arrays. Nothing that a pickle names is called, NumPy's own functions neither, which
take pointers from one that lies: stand-ins note what was said of an array, and it is made of that. Whatever else is
named is refused.
"""

import io
import json
import pickle
import re
import warnings
import zipfile
from typing import Any, NamedTuple

import numpy as np

from solferino.models.music.reading.midi_notes import NO_CONTROLS, Instrument, Music, Notes
from solferino.models.music.reading.remarks import DAMAGED, NOT_VOICES, Refused

_QPM = 120.0  # a table says no tempo
_SECONDS = 60 / _QPM / 4  # of a step, a 16th
_RESOLUTION = 480
_VELOCITY = 80
_MOST_VOICES, _MOST_STEPS = 16, 1 << 20
_TYPE = re.compile('[biuf][1248]')  # numbers


class Table(NamedTuple):
    """A piece of a file: 'train_1', and its music."""

    name: str
    music: Music


def read(content: bytes) -> list[Table]:
    """Returns the pieces of a file. Raises Refused if it is something else or damaged."""
    splits = _archive(content) if content.startswith(b'PK') else _json(content)
    found = []
    for split, chorales in splits.items():
        for number, chorale in enumerate(chorales, 1):
            found.append(Table(f'{split}_{number}', _music(_pitches(chorale, f'{split} {number}'))))
    if not found:
        raise Refused(NOT_VOICES, 'there is no piece in it')
    return found


def _json(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise Refused(NOT_VOICES, 'it is no JSON') from None
    if not isinstance(value, dict) or not value or not all(isinstance(split, list) for split in value.values()):
        raise Refused(NOT_VOICES, 'it is other JSON')
    return value


class _Type:
    """A numpy.dtype that is told of: its name, and the order of its bytes."""

    def __init__(self, name: Any, *_: Any):
        if not isinstance(name, str) or not (name in ('O', 'O8') or _TYPE.fullmatch(name)):
            raise Refused(NOT_VOICES, f'there are no numbers in it, but {name!r:.40}')
        self._name, self._order = name, '='

    def __setstate__(self, state: Any) -> None:
        self._order = state[1] if state[1] in ('<', '>') else '='

    @property
    def holds_objects(self) -> bool:
        return self._name.startswith('O')

    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self._order + self._name)


class _Array:
    """A numpy.ndarray that is told of."""

    _state: Any = None

    def __setstate__(self, state: Any) -> None:
        self._state = state

    def value(self) -> Any:
        """The array, of numbers; a list of what an array of objects holds."""
        _, shape, kind, is_fortran, data = self._state
        if kind.holds_objects:
            if len(shape) != 1:
                raise Refused(NOT_VOICES, 'its pieces are in no list')
            return _value(list(data))
        if not isinstance(data, bytes):
            raise Refused(NOT_VOICES, 'there are no numbers in an array')
        return np.frombuffer(data, kind.dtype()).reshape(shape, order='F' if is_fortran else 'C')


def _value(told: Any) -> Any:
    if isinstance(told, _Array):
        return told.value()
    return [_value(one) for one in told] if isinstance(told, list | tuple) else told


def _encode(text: str, _: str) -> bytes:
    """Bytes, as pickles of the old protocols write them."""
    return text.encode('latin1')


_STAND_INS: dict[tuple[str, str], Any] = {
    ('numpy.core.multiarray', '_reconstruct'): lambda *_: _Array(),
    ('numpy._core.multiarray', '_reconstruct'): lambda *_: _Array(),
    ('numpy', 'ndarray'): None,  # named as the kind of what is told of
    ('numpy', 'dtype'): _Type,
    ('_codecs', 'encode'): _encode,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STAND_INS:
            raise pickle.UnpicklingError(f'it names {module}.{name}')
        return _STAND_INS[module, name]


def _archive(content: bytes) -> dict[str, Any]:
    found = {}
    try:
        with warnings.catch_warnings(action='ignore'), zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.infolist():
                if member.filename.endswith('.npy'):
                    found[member.filename.removesuffix('.npy')] = _array(archive.read(member))
    except (MemoryError, Refused):
        raise
    except Exception as error:  # whatever a damaged archive, array or pickle raises
        raise Refused(DAMAGED, f'{error}') from None
    if not found:
        raise Refused(NOT_VOICES, 'there are no arrays in it')
    return found


def _array(content: bytes) -> Any:
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    _, _, dtype = header(file)
    if not dtype.hasobject:
        file.seek(0)
        return np.lib.format.read_array(file, allow_pickle=False)
    return _value(_Unpickler(file, encoding='latin1').load())


def _pitches(chorale: Any, name: str) -> np.ndarray:
    """int [T, V], -1 for a rest."""
    try:
        table = np.array(chorale, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise Refused(NOT_VOICES, f'{name} is no table of pitches') from None
    if table.ndim != 2 or not 1 <= table.shape[1] <= _MOST_VOICES or not 1 <= len(table) <= _MOST_STEPS:
        raise Refused(NOT_VOICES, f'{name} is no table of pitches, one for each step and voice')
    table = np.where(np.isnan(table) | (table < 0), -1, table)
    if table.max() > 127 or (table != table.round()).any():
        raise Refused(NOT_VOICES, f'{name} has numbers that are no MIDI pitches')
    return table.astype(np.int64)


def _music(pitches: np.ndarray) -> Music:
    rows: list[tuple[int, int, int, int]] = []  # voice, end, start, pitch
    for voice, line in enumerate(pitches.T):
        begins = np.flatnonzero(np.append(True, line[1:] != line[:-1]))
        ends = np.append(begins[1:], len(line))
        rows += [(voice, int(b), int(a), int(line[a])) for a, b in zip(begins, ends, strict=True) if line[a] >= 0]
    columns = np.array(rows, np.int64).reshape(-1, 4).T
    players = np.unique(columns[0])
    notes = Notes(
        np.searchsorted(players, columns[0]),
        columns[3].astype(np.uint8),
        np.full(len(rows), _VELOCITY, np.uint8),
        columns[2] * _SECONDS,
        columns[1] * _SECONDS,
    )
    instruments = [Instrument(0, False, f'voice {player + 1}') for player in players.tolist()]
    return Music(_RESOLUTION, [(0.0, 4, 4)], [], [(0.0, _QPM)], instruments, notes, NO_CONTROLS, NO_CONTROLS)
