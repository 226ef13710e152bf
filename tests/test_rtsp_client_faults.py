"""Whatever goes wrong before the RTSP client plays says whose fault it is; what can be borne is borne."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

import pytest

from gateway.base.clock import ManualClock
from gateway.base.errors import CameraError, Fault
from gateway.media.model import Codec
from gateway.rtsp.client import RtspClient
from gateway.rtsp.protocol import Headers, Request, Response
from gateway.rtsp.sdp import TrackDescription
from tests.rtsp_client_rig import CLOCK, SHORT, Receiver, refusal, rtp
from tests.scripted_camera import ScriptedCamera, describe, frame, running


async def test_nothing_listens() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        camera = ScriptedCamera(port=closed.getsockname()[1])
        error = await refusal(camera)
    assert error.fault is Fault.UNREACHABLE
    assert f"Nothing listens on port {camera.port}" in error.reason


@pytest.mark.parametrize("url", ["http://10.1.2.3/", "rtsp://", "rtsp://h:0/", "rtsp://h:99999/", "rtsp://[x/", ""])
async def test_what_is_no_rtsp_url(url: str) -> None:
    with pytest.raises(CameraError) as caught:
        await RtspClient.open(url, clock=CLOCK)
    assert caught.value.fault is Fault.SETTINGS


@pytest.mark.parametrize("banner", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n", b"\x15\x03\x01\0\x02\x02F"])
async def test_what_answers_is_not_rtsp(banner: bytes) -> None:
    async with running(ScriptedCamera({"OPTIONS": [banner]})) as camera:
        error = await refusal(camera)
    assert error.fault is Fault.NOT_RTSP
    assert "does not speak RTSP" in error.reason


async def test_a_camera_that_closes_at_once() -> None:
    async with running(ScriptedCamera({"OPTIONS": [None]}, close_after="OPTIONS")) as camera:
        assert (await refusal(camera)).fault is Fault.ENDED


@pytest.mark.parametrize("method", ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"])
async def test_a_camera_that_falls_silent(method: str) -> None:
    async with running(ScriptedCamera({method: [None]})) as camera:
        error = await refusal(camera, timeouts=SHORT)
    assert error.fault is Fault.TIMEOUT
    assert f"does not answer {method}" in error.reason


async def test_time_is_the_clocks() -> None:
    clock = ManualClock()
    async with running(ScriptedCamera({"DESCRIBE": [b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nCont"]})) as camera:
        attempt = asyncio.ensure_future(refusal(camera, clock=clock))
        await camera.wait_for(lambda: "DESCRIBE" in camera.methods)
        while not clock.sleepers:
            await asyncio.sleep(0)
        clock.advance(9.9)
        await asyncio.sleep(0)
        assert not attempt.done()
        clock.advance(0.2)
        assert (await attempt).fault is Fault.TIMEOUT


@pytest.mark.parametrize(
    ("sdp", "fault", "says"),
    [
        (b"", Fault.BAD_SDP, "does not describe"),
        (b"<html>", Fault.BAD_SDP, "does not describe"),
        (b"v=0\r\ns=x\r\n", Fault.NO_VIDEO, "only nothing"),
        (b"v=0\r\nm=video 0 RTP/AVP 26\r\nm=audio 0 RTP/AVP 0\r\n", Fault.NO_VIDEO, "video (JPEG), audio (PCMU)"),
    ],
)
async def test_a_description_without_h264(sdp: bytes, fault: Fault, says: str) -> None:
    async with running(ScriptedCamera({"DESCRIBE": [describe(sdp)]})) as camera:
        error = await refusal(camera)
    assert error.fault is fault
    assert says in error.reason


@pytest.mark.parametrize(
    ("method", "status", "fault", "says"),
    [
        ("DESCRIBE", 404, Fault.REFUSED, "no stream under this URL"),
        ("DESCRIBE", 403, Fault.AUTHENTICATION, "forbids"),
        ("SETUP", 461, Fault.REFUSED, "set transport = udp"),
        ("SETUP", 453, Fault.REFUSED, "no further viewer"),
        ("PLAY", 500, Fault.REFUSED, "answers PLAY with 500 Internal Server Error"),
    ],
)
async def test_a_status_that_says_no(method: str, status: int, fault: Fault, says: str) -> None:
    async with running(ScriptedCamera({method: [Response(status)]})) as camera:
        error = await refusal(camera)
    assert error.fault is fault
    assert says in error.reason


async def test_a_track_that_is_not_video_may_be_refused() -> None:
    def check(request: Request) -> Response | None:
        return Response(404) if request.url.endswith("trackID=1") else None

    async with running(ScriptedCamera(check=check, media=frame(0, rtp(1)))) as camera:
        receiver = Receiver()
        async with await RtspClient.open(camera.url(), clock=CLOCK) as session:
            await session.play(receiver)
            await receiver.wait(1)
            assert session.refused == {1: "404 Not Found"}


async def test_the_caller_chooses_tracks_and_they_are_counted_anew() -> None:
    def choose(offered: Sequence[TrackDescription]) -> list[TrackDescription]:
        return [described for described in offered if described.track.codec is Codec.ONVIF_METADATA]

    async with running(ScriptedCamera(media=frame(0, b"x"))) as camera:
        receiver = Receiver()
        async with await RtspClient.open(camera.url(), clock=CLOCK, choose=choose) as session:
            assert [described.track.id for described in session.tracks] == [0]
            await session.play(receiver)
            await receiver.wait(1)
    assert camera.requests[2].url.endswith("trackID=1")


async def test_redirects_are_followed_a_few_times() -> None:
    async with running(ScriptedCamera()) as there:
        moved = Response(302, Headers.of({"Location": there.url("/there")}))
        async with running(ScriptedCamera({"DESCRIBE": [moved]})) as here:
            async with await RtspClient.open(here.url(), clock=CLOCK) as session:
                assert session.tracks
            assert there.requests[0].url == there.url("/there")
    async with running(ScriptedCamera()) as camera:
        camera.replies["DESCRIBE"] = [Response(301, Headers.of({"Location": camera.url("/x")}))]
        error = await refusal(camera)
        assert error.fault is Fault.REFUSED
        assert camera.methods.count("DESCRIBE") == 4
