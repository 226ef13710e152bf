"""What is said, from the browser's packets to the camera's: order, lateness, numbers, and the law of G.711."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.media.g711 import convert
from gateway.media.model import NS, Codec
from gateway.media.rtcp import SenderReport, parse_rtcp
from gateway.media.rtp import RtpPacket, build_rtp, parse_rtp
from gateway.viewing.speech import Speech

MS = NS // 1000


def packet(number: int, *, timestamp: int | None = None, ssrc: int = 7, kind: int = 0) -> bytes:
    stamp = (0xFFFFFF00 + number * 160 if timestamp is None else timestamp) & 0xFFFFFFFF
    return build_rtp(RtpPacket((65530 + number) & 0xFFFF, stamp, False, kind, ssrc, bytes([number & 0xFF]) * 160))


def speech(heard: Codec = Codec.PCMU) -> Speech:
    return Speech(0, Codec.PCMU, 8 if heard is Codec.PCMA else 0, heard)


def test_packets_go_on_with_numbers_of_our_own() -> None:
    said = speech()
    made = [parse_rtp(data) for n in range(10) for data in said.push(packet(n), n * 20 * MS)]
    assert [p.payload[0] for p in made] == list(range(10))
    assert {(p.sequence - made[0].sequence) & 0xFFFF for p in made} == set(range(10))
    assert [(p.timestamp - made[0].timestamp) & 0xFFFFFFFF for p in made] == [n * 160 for n in range(10)]
    assert {p.ssrc for p in made} == {said.ssrc}
    assert [p.marker for p in made] == [True] + [False] * 9
    assert (said.packets, said.octets, said.lost) == (10, 1600, 0)
    (report, _) = parse_rtcp(said.report(200 * MS))
    assert isinstance(report, SenderReport)
    assert (report.packets, report.octets) == (10, 1600)


def test_the_other_law_is_converted() -> None:
    (made,) = speech(Codec.PCMA).push(packet(3), 0)
    assert parse_rtp(made).payload_type == 8
    assert parse_rtp(made).payload == convert(bytes([3]) * 160, Codec.PCMU, Codec.PCMA)


def test_overtaken_packets_are_put_in_order_and_lost_ones_leave_their_time() -> None:
    said = speech()
    made = [parse_rtp(d) for n in (0, 2, 1, 3, 5, 6, 7, 8, 9, 10) for d in said.push(packet(n), n * 20 * MS)]
    assert [p.payload[0] for p in made] == [0, 1, 2, 3, 5, 6, 7, 8, 9, 10]
    assert made[4].timestamp - made[3].timestamp & 0xFFFFFFFF == 320
    assert said.lost == 1


def test_what_was_held_up_is_dropped_and_nothing_waits() -> None:
    """A second without a network, and then all of it at once: only what is not old is heard."""
    said = speech()
    for n in range(50):
        assert said.push(packet(n), n * 20 * MS)
    burst = [made for n in range(50, 100) for made in said.push(packet(n), 100 * 20 * MS)]
    assert 15 <= len(burst) <= 25
    assert said.dropped["late"] == 50 - len(burst)
    assert parse_rtp(burst[0]).marker
    assert said.push(packet(100), 100 * 20 * MS)


def test_a_way_that_has_become_longer_is_got_used_to() -> None:
    said = speech()
    for n in range(50):
        said.push(packet(n), n * 20 * MS)
    made = [bool(said.push(packet(n), (n * 20 + 700) * MS)) for n in range(50, 150)]
    assert not any(made[:50])
    assert all(made[52:])


def test_timestamps_that_begin_anew_are_a_pause() -> None:
    said = speech()
    (first,) = said.push(packet(0), 0)
    (second,) = said.push(packet(1, timestamp=5_000_000), 500 * MS)
    assert parse_rtp(second).timestamp - parse_rtp(first).timestamp & 0xFFFFFFFF == 4000


def test_what_is_no_speech_is_counted() -> None:
    said = speech()
    assert said.push(b"\x80", 0) == []
    assert said.push(packet(1, kind=111), 0) == []
    assert said.push(build_rtp(RtpPacket(1, 1, False, 0, 7, b"")), 0) == []
    assert said.push(build_rtp(RtpPacket(1, 1, False, 0, 7, bytes(2000))), 0) == []
    assert (said.dropped["unreadable"], said.dropped["foreign"]) == (1, 3)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.binary(max_size=40), st.integers(0, 3000)), max_size=60))
def test_nothing_a_speaker_sends_breaks_it(packets: list[tuple[bytes, int]]) -> None:
    said, now = speech(), 0
    for data, pause in packets:
        now += pause * MS
        for made in said.push(b"\x80\x00" + data, now):
            assert parse_rtp(made).ssrc == said.ssrc
