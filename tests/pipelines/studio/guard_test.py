"""Who is kept out, and what is too large."""

import asyncio
import itertools
import json
from collections.abc import Iterable
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from solferino.pipelines.studio import guard

HOST = '127.0.0.1:80'
GOOD = {'host': HOST, 'authorization': 'Bearer secret'}


def ask(
    path: str, headers: dict[str, str], body: Iterable[bytes] = (), hosts: frozenset[str] | None = frozenset({HOST})
) -> tuple[int, Any, dict[bytes, bytes], int]:
    """Returns the status, the body as JSON, the headers, and how many bytes the application behind has read."""
    read = 0

    async def inside(scope: Any, receive: Any, send: Any) -> None:
        nonlocal read
        while True:
            message = await receive()
            read += len(message['body'])
            if not message['more_body']:
                break
        await send({'type': 'http.response.start', 'status': 200, 'headers': [(b'cache-control', b'private')]})
        await send({'type': 'http.response.body', 'body': b'"inside"'})

    parts = itertools.chain(body, [None])

    async def receive() -> Any:
        part = next(parts)
        return {'type': 'http.request', 'body': part or b'', 'more_body': part is not None}

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        'type': 'http', 'method': 'GET', 'path': path,
        'headers': [(name.encode(), value.encode('latin-1')) for name, value in headers.items()],
    }  # fmt: skip
    asyncio.run(guard.Guard(inside, 'secret', hosts)(scope, receive, send))
    return sent[0]['status'], json.loads(sent[1]['body']), dict(sent[0]['headers']), read


def test_who_has_the_token_passes_and_all_answers_have_the_headers() -> None:
    status, said, headers, _ = ask('/api/models', GOOD)
    assert (status, said) == (200, 'inside')
    policy = headers[b'content-security-policy'].decode()
    assert "default-src 'none'" in policy and 'unsafe-inline' not in policy and "frame-ancestors 'none'" in policy
    assert headers[b'x-content-type-options'] == b'nosniff'
    assert headers[b'cache-control'] == b'private'  # what the application says of that stays
    assert ask('/api/models', {'host': HOST})[2][b'cache-control'] == b'no-store'


@pytest.mark.parametrize('given', ['', 'Bearer ', 'Bearer wrong', 'Bearer secret2', 'Basic secret', 'Bearer sécret'])
def test_without_the_token_there_is_nothing(given: str) -> None:
    status, said, _, _ = ask('/api/models', {'host': HOST, 'authorization': given})
    assert status == 401 and 'Open the address' in said['error']


def test_the_page_and_the_login_are_open() -> None:
    assert ask('/', {'host': HOST})[0] == 200
    assert ask('/api/login', {'host': HOST})[0] == 200
    assert ask('/api/login/', {'host': HOST})[0] == 401


def test_browsers_leave_port_80_out() -> None:
    for port, host in ((80, 'localhost'), (80, 'localhost:80'), (81, 'localhost:81')):
        assert ask('/', {'host': host}, hosts=guard.own_hosts(port))[0] == 200
    assert ask('/', {'host': 'localhost'}, hosts=guard.own_hosts(81))[0] == 421


@pytest.mark.parametrize('host', ['', 'evil.example', 'evil.example:80', '127.0.0.1:81', '127.0.0.1'])
def test_other_hosts_are_refused_even_for_the_page(host: str) -> None:
    for path in ('/', '/api/models'):
        status, said, _, _ = ask(path, GOOD | {'host': host})
        assert status == 421 and 'Open the address that it printed' in said['error']
    assert ask('/api/models', GOOD | {'host': host}, hosts=None)[0] == 200


@pytest.mark.parametrize(
    ('origin', 'status'),
    [
        (f'http://{HOST}', 200), (f'https://{HOST}', 200), ('http://evil.example', 403), ('null', 403), ('', 403),
        (f'http://{HOST}.evil.example', 403), ('http://127.0.0.1:81', 403),
    ],
)  # fmt: skip
def test_scripts_of_other_pages_are_refused(origin: str, status: int) -> None:
    assert ask('/api/login', GOOD | {'origin': origin})[0] == status


@pytest.mark.parametrize(
    ('length', 'status'),
    [
        ('5', 200),
        (str(1 << 20), 200),
        (str((1 << 20) + 1), 413),
        ('-1', 400),
        ('x', 400),
        ('²', 400),
        ('9' * 5000, 400),
    ],
)
def test_a_body_that_says_that_it_is_too_large_is_refused(length: str, status: int) -> None:
    assert ask('/api/generate', GOOD | {'content-length': length})[0] == status


def test_who_has_no_token_sends_little() -> None:
    assert ask('/api/login', {'host': HOST, 'content-length': '4096'})[0] == 200
    status, said, _, _ = ask('/api/login', {'host': HOST, 'content-length': '4097'})
    assert status == 413 and 'larger than 4 KB' in said['error']


def test_uploads_may_be_larger() -> None:
    assert ask('/api/uploads', GOOD | {'content-length': str(guard.LARGEST_UPLOAD)})[0] == 200
    assert ask('/api/uploads', GOOD | {'content-length': str(guard.LARGEST_UPLOAD + 1)})[0] == 413


@pytest.mark.parametrize('headers', [{}, {'content-length': '5'}])
def test_a_body_that_does_not_end_is_not_read_on(headers: dict[str, str]) -> None:
    parts = (b'x' * 65536 for _ in range(1000))
    with pytest.raises(guard.TooLarge, match='larger than 1 MB'):
        ask('/api/generate', GOOD | headers, parts)
    assert sum(1 for _ in parts) == 1000 - 17


def test_web_sockets_are_not_served() -> None:
    async def never(*_: Any) -> None:
        raise AssertionError

    async def ask_one() -> None:
        await guard.Guard(never, 'secret', None)({'type': 'websocket', 'path': '/', 'headers': []}, never, never)

    asyncio.run(ask_one())


@hypothesis.given(
    st.text(max_size=20),
    st.dictionaries(
        st.sampled_from(['host', 'origin', 'authorization', 'content-length']),
        st.text(st.characters(max_codepoint=255), max_size=20),
    ),
)
def test_nothing_passes_without_host_and_token(path: str, headers: dict[str, str]) -> None:
    status, said, _, _ = ask('/api/' + path, headers)
    assert path == 'login' or (status in (400, 401, 403, 413, 421) and said['error'].endswith('.'))
