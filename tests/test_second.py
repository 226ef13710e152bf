"""A camera's second stream, fetched while somebody needs it: from an ONVIF device and an RTSP server that are real."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.base.clock import SystemClock
from gateway.base.errors import CameraError
from gateway.base.metrics import REGISTRY
from gateway.base.settings import CameraSettings
from gateway.base.workers import Threads
from gateway.hub import Hub, Start
from gateway.ingest.camera import CameraSource, IngestParts
from gateway.ingest.fleet import Fleet
from gateway.ingest.registry import Configured, Origin
from gateway.ingest.second import second_stream
from gateway.media.model import AccessUnit, Codec, TrackKind
from gateway.media.rtcp import ReceiverReport, ReportBlock, build_rtcp
from gateway.rtsp.mount import Mount
from gateway.rtsp.presentation import Client, Presentation
from gateway.rtsp.server import Server
from onvif_protocol.camera import Wsdls
from onvif_protocol.device import host_of
from onvif_protocol.device_model import MediaProfile, Transport
from tests.onvif_device_model import MAIN, SMALL, ExampleModel, make_device
from tests.onvif_http import device_handler, serving
from tests.running import running as running_gateway
from tests.webrtc_samples import AiortcViewer, audio_track, encoded

WSDLS = Wsdls()
"""Read once: that takes half a second each time."""


class TwoStreams(ExampleModel):
    """A camera with a large and a small stream, which both are the clip of the samples."""

    def __init__(self, *profiles: MediaProfile) -> None:
        super().__init__(profiles)
        self.clock = SystemClock()
        self.hubs = {profile.token: Hub(profile.token) for profile in profiles}
        self.port = 0
        self.watched: list[str] = []
        self.mounts = {token: self._mount(hub) for token, hub in self.hubs.items()}

    def _mount(self, hub: Hub) -> Mount:
        subscribe = lambda: hub.subscribe("rtsp", start=Start.KEYFRAME)  # noqa: E731
        return Mount(hub.camera_id, lambda: hub.tracks, subscribe, self.clock)

    def stream_uri(self, profile: MediaProfile, transport: Transport, base_url: str, user: str) -> str | None:
        return f"rtsp://{host_of(base_url)}:{self.port}/{profile.token}"

    async def find(self, path: str, client: Client) -> Presentation | None:
        self.watched.append(path)
        return self.mounts.get(path)

    async def film(self) -> None:
        while True:
            for unit in encoded(60, 30):
                for hub in self.hubs.values():
                    hub.publish(unit)
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def listening(model: TwoStreams) -> AsyncIterator[CameraSettings]:
    """How a gateway reaches that camera, which films."""
    server = Server(model.find, model.clock)
    model.port = await server.listen("127.0.0.1", 0)
    for hub in model.hubs.values():
        hub.open((encoded(60, 30)[0].track, audio_track(Codec.PCMU)))
    film = asyncio.create_task(model.film())
    try:
        async with serving(device_handler(make_device(model, clock=model.clock))) as url:
            yield CameraSettings.model_validate({"id": "cam", "onvif": url, "username": "op", "password": "secret"})
    finally:
        film.cancel()
        await asyncio.gather(film, return_exceptions=True)
        for mount in model.mounts.values():
            await mount.close()
        await server.close()


@contextlib.asynccontextmanager
async def running(model: TwoStreams) -> AsyncIterator[tuple[Fleet, IngestParts]]:
    """A fleet with that camera, live."""
    threads = Threads("xml", 1)
    parts = IngestParts(model.clock, WSDLS, threads)
    async with listening(model) as settings:
        fleet = Fleet(lambda camera: CameraSource(camera, parts), model.clock)
        fleet.apply([Configured(settings, Origin.FILE)])
        try:
            assert await fleet.camera("cam").live(20), fleet.camera("cam").reason
            yield fleet, parts
        finally:
            await fleet.stop_sources()
            fleet.close_hubs()
            threads.close()


async def test_the_second_profile_is_fetched_and_let_go() -> None:
    model = TwoStreams(SMALL, MAIN)
    async with running(model) as (fleet, parts):
        assert model.watched[-1] == "main"
        second = second_stream(fleet.camera("cam"), parts)
        assert second is not None
        run = asyncio.create_task(second.run())
        pictures = []
        async with asyncio.timeout(20):
            async for item in second.hub.subscribe("test", start=Start.OLDEST):
                if isinstance(item, AccessUnit):
                    pictures.append(item)
                if len(pictures) == 40:
                    break
        assert model.watched[-1] == "small"
        assert {unit.track.kind for unit in pictures} == {TrackKind.VIDEO}
        assert pictures[0].is_keyframe
        assert second.request_keyframe()
        async with asyncio.timeout(20):
            while "small" not in model.keyframes:
                await asyncio.sleep(0.01)
        assert "main" not in model.keyframes
        run.cancel()
        await asyncio.wait({run})
        assert second.hub.closed
        counted = REGISTRY.get_sample_value("sightline_camera_units_total", {"camera": "cam/second", "kind": "video"})
        assert counted is not None, "apart from the camera's own"
        assert counted >= 40


async def test_a_viewer_whose_link_is_too_small_sees_it(tmp_path: Path) -> None:
    model = TwoStreams(SMALL, MAIN)
    viewer = AiortcViewer("video")
    async with listening(model) as settings, running_gateway(tmp_path, settings) as gateway:
        await gateway.camera("cam")
        client = gateway.client()
        headers = client.headers | {"Content-Type": "application/sdp"}
        offer = await viewer.offer()
        status, answer, response = await client.call("POST", "/api/cameras/cam/whep", data=offer, headers=headers)
        assert status == 201
        await viewer.accept(answer.decode())
        found = re.search(rb"a=ssrc:(\d+)", answer)
        assert found is not None
        ssrc, quality = int(found[1]), "original"
        async with asyncio.timeout(20):
            while viewer.received["video"] < 60:
                await asyncio.sleep(0.02)
            while quality == "original":
                first, highest = viewer.sequences(ssrc)
                block = ReportBlock(ssrc, 0, round(0.6 * (highest - first)), highest)
                await viewer.transport()._send_rtp(build_rtcp(ReceiverReport(1, (block,))))
                ((quality, trouble),) = [
                    (seen["quality"], seen["trouble"])
                    for seen in (await client.get("/api/cameras/cam/viewers"))["viewers"]
                ]
                await asyncio.sleep(0.05)
            seen = viewer.received["video"]
            while viewer.received["video"] < seen + 20:
                await asyncio.sleep(0.02)
        assert (quality, trouble) == ("second", "slow link")
        assert model.watched[-1] == "small"
        await client.call("DELETE", response.headers["Location"])
        await viewer.close()


async def test_a_viewer_that_shows_it_small_sees_it_until_it_shows_it_large(tmp_path: Path) -> None:
    model = TwoStreams(SMALL, MAIN)
    viewer = AiortcViewer("video")
    async with listening(model) as settings, running_gateway(tmp_path, settings) as gateway:
        await gateway.camera("cam")
        client = gateway.client()
        headers = client.headers | {"Content-Type": "application/sdp"}
        offer = await viewer.offer()
        path = "/api/cameras/cam/whep"
        for wrong in (f"{path}?size=huge", f"{path}?size="):
            status, problem, _ = await client.call("POST", wrong, data=offer, headers=headers)
            assert (status, problem["pointer"]) == (400, "/size")
        _, answer, response = await client.call("POST", f"{path}?size=small", data=offer, headers=headers)
        await viewer.accept(answer.decode())
        session = response.headers["Location"]

        async def until_it_sees(quality: str) -> None:
            async with asyncio.timeout(20):
                while True:
                    viewers = (await client.get("/api/cameras/cam/viewers"))["viewers"]
                    if [(seen["quality"], seen["trouble"]) for seen in viewers] == [(quality, None)]:
                        break
                    await asyncio.sleep(0.05)
                seen = viewer.received["video"]
                while viewer.received["video"] < seen + 20:
                    await asyncio.sleep(0.02)

        await until_it_sees("second")
        assert model.watched[-1] == "small"
        assert (await client.call("PATCH", session, json={"size": "huge"}))[0] == 400
        assert (await client.call("PATCH", session, json={"size": "full"}))[0] == 204
        await until_it_sees("original")
        assert (await client.call("PATCH", session, json={"size": "small"}))[0] == 204
        await until_it_sees("second")
        await client.call("DELETE", session)
        await viewer.close()


async def test_it_ends_with_the_reason() -> None:
    model = TwoStreams(SMALL, MAIN)
    async with running(model) as (fleet, parts):
        second = second_stream(fleet.camera("cam"), parts)
        assert second is not None
        del model.mounts["small"]
        with pytest.raises(CameraError):
            await second.run()
        assert second.hub.closed


async def test_who_has_none_says_so() -> None:
    model = TwoStreams(MAIN)
    async with running(model) as (fleet, parts):
        camera = fleet.camera("cam")
        assert second_stream(camera, parts) is None
        await fleet.stop_sources()
        assert second_stream(camera, parts) is None, "nor one that is away"
