"""Learn: collections of music, trainings, and what becomes of them.

GET    /api/learning                     all collections and trainings, and run directories that were named
POST   /api/collections                  a new collection
POST   /api/collections/ID/files?name=   a file for it, or a zip
POST   /api/collections/ID/read          reads it
GET    /api/collections/ID/events        what was read (server-sent events)
DELETE /api/collections/ID               removes it
POST   /api/trainings                    a training, or its place among those that wait
GET    /api/trainings/ID/events          how it goes (server-sent events)
GET    /api/trainings/ID/log             what its commands say
GET    /api/trainings/ID/samples/STEP    music that it made at a step
POST   /api/trainings/ID/stop            lets it save and end
POST   /api/trainings/ID/go_on           goes on with it
POST   /api/trainings/ID/save            makes a bundle, which is in Make then
DELETE /api/trainings/ID                 removes it
"""

import asyncio
import contextlib
import json
import logging
import os
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from solferino.hparams.errors import SolferinoError
from solferino.models.core.runs import run_dir
from solferino.models.core.storage.files import atomic_write
from solferino.pipelines import parsing
from solferino.pipelines.studio import messages
from solferino.pipelines.studio.learn import children
from solferino.pipelines.studio.learn.dropped import Collections
from solferino.pipelines.studio.learn.lessons import GoOn, NewCollection, Read, Save, Train, require_name
from solferino.pipelines.studio.learn.trainings import Training, Trainings
from solferino.pipelines.studio.learn.watched import Opened, Watched
from solferino.pipelines.studio.shared import Studio, answer, stream

_LOOK_S = 1.0  # from one look at what children do to the next
GONE = 'gone'  # what was removed is told to be in this state
_SAMPLE_SEED = 1
_log = logging.getLogger(__name__)


