"""The whole gateway and cameras that are not ours: picture, position and sound arrive, and all of it is on disk."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import datetime as dt
import itertools
import json
import math
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.base.settings import CameraSettings
from gateway.ingest.fleet import CameraStatus
from gateway.media.model import GapReason, TrackKind
from gateway.positions.geodesy import distance_m
from onvif_protocol.metadata import parse
from tests.browser.chromium import FRAMES, chromium, log_in, opened, tile, watch
from tests.data import shared, tool
from tests.peers.conftest import PYTHON, GstCamera
from tests.recording_rig import frames
from tests.running import Running, running

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

CLIP = "video/gopro-max-walk.mp4"
CLIP_FRAMES = 315
CLIP_SECONDS = 10.5
CARRIERS = ("event", "milestone", "axis")
WITHIN_M = 1.0
"""The circle is walked at 1.4 m/s: a fix that is dated 0.7 s wrong fails."""
AWAY_SECONDS = 3.0
BACK_SECONDS = 10.0
"""Retries are at most 5 s apart; the rest is for GStreamer to get ready on a busy machine."""
PATIENCE = 60.0

Place = Callable[[float], tuple[float, ...]]


@dataclass
class WalkingCamera:
    """`gstcam.py` with the clip, for one carrier."""

    carrier: str
    port: int
    process: subprocess.Popen[str] | None = field(default=None, repr=False)

    @property
    def id(self) -> str:
        return f"cam-{self.carrier}"

    async def start(self) -> None:
        """Returns when it listens."""
        command = [
            PYTHON,
            str(tool("gstcam.py")),
            str(shared(CLIP)),
            "--port",
            str(self.port),
            "--carrier",
            self.carrier,
        ]
        self.process = subprocess.Popen(
            [*command, "--user", "op", "--password", "secret"], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        line = await asyncio.to_thread(self.process.stdout.readline)
        assert line.startswith("rtsp://"), line

    def kill(self) -> None:
        """Gone at once, without a word."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def settings(self) -> CameraSettings:
        return CameraSettings.model_validate(
            {"id": self.id, "url": f"rtsp://127.0.0.1:{self.port}/cam", "username": "op", "password": "secret"}
        )


def free_ports(count: int) -> Iterator[int]:
    """Ports that nobody had a moment ago: a camera that comes back must come back where it was."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        ports = [one.getsockname()[1] for one in sockets]
    yield from ports


def positions_of_gstcam() -> Place:
    """Its own `position(utc)`: the script itself needs another interpreter."""
    source = ast.parse(tool("gstcam.py").read_text())
    source.body = [part for part in source.body if isinstance(part, ast.FunctionDef) and part.name == "position"]
    names: dict[str, Any] = {"math": math}
    exec(compile(source, "gstcam.py", "exec"), names)
    place: Place = names["position"]
    return place


def seconds(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()


def probe(path: Path) -> dict[str, Any]:
    """What ffprobe says of a file's streams after it decoded all of it; it must not complain."""
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of", "json", str(path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    return {stream["codec_type"]: stream for stream in json.loads(done.stdout)["streams"]}


