"""The sink of a pipeline: records sorted by key, so that its files are the same for any runner and number of workers.

It is an external merge sort. Workers write sorted runs of a few megabytes to the staging folder; `merge` merges them
after the pipeline. Neither holds more than a run in memory. Where no disk is shared, the worker that writes a shard
does both (`engine/distributed.py`). The shard of a record is a hash of its key, so that any worker knows it.
"""

import heapq
import itertools
import pickle
import struct
import uuid
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from solferino.models.core.storage import files, records
from solferino.pipelines.staging import Staging

_RUN_BYTES = 16 << 20  # that a worker holds before it writes a run
_BLOCK_BYTES = 1 << 18  # of a run in memory while it is merged
_RECORD_BYTES = 250  # overhead of Python for each record in memory
_MERGE_RUNS = 64  # runs merged, and files open, at a time

_SHARD = struct.Struct('>I')  # before each key, so that the records of a shard are sorted together

# Key, after its shard, and payload.
Record = tuple[bytes, bytes]


def shard_of(key: bytes, shards: int) -> int:
    """Returns the number of the shard of a record, of so many shards: about as many records for each."""
    return zlib.crc32(key) % shards


class Sorter:
    """Writes records as sorted runs to a folder.

    Args:
      folder: where the runs are written.
      shards: the number of shards of a destination, if it is not 1.
    """

    def __init__(self, folder: str, shards: Mapping[str, int] | None = None):
        self._folder, self._shards = folder, shards or {}
        self._runs: list[tuple[str, str]] = []
        self._start()

    def _start(self) -> None:
        self._held: list[tuple[str, bytes, bytes]] = []
        self._size = 0

    def write(self, destination: str, key: str, payload: bytes) -> None:
        """Takes a record for a destination; each destination has its own runs."""
        data = key.encode()
        shard = shard_of(data, self._shards[destination]) if destination in self._shards else 0
        self.write_to(destination, shard, data, payload)

    def write_to(self, destination: str, shard: int, key: bytes, payload: bytes) -> None:
        """As `write`, where the shard is known."""
        self._held.append((destination, _SHARD.pack(shard) + key, payload))
        self._size += len(key) + len(payload) + _RECORD_BYTES
        if self._size > _RUN_BYTES:
            self._flush()

    def finish(self) -> list[tuple[str, str]]:
        """Returns the destination and the path of each run."""
        self._flush()
        return self._runs

    def _flush(self) -> None:
        self._held.sort()
        for destination, group in itertools.groupby(self._held, key=lambda held: held[0]):
            run = _new_run(self._folder, ((key, payload) for _, key, payload in group))
            self._runs.append((destination, run))
        self._start()


def merge(folder: str, runs: Sequence[str]) -> Iterator[bytes]:
    """Yields the payloads of runs by shard and key, equal keys by payload; `folder` is for files meanwhile."""
    return (payload for _, payload in _merge_all(folder, runs))


def assemble(staging: Staging, runs: Sequence[str], output: str) -> None:
    """Writes the records of runs as an output of the staging folder.

    Args:
      output: a path, or 'name@8.tfrecord' for the 8 shards that the sorter was told of, each in the order of its keys.
    """
    shards = itertools.groupby(_merge_all(staging.folder, runs), key=lambda record: record[0][: _SHARD.size])
    number, of_shard = next(shards, (None, iter(())))
    for shard, path in enumerate(records.shard_paths(output)):
        with records.Writer(staging.output(path)) as writer:
            if number == _SHARD.pack(shard):
                for _, payload in of_shard:
                    writer.write(payload)
                number, of_shard = next(shards, (None, iter(())))


def _merge_all(folder: str, runs: Sequence[str]) -> Iterator[Record]:
    runs = list(runs)
    while len(runs) > _MERGE_RUNS:
        runs = [*runs[_MERGE_RUNS:], _new_run(folder, _merge(runs[:_MERGE_RUNS]))]
    return _merge(runs)


def _merge(runs: Iterable[str]) -> Iterator[Record]:
    return heapq.merge(*(_read_run(run) for run in runs))


def _new_run(folder: str, sorted_records: Iterable[Record]) -> str:
    """Writes a run as pickled lists of records, each about a block; the last one is empty. Returns its path."""
    path = f'{folder}/{uuid.uuid4().hex}.run'
    size = 0
    block: list[Record] = []
    with files.named(path, path), open(path, 'xb') as file:
        for record in sorted_records:
            if size > _BLOCK_BYTES:
                pickle.dump(block, file)
                block, size = [], 0
            block.append(record)
            size += len(record[0]) + len(record[1]) + _RECORD_BYTES
        for last in (block, []):
            pickle.dump(last, file)
    return path


def _read_run(path: str) -> Iterator[Record]:
    with open(path, 'rb') as file:
        while block := pickle.load(file):
            yield from block
