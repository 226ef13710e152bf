"""The RTSP client against a scripted camera: recorded replies, logging in, every fault, keep-alive, both transports."""

from __future__ import annotations

import asyncio
import datetime
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.base.clock import ManualClock, SystemClock
from gateway.base.errors import CameraError, Fault
from gateway.media.model import Codec
from gateway.media.rtcp import ReceiverReport, parse_rtcp
from gateway.media.rtp import build_header
from gateway.rtsp.auth import ServerAuthentication
from gateway.rtsp.client import RtspClient, Timeouts
from gateway.rtsp.headers import Pair, RtpInfo, Transport
from gateway.rtsp.protocol import Headers, Request, Response
from gateway.rtsp.sdp import TrackDescription
from tests.data import shared
from tests.scripted_camera import ScriptedCamera, describe, frame, running

CLOCK = SystemClock()
SHORT = Timeouts(connect=0.2, reply=0.05, teardown=0.05)


def rtp(sequence: int, ssrc: int = 7) -> bytes:
    return build_header(96, sequence, 0, ssrc) + b"payload"


class Receiver:
    def __init__(self) -> None:
        self.got: list[tuple[str, int, bytes]] = []
        self.errors: list[CameraError] = []
        self.changed = asyncio.Event()

    def rtp(self, index: int, packets: list[bytes]) -> None:
        self.got += [("rtp", index, packet) for packet in packets]
        self.changed.set()

    def rtcp(self, index: int, packets: list[bytes]) -> None:
        self.got += [("rtcp", index, packet) for packet in packets]
        self.changed.set()

    def end(self, error: CameraError) -> None:
        self.errors.append(error)

    async def wait(self, count: int) -> None:
        while len(self.got) < count:
            self.changed.clear()
            await self.changed.wait()


async def settle() -> None:
    """Let everything happen that needs no time to pass."""
    for _ in range(20):
        await asyncio.sleep(0)


@asynccontextmanager
async def opened(
    camera: ScriptedCamera, clock: ManualClock | SystemClock = CLOCK, **options: Any
) -> AsyncIterator[RtspClient]:
    """A session with `camera`, which runs as long."""
    async with running(camera), await RtspClient.open(camera.url(), clock=clock, **options) as session:
        yield session


async def refusal(camera: ScriptedCamera, *, clock: ManualClock | SystemClock = CLOCK, **options: Any) -> CameraError:
    """The error that opening and playing gives."""
    receiver = Receiver()

    async def attempt() -> None:
        async with await RtspClient.open(camera.url(), clock=clock, **options) as session:
            await session.play(receiver)
            await session.wait_closed()

    with pytest.raises(CameraError) as caught:
        await attempt()
    assert caught.value.reason.endswith(".")
    assert str(camera.port) in caught.value.where
    assert "secret" not in repr(caught.value) + caught.value.where + caught.value.reason
    assert receiver.errors in ([], [caught.value])
    return caught.value


def digest(camera: ScriptedCamera, password: str = "secret", *, basic_only: bool = False) -> None:
    """Make `camera` want a password."""
    authentication = ServerAuthentication("cam", {"op": password}.get, allow_basic=basic_only)

    def check(request: Request) -> Response | None:
        verdict = authentication.verify(request.method, request.headers.get("Authorization"), 0.0)
        if verdict.username is not None or request.method == "OPTIONS":
            return None
        fields = authentication.challenges(0.0, stale=verdict.stale)
        return Response(401, Headers.of([("WWW-Authenticate", f) for f in fields if not basic_only or f[0] == "B"]))

    camera.check = check


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


# ---- logging in


@pytest.mark.parametrize("in_url", [False, True])
async def test_digest(in_url: bool) -> None:
    camera = ScriptedCamera(media=frame(0, rtp(1)))
    digest(camera)
    async with running(camera):
        url = camera.url().replace("//", "//op:s%65cret@") if in_url else camera.url()
        receiver = Receiver()
        credentials = {} if in_url else {"username": "op", "password": "secret"}
        async with await RtspClient.open(url, clock=CLOCK, **credentials) as session:  # type: ignore[arg-type]
            await session.play(receiver)
            await receiver.wait(1)
            assert "secret" not in repr(session) + session.where
    assert camera.methods == ["OPTIONS", "DESCRIBE", "DESCRIBE", "SETUP", "SETUP", "PLAY", "TEARDOWN"]
    assert all("algorithm=SHA-256" in request.headers.get("Authorization") for request in camera.requests[2:])
    assert all("op" not in request.url for request in camera.requests)


@pytest.mark.parametrize(
    ("username", "password", "says"),
    [("op", "secret!", "refused the user name or the password"), ("", "", "none is set for it")],
)
async def test_a_wrong_password(username: str, password: str, says: str) -> None:
    camera = ScriptedCamera()
    digest(camera)
    async with running(camera):
        error = await refusal(camera, username=username, password=password)
    assert error.fault is Fault.AUTHENTICATION
    assert says in error.reason
    assert camera.methods.count("DESCRIBE") <= 2


