"""A studio that is served, and requests to it."""

import contextlib
import dataclasses
import http.client
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from solferino.models.loading import Model
from solferino.models.registry import get
from solferino.pipelines.studio import app, guard, job_queue, server
from solferino.pipelines.studio.catalogue import Catalogue, References
from solferino.pipelines.studio.shared import Studio
from solferino.pipelines.studio.work_folder import WorkFolder

TOKEN = 'a-token'
WORKER = (sys.executable, str(Path(__file__).with_name('working.py')))


@pytest.fixture(scope='session')
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model of drums."""
    from solferino.hparams import overrides

    family = get('drums_rnn')
    config = family.spec.configs['drum_kit']
    hparams = overrides.parse(config.hparams, 'rnn_layer_sizes=[4],attn_length=0')
    config = dataclasses.replace(config, hparams=hparams)
    rng = np.random.default_rng(0)
    shapes = family.weight_shapes(config)
    weights = {name: rng.normal(0, 0.1, shape).astype(np.float32) for name, shape in shapes.items()}
    path = tmp_path_factory.mktemp('bundle') / 'drums.mag'
    Model(family, config, weights, 'here', 'drum_kit', 'Tiny.').save_bundle(path)
    return path


@dataclasses.dataclass
class Answered:
    """An answer: its status, its headers by lower-case names, and its body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Served:
    """A studio that listens on a port of this machine."""

    def __init__(self, studio: Studio, page: Path):
        self.studio = studio
        guarded = guard.Guard(app.application(studio, page), studio.token, None)
        listening = socket.create_server(('127.0.0.1', 0))
        self.port: int = listening.getsockname()[1]
        self._server = server.server_of(studio, guarded)
        self._thread = threading.Thread(target=self._server.run, args=([listening],), daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def end(self) -> None:
        """Ends as by Ctrl-C."""
        self._server.should_exit = True
        self._thread.join(20)

    def close(self) -> None:
        self.end()
        self.studio.work.close()

    @contextlib.contextmanager
    def connection(self) -> Iterator[http.client.HTTPConnection]:
        found = http.client.HTTPConnection('127.0.0.1', self.port, timeout=60)
        try:
            yield found
        finally:
            found.close()

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, **more: Any
    ) -> Answered:
        """Sends a request with the token; a body that is not bytes is sent as JSON."""
        sent = body if body is None or isinstance(body, bytes) or hasattr(body, '__next__') else json.dumps(body)
        with self.connection() as connection:
            given = {'Authorization': f'Bearer {TOKEN}', **(headers or {})}
            connection.request(method, path, sent, given, **more)
            answer = connection.getresponse()
            return Answered(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())

    def finished(self, job: Any) -> Any:
        """Follows a job to its end; returns all that was told of it."""
        body = self.ask('GET', f'/api/jobs/{job["id"]}/events').body
        return [json.loads(event[6:]) for event in body.decode().split('\n\n') if event.startswith('data: ')]


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A page that was built."""
    folder = tmp_path / 'page'
    folder.mkdir()
    (folder / 'index.html').write_text('<!DOCTYPE html><title>Solferino</title>')
    return folder


@pytest.fixture
def serve(tmp_path: Path, page: Path) -> Iterator[Callable[..., Served]]:
    """Serves studios with models, limits and a worker."""
    opened: list[Served] = []

    def serving(
        *models: Path,
        limits: job_queue.Limits | None = None,
        command: Any = None,
        password: str = '',
        most: int = 1 << 30,
    ) -> Served:
        work = WorkFolder(tmp_path / f'studio{len(opened)}', most)
        (work.path / 'models').mkdir(exist_ok=True)
        limits = limits or job_queue.Limits(seconds=120)
        references = References([], work.path / 'collections')
        catalogue = Catalogue(models, work.path / 'models', work.path / 'models.json')
        studio = Studio(catalogue, references, work, limits, TOKEN, password)
        if command:
            studio.queue = job_queue.Queue(limits, command)
        opened.append(Served(studio, page))
        return opened[-1]

    yield serving
    for one in opened:
        one.close()
