"""Make: the models, music asked of them, and what is done with it.

GET    /api/models               the models; those that are being read yet have `reading: true` and no more: ask again
GET    /api/instruments          the names of drums and programs
POST   /api/generate             music, as a job
POST   /api/midi                 music as a MIDI file
POST   /api/infill               a stretch of music made anew, as a job
POST   /api/uploads?name=x.mid   reads a music file
GET    /api/pieces?first=0       the music that was made, the newest first, a hundred at a time, and how many there are
POST   /api/pieces/ID            keeps it, or does not keep it
DELETE /api/pieces/ID            discards it
GET    /api/pieces/ID.FORMAT     a file of it
"""

import asyncio
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from solferino.hparams.errors import SolferinoError
from solferino.pipelines import parsing
from solferino.pipelines.studio import messages
from solferino.pipelines.studio.messages import Generate, Infill, Model, Piece
from solferino.pipelines.studio.shared import Studio, answer

_TYPES = {'mid': 'audio/midi', 'wav': 'audio/wav', 'mp3': 'audio/mpeg', 'flac': 'audio/flac', 'ogg': 'audio/ogg'}
_PATIENCE = 2.0  # seconds that the list of models waits for those that are being read
_AT_ONCE = 100  # pieces in an answer


class Making:
    """The requests of the view."""

    def __init__(self, studio: Studio):
        self._studio = studio
        self._reading: dict[str, asyncio.Task[None]] = {}  # models, by their ids
        self._instruments: Any = None
        self._asking_instruments = asyncio.Lock()

    def routes(self) -> list[Route]:
        """What answers which request."""
        return [
            Route('/api/models', self.list_models),
            Route('/api/instruments', self.list_instruments),
            Route('/api/generate', self.generate, methods=['POST']),
            Route('/api/midi', self.midi, methods=['POST']),
            Route('/api/infill', self.infill, methods=['POST']),
            Route('/api/uploads', self.upload, methods=['POST']),
            Route('/api/pieces', self.list_pieces),
            Route('/api/pieces/{id}.{format}', self.piece_file),
            Route('/api/pieces/{id}', self.change_piece, methods=['POST']),
            Route('/api/pieces/{id}', self.discard_piece, methods=['DELETE']),
        ]

    async def list_models(self, request: Request) -> Response:
        """All models; those that do not load are told with the reason."""
        models = self._studio.models
        for id, path in models.paths().items():
            if models.known(id) is None and id not in self._reading:
                task = asyncio.create_task(self._read_model(id, path))
                self._reading[id] = task
        if self._reading:
            await asyncio.wait(self._reading.values(), timeout=_PATIENCE)
        listed = [
            models.known(id) or {'id': id, 'name': path.stem, 'reading': True} for id, path in models.paths().items()
        ]
        return answer({'models': listed})

    async def _read_model(self, id: str, path: Path) -> None:
        """Before all other jobs: without its models the page is of no use."""
        known: Any
        try:
            job = await self._studio.queue.add('describe', first=True, path=str(path), id=id)
            known = msgspec.convert(await job.ended(), Model)
        except SolferinoError as error:
            known = {'id': id, 'name': path.stem, 'error': str(error)}
        finally:
            del self._reading[id]
        self._studio.models.remember(id, known)

    async def list_instruments(self, request: Request) -> Response:
        """See `instruments`; they are the same for all time."""
        async with self._asking_instruments:  # one job, however many ask: it goes before all others
            if self._instruments is None:
                self._instruments = await (await self._studio.queue.add('instruments', first=True)).ended()
        return answer(self._instruments)

    async def generate(self, request: Request) -> Response:
        """Puts a request for music into the queue."""
        return await self._make('generate', messages.read(await request.body(), Generate))

    async def infill(self, request: Request) -> Response:
        """Puts a request for a stretch that is made anew into the queue."""
        return await self._make('infill', messages.read(await request.body(), Infill))

    async def _make(self, task: str, asked: Generate | Infill) -> Response:
        path = self._studio.models.path(asked.model)
        self._studio.pieces.require_room()
        self._studio.work.require_room()
        seed = asked.options.pop('seed', None)
        seed = seed if isinstance(seed, int) and 0 <= seed < 1 << 31 else secrets.randbelow(1 << 31)
        folder = self._studio.work.scratch(secrets.token_hex(6))  # made when there is music: many requests make none
        job = await self._studio.queue.add(
            task, when_done=self._keep(folder), path=str(path), request=msgspec.to_builtins(asked), seed=seed,
            folder=str(folder),
        )  # fmt: skip
        return answer(job.told(), 202)

    def _keep(self, folder: Path) -> Callable[[bytes], None]:
        def keep(result: bytes) -> None:
            pieces = msgspec.json.decode(result, type=list[Piece])
            self._studio.pieces.add(pieces, [folder / f'{piece.number}.mid' for piece in pieces])
            folder.rmdir()

        return keep

    async def upload(self, request: Request) -> Response:
        """Reads a music file in a worker, and answers with its music."""
        ending = parsing.ending(request.query_params.get('name', '').encode('utf-8', 'replace'))
        if ending not in parsing.KINDS:
            raise SolferinoError(f'Music files end in {", ".join(parsing.KINDS)}.')
        self._studio.work.require_room()
        path = self._studio.work.scratch(secrets.token_hex(6) + ending)
        try:
            with path.open('wb') as file:
                async for part in self._studio.work.arriving(request.stream()):
                    file.write(part)
            job = await self._studio.queue.add('read_music', path=str(path))
            return answer(await job.ended())
        finally:
            path.unlink(missing_ok=True)

    async def list_pieces(self, request: Request) -> Response:
        """The music that was made."""
        asked = request.query_params.get('first', '0')
        first = int(asked) if re.fullmatch('[0-9]{1,9}', asked) else 0
        return answer({'pieces': self._studio.pieces.some(first, _AT_ONCE), 'total': len(self._studio.pieces)})

    async def change_piece(self, request: Request) -> Response:
        """Keeps a piece, or no longer."""
        asked = messages.read(await request.body(), messages.ChangePiece)
        piece = msgspec.structs.replace(self._studio.pieces.get(request.path_params['id']), kept=asked.kept)
        self._studio.pieces.put(piece)
        return answer(piece)

    async def discard_piece(self, request: Request) -> Response:
        """Removes a piece."""
        self._studio.pieces.remove(request.path_params['id'])
        self._studio.work.recount()
        return Response(status_code=204)

    async def piece_file(self, request: Request) -> Response:
        """A piece as a file of a format."""
        piece, format = self._studio.pieces.get(request.path_params['id']), request.path_params['format']
        if format not in _TYPES:
            raise SolferinoError(f'There are {", ".join(_TYPES)}, and no {format}.')
        name, made = f'{piece.id}.{format}', self._studio.pieces.midi(piece.id)
        if format == 'mid' and made:
            return FileResponse(made, media_type=_TYPES[format], filename=name)
        return await self._file(piece.music, format, name)

    async def midi(self, request: Request) -> Response:
        """Music of the page, a primer for example, as a MIDI file."""
        return await self._file(messages.read(await request.body(), messages.Music), 'mid', 'primer.mid')

    async def _file(self, music: messages.Music, format: str, name: str) -> Response:
        self._studio.work.require_room()
        path = self._studio.work.scratch(f'{secrets.token_hex(6)}.{format}')
        try:
            given = msgspec.to_builtins(music)
            job = await self._studio.queue.add('render', music=given, format=format, path=str(path))
            await job.ended()
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return FileResponse(
            path, media_type=_TYPES[format], filename=name, background=BackgroundTask(path.unlink, missing_ok=True)
        )
