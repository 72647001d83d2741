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
        # Their files, and not their notes: two hundred large pieces would fill the memory, and that for all who wait.
        pieces = [str(self._studio.pieces.file(id)) for id in dict.fromkeys(asked.pieces)]
        job = await self._studio.queue.add('judge', pieces=pieces, reference=str(path))
        return answer(job.told(), 202)
