"""ffmpeg and GStreamer pull from our RTSP server, with digest, over TCP and UDP."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.simulator import Simulation
from gateway.simulator.camera import SimulatedCamera

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def camera() -> AsyncIterator[SimulatedCamera]:
    async with Simulation(count=1, width=320, height=180) as simulation:
        yield simulation.cameras[0]


async def run(*command: str) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a program that must be installed."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(30):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def with_login(camera: SimulatedCamera, password: str = "") -> str:
    return camera.rtsp_url.replace("rtsp://", f"rtsp://{camera.username}:{password or camera.password}@")


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_ffprobe_finds_every_track(camera: SimulatedCamera, transport: str) -> None:
    entries = "stream=codec_type,codec_name,width,height,sample_rate"
    command = ("ffprobe", "-v", "error", "-rtsp_transport", transport, "-show_entries", entries, "-of", "json")
    status, out, err = await run(*command, with_login(camera))
    assert status == 0, err
    streams = json.loads(out)["streams"]
    assert [(s["codec_type"], s.get("codec_name")) for s in streams][:2] == [("video", "h264"), ("audio", "pcm_mulaw")]
    assert streams[2]["codec_type"] == "data"
    assert (streams[0]["width"], streams[0]["height"]) == (320, 180)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_ffmpeg_decodes_without_error(camera: SimulatedCamera, transport: str) -> None:
    output = ("-map", "0:v", "-frames:v", "40", "-fps_mode", "passthrough", "-f", "framecrc", "-")
    status, out, err = await run(
        "ffmpeg", "-v", "error", "-rtsp_transport", transport, "-i", with_login(camera), *output
    )
    assert status == 0
    assert "error while decoding" not in err
    assert "RTP: missed" not in err
    frames = [line.split(",") for line in out.splitlines() if not line.startswith("#")]
    assert len(frames) == 40
    assert len({frame[-1] for frame in frames}) == 40, "every picture is another one"


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_gstreamer_plays(camera: SimulatedCamera, transport: str) -> None:
    source = ("rtspsrc", f"location={camera.rtsp_url}", f"user-id={camera.username}", f"user-pw={camera.password}")
    sink = ("rtph264depay", "!", "avdec_h264", "!", "identity", "eos-after=30", "!", "fakesink")
    status, _, err = await run("gst-launch-1.0", "-q", *source, f"protocols={transport}", "latency=50", "!", *sink)
    assert status == 0, err
    assert "ERROR" not in err


async def test_ffprobe_with_a_wrong_password_is_refused(camera: SimulatedCamera) -> None:
    status, _, err = await run("ffprobe", "-v", "error", "-rtsp_transport", "tcp", with_login(camera, "wrong"))
    assert status != 0
    assert "401" in err
