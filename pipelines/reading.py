"""The source of a pipeline: the records of TFRecord files."""

from collections.abc import Iterator
from typing import Any

import apache_beam as beam

from solferino.models.core import records

# A unit of work: so many records, or bytes, are read by one worker in one go. Small, so that all workers have some.
_UNIT_RECORDS = 64
_UNIT_BYTES = 1 << 20


class ReadRecords(beam.PTransform):
    """The records, as bytes, of the files that a pattern means (see `records.expand`).

    The files are cut into ranges of a megabyte or less, so that one large file occupies all workers.

    Attributes:
      total: the number of records.

    Raises:
      SolferinoError: at once for a pattern without files, and for a file whose frames are damaged; when the pipeline
        runs, for one whose data are.
    """

    def __init__(self, pattern: str):
        super().__init__()
        self.total = 0
        self._units: list[tuple[str, int, int]] = []  # path, first byte, byte after the last
        for path in records.expand(pattern):
            for start, end, count in _units(path):
                self._units.append((path, start, end))
                self.total += count

    def expand(self, begin: Any) -> Any:
        return begin | 'ranges' >> beam.Create(self._units) | 'records' >> beam.FlatMap(_read)


def _units(path: str) -> Iterator[tuple[int, int, int]]:
    """Yields ranges of whole records: first byte, byte after the last, number of records."""
    start = end = count = 0
    for place in records.index(path):
        if count == _UNIT_RECORDS or (count and place.end - start > _UNIT_BYTES):
            yield start, end, count
            start, count = place.offset, 0
        end, count = place.end, count + 1
    if count:
        yield start, end, count


def _read(unit: tuple[str, int, int]) -> Iterator[bytes]:
    return records.read(*unit)
