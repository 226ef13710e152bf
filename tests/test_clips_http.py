"""`video.mp4` and the picture of any moment over HTTP: Range, resumption, rights, privacy, the audit."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import av
import pytest
import pytest_asyncio
from sqlalchemy import insert

from gateway.access.rights import Role
from gateway.base.rfc3339 import format_utc, parse_utc
from gateway.base.settings import CameraSettings
from gateway.ingest.fleet import Fleet
from gateway.media import font
from gateway.media.model import NS, GapReason
from gateway.positions.store import PositionStore
from gateway.recording.clips import Clips
from gateway.store import tables
from gateway.store.engine import open_catalog, open_positions
from tests.media_samples import T0
from tests.painted import painted, shade, walk, with_sound
from tests.recording_rig import CAMERA, gap, rig
from tests.running import Running, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

STORAGE = {"keep_free": "1 MB", "warn_free": "1 MB"}
VIDEO, PICTURE = f"/api/cameras/{CAMERA}/video.mp4", f"/api/cameras/{CAMERA}/snapshot.jpg"
LONG_GOP = 40.0
"""When the pictures begin that have a keyframe every five seconds."""


def camera() -> CameraSettings:
    values = {"id": CAMERA, "name": "Unit 12", "url": "rtsp://127.0.0.1:1/s", "connect": "on_demand", "record": False}
    return CameraSettings.model_validate(values)


def at(seconds: float) -> str:
    return format_utc(T0 + round(seconds * NS))


def hour(start: float = 0.0, end: float = 60.0) -> dict[str, str]:
    return {"from": at(start), "to": at(end)}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory) -> AsyncIterator[Running]:
    """A gateway with ten seconds of a camera on disk, and ten others thirty seconds later."""
    data_dir = tmp_path_factory.mktemp("gateway")
    async with rig(data_dir) as recording:
        await recording.play(with_sound(painted(10, gop=20), 10))
        recording.hub.publish(gap(10, GapReason.DISCONNECTED))
        await recording.play(painted(10, start=LONG_GOP, gop=50))
        await recording.close()
        places = open_positions(data_dir)
        positions = PositionStore(places, recording.clock)
        for fix in walk(10):
            positions.add(CAMERA, fix)
        await positions.flush()
        places.close()
    async with running(data_dir, camera(), storage=STORAGE) as gateway:
        yield gateway


def pictures(raw: bytes) -> list[tuple[float, float]]:
    """When each picture of a file is shown, and its luma."""
    with av.open(io.BytesIO(raw)) as container:
        return [(float(f.pts * f.time_base), luma(f)) for f in container.decode(video=0)]


def luma(frame: av.VideoFrame) -> float:
    return float(frame.to_ndarray(format="gray")[: frame.height // 4].mean())


def full(value: int) -> float:
    """Luma of the range that video has, in that of JPEG."""
    return (value - 16) * 255 / 219


def seen(raw: bytes) -> av.VideoFrame:
    """A JPEG, decoded."""
    with av.open(io.BytesIO(raw), format="mjpeg") as container:
        return next(container.decode(video=0))


async def rows(gateway: Running, action: str) -> list[Any]:
    return [row for row in await gateway.audit() if row.action == action]


async def last_view(gateway: Running) -> tuple[Any, Any]:
    """The rows that say that the last download ended, which is written soon, and that it began."""
    async with asyncio.timeout(10):
        while (found := await rows(gateway, "export"))[0].outcome != "ended":
            await asyncio.sleep(0.02)
    return found[0], next(row for row in found if row.id == found[0].detail["view"])


@asynccontextmanager
async def privacy(gateway: Running, start: float, end: float, **hides: bool) -> AsyncIterator[None]:
    """A privacy mode that was on in the past."""
    database = open_catalog(gateway.data_dir)
    values = {"hides_position": False, "hides_stream": False, "recording": True} | hides
    span = {"camera": CAMERA, "start_ns": T0 + round(start * NS), "end_ns": T0 + round(end * NS)}
    await database.write(lambda c: c.execute(insert(tables.privacy).values(span | values)) and None)
    try:
        yield
    finally:
        await database.write(lambda c: c.execute(tables.privacy.delete()) and None)
        database.close()


# ---- video.mp4


async def test_an_interval_is_downloaded_in_one_file_and_the_audit_says_so(gateway):
    client = gateway.client(Role.SUPERVISOR)
    status, raw, response = await client.call("GET", VIDEO, params=hour(1, 60))
    assert status == 200
    assert response.headers["Content-Length"] == str(len(raw))
    assert response.headers["Content-Disposition"] == (
        "attachment; filename=\"unit-12-20231114T221321Z.mp4\"; filename*=UTF-8''Unit%2012%2020231114T221321Z.mp4"
    )
    shown = pictures(raw)
    assert [seconds for seconds, _ in shown] == pytest.approx(
        [n / 10 - 1 for n in range(100)] + [LONG_GOP - 1 + n / 10 for n in range(100)], abs=0.001
    )
    assert [value for _, value in shown[:100]] == pytest.approx([full(shade(n)) for n in range(100)], abs=3)
    with av.open(io.BytesIO(raw)) as container:
        assert {stream.type for stream in container.streams} == {"video", "audio", "data"}
    ended, began = await last_view(gateway)
    assert (began.actor, began.camera, began.outcome) == ("supervisor", CAMERA, "done")
    assert began.detail["interval"] == {"from": at(1), "to": at(60)}
    assert began.detail["bytes"] == {"from": 0, "to": len(raw), "of": len(raw)}
    assert (ended.detail["view"], ended.detail["why"]) == (
        began.id, f"all of it was sent ({len(raw)} of {len(raw)} bytes)",
    )  # fmt: skip


async def test_the_name_of_a_unit_ends_no_header(gateway, monkeypatch):
    monkeypatch.setattr(Fleet, "label", lambda *_: '";\r\nSet-Cookie: a=b; ../\u202e\U0001f6a8')
    _, _, response = await gateway.client(Role.SUPERVISOR).call("HEAD", VIDEO, params=hour(1, 60))
    assert "Set-Cookie" not in response.headers
    assert response.headers["Content-Disposition"] == (
        "attachment; filename=\"unit-12-20231114T221321Z.mp4\"; filename*=UTF-8''%22%3B%0D%0ASet-Cookie%3A%20a"
        "%3Db%3B%20..%2F%E2%80%AE%F0%9F%9A%A8%2020231114T221321Z.mp4"
    )


async def test_a_part_of_it_is_fetched_and_gone_on_with(gateway):
    client = gateway.client()
    _, whole, first = await client.call("GET", VIDEO, params=hour())
    tag = first.headers["ETag"]

    async def ranged(text: str, **headers: str) -> tuple[int, Any, Any]:
        return await client.call("GET", VIDEO, params=hour(), headers=client.headers | {"Range": text} | headers)

    for text, start, end in (
        ("bytes=0-", 0, len(whole)), ("bytes=100-199", 100, 200), ("bytes=-50", len(whole) - 50, len(whole)),
        (f"bytes={len(whole) - 9}-{len(whole) * 2}", len(whole) - 9, len(whole)),
    ):  # fmt: skip
        status, part, response = await ranged(text, **{"If-Range": tag})
        assert (status, part) == (200 if end - start == len(whole) else 206, whole[start:end])
        if status == 206:
            assert response.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(whole)}"
    ranges = [row for row in await rows(gateway, "export") if row.detail.get("bytes", {}).get("from") not in {None, 0}]
    assert [row.detail["bytes"]["from"] for row in ranges] == [100], "its pieces are one view"
    assert (await ranged("bytes=100-199", **{"If-Range": '"other"'}))[:2] == (200, whole)
    assert (await ranged("bytes=5-9,20-30"))[:2] == (200, whole)
    status, problem, response = await ranged(f"bytes={len(whole)}-")
    assert (status, problem["status"]) == (416, 416)
    assert response.headers["Content-Range"] == f"bytes */{len(whole)}"
    begun = [row.id for row in await rows(gateway, "export") if row.outcome == "done"]
    status, _, response = await client.call("HEAD", VIDEO, params=hour())
    assert (status, response.headers["Content-Length"], response.headers["ETag"]) == (200, str(len(whole)), tag)
    after = [row.id for row in await rows(gateway, "export") if row.outcome == "done"]
    assert after == begun, "a HEAD shows nothing"


async def test_what_one_may_not_see_is_not_in_it(gateway):
    allow = [{"role": "dispatcher", "rights": ["live", "recorded", "export"]}]
    await gateway.read_again(camera(), storage=STORAGE, policy={"allow": allow})
    try:
        status, raw, _ = await gateway.client(Role.DISPATCHER).call("GET", VIDEO, params=hour())
        assert status == 200
        with av.open(io.BytesIO(raw)) as container:
            assert [stream.type for stream in container.streams] == ["video"]
        assert b"MetadataStream" not in raw
        picture = await gateway.client(Role.DISPATCHER).get(PICTURE, params={"at": at(3), "stamp": "1"})
        assert picture != await gateway.client().get(PICTURE, params={"at": at(3), "stamp": "1"}), "no position in it"
    finally:
        await gateway.read_again(camera(), storage=STORAGE)
    assert (await gateway.client(Role.DISPATCHER).call("GET", VIDEO, params=hour()))[0] == 403


async def test_what_a_privacy_mode_hid_does_not_come_out(gateway):
    client = gateway.client()
    async with privacy(gateway, 2, 5, hides_position=True):
        raw = await client.get(VIDEO, params=hour())
        assert b'at="1.51"' in raw
        assert b'at="2.51"' not in raw
    async with privacy(gateway, 2, 3, hides_stream=True):
        raw = await client.get(VIDEO, params=hour())
        assert min(seconds for seconds, _ in pictures(raw)) == 0
        assert (await client.call("GET", PICTURE, params={"at": at(2.5)}))[0] == 403
    assert (await client.call("GET", PICTURE, params={"at": at(2.5)}))[0] == 200


async def test_a_download_ends_when_the_right_to_it_does(gateway, monkeypatch):
    monkeypatch.setattr("web.downloads.LOOK_SECONDS", 0.0)
    blocks, client = Clips.blocks, gateway.client(Role.SUPERVISOR)

    async def slowly(clips: Clips, *asked: Any) -> AsyncIterator[bytes]:
        number = 0
        async for block in blocks(clips, *asked):
            number += 1
            if number == 4:
                allow = [{"role": "supervisor", "rights": ["live", "recorded"]}]
                await gateway.read_again(camera(), storage=STORAGE, policy={"allow": allow})
            yield block

    monkeypatch.setattr(Clips, "blocks", slowly)
    try:
        with pytest.raises(aiohttp.ClientPayloadError):
            await client.call("GET", VIDEO, params=hour())
    finally:
        await gateway.read_again(camera(), storage=STORAGE)
    ended, _ = await last_view(gateway)
    assert "you have no right to this any more (export)" in ended.detail["why"]


async def test_it_says_what_is_wrong_with_what_was_asked(gateway):
    client = gateway.client()
    for params, status, detail in (
        ({}, 400, '"from"'),
        ({"from": at(0), "to": at(0)}, 400, "48 hours"),
        ({"from": at(0), "to": at(49 * 3600)}, 400, "48 hours"),
        (hour(20, 30), 404, "nothing is recorded"),
    ):
        code, problem, _ = await client.call("GET", VIDEO, params=params)
        assert code == status
        assert detail in problem["detail"]


# ---- the picture of a moment


@pytest.mark.parametrize("n", [0, 1, 19, 20, 37, 99])
async def test_the_picture_of_a_moment_is_the_one_that_was_to_be_seen(gateway, n):
    status, raw, response = await gateway.client().call("GET", PICTURE, params={"at": at(n / 10 + 0.05)})
    assert (status, response.content_type) == (200, "image/jpeg")
    assert parse_utc(response.headers["X-Picture-UTC"]) == pytest.approx(T0 + n * NS / 10, abs=20_000)
    assert response.headers["X-Picture"] == "exact"
    assert response.headers["Last-Modified"].startswith("Tue, 14 Nov 2023 22:13:2")
    assert response.headers["Cache-Control"] == "private, max-age=600"
    frame = seen(raw)
    assert (frame.width, frame.height) == (320, 240)
    assert luma(frame) == pytest.approx(full(shade(n)), abs=4)


async def test_far_from_a_keyframe_the_nearest_is_shown_and_says_so(gateway):
    for seconds, shown, label in ((1.9, 1.9, "exact"), (2.4, 0.0, "nearest keyframe"), (3.0, 5.0, "nearest keyframe")):
        params = {"at": at(LONG_GOP + seconds), "stamp": "1"}
        _, raw, response = await gateway.client().call("GET", PICTURE, params=params)
        assert parse_utc(response.headers["X-Picture-UTC"]) == pytest.approx(T0 + (LONG_GOP + shown) * NS, abs=20_000)
        assert response.headers["X-Picture"] == label
        bottom = seen(raw).to_ndarray(format="gray")[-10:, :120]
        assert (bottom > 200).any()


async def test_the_stamp_is_drawn_in(gateway):
    plain, stamped = [
        seen(await gateway.client().get(PICTURE, params={"at": at(4), "stamp": stamp})).to_ndarray(format="gray")
        for stamp in ("0", "1")
    ]
    top = 240 - 33 - 33 % 2
    assert abs(plain[: top - 2].astype(int) - stamped[: top - 2]).max() < 12
    wanted = font.line("Unit 12", 1)
    drawn = stamped[top + 3 : top + 10, 3 : 3 + wanted.shape[1]] > 128
    assert (drawn == wanted).mean() > 0.95


async def test_thumbnails_are_small_quick_to_audit_and_of_keyframes(gateway):
    client = gateway.client(Role.AUDITOR)
    for n in range(30):
        raw = await client.get(PICTURE, params={"at": at(n / 4), "width": "160"})
        frame = seen(raw)
        assert (frame.width, frame.height) == (160, 120)
    written = [row for row in await rows(gateway, "snapshot") if row.actor == "auditor"]
    assert [row.detail.get("thumbnails") for row in written] == [True]
    await client.get(PICTURE, params={"at": at(1), "width": "200", "stamp": "1"})
    written = [row for row in await rows(gateway, "snapshot") if row.actor == "auditor"]
    assert [row.detail.get("thumbnails") for row in written] == [None, True]


async def test_in_a_gap_the_nearest_moments_are_named(gateway):
    client = gateway.client()
    status, problem, _ = await client.call("GET", PICTURE, params={"at": at(20)})
    assert (status, problem["before"], problem["after"]) == (404, at(9.999), at(LONG_GOP))
    assert at(LONG_GOP) in problem["detail"]
    for named in (problem["before"], problem["after"]):
        assert (await client.call("GET", PICTURE, params={"at": named}))[0] == 200
    status, problem, _ = await client.call("GET", PICTURE, params={"at": at(-5)})
    assert (status, problem["before"], problem["after"]) == (404, None, at(0))


async def test_the_past_takes_the_right_to_recordings(gateway):
    assert (await gateway.client(Role.AUDITOR).call("GET", PICTURE, params={"at": at(1)}))[0] == 200
    assert (await gateway.client(Role.AUDITOR).call("GET", PICTURE))[0] == 403
    await gateway.read_again(camera(), storage=STORAGE, policy={"allow": [{"role": "dispatcher", "rights": ["live"]}]})
    try:
        status, problem, _ = await gateway.client(Role.DISPATCHER).call("GET", PICTURE, params={"at": at(1)})
        assert (status, "recorded" in problem["detail"]) == (403, True)
    finally:
        await gateway.read_again(camera(), storage=STORAGE)


async def test_a_picture_that_is_not_asked_for_in_a_way_that_is_understood(gateway):
    for params in ({"width": "5"}, {"width": "wide"}, {"width": "99999"}, {"stamp": "yes"}):
        assert (await gateway.client().call("GET", PICTURE, params={"at": at(1)} | params))[0] == 400
