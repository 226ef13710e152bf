"""The RTSP client in a session with a scripted camera: recorded replies, media, keep-alive, how it ends."""

from __future__ import annotations

import asyncio

import pytest

from gateway.base.clock import ManualClock
from gateway.base.errors import CameraError, Fault
from gateway.media.model import Codec
from gateway.media.rtcp import ReceiverReport, parse_rtcp
from gateway.rtsp.client import RtspClient
from gateway.rtsp.headers import RtpInfo, Transport
from gateway.rtsp.protocol import Headers, Response
from tests.data import shared
from tests.rtsp_client_rig import CLOCK, Receiver, opened, refusal, rtp, settle
from tests.scripted_camera import ScriptedCamera, frame, running


async def test_a_session_from_beginning_to_end() -> None:
    media = frame(0, rtp(1)) + frame(1, b"rtcp") + frame(9, b"stray") + frame(2, b"xml") + frame(3, b"sr")
    async with running(ScriptedCamera(media=media)) as camera:
        receiver = Receiver()
        async with await RtspClient.open(camera.url(), clock=CLOCK) as session:
            assert [described.track.codec for described in session.tracks] == [Codec.H264, Codec.ONVIF_METADATA]
            assert (session.peer_ip, session.local_ip) == ("127.0.0.1", "127.0.0.1")
            await session.play(receiver)
            await receiver.wait(4)
            assert session.foreign_packets == 1
        await session.wait_closed()
    assert receiver.got == [("rtp", 0, rtp(1)), ("rtcp", 0, b"rtcp"), ("rtp", 1, b"xml"), ("rtcp", 1, b"sr")]
    assert receiver.errors == []
    assert camera.methods == ["OPTIONS", "DESCRIBE", "SETUP", "SETUP", "PLAY", "TEARDOWN"]
    assert [request.headers.get("CSeq") for request in camera.requests] == list("123456")
    assert [request.headers.get("Session") for request in camera.requests] == ["", "", "", "S1", "S1", "S1"]
    assert camera.requests[2].url == camera.url() + "/trackID=0"
    assert Transport.parse(camera.requests[3].headers.get("Transport"))[0].interleaved == (2, 3)


@pytest.mark.parametrize(
    ("maker", "describe_name", "codecs", "hints"),
    [
        (
            "dahua", "dahua_describe_h264_aac_onvif", [Codec.H264, Codec.AAC, Codec.ONVIF_METADATA],
            [(47121, 3475222385), (45186, 2234446919), (36583, 816418535)],
        ),
        ("hikvision", "hikvision_describe", [Codec.H264, Codec.ONVIF_METADATA], [(24104, 1270711678)]),
        ("reolink", "reolink_describe", [Codec.H264, Codec.AAC], [(16852, 1070938629), (39409, 3075976528)]),
        ("bunny", "bunny_describe", [Codec.AAC, Codec.H264], [(1, 0), (1, 0)]),
    ],
)  # fmt: skip
async def test_recorded_replies_of_real_cameras(
    maker: str, describe_name: str, codecs: list[Codec], hints: list[tuple[int, int]]
) -> None:
    def recorded(name: str) -> bytes:
        return shared(f"rtsp/{name}.txt").read_bytes()

    setup = recorded(f"{maker}_setup")
    replies = {
        "DESCRIBE": [recorded(describe_name)],
        "SETUP": [setup.replace(b"=0-1", b"=%d-%d" % (2 * n, 2 * n + 1)) for n in range(len(codecs))],
        "PLAY": [recorded(f"{maker}_play")],
        "TEARDOWN": [recorded("reolink_teardown")],
    }
    async with running(ScriptedCamera(dict(replies), media=frame(2, rtp(1)))) as camera:  # type: ignore[arg-type]
        receiver = Receiver()
        async with await RtspClient.open(camera.url(), clock=CLOCK) as session:
            await session.play(receiver)
            await receiver.wait(1)
            assert [described.track.codec for described in session.tracks] == codecs
            found = [session.rtp_info.get(index, RtpInfo("")) for index in range(len(hints))]
            assert [(info.sequence, info.timestamp) for info in found] == hints
    assert receiver.got == [("rtp", 1, rtp(1))]


async def test_a_camera_without_cseq_session_or_transport_in_its_answers() -> None:
    replies = {"SETUP": [b"rtsp/1.0 200 OK\r\n\r\n".upper()], "PLAY": [b"RTSP/1.0 200 OK\n\n"]}
    async with running(ScriptedCamera(replies, media=frame(0, rtp(1)))) as camera:  # type: ignore[arg-type]
        receiver = Receiver()
        async with await RtspClient.open(camera.url(), clock=CLOCK) as session:
            await session.play(receiver)
            await receiver.wait(1)
    assert "Session" not in camera.requests[-1].headers


async def test_the_cameras_own_choice_of_channels_counts() -> None:
    setups = [
        Response(200, Headers.of({"Session": "1", "Transport": f"RTP/AVP/TCP;unicast;interleaved={channels}"}))
        for channels in ("10-11", "0-1")
    ]
    media = frame(0, b"metadata") + frame(10, rtp(1))
    async with running(ScriptedCamera({"SETUP": list(setups)}, media=media)) as camera:
        receiver = Receiver()
        async with await RtspClient.open(camera.url(), clock=CLOCK) as session:
            await session.play(receiver)
            await receiver.wait(2)
    assert receiver.got == [("rtp", 1, b"metadata"), ("rtp", 0, rtp(1))]


async def test_two_tracks_on_one_channel_are_refused() -> None:
    setup = Response(200, Headers.of({"Session": "1", "Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"}))
    async with running(ScriptedCamera({"SETUP": [setup]})) as camera:
        assert (await refusal(camera)).fault is Fault.BAD_STREAM


