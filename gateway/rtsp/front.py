"""One TCP connection to the RTSP server: RTSP itself, or one of the two that make up a tunnel through HTTP.

Its first bytes say which. Here belong the sockets' side of it and how long a stranger may stay; what RTSP requests are
answered is `server_connection`, the coding of a tunnel `tunnel`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from gateway.rtsp.protocol import Response
from gateway.rtsp.sending import Sending
from gateway.rtsp.server_connection import ServerConnection
from gateway.rtsp.tunnel import Decoder, Half, TunnelError, accepted, could_begin, parse_half, refused

if TYPE_CHECKING:
    from gateway.rtsp.server import Server

log = logging.getLogger(__name__)


class Front(asyncio.Protocol):
    """Made by the server for each connection."""

    def __init__(self, server: Server) -> None:
        self.client: ServerConnection | None = None
        """Who speaks RTSP here, once that is known. Both halves of a tunnel have the same."""
        self._server = server
        self._transport: asyncio.Transport
        self._sending: Sending
        self.since = server.clock.monotonic()
        """When it was made."""
        self._take: Callable[[bytes], None] = self._begin
        self._head = b""
        self._decoder = Decoder()
        self._answers_here = False

    @property
    def seen_at(self) -> float:
        """When anything came, in monotonic seconds."""
        return self.since if self.client is None else self.client.seen_at

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    # ---- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self._sending = Sending(self._transport)
        if not self._server.admit(self):
            self._finish(Response(503).encode())

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: D102
        self._server.forget(self)
        if self._answers_here and self.client is not None:
            self.client.lost()
        self._sending.close_socket()

    def data_received(self, data: bytes) -> None:  # noqa: D102
        if not self._transport.is_closing():
            self._take(data)

    # ---- inside

    def _begin(self, data: bytes) -> None:
        self._head += data
        if not could_begin(self._head):
            client = self._speak(tunnelled=False)
            self._take = client.receive
            client.receive(self._head)
            return
        try:
            half = parse_half(self._head)
        except TunnelError as error:
            self._server.counters.bad_tunnels += 1
            self._finish(refused("400 Bad Request", str(error)))
            return
        if half is not None:
            self._tunnel(half)

    def _tunnel(self, half: Half) -> None:
        key = self._sending.remote, half.cookie
        if not half.sends:
            if key in self._server.tunnels:
                self._server.counters.bad_tunnels += 1
                self._finish(refused("409 Conflict", "there is a tunnel of that x-sessioncookie"))
                return
            self._server.tunnels[key] = self._speak(tunnelled=True)
            self._take = lambda _: None  # all that the client says comes by the POST
            self._transport.write(accepted())
            return
        self.client = self._server.tunnels.get(key)
        if self.client is None:
            self._server.counters.bad_tunnels += 1
            self._finish(refused("404 Not Found", "there is no GET with that x-sessioncookie"))
            return
        if self.client.proven:
            self._server.proven(self.client)
        self._take = self._decode
        self._decode(half.rest)

    def _speak(self, *, tunnelled: bool) -> ServerConnection:
        self._answers_here = True
        self.client = ServerConnection(self._server, self._sending, tunnelled=tunnelled)
        if self.client.proven:
            self._server.proven(self.client)
        return self.client

    def _decode(self, data: bytes) -> None:
        assert self.client is not None
        try:
            self.client.receive(self._decoder.decode(data))
        except TunnelError as error:
            self._server.counters.bad_tunnels += 1
            log.info("RTSP client %s: %s", self.client.peer, error)
            self.client.abort()
            self.abort()

    def _finish(self, answer: bytes) -> None:
        self._transport.write(answer)
        self._transport.close()
