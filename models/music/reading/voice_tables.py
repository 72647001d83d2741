"""Reads tables of voices: chorales as they circulate in machine learning, a row of pitches for each 16th.

A file is JSON, or NumPy's archive (.npz), with splits by name: {'train': [chorale, ...], 'valid': ...}. A chorale is
[T, V], the MIDI pitch that each of V voices sounds in each step; nan or a number below 0 is a rest. That a note is
struck again is not in it: equal neighbours are one note.

The archives hold pickled lists of arrays. Of a pickle nothing but arrays is made: whatever else it names is refused.
"""

import io
import json
import pickle
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
# What pickled arrays are made of, by the names of NumPy 1 and 2.
_ARRAYS = {('numpy.core.multiarray', '_reconstruct'), ('numpy._core.multiarray', '_reconstruct'), ('numpy', 'ndarray'),
           ('numpy', 'dtype'), ('_codecs', 'encode')}  # fmt: skip


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


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ARRAYS:
            raise pickle.UnpicklingError(f'it names {module}.{name}')
        return super().find_class(module, name)


def _archive(content: bytes) -> dict[str, Any]:
    found = {}
    try:
        with warnings.catch_warnings(action='ignore'), zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.infolist():
                if member.filename.endswith('.npy'):
                    found[member.filename.removesuffix('.npy')] = _array(archive.read(member))
    except MemoryError:
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
    return _Unpickler(file, encoding='latin1').load()


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
