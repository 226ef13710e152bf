"""ffmpeg, GStreamer and VLC read a gateway's cameras in every way there is, with digest, and miss no picture."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from gateway.base.clock import SystemClock
from gateway.base.settings import CameraSettings
from gateway.hub import Hub, Start
from gateway.rtsp.mount import Mount
from gateway.rtsp.presentation import Client
from gateway.rtsp.server import Server
from tests.accounts import PASSWORD
from tests.certificates import certificate
from tests.painted import painted, shade
from tests.reels import SECONDS, film
from tests.running import Running, running

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

RATE, GOP = 15, 15
PICTURES = 30
SIZES = {"wide": (320, 176), "small": (160, 96)}
"""Of each camera's pictures: so a reader shows whose they are."""
LIMIT = 60.0


@dataclass(frozen=True, slots=True)
class Ways:
    """Where a gateway can be reached."""

    port: int
    tls_port: int

    def ffmpeg(self, camera: str, transport: str, *, tls: bool = False, scheme: str = "rtsp") -> list[str]:
        login = f"nvr:{PASSWORD.replace(' ', '%20')}"
        url = f"{scheme}://{login}@127.0.0.1:{self.tls_port if tls else self.port}/{camera}"
        out = ("-map", "0:v", "-frames:v", str(PICTURES), "-fps_mode", "passthrough", "-f", "rawvideo", "-")
        return ["ffmpeg", "-v", "error", "-rtsp_transport", transport, "-i", url, *out]

    def gstreamer(self, camera: str, scheme: str, protocols: str = "", *, tls: bool = False) -> list[str]:
        location = f"{scheme}://127.0.0.1:{self.tls_port if tls else self.port}/{camera}"
        source = ["rtspsrc", f"location={location}", "user-id=nvr", f"user-pw={PASSWORD}", "latency=100"]
        source += [f"protocols={protocols}"] if protocols else []
        source += ["tls-validation-flags=0"] if tls else []
        decode = ["rtph264depay", "!", "avdec_h264", "!", "videoconvert", "!", "video/x-raw,format=I420"]
        sink = ["identity", f"eos-after={PICTURES + 1}", "!", "fdsink", "fd=1", "sync=false"]
        return ["gst-launch-1.0", "-q", *source, "!", *decode, "!", *sink]


READERS: dict[str, tuple[str, Callable[[Ways, str], list[str]]]] = {
    "ffmpeg over TCP": ("wide", lambda ways, camera: ways.ffmpeg(camera, "tcp")),
    "ffmpeg over UDP": ("small", lambda ways, camera: ways.ffmpeg(camera, "udp")),
    "ffmpeg through HTTP": ("small", lambda ways, camera: ways.ffmpeg(camera, "http")),
    "ffmpeg through HTTPS": ("wide", lambda ways, camera: ways.ffmpeg(camera, "https", tls=True)),
    "ffmpeg over TLS": ("small", lambda ways, camera: ways.ffmpeg(camera, "tcp", tls=True, scheme="rtsps")),
    "GStreamer over TCP": ("small", lambda ways, camera: ways.gstreamer(camera, "rtsp", "tcp")),
    "GStreamer over UDP": ("wide", lambda ways, camera: ways.gstreamer(camera, "rtsp", "udp")),
    "GStreamer through HTTP": ("wide", lambda ways, camera: ways.gstreamer(camera, "rtsph")),
    "GStreamer through HTTPS": ("small", lambda ways, camera: ways.gstreamer(camera, "rtspsh", tls=True)),
    "GStreamer over TLS": ("wide", lambda ways, camera: ways.gstreamer(camera, "rtsps", "tcp+tls", tls=True)),
}


@dataclass(frozen=True, slots=True)
class Told:
    """What a program did."""

    status: int
    pictures: bytes
    errors: str


@contextlib.asynccontextmanager
async def cameras() -> AsyncIterator[list[CameraSettings]]:
    """One of each size, that film the same shades."""
    clock, mounts, films = SystemClock(), {}, []
    for name, size in SIZES.items():
        hub, reel = Hub(name), tuple(painted(SECONDS, rate=RATE, gop=GOP, size=size))
        hub.open((reel[0].track,))
        mounts[name] = _mount(name, hub, clock)
        films.append(asyncio.create_task(film(hub, lambda reel=reel: (reel,))))  # type: ignore[misc]

    async def find(path: str, _client: Client) -> Mount | None:
        return mounts.get(path)

    server = Server(find, clock)
    port = await server.listen("127.0.0.1")
    try:
        yield [CameraSettings(id=name, url=f"rtsp://127.0.0.1:{port}/{name}", record=False) for name in SIZES]
    finally:
        for task in films:
            task.cancel()
        await asyncio.gather(*films, return_exceptions=True)
        await server.close()
        for mount in mounts.values():
            await mount.close()


