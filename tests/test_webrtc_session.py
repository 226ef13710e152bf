"""Whole WHEP sessions on the loopback: aiortc as the viewer, real ICE, DTLS and SRTP."""

from __future__ import annotations

import asyncio
import gc
import socket
from dataclasses import replace
from ipaddress import ip_address

import pytest

from gateway.base.clock import ManualClock, SystemClock
from gateway.base.errors import BadRequestError, NotFoundError
from gateway.media.model import Codec, TrackKind
from gateway.media.rtcp import Nack, PictureLossIndication, ReceiverReport, build_rtcp
from gateway.viewing.viewer import Phase
from gateway.viewing.whep import FullError, NoCodecError, NotLiveError, Session
from gateway.webrtc import dtls, peer
from gateway.webrtc.dtls import Certificate, Dtls, DtlsError
from gateway.webrtc.port import own_addresses
from gateway.webrtc.srtp import SrtpContext, SrtpError, SrtpKeys
from tests.webrtc_samples import CHROMIUM_OFFER, AiortcViewer, encoded, video_track
from tests.whep_service import OWNER, camera, serving, until


async def test_a_viewer_that_is_not_ours_sees_and_hears() -> None:
    viewer = AiortcViewer("video", "audio")
    async with serving(SystemClock()) as service, camera(service.hub, with_sound=True):
        session = await service.watch(viewer)
        await until(lambda: viewer.received["video"] >= 20 and viewer.received["audio"] >= 5)
        assert viewer.picture is not None
        assert (viewer.picture.width, viewer.picture.height) == (320, 240)
        assert viewer.picture.to_ndarray(format="gray").max() > 200, "the bright bar is in the picture"
        assert service.anchors
        assert service.anchors[0][:2] == (OWNER, session.id)
        assert service.held == 1
        assert service.whep.viewers("cam") == 1
        await until(lambda: session.viewer.link.round_trip is not None)
        assert session.viewer.link.round_trip < 1
        await viewer.close()
        await until(lambda: not service.whep.sessions)
        assert service.counts == [1, 0]


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("family", [4, 6])
async def test_one_socket_serves_ipv4_and_ipv6(family: int) -> None:
    hosts = own_addresses(ipv6=True)
    others = [f" {host} " for host in hosts if ip_address(host).version != family]
    if len(others) == len(hosts):
        pytest.skip(f"this machine has no IPv{family} address")
    viewer = AiortcViewer("video")
    async with serving(SystemClock(), host="::") as service, camera(service.hub):
        session = await service.whep.create("cam", service.hub, await viewer.offer(), owner=OWNER)
        lines = session.answer.splitlines(keepends=True)
        answer = [line for line in lines if not (line.startswith("a=candidate") and any(ip in line for ip in others))]
        await viewer.accept("".join(answer))
        await until(lambda: viewer.received["video"] >= 10)
        address = session.peer.address
        assert isinstance(address, tuple)
        assert address[0].startswith("::ffff:") == (family == 4)
        await viewer.close()


async def test_strangers_disturb_nobody_and_delete_ends_only_ones_own() -> None:
    viewer = AiortcViewer("video")
    async with serving(SystemClock()) as service, camera(service.hub):
        session = await service.watch(viewer)
        await until(lambda: viewer.received["video"] >= 5)
        port = session.peer.port
        home = session.peer.address
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.connect(("127.0.0.1", port.address.port))
            for datagram in (b"", b"\x00", b"\x16" * 100, b"\x80" * 200, b"\x80\xc9" + bytes(60), b"\xff" * 1500):
                stranger.send(datagram)
        # From the viewer's own address, as if spoofed: DTLS and SRTCP that nobody signed.
        port._received(b"\x16\xfe\xfd" + b"\x00" * 60, home)
        port._received(b"\x15\xfe\xfd" + b"\x00" * 60, home)
        port._received(b"\x80\xc9" + b"\x01" * 60, home)
        port._received(b"\x80\xc9" + b"\x01" * 1900, home)
        seen = viewer.received["video"]
        await until(lambda: viewer.received["video"] >= seen + 10)
        assert session.peer.address == home
        assert sum(port.refused.values()) >= 4
        for id_, owner in ((session.id, b"somebody else"), ("unknown", OWNER)):
            with pytest.raises(NotFoundError):
                await service.whep.delete(id_, owner)
        await service.whep.delete(session.id, OWNER)
        assert service.whep.sessions == ()
        with pytest.raises(NotFoundError):
            await service.whep.delete(session.id, OWNER)
        await until(lambda: viewer.connection.connectionState in ("closed", "failed"))
        await viewer.close()


