"""TFRecord files as a source of a pipeline, on this machine or where Beam's filesystems are."""

import os
from collections.abc import Iterator

from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage import records
from solferino.pipelines import reading
from solferino.pipelines.engine import filesystems
from solferino.pipelines.engine.remote_staging import RemoteStaging
from solferino.pipelines.engine.staging import Staging


class RecordFiles:
    """The records of the files that match a pattern, see `task.Source`.

    The pattern is as for `records.expand`; remote parts of it may have `*`, `**` and `?`, or be 'name@8.tfrecord'.

    Attributes:
      parts: of the pattern, where commas divide it.

    Raises:
      SolferinoError: for a list of files here and in a store, for a folder there, and as `filesystems.require` does.
    """

    def __init__(self, pattern: str):
        self._pattern = pattern
        self.parts = [pattern] if os.path.isfile(pattern) else [part.strip() for part in pattern.split(',')]
        remote = [filesystems.is_remote(part) for part in self.parts if part]
        self.is_remote = any(remote)
        if self.is_remote and not all(remote):
            raise SolferinoError(
                f'--input={pattern} lists files of this machine and of a store, as commas divide it. Copy them to one '
                'place, or name those of one.'
            )
        for part in self.parts:
            filesystems.require(part, 'input')
            if filesystems.is_remote(part) and (part.endswith('/') or filesystems.is_bucket(part)):
                files = filesystems.join(part.rstrip('/'), '*.tfrecord')
                raise SolferinoError(f'{part} is a folder, not a file. Name the files in it: {files}')

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
        for part in filter(None, self.parts):
            of_part = {path: size for name in records.shard_paths(part) for path, size in filesystems.find(name)}
            if not of_part:
                raise SolferinoError(f'No file matches {part!r}. Check the path.')
            found |= of_part

        def missing_of(spec: str) -> list[str]:
            missing = [path for path in records.shard_paths(spec) if path not in found]
            if not missing:
                return []
            beside = {path for path, _ in filesystems.find(f'{filesystems.near(records.stem(spec))}-*')}
            return [path for path in missing if path not in beside]

        records.require_whole_sets(found, missing_of)
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
