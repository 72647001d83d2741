"""The queue: who stands where, and what a worker may take."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from solferino.hparams.errors import SolferinoError
from solferino.pipelines.studio import job_queue
from solferino.pipelines.studio.job_queue import Job, Limits, Queue

COMMAND = (sys.executable, str(Path(__file__).with_name('working.py')))


def run(what: Callable[[Queue], Awaitable[Any]], limits: Limits | None = None) -> Any:
    """Runs a function of a queue that has been started."""

    async def running() -> Any:
        queue = Queue(limits or Limits(seconds=60), COMMAND)
        await queue.start()
        try:
            return await what(queue)
        finally:
            await queue.stop()

    return asyncio.run(running())


async def failure(job: Job) -> str:
    with pytest.raises(SolferinoError) as caught:
        await job.ended()
    return str(caught.value)


def test_a_task_is_done_and_what_it_prints_is_no_answer() -> None:
    async def ask(queue: Queue) -> Any:
        return await (await queue.add('echo', value={'a': [1, 'ä']})).ended()

    assert run(ask) == {'a': [1, 'ä']}


def test_jobs_are_done_in_order_and_know_their_place() -> None:
    async def ask(queue: Queue) -> Any:
        first = await queue.add('sleep', seconds=0.2)
        while first.state == job_queue.WAITING:
            await asyncio.sleep(0.01)
        others = [await queue.add('echo', value=k) for k in range(3)]
        places = [one.told()['position'] for one in others]
        urgent = await queue.add('echo', value='now', first=True)
        moved = [one.told()['position'] for one in (urgent, *others)]
        heard = [told async for told in others[2].changes()]
        return places, moved, heard

    places, moved, heard = run(ask)
    assert places == [1, 2, 3] and moved == [1, 2, 3, 4]
    positions = [told['position'] for told in heard if told['state'] == 'waiting']
    assert positions == sorted(positions, reverse=True)
    assert heard[-1]['state'] == 'done'


def test_several_workers_work_side_by_side() -> None:
    async def ask(queue: Queue) -> Any:
        asked = [await queue.add('sleep', seconds=0.3), await queue.add('sleep', seconds=0.3)]
        while not all(one.state == job_queue.RUNNING for one in asked):
            await asyncio.sleep(0.01)

    run(ask, Limits(workers=2))


def test_a_waiting_job_is_withdrawn_and_those_behind_it_move_up() -> None:
    async def ask(queue: Queue) -> Any:
        first = await queue.add('sleep', seconds=0.3)
        while first.state == job_queue.WAITING:
            await asyncio.sleep(0.01)
        one, two = await queue.add('echo', value=1), await queue.add('echo', value=2)
        queue.withdraw(one)
        assert two.told()['position'] == 1
        return one.told()['state'], await failure(one), await two.ended()

    assert run(ask) == ('withdrawn', 'It was withdrawn.', 2)


def test_a_running_job_that_is_withdrawn_loses_its_worker() -> None:
    async def ask(queue: Queue) -> Any:
        before = await (await queue.add('process')).ended()
        job = await queue.add('sleep', seconds=60)
        while job.state != job_queue.RUNNING:
            await asyncio.sleep(0.01)
        queue.withdraw(job)
        after = await (await queue.add('process')).ended()
        queue.withdraw(job)  # once more: nothing happens
        return before, after, job.state

    before, after, state = run(ask)
    assert before != after and state == job_queue.WITHDRAWN
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)


def test_a_job_that_takes_too_long_ends() -> None:
    async def ask(queue: Queue) -> Any:
        said = await failure(await queue.add('sleep', seconds=600))
        return said, await (await queue.add('echo', value=1)).ended()

    assert run(ask, Limits(seconds=2)) == ('It took more than 2 seconds. Ask for less music.', 1)


def test_a_job_that_needs_too_much_memory_ends() -> None:
    async def ask(queue: Queue) -> Any:
        said = await failure(await queue.add('hold', megabytes=2000))
        return said, await (await queue.add('echo', value=1)).ended()

    said, after = run(ask, Limits(memory_megabytes=512))
    assert said.startswith('There is not enough memory for that') and after == 1


def test_a_worker_that_grows_is_replaced() -> None:
    async def ask(queue: Queue) -> Any:
        little = await (await queue.add('hold', megabytes=1)).ended()
        same = await (await queue.add('hold', megabytes=600)).ended()
        return little, same, await (await queue.add('process')).ended()

    little, same, other = run(ask, Limits(memory_megabytes=1024))
    assert little == same != other


@pytest.mark.parametrize('task', ['die', 'shout'])
def test_a_worker_that_dies_or_says_too_much_costs_one_job(task: str) -> None:
    async def ask(queue: Queue) -> Any:
        said = await failure(await queue.add(task))
        return said, await (await queue.add('echo', value=1)).ended()

    assert run(ask) == ('It needed more memory than it may have, or was ended. Ask for less music.', 1)


def test_errors_speak_of_the_page() -> None:
    async def ask(queue: Queue) -> Any:
        return [await failure(await queue.add(task)) for task in ('refuse', 'fail')]

    said, defect = run(ask)
    assert said == '“Length in bars” 0 must be 1 or more.'
    assert defect == 'Something went wrong that should not (RuntimeError). The terminal has more.'


def test_a_full_queue_says_so_and_takes_what_is_urgent() -> None:
    async def ask(queue: Queue) -> Any:
        first = await queue.add('sleep', seconds=60)
        while first.state == job_queue.WAITING:
            await asyncio.sleep(0.01)
        for _ in range(2):
            await queue.add('echo', value=1)
        with pytest.raises(job_queue.Busy, match='2 others are waiting already'):
            await queue.add('echo', value=1)
        return (await queue.add('echo', value=1, first=True)).state

    assert run(ask, Limits(waiting=2)) == job_queue.WAITING


def test_what_fails_when_a_job_is_done_fails_the_job_alone() -> None:
    def full(_: Any) -> None:
        raise OSError(28, 'No space left on device', 'pieces/a.json')

    async def ask(queue: Queue) -> Any:
        said = await failure(await queue.add('echo', value=1, when_done=full))
        return said, await (await queue.add('echo', value=2)).ended()

    said, after = run(ask)
    assert 'pieces/a.json' in said and 'No space left' in said and after == 2


def test_a_job_that_waits_when_the_studio_ends_is_told() -> None:
    async def ask(queue: Queue) -> Any:
        asked = [await queue.add('sleep', seconds=60), await queue.add('echo', value=1)]
        while asked[0].state == job_queue.WAITING:
            await asyncio.sleep(0.01)
        await queue.stop()
        return [one.told() for one in asked]

    for told in run(ask):
        assert told['state'] == 'failed' and told['error'] == 'The studio was closed.'


def test_old_jobs_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_queue, '_REMEMBERED', 3)
    monkeypatch.setattr(job_queue, '_REMEMBERED_BYTES', 250_000)

    async def ask(queue: Queue) -> Any:
        small = [await queue.add('echo', value=k) for k in range(6)]
        for job in small:
            await job.ended()
        large = [await queue.add('echo', value='x' * 200_000) for _ in range(2)]
        for job in large:
            await job.ended()
        await (await queue.add('echo', value=1)).ended()
        known = []
        for job in (*small, *large):
            try:
                known.append(queue.get(job.id) is job)
            except KeyError:
                known.append(False)
        return known

    assert run(ask) == [False] * 7 + [True]
