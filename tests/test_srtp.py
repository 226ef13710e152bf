"""What is encrypted here can be read by libsrtp, which is not ours."""

from __future__ import annotations

import pylibsrtp
import pytest
from aiortc.rtcdtlstransport import SRTP_PROFILES
from pylibsrtp import Policy, Session

from gateway.media.rtp import parse_rtp
from gateway.webrtc.kernel import Frame, fastest, twin
from gateway.webrtc.srtp import SrtpContext, SrtpError, SrtpKeys

EXTENSION = b"\xbe\xde\x00\x01\x52\x00\x00\x00"
EVERY_PROFILE = pytest.mark.parametrize("profile", SRTP_PROFILES, ids=lambda p: p.openssl_profile.decode())


def agreed(profile) -> tuple[SrtpContext, Session]:
    """Our side, and a receiver with the same keys."""
    size = profile.key_length + profile.salt_length
    send, receive = bytes(range(1, size + 1)), bytes(range(101, 101 + size))
    context = SrtpContext(SrtpKeys(profile.openssl_profile.decode(), profile.libsrtp_profile, send, receive))
    policy = Policy(key=send, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=profile.libsrtp_profile)
    return context, Session(policy)


@EVERY_PROFILE
def test_libsrtp_reads_what_is_sent(profile) -> None:
    context, receiver = agreed(profile)
    stream = context.stream(1234, 96, 65_500, 7, EXTENSION)
    payloads = [bytes([part]) * (100 + part) for part in range(50)]
    sealed = [packet for part in range(0, 50, 10) for packet in stream.seal(Frame.of(payloads[part : part + 10]), 3000)]
    read = [parse_rtp(receiver.unprotect(packet)) for packet in sealed]
    assert [packet.payload for packet in read] == payloads, "across the roll-over of the sequence number, too"
    assert [packet.sequence for packet in read] == [(65_500 + index) & 0xFFFF for index in range(50)]
    assert {packet.timestamp for packet in read} == {3007}
    assert [packet.marker for packet in read] == [index % 10 == 9 for index in range(50)]


@EVERY_PROFILE
def test_a_packet_sent_again_is_the_same(profile) -> None:
    context, _ = agreed(profile)
    stream = context.stream(1234, 96, 65_530, 7, b"")
    sent = stream.seal(Frame.of([bytes(100)] * 20), 1) + stream.seal(Frame.of([bytes(200)] * 20), 2)
    assert [stream.again((65_530 + index) & 0xFFFF) for index in range(40)] == sent
    assert stream.again(10_000) is None


@EVERY_PROFILE
def test_a_damaged_packet_is_refused(profile) -> None:
    context, receiver = agreed(profile)
    packet = bytearray(context.stream(1234, 96, 1, 7, EXTENSION).seal(Frame.of([b"payload"]), 1)[0])
    packet[5] ^= 1  # the timestamp: in the clear, but authenticated
    with pytest.raises(pylibsrtp.Error):
        receiver.unprotect(bytes(packet))


def test_the_kernel_encrypts_where_it_can() -> None:
    kinds = {p.openssl_profile: type(agreed(p)[0].stream(1, 96, 1, 1, b"")) for p in SRTP_PROFILES}
    assert kinds == {
        b"SRTP_AEAD_AES_256_GCM": fastest.Stream,
        b"SRTP_AEAD_AES_128_GCM": fastest.Stream,
        b"SRTP_AES128_CM_SHA1_80": twin.Stream,
    }


def test_what_libsrtp_has_forgotten_is_not_sent_again() -> None:
    context, _ = agreed(SRTP_PROFILES[-1])
    stream = context.stream(1234, 96, 0, 7, b"")
    for _ in range(4):
        stream.seal(Frame.of([bytes(10)] * 400), 1)
    with pytest.raises(SrtpError):
        stream.again(0)
    assert stream.again(1500) is not None
