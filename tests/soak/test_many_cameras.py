"""Twenty cameras for ten minutes: every picture that was sent is on disk, without a gap, and nothing piles up."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.base.clock import SystemClock
from gateway.base.metrics import REGISTRY
from gateway.base.settings import CameraSettings
from gateway.hub import Hub, Start
from gateway.rtsp.mount import Mount
from gateway.rtsp.presentation import Client
from gateway.rtsp.server import Server
from gateway.store.engine import open_catalog
from gateway.store.tables import segments
from tests.filming import RATE, film
from tests.media_samples import VIDEO
from tests.running import running

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

CAMERAS = 20
SECONDS = int(os.environ.get("SOAK_SECONDS", "600"))


def received(camera_id: str) -> float:
    """Pictures that came from a camera, by the metrics."""
    labels = {"camera": camera_id, "kind": "video"}
    return REGISTRY.get_sample_value("sightline_camera_units_total", labels) or 0.0


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


async def test_every_picture_is_recorded(tmp_path, record_property):
    clock, hub, stop = SystemClock(), Hub("source"), asyncio.Event()
    mount = Mount("cam", lambda: hub.tracks, lambda: hub.subscribe("rtsp", start=Start.KEYFRAME), clock)

    async def find(_path: str, _client: Client) -> Mount:
        return mount

    server = Server(find, clock)
    port = await server.listen("127.0.0.1")
    cameras = [CameraSettings(id=f"c{n:02d}", url=f"rtsp://127.0.0.1:{port}/cam") for n in range(CAMERAS)]
    # The cameras are there, and wait, before the first picture: so each of them sees all of it.
    try:
        async with running(tmp_path, *cameras) as gateway:
            hub.open((VIDEO,))
            async with asyncio.timeout(60):
                while mount.receivers < CAMERAS:
                    await asyncio.sleep(0.1)
            filming = asyncio.create_task(film(hub, stop))
            for camera in cameras:
                await gateway.camera(camera.id)
            await asyncio.sleep(min(30, SECONDS / 4))
            early = resident_mb()
            await asyncio.sleep(SECONDS - min(30, SECONDS / 4))
            stop.set()
            sent = await filming
            grown = resident_mb() - early
            client = gateway.client()
            for camera in cameras:
                async with asyncio.timeout(10):
                    while received(camera.id) < sent:
                        await asyncio.sleep(0.1)
                listed = await client.get(f"/api/cameras/{camera.id}/recordings")
                assert (len(listed["recordings"]), listed["gaps"]) == (1, []), camera.id
    finally:
        stop.set()
        await server.close()
        await mount.close()
    database = open_catalog(tmp_path)
    try:
        rows = await database.read(lambda c: c.execute(select(segments.c.camera, segments.c.tracks)).all())
    finally:
        database.close()
    recorded = {camera.id: 0 for camera in cameras}
    for camera_id, tracks in rows:
        recorded[camera_id] += sum(track["units"] for track in tracks if track["kind"] == "video")
    record_property("sent", sent)
    record_property("grown_mb", grown)
    assert set(recorded.values()) == {sent}
    # The rings fill within the first half minute; after that a leak would show.
    assert grown < 100
    assert sent > SECONDS * RATE * 0.9