async def test_lost_packets_and_keyframes_can_be_asked_for() -> None:
    viewer = AiortcViewer("video")
    async with serving(SystemClock()) as service, camera(service.hub):
        session = await service.watch(viewer)
        # Who is still catching up needs no answer: a keyframe is on its way.
        await until(lambda: viewer.received["video"] >= 5 and session.viewer.phase is Phase.LIVE)
        outlet, transport = session.viewer.video, viewer.transport()
        sequence = (outlet.stream.next - 1) & 0xFFFF
        await transport._send_rtp(
            build_rtcp(
                ReceiverReport(1),
                Nack(1, outlet.ssrc, (sequence, (sequence + 30_000) & 0xFFFF)),
                Nack(1, 12345, (sequence,)),
                PictureLossIndication(1, outlet.ssrc),
            )
        )
        await until(lambda: outlet.resent and session.viewer.restarted > 0)
        assert outlet.resent == session.viewer.link.nacked - 1 == 1
        assert service.asked == [], "the ring's keyframe is fresh"
        seen = viewer.received["video"]
        await until(lambda: viewer.received["video"] >= seen + 10)
        await viewer.close()


async def test_a_viewer_that_vanishes_is_reaped() -> None:
    clock = ManualClock()
    viewer = AiortcViewer("video")
    async with serving(clock, encoded(60, 30)[0].track) as service:
        session = await service.watch(viewer)
        await until(lambda: session.peer.srtp is not None)
        await until(lambda: viewer.connection.connectionState == "connected")
        clock.advance(peer.CONSENT_SECONDS - 1)
        await asyncio.sleep(0)
        assert service.whep.sessions == (session,)
        clock.advance(1.5)
        await until(lambda: not service.whep.sessions)
        await viewer.close()


async def test_a_viewer_that_never_comes_is_reaped() -> None:
    clock = ManualClock()
    async with serving(clock, video_track()) as service:
        await service.whep.create("cam", service.hub, CHROMIUM_OFFER, owner=OWNER)
        await until(lambda: clock.sleepers)
        clock.advance(peer.CONNECT_SECONDS + 1)
        await until(lambda: not service.whep.sessions)


async def test_sessions_end_with_the_camera() -> None:
    async with serving(ManualClock(), video_track()) as service:
        await service.whep.create("cam", service.hub, CHROMIUM_OFFER, owner=OWNER)
        await service.whep.create("cam", service.hub, CHROMIUM_OFFER, owner=OWNER)
        assert service.hub.readers == ("viewing",)
        service.hub.close()
        await until(lambda: not service.whep.sessions)
        assert service.hub.readers == ()


async def test_who_cannot_be_served_is_told_why_and_leaves_no_trace() -> None:
    async with serving(ManualClock(), max_sessions=1) as service:

        async def create(offer: str) -> Session:
            return await service.whep.create("cam", service.hub, offer, owner=OWNER, hold=service.hold)

        with pytest.raises(NotLiveError, match="not live yet"):
            await create(CHROMIUM_OFFER)
        service.hub.open((replace(video_track(codec=Codec.UNSUPPORTED), name="JPEG"),))
        with pytest.raises(NoCodecError, match="sends JPEG"):
            await create(CHROMIUM_OFFER)
        service.hub.open((video_track(),))
        with pytest.raises(BadRequestError):
            await create("no SDP")
        assert service.counts == []
        await create(CHROMIUM_OFFER)
        with pytest.raises(FullError, match="watching already"):
            await create(CHROMIUM_OFFER)


