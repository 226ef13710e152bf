"""gateway.media.rtp: the header, and the order of sequence numbers."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.media.rtp import (
    Reorder,
    RtpError,
    RtpPacket,
    RtpReceiver,
    build_header,
    build_packets,
    build_rtp,
    parse_rtp,
)

MS = 1_000_000


def packet(sequence: int, *, ssrc: int = 7, payload: bytes = b"x") -> RtpPacket:
    return RtpPacket(sequence & 0xFFFF, 90 * sequence & 0xFFFFFFFF, False, 96, ssrc, payload)


def order(reorder: Reorder, sequences: list[int], *, step_ns: int = MS) -> list[int]:
    out = []
    for at, sequence in enumerate(sequences):
        out += [p.sequence for p, _ in reorder.push(packet(sequence), at * step_ns)]
    return out


# ---- the header


def test_a_plain_packet() -> None:
    data = bytes.fromhex("80e0 1234 00000bb8 cafebabe") + b"payload"
    assert parse_rtp(data) == RtpPacket(0x1234, 3000, True, 96, 0xCAFEBABE, b"payload")


def test_sources_extension_and_padding_are_no_payload() -> None:
    header = bytes.fromhex("b2 60 0001 00000002 00000003") + bytes(8)
    extension = bytes.fromhex("bede 0002") + bytes(8)
    assert parse_rtp(header + extension + b"media" + bytes([0, 0, 3])).payload == b"media"


@pytest.mark.parametrize("padding", [0, 200])
def test_a_padding_length_that_cannot_be_costs_no_payload(padding: int) -> None:
    data = bytes.fromhex("a0 60 0001 00000002 00000003") + b"abc" + bytes([padding])
    assert parse_rtp(data).payload == b"abc" + bytes([padding])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80" * 11,
        b"\x40" + bytes(11),
        b"\x8f" + bytes(20),
        b"\x90" + bytes(13),
        b"\x90" + bytes(13) + b"\xff\xff",
    ],
    ids=["empty", "short", "version 1", "sources missing", "extension missing", "extension too long"],
)
def test_what_is_no_packet_is_refused(data: bytes) -> None:
    with pytest.raises(RtpError):
        parse_rtp(data)


@given(st.binary(max_size=80))
def test_any_bytes_are_a_packet_or_refused(data: bytes) -> None:
    try:
        parsed = parse_rtp(data)
    except RtpError:
        return
    assert len(parsed.payload) <= len(data) - 12


@given(
    st.builds(
        RtpPacket,
        st.integers(0, 0xFFFF),
        st.integers(0, 0xFFFFFFFF),
        st.booleans(),
        st.integers(0, 127),
        st.integers(0, 0xFFFFFFFF),
        st.binary(max_size=50),
    )
)
def test_what_is_built_is_parsed(built: RtpPacket) -> None:
    assert parse_rtp(build_rtp(built)) == built
    assert parse_rtp(memoryview(build_rtp(built))) == built


# ---- the order


def test_packets_in_order_pass_through_the_wrap() -> None:
    reorder = Reorder()
    assert order(reorder, list(range(65530, 65545))) == [s & 0xFFFF for s in range(65530, 65545)]
    assert (reorder.received, reorder.lost, reorder.highest) == (15, 0, 0x10000 + 8)


def test_swapped_packets_are_put_in_order() -> None:
    reorder = Reorder()
    assert order(reorder, [1, 3, 2, 5, 6, 4, 7]) == [1, 2, 3, 4, 5, 6, 7]
    assert (reorder.lost, reorder.duplicates) == (0, 0)


def test_a_packet_that_never_comes_is_given_up_by_number_and_by_time() -> None:
    by_number = Reorder(window=3)
    assert order(by_number, [1, 3, 4, 5]) == [1]
    assert [p.sequence for p, _ in by_number.push(packet(6), 4 * MS)] == [3, 4, 5, 6]
    assert by_number.lost == 1

    by_time = Reorder(hold_ns=100 * MS)
    assert order(by_time, [1, 3], step_ns=MS) == [1]
    assert by_time.poll(100 * MS) == []
    assert [(p.sequence, at) for p, at in by_time.poll(102 * MS)] == [(3, MS)]
    assert by_time.lost == 1


def test_a_late_packet_and_a_second_copy_are_dropped() -> None:
    reorder = Reorder(window=0)
    assert order(reorder, [1, 3, 2, 3, 4]) == [1, 3, 4]
    assert (reorder.lost, reorder.duplicates) == (1, 2)


def test_a_camera_that_restarts_is_followed_from_its_first_packet() -> None:
    reorder = Reorder()
    order(reorder, [100, 101])
    assert reorder.push(packet(9000, ssrc=8), 0) == []
    assert [p.sequence for p, _ in reorder.push(packet(9001, ssrc=8), 0)] == [9000, 9001]
    assert [p.sequence for p, _ in reorder.push(packet(9002, ssrc=8), 0)] == [9002]
    assert (reorder.restarts, reorder.ssrc, reorder.lost, reorder.strays) == (1, 8, 0, 0)


def test_a_sequence_that_begins_anew_under_the_same_ssrc_is_a_restart() -> None:
    reorder = Reorder()
    order(reorder, [40000, 40001])
    assert order(reorder, [5, 6, 7]) == [5, 6, 7]
    assert (reorder.restarts, reorder.lost) == (1, 0)


def test_strays_disturb_nothing() -> None:
    reorder = Reorder()
    out = []
    for sequence in range(10):
        out += [p.sequence for p, _ in reorder.push(packet(sequence), 0)]
        assert reorder.push(packet(500 * sequence, ssrc=99), 0) == []
    assert out == list(range(10))
    assert (reorder.restarts, reorder.strays) == (0, 9)


def test_the_end_gives_out_what_is_held() -> None:
    reorder = Reorder()
    order(reorder, [1, 3, 5])
    assert [p.sequence for p, _ in reorder.flush()] == [3, 5]
    assert reorder.lost == 2


@settings(max_examples=60)
@given(st.integers(0, 0xFFFF), st.integers(0, 2**32), st.integers(0, 80))
def test_what_comes_out_ascends_and_everything_is_accounted_for(start: int, seed: int, loss: int) -> None:
    chance = random.Random(seed)
    sent = list(range(start, start + 300))
    arriving = [s for s in sent if s == start or chance.random() * 100 >= loss]
    arriving = [arriving[0], *sorted(arriving[1:], key=lambda s: s + chance.uniform(0, 8))]
    reorder = Reorder(window=16, hold_ns=10**12)
    out = order(reorder, arriving) + [p.sequence for p, _ in reorder.flush()]
    unwrapped = [start + ((s - start) & 0xFFFF) for s in out]
    assert unwrapped == sorted(set(unwrapped))
    assert reorder.received + reorder.duplicates == len(arriving)
    assert reorder.received + reorder.lost == unwrapped[-1] - start + 1


def test_a_receiver_takes_its_own_payload_type_in_order_and_counts_the_rest() -> None:
    receiver = RtpReceiver(96)
    good = [build_rtp(packet(sequence)) for sequence in (65534, 65535, 65536, 65538, 65537, 65539)]
    foreign = build_rtp(packet(65537)._replace(payload_type=97))
    padded = bytearray(build_rtp(packet(65540, payload=b"xy\0\0\3")))
    padded[0] |= 0x20
    arrivals = receiver.receive([*good[:3], foreign, b"short", *good[3:], bytes(padded)], 5)
    assert [(p.sequence, p.payload, at) for p, at in arrivals] == [
        *(((65534 + n) & 0xFFFF, b"x", 5) for n in range(6)),
        (4, b"xy", 5),
    ]
    assert (receiver.received, receiver.bytes, receiver.foreign, receiver.unreadable) == (7, 8, 1, 1)
    assert receiver.highest == 65540


@given(
    st.lists(st.integers(0, 2000) | st.sampled_from([65534, 65535, 65536]), max_size=60),
    st.integers(1, 7),
    st.sampled_from([0, 3, 64]),
)
@settings(max_examples=80)
def test_a_receiver_gives_what_parsing_and_ordering_one_by_one_gives(
    sequences: list[int], together: int, window: int
) -> None:
    """The short way of most packets and the long one are the same way."""
    receiver, reorder = RtpReceiver(96, window), Reorder(window)
    sent = [packet(sequence, ssrc=7 + (sequence % 50 == 0)) for sequence in sequences]
    for at in range(0, len(sent), together):
        batch = sent[at : at + together]
        expected = [arrival for one in batch for arrival in reorder.push(one, at)]
        assert receiver.receive([build_rtp(one) for one in batch], at) == expected
    assert receiver.flush() == reorder.flush()
    for counter in ("received", "lost", "duplicates", "strays", "restarts", "highest", "ssrc"):
        assert getattr(receiver, counter) == getattr(reorder, counter)


def test_the_packets_of_a_unit_are_numbered_on_and_the_last_is_marked() -> None:
    payloads = [b"one", b"two", b"three"]
    packets = build_packets(payloads, 96, 0xFFFF, 0xFFFFFFFF, 7)
    assert list(packets) == [
        build_header(96, 0xFFFF + i, 0xFFFFFFFF, 7, marker=i == 2) + payload for i, payload in enumerate(payloads)
    ]
