"""Know: what was made held against what was learned from.

GET    /api/references    the training music that is here
POST   /api/judge         measures pieces and finds what they copy, as a job
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from solferino.hparams.errors import SolferinoError
from solferino.pipelines.studio import messages
from solferino.pipelines.studio.messages import Judge
from solferino.pipelines.studio.shared import Studio, answer


class Knowing:
    """The requests of the view."""

    def __init__(self, studio: Studio):
        self._studio = studio

    def routes(self) -> list[Route]:
        """What answers which request."""
        return [Route('/api/references', self.references), Route('/api/judge', self.judge, methods=['POST'])]

    async def references(self, request: Request) -> Response:
        """The training music, by id and name."""
        known = self._studio.references
        return answer({'references': [{'id': id, 'name': known.name(path)} for id, path in known.paths().items()]})

    async def judge(self, request: Request) -> Response:
        """Puts a comparison into the queue."""
        asked = messages.read(await request.body(), Judge)
        path = self._studio.references.paths().get(asked.reference)
        if path is None:
            raise SolferinoError('This training music is not there any more. Reload the page to see what is.')
        pieces = [self._studio.pieces.get(id) for id in asked.pieces]
        job = await self._studio.queue.add(
            'judge', ids=[piece.id for piece in pieces], music=[piece.music for piece in pieces],
            reference=str(path),
        )  # fmt: skip
        return answer(job.told(), 202)
