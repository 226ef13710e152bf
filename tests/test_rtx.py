"""What was lost comes again: as RTX where it was negotiated, byte for byte where not."""

from __future__ import annotations

from types import SimpleNamespace

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.media.rtp import RtpPacket, parse_rtp
from gateway.webrtc.outlet import RESENDS_PER_REPORT, Frame, Outlet
from gateway.webrtc.rtx import Retransmissions
from tests.plain_srtp import ANYWHERE, MemorySocket, PlainSrtp


class Wire:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.udp = MemorySocket()

    def send(self, datagram: bytes, _: object) -> None:
        self.sent.append(datagram)


def outlet(*, rtx: bool) -> tuple[Outlet, Wire]:
    wire = Wire()
    peer = SimpleNamespace(address=ANYWHERE, srtp=PlainSrtp(), port=wire)
    made = Outlet(
        peer, payload_type=96, clock_rate=90_000, cname="x", rtx=Retransmissions(97) if rtx else None, playout_delay=5
    )
    made.open()
    return made, wire


def send(outlet: Outlet, *payloads: bytes, ticks: int = 0) -> list[bytes]:
    return outlet.stream.seal(Frame.of(payloads), ticks)


def test_a_lost_packet_comes_as_rtx() -> None:
    stream, wire = outlet(rtx=True)
    sent = [*send(stream, b"first", b"second", ticks=7), *send(stream, b"third", ticks=3007)]
    packets = [parse_rtp(datagram) for datagram in sent]
    stream.resend([packets[1].sequence, packets[2].sequence, packets[1].sequence])
    again = [parse_rtp(datagram) for datagram in wire.sent]
    assert stream.rtx is not None
    assert {(packet.payload_type, packet.ssrc) for packet in again} == {(97, stream.rtx.ssrc)}
    assert stream.rtx.ssrc != stream.ssrc
    first = again[0].sequence
    assert [packet.sequence for packet in again] == [first, first + 1, first + 2], "counted for itself"
    assert [int.from_bytes(packet.payload[:2], "big") for packet in again] == [
        packets[1].sequence,
        packets[2].sequence,
        packets[1].sequence,
    ]
    assert [packet.payload[2:] for packet in again] == [b"second", b"third", b"second"]
    assert [packet.timestamp for packet in again] == [packets[1].timestamp, packets[2].timestamp, packets[1].timestamp]
    assert all(packet.marker for packet in again)
    assert stream.resent == 3


def test_without_rtx_a_lost_packet_comes_as_it_was() -> None:
    stream, wire = outlet(rtx=False)
    sent = send(stream, b"first", b"second")
    stream.resend([parse_rtp(sent[0]).sequence])
    assert wire.sent == sent[:1]


def test_nobody_gets_more_than_a_fair_share_of_resends() -> None:
    for rtx in (True, False):
        stream, wire = outlet(rtx=rtx)
        sequence = parse_rtp(send(stream, b"payload")[0]).sequence
        stream.resend([sequence] * (3 * RESENDS_PER_REPORT))
        assert len(wire.sent) == RESENDS_PER_REPORT


def test_what_came_before_a_new_beginning_is_not_sent_again() -> None:
    for rtx in (True, False):
        stream, wire = outlet(rtx=rtx)
        old = parse_rtp(send(stream, b"old")[0]).sequence
        stream.forget()
        new = parse_rtp(send(stream, b"new")[0]).sequence
        stream.resend([old, new])
        assert [parse_rtp(datagram).payload[-3:] for datagram in wire.sent] == [b"new"]
        for _ in range(40):
            for _ in range(1000):
                send(stream, b"more")
            wire.sent.clear()
            stream.resend([stream.next_sequence - 1 & 0xFFFF])
            assert len(wire.sent) == 1, "however many packets later"


@settings(max_examples=60)
@given(
    sequence=st.integers(0, 0xFFFF),
    timestamp=st.integers(0, 0xFFFFFFFF),
    payload=st.binary(max_size=1300),
    marker=st.booleans(),
)
def test_every_packet_can_be_read_back(sequence: int, timestamp: int, payload: bytes, marker: bool) -> None:
    stream = Retransmissions(120)
    first, second = (parse_rtp(stream.packet(sequence, timestamp, payload, marker=marker)) for _ in range(2))
    original = sequence.to_bytes(2, "big") + payload
    assert first == RtpPacket(first.sequence, timestamp, marker, 120, stream.ssrc, original)
    assert second == first._replace(sequence=first.sequence + 1)
