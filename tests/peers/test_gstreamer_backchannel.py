"""Talking to cameras that are not ours, by a speaker that is not ours: GStreamer's ONVIF server hears aiortc's tone."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gateway.access.rights import Role
from gateway.base.settings import CameraSettings
from tests.peers.conftest import NEEDED, PYTHON
from tests.running import Running, running
from tests.speaker import RATE, Speaker

pytestmark = pytest.mark.peer

PARTS = (
    "GstRtspServer.RTSPOnvifMediaFactory.set_backchannel_launch\n"
    "for name in ('rtppcmudepay', 'rtppcmadepay', 'mulawdec', 'alawdec', 'filesink'):\n"
    "    assert Gst.ElementFactory.find(name), name\n"
)
HZ = 440
PATIENCE = 30.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the cameras write what they hear."""
    return tmp_path_factory.mktemp("heard")


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    """Of `gst_talk.py`, running; skips where GStreamer's ONVIF server is absent."""
    try:
        subprocess.run([PYTHON, "-c", NEEDED + PARTS], check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("GStreamer's ONVIF server, its plug-ins or their Python parts are not installed")
    command = [PYTHON, str(Path(__file__).with_name("gst_talk.py")), str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.stdin.close()
        process.wait(30)


async def test_a_tone_is_heard_at_gstreamers_cameras(folder: Path, port: int, tmp_path: Path) -> None:
    """Mu-law by TCP, A-law by UDP. What brings the picture is left alone."""
    cameras = [
        CameraSettings(id=law, url=f"rtsp://127.0.0.1:{port}/{law}", transport=transport, record=False)
        for law, transport in (("mulaw", "tcp"), ("alaw", "udp"))
    ]
    async with running(tmp_path, *cameras) as gateway:
        for camera in cameras:
            await gateway.camera(camera.id, live=PATIENCE)
            await is_heard(gateway, camera.id, folder / f"{camera.id}.pcm")


async def is_heard(gateway: Running, camera: str, file: Path) -> None:
    client, source = gateway.client(Role.DISPATCHER), gateway.fleet.camera(camera).source
    async with asyncio.timeout(PATIENCE):
        while not (await client.get(f"/api/cameras/{camera}"))["talk"]:
            await asyncio.sleep(0.05)
    speaker = Speaker(HZ)
    try:
        status, answer, response = await client.call(
            "POST",
            f"/api/cameras/{camera}/talk",
            data=await speaker.offer(),
            headers=client.headers | {"Content-Type": "application/sdp"},
        )
        assert status == 201, answer
        await speaker.accept(answer.decode())
        async with asyncio.timeout(PATIENCE):
            while len(sound := heard(file)) < RATE:
                await asyncio.sleep(0.05)
        assert (await client.get(f"/api/cameras/{camera}"))["talking"] == "dispatcher"
        assert (await client.call("DELETE", response.headers["Location"]))[0] == 200
    finally:
        await speaker.close()
    spectrum = np.abs(np.fft.rfft(sound[-RATE:] * np.hanning(RATE)))
    assert abs(int(np.argmax(spectrum)) - HZ) <= 2
    loudness = float(np.sqrt(np.mean((sound[-RATE:] / 32768) ** 2)))
    assert 0.15 < loudness < 0.2, "as loud as it was spoken"
    assert gateway.fleet.camera(camera).source is source, "the picture's connection was left alone"


def heard(file: Path) -> np.ndarray:
    """The samples that a camera has written so far."""
    data = file.read_bytes() if file.exists() else b""
    return np.frombuffer(data[: len(data) // 2 * 2], "<i2")
