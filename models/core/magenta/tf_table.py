"""The sorted tables that TensorFlow's checkpoints are made of, read without TensorFlow.

A table is LevelDB's (https://github.com/google/leveldb/blob/main/doc/table_format.md), all numbers little endian:

    blocks    entries: varint shared, varint added, varint size, `added` bytes of the key, `size` bytes of value;
                  a key is the first `shared` bytes of the key before, and the added ones
              uint32 offsets of restarts, uint32 how many
              after each block: 1 byte compression, uint32 masked CRC-32C of the block and that byte
    footer    48 bytes: handles (varint offset, varint size) of two blocks, the meta index and the index; zeros; magic
    index     the handle of each block of data, by a key that is not before its last one

A table comes from anywhere. Each size in it is compared with the bytes there are before it is used, blocks must follow
each other and keys ascend, so that time and memory stay in proportion to the file.
"""

import os
import struct
from collections.abc import Iterator

from solferino.models.core.magenta.tf_proto import Reader
from solferino.models.core.storage.records import masked_crc

_MAGIC = struct.pack('<Q', 0xDB4775248B80FB57)
_UINT32 = struct.Struct('<I')
_FOOTER = 48
_TRAILER = 5
# A variable's name has some 100 bytes; in a hostile table each key could be longer than the one before.
_MAX_KEY = 4096


def is_table(path: str) -> bool:
    """Whether the file `path` ends as tables do."""
    with open(path, 'rb') as file:
        file.seek(max(0, os.path.getsize(path) - len(_MAGIC)))
        return file.read() == _MAGIC


def entries(table: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yields the keys, ascending, and the values of a table. Raises ValueError if it is not one, or damaged."""
    data = memoryview(table)
    if len(data) < _FOOTER or data[-len(_MAGIC) :] != _MAGIC:
        raise ValueError('it is no checkpoint of TensorFlow, or it is cut short')
    footer = Reader(data[-_FOOTER : -len(_MAGIC)])
    _handle(footer)  # the meta index, which is empty
    end, last = 0, None
    for _, handle in _block_entries(_block(data, *_handle(footer))):
        offset, size = _handle(Reader(handle))
        if offset < end:
            raise ValueError('it is damaged: its blocks overlap')
        end = offset + size
        for key, value in _block_entries(_block(data, offset, size)):
            if last is not None and key <= last:
                raise ValueError('it is damaged: its keys are not in order')
            last = key
            yield key, value


def _handle(reader: Reader) -> tuple[int, int]:
    return reader.varint(), reader.varint()


def _block(data: memoryview, offset: int, size: int) -> memoryview:
    if offset + size + _TRAILER > len(data):
        raise ValueError('it is damaged: a block reaches beyond the end of the file')
    (crc,) = _UINT32.unpack_from(data, offset + size + 1)
    if crc != masked_crc(bytes(data[offset : offset + size + 1])):
        raise ValueError('it is damaged: its contents do not match their checksum')
    if data[offset + size]:
        # From 1.2 on TensorFlow compresses none; before, Magenta's variables had other names.
        raise ValueError('it is compressed, as TensorFlow did before version 1.2; save it again with a later one')
    return data[offset : offset + size]


def _block_entries(block: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    restarts = (_UINT32.unpack(block[-_UINT32.size :])[0] + 1) * _UINT32.size if len(block) >= _UINT32.size else 1
    if restarts > len(block):
        raise ValueError('it is damaged: a block is too short')
    reader = Reader(block[: len(block) - restarts])
    key = b''
    while reader.left:
        shared, added, size = reader.varint(), reader.varint(), reader.varint()
        if shared > len(key) or shared + added > _MAX_KEY:
            raise ValueError('it is damaged: a key in it cannot be read')
        key = key[:shared] + reader.take(added)
        yield key, reader.take(size)
