"""Work that is done one after the other by worker processes, while those who asked for it see where they stand.

A job that takes too long, or whose asker withdraws it, loses its worker process; the next one gets a new one. The
server's own process computes nothing, and so it stays small.
"""

import asyncio
import collections
import contextlib
import dataclasses
import logging
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec

from solferino.hparams import system_errors
from solferino.hparams.errors import SolferinoError
from solferino.pipelines.studio import messages

WAITING, RUNNING, DONE, FAILED, WITHDRAWN = 'waiting', 'running', 'done', 'failed', 'withdrawn'
_ENDED = (DONE, FAILED, WITHDRAWN)
_REMEMBERED = 200  # ended jobs
_REMEMBERED_BYTES = 16 << 20  # of their results
_LONGEST_ANSWER = 64 << 20  # bytes
_WORN = 0.5  # of the memory that a worker may have: one that holds on to more is replaced
_CLOSED = 'The studio was closed.'
WORKER = (sys.executable, '-m', 'solferino.pipelines.studio.computing.worker')


@dataclasses.dataclass(frozen=True)
class Limits:
    """What one job may take, and how many may wait.

    Attributes:
      waiting: jobs in the queue, beyond which a request is refused.
    """

    seconds: float = 300.0
    memory_megabytes: int = 4096
    waiting: int = 50
    workers: int = 1


class Busy(SolferinoError):
    """The queue is full."""


class Answer(msgspec.Struct):
    """What a worker says of a task.

    Attributes:
      result: JSON as it came; nothing if it failed.
      error: a sentence; '' if it did not.
      megabytes: that the worker holds on to.
    """

    result: msgspec.Raw = msgspec.Raw()
    error: str = ''
    megabytes: float = 0.0


class Job:
    """A task for a worker: what became of it, and who wants to know."""

    def __init__(self, task: str, arguments: dict[str, Any]):
        self.id = secrets.token_hex(8)
        self.task, self.arguments = task, arguments
        self.state, self.position = WAITING, 0
        self.result: bytes | None = None  # JSON
        self.error = ''
        self.when_done: Callable[[bytes], None] | None = None  # called with the result, before anybody is told
        self._changed = asyncio.Event()

    def told(self) -> dict[str, Any]:
        """What the page is told."""
        told: dict[str, Any] = {'id': self.id, 'state': self.state}
        if self.state == WAITING:
            told['position'] = self.position
        if self.state == DONE:
            told['result'] = msgspec.Raw(self.result or b'null')
        if self.state == FAILED:
            told['error'] = self.error
        return told

    def note(self, state: str, **values: Any) -> None:
        """Changes what became of it."""
        self.state = state
        for name, value in values.items():
            setattr(self, name, value)
        self._changed.set()
        self._changed = asyncio.Event()

    @property
    def has_ended(self) -> bool:
        return self.state in _ENDED

    async def changes(self) -> AsyncIterator[dict[str, Any]]:
        """Yields what the page is told, now and after each change, until it has ended."""
        while True:
            changed, ended = self._changed, self.has_ended
            yield self.told()
            if ended:  # and not what has become of it while the page was told
                return
            await changed.wait()

    async def ended(self) -> Any:
        """Waits for the result. Raises SolferinoError if there is none."""
        async for _ in self.changes():
            pass
        if self.state != DONE:
            raise SolferinoError(self.error or 'It was withdrawn.')
        return msgspec.json.decode(self.result or b'null')


