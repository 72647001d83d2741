"""The studio as an ASGI application: what all views share, and the requests of each (`making`, ...).

GET    /api/jobs/ID              what became of a job
GET    /api/jobs/ID/events       the same, told at each change (server-sent events)
DELETE /api/jobs/ID              withdraws it
GET    /api/soundfont            the instruments for the page's synthesizer
POST   /api/login                a token for a password
"""

import asyncio
import contextlib
import hmac
import logging
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from solferino.hparams import system_errors
from solferino.hparams.errors import SolferinoError
from solferino.models.music.sound import soundfonts
from solferino.pipelines.studio import guard, messages, wording
from solferino.pipelines.studio.computing import job_queue
from solferino.pipelines.studio.knowing import Knowing
from solferino.pipelines.studio.learn.learning import Learning
from solferino.pipelines.studio.making import Making
from solferino.pipelines.studio.shared import Studio, answer, stream
from solferino.pipelines.studio.work_folder import Full

PAGE = Path(__file__).with_name('page') / 'dist'
_GUESSING = 1.0  # seconds that a wrong password costs, one after the other
_GUESSES = 8  # passwords that wait for being looked at; more are refused


def application(studio: Studio, page: Path = PAGE) -> Starlette:
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
            await studio.close()

    routes = [
        *_Common(studio).routes(),
        *Making(studio).routes(),
        *learning.routes(),
        *Knowing(studio).routes(),
        Mount('/', StaticFiles(directory=page, html=True)),
    ]
    handlers = {
        SolferinoError: _refused,
        HTTPException: _not_there,
        ClientDisconnect: _gone,
        OSError: _system_refused,
        Exception: _failed,
    }
    return Starlette(routes=routes, lifespan=life, exception_handlers=handlers)


class _Common:
    def __init__(self, studio: Studio):
        self._studio = studio
        self._one_guess = asyncio.Lock()
        self._guesses = 0

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
        return stream(self._studio, self._job(request).changes())

    async def withdraw(self, request: Request) -> Response:
        """Ends a job."""
        job = self._job(request)
        self._studio.queue.withdraw(job)
        return answer(job.told())

    def _job(self, request: Request) -> job_queue.Job:
        try:
            return self._studio.queue.get(request.path_params['id'])
        except KeyError:
            raise SolferinoError('This job is not known any more. Ask again.') from None

    async def soundfont(self, request: Request) -> Response:
        """The soundfont that is installed here; it may be kept by the browser."""
        return FileResponse(
            soundfonts.default_path(),
            media_type='application/octet-stream',
            headers={'cache-control': 'private, max-age=86400'},
        )

    async def login(self, request: Request) -> Response:
        """The token, for the password."""
        asked = messages.read(await request.body(), messages.Login)
        given, password = asked.password.encode('utf-8', 'surrogatepass'), self._studio.password.encode()
        if self._guesses >= _GUESSES:
            raise job_queue.Busy('Others are giving passwords. Try again in a few seconds.')
        self._guesses += 1
        try:
            async with self._one_guess:  # a right one waits, too: else many wrong ones beside it would cost nothing
                if not password or not hmac.compare_digest(given, password):
                    await asyncio.sleep(_GUESSING)
                    return answer({'error': 'This is not the password.'}, 403)
        finally:
            self._guesses -= 1
        return answer({'token': self._studio.token})


_STATUS: dict[type[Exception], int] = {
    job_queue.Busy: 429,
    guard.TooLarge: guard.TOO_LARGE,
    guard.TooSlow: guard.TOO_SLOW,
    Full: 507,
}


async def _refused(request: Request, error: Exception) -> Response:
    return answer({'error': wording.for_the_page(str(error))}, _STATUS.get(type(error), 400))


async def _not_there(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return answer({'error': f'{error.detail}.'}, error.status_code)


async def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=400)  # nobody hears it


async def _system_refused(request: Request, error: Exception) -> Response:
    """For a full disk, and the like."""
    said = system_errors.sentence(error)
    logging.getLogger(__name__).error('%s: %s', request.url.path, said or error)
    return answer({'error': wording.for_the_page(said or str(error))}, 507)


async def _failed(request: Request, error: Exception) -> Response:
    return answer({'error': 'Something went wrong that should not. The terminal has more.'}, 500)
