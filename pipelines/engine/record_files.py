"""TFRecord files as a source of a pipeline, on this machine or where Beam's filesystems are."""

from collections.abc import Iterator

from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage import records
from solferino.pipelines import reading
from solferino.pipelines.engine import filesystems
from solferino.pipelines.engine.remote_staging import RemoteStaging
from solferino.pipelines.staging import Staging


class RecordFiles:
    """The records of the files that match a pattern, see `task.Source`.

    The pattern is as for `records.expand`; remote parts of it may have `*`, `**` and `?`, or be 'name@8.tfrecord'.
    """

    def __init__(self, pattern: str):
        self._parts = [pattern] if not filesystems.is_remote(pattern) else pattern.split(',')
        self._pattern = pattern
        self.is_remote = filesystems.is_remote(pattern)

    def local(self, staging: Staging | RemoteStaging) -> reading.Source:
        """See task.Source."""
        return reading.Source(self._pattern)

    def begin(self) -> Iterator[tuple[str, int]]:
        """Yields each file and its size."""
        if not self.is_remote:
            for path in records.expand(self._pattern):
                yield path, filesystems.size(path) or 0
            return
        found: dict[str, int] = {}
        for part in filter(None, (part.strip() for part in self._parts)):
            paths = records.shard_paths(part)
            of_part = {path: size for pattern in paths for path, size in filesystems.find(pattern)}
            if not of_part:
                raise SolferinoError(f'No file matches {part!r}. Check the path.')
            if len(paths) > 1 and len(of_part) < len(paths):
                missing = [path for path in paths if path not in of_part]
                raise SolferinoError(records.shards_missing(missing, part, len(paths)))
            found |= of_part
        yield from sorted(found.items())

    def split(self, part: tuple[str, int]) -> Iterator[tuple[str, int, int, int]]:
        """Yields ranges of whole records of a file: its path and size, first byte, byte after the last."""
        path, size = part
        with filesystems.open(path) as file:
            for unit, _ in reading.units(path, records.index_of(file, path, size)):
                yield path, size, unit.start, unit.end

    def read(self, unit: tuple[str, int, int, int]) -> Iterator[bytes]:
        """See task.Source."""
        path, size, start, end = unit
        with filesystems.open(path) as file:
            yield from records.read_of(file, path, size, start, end)