def _mount(name: str, hub: Hub, clock: SystemClock) -> Mount:
    return Mount(name, lambda: hub.tracks, lambda: hub.subscribe("rtsp", start=Start.KEYFRAME), clock)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    folder = tmp_path_factory.mktemp("gateway")
    tls_certificate, tls_key = certificate(folder)
    http = {"listen": "127.0.0.1:0", "tls_certificate": str(tls_certificate), "tls_key": str(tls_key)}
    async with cameras() as configured, running(folder / "data", *configured, http=http) as gateway:
        for camera in configured:
            await gateway.camera(camera.id)
        yield gateway


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(gateway: Running) -> dict[str, Told]:
    """What came of each reader; all of them read at the same time."""
    assert gateway.rtsps_port is not None
    ways = Ways(gateway.rtsp_port, gateway.rtsps_port)

    async def run(name: str) -> tuple[str, Told | None]:
        camera, command = READERS[name]
        return name, await _run(*command(ways, camera))

    found = await asyncio.gather(*map(run, READERS))
    return {name: result for name, result in found if result is not None}


async def _run(*command: str) -> Told | None:
    """None: there is no such program."""
    if shutil.which(command[0]) is None:
        return None
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = b"", b""
    try:
        async with asyncio.timeout(LIMIT):
            out, err = await process.communicate()
    except TimeoutError:
        err = b"it did not end"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Told(process.returncode or 0, out, err.decode(errors="replace"))


def check(pictures: bytes, camera: str) -> None:
    """Each picture follows the one before it, and the first is a keyframe: none was missed."""
    width, height = SIZES[camera]
    size = width * height * 3 // 2
    assert len(pictures) % size == 0, "pictures of another size: of another camera?"
    planes = np.frombuffer(pictures, np.uint8).reshape(-1, size)[:, : width * height]
    lumas = planes.mean(axis=1)
    assert len(lumas) >= PICTURES
    starts = [n for n in range(0, SECONDS * RATE, GOP) if _follow(lumas, n)]
    assert len(starts) == 1, [round(float(luma)) for luma in lumas]


def _follow(lumas: np.ndarray, start: int) -> bool:
    return all(abs(luma - shade((start + i) % (SECONDS * RATE))) < 2 for i, luma in enumerate(lumas))


@pytest.mark.parametrize("name", READERS)
async def test_reads_the_camera_that_was_named_and_every_picture_of_it(told: dict[str, Told], name: str) -> None:
    if name not in told:
        pytest.skip("it is not installed")
    result = told[name]
    assert result.pictures, result.errors
    check(result.pictures, READERS[name][0])


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_vlc_reads_the_camera_that_was_named(
    gateway: Running, tmp_path: Path, vlc: list[str], transport: str
) -> None:
    written = tmp_path / "seen.ps"
    login = ("--rtsp-user", "nvr", "--rtsp-pwd", PASSWORD, *(("--rtsp-tcp",) if transport == "tcp" else ()))
    out = ("--sout", f"#std{{access=file,mux=ps,dst={written}}}", "--run-time", "4", "vlc://quit")
    result = await _run(*vlc, "-q", f"rtsp://127.0.0.1:{gateway.rtsp_port}/small", *login, *out)
    assert result is not None
    decode = ("-map", "0:v", "-fps_mode", "passthrough", "-f", "rawvideo", "-")
    decoded = await _run("ffmpeg", "-v", "error", "-i", str(written), *decode)
    assert decoded is not None
    assert decoded.pictures, result.errors + decoded.errors
    check(decoded.pictures, "small")


async def test_a_wrong_password_is_refused_and_counted(gateway: Running) -> None:
    url = f"rtsp://nvr:wrong@127.0.0.1:{gateway.rtsp_port}/wide"
    result = await _run("ffprobe", "-v", "error", "-rtsp_transport", "tcp", url)
    if result is None:
        pytest.skip("ffprobe is not installed")
    assert result.status != 0
    assert "401" in result.errors
