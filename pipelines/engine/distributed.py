"""The pipeline where no disk is shared: everything is a transform, and only a summary comes back.

    list ─▶ split ─▶ work ─▶ records in batches, by shard ─▶ group ─▶ sort and write each shard ─▶ describe
                        └──▶ counts ─▶ add up ───────────────────────────────────────────────────────┘

Files that workers write have names of their own, and only the names that a bundle that has succeeded yields are known
later: a bundle that is repeated writes its files again, and those of the first try are deleted with the folder.
"""

import json
import pickle
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage import records, schemas
from solferino.pipelines import report, writing
from solferino.pipelines.engine import filesystems, remote_staging, runner
from solferino.pipelines.engine.lean_beam import beam
from solferino.pipelines.engine.remote_staging import RemoteStaging
from solferino.pipelines.engine.staging import Staging
from solferino.pipelines.engine.task import Describe, Done, Source, Task
from solferino.pipelines.report import Counts

_BATCH_BYTES = 4 << 20  # of records that a worker holds before it lets them go
_RECORD_BYTES = 250  # overhead of Python for each record in memory
_ASK_S = 5.0  # between two looks whether the work is still wanted
_BATCHES, _COUNTS, _SHARD = 'batches', 'counts', 'shard'

# What was written: a shard's destination, number and path.
_Written = tuple[str, int, str]


def run(
    task: Task,
    source: Source,
    staging: Staging | RemoteStaging,
    things: str,
    beam_args: Sequence[str],
    num_workers: int,
    shards: Mapping[str, int],
    describe: Describe | None,
) -> Done:
    """See `work.run`. All destinations must be named in `shards`."""
    filesystems.use(beam_args)
    summary = staging.path('summary.json')
    where = staging.folder, beam_args
    names = [_name(destination, shard) for destination, number in shards.items() for shard in range(number)]

    def build(pipeline: Any) -> None:
        parts = pipeline | 'begin' >> beam.Create([None]) | 'list' >> beam.ParDo(_List(source, *where))
        units = parts | 'spread' >> beam.Reshuffle() | 'split' >> beam.ParDo(_Split(source, *where))
        made = (
            units
            | 'spread units' >> beam.Reshuffle()
            | 'work'
            >> beam.ParDo(_Work(task, source, things, dict(shards), *where)).with_outputs(_COUNTS, main=_BATCHES)
        )
        # Each shard is written, though there may be no record for it.
        every = pipeline | 'names' >> beam.Create([names]) | 'shards' >> beam.FlatMap(_with_nothing)
        written = (
            (made[_BATCHES], every)
            | 'records' >> beam.Flatten()
            | 'by shard' >> beam.GroupByKey()
            | 'write' >> beam.ParDo(_Write(*where))
        )
        counts = made[_COUNTS] | 'add up' >> beam.CombineGlobally(_add_up)
        summaries = (
            written | 'written' >> beam.Map(_with_no_key, _SHARD),
            counts | 'counted' >> beam.Map(_with_no_key, _COUNTS),
        )
        (
            summaries
            | 'summaries' >> beam.Flatten()
            | 'gather' >> beam.GroupByKey()
            | 'describe' >> beam.ParDo(_Describe(summary, describe, *where))
        )

    runner.run(build, beam_args, num_workers)
    written, counts = _read_summary(summary)

    def assemble(destination: str, output: str) -> None:
        paths = _paths(written, destination)
        for final, temporary in zip(records.shard_paths(output), paths, strict=True):
            staging.adopt(final, temporary)

    return Done(report.add_up([counts]), lambda destination: _read(_paths(written, destination)), assemble)


def _name(destination: str, shard: int) -> str:
    return f'{destination}\0{shard}'


