"""A phone's link: one queue each way that a gateway's pages, sockets and pictures share, over TCP and UDP.

UDP is lost as in `lossy_proxy`. TCP cannot be lost from a proxy, so what loss does to it is done here: a sender with a
congestion window (slow start from ten segments, halved where one is lost; RFC 5681, RFC 6928), a round trip until what
was lost is there, and everything behind it waiting for it. The handshake costs its round trip, too.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from functools import partial
from urllib.parse import urlsplit

from tests.lossy_proxy import Direction, LossyProxy, Weather

SEGMENT = 1400
FIRST_WINDOW, LEAST_WINDOW = 10.0, 2.0
"""Segments under way."""
PHONE = Weather(loss=0.02, delay=0.1, bits_per_second=1e6)
"""Each way: 1 Mbit/s, a round trip of 200 ms, one in fifty lost."""

LEAD = """{
  const set = RTCPeerConnection.prototype.setRemoteDescription;
  RTCPeerConnection.prototype.setRemoteDescription = async function (told) {
    return set.call(this, {type: told.type, sdp: await window.throughSlowLink(told.sdp)});
  };
}"""
"""Has a page's WebRTC sessions use the link. `window.throughSlowLink` is `SlowLink.through`."""


class Flow:
    """One direction of one TCP connection: what `send` takes comes out at `write`, in order."""

    def __init__(self, ahead: Direction, back: Direction, write: Callable[[bytes], None]) -> None:
        self._ahead = ahead
        self._back = back
        self._write = write
        self._loop = asyncio.get_running_loop()
        self._window, self._threshold = FIRST_WINDOW, float("inf")
        self._under_way = 0
        self._sent = self._written = 0
        self._early: dict[int, bytes] = {}
        self._changed = asyncio.Event()

    async def send(self, segment: bytes) -> None:
        """Returns once there is room in the window."""
        await self._until(lambda: self._under_way < self._window)
        self._under_way += 1
        self._push(self._sent, segment)
        self._sent += 1

    async def drained(self) -> None:
        """Until all has come out."""
        await self._until(lambda: self._written == self._sent)

    async def _until(self, reached: Callable[[], bool]) -> None:
        while not reached():
            self._changed.clear()
            await self._changed.wait()

    def _push(self, number: int, segment: bytes) -> None:
        if not self._ahead.push(segment, partial(self._arrived, number)):
            self._window = self._threshold = max(LEAST_WINDOW, self._window / 2)
            self._loop.call_later(self._ahead.weather.delay + self._back.weather.delay, self._push, number, segment)

    def _arrived(self, number: int, segment: bytes) -> None:
        self._early[number] = segment
        while self._written in self._early:
            self._write(self._early.pop(self._written))
            self._written += 1
        self._changed.set()
        self._loop.call_later(self._back.weather.delay, self._acknowledged)

    def _acknowledged(self) -> None:
        self._under_way -= 1
        self._window += 1 if self._window < self._threshold else 1 / self._window
        self._changed.set()


class SlowLink:
    """Made by `slow_link`."""

    def __init__(self, gateway: str, udp: LossyProxy) -> None:
        at = urlsplit(gateway)
        self._gateway = at.hostname, at.port
        self._udp = udp
        self._server: asyncio.Server
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where a browser finds the gateway at the end of the link."""
        host, port = self._server.sockets[0].getsockname()
        return f"http://{host}:{port}"

    def through(self, answer: str) -> str:
        """The SDP `answer` of the gateway, which can be reached through the link alone."""
        lines = self._udp.through(answer).splitlines()
        told = [line for line in lines if not line.startswith("a=candidate:") or line.split()[2].lower() == "udp"]
        return "\r\n".join(told) + "\r\n"

    def change(self, weather: Weather) -> None:
        """Another weather from now on, for what was opened before, too."""
        self._udp.to_gateway.weather = self._udp.to_viewer.weather = weather

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)

    async def close(self) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_gateway, to_viewer = self._udp.to_gateway, self._udp.to_viewer
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(writer.close)
            await asyncio.sleep(to_gateway.weather.delay + to_viewer.weather.delay)
            with contextlib.suppress(OSError):  # either side may go at any time, and takes the other along
                gateway_reader, gateway_writer = await asyncio.open_connection(*self._gateway)
                stack.callback(gateway_writer.close)
                ways = [
                    asyncio.create_task(_carry(reader, Flow(to_gateway, to_viewer, _into(gateway_writer)))),
                    asyncio.create_task(_carry(gateway_reader, Flow(to_viewer, to_gateway, _into(writer)))),
                ]
                try:
                    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for way in ways:
                        way.cancel()
                    await asyncio.gather(*ways, return_exceptions=True)


def _into(writer: asyncio.StreamWriter) -> Callable[[bytes], None]:
    """What is still under way when a connection is closed is lost."""

    def write(segment: bytes) -> None:
        if not writer.is_closing():
            writer.write(segment)

    return write


async def _carry(reader: asyncio.StreamReader, flow: Flow) -> None:
    while segment := await reader.read(SEGMENT):
        await flow.send(segment)
    await flow.drained()


@contextlib.asynccontextmanager
async def slow_link(gateway: str, weather: Weather = PHONE, *, seed: int = 1) -> AsyncIterator[SlowLink]:
    """A link to the gateway at that URL on a port of the loopback."""
    udp = LossyProxy(weather, weather, seed)
    await udp.open()
    link = SlowLink(gateway, udp)
    await link.open()
    try:
        yield link
    finally:
        await link.close()
        await udp.close()
