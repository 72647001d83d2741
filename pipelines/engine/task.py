"""What a pipeline is made of, whatever it runs on: a source, a task, its results. Knows no Beam."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

from solferino.pipelines import reading
from solferino.pipelines.engine.remote_staging import RemoteStaging
from solferino.pipelines.report import Tally
from solferino.pipelines.staging import Staging

# Writes what describes the outputs, given what was counted, and what yields the records of a destination.
Describe = Callable[[Mapping[str, Tally], Callable[[str], Iterator[bytes]]], None]


class Results(Protocol):
    """Takes the results of a task."""

    def write(self, destination: str, key: str, payload: bytes) -> None:
        """Takes a record for a destination."""

    def count(self, name: str, amount: int = 1, example: str | None = None) -> None:
        """Takes a name, an amount and, if there is one, an example."""

    def step(self) -> None:
        """Reports that one thing is done."""


class Task(Protocol):
    """The work itself. It can be pickled before `setup`."""

    def setup(self) -> None:
        """Called once in each worker, before the work."""

    def teardown(self) -> None:
        """Called once in each worker, after it."""

    def process(self, payloads: Iterator[bytes], results: Results) -> None:
        """Works on some records of the source."""


class Source(Protocol):
    """Where records come from. It can be pickled.

    Attributes:
      is_remote: whether it is out of reach of this machine's own calls.
    """

    is_remote: bool

    def local(self, staging: Staging | RemoteStaging) -> reading.Source:
        """Returns the units of work, where all workers are on this machine."""

    def begin(self) -> Iterable[Any]:
        """Yields the parts that there are; called in one worker. Raises SolferinoError where there is nothing."""

    def split(self, part: Any) -> Iterable[Any]:
        """Yields the units of work of a part; called in any worker, as is `read`."""

    def read(self, unit: Any) -> Iterator[bytes]:
        """Yields the records of a unit."""


@dataclasses.dataclass(frozen=True)
class Done:
    """The results of a pipeline.

    Attributes:
      tallies: what was counted, by name, in alphabetical order.
      read: yields the payloads of a destination by shard and key, equal keys by payload.
      assemble: makes the records of a destination an output: a path, or 'name@8.tfrecord' for its shards.
    """

    tallies: dict[str, Tally]
    read: Callable[[str], Iterator[bytes]]
    assemble: Callable[[str, str], None]
