"""Named arrays and a JSON object in one safetensors file: the format of checkpoints and bundles.

safetensors is data only: reading such a file runs no code, and needs no TensorFlow.
"""

import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors
from safetensors.numpy import save

from solferino.models.core.storage import schemas

_METADATA = 'solferino'
_CHECKSUM = 'crc32'
_MAX_RANK, _MAX_SIZE = 8, 1 << 31  # of an array, and along a dimension

# safetensors' names of NumPy's types; the other types are from ml_dtypes.
_NUMPY = {
    'BOOL': 'bool',
    'U8': 'uint8',
    'I8': 'int8',
    'U16': 'uint16',
    'I16': 'int16',
    'U32': 'uint32',
    'I32': 'int32',
    'U64': 'uint64',
    'I64': 'int64',
    'F16': 'float16',
    'F32': 'float32',
    'F64': 'float64',
}
_ML_DTYPES = {'BF16': 'bfloat16', 'F8_E4M3': 'float8_e4m3fn', 'F8_E5M2': 'float8_e5m2'}


def dump(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, Any]) -> bytes:
    """Returns the bytes of a safetensors file with `arrays`, and `metadata` as JSON in its header.

    The same arrays and metadata give the same bytes.
    """
    # The library writes an array's memory and ignores its strides.
    arrays = {name: np.asarray(array, order='C') for name, array in arrays.items()}
    header = {_METADATA: json.dumps(metadata, sort_keys=True), _CHECKSUM: str(_checksum(arrays))}
    return _in_order(save(arrays, metadata=header))


def parse(data: bytes, schema: Any = dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Returns the arrays and the metadata of `dump`.

    Args:
      data: the file.
      schema: what the metadata must be, see `schemas.require`.

    Raises:
      ValueError: it is not from `dump` or is damaged; the message continues "the file ...".
    """
    try:
        entries = safetensors.deserialize(data)
    except safetensors.SafetensorError:
        raise ValueError('is not a safetensors file or is cut short') from None
    # The library has checked this header: 8 bytes of length, then JSON.
    header = schemas.loads(data[8 : 8 + int.from_bytes(data[:8], 'little')]).get('__metadata__') or {}
    if _METADATA not in header:
        raise ValueError('was not written by Solferino')
    arrays = {name: _array(entry) for name, entry in sorted(entries)}  # the library's order is random
    if header.get(_CHECKSUM) != str(_checksum(arrays)):
        raise ValueError('is damaged: its contents do not match its checksum')
    try:
        metadata = schemas.loads(header[_METADATA])
        schemas.require(metadata, schema)
    except ValueError as error:
        raise ValueError(f'is damaged: its settings cannot be used ({error})') from None
    return arrays, metadata


def require_finite(weights: Mapping[str, np.ndarray]) -> None:
    """Raises ValueError, with a message that continues "the file ...", for weights that are NaN or infinite.

    With them all results of a model are NaN, and generation would still make notes of them.
    """
    for name, array in weights.items():
        if not np.isfinite(array).all():
            raise ValueError(f'holds weights that are not finite numbers: {name}')


def _in_order(data: bytes) -> bytes:
    """The same file with its header in the order of names: the library's order is random."""
    end = 8 + int.from_bytes(data[:8], 'little')
    header = json.dumps(json.loads(data[8:end]), sort_keys=True, separators=(',', ':')).encode()
    header += b' ' * (-len(header) % 8)
    return len(header).to_bytes(8, 'little') + header + data[end:]


def _array(entry: Mapping[str, Any]) -> np.ndarray:
    name = entry['dtype']
    if name in _NUMPY:
        dtype = np.dtype(_NUMPY[name])
    elif name in _ML_DTYPES:
        import ml_dtypes  # comes with TensorFlow; needed for these types alone

        dtype = np.dtype(getattr(ml_dtypes, _ML_DTYPES[name]))
    else:
        raise ValueError(f'holds numbers of type {name}, which this version does not know')
    shape = entry['shape']  # the library has checked that it fits the number of values, which may be 0
    if len(shape) > _MAX_RANK or max(shape, default=0) > _MAX_SIZE:
        raise ValueError(f'holds an array of a shape that there is not: {shape}')
    return np.frombuffer(entry['data'], dtype).reshape(shape).copy()


def _checksum(arrays: Mapping[str, np.ndarray]) -> int:
    value = 0
    for name in sorted(arrays):
        value = zlib.crc32(arrays[name].tobytes(), zlib.crc32(name.encode(), value))
    return value
