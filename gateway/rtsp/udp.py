"""The UDP ports of one track that is received, or sent by a backchannel: an even one for RTP, the next for RTCP.

Source: RFC 3550 11.
"""

from __future__ import annotations

import asyncio
import errno
import socket

from gateway.rtsp.headers import Pair
from gateway.rtsp.protocol import Route

RECEIVE_BUFFER = 1 << 20
"""Bytes asked of the kernel for each port: a keyframe comes in one burst."""
_TRIES = 32
_DUMMY_RTP = bytes((0x80, 127)) + bytes(10)


def bind_pair(host: str) -> tuple[socket.socket, socket.socket]:
    """Two non-blocking UDP sockets on neighbouring ports of the address `host`, the first even.

    Raises:
        OSError: no such pair is to be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(_TRIES):
        first, second = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_DGRAM)
        try:
            first.bind((host, 0))
            port = first.getsockname()[1]
            if port % 2 == 0:
                second.bind((host, port + 1))
                first.setblocking(False)
                second.setblocking(False)
                return first, second
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                first.close()
                second.close()
                raise
        first.close()
        second.close()
    raise OSError(errno.EADDRINUSE, f"no two neighbouring UDP ports are free on {host}")


class _Port(asyncio.DatagramProtocol):
    def __init__(self, pair: PortPair, take: Route) -> None:
        self._pair = pair
        self._take = take

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if addr[0] in self._pair.senders:
            self._take([data])
        else:
            self._pair.foreign += 1


class PortPair:
    """Receives one track's packets from the other side and from no one else, or sends it one. Close it in the end."""

    def __init__(self) -> None:
        self.numbers: Pair = (0, 0)
        """Our two ports."""
        self.senders: frozenset[str] = frozenset()
        """The IP addresses that datagrams are taken from."""
        self.foreign = 0
        """Datagrams from elsewhere."""
        self._rtp: asyncio.DatagramTransport
        self._rtcp: asyncio.DatagramTransport
        self._camera: tuple[str, Pair] | None = None

    @classmethod
    async def open(cls, host: str, rtp: Route, rtcp: Route) -> PortPair:
        """Bind two ports of our address `host`; packets go to `rtp` and `rtcp`.

        Raises:
            OSError: no such pair is to be had.
        """
        pair = cls()
        first, second = bind_pair(host)
        pair.numbers = (first.getsockname()[1], second.getsockname()[1])
        for sock in (first, second):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        loop = asyncio.get_running_loop()
        pair._rtp, _ = await loop.create_datagram_endpoint(lambda: _Port(pair, rtp), sock=first)
        pair._rtcp, _ = await loop.create_datagram_endpoint(lambda: _Port(pair, rtcp), sock=second)
        return pair

    def connect(self, camera_ip: str, ports: Pair | None, source: str = "", *, knock: bool = True) -> None:
        """The camera at `camera_ip` sends from `ports` (None: it did not say) and perhaps from the address `source`.

        With `knock` a packet is sent to the first of them, so that a firewall on our side lets the media in; reports
        open the second.
        """
        self.senders = frozenset(filter(None, (camera_ip, source)))
        if ports is not None and all(ports):
            self._camera = (camera_ip, ports)
            if knock:
                self._rtp.sendto(_DUMMY_RTP, (camera_ip, ports[0]))

    def send(self, packet: bytes) -> bool:
        """Send an RTP packet to the camera; False: it is not known where to, or the ports are closed."""
        return self._send(self._rtp, packet, 0)

    def report(self, packet: bytes) -> bool:
        """Send an RTCP packet to the camera; as `send`."""
        return self._send(self._rtcp, packet, 1)

    def _send(self, transport: asyncio.DatagramTransport, packet: bytes, which: int) -> bool:
        if self._camera is None or transport.is_closing():
            return False
        transport.sendto(packet, (self._camera[0], self._camera[1][which]))
        return True

    def close(self) -> None:
        """Release both ports."""
        self._rtp.close()
        self._rtcp.close()
