"""What the requests of all views share."""

from pathlib import Path
from typing import Any

from starlette.responses import Response

from solferino.pipelines.studio import jobs, messages
from solferino.pipelines.studio.catalogue import Catalogue, References
from solferino.pipelines.studio.pieces import Pieces


class Studio:
    """A running studio.

    Args:
      models: what can be chosen.
      references: what can be compared with.
      work_dir: where all is kept that is made.
      limits: of jobs.
      token: see `guard`.
      password: what `login` asks for; '' where the token stands in the address.
    """

    def __init__(
        self,
        models: Catalogue,
        references: References,
        work_dir: Path,
        limits: jobs.Limits,
        token: str,
        password: str = '',
    ):
        self.models, self.references, self.work_dir = models, references, work_dir
        self.queue = jobs.Queue(limits)
        self.pieces = Pieces(work_dir / 'pieces')
        self.token, self.password = token, password


def answer(content: Any, status: int = 200) -> Response:
    """Returns an answer as JSON."""
    return Response(messages.write(content), status, media_type='application/json')
