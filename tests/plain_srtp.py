"""Viewers whose packets are not encrypted, and a socket in memory for them."""

from __future__ import annotations

import errno
from collections.abc import Sequence

from gateway.webrtc.kernel import twin

ANYWHERE = ("192.0.2.1", 9)


class PlainSrtp:
    """Stands for an SrtpContext."""

    def protect(self, packet: bytes) -> bytes:
        return packet

    protect_rtcp = protect

    def seal(self, header: bytes, payload: bytes, ssrc: int, index: int, /) -> bytes:
        return header + payload

    def stream(self, *numbers: int | bytes) -> twin.Stream:
        return twin.Stream(self, *numbers)


class MemorySocket:
    """Takes datagrams until it is full, and cannot cut them."""

    def __init__(self) -> None:
        self.sent: dict[tuple[str, int], list[bytes]] = {}
        self.capacity: int | None = None
        """Datagrams that still fit."""

    def sendmsg(
        self, buffers: Sequence[bytes], ancillary: Sequence[object], flags: int, address: tuple[str, int]
    ) -> None:
        if ancillary:
            raise OSError(errno.EINVAL, "no segments")
        if self.capacity is not None:
            if self.capacity == 0:
                raise BlockingIOError(errno.EAGAIN, "full")
            self.capacity -= 1
        self.sent.setdefault(address, []).append(b"".join(buffers))
