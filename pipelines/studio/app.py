"""The studio as an ASGI application: what all views share, and the requests of each (`making`, ...).

GET    /api/jobs/ID              what became of a job
GET    /api/jobs/ID/events       the same, told at each change (server-sent events)
DELETE /api/jobs/ID              withdraws it
GET    /api/soundfont            the instruments for the page's synthesizer
POST   /api/login                a token for a password
"""

import contextlib
import hmac
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from solferino.hparams.errors import SolferinoError
from solferino.models.music.sound import soundfonts
from solferino.pipelines.studio import jobs, messages
from solferino.pipelines.studio.learning import Learning
from solferino.pipelines.studio.making import Making
from solferino.pipelines.studio.shared import Studio, answer

PAGE = Path(__file__).with_name('page') / 'dist'


def application(studio: Studio) -> Starlette:
    """Returns the ASGI application, without the guard around it."""

    learning = Learning(studio)

    @contextlib.asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        await studio.queue.start()
        await learning.start()
        try:
            yield
        finally:
            await learning.end()
            await studio.queue.stop()

    routes = [
        *_Common(studio).routes(),
        *Making(studio).routes(),
        *learning.routes(),
        Mount('/', StaticFiles(directory=PAGE, html=True)),
    ]
    return Starlette(routes=routes, lifespan=life, exception_handlers={SolferinoError: _refused, Exception: _failed})


class _Common:
    def __init__(self, studio: Studio):
        self._studio = studio

    def routes(self) -> list[Route]:
        return [
            Route('/api/jobs/{id}', self.job),
            Route('/api/jobs/{id}', self.withdraw, methods=['DELETE']),
            Route('/api/jobs/{id}/events', self.job_events),
            Route('/api/soundfont', self.soundfont),
            Route('/api/login', self.login, methods=['POST']),
        ]

    async def job(self, request: Request) -> Response:
        """What became of a job."""
        return answer(self._job(request).told())

    async def job_events(self, request: Request) -> Response:
        """The same at each change."""

        async def events() -> AsyncIterator[bytes]:
            async for told in self._job(request).changes():
                yield b'data: ' + messages.write(told) + b'\n\n'

        self._job(request)
        return StreamingResponse(events(), media_type='text/event-stream')

    async def withdraw(self, request: Request) -> Response:
        """Ends a job."""
        job = self._job(request)
        self._studio.queue.withdraw(job)
        return answer(job.told())

    def _job(self, request: Request) -> jobs.Job:
        try:
            return self._studio.queue.get(request.path_params['id'])
        except KeyError:
            raise SolferinoError('This job is not known any more. Ask again.') from None

    async def soundfont(self, request: Request) -> Response:
        """The soundfont that is installed here; it may be kept by the browser."""
        return FileResponse(soundfonts.default_path(), media_type='application/octet-stream')

    async def login(self, request: Request) -> Response:
        """The token, for the password."""
        asked = messages.read(await request.body(), messages.Login)
        if not self._studio.password or not hmac.compare_digest(
            asked.password.encode(), self._studio.password.encode()
        ):
            return answer({'error': 'This is not the password.'}, 403)
        return answer({'token': self._studio.token})


async def _refused(request: Request, error: Exception) -> Response:
    return answer({'error': str(error)}, 429 if isinstance(error, jobs.Busy) else 400)


async def _failed(request: Request, error: Exception) -> Response:
    return answer({'error': 'Something went wrong that should not. The terminal has more.'}, 500)
