"""A camera whose units a test publishes one by one, read by a whole gateway, and read again from there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from gateway.base.clock import SystemClock
from gateway.base.settings import CameraSettings
from gateway.hub import Hub, Start, Subscription
from gateway.media.model import (
    NS,
    AccessUnit,
    AudioParameters,
    Codec,
    MetadataParameters,
    TimeSource,
    Track,
    TrackKind,
)
from gateway.rtsp.mount import Mount
from gateway.rtsp.presentation import Client
from gateway.rtsp.server import Server
from tests.accounts import PASSWORD
from tests.media_samples import VIDEO as H264
from tests.rtsp_reader import RtspReader
from tests.running import Running

VIDEO = Track(0, TrackKind.VIDEO, Codec.H264, 90_000, H264.parameters)
AUDIO = Track(1, TrackKind.AUDIO, Codec.PCMU, 8000, AudioParameters())
METADATA = Track(2, TrackKind.METADATA, Codec.ONVIF_METADATA, 90_000, MetadataParameters())
LOGIN = f"nvr:{PASSWORD}"
CLOCK = SystemClock()


@dataclass
class Source:
    """A camera whose units a test publishes one by one."""

    hub: Hub = field(default_factory=lambda: Hub("source"))
    tracks: tuple[Track, ...] = (VIDEO, AUDIO, METADATA)
    port: int = 0
    server: Server | None = None
    mount: Mount | None = None
    n: int = 0

    async def start(self) -> None:
        self.hub.open(self.tracks)
        self.mount = mount = Mount("source", lambda: self.hub.tracks, self._subscribe, CLOCK)

        async def find(_path: str, _client: Client) -> Mount:
            return mount

        self.server = Server(find, CLOCK)
        self.port = await self.server.listen("127.0.0.1", self.port)

    async def stop(self) -> None:
        assert self.server is not None
        assert self.mount is not None
        await self.server.close()
        await self.mount.close()

    def settings(self, camera_id: str = "cam", **more: object) -> CameraSettings:
        values = {"id": camera_id, "url": f"rtsp://127.0.0.1:{self.port}/source", "record": False}
        return CameraSettings.model_validate(values | more)

    def publish(self, track: Track = VIDEO, data: bytes = b"", *, key: bool = False) -> AccessUnit:
        self.n += 1
        if track.kind is TrackKind.VIDEO:
            data = bytes((0x65 if key else 0x41, 0x80)) + self.n.to_bytes(4, "big") + b"\xaa" * 3000
        now = CLOCK.utc_ns()
        pts = now * track.clock_rate // NS
        keyframe = key or track.kind is not TrackKind.VIDEO
        unit = AccessUnit(track, pts, pts, now, TimeSource.RTCP, now, (data,), keyframe, len(data))
        self.hub.publish(unit)
        return unit

    def _subscribe(self) -> Subscription:
        return self.hub.subscribe("rtsp", start=Start.KEYFRAME)


async def live(gateway: Running, source: Source, camera_id: str = "cam") -> None:
    """Publish keyframes until the gateway has one."""
    async with asyncio.timeout(20):
        while not await gateway.fleet.camera(camera_id).live(0.05):
            source.publish(key=True)


async def reader(gateway: Running, path: str = "cam", login: str = LOGIN) -> RtspReader:
    return await RtspReader.connect(gateway.rtsp_port, path, login=login)
