"""Asks a running studio as many people would, and watches what the server's process takes.

    .venv/bin/python tests/benchmarks/studio_load.py --bundle_file=demo/drums.mag [--requests=5000]

First ten people ask for two variations of four bars each, all at once: what each waits, and what the page tells
meanwhile. Then thousands of requests from four connections: of models, of pieces, of files, wrong ones, some for music.
"""

import argparse
import collections
import http.client
import json
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

PEOPLE, CONNECTIONS, MADE_EVERY = 10, 4, 50


class Client:
    """A person with the page open."""

    def __init__(self, address: str):
        found = re.fullmatch(r'http://([^/]+)/#token=(\S+)', address)
        assert found, address
        self._host, self._token = found[1], found[2]
        self._local = threading.local()

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """Returns the status and the body of an answer."""
        if not hasattr(self._local, 'connection'):
            self._local.connection = http.client.HTTPConnection(self._host, timeout=600)
        text = body if body is None or isinstance(body, bytes) else json.dumps(body)
        self._local.connection.request(method, path, text, {'Authorization': f'Bearer {self._token}'})
        answer = self._local.connection.getresponse()
        return answer.status, answer.read()

    def json(self, method: str, path: str, body: Any = None) -> Any:
        """As `ask`, of an answer that must be a success."""
        status, data = self.ask(method, path, body)
        assert status < 300, (status, data)
        return json.loads(data)

    def make(self, model: str) -> list[dict[str, Any]]:
        """Asks for music; returns all that was told until it was there."""
        options = {'num_bars': 4}
        job = self.json('POST', '/api/generate', {'model': model, 'num_outputs': 2, 'options': options})
        _, events = self.ask('GET', f'/api/jobs/{job["id"]}/events')
        return [json.loads(event[6:]) for event in events.decode().split('\n\n') if event.startswith('data: ')]


def resident(pid: int) -> float:
    """Megabytes of memory that a process has."""
    with open(f'/proc/{pid}/status', encoding='ascii') as file:
        return int(re.search(r'VmRSS:\s+(\d+)', file.read())[1]) / 1024  # type: ignore[index]


def at_once(client: Client, model: str) -> str:
    """Ten people at once."""

    def one(_: int) -> tuple[float, list[dict[str, Any]]]:
        began = time.monotonic()
        told = client.make(model)
        return time.monotonic() - began, told

    with ThreadPoolExecutor(PEOPLE) as pool:
        done = list(pool.map(one, range(PEOPLE)))
    seconds = sorted(taken for taken, _ in done)
    ends = collections.Counter(told[-1]['state'] for _, told in done)
    waited = max(event.get('position', 0) for _, told in done for event in told)
    return (
        f'{PEOPLE} people at once, 2 variations of 4 bars each: {dict(ends)}, after {seconds[0]:.1f} to '
        f'{seconds[-1]:.1f} s; the last one was told that it was number {waited} in the queue.'
    )


def requests(client: Client, model: str, piece: str) -> Iterator[tuple[str, Callable[[], Any], tuple[int, ...]]]:
    """A kind of request, how to send it, and what its status may be; again and again."""
    wrong = {'model': model, 'options': {'num_bars': 'four'}}
    kinds: list[tuple[str, Callable[[], Any], tuple[int, ...]]] = [
        ('models', lambda: client.ask('GET', '/api/models'), (200,)),
        ('pieces', lambda: client.ask('GET', '/api/pieces'), (200,)),
        ('a piece as MIDI', lambda: client.ask('GET', f'/api/pieces/{piece}.mid'), (200, 400)),
        ('wrong JSON', lambda: client.ask('POST', '/api/generate', b'{"model": '), (400,)),
        ('no such job', lambda: client.ask('GET', '/api/jobs/none'), (400, 404)),
        ('a wrong option', lambda: client.ask('POST', '/api/generate', wrong), (202, 400, 429)),
    ]
    number = 0
    while True:
        number += 1
        if number % MADE_EVERY == 0:
            yield 'music', lambda: (200, client.make(model)), (200,)
        else:
            yield kinds[number % len(kinds)]


def many(client: Client, pid: int, model: str, number: int) -> str:
    """Thousands of requests."""
    piece = client.json('GET', '/api/pieces')['pieces'][0]['id']
    taken, wrong, lock = collections.defaultdict(list), collections.Counter(), threading.Lock()
    source = requests(client, model, piece)
    memory = [resident(pid)]

    def one(index: int) -> None:
        with lock:
            kind, send, right = next(source)
        began = time.monotonic()
        status = send()[0]
        with lock:
            taken[kind].append(time.monotonic() - began)
            wrong[kind] += status not in right
            if index % (number // 10) == 0:
                memory.append(resident(pid))

    began = time.monotonic()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(one, range(number)))
    rows = ['| request | number | median, ms | 95 of 100, ms | of another status |', '|---|---|---|---|---|']
    for kind, seconds in sorted(taken.items()):
        middle, high = np.quantile(seconds, [0.5, 0.95]) * 1000
        rows.append(f'| {kind} | {len(seconds):,} | {middle:.1f} | {high:.1f} | {wrong[kind]} |')
    shown = ', '.join(f'{megabytes:.0f}' for megabytes in memory)
    return '\n'.join(rows) + (
        f'\n\n{number:,} requests in {time.monotonic() - began:.0f} s. Memory of the server, MB, by tenths: {shown}.'
    )


def main() -> None:
    """Prints both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--bundle_file', required=True)
    parser.add_argument('--requests', type=int, default=5000)
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, '-m', 'solferino.bin.solferino_studio', f'--bundle_file={flags.bundle_file}',
                   f'--work_dir={folder}/work', '--nobrowser']  # fmt: skip
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as studio:
            assert studio.stdout
            try:
                client = Client(studio.stdout.readline().split()[-1])
                while (model := client.json('GET', '/api/models')['models'][0]).get('reading'):
                    time.sleep(0.5)
                client.make(model['id'])
                print(at_once(client, model['id']), end='\n\n')
                print(many(client, studio.pid, model['id'], flags.requests))
            finally:
                studio.send_signal(signal.SIGINT)


if __name__ == '__main__':
    main()
