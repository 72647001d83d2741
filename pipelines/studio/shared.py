"""What the requests of all views share."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import Response, StreamingResponse

from solferino.pipelines.studio import messages
from solferino.pipelines.studio.catalogue import Catalogue, References
from solferino.pipelines.studio.computing import job_queue
from solferino.pipelines.studio.pieces import Pieces
from solferino.pipelines.studio.work_folder import WorkFolder

MOST_STREAMS = 150  # each looks at a folder every second, or waits for a job
HEARTBEAT = 15.0  # seconds without a word, after which proxies and phones take a connection for dead


class Studio:
    """A running studio.

    Args:
      models: what can be chosen.
      references: what can be compared with.
      work: where all is kept that is made.
      limits: of jobs.
      token: see `guard`.
      password: what `login` asks for; '' where the token stands in the address.
    """

    def __init__(
        self,
        models: Catalogue,
        references: References,
        work: WorkFolder,
        limits: job_queue.Limits,
        token: str,
        password: str = '',
    ):
        self.models, self.references, self.work = models, references, work
        self.work_dir = work.path
        self.queue = job_queue.Queue(limits)
        self.pieces = Pieces(work.path / 'pieces')
        self.token, self.password = token, password
        self.closing = asyncio.Event()
        self.streams = 0  # that pages listen to

    async def close(self) -> None:
        """Ends what runs, so that all that wait for it are told and no stream stays open."""
        await self.queue.stop()
        self.closing.set()


def answer(content: Any, status: int = 200) -> Response:
    """Returns an answer as JSON."""
    return Response(messages.write(content), status, media_type='application/json')


def stream(studio: Studio, changes: AsyncIterator[Any], heartbeat: float = HEARTBEAT) -> StreamingResponse:
    """Returns server-sent events, one for each of `changes`, until they end, the page is closed or the studio ends.

    Raises Busy if too many are listened to.
    """
    if studio.streams >= MOST_STREAMS:
        raise job_queue.Busy('Too many pages are open. Close some, or try again in a minute.')
    return StreamingResponse(_events(studio, changes, heartbeat), media_type='text/event-stream')


async def _events(studio: Studio, changes: AsyncIterator[Any], heartbeat: float) -> AsyncIterator[bytes]:
    end = asyncio.ensure_future(studio.closing.wait())
    following: asyncio.Future[Any] | None = None
    studio.streams += 1
    try:
        while True:
            following = following or asyncio.ensure_future(anext(changes))
            done, _ = await asyncio.wait({following, end}, timeout=heartbeat, return_when=asyncio.FIRST_COMPLETED)
            if following in done:
                try:
                    told = following.result()
                except StopAsyncIteration:
                    return
                following = None
                yield b'data: ' + messages.write(told) + b'\n\n'
            elif end in done:
                return
            else:
                yield b': still here\n\n'
    finally:  # a page that is closed leaves nothing behind
        studio.streams -= 1
        for task in (end, following):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
                    await task
