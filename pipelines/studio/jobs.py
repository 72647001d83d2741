"""Work that is done one after the other by worker processes, while those who asked for it see where they stand.

A job that takes too long, or whose asker withdraws it, loses its worker process; the next one gets a new one. The
server's own process computes nothing, and so it stays small.
"""

import asyncio
import collections
import contextlib
import dataclasses
import json
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

from solferino.hparams.errors import SolferinoError
from solferino.pipelines.studio import messages

WAITING, RUNNING, DONE, FAILED, WITHDRAWN = 'waiting', 'running', 'done', 'failed', 'withdrawn'
_ENDED = (DONE, FAILED, WITHDRAWN)
_REMEMBERED = 200  # ended jobs
_LONGEST_ANSWER = 64 << 20  # bytes


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


class Job:
    """A task for a worker: what became of it, and who wants to know."""

    def __init__(self, task: str, arguments: dict[str, Any]):
        self.id = secrets.token_hex(8)
        self.task, self.arguments = task, arguments
        self.state, self.position = WAITING, 0
        self.result: Any = None
        self.error = ''
        self.when_done: Callable[[Any], None] | None = None  # called with the result, before anybody is told
        self._changed = asyncio.Event()

    def told(self) -> dict[str, Any]:
        """What the page is told."""
        told: dict[str, Any] = {'id': self.id, 'state': self.state}
        if self.state == WAITING:
            told['position'] = self.position
        if self.state == DONE:
            told['result'] = self.result
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
            changed = self._changed
            yield self.told()
            if self.has_ended:
                return
            await changed.wait()

    async def ended(self) -> Any:
        """Waits for the result. Raises SolferinoError if there is none."""
        async for _ in self.changes():
            pass
        if self.state != DONE:
            raise SolferinoError(self.error or 'It was withdrawn.')
        return self.result


class Queue:
    """The jobs, and the worker processes that do them."""

    def __init__(self, limits: Limits):
        self._limits = limits
        self._waiting: collections.deque[Job] = collections.deque()
        self._jobs: dict[str, Job] = {}
        self._more = asyncio.Condition()
        self._runners: list[asyncio.Task[None]] = []
        self._workers: dict[str, _Worker] = {}  # by the job that they do

    async def start(self) -> None:
        """Begins to do jobs."""
        self._runners = [asyncio.create_task(self._run()) for _ in range(self._limits.workers)]

    async def stop(self) -> None:
        """Ends all workers."""
        for runner in self._runners:
            runner.cancel()
        await asyncio.gather(*self._runners, return_exceptions=True)

    async def add(self, task: str, **arguments: Any) -> Job:
        """Puts a task at the end. Raises Busy if too many wait."""
        if len(self._waiting) >= self._limits.waiting:
            raise Busy(f'{len(self._waiting)} others are waiting already. Try again in a minute.')
        job = Job(task, arguments)
        self._jobs[job.id] = job
        ended = [one.id for one in self._jobs.values() if one.has_ended]
        for id in ended[: max(0, len(ended) - _REMEMBERED)]:
            del self._jobs[id]
        async with self._more:
            self._waiting.append(job)
            self._place()
            self._more.notify()
        return job

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
        worker = _Worker(self._limits)
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
                except SolferinoError as error:
                    if not job.has_ended:
                        job.note(FAILED, error=str(error))
                finally:
                    del self._workers[job.id]
        finally:
            worker.kill()


class _Worker:
    """A process that does tasks, started when it is needed."""

    def __init__(self, limits: Limits):
        self._limits = limits
        self._process: asyncio.subprocess.Process | None = None

    async def do(self, task: str, arguments: dict[str, Any]) -> Any:
        """Returns what the task answers. Raises SolferinoError if it fails, or takes too long or too much memory."""
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
        if not line:
            self.kill()
            await process.wait()
            raise SolferinoError('It needed more memory than it may have. Ask for less music.')
        answer = json.loads(line)
        if 'error' in answer:
            raise SolferinoError(answer['error'])
        return answer['result']

    def kill(self) -> None:
        """Ends the process; the next task gets another."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)
            self._process = None

    async def _started(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, '-m', 'solferino.pipelines.studio.worker', str(self._limits.memory_megabytes),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=_LONGEST_ANSWER, process_group=0,
            )  # fmt: skip
        return self._process
