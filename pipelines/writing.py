"""The sink of a pipeline: records sorted by key, so that its files are the same for any runner and number of workers.

An external merge sort. Workers write sorted runs of a few megabytes to the staging folder; `merge` joins them when the
pipeline has ended. Neither holds more than a run in memory.
"""

import heapq
import itertools
import json
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from solferino.models.core import files, records
from solferino.pipelines.staging import Staging

_RUN_BYTES = 32 << 20  # what a worker holds before it writes a run
_ELEMENT_BYTES = 250  # what Python adds to each record held
_MERGE_RUNS = 64  # runs merged, that is files open, at a time
_RUNS = 'runs.json'


class WriteSorted(beam.PTransform):
    """Writes (destination, key, payload) elements, all but the payload str, as sorted runs in the staging folder.

    A bundle that a runner repeats counts once: only the runs of bundles that succeeded are listed.
    """

    def __init__(self, staging: Staging):
        super().__init__()
        self._folder, self._runs = staging.folder, staging.path(_RUNS)

    def expand(self, elements: Any) -> Any:
        return (
            elements
            | 'write runs' >> beam.ParDo(_WriteRuns(self._folder))
            | 'gather' >> beam.CombineGlobally(beam.combiners.ToListCombineFn())
            | 'list runs' >> beam.Map(_write_json, self._runs)
        )


class _WriteRuns(beam.DoFn):
    """Yields (destination, path, number of records) of each run."""

    def __init__(self, folder: str):
        self._folder = folder

    def start_bundle(self) -> None:
        self._held: list[tuple[str, bytes, bytes]] = []
        self._size = 0

    def process(self, element: tuple[str, str, bytes]) -> Iterator[tuple[str, str, int]]:
        destination, key, payload = element
        self._held.append((destination, key.encode(), payload))
        self._size += len(key) + len(payload) + _ELEMENT_BYTES
        if self._size > _RUN_BYTES:
            yield from self._flush()

    def finish_bundle(self) -> Iterator[Any]:
        for run in self._flush():
            window = GlobalWindow()
            yield WindowedValue(run, window.max_timestamp(), [window])

    def _flush(self) -> Iterator[tuple[str, str, int]]:
        self._held.sort()
        for destination, group in itertools.groupby(self._held, key=lambda element: element[0]):
            path = f'{self._folder}/{uuid.uuid4().hex}.run'
            yield destination, path, _write_run(path, ((key, payload) for _, key, payload in group))
        self.start_bundle()


def _write_json(value: Any, path: str) -> None:
    files.atomic_write(path, json.dumps(value))


def count(staging: Staging, destination: str) -> int:
    """Returns how many records a pipeline wrote to `destination`."""
    return sum(number for _, number in _runs(staging, destination))


def merge(staging: Staging, destination: str) -> Iterator[bytes]:
    """Yields the payloads that a pipeline wrote to `destination`, by key, equal keys by payload."""
    runs = [path for path, _ in _runs(staging, destination)]
    while len(runs) > _MERGE_RUNS:
        path = staging.path(f'{uuid.uuid4().hex}.run')
        _write_run(path, heapq.merge(*map(_read_run, runs[:_MERGE_RUNS])))
        runs = [*runs[_MERGE_RUNS:], path]
    return (payload for _, payload in heapq.merge(*map(_read_run, runs)))


def assemble(staging: Staging, destination: str, output: str) -> int:
    """Makes the records of `destination` an output of the staging folder, and returns how many they are.

    Args:
      output: a path, or 'name@8.tfrecord' for 8 shards, each with an equal part of the records in key order.
    """
    total, payloads = count(staging, destination), merge(staging, destination)
    paths = records.shard_paths(output)
    for shard, path in enumerate(paths):
        number = total * (shard + 1) // len(paths) - total * shard // len(paths)
        with records.Writer(staging.output(path)) as writer:
            for payload in itertools.islice(payloads, number):
                writer.write(payload)
    return total


def _runs(staging: Staging, destination: str) -> list[tuple[str, int]]:
    with open(staging.path(_RUNS)) as file:
        return [(path, number) for name, path, number in json.load(file) if name == destination]


def _write_run(path: str, pairs: Iterable[tuple[bytes, bytes]]) -> int:
    """Writes keys and payloads as the odd and the even records of a file; returns how many."""
    number = 0
    with records.Writer(path) as writer:
        for key, payload in pairs:
            writer.write(key)
            writer.write(payload)
            number += 1
    return number


def _read_run(path: str) -> Iterator[tuple[bytes, bytes]]:
    run = records.read(path)
    return zip(run, run, strict=True)
