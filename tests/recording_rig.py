"""A camera's Hub and its recorder on a manual clock: time passes only by `play`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import av

from gateway.base.clock import ManualClock
from gateway.base.workers import Threads
from gateway.hub import Hub
from gateway.ledger.journal import Journals
from gateway.media.model import NS, AccessUnit, Gap, GapReason, Item, Track, TrackKind
from gateway.recording.catalog import Catalog
from gateway.recording.recorder import LOOK_SECONDS, PreRoll, Recorder
from gateway.store.engine import open_catalog
from tests.bad_disk import BadDisk
from tests.media_samples import METADATA, T0, VIDEO

CAMERA = "unit-12"


@dataclass
class Rig:
    """What a test handles."""

    hub: Hub
    clock: ManualClock
    disk: BadDisk
    catalog: Catalog
    journals: Journals
    threads: Threads
    recorder: Recorder
    task: asyncio.Task[None]

    async def asleep(self) -> None:
        """Wait until the recorder has nothing more to do now, or has ended."""
        while not (self.clock.sleepers or self.task.done()):
            await asyncio.sleep(0)

    async def play(self, items: Iterable[Item]) -> None:
        """Publish `items` as their time comes."""
        for item in items:
            if isinstance(item, AccessUnit):
                while self.clock.utc_ns() + LOOK_SECONDS * NS <= item.received_ns:
                    await self.look()
            self.hub.publish(item)
        await self.look()

    async def look(self) -> None:
        """Let the recorder look at the ring now."""
        self.clock.advance(LOOK_SECONDS)
        await asyncio.sleep(0)
        await self.asleep()

    async def wait(self, seconds: float) -> None:
        """Let time pass without any media."""
        for _ in range(round(seconds / LOOK_SECONDS)):
            await self.look()

    async def close(self) -> None:
        """Close the Hub and wait for the recorder's end."""
        self.hub.close()
        await self.ended()

    async def record_anew(self, begin: PreRoll | None = None) -> None:
        """Let another Recorder follow the one that has ended."""
        self.recorder = Recorder(
            self.hub, self.catalog, self.disk, self.journals, self.threads, self.clock, begin=begin
        )
        self.task = asyncio.create_task(self.recorder.run())
        await self.asleep()

    async def ended(self) -> None:
        """Wait for the recorder's end."""
        while not self.task.done():
            await self.look()
        await self.task

    async def spans(self) -> list[tuple[float, float]]:
        """The Recordings, in seconds after T0."""
        return [
            (seconds(span.start_ns), seconds(span.end_ns)) for span in await self.catalog.recordings(CAMERA, None, None)
        ]

    async def gaps(self) -> list[tuple[float, float | None, GapReason]]:
        """The gaps, in seconds after T0."""
        return [
            (seconds(gap.start_ns), None if gap.end_ns is None else seconds(gap.end_ns), gap.reason)
            for gap in await self.catalog.gaps(CAMERA, None, None)
        ]

    async def segments(self) -> list[str]:
        """The paths of the finished Segments, by start."""
        return [row.path for row in await self.catalog.segments(CAMERA, None, None)]


@asynccontextmanager
async def rig(
    tmp_path: Path,
    *,
    cap_bytes: int = 64 << 20,
    min_seconds: float = 30.0,
    disk: BadDisk | None = None,
    camera: str = CAMERA,
    tracks: tuple[Track, ...] = (VIDEO, METADATA),
):
    """A running recorder over an empty or an older archive in `tmp_path`."""
    root = tmp_path / "recordings"
    root.mkdir(exist_ok=True)
    database = await asyncio.to_thread(open_catalog, tmp_path)
    threads = Threads("disk", 2)
    hub = Hub(camera, cap_bytes=cap_bytes, min_seconds=min_seconds)
    hub.open(tracks)
    clock = ManualClock(T0)
    disk = disk or BadDisk(root)
    catalog = Catalog(database)
    journals = Journals.open(tmp_path, clock)
    recorder = Recorder(hub, catalog, disk, journals, threads, clock)
    made = Rig(hub, clock, disk, catalog, journals, threads, recorder, asyncio.create_task(recorder.run()))
    try:
        await made.asleep()
        yield made
    finally:
        made.task.cancel()
        await asyncio.gather(made.task, return_exceptions=True)
        threads.close()
        journals.close()
        database.close()


def seconds(utc_ns: int) -> float:
    return round((utc_ns - T0) / NS, 3)


def gap(
    at: float, reason: GapReason, *, end: float | None = None, track_id: int | None = None, packets: int = 0
) -> Gap:
    end_ns = None if end is None else T0 + round(end * NS)
    return Gap(T0 + round(at * NS), end_ns, reason, track_id, packets)


def frames(path: Path, kind: TrackKind = TrackKind.VIDEO) -> list[tuple[float, bytes]]:
    """Presentation time in seconds and bytes of each sample of a track, as PyAV reads them."""
    av_type = {TrackKind.VIDEO: "video", TrackKind.AUDIO: "audio", TrackKind.METADATA: "data"}[kind]
    with av.open(str(path)) as container:
        return [
            (round(float(packet.pts * packet.time_base), 4), bytes(packet))
            for packet in container.demux()
            if packet.size and packet.stream.type == av_type
        ]
