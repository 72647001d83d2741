"""Serves the studio: see `serve`."""

import contextlib
import dataclasses
import json
import os
import secrets
import socket
import threading
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from solferino.hparams.errors import SolferinoError
from solferino.models.music import extras
from solferino.pipelines.studio.computing import job_queue

if TYPE_CHECKING:
    import uvicorn

    from solferino.pipelines.studio.guard import App
    from solferino.pipelines.studio.shared import Studio

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
      limits: of jobs.
      most_bytes: that `work_dir` may hold.
    """

    models: Sequence[Path]
    music: Sequence[Path]
    work_dir: Path
    host: str = '127.0.0.1'
    port: int = 0
    password: str = ''
    opens_browser: bool = True
    limits: job_queue.Limits = dataclasses.field(default_factory=job_queue.Limits)
    most_bytes: int = 20 << 30


def serve(settings: Settings) -> None:
    """Serves until Ctrl-C. Raises SolferinoError if it cannot."""
    extras.load('uvicorn', extras.STUDIO)
    extras.load('starlette', extras.STUDIO)
    from solferino.pipelines.studio import app, guard
    from solferino.pipelines.studio.catalogue import Catalogue, References
    from solferino.pipelines.studio.shared import Studio
    from solferino.pipelines.studio.work_folder import WorkFolder

    if not (app.PAGE / 'index.html').is_file():
        raise SolferinoError(
            'The page of the studio is not built. In a checkout, with Node.js installed: make studio. '
            'A wheel that pip installs has it.'
        )
    token = secrets.token_urlsafe(24)
    listening = _listen(settings.host, settings.port)
    work = WorkFolder(settings.work_dir, settings.most_bytes)
    os.umask(0o077)  # what is made here is not for other users of this machine
    models = work.path / 'models'
    models.mkdir(exist_ok=True)
    catalogue = Catalogue(settings.models, models, work.path / 'models.json')
    references = References(settings.music, work.path / 'collections')
    studio = Studio(catalogue, references, work, settings.limits, token, settings.password)
    port = listening.getsockname()[1]
    local = settings.host in _LOOPBACK
    hosts = guard.own_hosts(port) if local else None
    guarded = guard.Guard(app.application(studio), token, hosts)
    shown = '[::1]' if settings.host == '::1' else settings.host
    address = f'http://{shown}:{port}/' + ('' if settings.password else f'#token={token}')
    print(f'The studio is at {address}\nCtrl-C ends it. What it makes is in {settings.work_dir}.', flush=True)
    if settings.opens_browser:
        shown = address if settings.password else _leading_to(address, work.scratch('open.html'))
        threading.Thread(target=webbrowser.open, args=(shown,), daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt):  # which uvicorn raises again when it has ended
        server_of(studio, guarded).run(sockets=[listening])
    work.close()


def _leading_to(address: str, path: Path) -> str:
    """Writes a file that leads a browser to an address, and returns the file's.

    A browser is started with an address among its arguments, which all users of the machine can list; a token in it
    would be theirs.
    """
    with open(path, 'x', encoding='utf-8', opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(f'<!DOCTYPE html><title>Solferino</title><script>location.replace({json.dumps(address)})</script>\n')
    return path.as_uri()


def server_of(studio: 'Studio', app: 'App') -> 'uvicorn.Server':
    """Returns the server of an application. It ends at once: streams that pages listen to end before it waits."""
    import uvicorn

    from solferino.pipelines.studio.connections import Connection

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            await studio.close()
            await super().shutdown(sockets)

    return Server(
        uvicorn.Config(
            app, http=Connection, ws='none', log_level='warning', timeout_graceful_shutdown=2,
            h11_max_incomplete_event_size=16384, proxy_headers=False, server_header=False,
        )
    )  # fmt: skip


def _listen(host: str, port: int) -> socket.socket:
    try:
        found = socket.create_server((host, port), family=socket.AF_INET6 if ':' in host else socket.AF_INET)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else each answer waits 40 ms for another packet
        return found
    except OSError as error:
        raise SolferinoError(
            f'--host={host} --port={port}: {error.strerror}. Name another --port, or leave it out.'
        ) from None
