"""Keeps others out: what every request must have before anything looks at it.

On loopback any program and any web page of this machine's user, and all other users, can reach the port. A token that
stands in the address, behind '#', where no log and no referrer sees it, is sent with each request under /api/ as a
header, which a form or a link of another page cannot do. Host is checked against DNS rebinding, Origin against scripts.
"""

import asyncio
import contextlib
import hmac
import json
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from solferino.hparams.errors import SolferinoError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LARGEST_BODY = 1 << 20  # bytes; uploads have a limit of their own
LARGEST_UPLOAD = 64 << 20
LARGEST_OPEN = 4 << 10  # of those who need no token
LARGEST_COLLECTED = 1 << 30  # of music to learn from, which comes in zips too; nothing holds it in memory
UPLOADS = '/api/uploads'
COLLECTED = re.compile(r'/api/collections/[^/]+/files')
PATIENCE, SLOWEST = 30.0, 10_000  # a body may take so many seconds, and more for so many bytes a second
LINGERING = 10.0  # seconds that what still comes is dropped after a refusal
OPEN = ('/api/login',)  # for those who do not have the token yet

# No inline code, nothing from other servers. The synthesizer's WebAssembly is compiled in the page.
_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; "
    "font-src 'self'; connect-src 'self'; media-src 'self' blob:; worker-src 'self' blob:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    b'content-security-policy': _POLICY.encode(),
    b'x-content-type-options': b'nosniff',
    b'referrer-policy': b'no-referrer',
    b'cross-origin-opener-policy': b'same-origin',
    b'cross-origin-resource-policy': b'same-origin',
    b'cache-control': b'no-store',
}
_HANG_UP = (b'connection', b'close')  # else the rest of a body that has no end would be read, and dropped
TOO_LARGE, TOO_SLOW = 413, 408


class TooLarge(SolferinoError):
    """The body of a request is larger than it may be."""


class TooSlow(SolferinoError):
    """The body of a request does not come."""


def own_hosts(port: int) -> frozenset[str]:
    """Returns what the header Host may be on this machine; browsers leave port 80 out."""
    names = '127.0.0.1', 'localhost', '[::1]'
    return frozenset(f'{name}:{port}' for name in names) | frozenset(names if port == 80 else ())


class Guard:
    """An ASGI application around another, which sees only what may pass.

    Args:
      app: the other.
      token: that requests under /api/ have in their header Authorization.
      hosts: what Host may be, with the port; None for any (where the machine is reached by names that are not known).
    """

    def __init__(self, app: App, token: str, hosts: frozenset[str] | None):
        self._app, self._token, self._hosts = app, token, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request, or refuses it."""
        if scope['type'] != 'http':
            if scope['type'] == 'lifespan':
                await self._app(scope, receive, send)
            return  # there are no web sockets
        refused = self._refusal(scope)
        if refused:
            await _refuse(_answering(receive, send, hangs_up=True), *refused)
        else:
            await self._app(scope, _limited(receive, _limit(scope)), _answering(receive, send))

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = {name.lower(): value.decode('latin-1') for name, value in scope['headers']}
        host = headers.get(b'host', '')
        if self._hosts is not None and host not in self._hosts:
            return 421, f'This server does not answer for {host!r}. Open the address that it printed.'
        origin = headers.get(b'origin')
        if origin is not None and origin not in (f'http://{host}', f'https://{host}'):
            return 403, 'Pages of other servers may not use this one.'
        if scope['path'].startswith('/api/') and scope['path'] not in OPEN:
            given = headers.get(b'authorization', '').removeprefix('Bearer ')
            if not hmac.compare_digest(given.encode(), self._token.encode()):
                return 401, 'The token is missing or wrong. Open the address that the studio printed when it started.'
        length = headers.get(b'content-length', '0')
        if not (length.isascii() and length.isdigit() and len(length) < 20):
            return 400, 'The length of the request is not a number.'
        if int(length) > _limit(scope):
            return TOO_LARGE, _too_large(_limit(scope))
        return None


def _limit(scope: Scope) -> int:
    if scope['path'] in OPEN:
        return LARGEST_OPEN
    if COLLECTED.fullmatch(scope['path']):
        return LARGEST_COLLECTED
    return LARGEST_UPLOAD if scope['path'].startswith(UPLOADS) else LARGEST_BODY


def _too_large(limit: int) -> str:
    most = f'{limit >> 20} MB' if limit >> 20 else f'{limit >> 10} KB'
    return f'It is larger than {most}, which is the most that can be sent.'


def _limited(receive: Receive, limit: int) -> Receive:
    """Raises, where a body is read, TooLarge for one that said nothing of its length and has no end, and TooSlow."""
    received, whole, began = 0, False, time.monotonic()

    async def limited() -> Message:
        nonlocal received, whole
        left = None if whole else PATIENCE + received / SLOWEST - (time.monotonic() - began)
        try:
            async with asyncio.timeout(left):  # after the body comes the end of the connection, whenever that is
                message = await receive()
        except TimeoutError:
            raise TooSlow('It came too slowly. Try again.') from None
        whole = whole or not message.get('more_body', False)
        received += len(message.get('body', b''))
        if received > limit:
            raise TooLarge(_too_large(limit))
        return message

    return limited


def _answering(receive: Receive, send: Send, hangs_up: bool = False) -> Send:
    """Adds the headers that all answers have, and hangs up after those that leave a part of the body unread."""
    drops = False

    async def sending(message: Message) -> None:
        nonlocal drops
        if message['type'] == 'http.response.start':
            given = list(message.get('headers', []))
            names = {name.lower() for name, _ in given}
            message['headers'] = given + [(name, value) for name, value in _HEADERS.items() if name not in names]
            drops = hangs_up or message['status'] == TOO_LARGE
            if drops or message['status'] == TOO_SLOW:
                message['headers'].append(_HANG_UP)
        elif drops and not message.get('more_body', False):
            await send({**message, 'more_body': True})
            await _drop(receive)
            message = {'type': 'http.response.body'}
        await send(message)

    return sending


async def _drop(receive: Receive) -> None:
    """Drops what still comes of a body, for a while.

    A connection that is closed while bytes of it lie unread is reset, and who sends them may lose the answer.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGERING):
            while (await receive()).get('more_body', False):
                pass


async def _refuse(send: Send, status: int, why: str) -> None:
    body = json.dumps({'error': why}).encode()
    headers = [(b'content-type', b'application/json'), (b'content-length', str(len(body)).encode())]
    await send({'type': 'http.response.start', 'status': status, 'headers': headers})
    await send({'type': 'http.response.body', 'body': body})
