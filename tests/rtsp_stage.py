"""An RTSP server on the loopback with one camera, whose frames a test publishes one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.base.clock import ManualClock, SystemClock
from gateway.hub import Hub, Start
from gateway.media.model import (
    NS,
    AccessUnit,
    AudioParameters,
    Codec,
    MetadataParameters,
    TimeSource,
    Track,
    TrackKind,
    VideoParameters,
)
from gateway.media.rtp import parse_rtp
from gateway.rtsp.mount import Mount
from gateway.rtsp.presentation import Client, Presentation
from gateway.rtsp.server import Guard, Server
from tests.rtsp_reader import RtspReader

SPS = bytes.fromhex("6742c01eda0280bfe5c04400000300040000030078 3c58ba80".replace(" ", ""))
PPS = bytes.fromhex("68ce0fc8")
VIDEO = Track(0, TrackKind.VIDEO, Codec.H264, 90_000, VideoParameters(SPS, (PPS,), b"", 640, 360))
AUDIO = Track(1, TrackKind.AUDIO, Codec.PCMU, 8000, AudioParameters())
METADATA = Track(2, TrackKind.METADATA, Codec.ONVIF_METADATA, 90_000, MetadataParameters())
T0 = 1_700_000_000 * NS


class Stage:
    """A server with one camera, `cam`, whose frames the test publishes one by one: 25 a second, from T0 on."""

    def __init__(
        self, clock: ManualClock | SystemClock, passwords: dict[str, str] | None = None, guard: Guard | None = None
    ) -> None:
        self.hub = Hub("cam")
        self.hub.open((VIDEO, AUDIO, METADATA))
        self.mount = Mount("cam", lambda: self.hub.tracks, lambda: self.hub.subscribe("r", start=Start.KEYFRAME), clock)
        lookup = None if passwords is None else passwords.get
        self.server = Server(self.find, clock, passwords=lookup, guard=guard)
        self.frames = 0
        self.port = 0

    async def find(self, path: str, client: Client) -> Presentation | None:
        return self.mount if path == "cam" else None

    def publish(self, *, key: bool = False, size: int = 3000, track: Track = VIDEO, pts_jump: int = 0) -> AccessUnit:
        n = self.frames
        self.frames += 1
        if track.kind is TrackKind.VIDEO:
            nals: tuple[bytes, ...] = (bytes((0x65 if key else 0x41, 0x80)) + n.to_bytes(4, "big") + b"\xaa" * size,)
        else:
            nals = (n.to_bytes(4, "big") * (size // 4),)
        utc_ns = T0 + n * NS // 25
        pts = 777 + n * track.clock_rate // 25 + pts_jump
        unit = AccessUnit(
            track, pts, pts, utc_ns, TimeSource.RTCP, utc_ns, nals, key or track is not VIDEO, sum(map(len, nals))
        )
        self.hub.publish(unit)
        return unit


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until `condition` holds."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0)


def frame_numbers(packets: list[bytes]) -> list[int]:
    """Which of the stage's frames these packets begin."""
    numbers = []
    for packet in map(parse_rtp, packets):
        kind = packet.payload[0] & 0x1F
        if kind == 28 and packet.payload[1] & 0x80:
            numbers.append(int.from_bytes(packet.payload[3:7], "big"))
        elif kind in (1, 5):
            numbers.append(int.from_bytes(packet.payload[2:6], "big"))
    return numbers


async def until_frames(reader: RtspReader, count: int) -> None:
    while sum(parse_rtp(packet).marker for packet in reader.packets[0]) < count:
        assert await reader.read()
