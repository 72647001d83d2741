"""The sink of a pipeline: records sorted by key, so that its files are the same for any runner and number of workers.

It is an external merge sort. Workers write sorted runs of a few megabytes to the staging folder; `merge` merges them
after the pipeline. Neither holds more than a run in memory.
"""

import heapq
import itertools
import pickle
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from solferino.models.core.storage import files, records
from solferino.pipelines.staging import Staging

_RUN_BYTES = 16 << 20  # that a worker holds before it writes a run
_BLOCK_BYTES = 1 << 18  # of a run in memory while it is merged
_RECORD_BYTES = 250  # overhead of Python for each record in memory
_MERGE_RUNS = 64  # runs merged, and files open, at a time

# Key and payload.
Record = tuple[bytes, bytes]


class Run(NamedTuple):
    """A file of sorted records, and their number."""

    path: str
    records: int


class Sorter:
    """Writes records as sorted runs to a folder."""

    def __init__(self, folder: str):
        self._folder = folder
        self._runs: list[tuple[str, Run]] = []
        self._start()

    def _start(self) -> None:
        self._held: list[tuple[str, bytes, bytes]] = []
        self._size = 0

    def write(self, destination: str, key: str, payload: bytes) -> None:
        """Takes a record for a destination; each destination has its own runs."""
        self._held.append((destination, key.encode(), payload))
        self._size += len(key) + len(payload) + _RECORD_BYTES
        if self._size > _RUN_BYTES:
            self._flush()

    def finish(self) -> list[tuple[str, str, int]]:
        """Returns the destination, path and number of records of each run."""
        self._flush()
        return [(destination, *run) for destination, run in self._runs]

    def _flush(self) -> None:
        self._held.sort()
        for destination, group in itertools.groupby(self._held, key=lambda held: held[0]):
            run = _write_run(f'{self._folder}/{uuid.uuid4().hex}.run', ((key, payload) for _, key, payload in group))
            self._runs.append((destination, run))
        self._start()


def merge(staging: Staging, runs: Sequence[Run]) -> Iterator[bytes]:
    """Yields the payloads of runs by key, equal keys by payload."""
    runs = list(runs)
    while len(runs) > _MERGE_RUNS:
        path = staging.path(f'{uuid.uuid4().hex}.run')
        runs = [*runs[_MERGE_RUNS:], _write_run(path, _merge(runs[:_MERGE_RUNS]))]
    return (payload for _, payload in _merge(runs))


def assemble(staging: Staging, runs: Sequence[Run], output: str) -> None:
    """Writes the records of runs as an output of the staging folder.

    Args:
      output: a path, or 'name@8.tfrecord' for 8 shards, each with an equal part of the records in key order.
    """
    total, payloads = sum(run.records for run in runs), merge(staging, runs)
    paths = records.shard_paths(output)
    for shard, path in enumerate(paths):
        number = total * (shard + 1) // len(paths) - total * shard // len(paths)
        with records.Writer(staging.output(path)) as writer:
            for payload in itertools.islice(payloads, number):
                writer.write(payload)


def _merge(runs: Iterable[Run]) -> Iterator[Record]:
    return heapq.merge(*(_read_run(run.path) for run in runs))


def _write_run(path: str, sorted_records: Iterable[Record]) -> Run:
    """Writes a run as pickled lists of records, each about a block; the last one is empty."""
    count = size = 0
    block: list[Record] = []
    with files.named(path, path), open(path, 'xb') as file:
        for record in sorted_records:
            if size > _BLOCK_BYTES:
                pickle.dump(block, file)
                block, size = [], 0
            block.append(record)
            size += len(record[0]) + len(record[1]) + _RECORD_BYTES
            count += 1
        for last in (block, []):
            pickle.dump(last, file)
    return Run(path, count)


def _read_run(path: str) -> Iterator[Record]:
    with open(path, 'rb') as file:
        while block := pickle.load(file):
            yield from block
