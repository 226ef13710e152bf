"""A bad link: passes UDP datagrams between viewers and a gateway's port, and loses, delays, reorders and queues some.

Viewers send to the link's port instead of the gateway's; each gets a socket of its own toward the gateway, as behind a
NAT. What happens to the datagrams of one direction depends on the seed and on nothing else but their number and time.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import random
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import cast

Address = tuple[str, int]
BUFFER = 4 << 20
"""Of the link's own sockets: what it loses, it loses on purpose."""


@dataclass(frozen=True, slots=True)
class Weather:
    """What one direction of the link does to datagrams."""

    loss: float = 0.0
    """Probability of each datagram to be lost, independent of the others."""
    delay: float = 0.0
    """Seconds."""
    jitter: float = 0.0
    """Seconds that a datagram may take longer, evenly distributed: more than the distance of two reorders them."""
    bits_per_second: float | None = None
    """Payload bits; None: as many as come."""
    queue_seconds: float = 0.2
    """What waits longer than this for its turn, at that rate, is lost."""


class Direction:
    """Sends datagrams on by `send`, late or not at all. `counts` has "passed", "lost" and "overflowed"."""

    def __init__(self, weather: Weather, seed: int, counts: Counter[str]) -> None:
        self.weather = weather
        """May be changed at any time, for the datagrams that follow."""
        self._random = random.Random(seed)
        self._counts = counts
        self._loop = asyncio.get_running_loop()
        self._free_at = 0.0
        self._number = 0
        self._due: list[tuple[float, int, bytes, Callable[[bytes], None]]] = []
        self._timer: asyncio.TimerHandle | None = None

    def push(self, datagram: bytes, send: Callable[[bytes], None]) -> bool:
        """Hand `datagram` to `send` when its time comes; False: it never does."""
        weather, now = self.weather, self._loop.time()
        chance, lateness = self._random.random(), self._random.random()
        if chance < weather.loss:
            self._counts["lost"] += 1
            return False
        leaves = now
        if weather.bits_per_second is not None:
            leaves = max(now, self._free_at)
            if leaves - now > weather.queue_seconds:
                self._counts["overflowed"] += 1
                return False
            leaves += len(datagram) * 8 / weather.bits_per_second
            self._free_at = leaves
        self._number += 1
        due = leaves + weather.delay + lateness * weather.jitter
        heapq.heappush(self._due, (due, self._number, datagram, send))
        self._flush()
        return True

    def close(self) -> None:
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _flush(self) -> None:
        now = self._loop.time()
        while self._due and self._due[0][0] <= now:
            _, _, datagram, send = heapq.heappop(self._due)
            self._counts["passed"] += 1
            send(datagram)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._due[0][0], self._flush) if self._due else None


class _Endpoint(asyncio.DatagramProtocol):
    def __init__(self, received: Callable[[bytes, Address], None]) -> None:
        self._received = received

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._received(data, addr)


class LossyProxy:
    """Made by `lossy_proxy`."""

    def __init__(self, to_viewer: Weather, to_gateway: Weather, seed: int) -> None:
        self.viewer_counts: Counter[str] = Counter()
        """Of the datagrams toward viewers."""
        self.gateway_counts: Counter[str] = Counter()
        self.to_viewer = Direction(to_viewer, seed, self.viewer_counts)
        self.to_gateway = Direction(to_gateway, seed + 1, self.gateway_counts)
        self._gateway: Address = ("", 0)
        self._listener: asyncio.DatagramTransport
        self._upstream: dict[Address, asyncio.Task[asyncio.DatagramTransport]] = {}
        self._opened: list[asyncio.Task[asyncio.DatagramTransport]] = []

    async def open(self) -> None:
        self._listener = await _bound(_Endpoint(self._from_viewer))

    async def close(self) -> None:
        self.to_viewer.close()
        self.to_gateway.close()
        self._listener.close()
        for opening in self._opened:
            (await opening).close()

    def through(self, answer: str) -> str:
        """The SDP `answer` of a gateway with the link's candidate instead of the gateway's first by UDP and IPv4."""
        host, port = self._listener.get_extra_info("sockname")
        lines = []
        for line in answer.splitlines():
            if not line.startswith("a=candidate:"):
                lines.append(line)
            elif (
                (parts := line.split())[2].lower() == "udp"
                and ":" not in parts[4]
                and self._gateway
                in (
                    ("", 0),
                    (parts[4], int(parts[5])),
                )
            ):
                self._gateway = (parts[4], int(parts[5]))
                lines.append(" ".join([*parts[:4], host, str(port), *parts[6:]]))
        return "\r\n".join(lines) + "\r\n"

    def move(self) -> None:
        """Change networks: what viewers send from now on reaches the gateway from other ports than before."""
        self._upstream.clear()

    def _from_viewer(self, data: bytes, viewer: Address) -> None:
        if viewer not in self._upstream:
            back = _Endpoint(lambda answer, _: self.to_viewer.push(answer, lambda d: self._listener.sendto(d, viewer)))
            self._upstream[viewer] = asyncio.ensure_future(_bound(back, self._gateway))
            self._opened.append(self._upstream[viewer])
        opening = self._upstream[viewer]
        if opening.done():  # a datagram that comes before is lost: it is a check, which is repeated
            self.to_gateway.push(data, opening.result().sendto)


async def _bound(endpoint: _Endpoint, peer: Address | None = None) -> asyncio.DatagramTransport:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        sock.setsockopt(socket.SOL_SOCKET, option, BUFFER)
    sock.bind(("127.0.0.1", 0))
    if peer is not None:
        sock.connect(peer)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: endpoint, sock=sock)
    return cast("asyncio.DatagramTransport", transport)


@contextlib.asynccontextmanager
async def lossy_proxy(*, to_viewer: Weather, to_gateway: Weather, seed: int = 1) -> AsyncIterator[LossyProxy]:
    """A link on a port of the loopback. Which gateway it leads to, it learns from the first answer it passes on."""
    proxy = LossyProxy(to_viewer, to_gateway, seed)
    await proxy.open()
    try:
        yield proxy
    finally:
        await proxy.close()