class Learning:
    """The requests of the view, and what goes on without any: trainings whose turn it is, and music of each."""

    def __init__(self, studio: Studio):
        self._studio = studio
        self._collections = Collections(studio.work_dir / 'collections')
        self._trainings = Trainings(studio.work_dir / 'trainings')
        self._runs: dict[str, Opened] = {}
        self._one_reads = asyncio.Lock()
        self._supervising: asyncio.Task[None] | None = None
        self._hearing: asyncio.Task[None] | None = None

    def routes(self) -> list[Route]:
        """What answers which request."""

        def at(path: str, endpoint: Any, method: str = 'GET') -> Route:
            return Route(f'/api/{path}', endpoint, methods=[method])

        return [
            at('learning', self.overview),
            at('collections', self.new_collection, 'POST'),
            at('collections/{id}/files', self.add_file, 'POST'),
            at('collections/{id}/read', self.read_collection, 'POST'),
            at('collections/{id}/events', self.collection_events),
            at('collections/{id}', self.remove_collection, 'DELETE'),
            at('trainings', self.train, 'POST'),
            at('trainings/{id}/events', self.training_events),
            at('trainings/{id}/log', self.training_log),
            at('trainings/{id}/samples/{step}', self.sample),
            at('trainings/{id}/stop', self.stop, 'POST'),
            at('trainings/{id}/go_on', self.go_on, 'POST'),
            at('trainings/{id}/save', self.save, 'POST'),
            at('trainings/{id}', self.remove_training, 'DELETE'),
        ]

    async def start(self) -> None:
        """Takes up the trainings that were waiting."""
        self._supervising = asyncio.create_task(self._supervise())

    async def end(self) -> None:
        """Looks after nothing any more; trainings go on."""
        tasks = [task for task in (self._supervising, self._hearing) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _supervise(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self._trainings.start_next)
                if self._hearing is None or self._hearing.done():
                    self._hearing = asyncio.create_task(self._hear())
            except Exception as error:  # the next look may find it mended
                _log.error('trainings are not looked after: %r', error)
            await asyncio.sleep(_LOOK_S)

    async def _hear(self) -> None:
        with contextlib.suppress(OSError, SolferinoError):
            for watched in [*await asyncio.to_thread(self._trainings.running), *self._opened()]:
                await self._listen(watched)

    async def _listen(self, watched: Watched) -> None:
        """Lets the newest checkpoint make music, if it has not yet."""
        found = watched.unheard()
        if found is None:
            return
        step, checkpoint = found
        target = watched.samples / f'{step}.json'
        target.parent.mkdir(parents=True, exist_ok=True)
        job = await self._studio.queue.add('sample', path=str(checkpoint), seed=_SAMPLE_SEED)
        try:
            music = await job.ended()
        except SolferinoError as error:  # it was pruned meanwhile, or makes no music yet
            music = {'error': str(error)}
        with contextlib.suppress(OSError):
            atomic_write(str(target), json.dumps(music))

    async def overview(self, request: Request) -> Response:
        """What there is."""

        def told() -> dict[str, Any]:
            watched: list[Training | Opened] = [*self._trainings.all(), *self._opened()]
            summaries = []
            for one in watched:
                with contextlib.suppress(SolferinoError):  # a damaged one; the list of models says what is wrong
                    summaries.append(one.summary())
            return {
                'kinds': list(parsing.KINDS),
                'collections': [one.told() for one in self._collections.all()],
                'trainings': summaries,
            }

        return answer(await asyncio.to_thread(told))

    async def new_collection(self, request: Request) -> Response:
        """Makes an empty collection."""
        asked = messages.read(await request.body(), NewCollection)
        self._studio.work.require_room()
        return answer(self._collections.new(require_name(asked.name)).told(), 201)

    async def add_file(self, request: Request) -> Response:
        """Takes a file."""
        self._studio.work.require_room()
        collection = self._collections.get(request.path_params['id'])
        about = await collection.add(request.query_params.get('name', ''), self._studio.work.arriving(request.stream()))
        return answer({'files': about.files, 'bytes': about.bytes}, 201)

    async def read_collection(self, request: Request) -> Response:
        """Begins to read."""
        asked = messages.read(await request.body(), Read)
        collection = self._collections.get(request.path_params['id'])
        self._studio.work.require_room()
        async with self._one_reads:
            await asyncio.to_thread(self._collections.require_turn)
            await asyncio.to_thread(collection.read, asked.options)
        return answer(collection.told(), 202)

    async def collection_events(self, request: Request) -> Response:
        """What was read, when it was."""
        collection = self._collections.get(request.path_params['id'])
        return stream(self._studio, _changes(collection.told))

    async def remove_collection(self, request: Request) -> Response:
        """Removes a collection."""
        await asyncio.to_thread(self._collections.remove, request.path_params['id'])
        return Response(status_code=204)

    async def train(self, request: Request) -> Response:
        """Begins a training, or lets it wait."""
        asked = messages.read(await request.body(), Train)
        self._studio.work.require_room()
        collection = self._collections.get(asked.collection)
        training = await asyncio.to_thread(self._trainings.new, asked, collection)
        return answer(await asyncio.to_thread(self._told, training), 202)

    async def training_events(self, request: Request) -> Response:
        """How a training goes."""
        watched = self._watched(request)
        return stream(self._studio, _changes(lambda: self._told(watched)))

    async def training_log(self, request: Request) -> Response:
        """The end of its log."""
        watched = self._watched(request)
        return answer({'log': watched.children.log() if isinstance(watched, Training) else ''})

    async def sample(self, request: Request) -> Response:
        """Music that it made."""
        step, watched = request.path_params['step'], self._watched(request)
        try:
            if not re.fullmatch('[0-9]{1,12}', step):
                raise FileNotFoundError
            music = (watched.samples / f'{step}.json').read_bytes()
        except OSError:
            raise SolferinoError('There is no music of this step.') from None
        return Response(music, media_type='application/json')

    async def stop(self, request: Request) -> Response:
        """Stops a training."""
        training = self._training(request)
        self._trainings.stop(training)
        return answer(await asyncio.to_thread(self._told, training), 202)

    async def go_on(self, request: Request) -> Response:
        """Goes on with a training."""
        asked = messages.read(await request.body(), GoOn)
        training = self._training(request)
        await asyncio.to_thread(self._trainings.go_on, training, asked.num_steps)
        return answer(await asyncio.to_thread(self._told, training), 202)

    async def save(self, request: Request) -> Response:
        """Saves a bundle."""
        asked = messages.read(await request.body(), Save)
        watched = self._watched(request)
        self._studio.work.require_room()
        target = self._studio.models.free(require_name(asked.name))
        job = await self._studio.queue.add(
            'save_bundle', path=str(watched.run), target=str(target), description=asked.description
        )
        await job.ended()
        return answer({'name': target.stem}, 201)

    async def remove_training(self, request: Request) -> Response:
        """Removes a training."""
        await asyncio.to_thread(self._trainings.remove, self._training(request))
        return Response(status_code=204)

    def _training(self, request: Request) -> Training:
        return self._trainings.get(request.path_params['id'])

    def _watched(self, request: Request) -> Training | Opened:
        opened = {one.id: one for one in self._opened()}
        return opened.get(request.path_params['id']) or self._training(request)

    def _opened(self) -> list[Opened]:
        """The run directories that were named on the command line."""
        for id, path in self._studio.models.paths().items():
            if id not in self._runs and os.path.isfile(run_dir.run_path(str(path))):
                self._runs[id] = Opened(id, path, self._studio.work_dir / 'opened' / id)
        return list(self._runs.values())

    def _told(self, watched: Training | Opened) -> dict[str, Any]:
        position = self._trainings.position(watched) if isinstance(watched, Training) else 0
        return watched.told() | {'position': position}


async def _changes(look: Callable[[], dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
    """Yields what is seen at each change, until it has ended."""
    last: dict[str, Any] | None = None
    while True:
        try:
            told = await asyncio.to_thread(look)
        except SolferinoError as error:  # it was removed
            told = {'state': GONE, 'error': str(error)}
        if told != last:
            yield told
            last = told
        if told['state'] not in (children.RUNNING, children.WAITING):
            return
        await asyncio.sleep(_LOOK_S)