async def test_sessions_leave_nothing_behind() -> None:
    async with serving(ManualClock(), video_track(), max_sessions=100) as service:
        before = len(asyncio.all_tasks())
        for _ in range(50):
            session = await service.whep.create("cam", service.hub, CHROMIUM_OFFER, owner=OWNER)
            await service.whep.delete(session.id, OWNER)
        await until(lambda: len(asyncio.all_tasks()) == before)
        del session
        gc.collect()
        assert not [thing for thing in gc.get_objects() if type(thing) in (Session, peer.Peer, Dtls)]


# ---- the adapter


async def shake_hands(client_certificate: Certificate, expected: str) -> tuple[Dtls, asyncio.Task[None], object]:
    """A gateway and an aiortc client, joined by function calls."""
    from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport

    ours = Certificate()
    link = dtls._Link(lambda data: server.receive(data))  # noqa: PLW0108 - the server is made below
    client = RTCDtlsTransport(link, [client_certificate.rtc])
    client._set_role("client")
    server = Dtls(ours, (("sha-256", expected),), link.receive)
    start = asyncio.create_task(client.start(RTCDtlsParameters([RTCDtlsFingerprint("sha-256", ours.fingerprint)])))
    return server, start, client


async def test_both_sides_have_the_same_keys_and_the_cheapest_cipher() -> None:
    certificate = Certificate()
    server, start, client = await shake_hands(certificate, certificate.fingerprint.lower())
    keys = await server.handshake()
    await start
    assert keys.profile == "SRTP_AEAD_AES_128_GCM"
    assert (len(keys.send), len(keys.receive)) == (28, 28)
    context = SrtpContext(keys)
    rtp = b"\x80\x60\x00\x01" + bytes(8) + b"payload"
    protected = context.protect(rtp)
    assert context.protect(rtp) == protected, "sent again, the bytes are the same"
    assert client._rx_srtp.unprotect(protected) == rtp
    report = build_rtcp(ReceiverReport(7))
    assert context.unprotect_rtcp(client._tx_srtp.protect_rtcp(report)) == report
    for bad in (b"", protected, report, bytes(3000)):
        with pytest.raises(SrtpError):
            context.unprotect_rtcp(bad)
    await client.stop()
    await asyncio.wait_for(server.closed(), 20)
    await server.close()
    await server.close()


async def test_a_certificate_that_the_offer_does_not_name_is_refused() -> None:
    server, start, client = await shake_hands(Certificate(), Certificate().fingerprint)
    with pytest.raises(DtlsError):
        await server.handshake()
    await server.close()
    await asyncio.wait_for(start, 20)
    await client.stop()


async def test_a_handshake_that_was_given_up_fails() -> None:
    server = Dtls(Certificate(), (("sha-256", "AB"),), lambda data: None)
    handshake = asyncio.create_task(server.handshake())
    await asyncio.sleep(0)
    server.give_up()
    with pytest.raises(DtlsError):
        await handshake
    await server.close()


async def test_a_flood_before_the_handshake_is_bounded() -> None:
    server = Dtls(Certificate(), (("sha-256", "AB"),), lambda data: None)
    for _ in range(dtls.MAX_QUEUED + 5):
        server.receive(b"\x16")
    assert server.dropped == 5
    server.give_up()
    with pytest.raises(DtlsError):
        await server.handshake()
    await server.close()


def test_fallback_cipher_protects_too() -> None:
    keys = SrtpKeys("SRTP_AES128_CM_SHA1_80", dtls.SRTP_PROFILES[-1].libsrtp_profile, bytes(30), bytes(30))
    packet = b"\x80\x60\x00\x01" + bytes(8) + b"payload"
    assert len(SrtpContext(keys).protect(packet)) == len(packet) + 10


def test_video_is_what_the_samples_say() -> None:
    units = encoded(60, 30)
    assert [index for index, unit in enumerate(units) if unit.is_keyframe] == [0, 30]
    assert units[0].track.kind is TrackKind.VIDEO
