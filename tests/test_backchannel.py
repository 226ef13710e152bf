"""The RTSP backchannel: what descriptions say of it, and sound on its way from our client to our server."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.base.clock import SystemClock
from gateway.media.g711 import SAMPLES, convert
from gateway.media.model import Codec
from gateway.media.rtp import RtpPacket, build_rtp
from gateway.rtsp.backchannel import NoBackchannelError, back_media, back_tracks, choose_law
from gateway.rtsp.client import RtspClient
from gateway.rtsp.presentation import Back
from gateway.rtsp.sdp import SessionDescription, tracks
from tests.rtsp_stage import Stage, until

BASE = "rtsp://camera/live/"
ONVIF_EXAMPLE = b"""v=0
o=- 0 0 IN IP4 0.0.0.0
s=Streaming
m=video 0 RTP/AVP 26
a=control:rtsp://192.168.0.1/video
a=recvonly
m=audio 0 RTP/AVP 0
a=control:rtsp://192.168.0.1/audio
a=recvonly
m=audio 0 RTP/AVP 0
a=control:rtsp://192.168.0.1/audioback
a=rtpmap:0 PCMU/8000
a=sendonly
"""
"""ONVIF Streaming Specification 5.3.2.1, its own example."""


def both(body: bytes):
    description = SessionDescription.parse(body)
    return tracks(description, BASE), back_tracks(description, BASE)


def test_the_specifications_own_example() -> None:
    sent, back = both(ONVIF_EXAMPLE)
    assert [track.control for track in sent] == ["rtsp://192.168.0.1/video", "rtsp://192.168.0.1/audio"]
    assert [(track.control, track.payload_type, track.track.codec) for track in back] == [
        ("rtsp://192.168.0.1/audioback", 0, Codec.PCMU)
    ]


@pytest.mark.parametrize(
    ("lines", "laws"),
    [
        ("m=audio 0 RTP/AVP 8 0\na=sendonly\n", [(8, Codec.PCMA), (0, Codec.PCMU)]),
        ("m=audio 0 RTP/AVP 97 0\na=rtpmap:97 mpeg4-generic/16000\na=sendonly\n", [(0, Codec.PCMU)]),
        ("m=audio 0 RTP/AVP 104\na=rtpmap:104 pcma/8000/1\na=sendonly\n", [(104, Codec.PCMA)]),
        ("m=audio 0 RTP/AVP 104\na=rtpmap:104 PCMA/16000\na=sendonly\n", []),
        ("m=audio 0 RTP/AVP 0\na=rtpmap:0 PCMU/8000/2\na=sendonly\n", []),
        ("m=audio 0 RTP/AVP 0\na=recvonly\n", []),
        ("m=video 0 RTP/AVP 0\na=sendonly\n", []),
    ],
)
def test_what_a_camera_can_be_sent(lines: str, laws: list[tuple[int, Codec]]) -> None:
    _, back = both(b"v=0\n" + lines.encode())
    assert [(track.payload_type, track.track.codec) for track in back] == laws


def test_the_law_that_both_have_is_chosen_and_otherwise_the_cameras() -> None:
    _, back = both(b"v=0\nm=audio 0 RTP/AVP 8 0\na=sendonly\n")
    assert choose_law(back, (Codec.PCMU, Codec.PCMA)).payload_type == 0
    assert choose_law(back[:1], (Codec.PCMU,)).payload_type == 8
    with pytest.raises(NoBackchannelError, match=r"no G\.711"):
        choose_law((), (Codec.PCMU,))


def test_what_the_server_describes_the_client_reads() -> None:
    media = back_media(7, (Codec.PCMA, Codec.PCMU))
    body = SessionDescription(media=(media,)).encode()
    _, back = both(body)
    assert [(track.payload_type, track.control) for track in back] == [(8, BASE + "trackID=7"), (0, BASE + "trackID=7")]


@settings(max_examples=100)
@given(st.text(alphabet="maudio=sendonlyrtpPCMU/80 :\n\r0189AVc\0é-", max_size=300))
def test_no_description_breaks_it(text: str) -> None:
    description = SessionDescription.parse(b"v=0\nm=audio 0 RTP/AVP 0 8\na=sendonly\n" + text.encode())
    for track in back_tracks(description, BASE):
        assert track.track.codec in SAMPLES


def test_one_law_in_the_other_is_nearly_the_same_sound() -> None:
    for source, target in ((Codec.PCMU, Codec.PCMA), (Codec.PCMA, Codec.PCMU)):
        codes = bytes(range(256))
        for code, other in zip(codes, convert(codes, source, target), strict=True):
            before, after = SAMPLES[source][code], SAMPLES[target][other]
            assert abs(before - after) <= max(8, abs(before) // 32)
            assert before * after >= 0
        assert convert(codes, source, source) == codes


# ---- client and server


class _Receiver:
    def rtp(self, index: int, packets: list[bytes]) -> None: ...

    def rtcp(self, index: int, packets: list[bytes]) -> None: ...

    def end(self, error: Exception) -> None: ...


class Hearing(Stage):
    """A stage that hears."""

    def __init__(self, codecs: tuple[Codec, ...]) -> None:
        super().__init__(SystemClock(), {"op": "secret"})
        self.heard: list[bytes] = []
        self.mount = type(self.mount)(
            "cam",
            lambda: self.hub.tracks,
            lambda: self.hub.subscribe("r"),
            SystemClock(),
            back=Back(9, codecs, self.heard.extend) if codecs else None,
        )


async def opened(port: int, transport: Literal["tcp", "udp"]) -> RtspClient:
    return await RtspClient.open(
        f"rtsp://127.0.0.1:{port}/cam",
        username="op",
        password="secret",
        transport=transport,
        clock=SystemClock(),
        choose=lambda offered: [choose_law(offered, (Codec.PCMU,))],
        backchannel=True,
    )


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_sound_reaches_the_server(transport: Literal["tcp", "udp"]) -> None:
    stage = Hearing((Codec.PCMA, Codec.PCMU))
    port = await stage.server.listen("127.0.0.1")
    sent = [build_rtp(RtpPacket(n, n * 160, n == 0, 0, 42, bytes([n]) * 160)) for n in range(5)]
    try:
        async with await opened(port, transport) as session:
            await session.play(_Receiver())
            assert session.tracks[0].payload_type == 0
            assert all(session.send(packet) for packet in sent)
            assert session.send_report(b"\x80\xc9\0\1\0\0\0\x2a")
            await until(lambda: len(stage.heard) == 5)
            assert stage.heard == sent
        assert not session.send(sent[0]), "closed"
        await until(lambda: not stage.server.sessions)
    finally:
        await stage.server.close()
        await stage.mount.close()


async def test_a_server_without_one_answers_551_and_plays_on_for_others() -> None:
    stage = Hearing(())
    port = await stage.server.listen("127.0.0.1")
    try:
        with pytest.raises(NoBackchannelError, match="551"):
            await opened(port, "tcp")
        async with await RtspClient.open(
            f"rtsp://127.0.0.1:{port}/cam", username="op", password="secret", clock=SystemClock()
        ) as session:
            assert len(session.tracks) == 3
    finally:
        await stage.server.close()
        await stage.mount.close()


async def test_who_does_not_ask_for_it_neither_sees_it_nor_may_set_it_up() -> None:
    stage = Hearing((Codec.PCMU,))
    port = await stage.server.listen("127.0.0.1")
    try:
        async with await RtspClient.open(
            f"rtsp://127.0.0.1:{port}/cam", username="op", password="secret", clock=SystemClock()
        ) as session:
            assert [described.track.id for described in session.tracks] == [0, 1, 2]
            described = session.tracks[0]
            response = await session._ask(
                "SETUP", described.control.replace("trackID=0", "trackID=9"), ("Transport", "RTP/AVP/TCP;unicast")
            )
            assert response.status == 404
    finally:
        await stage.server.close()
        await stage.mount.close()
