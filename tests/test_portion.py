"""Without the right to it neither position nor sound leaves the gateway, whichever way somebody asks."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import av
import pytest
import pytest_asyncio

from gateway.access.portion import Portion
from gateway.access.rights import Right, Role
from gateway.base.rfc3339 import format_utc
from gateway.base.settings import CameraSettings
from gateway.media.model import NS, TrackKind
from gateway.positions.store import PositionStore
from gateway.recording.moment import Moments
from gateway.store.engine import open_positions
from tests.media_samples import T0
from tests.painted import painted, walk, with_sound
from tests.recording_rig import CAMERA, rig
from tests.running import Client, Running, running

IDLE = CameraSettings(id=CAMERA, url="rtsp://127.0.0.1:1/s", connect="on_demand", record=False)
SECONDS = 6
MAY_ALL = Role.ADMINISTRATOR
SEES_ONLY = Role.SUPERVISOR
"""By the policy below: the picture, live and recorded, to take away too, and nothing beside it."""
POLICY = {"allow": [{"role": "supervisor", "rights": ["live", "recorded", "export"]}]}
INTERVAL = {"from": format_utc(T0 + NS), "to": format_utc(T0 + 5 * NS)}
MOMENT = {"at": format_utc(T0 + 3 * NS), "stamp": "1"}
DOCUMENT = b"MetadataStream"
"""What every recorded document has in it."""


@pytest.mark.parametrize("rights", [{Right.LIVE}, {Right.AUDIO}, {Right.POSITION, Right.LIVE}, set(Right)])
def test_it_is_what_the_rights_say_and_rests_on_no_others(rights: set[Right]):
    portion = Portion.of(rights)
    assert portion.rights == rights & {Right.AUDIO, Right.POSITION}
    assert portion.has(TrackKind.VIDEO)
    assert portion.has(TrackKind.AUDIO) is portion.sound is (Right.AUDIO in rights)
    assert portion.has(TrackKind.METADATA) is portion.positions is (Right.POSITION in rights)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """A gateway with six seconds of a camera on disk: picture, sound and positions."""
    data_dir = tmp_path_factory.mktemp("gateway")
    async with rig(data_dir) as recording:
        await recording.play(with_sound(painted(SECONDS), SECONDS))
        await recording.close()
        places = open_positions(data_dir)
        positions = PositionStore(places, recording.clock)
        for fix in walk(SECONDS):
            positions.add(CAMERA, fix)
        await positions.flush()
        places.close()
    storage = {"keep_free": "1 MB", "warn_free": "1 MB"}
    async with running(data_dir, IDLE, storage=storage, policy=POLICY) as gateway:
        yield gateway


def kinds(raw: bytes) -> set[str]:
    with av.open(io.BytesIO(raw)) as container:
        return {stream.type for stream in container.streams}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("role", "expected"), [(MAY_ALL, {"video", "audio"}), (SEES_ONLY, {"video"})])
async def test_hls_has_sound_by_right_and_positions_for_nobody(gateway: Running, role: Role, expected: set[str]):
    client = gateway.client(role)
    text = (await client.get(f"/api/cameras/{CAMERA}/playlist.m3u8", params=INTERVAL)).decode()
    named = [line.split('"')[1] for line in text.splitlines() if line.startswith("#EXT-X-MAP")]
    named += [line for line in text.splitlines() if line and not line.startswith("#")]
    raw = b"".join([await client.get(f"/api/cameras/{CAMERA}/{name}") for name in dict.fromkeys(named)])
    assert kinds(raw) == expected
    assert DOCUMENT not in raw


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("role", "expected"), [(MAY_ALL, {"video", "audio", "data"}), (SEES_ONLY, {"video"})])
async def test_a_download_and_an_export_have_what_the_right_is_there_for(
    gateway: Running, role: Role, expected: set[str]
):
    client = gateway.client(role)
    raw = await client.get(f"/api/cameras/{CAMERA}/video.mp4", params=INTERVAL)
    assert (kinds(raw), DOCUMENT in raw) == (expected, "data" in expected)
    files = await exported(client)
    (video,) = [name for name in files if name.endswith(".mp4")]
    assert kinds(files[video]) == expected
    for what in (DOCUMENT, b"52.5"):
        assert any(what in raw for raw in files.values()) == ("data" in expected)
    assert {Path(name).suffix for name in files} == {".mp4", ".json"} | (
        {".gpx", ".geojson"} if "data" in expected else set()
    )


@pytest.mark.asyncio(loop_scope="module")
async def test_evidence_holds_no_recorded_file_that_says_more(gateway: Running):
    files = await exported(gateway.client(SEES_ONLY), kind="package")
    (package,) = [raw for name, raw in files.items() if name.endswith(".zip")]
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        for name in archive.namelist():
            raw = archive.read(name)
            assert DOCUMENT not in raw, name
            assert b"52.5" not in raw, name
            assert not name.endswith(".mp4") or kinds(raw) == {"video"}, name


@pytest.mark.asyncio(loop_scope="module")
async def test_a_stamp_says_nothing_of_where_it_was(gateway: Running, monkeypatch: pytest.MonkeyPatch):
    drawn: list[tuple[str, ...]] = []
    picture = Moments.picture

    async def told(moments: Moments, moment: Any, *, width: int | None, lines: tuple[str, ...]) -> bytes:
        drawn.append(lines)
        return await picture(moments, moment, width=width, lines=lines)

    monkeypatch.setattr(Moments, "picture", told)
    for role in (MAY_ALL, SEES_ONLY):
        await gateway.client(role).get(f"/api/cameras/{CAMERA}/snapshot.jpg", params=MOMENT)
    everything, less = ("".join(lines) for lines in drawn)
    assert ("52.5" in everything, "52.5" in less) == (True, False)
    assert less.startswith(everything[:20]), "the unit and the time are there for both"


async def exported(client: Client, **more: str) -> dict[str, bytes]:
    """The files of an export, by name."""
    asked = INTERVAL | {"cameras": [CAMERA], **more}
    status, body, _ = await client.call("POST", "/api/exports", json=asked)
    assert status == 201, body
    path = f"/api/exports/{body['id']}"
    async with asyncio.timeout(30), client.http.ws_connect("/api/events", headers=client.headers) as socket:
        while (body := await client.get(path))["status"] in {"queued", "running"}:
            while json.loads(await socket.receive_str())["type"] != "export":
                pass
    assert body["status"] == "done", body
    return {file["name"]: await client.get(f"{path}/files/{file['name']}") for file in body["files"]}
