"""A camera's Hub and its Broadcast, with viewers in memory whose packets are not encrypted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

from gateway.base.clock import ManualClock
from gateway.hub import Hub
from gateway.media.model import Codec
from gateway.media.rtp import RtpPacket, parse_rtp
from gateway.viewing.broadcast import Broadcast
from gateway.viewing.viewer import Viewer
from gateway.webrtc.fanout import FanOut
from gateway.webrtc.kernel import Frame
from gateway.webrtc.outlet import Outlet
from tests.plain_srtp import MemorySocket, PlainSrtp
from tests.webrtc_samples import UTC, audio_track, video_track

TRACK = video_track()
SOUND = audio_track(Codec.PCMU)


class MemoryPort:
    """Keeps what is sent. Its socket never has room again once it is full."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.udp = MemorySocket()
        self.sent = self.udp.sent
        self.signalled: dict[tuple[str, int], list[bytes]] = {}
        self.unreachable = 0

    def send(self, datagram: bytes, address: tuple[str, int]) -> None:
        self.signalled.setdefault(address, []).append(datagram)

    async def room(self, seconds: float) -> bool:
        self.clock.advance(seconds)
        return False


class WatchedFanOut(FanOut):
    """Says how often it was given a frame, for however many viewers, and how many of its passes are under way."""

    turns = 0
    under_way = 0

    async def send(self, frame: Frame, ticks: int, outlets: Sequence[Outlet]) -> list[Outlet]:
        self.turns += 1
        return await super().send(frame, ticks, outlets)

    async def _go_on(self, *arguments: Any, **how: Any) -> int:
        self.under_way += 1
        try:
            return await super()._go_on(*arguments, **how)
        finally:
            self.under_way -= 1


class Stage:
    """A Hub, its Broadcast, and viewers whose packets are not encrypted."""

    def __init__(self) -> None:
        self.clock = ManualClock(UTC)
        self.hub = Hub("cam")
        self.hub.open((TRACK, SOUND))
        self.port = MemoryPort(self.clock)
        self.addresses: dict[str, tuple[str, int]] = {}
        self.anchors: list[tuple[str, int, int]] = []
        self.asked = 0
        self.can_ask = True
        self.fanout = WatchedFanOut(self.port, self.clock)
        self.broadcast = self.new_broadcast()
        self.task: asyncio.Task[str] | None = None

    def new_broadcast(self, codec: Codec = Codec.H264) -> Broadcast:
        return Broadcast(
            self.hub,
            self.fanout,
            self.clock,
            on_anchor=lambda *anchor: self.anchors.append(anchor),
            request_keyframe=self.ask,
            codec=codec,
        )

    def ask(self) -> bool:
        self.asked += 1
        return self.can_ask

    async def run(self) -> None:
        self.task = asyncio.create_task(self.broadcast.run())
        await self.settle()

    def viewer(self, name: str, audio: Codec | None = None) -> Viewer:
        address = self.addresses[name] = (f"192.0.2.{len(self.addresses)}", 9)
        peer = SimpleNamespace(address=address, srtp=PlainSrtp(), port=self.port)
        video = Outlet(peer, payload_type=96, clock_rate=90_000, cname="x")
        sound = Outlet(peer, payload_type=0, clock_rate=8000, cname="x") if audio else None
        for outlet in (video, sound):
            if outlet is not None:
                outlet.open()
        return Viewer(name, video, sound, audio)

    def join(self, name: str, audio: Codec | None = None) -> Viewer:
        viewer = self.viewer(name, audio)
        self.broadcast.add(viewer)
        return viewer

    async def settle(self) -> None:
        """Until all is done that can be done now; on a busy machine the thread of the fan-out comes late."""
        for turn in range(1_000_000):
            await asyncio.sleep(0)
            if turn >= 12 and not self.fanout.under_way:
                return
        raise AssertionError("the fan-out does not come to an end")

    async def publish(self, *items: object) -> None:
        for item in items:
            self.hub.publish(item)
        await self.settle()

    async def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.002)):
            self.clock.advance(0.002)
            await self.settle()

    def packets(self, name: str, payload_type: int = 96) -> list[RtpPacket]:
        packets = [parse_rtp(datagram) for datagram in self.port.sent.get(self.addresses[name], [])]
        return [packet for packet in packets if packet.payload_type == payload_type]

    def pictures(self, name: str) -> list[tuple[int, int]]:
        """Index and timestamp of each picture sent."""
        pictures = []
        for packet in self.packets(name):
            kind, payload = packet.payload[0] & 31, packet.payload
            if kind == 24:  # STAP-A (RFC 6184 5.7.1): the picture comes last
                while len(payload) > 3:
                    size = int.from_bytes(payload[1:3], "big")
                    nal, payload = payload[3 : 3 + size], payload[2 + size :]
                kind, payload = nal[0] & 31, nal
            elif kind == 28:  # FU-A (5.8): its start
                kind, payload = payload[1] & 31 if payload[1] & 0x80 else 0, payload[1:]
            if kind in (1, 5):
                pictures.append((int.from_bytes(payload[1:5], "big"), packet.timestamp))
        return pictures


def ascends(timestamps: list[int]) -> bool:
    return all(0 < (b - a) % 2**32 < 2**31 for a, b in pairwise(timestamps))