# ---- while it plays


async def test_a_truncated_stream() -> None:
    async with running(ScriptedCamera(media=frame(0, rtp(1)) + frame(0, rtp(2))[:9], close_after="PLAY")) as camera:
        error = await refusal(camera)
    assert error.fault is Fault.ENDED
    assert "in the middle of a message" in error.reason


async def test_junk_is_passed_over_and_endless_junk_ends_the_session() -> None:
    async with running(ScriptedCamera(media=frame(0, rtp(1)) + b"junk" + frame(0, rtp(2)))) as camera:
        receiver = Receiver()
        async with await RtspClient.open(camera.url(), clock=CLOCK) as session:
            await session.play(receiver)
            await receiver.wait(2)
            assert session.skipped_bytes == 4
    async with running(ScriptedCamera(media=bytes(300_000))) as camera:
        assert (await refusal(camera)).fault is Fault.BAD_STREAM


async def test_what_ends_a_session_reaches_the_receiver_once() -> None:
    async with running(ScriptedCamera()) as camera:
        receiver = Receiver()
        async with await RtspClient.open(camera.url(), clock=CLOCK) as session:
            await session.play(receiver)
            assert camera.writer is not None
            camera.writer.write(b"OPTIONS * RTSP/1.0\r\nCSeq: 5\r\n\r\nANNOUNCE * RTSP/1.0\r\n\r\n")
            await camera.wait_for(lambda: bool(camera.responses))
            assert camera.responses[0].startswith(b"RTSP/1.0 200 OK\r\nCSeq: 5\r\n\r\nRTSP/1.0 501 ")
            camera.writer.write(b"TEARDOWN * RTSP/1.0\r\nCSeq: 6\r\n\r\n" + frame(0, rtp(1)))
            with pytest.raises(CameraError) as caught:
                await session.wait_closed()
            assert caught.value.fault is Fault.ENDED
    assert receiver.errors == [caught.value]
    assert receiver.got == []


async def test_a_receiver_may_end_the_session() -> None:
    class Fed(Receiver):
        def rtp(self, index: int, packets: list[bytes]) -> None:
            raise CameraError(Fault.BAD_STREAM, "Enough.")

    async with opened(ScriptedCamera(media=frame(0, rtp(1)))) as session:
        await session.play(Fed())
        with pytest.raises(CameraError, match="Enough"):
            await session.wait_closed()


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        ({}, ["GET_PARAMETER", "GET_PARAMETER"]),
        ({"OPTIONS": [Response(200, Headers.of({"Public": "DESCRIBE"}))]}, ["OPTIONS", "OPTIONS"]),
        ({"GET_PARAMETER": [Response(501)]}, ["GET_PARAMETER", "OPTIONS"]),
    ],
)
async def test_the_session_is_kept_alive_at_half_its_timeout(
    replies: dict[str, list[Response]], expected: list[str]
) -> None:
    clock = ManualClock()
    camera = ScriptedCamera(dict(replies))  # type: ignore[arg-type]
    async with opened(camera, clock) as session:
        await session.play(Receiver())
        asked, sent_at = len(camera.requests), []
        for half_seconds in range(43):
            await settle()
            while len(camera.requests) > asked + len(sent_at):
                sent_at.append(half_seconds / 2)
            clock.advance(0.5)
        assert sent_at == [10, 20]
        assert camera.methods[asked:] == expected
        assert camera.requests[-1].headers.get("Session") == "S1"


async def test_a_forgotten_session_ends() -> None:
    clock = ManualClock()
    async with opened(ScriptedCamera({"GET_PARAMETER": [Response(454)]}), clock) as session:
        await session.play(Receiver())
        while clock.sleepers < 2:
            await asyncio.sleep(0)
        clock.advance(10)
        with pytest.raises(CameraError, match="forgotten"):
            await session.wait_closed()


async def test_a_keep_alive_without_an_answer_does_not_end_the_session() -> None:
    clock = ManualClock()
    camera = ScriptedCamera({"GET_PARAMETER": [None, Response(200)]})
    async with opened(camera, clock) as session:
        await session.play(Receiver())
        while camera.methods.count("GET_PARAMETER") < 2:
            clock.advance(1)
            await settle()


async def test_receiver_reports_count_what_was_lost() -> None:
    clock = ManualClock()
    async with running(ScriptedCamera(media=frame(0, rtp(65530)))) as camera:
        receiver = Receiver()
        async with await RtspClient.open(camera.url(), clock=clock) as session:
            await session.play(receiver)
            await receiver.wait(1)
            for arrived in (rtp(1), rtp(2)):
                while clock.sleepers < 2:
                    await asyncio.sleep(0)
                clock.advance(5)
                reports = len(camera.packets)
                await camera.wait_for(lambda reports=reports: len(camera.packets) >= reports + 2)  # type: ignore[misc]
                assert camera.writer is not None
                camera.writer.write(frame(0, arrived))
                count = len(receiver.got)
                await receiver.wait(count + 1)
            while clock.sleepers < 2:
                await asyncio.sleep(0)
            clock.advance(5)
            await camera.wait_for(lambda: len(camera.packets) >= 6)
    blocks = []
    for channel, packet in camera.packets:
        report = parse_rtcp(packet)[0]
        assert isinstance(report, ReceiverReport)
        assert channel == 1 or not report.blocks
        blocks += report.blocks
    assert [block.highest_sequence for block in blocks] == [65530, 65537, 65538]
    assert [block.lost for block in blocks] == [0, 6, 6]
    assert [block.fraction_lost for block in blocks] == [0, 6 * 256 // 7, 0]
