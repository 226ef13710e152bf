"""SIGHUP while twenty cameras are recorded and watched: one gets a new password, the others lose no frame.

The gateway is a process of its own and gets the signal; viewers are real WHEP viewers, one for each camera.
SOAK_SECONDS changes how long it goes on, before and after.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterable
from pathlib import Path

import aiohttp
import pytest

from gateway.base.settings import CameraSettings
from tests.command_line import beside, serving
from tests.filming import FrameViewer, recorded, studio

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

CAMERAS = tuple(f"c{number:02d}" for number in range(20))
SECONDS = float(os.environ.get("SOAK_SECONDS", "60"))


def write(config: Path, cameras: Iterable[CameraSettings]) -> None:
    tables = [
        f'[[cameras]]\nid = "{c.id}"\nname = "{c.name}"\nurl = "{c.url}"\nusername = "{c.username}"\n'
        f'password = "{c.password.get_secret_value()}"\n'
        for c in cameras
    ]
    listen = 'listen = "127.0.0.1:0"'
    sections = f'[http]\n{listen}\n[webrtc]\n{listen}\n[rtsp]\n{listen}\n[discovery]\ninterfaces = ["lo"]\n'
    config.write_text(sections + "".join(tables))


async def test_one_cameras_new_password_costs_the_others_no_frame(tmp_path: Path, record_property) -> None:
    config = tmp_path / "sightline.toml"
    async with studio(CAMERAS) as filming:
        write(config, map(filming.settings, CAMERAS))
        await beside("user", "add", "ann", "--role", "administrator", "--config", config)
        token = (await beside("token", "create", "t", "--user", "ann", "--config", config)).out.strip()
        headers = {"Authorization": f"Bearer {token}"}
        async with serving(config) as served, aiohttp.ClientSession(served.url, headers=headers) as http:

            async def status(camera_id: str) -> str:
                async with http.get(f"/api/cameras/{camera_id}") as answer:
                    return str((await answer.json())["status"])

            await filming.begin()
            viewers = {camera_id: FrameViewer() for camera_id in CAMERAS}
            for camera_id, viewer in viewers.items():
                async with asyncio.timeout(20):
                    while await status(camera_id) != "live":
                        await asyncio.sleep(0.1)
                await viewer.open(http, f"{served.url}/api/cameras/{camera_id}/whep", headers)
            await asyncio.sleep(SECONDS)
            filming.passwords["c00"] = "another secret"
            write(config, (filming.settings(camera_id, name=f"Unit {camera_id}") for camera_id in CAMERAS))
            served.signal(signal.SIGHUP)
            async with asyncio.timeout(30):
                while not any("changed by the settings: cameras[c00].password" in line for line in served.log):
                    await asyncio.sleep(0.05)
            await asyncio.sleep(SECONDS)
            await asyncio.gather(*(viewer.more(30) for viewer in viewers.values()))
            sent = await filming.cut()
            await asyncio.sleep(2)  # what is under way arrives
            others = CAMERAS[1:]
            assert {camera_id for camera_id in others if viewers[camera_id].longest_step != 1} == set()
            assert sum(viewers[camera_id].tally.lost for camera_id in others) == 0
            for camera_id in others:
                async with http.get(f"/api/cameras/{camera_id}/recordings") as answer:
                    listed = await answer.json()
                assert (len(listed["recordings"]), listed["gaps"]) == (1, []), camera_id
            async with http.get("/api/cameras/c00/recordings") as answer:
                assert [gap["reason"] for gap in (await answer.json())["gaps"]] == ["camera disconnected"]
            served.signal(signal.SIGTERM)
            assert await served.end() == 0
            for viewer in viewers.values():
                viewer.resource = None  # the gateway has gone
                await viewer.close(http, headers)
    counts = await recorded(tmp_path / "data")
    record_property("sent", sent)
    assert {counts[camera_id] for camera_id in others} == {sent}
