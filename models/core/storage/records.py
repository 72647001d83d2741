"""TFRecord files without TensorFlow.

A record is framed as
  length   uint64, little endian
  uint32   masked CRC-32C of the length's 8 bytes
  data     `length` bytes
  uint32   masked CRC-32C of the data
(https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details).
"""

import glob
import os
import re
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, NamedTuple, Self

import google_crc32c

from solferino.hparams import bounds
from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage.files import Kind, atomic_open, require_regular

_LENGTH = struct.Struct('<Q')
_CRC = struct.Struct('<I')
_HEADER = _LENGTH.size + _CRC.size
_FOOTER = _CRC.size
_BUFFER = 1 << 18  # bytes that are read or written at a time

_SPEC = re.compile(r'(?P<stem>.*)@(?P<shards>\d+)(?P<extension>(\.[^./@]*)?)$', re.DOTALL)
_SHARD = re.compile(r'(?P<stem>.*)-(?P<shard>\d{5,})-of-(?P<shards>\d{5,})(?P<extension>(\.[^./]*)?)$', re.DOTALL)


class Span(NamedTuple):
    """Where a record's frame starts in its file, and the length of its data, both in bytes."""

    offset: int
    length: int

    @property
    def end(self) -> int:
        """Where the next frame starts."""
        return self.offset + _HEADER + self.length + _FOOTER


def shard_paths(spec: str) -> list[str]:
    """'name@8.tfrecord' -> ['name-00000-of-00008.tfrecord', ...]; any other path -> [path].

    Raises SolferinoError for zero shards, and for more than five digits can count.
    """
    match = _SPEC.match(spec)
    if not match:
        return [spec]
    shards = int(match['shards'])
    if not 0 < shards <= bounds.AT_MOST['num_shards']:
        raise SolferinoError(
            f'{spec}: the number of shards after @ must be from 1 to {bounds.AT_MOST["num_shards"]:,}.'
        )
    return [f'{match["stem"]}-{i:05}-of-{shards:05}{match["extension"]}' for i in range(shards)]


def stem(spec: str) -> str:
    """'dir/name@8.tfrecord' or 'dir/name.tfrecord' -> 'dir/name'"""
    match = _SPEC.match(spec)
    return match['stem'] if match else spec.removesuffix('.tfrecord')


def with_shards(path: str, shards: int) -> str:
    """'name.tfrecord', 8 -> 'name@8.tfrecord'. Raises SolferinoError if the path asks for another number of shards."""
    match = _SPEC.match(path)
    if match and int(match['shards']) != shards:
        raise SolferinoError(f'{path} asks for {match["shards"]} shards, and {shards} are asked for beside it.')
    root, extension = os.path.splitext(path)
    return path if match else f'{root}@{shards}{extension}'


def expand(pattern: str) -> list[str]:
    """Finds the files that match `pattern`, sorted, each once.

    Args:
      pattern: a path, a glob pattern (`*`, `?`, `[...]`, `**`), a sharded name such as 'name@8.tfrecord', or several of
        these separated by commas; `~` is the home folder.

    Raises:
      SolferinoError: nothing matches, or a shard of a set is missing.
    """
    paths = set()
    parts = [pattern] if os.path.isfile(pattern) else pattern.split(',')
    for part in (os.path.expanduser(p.strip()) for p in parts if p.strip()):
        if os.path.isdir(part):
            raise SolferinoError(f'{part} is a folder, not a file. {_named_in(part)}')
        found = [part] if os.path.exists(part) else shard_paths(part)
        if found == [part] and not os.path.exists(part):
            found = [path for path in glob.glob(part, recursive=True) if os.path.isfile(path)]
        if not found:
            raise SolferinoError(f'No file matches {part!r} (looked for from {os.getcwd()}). Check the path.')
        paths.update(found)
    if not paths:
        raise SolferinoError(f'No file is named in {pattern!r}.')
    require_whole_sets(paths, lambda spec: [path for path in shard_paths(spec) if not os.path.exists(path)])
    return sorted({os.path.realpath(path): path for path in sorted(paths)}.values())


def _named_in(folder: str) -> str:
    """What to name instead of a folder. Not a pattern: beside what a model learns from lies what is held out."""
    there = sorted(glob.glob(os.path.join(glob.escape(folder), '*.tfrecord')))
    if not there:
        return 'There is no TFRecord file in it.'
    more = f', and {len(there) - 3:,} more' if len(there) > 3 else ''
    return f'Name a file in it, of {", ".join(there[:3])}{more}.'


