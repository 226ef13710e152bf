"""Cameras that film without an encoder: pictures of a fixed size and rate, and an RTSP server that shows them."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from benchmarks import whep_viewer
from benchmarks.whep_viewer import Tally, Viewer
from gateway.base.clock import SystemClock
from gateway.base.settings import CameraSettings
from gateway.hub import Hub, Start
from gateway.media.model import AccessUnit, TimeSource
from gateway.rtsp.mount import Mount
from gateway.rtsp.presentation import Client
from gateway.rtsp.server import Server
from gateway.store.engine import open_catalog
from gateway.store.tables import segments
from tests.media_samples import VIDEO

RATE, GOP = 30, 60
FRAME_TICKS = 90_000 // RATE
CLOCK = SystemClock()


async def film(hub: Hub, stop: asyncio.Event, picture_bytes: int = 4200) -> int:
    """Publish pictures until `stop`; how many there were."""
    hub.open((VIDEO,))
    begin, n = CLOCK.monotonic(), 0
    body = bytes([0x80]) + b"\xaa" * (picture_bytes - 2)
    while not stop.is_set():
        key, now = n % GOP == 0, CLOCK.utc_ns()
        nals = (bytes([0x65 if key else 0x41]) + body,)
        pts = n * 90000 // RATE
        hub.publish(AccessUnit(VIDEO, pts, pts, now, TimeSource.RTCP, now, nals, key, picture_bytes))
        n += 1
        await CLOCK.sleep(max(0.0, begin + n / RATE - CLOCK.monotonic()))
    return n


@dataclass
class Studio:
    """Cameras that all film the same, each with a user and a password of its own."""

    port: int
    hub: Hub
    mount: Mount
    passwords: dict[str, str]
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    _filming: asyncio.Task[int] | None = None

    def settings(self, camera_id: str, **more: object) -> CameraSettings:
        """How a gateway connects to one, by the password it has now."""
        values = {"id": camera_id, "url": f"rtsp://127.0.0.1:{self.port}/cam"}
        return CameraSettings.model_validate(values | self.login(camera_id) | more)

    def login(self, camera_id: str) -> dict[str, str]:
        """What it wants to be told now."""
        return {"username": camera_id, "password": self.passwords[camera_id]}

    async def begin(self) -> None:
        """Wait until all are connected, then film: so each connection sees every picture."""
        self.hub.open((VIDEO,))
        async with asyncio.timeout(60):
            while self.mount.receivers < len(self.passwords):
                await asyncio.sleep(0.02)
        self._filming = asyncio.create_task(film(self.hub, self.stop, 600))

    async def cut(self) -> int:
        """Stop filming; how many pictures there were."""
        assert self._filming is not None
        self.stop.set()
        return await self._filming


@contextlib.asynccontextmanager
async def studio(camera_ids: Iterable[str]) -> AsyncIterator[Studio]:
    """Cameras of these names, which are their users' names, too."""
    hub = Hub("source")
    mount = Mount("cam", lambda: hub.tracks, lambda: hub.subscribe("rtsp", start=Start.KEYFRAME), CLOCK)

    async def find(_path: str, _client: Client) -> Mount:
        return mount

    passwords = {camera_id: f"secret of {camera_id}" for camera_id in camera_ids}
    server = Server(find, CLOCK, passwords=passwords.get)
    made = Studio(await server.listen("127.0.0.1"), hub, mount, passwords)
    try:
        yield made
    finally:
        made.stop.set()
        await server.close()
        await mount.close()


async def recorded(data_dir: Path) -> Counter[str]:
    """Pictures on disk, by camera."""
    database = open_catalog(data_dir)
    try:
        rows = await database.read(lambda c: c.execute(select(segments.c.camera, segments.c.tracks)).all())
    finally:
        database.close()
    counts: Counter[str] = Counter()
    for camera_id, tracks in rows:
        counts[camera_id] += sum(track["units"] for track in tracks if track["kind"] == "video")
    return counts


class FrameViewer(Viewer):
    """A WHEP viewer that counts frames, and how far apart they are by their RTP timestamps."""

    def __init__(self) -> None:
        self.tally = Tally()
        super().__init__(self.tally, whep_viewer.RTCCertificate.generateCertificate(), gro=False)
        self.frames = 0
        self.longest_step = 0
        """From a frame to the next, in frames: 1 where none is missing. (Those that catch up at first are closer.)"""
        self._timestamp: int | None = None

    def _count(self, sequence: int, packets: int, octets: int) -> None:
        super()._count(sequence, packets, octets)
        timestamp = int.from_bytes(whep_viewer._BUFFER[4:8])
        if timestamp == self._timestamp:
            return
        if self._timestamp is not None:
            step = round(((timestamp - self._timestamp) % 2**32) / FRAME_TICKS)
            self.longest_step = max(self.longest_step, step)
        self._timestamp = timestamp
        self.frames += 1

    async def more(self, frames: int, *, within: float = 20.0) -> None:
        """Wait for so many frames more."""
        wanted = self.frames + frames
        async with asyncio.timeout(within):
            while self.frames < wanted:
                await asyncio.sleep(0.02)
