"""What NVRs get of live cameras by RTSP, from a whole gateway: which tracks, how soon, and when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio

from gateway.access.audit import Action, Outcome
from gateway.base.clock import SystemClock
from gateway.base.settings import CameraSettings
from gateway.hub import Hub, Start
from gateway.media.model import (
    NS,
    AccessUnit,
    AudioParameters,
    Codec,
    MetadataParameters,
    TimeSource,
    Track,
    TrackKind,
)
from gateway.media.rtcp import SenderReport, ntp_to_utc_ns, parse_rtcp
from gateway.media.rtp import parse_rtp
from gateway.rtsp.mount import Mount
from gateway.rtsp.presentation import Client
from gateway.rtsp.sdp import SessionDescription
from gateway.rtsp.server import Server
from onvif_protocol.metadata import Carrier, Position, event_document
from tests.accounts import PASSWORD
from tests.media_samples import VIDEO as H264
from tests.rtsp_reader import RtspReader
from tests.running import Running, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

VIDEO = Track(0, TrackKind.VIDEO, Codec.H264, 90_000, H264.parameters)
AUDIO = Track(1, TrackKind.AUDIO, Codec.PCMU, 8000, AudioParameters())
METADATA = Track(2, TrackKind.METADATA, Codec.ONVIF_METADATA, 90_000, MetadataParameters())
LOGIN = f"nvr:{PASSWORD}"
CLOCK = SystemClock()


@dataclass
class Source:
    """A camera whose units a test publishes one by one."""

    hub: Hub = field(default_factory=lambda: Hub("source"))
    tracks: tuple[Track, ...] = (VIDEO, AUDIO, METADATA)
    port: int = 0
    server: Server | None = None
    mount: Mount | None = None
    n: int = 0

    async def start(self) -> None:
        self.hub.open(self.tracks)
        self.mount = mount = Mount("source", lambda: self.hub.tracks, self._subscribe, CLOCK)

        async def find(_path: str, _client: Client) -> Mount:
            return mount

        self.server = Server(find, CLOCK)
        self.port = await self.server.listen("127.0.0.1", self.port)

    async def stop(self) -> None:
        assert self.server is not None
        assert self.mount is not None
        await self.server.close()
        await self.mount.close()

    def settings(self, camera_id: str = "cam", **more: object) -> CameraSettings:
        values = {"id": camera_id, "url": f"rtsp://127.0.0.1:{self.port}/source", "record": False}
        return CameraSettings.model_validate(values | more)

    def publish(self, track: Track = VIDEO, data: bytes = b"", *, key: bool = False) -> AccessUnit:
        self.n += 1
        if track.kind is TrackKind.VIDEO:
            data = bytes((0x65 if key else 0x41, 0x80)) + self.n.to_bytes(4, "big") + b"\xaa" * 3000
        now = CLOCK.utc_ns()
        pts = now * track.clock_rate // NS
        keyframe = key or track.kind is not TrackKind.VIDEO
        unit = AccessUnit(track, pts, pts, now, TimeSource.RTCP, now, (data,), keyframe, len(data))
        self.hub.publish(unit)
        return unit

    def _subscribe(self):
        return self.hub.subscribe("rtsp", start=Start.KEYFRAME)


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


async def live(gateway: Running, source: Source, camera_id: str = "cam") -> None:
    """Publish keyframes until the gateway has one."""
    async with asyncio.timeout(20):
        while not await gateway.fleet.camera(camera_id).live(0.05):
            source.publish(key=True)


async def reader(gateway: Running, path: str = "cam", login: str = LOGIN) -> RtspReader:
    return await RtspReader.connect(gateway.rtsp_port, path, login=login)


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