@dataclass
class Stage:
    gateway: Running
    cameras: dict[str, WalkingCamera]

    async def recordings(self, camera_id: str) -> dict[str, list[dict[str, Any]]]:
        answer: dict[str, list[dict[str, Any]]] = await self.gateway.client().get(
            f"/api/cameras/{camera_id}/recordings"
        )
        return answer

    async def until(self, camera_id: str, enough: Callable[[dict[str, list[dict[str, Any]]]], bool]) -> Any:
        """What is recorded, once it is `enough`."""
        async with asyncio.timeout(PATIENCE):
            while not enough(found := await self.recordings(camera_id)):
                await asyncio.sleep(0.1)
        return found

    def files(self, camera_id: str) -> list[Path]:
        return sorted((self.gateway.data_dir / "recordings" / camera_id).rglob("*.mp4"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(gst_camera: GstCamera, tmp_path_factory) -> AsyncIterator[Stage]:
    """A gateway that reads three of them, one for each carrier. (`gst_camera` skips where GStreamer is absent.)"""
    cameras = {c: WalkingCamera(c, port) for c, port in zip(CARRIERS, free_ports(len(CARRIERS)), strict=True)}
    try:
        for camera in cameras.values():
            await camera.start()
        folder = tmp_path_factory.mktemp("gateway")
        async with running(folder, *(camera.settings() for camera in cameras.values())) as gateway:
            yield Stage(gateway, cameras)
    finally:
        for camera in cameras.values():
            camera.kill()


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_every_frame_of_the_clip_is_in_the_first_recording(stage: Stage, carrier: str) -> None:
    camera_id = stage.cameras[carrier].id
    await stage.gateway.camera(camera_id)
    # The camera ends the stream with the clip, and begins again when it is asked again.
    found = await stage.until(camera_id, lambda now: len(now["recordings"]) >= 2)
    first, second = found["recordings"][:2]
    assert seconds(first["end"]) - seconds(first["start"]) == pytest.approx(CLIP_SECONDS, abs=0.2)
    gap = found["gaps"][0]
    assert (gap["start"], gap["end"], gap["reason"]) == (first["end"], second["start"], GapReason.DISCONNECTED)
    assert seconds(gap["end"]) - seconds(gap["start"]) < BACK_SECONDS
    streams = probe(stage.files(camera_id)[0])
    assert streams["video"]["codec_name"] == "h264"
    assert int(streams["video"]["nb_read_frames"]) == CLIP_FRAMES


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_each_fix_lies_where_the_wearer_was(stage: Stage, carrier: str) -> None:
    camera_id = stage.cameras[carrier].id
    await stage.until(camera_id, lambda now: len(now["recordings"]) >= 2)
    place = positions_of_gstcam()
    fixes = (await stage.gateway.client().get(f"/api/cameras/{camera_id}/positions"))["fixes"]
    assert len(fixes) >= CLIP_SECONDS, "two documents come each second"
    for fix in fixes:
        lat, lon, altitude, speed, course = place(seconds(fix["utc"]))
        assert distance_m(fix["lat"], fix["lon"], lat, lon) < WITHIN_M, fix
        assert fix["altitude_m"] == altitude
        if fix["speed_mps"] is not None:
            assert fix["speed_mps"] == pytest.approx(speed, abs=0.05)
        if fix["course_deg"] is not None:
            assert abs((fix["course_deg"] - course + 180) % 360 - 180) < 2
    assert all(seconds(a["utc"]) < seconds(b["utc"]) for a, b in itertools.pairwise(fixes))
    known = {name for name in ("speed_mps", "course_deg", "accuracy_m") if fixes[0][name] is not None}
    assert (
        known
        == {
            "event": set(),
            "milestone": {"speed_mps", "course_deg", "accuracy_m"},
            "axis": {"speed_mps"},
        }[carrier]
    )


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_the_file_itself_says_where_the_wearer_was(stage: Stage, carrier: str) -> None:
    camera_id = stage.cameras[carrier].id
    found = await stage.until(camera_id, lambda now: len(now["recordings"]) >= 2)
    start = seconds(found["recordings"][0]["start"])
    place = positions_of_gstcam()
    documents = frames(stage.files(camera_id)[0], TrackKind.METADATA)
    assert len(documents) >= CLIP_SECONDS
    video_at = frames(stage.files(camera_id)[0])[0][0]
    for at, document in documents:
        (position,) = parse(document).positions
        lat, lon, *_ = place(start + at - video_at)
        assert distance_m(position.lat, position.lon, lat, lon) < WITHIN_M


async def test_a_camera_that_dies_and_returns_is_live_at_once_and_its_gap_is_listed(stage: Stage) -> None:
    camera = stage.cameras["milestone"]
    await stage.gateway.camera(camera.id)
    before = len((await stage.recordings(camera.id))["gaps"])
    loop = asyncio.get_running_loop()
    camera.kill()
    killed = loop.time()
    watched = stage.gateway.fleet.camera(camera.id)
    async with asyncio.timeout(PATIENCE):
        while watched.reason != f"Nothing listens on port {camera.port} of 127.0.0.1.":
            await asyncio.sleep(0.05)
    assert watched.status is CameraStatus.OFFLINE
    await asyncio.sleep(max(0.0, killed + AWAY_SECONDS - loop.time()))
    await camera.start()
    assert await watched.live(BACK_SECONDS), f"{watched.status}: {watched.reason}"
    found = await stage.until(camera.id, lambda now: len(now["gaps"]) > before and now["gaps"][-1]["end"] is not None)
    gap = found["gaps"][-1]
    assert gap["reason"] == GapReason.DISCONNECTED
    away = seconds(gap["end"]) - seconds(gap["start"])
    assert AWAY_SECONDS - 0.5 < away < loop.time() - killed + 1.0


@pytest.mark.browser
async def test_chromium_shows_its_picture(stage: Stage) -> None:
    async with chromium() as browser, opened(browser, stage.gateway.url) as page:
        await log_in(page)
        videos = [tile(page, camera.id).get_by_test_id("video") for camera in stage.cameras.values()]
        for seen in await asyncio.gather(*map(watch, videos)):
            assert (seen["size"], seen["decoded"] >= FRAMES) == ([848, 480], True)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_picture_sound_and_metadata_of_a_camera_with_digest(
    gst_camera: GstCamera, transport: str, tmp_path: Path
) -> None:
    settings = CameraSettings.model_validate(
        {
            "id": "cam",
            "url": gst_camera.url(private=True),
            "username": gst_camera.user,
            "password": gst_camera.password,
            "transport": transport,
        }
    )
    async with running(tmp_path, settings) as gateway:
        await gateway.camera("cam")
        (camera,) = (await gateway.client().get("/api/cameras"))["cameras"]
        assert {(track["kind"], track["codec"]) for track in camera["tracks"]} == {
            ("video", "H264"), ("audio", "PCMA"), ("metadata", "ONVIF"),
        }  # fmt: skip

        async with asyncio.timeout(PATIENCE):
            while not (found := await gateway.client().get("/api/cameras/cam/recordings"))["recordings"] or (
                seconds(found["recordings"][0]["end"]) - seconds(found["recordings"][0]["start"]) < 2
            ):
                await asyncio.sleep(0.1)
    (file,) = (tmp_path / "recordings/cam").rglob("*.mp4")
    streams = probe(file)
    assert (streams["video"]["codec_name"], streams["audio"]["codec_name"]) == ("h264", "pcm_alaw")
    assert int(streams["video"]["nb_read_frames"]) >= 50
    assert sum(len(sample) for _, sample in frames(file, TrackKind.AUDIO)) >= 1.9 * 8000
    assert {document for _, document in frames(file, TrackKind.METADATA)} == {
        b'<?xml version="1.0"?><tt:MetadataStream xmlns:tt="http://www.onvif.org/ver10/schema"/>'
    }
