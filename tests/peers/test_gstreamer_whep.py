"""GStreamer's webrtcbin plays a camera by WHEP, over UDP and over TCP, in H.264 and in H.265."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.access.rights import Role
from gateway.base.metrics import REGISTRY
from gateway.base.settings import CameraSettings
from gateway.media.model import Codec
from gateway.simulator import Simulation
from tests.peers.conftest import PYTHON
from tests.running import Running, running
from tests.test_playable_gateway import rtsp_camera
from tests.test_transcode import filmed

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

PLAYER = Path(__file__).with_name("gst_whep.py")
NEEDED = (
    "import gi\n"
    "for name in ('Gst', 'GstSdp', 'GstWebRTC'): gi.require_version(name, '1.0')\n"
    "from gi.repository import Gst, GstSdp, GstWebRTC\n"
    "Gst.init(None)\n"
    "for name in ('webrtcbin', 'nicesrc', 'dtlssrtpdec', 'rtph264depay', 'avdec_h264', 'rtph265depay', 'avdec_h265'):\n"
    "    assert Gst.ElementFactory.find(name), name\n"
)
PICTURES = 40


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory) -> AsyncIterator[Running]:
    try:
        subprocess.run([PYTHON, "-c", NEEDED], check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("GStreamer's webrtcbin, libnice's plug-in or their Python parts are not installed")
    async with Simulation(count=1, interfaces=("lo",), width=320, height=180) as simulation:
        unit = simulation.cameras[0]
        camera = CameraSettings.model_validate(
            {"id": "cam", "url": unit.rtsp_url, "username": unit.username, "password": unit.password}
        )
        async with running(tmp_path_factory.mktemp("gateway"), camera) as gateway:
            await gateway.camera("cam")
            yield gateway


async def play(gateway: Running, transport: str, codec: str) -> dict[str, Any]:
    url, token = f"{gateway.url}/api/cameras/cam/whep", gateway.tokens[Role.DISPATCHER]
    player = await asyncio.create_subprocess_exec(
        PYTHON, str(PLAYER), url, token, str(PICTURES), transport, codec, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(player.communicate(), 60)
    return json.loads(out)


@pytest.mark.usefixtures("gateway")  # which skips where a part is missing
async def test_h265_that_is_passed_on_decodes(tmp_path: Path) -> None:
    before = transcoded()
    async with (
        rtsp_camera(filmed(Codec.H265, bframes=0)) as url,
        running(tmp_path, CameraSettings(id="cam", url=url)) as other,
    ):
        await other.camera("cam")
        said = await play(other, "udp", "H265")
    assert said["pictures"] >= PICTURES
    assert (said["width"], said["height"]) == (320, 240)
    assert transcoded() == before


def transcoded() -> float:
    labels = {"camera": "cam", "work": "playable"}
    return REGISTRY.get_sample_value("sightline_transcoded_units_total", labels) or 0


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_webrtcbin_plays_and_leaves(gateway: Running, transport: str) -> None:
    said = await play(gateway, transport, "H264")
    assert said["pictures"] >= PICTURES
    assert (said["width"], said["height"]) == (320, 180)
    assert said["statuses"] == [201, 200]
    assert (await gateway.client().get("/api/cameras/cam"))["viewers"] == 0