def _with_nothing(names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    return ((name, b'') for name in names)


def _with_no_key(thing: Any, kind: str) -> tuple[str, Any]:
    return '', (kind, thing)


def _add_up(counts: Iterable[Any]) -> Any:
    """Sums of plain Counts, as plain Counts: associative, as Beam wants it."""
    return {name: (tally.count, list(tally.examples)) for name, tally in report.add_up(counts).items()}


class _OnWorker(beam.DoFn):
    """What runs in a worker, with Beam's flags, which workers of some engines are not told.

    Not all engines end a pipeline when they are asked to, so in a store work ends by itself once the staging
    folder has lost its mark.
    """

    def __init__(self, folder: str, beam_args: Sequence[str]):
        self._folder, self._beam_args = folder, tuple(beam_args)

    def setup(self) -> None:
        filesystems.use(self._beam_args)

    def start_bundle(self) -> None:
        self._asked = time.monotonic()
        remote_staging.require_wanted(self._folder)

    def require_wanted_now_and_then(self) -> None:
        """A bundle may be all that an engine has for a worker."""
        if time.monotonic() > self._asked + _ASK_S:
            self._asked = time.monotonic()
            remote_staging.require_wanted(self._folder)


class _List(_OnWorker):
    def __init__(self, source: Source, folder: str, beam_args: Sequence[str]):
        super().__init__(folder, beam_args)
        self._source = source

    def process(self, nothing: None) -> Iterable[Any]:
        return self._source.begin()


class _Split(_List):
    def process(self, part: Any) -> Iterable[Any]:
        return self._source.split(part)


class _Results:
    """Holds the results of a bundle, see task.Results."""

    def __init__(self, shards: Mapping[str, int], things: str):
        self._shards = shards
        self._counts = Counts()
        self.count = self._counts.add
        self.step = beam.metrics.Metrics.counter('solferino', things).inc
        self._start()

    def _start(self) -> None:
        self._held: dict[str, list[tuple[bytes, bytes]]] = {}
        self.size = 0

    def write(self, destination: str, key: str, payload: bytes) -> None:
        data = key.encode()
        name = _name(destination, writing.shard_of(data, self._shards[destination]))
        self._held.setdefault(name, []).append((data, payload))
        self.size += len(key) + len(payload) + _RECORD_BYTES

    def batches(self) -> Iterator[tuple[str, bytes]]:
        """Lets go what is held: for each shard a batch of its records."""
        held = self._held
        self._start()
        return ((name, pickle.dumps(of_shard)) for name, of_shard in held.items())

    def counts(self) -> Any:
        return self._counts.plain()


class _Work(_OnWorker):
    """Takes units; yields batches of records, and the counts of each bundle at its end."""

    def __init__(self, task: Task, source: Source, things: str, shards: dict[str, int], *where: Any):
        super().__init__(*where)
        self._task, self._source, self._things, self._shards = task, source, things, shards

    def setup(self) -> None:
        super().setup()
        self._task.setup()

    def teardown(self) -> None:
        self._task.teardown()

    def start_bundle(self) -> None:
        super().start_bundle()
        self._results = _Results(self._shards, self._things)

    def process(self, unit: Any) -> Iterator[Any]:
        self.require_wanted_now_and_then()
        self._task.process(self._source.read(unit), self._results)
        if self._results.size > _BATCH_BYTES:
            yield from self._results.batches()

    def finish_bundle(self) -> Iterator[Any]:
        window = beam.transforms.window.GlobalWindow()

        def last(made: Any) -> Any:
            return beam.utils.windowed_value.WindowedValue(made, window.max_timestamp(), [window])

        for batch in self._results.batches():
            yield last(batch)
        yield beam.pvalue.TaggedOutput(_COUNTS, last(self._results.counts()))


class _Write(_OnWorker):
    """Sorts the records of a shard, and writes them; yields its destination, its number and its path."""

    def process(self, shard: tuple[str, Iterable[bytes]]) -> Iterator[_Written]:
        destination, number = shard[0].split('\0')
        path = f'{self._folder}/{uuid.uuid4().hex}.tfrecord'
        with tempfile.TemporaryDirectory() as folder:
            sorter = writing.Sorter(folder)
            for batch in filter(None, shard[1]):
                for key, payload in pickle.loads(batch):
                    sorter.write_to(destination, 0, key, payload)
            runs = [run for _, run in sorter.finish()]
            with remote_staging.create(self._folder, path) as file:
                for payload in writing.merge(folder, runs):
                    file.write(records.frame(payload))
        yield destination, int(number), path


class _Describe(_OnWorker):
    """Takes all that was written and counted; writes the summary, and what describes the outputs."""

    def __init__(self, summary: str, describe: Describe | None, *where: Any):
        super().__init__(*where)
        self._summary, self._describe = summary, describe

    def process(self, gathered: tuple[str, Iterable[tuple[str, Any]]]) -> None:
        things = list(gathered[1])
        written = sorted(thing for kind, thing in things if kind == _SHARD)
        counts = _add_up(thing for kind, thing in things if kind == _COUNTS)
        if self._describe:
            self._describe(report.add_up([counts]), lambda destination: _read(_paths(written, destination)))
        with remote_staging.create(self._folder, self._summary) as file:
            file.write(json.dumps([written, counts]).encode())


def _paths(written: Iterable[_Written], destination: str) -> list[str]:
    """The paths of a destination's shards, in order."""
    return [path for its, _, path in sorted(written) if its == destination]


def _read(paths: Iterable[str]) -> Iterator[bytes]:
    for path in paths:
        with filesystems.open(path) as file:
            yield from records.read_of(file, path, filesystems.size(path) or 0)


def _read_summary(path: str) -> Any:
    """Returns what `_Describe` wrote."""
    try:
        made = schemas.loads(filesystems.read(path))
        schemas.require(made, tuple[list[_Written], dict[str, tuple[schemas.Count, list[str]]]])
    except FileNotFoundError:
        raise SolferinoError(
            f'What the workers wrote to {path.rsplit("/", 2)[0]} cannot be seen from here: they are on other machines. '
            'Name an output that all see, such as s3://bucket/name.'
        ) from None
    except ValueError as error:
        raise SolferinoError(f'{path} is damaged: {error}. Give the same command again.') from None
    return made
