"""Connections to the studio: how many there may be, and how long each may take to say what it wants.

Whoever reaches the port can open connections, with a token or without. Those that say nothing, or a letter a minute,
would else be held until the process has no file descriptors left, and the page would get no answer.
"""

import asyncio
from typing import cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST = 256  # ten people with a few tabs each, of which a browser opens up to six connections
HEAD_S = 10.0  # that the head of a request may take


class Connection(H11Protocol):
    """A connection."""

    _head: asyncio.TimerHandle | None = None  # runs while the head of a request is not whole

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Takes it, or closes it where there are too many."""
        super().connection_made(cast(asyncio.Transport, transport))
        if len(self.connections) > MOST:
            self.transport.abort()
        else:
            self._watch()

    def data_received(self, data: bytes) -> None:
        """Takes a part of a request."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets it."""
        self._unwatch()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._unwatch()
        elif self._head is None:  # what trickles in does not begin it anew
            self._head = self.loop.call_later(HEAD_S, self.transport.abort)

    def _unwatch(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None
