"""What NVRs get of live cameras by RTSP, from a whole gateway: which tracks, how soon, and when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.access.audit import Action, Outcome
from gateway.base.settings import CameraSettings
from gateway.ingest.fleet import CameraStatus
from gateway.media.model import AccessUnit
from gateway.media.rtcp import Bye, SenderReport, ntp_to_utc_ns, parse_rtcp
from gateway.media.rtp import parse_rtp
from gateway.nvr import restream
from gateway.rtsp.sdp import SessionDescription
from onvif_protocol.metadata import Carrier, Position, event_document
from tests.accounts import PASSWORD
from tests.restream_rig import AUDIO, LOGIN, METADATA, Source, live, reader
from tests.rtsp_reader import RtspReader
from tests.running import Running, running

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def source() -> AsyncIterator[Source]:
    source = Source()
    await source.start()
    yield source
    await source.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(source: Source, tmp_path_factory) -> AsyncIterator[Running]:
    async with running(tmp_path_factory.mktemp("gateway"), source.settings()) as gateway:
        await live(gateway, source)
        yield gateway


async def test_a_reader_starts_at_once_and_gets_every_track_as_it_came(gateway: Running, source: Source) -> None:
    keyframe = source.publish(key=True)
    document = event_document((Position(52.5, 13.4, Carrier.EVENT, utc_ns=keyframe.utc_ns),)) + b"\n<!-- \xc3\xa4 -->"
    source.publish(METADATA, document)
    sound = source.publish(AUDIO, b"\x55" * 160)
    hub = gateway.fleet.camera("cam").hub
    async with asyncio.timeout(20):
        while not any(isinstance(i, AccessUnit) and i.nals == sound.nals for i in hub.since(hub.first)):
            await asyncio.sleep(0.01)
    nvr = await reader(gateway)
    answers = await nvr.set_up(0, 1, 2)
    assert [a.status for a in answers] == [200] * 4
    media = SessionDescription.parse(answers[0].body).media
    assert [m.kind for m in media] == ["video", "audio", "application"]
    assert (await nvr.call("PLAY")).status == 200
    video = await nvr.wait_for(0, 4)
    assert parse_rtp(video[1]).payload[3:7] == keyframe.nals[0][2:6], "it begins with the newest keyframe"
    parts = [parse_rtp(p) for p in await nvr.wait_for(4, 1)]
    assert b"".join(p.payload for p in parts) == document
    assert parse_rtp((await nvr.wait_for(2, 1))[0]).payload == sound.nals[0]
    report = parse_rtcp((await nvr.wait_for(1, 1))[0])[0]
    assert isinstance(report, SenderReport)
    assert abs(ntp_to_utc_ns(report.ntp) - keyframe.utc_ns) < 100_000, "the capture clock"
    await nvr.close()


async def test_each_play_is_a_view_of_the_audit_and_a_viewer_of_the_camera(gateway: Running, source: Source) -> None:
    source.publish(key=True)
    client = gateway.client()
    nvr = await reader(gateway)
    await nvr.set_up(0)
    await nvr.call("PLAY", **{"User-Agent": "Test NVR 1"})
    assert (await client.get("/api/cameras/cam"))["viewers"] == 1
    await nvr.call("TEARDOWN")
    assert (await client.get("/api/cameras/cam"))["viewers"] == 0
    async with asyncio.timeout(20):
        while (ended := (await gateway.audit())[0]).outcome != Outcome.ENDED:
            await asyncio.sleep(0.02)
    began = next(e for e in await gateway.audit() if e.action == Action.LIVE_VIEW and e.outcome == Outcome.DONE)
    assert (began.actor, began.camera, began.detail["agent"]) == ("nvr", "cam", "Test NVR 1")
    assert (ended.detail["view"], ended.detail["why"]) == (began.id, "the client ended it")
    await nvr.close()


@pytest.mark.parametrize(
    ("path", "login", "status"),
    [
        ("cam", "nvr:wrong", 401),
        ("cam", "nobody:" + PASSWORD, 401),
        ("cam", "dispatcher:" + PASSWORD, 401),
        ("elsewhere", LOGIN, 404),
        ("cam/replay/x", LOGIN, 404),
    ],
)
async def test_refusals(gateway: Running, path: str, login: str, status: int) -> None:
    nvr = await reader(gateway, path, login)
    assert (await nvr.call("DESCRIBE")).status == status
    await nvr.close()


async def playing(gateway: Running, *tracks: int, path: str = "cam") -> RtspReader:
    nvr = await reader(gateway, path)
    assert [answer.status for answer in await nvr.set_up(*tracks or (0,))] == [200] * (len(tracks or (0,)) + 1)
    assert (await nvr.call("PLAY")).status == 200
    return nvr


async def end_of(nvr: RtspReader) -> None:
    """Wait until the gateway lets a reader go."""
    async with asyncio.timeout(20):
        while await nvr.read():
            pass
    await nvr.close()


async def test_an_account_that_is_removed_ends_what_it_opened(gateway: Running, source: Source) -> None:
    source.publish(key=True)
    account = {"name": "recorder", "role": "nvr", "password": PASSWORD, "cameras": ["cam"]}
    status, said, _ = await gateway.client().call("POST", "/api/users", json=account)
    assert status == 201, said
    async with asyncio.timeout(20):
        while True:
            nvr = await reader(gateway, login=f"recorder:{PASSWORD}")
            if (await nvr.call("DESCRIBE")).status == 200:
                break
            await nvr.close()
            await asyncio.sleep(0.5)  # each try before it is known counts as a wrong password
    await nvr.set_up(0)
    await nvr.call("PLAY")
    status, _, _ = await gateway.client().call("DELETE", "/api/users/recorder")
    assert status == 204
    await end_of(nvr)


async def test_tracks_follow_rights_and_who_reads_is_let_go_when_they_change(gateway: Running, source: Source) -> None:
    everything = ("live", "recorded", "position", "audio")
    for without, kinds in (
        ("position", ["video", "audio"]),
        ("audio", ["video", "application"]),
    ):
        source.publish(key=True)
        nvr = await playing(gateway)
        rights = [right for right in everything if right != without]
        await gateway.read_again(source.settings(), policy={"allow": [{"role": "nvr", "rights": rights}]})
        await end_of(nvr)
        nvr = await playing(gateway)
        description = (await nvr.call("DESCRIBE")).body
        assert [m.kind for m in SessionDescription.parse(description).media] == kinds
        # A right that comes back is told, too, by letting go: the NVR asks again and gets the track.
        await gateway.read_again(source.settings())
        await end_of(nvr)
    source.publish(key=True)
    await gateway.read_again(source.settings(), policy={"allow": [{"role": "nvr", "rights": ["position"]}]})
    nvr = await reader(gateway)
    assert (await nvr.call("DESCRIBE")).status == 403
    await nvr.close()
    (row,) = [e for e in await gateway.audit() if e.outcome == Outcome.REFUSED and e.detail.get("kind") == "right"]
    assert (row.actor, row.camera, row.detail["through"]) == ("nvr", "cam", "rtsp")
    await gateway.read_again(source.settings())


async def test_privacy_mode_ends_what_it_hides(gateway: Running, source: Source) -> None:
    await gateway.read_again(source.settings(), policy={"privacy": [{"hide": ["stream"]}]})
    source.publish(key=True)
    nvr = await playing(gateway)
    status, said, _ = await gateway.client().call(
        "PUT", "/api/cameras/cam/privacy", json={"on": True, "reason": "a break"}
    )
    assert status == 200, said
    await end_of(nvr)
    nvr = await reader(gateway)
    assert (await nvr.call("DESCRIBE")).status == 403
    await nvr.close()
    await gateway.client().call("PUT", "/api/cameras/cam/privacy", json={"on": False, "reason": "over"})
    await gateway.read_again(source.settings())


async def test_a_reader_outlasts_a_short_absence_of_the_camera(gateway: Running, source: Source) -> None:
    source.publish(key=True)
    nvr = await playing(gateway)
    before = len(await nvr.wait_for(0, 4))
    await source.stop()
    await left(gateway)
    await source.start()
    source.publish()  # nothing to begin with
    await live(gateway, source)
    packets = [parse_rtp(packet) for packet in await nvr.wait_for(0, before + 3)]
    again = packets[before]
    assert again.ssrc == packets[0].ssrc
    assert again.sequence != (packets[before - 1].sequence + 1) & 0xFFFF, "the numbers tell of a loss"
    assert again.payload[0] & 0x1F == 24, "it goes on with a keyframe and its parameter sets"
    await nvr.close()


async def left(gateway: Running) -> None:
    """Wait until the gateway knows that the camera is gone."""
    async with asyncio.timeout(20):
        while gateway.fleet.camera("cam").status is CameraStatus.LIVE:
            await asyncio.sleep(0.01)


async def test_a_reader_of_a_camera_that_stays_away_is_let_go(
    gateway: Running, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restream, "SILENT_SECONDS", 0.5)
    source.publish(key=True)
    nvr = await playing(gateway)
    await source.stop()
    await left(gateway)
    await end_of(nvr)
    assert any(isinstance(packet, Bye) for packet in parse_rtcp(nvr.packets[1][-1]))
    await source.start()
    await live(gateway, source)


async def test_what_happens_is_counted(gateway: Running, source: Source) -> None:
    source.publish(key=True)
    nvr = await playing(gateway)
    async with asyncio.timeout(20):
        while 'sightline_rtsp_total{what="sessions"} 0.0' in (
            text := (await gateway.client().get("/metrics")).decode()
        ):
            await asyncio.sleep(0.05)
    assert 'sightline_rtsp_readers{camera="cam"} 1.0' in text
    assert 'sightline_rtsp_total{what="unauthorized"}' in text
    await nvr.close()


async def test_an_on_demand_camera_connects_when_somebody_reads(source: Source, tmp_path) -> None:
    async with running(tmp_path, source.settings(connect="on_demand")) as gateway:
        camera = gateway.fleet.camera("cam")
        assert not camera.hub.tracks
        nvr = await reader(gateway)
        asked = asyncio.create_task(nvr.set_up(0))
        await live(gateway, source)
        assert [answer.status for answer in await asked] == [200, 200]
        assert (await nvr.call("PLAY")).status == 200
        await nvr.wait_for(0, 1)
        assert camera._holds == 1, "as long as it is read"
        await nvr.call("TEARDOWN")
        assert camera._holds == 0
        await nvr.close()


async def test_a_camera_that_is_away_is_unavailable_and_readers_go_after_a_while(tmp_path) -> None:
    absent = CameraSettings(id="absent", url="rtsp://127.0.0.1:1/s")
    async with running(tmp_path, absent) as gateway:
        async with asyncio.timeout(20):
            while gateway.fleet.camera("absent").status is not CameraStatus.OFFLINE:
                await asyncio.sleep(0.02)
        nvr = await reader(gateway, "absent")
        answer = await nvr.call("DESCRIBE")
        assert (answer.status, answer.headers.get("Retry-After")) == (503, "5")
        await nvr.close()


async def test_when_the_gateway_stops_readers_are_told_and_the_audit_says_why(source: Source, tmp_path) -> None:
    async with running(tmp_path, source.settings()) as gateway:
        await live(gateway, source)
        nvr = await playing(gateway)
        ended = asyncio.create_task(end_of(nvr))
    await ended
    assert any(isinstance(packet, Bye) for packet in parse_rtcp(nvr.packets[1][-1]))
    (row,) = [e for e in await gateway.audit() if e.action == Action.LIVE_VIEW and e.outcome == Outcome.ENDED]
    assert row.detail["why"] == "the gateway stops"
