"""Players that are not ours play an interval with a hole in it and other parameters after it, to its last picture."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.access.rights import Role
from gateway.media.model import NS, AccessUnit, GapReason
from tests.accounts import PASSWORD
from tests.media_samples import T0
from tests.painted import painted, with_sound
from tests.peers.conftest import PYTHON
from tests.recording_rig import CAMERA, gap, rig
from tests.running import running
from tests.test_playlist_http import IDLE, at

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

GSTREAMER = (
    "import gi\n"
    "gi.require_version('Gst', '1.0')\n"
    "from gi.repository import Gst\n"
    "Gst.init(None)\n"
    "for name in ('playbin3', 'hlsdemux', 'hlsdemux2', 'souphttpsrc', 'avdec_h264', 'avdec_aac'):\n"
    "    assert Gst.ElementFactory.find(name), name\n"
)
SOUND_FRAME_SECONDS = 1024 / 8000
PATIENCE = 60.0


@dataclass
class Archive:
    """What a player is given, and what it has to make of it."""

    url: str
    token: str
    """As an Authorization header."""
    cookie: str
    """The same right as a cookie."""
    pictures: list[float]
    """When each picture is to be seen, in seconds after the first."""
    sound_seconds: float

    def agrees(self, shown: list[float], sound_frames: int) -> None:
        """Whether all was played, and when it should."""
        assert len(shown) == len(self.pictures)
        assert [moment - shown[0] for moment in shown] == pytest.approx(self.pictures, abs=0.002)
        assert sound_frames * SOUND_FRAME_SECONDS == pytest.approx(self.sound_seconds, abs=1.0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def archive(tmp_path_factory) -> AsyncIterator[Archive]:
    """Twelve seconds, then nothing for a minute, then eight, and eight of another size; with B-pictures and G.711."""
    folder = tmp_path_factory.mktemp("gateway")
    first = painted(12, gop=20, b=2)
    later = [*painted(8, start=72, gop=20, b=2), *painted(8, start=80, gop=20, b=2, size=(640, 480))]
    async with rig(folder) as recording:
        heard = with_sound(first, 12), with_sound(later, 16, start=72)
        recording.hub.open((first[0].track, *{unit.track for unit in heard[0]} - {first[0].track}))
        await recording.play(heard[0])
        recording.hub.publish(gap(12, GapReason.DISCONNECTED))
        await recording.play(heard[1])
        await recording.close()
    async with running(folder, IDLE) as gateway:
        login = {"username": Role.SUPERVISOR.value, "password": PASSWORD}
        async with gateway.http.post("/api/session", json=login, headers={"Origin": gateway.url}) as response:
            cookie = "; ".join(f"{morsel.key}={morsel.value}" for morsel in response.cookies.values())
        url = f"{gateway.url}/api/cameras/{CAMERA}/playlist.m3u8?from={at(0)}&to={at(1000)}"
        token = gateway.client(Role.SUPERVISOR).headers["Authorization"]
        yield Archive(url, token, cookie, moments([*first, *later]), 12 + 16)


def moments(units: list[AccessUnit]) -> list[float]:
    return sorted((unit.utc_ns - T0) / NS for unit in units)


async def output(*command: str | Path) -> str:
    """What a program prints, which must end well and complain of nothing."""
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert (process.returncode, err.decode()) == (0, "")
    return out.decode()


async def test_ffmpeg_plays_across_what_is_missing(archive):
    if shutil.which("ffprobe") is None:
        pytest.skip("ffprobe is not installed")
    found = json.loads(
        await output(
            "ffprobe", "-v", "error", "-headers", f"Authorization: {archive.token}\r\n", "-of", "json",
            "-show_entries", "frame=media_type,pts_time,width", archive.url,
        )
    )["frames"]  # fmt: skip
    frames = [frame for frame in found if frame["media_type"] == "video"]
    archive.agrees([float(frame["pts_time"]) for frame in frames], len(found) - len(frames))
    assert [width for width, _ in itertools.groupby(frame["width"] for frame in frames)] == [320, 640]


@pytest.mark.parametrize(("player", "demuxer"), [("playbin", "hlsdemux"), ("playbin3", "hlsdemux2")])
async def test_gstreamer_plays_across_what_is_missing(archive, player, demuxer):
    try:
        await asyncio.to_thread(subprocess.run, [PYTHON, "-c", GSTREAMER], check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("GStreamer's HLS, or its Python parts, are not installed")
    script = Path(__file__).with_name("gst_hls.py")
    found = json.loads(await output(PYTHON, script, player, archive.url, archive.cookie))
    assert found["problems"] == []
    assert found["demuxers"][-1] == demuxer
    archive.agrees([moment / 1000 for moment in found["pictures"]], found["sound"])