async def test_a_password_goes_in_clear_text_only_where_that_is_allowed() -> None:
    camera = ScriptedCamera()
    digest(camera, basic_only=True)
    async with running(camera):
        error = await refusal(camera, username="op", password="secret")
        assert error.fault is Fault.AUTHENTICATION
        assert "Basic" in error.reason
        assert not any("Authorization" in request.headers for request in camera.requests)
        async with await RtspClient.open(
            camera.url(), username="op", password="secret", clock=CLOCK, allow_basic=True
        ) as session:
            assert len(session.tracks) == 2


async def test_a_nonce_that_is_always_stale_is_given_up() -> None:
    stale = Response(401, Headers.of({"WWW-Authenticate": 'Digest realm="r", nonce="n", stale=true'}))
    async with running(ScriptedCamera({"DESCRIBE": [stale]})) as camera:
        error = await refusal(camera, username="op", password="secret")
    assert error.fault is Fault.AUTHENTICATION
    assert camera.methods.count("DESCRIBE") == 4


# ---- what can go wrong on the way there


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


# ---- UDP and TLS


def _udp_setup(server_ports: Pair, source: str = "") -> Response:
    value = Transport(False, client_port=(1, 2), server_port=server_ports, source=source).encode()
    return Response(200, Headers.of({"Session": "1", "Transport": value}))


async def test_udp_takes_packets_from_the_camera_alone() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as theirs,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as foreign,
    ):
        theirs.bind(("127.0.0.1", 0))
        foreign.bind(("127.0.0.2", 0))
        theirs.setblocking(False)
        port = theirs.getsockname()[1]
        async with running(ScriptedCamera({"SETUP": [_udp_setup((port, port))]})) as camera:
            receiver = Receiver()
            async with await RtspClient.open(camera.url(), transport="udp", clock=CLOCK) as session:
                await session.play(receiver)
                offers = [Transport.parse(r.headers.get("Transport")) for r in camera.requests if r.method == "SETUP"]
                (first,), (second,) = offers
                assert first.client_port is not None
                assert second.client_port is not None
                assert first.client_port[0] % 2 == 0
                assert len(await asyncio.get_running_loop().sock_recv(theirs, 100)) == 12
                foreign.sendto(rtp(0), ("127.0.0.1", first.client_port[0]))
                theirs.sendto(rtp(1), ("127.0.0.1", first.client_port[0]))
                theirs.sendto(b"sr", ("127.0.0.1", second.client_port[1]))
                await receiver.wait(2)
                assert session.foreign_packets == 1
    assert sorted(receiver.got) == [("rtcp", 1, b"sr"), ("rtp", 0, rtp(1))]


@pytest.mark.parametrize(
    ("setup", "says"),
    [
        (Response(461), "set transport = tcp"),
        (Response(200, Headers.of({"Transport": "RTP/AVP/TCP;interleaved=0-1"})), "not offered"),
        (Response(200, Headers.of({"Transport": "RTP/AVP;multicast;client_port=5000"})), "not offered"),
    ],
)
async def test_a_camera_that_does_not_send_by_udp(setup: Response, says: str) -> None:
    async with running(ScriptedCamera({"SETUP": [setup]})) as camera:
        error = await refusal(camera, transport="udp")
    assert error.fault is Fault.REFUSED
    assert says in error.reason


async def test_rtsps_carries_its_media_within() -> None:
    with pytest.raises(CameraError, match="transport = tcp"):
        await RtspClient.open("rtsps://127.0.0.1/", transport="udp", clock=CLOCK)


async def test_a_port_that_does_not_speak_tls() -> None:
    async with running(ScriptedCamera()) as camera:
        with pytest.raises(CameraError, match="does not speak TLS") as caught:
            await RtspClient.open(camera.url().replace("rtsp:", "rtsps:"), clock=CLOCK)
    assert caught.value.fault is Fault.TLS


@pytest.fixture(scope="module")
def self_signed(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """What a camera with a certificate of its own making listens with."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "camera")])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "camera.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


async def test_rtsps_with_a_certificate_of_the_cameras_own_making(self_signed: ssl.SSLContext) -> None:
    camera = ScriptedCamera(media=frame(0, rtp(1)))
    digest(camera, basic_only=True)
    async with running(camera, self_signed):
        url = camera.url().replace("rtsp:", "rtsps:")
        with pytest.raises(CameraError, match="tls_verify = false") as caught:
            await RtspClient.open(url, clock=CLOCK)
        assert caught.value.fault is Fault.TLS
        receiver = Receiver()
        async with await RtspClient.open(
            url, username="op", password="secret", clock=CLOCK, tls_verify=False
        ) as session:
            await session.play(receiver)
            await receiver.wait(1)
    assert camera.requests[2].headers.get("Authorization").startswith("Basic ")
