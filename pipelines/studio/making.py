"""Make: the models, music asked of them, and what is done with it.

GET    /api/models               the models
GET    /api/instruments          the names of drums and programs
POST   /api/generate             music, as a job
POST   /api/midi                 music as a MIDI file
POST   /api/uploads?name=x.mid   reads a music file
GET    /api/pieces               the music that was made
POST   /api/pieces/ID            keeps it, or does not keep it
DELETE /api/pieces/ID            discards it
GET    /api/pieces/ID.FORMAT     a file of it
"""

import secrets
import tempfile
from pathlib import Path
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from solferino.hparams.errors import SolferinoError
from solferino.pipelines import parsing
from solferino.pipelines.studio import messages
from solferino.pipelines.studio.messages import Generate, Piece
from solferino.pipelines.studio.shared import Studio, answer

_TYPES = {'mid': 'audio/midi', 'wav': 'audio/wav', 'mp3': 'audio/mpeg', 'flac': 'audio/flac', 'ogg': 'audio/ogg'}


class Making:
    """The requests of the view."""

    def __init__(self, studio: Studio):
        self._studio = studio
        self._instruments: Any = None

    def routes(self) -> list[Route]:
        """What answers which request."""
        return [
            Route('/api/models', self.list_models),
            Route('/api/instruments', self.list_instruments),
            Route('/api/generate', self.generate, methods=['POST']),
            Route('/api/midi', self.midi, methods=['POST']),
            Route('/api/uploads', self.upload, methods=['POST']),
            Route('/api/pieces', self.list_pieces),
            Route('/api/pieces/{id}.{format}', self.piece_file),
            Route('/api/pieces/{id}', self.change_piece, methods=['POST']),
            Route('/api/pieces/{id}', self.discard_piece, methods=['DELETE']),
        ]

    async def list_models(self, request: Request) -> Response:
        """All models; those that do not load are told with the reason."""
        described = []
        for id, path in self._studio.models.paths().items():
            known = self._studio.models.known(id)
            if known is None:
                job = await self._studio.queue.add('describe', path=str(path), id=id)
                try:
                    known = await job.ended()
                except SolferinoError as error:
                    known = {'id': id, 'name': path.name, 'error': str(error)}
                self._studio.models.remember(id, known)
            described.append(known)
        return answer({'models': described})

    async def list_instruments(self, request: Request) -> Response:
        """See `instruments`; they are the same for all time."""
        if self._instruments is None:
            self._instruments = await (await self._studio.queue.add('instruments')).ended()
        return answer(self._instruments)

    async def generate(self, request: Request) -> Response:
        """Puts a request for music into the queue."""
        asked = messages.read(await request.body(), Generate)
        path = self._studio.models.path(asked.model)
        seed = asked.options.pop('seed', None)
        seed = seed if isinstance(seed, int) and 0 <= seed < 1 << 31 else secrets.randbelow(1 << 31)
        folder = self._studio.work_dir / 'made' / secrets.token_hex(6)
        folder.mkdir(parents=True)
        job = await self._studio.queue.add(
            'generate', path=str(path), request=msgspec.to_builtins(asked), seed=seed, folder=str(folder)
        )
        job.when_done = self._keep
        return answer(job.told(), 202)

    def _keep(self, result: Any) -> None:
        for piece in msgspec.convert(result, list[Piece]):
            self._studio.pieces.put(piece)

    async def upload(self, request: Request) -> Response:
        """Reads a music file in a worker, and answers with its music."""
        ending = parsing.ending(request.query_params.get('name', '').encode())
        if ending not in parsing.KINDS:
            raise SolferinoError(f'Music files end in {", ".join(parsing.KINDS)}.')
        with tempfile.NamedTemporaryFile(suffix=ending, dir=self._studio.work_dir) as file:
            async for part in request.stream():
                file.write(part)
            file.flush()
            job = await self._studio.queue.add('read_music', path=file.name)
            return answer(await job.ended())

    async def list_pieces(self, request: Request) -> Response:
        """The music that was made."""
        return answer({'pieces': self._studio.pieces.all()})

    async def change_piece(self, request: Request) -> Response:
        """Keeps a piece, or no longer."""
        asked = messages.read(await request.body(), messages.ChangePiece)
        piece = msgspec.structs.replace(self._studio.pieces.get(request.path_params['id']), kept=asked.kept)
        self._studio.pieces.put(piece)
        return answer(piece)

    async def discard_piece(self, request: Request) -> Response:
        """Removes a piece."""
        self._studio.pieces.remove(request.path_params['id'])
        return Response(status_code=204)

    async def piece_file(self, request: Request) -> Response:
        """A piece as a file of a format."""
        piece, format = self._studio.pieces.get(request.path_params['id']), request.path_params['format']
        if format not in _TYPES:
            raise SolferinoError(f'There are {", ".join(_TYPES)}, and no {format}.')
        return await self._file(piece.music, format, piece.id)

    async def midi(self, request: Request) -> Response:
        """Music of the page, a primer for example, as a MIDI file."""
        return await self._file(messages.read(await request.body(), messages.Music), 'mid', 'primer')

    async def _file(self, music: messages.Music, format: str, name: str) -> Response:
        with tempfile.TemporaryDirectory(dir=self._studio.work_dir) as folder:
            path = Path(folder, f'music.{format}')
            given = msgspec.to_builtins(music)
            await (await self._studio.queue.add('render', music=given, format=format, path=str(path))).ended()
            data = path.read_bytes()
        return Response(
            data,
            media_type=_TYPES[format],
            headers={'content-disposition': f'attachment; filename="{name}.{format}"'},
        )
