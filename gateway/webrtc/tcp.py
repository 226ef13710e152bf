"""ICE over TCP for viewers whose firewall lets no UDP out (RFC 6544, passive): framing, and one connection as a route.

Here belong RFC 4571's length prefix and what a connection may hold back. Which datagram is for whom is decided in
`port`, as for UDP: a `TcpRoute` stands where a socket address would.
"""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from gateway.base.metrics import VIEWER_PASSED_OVER

MAX_FRAME = 2048
"""Bytes of a frame that a viewer sends: DTLS, SRTCP or STUN. What claims to be longer is no viewer."""
MAX_WAITING = 256 << 10
"""Bytes that may wait for one viewer beside what its socket holds: about half a second of video."""
SEND_BUFFER = 256 << 10
"""Bytes asked of the kernel for each connection, which by itself would take several MB for one that does not read."""

_LENGTH_SIZE = 2


class FrameError(Exception):
    """The stream is not framed as RFC 4571 says, or with frames that no viewer sends."""


class Deframer:
    """Cuts a byte stream into the datagrams that it carries (RFC 4571 2)."""

    def __init__(self) -> None:
        self._rest = b""

    def push(self, data: bytes) -> list[bytes]:
        """The datagrams that are whole now. Empty ones, which the RFC allows, are left out.

        Raises:
            FrameError: one is longer than `MAX_FRAME`. Nothing can be read after that.
        """
        data = self._rest + data
        datagrams = []
        at, end = 0, len(data)
        while end - at >= _LENGTH_SIZE:
            size = int.from_bytes(data[at : at + _LENGTH_SIZE], "big")
            if size > MAX_FRAME:
                raise FrameError(f"a frame of {size} bytes")
            if end - at - _LENGTH_SIZE < size:
                break
            at += _LENGTH_SIZE
            if size:
                datagrams.append(data[at : at + size])
            at += size
        self._rest = data[at:]
        return datagrams


def framed(datagram: bytes) -> bytes:
    """`datagram` as it goes into the stream.

    Raises:
        OverflowError: it has 65536 bytes or more.
    """
    return len(datagram).to_bytes(_LENGTH_SIZE, "big") + datagram


class TcpOwner(Protocol):
    """What a route asks of the port."""

    def tcp_connected(self, route: TcpRoute) -> None:
        """Somebody has connected."""

    def tcp_received(self, datagram: bytes, route: TcpRoute) -> None:
        """A datagram came."""

    def tcp_refused(self) -> None:
        """What came is not framed. The connection is being closed."""

    def tcp_lost(self, route: TcpRoute) -> None:
        """The connection is no more."""


class TcpRoute(asyncio.Protocol):
    """One viewer's TCP connection. All calls from the event loop's thread."""

    def __init__(self, owner: TcpOwner) -> None:
        self.passed_over = 0
        """Datagrams that were not taken because earlier ones still waited."""
        self.remote: tuple[str, int] = ("", 0)
        """The viewer's address, once connected."""
        self._owner = owner
        self._frames = Deframer()
        self._transport: asyncio.Transport | None = None

    def send(self, datagram: bytes) -> bool:
        """Send `datagram` whole, or not at all: False when the viewer reads too slowly, or is gone. Never waits."""
        transport = self._transport
        if transport is None or transport.is_closing() or transport.get_write_buffer_size() > MAX_WAITING:
            self.passed_over += 1
            VIEWER_PASSED_OVER.inc()
            return False
        transport.write(framed(datagram))
        return True

    def close(self) -> None:
        """Let go of the connection, and of what still waits to be sent. Idempotent."""
        if self._transport is not None:
            self._transport.abort()

    # ---- what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        if peer is not None:  # None: it has left already
            self.remote = peer[:2]
        self._owner.tcp_connected(self)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        try:
            datagrams = self._frames.push(data)
        except FrameError:
            self._owner.tcp_refused()
            self.close()
            return
        for datagram in datagrams:
            self._owner.tcp_received(datagram, self)

    def connection_lost(self, _: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._transport = None
        self._owner.tcp_lost(self)