class Queue:
    """The jobs, and the worker processes that do them.

    Args:
      limits: of jobs.
      command: that starts a worker; the megabytes it may have are added.
    """

    def __init__(self, limits: Limits, command: Sequence[str] = WORKER):
        self._limits, self._command = limits, command
        self._waiting: collections.deque[Job] = collections.deque()
        self._jobs: dict[str, Job] = {}
        self._more = asyncio.Condition()
        self._runners: list[asyncio.Task[None]] = []
        self._workers: dict[str, _Worker] = {}  # by the job that they do

    async def start(self) -> None:
        """Begins to do jobs."""
        self._runners = [asyncio.create_task(self._run()) for _ in range(self._limits.workers)]

    async def stop(self) -> None:
        """Ends all jobs and workers: whoever waits for one is told."""
        for runner in self._runners:
            runner.cancel()
        await asyncio.gather(*self._runners, return_exceptions=True)
        self._waiting.clear()
        for job in self._jobs.values():
            if not job.has_ended:
                job.note(FAILED, error=_CLOSED)

    async def add(
        self, task: str, *, when_done: Callable[[bytes], None] | None = None, first: bool = False, **arguments: Any
    ) -> Job:
        """Puts a task with its arguments at the end, or with `first` before all others. Raises Busy if too many wait.

        `when_done` is called with the result as JSON, before anybody is told.
        """
        if len(self._waiting) >= self._limits.waiting and not first:
            raise Busy(f'{len(self._waiting)} others are waiting already. Try again in a minute.')
        job = Job(task, arguments)
        job.when_done = when_done
        self._jobs[job.id] = job
        self._forget()
        async with self._more:
            if first:
                self._waiting.appendleft(job)
            else:
                self._waiting.append(job)
            self._place()
            self._more.notify()
        return job

    def _forget(self) -> None:
        """Drops the oldest of those that have ended."""
        ended = [job for job in self._jobs.values() if job.has_ended]
        taken = 0
        for number, job in enumerate(reversed(ended), start=1):
            taken += len(job.result or b'')
            if number > 1 and (number > _REMEMBERED or taken > _REMEMBERED_BYTES):
                del self._jobs[job.id]

    def get(self, id: str) -> Job:
        """Returns a job. Raises KeyError if there is none."""
        return self._jobs[id]

    def withdraw(self, job: Job) -> None:
        """Takes a job out of the queue, or ends the worker that does it."""
        if job in self._waiting:
            self._waiting.remove(job)
            self._place()
        if not job.has_ended:
            job.note(WITHDRAWN)
        if job.id in self._workers:
            self._workers[job.id].kill()

    def _place(self) -> None:
        for position, job in enumerate(self._waiting, start=1):
            if job.position != position:
                job.note(WAITING, position=position)

    async def _run(self) -> None:
        worker = _Worker(self._limits, self._command)
        try:
            while True:
                async with self._more:
                    await self._more.wait_for(lambda: self._waiting)
                    job = self._waiting.popleft()
                    self._place()
                job.note(RUNNING)
                self._workers[job.id] = worker
                try:
                    result = await worker.do(job.task, job.arguments)
                    if not job.has_ended:
                        if job.when_done:
                            job.when_done(result)
                        job.note(DONE, result=result)
                except Exception as error:  # one job fails, and not the queue
                    if not job.has_ended:
                        job.note(FAILED, error=_sentence(error))
                finally:
                    del self._workers[job.id]
                    job.arguments, job.when_done = {}, None
        finally:
            await worker.end()


def _sentence(error: Exception) -> str:
    if isinstance(error, SolferinoError):
        return str(error)
    said = system_errors.sentence(error)
    if said is None:
        logging.getLogger(__name__).error('a job of the studio failed', exc_info=error)
    return said or 'Something went wrong that should not. The terminal has more.'


class _Worker:
    """A process that does tasks, started when it is needed."""

    def __init__(self, limits: Limits, command: Sequence[str]):
        self._limits, self._command = limits, command
        self._process: asyncio.subprocess.Process | None = None
        self._killed: asyncio.subprocess.Process | None = None

    async def do(self, task: str, arguments: dict[str, Any]) -> bytes:
        """Returns a task's answer as JSON. Raises SolferinoError if it fails, or takes too long or too much memory."""
        process = await self._started()
        assert process.stdin and process.stdout
        try:
            async with asyncio.timeout(self._limits.seconds):
                process.stdin.write(messages.write({'task': task, 'arguments': arguments}) + b'\n')
                await process.stdin.drain()
                line = await process.stdout.readline()
        except TimeoutError:
            self.kill()
            raise SolferinoError(f'It took more than {self._limits.seconds:g} seconds. Ask for less music.') from None
        except (ConnectionError, ValueError):  # ValueError: a longer line than the limit
            line = b''
        except asyncio.CancelledError:
            self.kill()
            raise
        if not line.endswith(b'\n'):
            self.kill()
            await process.wait()
            raise SolferinoError('It needed more memory than it may have, or was ended. Ask for less music.')
        answer = msgspec.json.decode(line, type=Answer)
        if answer.megabytes > _WORN * self._limits.memory_megabytes:
            self.kill()
        if answer.error:
            raise SolferinoError(answer.error)
        return bytes(answer.result)

    def kill(self) -> None:
        """Ends the process; the next task gets another."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)
            self._process, self._killed = None, self._process

    async def end(self) -> None:
        """Ends the process, and waits until it is gone."""
        self.kill()
        if self._killed is not None:
            await self._killed.wait()

    async def _started(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, str(self._limits.memory_megabytes),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=_LONGEST_ANSWER, process_group=0,
            )  # fmt: skip
        return self._process
