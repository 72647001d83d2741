"""Those who connect and say nothing, or say it slowly."""

import contextlib
import socket
import time
from collections.abc import Callable

import pytest

from solferino.pipelines.studio import connections, guard
from tests.pipelines.studio.conftest import TOKEN, Served

Serve = Callable[..., Served]


def ends_after(connection: socket.socket) -> float:
    """Seconds until the other side closes it."""
    began = time.monotonic()
    with contextlib.suppress(ConnectionError):
        while connection.recv(1000):
            pass
    return time.monotonic() - began


def connect(served: Served, sent: str = '') -> socket.socket:
    connection = socket.create_connection(('127.0.0.1', served.port), timeout=10)
    connection.sendall(sent.encode())
    return connection


@pytest.mark.parametrize('sent', ['', 'GET / HTTP/1.1\r\nHost: ', 'GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /'])
def test_who_does_not_say_what_he_wants_is_left(serve: Serve, monkeypatch: pytest.MonkeyPatch, sent: str) -> None:
    monkeypatch.setattr(connections, 'HEAD_S', 0.5)
    served = serve()
    with connect(served, sent) as slow:
        assert 0.3 < ends_after(slow) < 8  # five seconds after a whole request


def test_letters_that_trickle_in_do_not_help(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, 'HEAD_S', 0.5)
    served = serve()
    with connect(served) as slow, pytest.raises(ConnectionError):
        for _ in range(30):
            slow.sendall(b'G')
            time.sleep(0.1)


def test_a_body_that_does_not_come_is_refused(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, 'PATIENCE', 0.5)
    served = serve()
    head = f'POST {{}} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 9\r\n\r\nx'
    for path in ('/api/login', '/api/generate', '/api/uploads?name=x.mid'):
        with connect(served, head.format(path)) as slow:
            assert b'408 ' in slow.recv(1000)
            assert ends_after(slow) < 3
    assert not list(served.studio.work.scratch('').iterdir())


def test_who_sends_too_much_hears_why(serve: Serve) -> None:
    served = serve()
    upload, body = '/api/uploads?name=x.mid', b'x' * (8 << 20)
    refused = (
        ('/api/generate', {}, 413, 'larger than 1 MB'),
        (upload, {'Authorization': 'Bearer wrong'}, 401, 'Open the address'),
        (upload, {'Origin': 'http://elsewhere.example'}, 403, 'Pages of other servers'),
    )
    for path, headers, status, said in refused * 5:  # a reset connection loses the answer now and then
        answer = served.ask('POST', path, body, headers)
        assert answer.status == status and said in answer.json['error']
        assert answer.headers['connection'] == 'close'


def test_who_hears_why_and_sends_on_is_left(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, 'LINGERING', 0.5)
    served = serve()
    with connect(served, f'POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Length: {1 << 40}\r\n\r\n') as slow:
        assert b'413 ' in slow.recv(1000)
        with pytest.raises(ConnectionError):
            for _ in range(60):
                slow.sendall(b'x')
                time.sleep(0.05)


def test_a_stream_may_last_longer_than_a_head_and_a_body(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, 'HEAD_S', 0.3)
    monkeypatch.setattr(guard, 'PATIENCE', 0.3)
    served = serve()
    answer = served.ask('GET', '/api/instruments')  # takes a second
    assert answer.status == 200 and answer.json['drums']


def test_there_are_not_more_than_there_may_be(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, 'MOST', 3)
    served = serve()
    held = [connect(served) for _ in range(3)]
    time.sleep(0.2)
    with connect(served) as one_more:
        assert ends_after(one_more) < 1
    for connection in held:
        connection.close()
    time.sleep(0.2)
    assert served.ask('GET', '/').status == 200


def test_a_web_socket_is_an_ordinary_request(serve: Serve) -> None:
    upgrade = {'Upgrade': 'websocket', 'Connection': 'Upgrade', 'Sec-WebSocket-Version': '13'}
    answer = serve().ask('GET', '/', headers=upgrade)
    assert answer.status == 200 and 'server' not in answer.headers
