"""The simulated cameras: what they send, how they are reached, and the faults they show on request."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Literal

import aiohttp
import av
import numpy as np
import pytest
import pytest_asyncio

from gateway.base.clock import SystemClock
from gateway.base.errors import CameraError
from gateway.hub import HubClosedError, Start
from gateway.media.h264 import join_annex_b
from gateway.media.model import NS, AccessUnit, Codec, TrackKind
from gateway.rtsp.client import RtspClient
from gateway.simulator import Simulation
from gateway.simulator.camera import SimulatedCamera
from gateway.simulator.encoder import Encoder, EncoderSettings
from gateway.simulator.scene import Scene
from gateway.simulator.sound import FRAME_SAMPLES
from onvif_protocol import metadata
from onvif_protocol.discovery import probe
from onvif_protocol.metadata import Carrier
from tests.rtsp_reader import RtspReader

T0 = 1_790_000_000 * NS

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def camera() -> AsyncIterator[SimulatedCamera]:
    async with Simulation(count=1, interfaces=("lo",), password="secret", width=320, height=180) as simulation:
        yield simulation.cameras[0]


async def collect(camera: SimulatedCamera, kind: TrackKind, count: int) -> list[AccessUnit]:
    units: list[AccessUnit] = []
    async with asyncio.timeout(30):
        with camera.hub.subscribe("test", start=Start.KEYFRAME) as subscription:
            async for item in subscription:
                if isinstance(item, AccessUnit) and item.track.kind is kind:
                    units.append(item)
                    if len(units) == count:
                        break
    return units


async def next_video(camera: SimulatedCamera, wanted: Callable[[AccessUnit], bool]) -> AccessUnit:
    """The first unit of video from now on that is wanted."""
    async with asyncio.timeout(30):
        with camera.hub.subscribe("test") as subscription:
            async for item in subscription:
                if isinstance(item, AccessUnit) and item.track.kind is TrackKind.VIDEO and wanted(item):
                    return item
    raise AssertionError("the camera ended")


async def test_films_hears_and_says_where_it_is(camera: SimulatedCamera) -> None:
    video, audio, said = await asyncio.gather(
        collect(camera, TrackKind.VIDEO, 30),
        collect(camera, TrackKind.AUDIO, 20),
        collect(camera, TrackKind.METADATA, 3),
    )
    assert video[0].is_keyframe
    decoder = av.VideoCodecContext.create("h264", "r")
    pictures = [f for u in video for f in decoder.decode(av.Packet(join_annex_b(u.nals)))] + decoder.decode(None)
    assert [(f.width, f.height) for f in pictures] == [(320, 180)] * 30
    drawn = Scene(camera.name, 0, width=320, height=180).picture(video[-1].utc_ns)[:180]
    assert np.abs(pictures[-1].to_ndarray()[:180].astype(int) - drawn).mean() < 8, "the picture of that moment"
    assert all(b.pts - a.pts == FRAME_SAMPLES for a, b in itertools.pairwise(audio))
    assert {len(u.nals[0]) for u in audio} == {FRAME_SAMPLES}
    placed = [(unit, one.positions) for unit in said if (one := metadata.parse(unit.nals[0])).positions]
    assert len(placed) == 2, "and one of its battery"
    for unit, (position,) in placed:
        expected = camera.walk.fix(unit.utc_ns)
        assert (position.lat, position.lon) == (expected.lat, expected.lon)
        assert position.speed_mps == expected.speed_mps
        assert position.course_deg == pytest.approx(expected.course_deg)
    span = (video[-1].utc_ns - video[0].utc_ns) / NS
    assert (video[-1].pts - video[0].pts) / 90_000 == pytest.approx(span, abs=0.05)


async def test_streams_by_rtsp_with_a_password(camera: SimulatedCamera) -> None:
    port = int(camera.rtsp_url.rpartition(":")[2].partition("/")[0])
    stranger = await RtspReader.connect(port, "live")
    assert (await stranger._send("DESCRIBE", stranger.url, {})).status == 401
    await stranger.close()
    reader = await RtspReader.connect(port, "live", f"{camera.username}:{camera.password}")
    description, *setups = await reader.set_up(0, 1, 2)
    assert [r.status for r in (description, *setups)] == [200] * 4
    assert b"sprop-parameter-sets=" in description.body
    assert (await reader.call("PLAY")).status == 200
    await asyncio.gather(reader.wait_for(0, 30))
    await reader.wait_for(4, 1)
    assert metadata.parse(reader.packets[4][0][12:]).positions
    await reader.close()


async def test_is_an_onvif_device(camera: SimulatedCamera) -> None:
    envelope = (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
        '<GetSystemDateAndTime xmlns="http://www.onvif.org/ver10/device/wsdl"/></s:Body></s:Envelope>'
    )
    digest = aiohttp.DigestAuthMiddleware(camera.username, camera.password)
    async with aiohttp.ClientSession() as session:
        async with session.post(camera.onvif_url, data=envelope) as answer:
            assert answer.status == 200
            assert "UTCDateTime" in await answer.text()
        ask = envelope.replace("GetSystemDateAndTime", "GetProfiles").replace("device/wsdl", "media/wsdl")
        media = camera.onvif_url.replace("device_service", "media_service")
        async with session.post(media, data=ask, middlewares=(digest,)) as answer:
            told = await answer.text()
            assert answer.status == 200, told
        for configuration in ("AudioOutputConfiguration", "AudioDecoderConfiguration"):
            assert f"<tt:{configuration} " in told
        snapshot = camera.onvif_url.partition("/onvif/")[0] + "/snapshot.jpg"
        async with session.get(snapshot) as answer:
            assert answer.status == 401
        async with session.get(snapshot, middlewares=(digest,)) as answer:
            assert answer.status == 200
            picture = await answer.read()
    (frame,) = av.VideoCodecContext.create("mjpeg", "r").decode(av.Packet(picture))
    assert (frame.width, frame.height) == (320, 180)


async def test_is_found_by_discovery(camera: SimulatedCamera) -> None:
    found = await probe(["lo"], 2.0, clock=SystemClock())
    (device,) = [device for device in found if camera.onvif_url in device.xaddrs]
    assert (device.name, device.hardware) == (camera.name, "Simulated body-worn camera")


class Taker:
    """Counts what an RtspClient brings."""

    def __init__(self) -> None:
        self.packets: Counter[int] = Counter()
        self.reports: Counter[int] = Counter()
        self.enough = asyncio.Event()

    def rtp(self, index: int, packets: list[bytes], /) -> None:
        self.packets[index] += len(packets)
        if self.packets[0] > 50 and self.packets[1] > 10 and self.packets[2] > 0 and len(self.reports) == 3:
            self.enough.set()

    def rtcp(self, index: int, packets: list[bytes], /) -> None:
        self.reports[index] += len(packets)

    def end(self, error: CameraError, /) -> None:
        raise AssertionError(error.reason)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_our_own_client_reads_it(camera: SimulatedCamera, transport: Literal["tcp", "udp"]) -> None:
    client = await RtspClient.open(
        camera.rtsp_url, username=camera.username, password=camera.password, transport=transport, clock=SystemClock()
    )
    async with client:
        assert [d.track.codec for d in client.tracks] == [Codec.H264, Codec.PCMU, Codec.ONVIF_METADATA]
        taker = Taker()
        await client.play(taker)
        async with asyncio.timeout(30):
            await taker.enough.wait()


async def test_holds_everything_back_and_lets_it_go_at_once(camera: SimulatedCamera) -> None:
    port = int(camera.rtsp_url.rpartition(":")[2].partition("/")[0])
    reader = await RtspReader.connect(port, "live", f"{camera.username}:{camera.password}")
    await reader.set_up(0)
    await reader.call("PLAY")
    await reader.wait_for(0, 1)
    with camera.hub.subscribe("test") as subscription:
        await camera.hold(1.0)
        items = subscription.take()
    held = [u for u in items if isinstance(u, AccessUnit) and u.track.kind is TrackKind.VIDEO]
    assert len(held) >= 5, "15 a second, fewer on a busy machine"
    assert len({u.received_ns for u in held}) == 1
    assert (held[-1].utc_ns - held[0].utc_ns) / NS > 0.3
    assert not reader.writer.is_closing()
    await reader.close()


async def test_vanishes_and_returns_at_the_same_address(camera: SimulatedCamera) -> None:
    url = camera.rtsp_url
    port = int(url.rpartition(":")[2].partition("/")[0])
    reader = await RtspReader.connect(port, "live", f"{camera.username}:{camera.password}")
    await reader.call("DESCRIBE")
    vanishing = asyncio.create_task(camera.vanish(1.0))
    while True:
        try:
            if not await reader.read():
                break
        except ConnectionError:
            break
    with pytest.raises(ConnectionRefusedError):
        await RtspReader.connect(port)
    await reader.close()
    await vanishing
    assert camera.rtsp_url == url
    again = await RtspReader.connect(port, "live", f"{camera.username}:{camera.password}")
    assert (await again.call("DESCRIBE")).status == 200
    await again.close()


async def test_its_clock_jumps_and_its_media_time_does_not(camera: SimulatedCamera) -> None:
    before = (await collect(camera, TrackKind.VIDEO, 1))[0]
    camera.jump_clock(3600)
    after = await next_video(camera, lambda unit: unit.utc_ns - before.utc_ns > 3000 * NS)
    assert (after.pts - before.pts) / 90_000 < 30
    assert camera.fix(after.utc_ns).lat == pytest.approx(camera.walk.fix(after.utc_ns - 3600 * NS).lat)


async def test_goes_on_without_video(camera: SimulatedCamera) -> None:
    camera.sends_video = False
    await asyncio.sleep(0)
    with camera.hub.subscribe("test") as subscription:
        kinds: list[TrackKind] = []
        async for item in subscription:
            if isinstance(item, AccessUnit):
                kinds.append(item.track.kind)
            if len(kinds) > 50:
                break
    camera.sends_video = True
    assert TrackKind.VIDEO not in kinds[25:], "what the encoder still held has come by then"


async def test_survives_the_death_of_its_encoder(camera: SimulatedCamera) -> None:
    encoder = camera._encoder
    assert encoder.pid is not None
    os.kill(encoder.pid, signal.SIGKILL)
    unit = await next_video(camera, lambda _: encoder.deaths == 1)
    assert unit.is_keyframe, "a new encoder begins with a keyframe"


async def test_several_cameras_are_told_apart() -> None:
    async with Simulation(count=4, width=320, height=180) as simulation:
        cameras = simulation.cameras
        assert [camera.id for camera in cameras] == ["unit-12", "unit-07", "unit-03", "unit-21"]
        assert len({camera.password for camera in cameras}) == 4
        assert len({camera.rtsp_url for camera in cameras}) == len({camera.onvif_url for camera in cameras}) == 4
        assert [camera.settings.carrier for camera in cameras] == [Carrier.MILESTONE] * 3 + [Carrier.EVENT]
        assert all(t.codec is not Codec.UNSUPPORTED for camera in cameras for t in camera.hub.tracks)
        subscription = cameras[0].hub.subscribe("test")
    while subscription.take():
        pass
    with pytest.raises(HubClosedError):
        await subscription.batch()


async def test_a_worker_that_is_away_costs_pictures_and_nothing_else() -> None:
    encoder = Encoder((EncoderSettings("x", 0),), lambda *_: None, SystemClock())
    assert not encoder.request(0, T0)
    assert encoder.skipped == 1
