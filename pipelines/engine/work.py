"""The one pipeline: workers turn units of a source into sorted records, and counts.

Beam distributes the units, repeats failures, and gathers a summary of each bundle. Single records and counts do not go
through Beam: moving one takes longer than making it.
"""

import collections
import dataclasses
import json
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage import files, records, schemas
from solferino.pipelines import report
from solferino.pipelines.engine import runner
from solferino.pipelines.engine.lean_beam import beam
from solferino.pipelines.reading import Source, Unit
from solferino.pipelines.report import Counts, Tally
from solferino.pipelines.staging import Staging
from solferino.pipelines.writing import Run, Sorter

# The destination, the path and the number of records of a run, see `writing.Run`.
_RunRecord = tuple[str, str, schemas.Count]


class Results:
    """Takes the results of a task.

    Attributes:
      write: takes the destination, the key (both text) and the payload (bytes) of a record.
      count: takes a name, an amount and, if there is one, an example.
      step: reports that one thing is done, for the progress bar.
    """

    def __init__(self, sorter: Sorter, counts: Counts, steps: runner.Steps):
        self.write, self.count, self.step = sorter.write, counts.add, steps.step


class Task(Protocol):
    """The work itself. It can be pickled before `setup`."""

    def setup(self) -> None:
        """Called once in each worker, before the work."""

    def teardown(self) -> None:
        """Called once in each worker, after it."""

    def process(self, payloads: Iterator[bytes], results: Results) -> None:
        """Works on some records of the source."""


@dataclasses.dataclass(frozen=True)
class Done:
    """The results of a pipeline.

    Attributes:
      runs: the records of each destination, for `writing.assemble` and `writing.merge`.
      tallies: what was counted, by name, in alphabetical order.
    """

    runs: dict[str, list[Run]]
    tallies: dict[str, Tally]


def run(
    task: Task, source: Source, staging: Staging, things: str, beam_args: Sequence[str] = (), num_workers: int = 1
) -> Done:
    """Runs a task on all records of a source.

    Args:
      staging: where the records are prepared.
      things: name of what each `step` counts, for the progress bar.
      beam_args, num_workers: see `runner.run`.

    Raises:
      SolferinoError: the source's data are damaged; and as `runner.run` does.
    """
    bundles, progress = staging.path('bundles.json'), staging.path('progress')

    def build(pipeline: Any) -> None:
        units = pipeline | 'units' >> beam.Create(source.units)
        made = units | 'work' >> beam.ParDo(_Work(task, staging.folder, progress))
        made | 'gather' >> beam.GroupByKey() | 'write' >> beam.Map(_write_bundles, bundles)

    if not source.units:  # nothing would be gathered
        _write_bundles((None, []), bundles)
    with runner.Progress(progress, source.total, things):
        runner.run(build, beam_args, num_workers)
    runs = collections.defaultdict(list)
    made = _read_bundles(bundles)
    for destination, *run in (run for runs_of_bundle, _ in made for run in runs_of_bundle):
        runs[destination].append(Run(*run))
    return Done(dict(runs), report.add_up(counts for _, counts in made))


class _Work(beam.DoFn):
    """Takes units; yields the runs and the counts of each bundle at its end, all with the same key.

    So a repeated bundle counts once: the runner drops what the failed one has yielded.
    """

    def __init__(self, task: Task, folder: str, progress: str):
        self._task, self._folder, self._progress = task, folder, progress

    def setup(self) -> None:
        self._steps = runner.Steps(self._progress)
        self._task.setup()

    def teardown(self) -> None:
        self._task.teardown()
        self._steps.close()

    def start_bundle(self) -> None:
        self._sorter, self._counts = Sorter(self._folder), Counts()
        self._results = Results(self._sorter, self._counts, self._steps)

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
        schemas.require(made, list[tuple[list[_RunRecord], dict[str, tuple[schemas.Count, list[str]]]]])
    except ValueError as error:
        raise SolferinoError(f'{path} is damaged: {error}. Give the same command again.') from None
    return made


def _write_bundles(gathered: tuple[None, Any], path: str) -> None:
    files.atomic_write(path, json.dumps(list(gathered[1])))