def require_whole_sets(paths: Iterable[str], missing_of: Callable[[str], list[str]]) -> None:
    """Raises SolferinoError if a set of shards is incomplete, as after a killed run, or another lies beside it.

    `missing_of` returns those of the shards of 'name@8.tfrecord' that are not there.
    """
    sets = {(m['stem'], m['shards'], m['extension']) for m in map(_SHARD.match, paths) if m}
    specs: dict[tuple[str, str], str] = {}
    for stem, shards, extension in sorted(sets):
        spec = f'{stem}@{int(shards)}{extension}'
        other = specs.setdefault((stem, extension), spec)
        if other != spec:
            raise SolferinoError(f'{other} and {spec} are there both. Name the one that you mean, or remove the other.')
        if int(shards) and (missing := missing_of(spec)):
            raise SolferinoError(
                f'{len(missing)} of the {int(shards)} shards of {spec} are missing, first {missing[0]}. '
                'Was the run that wrote them stopped? Write them again.'
            )


def index(path: str) -> Iterator[Span]:
    """Yields the span of each record; reads lengths only. Raises SolferinoError as `read`, but not for the data."""
    with _open(path) as file:
        yield from index_of(file, path, os.fstat(file.fileno()).st_size)


def index_of(file: IO[bytes], path: str, size: int) -> Iterator[Span]:
    """As `index`, of an open file of `size` bytes that is called `path` in errors."""
    offset = number = 0
    while offset < size:
        file.seek(offset)
        span = Span(offset, _length(file, path, number, offset, size))
        yield span
        offset, number = span.end, number + 1


def count(path: str) -> int:
    """Returns the number of records. Raises SolferinoError as `index` does."""
    return sum(1 for _ in index(path))


def read(path: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """Yields the data of each record.

    Args:
      path: a TFRecord file.
      start, end: only the records whose frames start in this range of bytes; `start` must be where one does.

    Raises:
      SolferinoError: the file cannot be opened, is no TFRecord file, is cut short or is damaged; the message names the
        file and the record, counted from 0 at `start`.
    """
    with _open(path) as file:
        yield from read_of(file, path, os.fstat(file.fileno()).st_size, start, end)


def read_of(file: IO[bytes], path: str, size: int, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """As `read`, of an open file of `size` bytes that is called `path` in errors."""
    end = size if end is None else end
    file.seek(start)
    offset, number = start, 0
    while offset < end:
        length = _length(file, path, number, offset, size)
        data = file.read(length)
        if _CRC.unpack(file.read(_FOOTER))[0] != masked_crc(data):
            raise _damaged(path, number, offset, 'its data does not match its checksum')
        yield data
        offset, number = Span(offset, length).end, number + 1


def _open(path: str) -> IO[bytes]:
    try:
        require_regular(path)
        return open(path, 'rb', buffering=_BUFFER)
    except OSError as error:
        raise SolferinoError(f'{path} cannot be read: {error.strerror}.') from error


def _length(file: IO[bytes], path: str, number: int, offset: int, size: int) -> int:
    """Reads a frame's header. The length must fit the file, so that no damaged one exceeds the memory."""
    header = file.read(_HEADER)
    if len(header) < _HEADER:
        raise _damaged(path, number, offset, 'the file ends within it')
    if _CRC.unpack_from(header, _LENGTH.size)[0] != masked_crc(header[: _LENGTH.size]):
        raise _damaged(path, number, offset, 'its length does not match its checksum')
    (length,) = _LENGTH.unpack_from(header)
    if Span(offset, length).end > size:
        raise _damaged(path, number, offset, 'the file ends within it')
    return length


def _damaged(path: str, number: int, offset: int, problem: str) -> SolferinoError:
    if not offset:
        return SolferinoError(f'{path} is not a TFRecord file, or its first record is damaged: {problem}.')
    return SolferinoError(f'{path}: record {number} (at byte {offset}) is damaged: {problem}. Write the file again.')


def kind(name: str, fits: Callable[[bytes], bool]) -> Kind:
    """The kind of TFRecord file whose first record `fits`."""

    def first_fits(path: str) -> bool:
        try:
            return fits(next(read(path)))
        except SolferinoError:  # no TFRecord file, or a damaged one
            return False

    return Kind(name, first_fits)


def frame(data: bytes) -> bytes:
    """Returns `data` as a record of a TFRecord file."""
    length = _LENGTH.pack(len(data))
    return b''.join((length, _CRC.pack(masked_crc(length)), data, _CRC.pack(masked_crc(data))))


def unframe(framed: bytes) -> bytes | None:
    """Inverse of `frame`; None if it is no record, or one that is damaged."""
    if len(framed) < _HEADER + _FOOTER:
        return None
    data = framed[_HEADER:-_FOOTER]
    (crc,) = _CRC.unpack(framed[-_FOOTER:])
    return data if _LENGTH.unpack_from(framed) == (len(data),) and crc == masked_crc(data) else None


def masked_crc(data: bytes) -> int:
    """CRC-32C, rotated and offset so that a checksum of data that holds checksums stays a good one."""
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


class Writer:
    """Writes a TFRecord file that appears whole, when the `with` block ends without an error, or not at all."""

    def __init__(self, path: str):
        self._open = atomic_open(path, 'wb', _BUFFER)

    def __enter__(self) -> Self:
        self._file = self._open.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.__exit__(*error)

    def write(self, data: bytes) -> None:
        """Adds a record."""
        self._file.write(frame(data))
