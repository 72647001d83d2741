"""The source of a pipeline: the records of TFRecord files, in units of work."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage import records
from solferino.models.core.storage.records import Span
from solferino.models.music.pieces import piece
from solferino.models.music.pieces.piece import Piece

# A unit of work, read by one worker at once: so many records or bytes. Small, so that all workers have some.
_UNIT_RECORDS = 32
_UNIT_BYTES = 1 << 20


class Unit(NamedTuple):
    """A range of whole records of a file: first byte, byte after the last."""

    path: str
    start: int
    end: int


class Source:
    """The records, as bytes, of the files that match a pattern (see `records.expand`).

    The files are cut into ranges of at most a megabyte, so that all workers share one large file.

    Attributes:
      total: the number of records.
      units: `records.read(*unit)` gives those of a unit. Raises SolferinoError where the data are damaged.

    Raises:
      SolferinoError: for a pattern without files, and for a file whose frames are damaged.
    """

    def __init__(self, pattern: str):
        self.total = 0
        self.units: list[Unit] = []
        for path in records.expand(pattern):
            for unit, count in units(path, records.index(path)):
                self.units.append(unit)
                self.total += count


def units(path: str, spans: Iterable[Span]) -> Iterator[tuple[Unit, int]]:
    """Yields the units of a file of records, and how many records they have."""
    start = end = count = 0
    for span in spans:
        if count == _UNIT_RECORDS or (count and span.end - start > _UNIT_BYTES):
            yield Unit(path, start, end), count
            start, count = span.offset, 0
        end, count = span.end, count + 1
    if count:
        yield Unit(path, start, end), count


def note_sequence(data: bytes, pattern: str) -> Piece:
    """Returns the piece of a record of the files of --input=pattern. Raises SolferinoError if it is none."""
    try:
        found = piece.read(data)
    except ValueError:
        found = None
    if found is None or not found.id:
        raise SolferinoError(
            f'--input={pattern} does not hold NoteSequences. Name a file that convert_dir_to_note_sequences wrote.'
        )
    return found
