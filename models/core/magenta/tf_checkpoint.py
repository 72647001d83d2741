"""Reads the variables of TensorFlow's checkpoints, without TensorFlow: data only, no graph is looked at.

V1: one file, a table (see `tf_table.py`); field numbers in tensorflow/core/util/saved_tensor_slice.proto

    ''              SavedTensorSlices: name, shape and type of each variable
    other keys      SavedTensorSlices: name and values of a variable

V2: name.index, a table, and name.data-0000N-of-0000M; tensorflow/core/protobuf/tensor_bundle.proto

    ''              BundleHeaderProto: how many data files
    a name          BundleEntryProto: shape and type of this variable, and where its values are

A variable in parts (a partitioned one) is refused: Magenta has none.
"""

import itertools
import math
import os
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from solferino.models.core.magenta import tf_table
from solferino.models.core.magenta.tf_proto import Reader, blob, blobs, number, text
from solferino.models.core.storage.records import masked_crc

INDEX = '.index'
# DataType -> NumPy's type, and the field of TensorProto with such values.
_TYPES = {1: ('<f4', 5), 2: ('<f8', 6), 3: ('<i4', 7), 9: ('<i8', 10)}
_MAX_RANK = 8
_MAX_VARIABLES = 10_000
# An index has some 100 bytes for a variable.
_MAX_INDEX_BYTES = 1 << 24
# More than this is refused before it is read: the largest config of Magenta has some 30 MB, with its optimizer.
_MAX_BYTES = 1 << 31


class _Kind(NamedTuple):
    shape: tuple[int, ...]
    dtype: np.dtype
    field: int

    @property
    def num_values(self) -> int:
        return math.prod(self.shape)


def read(prefix: str) -> dict[str, np.ndarray]:
    """Returns the variables of the checkpoint `prefix` by name.

    Raises:
      ValueError: "it ...", if it is not one.
      OSError: one of its files cannot be read.
    """
    if os.path.isfile(prefix + INDEX):
        return read_v2(prefix)
    if os.path.getsize(prefix) > _MAX_BYTES:
        raise ValueError('it is larger than any model of Magenta')
    with open(prefix, 'rb') as file:
        return parse_v1(file.read())


def parse_v1(data: bytes) -> dict[str, np.ndarray]:
    """Returns the variables in the bytes of a V1 checkpoint, by name. Raises ValueError, "it ...", if it is not one."""
    entries = tf_table.entries(data)
    kinds = _kinds_v1(entries)
    variables = {}
    for _, value in entries:
        saved = blob(value, 2)
        name = text(saved, 1)
        if name not in kinds or name in variables or _is_part(blob(saved, 2)):
            raise ValueError(f'it holds a part of the variable {name!r}, or one that it does not announce')
        variables[name] = _values_v1(blob(saved, 3), kinds[name], name)
    if len(variables) != len(kinds):
        raise ValueError('it lacks some of its variables')
    return variables


def read_v2(prefix: str) -> dict[str, np.ndarray]:
    """As `read`, for V2."""
    if os.path.getsize(prefix + INDEX) > _MAX_INDEX_BYTES:
        raise ValueError('it is no checkpoint of TensorFlow: its index is larger than any')
    with open(prefix + INDEX, 'rb') as file:
        entries = tf_table.entries(file.read())
    key, header = next(entries, (b'', memoryview(b'')))
    shards, big_endian = number(header, 1), number(header, 2)
    if key or not 1 <= shards <= _MAX_VARIABLES or big_endian:
        raise ValueError('it is no checkpoint of TensorFlow, or from a machine with another order of bytes')
    paths = [f'{prefix}.data-{shard:05}-of-{shards:05}' for shard in range(shards)]
    sizes = [os.path.getsize(path) for path in paths]
    left = min(sum(sizes), _MAX_BYTES)
    variables: dict[str, np.ndarray] = {}
    for key, entry in entries:
        name, kind = str(key, 'utf-8', 'replace'), _kind(number(entry, 1), blob(entry, 2))
        shard, offset, size = (number(entry, field) for field in (3, 4, 5))
        left -= size
        if shard >= shards or left < 0 or offset + size > sizes[shard] or size != kind.num_values * kind.dtype.itemsize:
            raise ValueError(f'it is damaged: it has not as many values of {name!r} as it says')
        if len(variables) == _MAX_VARIABLES or next(blobs(entry, 7), None) is not None:
            raise ValueError(f'it holds a part of the variable {name!r}, or too many variables')
        with open(paths[shard], 'rb') as file:
            file.seek(offset)
            values = file.read(size)
        if int.from_bytes(blob(entry, 6), 'little') != masked_crc(values):
            raise ValueError(f'it is damaged: the values of {name!r} do not match their checksum')
        variables[name] = np.frombuffer(values, kind.dtype).reshape(kind.shape)
    return variables


def _kinds_v1(entries: Iterator[tuple[bytes, memoryview]]) -> dict[str, _Kind]:
    key, value = next(entries, (b'', memoryview(b'')))
    kinds: dict[str, _Kind] = {}
    for meta in blobs(blob(value, 1), 1):
        kinds[text(meta, 1)] = _kind(number(meta, 3), blob(meta, 2))
        if len(kinds) > _MAX_VARIABLES:
            raise ValueError('it holds too many variables')
    if key or not kinds:
        raise ValueError('it is no checkpoint of TensorFlow: it holds no variables')
    return kinds


def _kind(data_type: int, shape: memoryview) -> _Kind:
    if data_type not in _TYPES:
        raise ValueError('it holds what no model of Magenta does: neither floats nor whole numbers')
    dims = [number(dim, 1) for dim in itertools.islice(blobs(shape, 2), _MAX_RANK + 1)]
    if len(dims) > _MAX_RANK or math.prod(dim or 1 for dim in dims) >= 1 << 40:
        raise ValueError('it is damaged: a variable is too large')
    dtype, field = _TYPES[data_type]
    return _Kind(tuple(dims), np.dtype(dtype), field)


def _is_part(tensor_slice: memoryview) -> bool:
    """Whether one of the extents has a length: those of a whole variable have none."""
    return any(len(extent) for extent in blobs(tensor_slice, 1))


def _values_v1(tensor: memoryview, kind: _Kind, name: str) -> np.ndarray:
    packed = blob(tensor, kind.field)
    if kind.dtype.kind == 'f':
        values = np.frombuffer(packed, kind.dtype) if len(packed) == kind.num_values * kind.dtype.itemsize else None
    else:
        values = _varints(packed, kind) if kind.num_values <= len(packed) else None
    if values is None:
        raise ValueError(f'it is damaged: it has not as many values of {name!r} as it says')
    return values.reshape(kind.shape)


def _varints(packed: memoryview, kind: _Kind) -> np.ndarray:
    reader = Reader(packed)
    numbers = np.fromiter((reader.varint() for _ in range(kind.num_values)), np.uint64, kind.num_values)
    if reader.left:
        raise ValueError('it is damaged: it has more values than it says')
    return numbers.astype(kind.dtype)
