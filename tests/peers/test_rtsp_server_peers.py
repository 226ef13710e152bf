"""ffmpeg and GStreamer pull from our RTSP server, with digest, over TCP and UDP."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.simulator import Simulation
from gateway.simulator.camera import SimulatedCamera

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

WIDTH, HEIGHT = 320, 180
PICTURES = 30
PICTURE_BYTES = WIDTH * HEIGHT
"""In shades of grey, a byte each."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def camera() -> AsyncIterator[SimulatedCamera]:
    async with Simulation(count=1, width=WIDTH, height=HEIGHT) as simulation:
        yield simulation.cameras[0]


async def run(*command: str) -> tuple[int, bytes, str]:
    """Exit status, standard output and standard error of a program that must be installed."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(60):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, out, err.decode()


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
    assert (streams[0]["width"], streams[0]["height"]) == (WIDTH, HEIGHT)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_ffmpeg_decodes_without_error(camera: SimulatedCamera, transport: str) -> None:
    output = ("-map", "0:v", "-frames:v", "40", "-fps_mode", "passthrough", "-f", "framecrc", "-")
    status, out, err = await run(
        "ffmpeg", "-v", "error", "-rtsp_transport", transport, "-i", with_login(camera), *output
    )
    assert status == 0
    assert "error while decoding" not in err
    assert "RTP: missed" not in err
    frames = [line.split(",") for line in out.decode().splitlines() if not line.startswith("#")]
    assert len(frames) == 40
    assert len({frame[-1] for frame in frames}) == 40, "every picture is another one"


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_gstreamer_decodes_picture_after_picture(
    camera: SimulatedCamera, transport: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What counts is the pictures, not the goodbye: at the end of the pipeline rtspsrc may cancel its own PAUSE, which
    it then reports as a connection that was closed.
    """
    source = ("rtspsrc", f"location={camera.rtsp_url}", f"user-id={camera.username}", f"user-pw={camera.password}")
    decode = ("rtph264depay", "!", "avdec_h264", "!", "videoconvert", "!", "video/x-raw,format=GRAY8")
    sink = ("identity", f"eos-after={PICTURES + 1}", "!", "fdsink", "fd=1", "sync=false")
    with caplog.at_level(logging.INFO, "gateway.rtsp"):
        status, out, err = await run(
            *("gst-launch-1.0", "-q", *source, f"protocols={transport}", "latency=50", "!", *decode, "!", *sink)
        )
    server = camera._rtsp
    assert server is not None
    explained = f"exit status {status}\n{err}\nits camera: {server.counters}\n{caplog.text}"
    pictures = [out[at : at + PICTURE_BYTES] for at in range(0, len(out), PICTURE_BYTES)]
    assert len(pictures) >= PICTURES, explained
    assert len(set(pictures)) == len(pictures), f"a picture came twice; {explained}"


async def test_ffprobe_with_a_wrong_password_is_refused(camera: SimulatedCamera) -> None:
    status, _, err = await run("ffprobe", "-v", "error", "-rtsp_transport", "tcp", with_login(camera, "wrong"))
    assert status != 0
    assert "401" in err
