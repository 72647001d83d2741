"""Serves the studio: see `serve`."""

import dataclasses
import secrets
import socket
import threading
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from solferino.hparams.errors import SolferinoError
from solferino.models.music import extras
from solferino.pipelines.studio import jobs

_LOOPBACK = ('127.0.0.1', '::1', 'localhost')


@dataclasses.dataclass(frozen=True)
class Settings:
    """How to serve.

    Attributes:
      models: bundles and run directories to offer.
      music: training music to compare with.
      work_dir: where all is kept that is made.
      host, port: where to listen; port 0 for any that is free.
      password: what the page asks for where others can reach it; '' on loopback, where a token in the address serves.
      opens_browser: whether to open the page.
    """

    models: Sequence[Path]
    music: Sequence[Path]
    work_dir: Path
    host: str = '127.0.0.1'
    port: int = 0
    password: str = ''
    opens_browser: bool = True
    limits: jobs.Limits = dataclasses.field(default_factory=jobs.Limits)


def serve(settings: Settings) -> None:
    """Serves until Ctrl-C. Raises SolferinoError if it cannot."""
    uvicorn = extras.load('uvicorn', extras.STUDIO)
    extras.load('starlette', extras.STUDIO)
    from solferino.pipelines.studio import app, guard
    from solferino.pipelines.studio.catalogue import Catalogue, References
    from solferino.pipelines.studio.shared import Studio

    if not (app.PAGE / 'index.html').is_file():
        raise SolferinoError(
            'The page of the studio is not built. In a checkout, with Node.js installed: make studio. '
            'A wheel that pip installs has it.'
        )
    token = secrets.token_urlsafe(24)
    (settings.work_dir / 'models').mkdir(parents=True, exist_ok=True)
    studio = Studio(
        Catalogue(settings.models, settings.work_dir / 'models'),
        References(settings.music, settings.work_dir / 'collections'),
        settings.work_dir.resolve(), settings.limits, token, settings.password,
    )  # fmt: skip
    listening = _listen(settings.host, settings.port)
    port = listening.getsockname()[1]
    local = settings.host in _LOOPBACK
    hosts = frozenset(f'{name}:{port}' for name in ('127.0.0.1', 'localhost', '[::1]')) if local else None
    guarded = guard.Guard(app.application(studio), token, hosts)
    shown = '[::1]' if settings.host == '::1' else settings.host
    address = f'http://{shown}:{port}/' + ('' if settings.password else f'#token={token}')
    print(f'The studio is at {address}\nCtrl-C ends it. What it makes is in {settings.work_dir}.', flush=True)
    if settings.opens_browser:
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    server = uvicorn.Server(
        uvicorn.Config(guarded, log_level='warning', timeout_graceful_shutdown=2, h11_max_incomplete_event_size=16384)
    )
    server.run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ':' in host else socket.AF_INET)
    except OSError as error:
        raise SolferinoError(
            f'--host={host} --port={port}: {error.strerror}. Name another --port, or leave it out.'
        ) from None
