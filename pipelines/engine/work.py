"""The one pipeline: workers turn units of a source into sorted records, and counts.

`run` is the switch. Where all workers are on this machine and so is all that is read and written, they write sorted
runs to a folder that this process merges: single records and counts do not go through Beam, which takes longer to move
one than to make it. Anywhere else (`distributed.py`) batches of them do. The outputs are the same, byte for byte.
"""

import collections
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage import files, records, schemas
from solferino.pipelines import report, writing
from solferino.pipelines.engine import distributed, runner
from solferino.pipelines.engine.lean_beam import beam
from solferino.pipelines.engine.remote_staging import RemoteStaging
from solferino.pipelines.engine.task import Describe, Done, Source, Task
from solferino.pipelines.reading import Unit
from solferino.pipelines.report import Counts
from solferino.pipelines.staging import Staging
from solferino.pipelines.writing import Sorter


def run(
    task: Task,
    source: Source,
    staging: Staging | RemoteStaging,
    things: str,
    beam_args: Sequence[str] = (),
    num_workers: int = 1,
    shards: Mapping[str, int] | None = None,
    describe: Describe | None = None,
) -> Done:
    """Runs a task on all records of a source.

    Args:
      staging: where the records are prepared.
      things: name of what each `step` counts, for the progress bar.
      beam_args, num_workers: see `runner.run`.
      shards: the number of shards of a destination, if it is not 1.
      describe: writes what describes the outputs; in a worker, where the pipeline is distributed.

    Raises:
      SolferinoError: the source's data are damaged; and as `runner.run` does.
    """
    if isinstance(staging, RemoteStaging) or source.is_remote or not runner.is_on_this_machine(beam_args):
        return distributed.run(task, source, staging, things, beam_args, num_workers, shards or {}, describe)
    return _run_here(task, source, staging, things, beam_args, num_workers, shards or {}, describe)


def _run_here(
    task: Task,
    source: Source,
    staging: Staging,
    things: str,
    beam_args: Sequence[str],
    num_workers: int,
    shards: Mapping[str, int],
    describe: Describe | None,
) -> Done:
    bundles, progress, units = staging.path('bundles.json'), staging.path('progress'), source.local(staging)

    def build(pipeline: Any) -> None:
        made = pipeline | 'units' >> beam.Create(units.units)
        made = made | 'work' >> beam.ParDo(_Work(task, staging.folder, progress, shards))
        made | 'gather' >> beam.GroupByKey() | 'write' >> beam.Map(_write_bundles, bundles)

    if not units.units:  # nothing would be gathered
        _write_bundles((None, []), bundles)
    with runner.Progress(progress, units.total, things):
        runner.run(build, beam_args, num_workers)
    runs = collections.defaultdict(list)
    made = _read_bundles(bundles)
    for destination, path in (run for runs_of_bundle, _ in made for run in runs_of_bundle):
        runs[destination].append(path)

    def read(destination: str) -> Iterator[bytes]:
        return writing.merge(staging.folder, runs[destination])

    def assemble(destination: str, output: str) -> None:
        writing.assemble(staging, runs[destination], output)

    done = Done(report.add_up(counts for _, counts in made), read, assemble)
    if describe:
        describe(done.tallies, read)
    return done


class _Results:
    """See task.Results."""

    def __init__(self, sorter: Sorter, counts: Counts, steps: runner.Steps):
        self.write, self.count, self.step = sorter.write, counts.add, steps.step


class _Work(beam.DoFn):
    """Takes units; yields the runs and the counts of each bundle at its end, all with the same key.

    So a repeated bundle counts once: the runner drops what the failed one has yielded.
    """

    def __init__(self, task: Task, folder: str, progress: str, shards: Mapping[str, int]):
        self._task, self._folder, self._progress, self._shards = task, folder, progress, dict(shards)

    def setup(self) -> None:
        self._steps = runner.Steps(self._progress)
        self._task.setup()

    def teardown(self) -> None:
        self._task.teardown()
        self._steps.close()

    def start_bundle(self) -> None:
        self._sorter, self._counts = Sorter(self._folder, self._shards), Counts()
        self._results = _Results(self._sorter, self._counts, self._steps)

    def process(self, unit: Unit) -> None:
        self._task.process(records.read(*unit), self._results)

    def finish_bundle(self) -> Iterator[Any]:
        window = beam.transforms.window.GlobalWindow()
        made = self._sorter.finish(), self._counts.plain()
        yield beam.utils.windowed_value.WindowedValue((None, made), window.max_timestamp(), [window])


def _read_bundles(path: str) -> Any:
    """Returns what `_write_bundles` wrote. Raises SolferinoError if it is damaged."""
    try:
        with open(path, encoding='utf-8') as file:
            made = schemas.loads(file.read())
        schemas.require(made, list[tuple[list[tuple[str, str]], dict[str, tuple[schemas.Count, list[str]]]]])
    except ValueError as error:
        raise SolferinoError(f'{path} is damaged: {error}. Give the same command again.') from None
    return made


def _write_bundles(gathered: tuple[None, Any], path: str) -> None:
    files.atomic_write(path, json.dumps(list(gathered[1])))
