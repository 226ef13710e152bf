"""A camera of H.265 and AAC, from RTSP to a player that has neither: the whole gateway, aiortc as the player."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

from gateway.access.rights import Role
from gateway.base.clock import SystemClock
from gateway.base.settings import CameraSettings
from gateway.hub import Hub, Start
from gateway.media.model import NS, Codec, Fix
from gateway.positions.formats import fix_json
from gateway.rtsp.mount import Mount
from gateway.rtsp.presentation import Client
from gateway.rtsp.server import Server
from tests.reels import Reel, film
from tests.running import running
from tests.test_opus import beep
from tests.test_transcode import filmed
from tests.webrtc_samples import AiortcViewer
from tests.whep_service import until

FIX = Fix(1_700_000_000 * NS, 59.3, 18.1)


@contextlib.asynccontextmanager
async def rtsp_camera(*reels: Reel) -> AsyncIterator[str]:
    """The URL of a camera that sends `reels`."""
    clock, hub = SystemClock(), Hub("cam")
    hub.open(tuple(reel[0].track for reel in reels))
    mount = Mount("cam", lambda: hub.tracks, lambda: hub.subscribe("rtsp", start=Start.KEYFRAME), clock)

    async def find(_path: str, _client: Client) -> Mount:
        return mount

    server = Server(find, clock)
    port = await server.listen("127.0.0.1", 0)
    task = asyncio.create_task(film(hub, lambda: reels))
    try:
        yield f"rtsp://127.0.0.1:{port}/live"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await mount.close()
        await server.close()


async def test_it_is_seen_heard_and_located(tmp_path: Path) -> None:
    viewer = AiortcViewer("video", "audio")
    channel, told = viewer.connection.createDataChannel("positions"), []
    channel.on("message", lambda text: told.append(json.loads(text)))
    async with (
        rtsp_camera(filmed(Codec.H265), beep()) as url,
        running(tmp_path, CameraSettings(id="cam", url=url)) as gateway,
    ):
        await gateway.camera("cam")
        client = gateway.client(Role.DISPATCHER)
        headers = client.headers | {"Content-Type": "application/sdp"}
        status, answer, _ = await client.call(
            "POST", "/api/cameras/cam/whep", data=await viewer.offer(), headers=headers
        )
        assert status == 201, answer
        await viewer.accept(answer.decode())
        await until(lambda: viewer.received["video"] >= 10 and viewer.received["audio"] >= 20)
        await until(lambda: channel.readyState == "open")
        camera = gateway.fleet.camera("cam")
        await until(lambda: _tell(gateway.fleet.on_fix, camera) or told)
        assert told[0] == fix_json(FIX)
        assert (await client.get("/api/cameras/cam"))["tracks"] == [
            {"kind": "video", "codec": "H265"},
            {"kind": "audio", "codec": "AAC"},
        ], "what is recorded is what the camera sends"
        await viewer.close()


def _tell(listeners, camera) -> None:
    for listener in listeners:
        listener(camera, FIX)
