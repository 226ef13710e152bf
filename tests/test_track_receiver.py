"""gateway.media.track_receiver and the kernel below it: the short cut gives what the long way gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.media import kernel
from gateway.media.h264_rtp import packetize
from gateway.media.kernel import twin
from gateway.media.model import NS, AccessUnit, Codec, Gap, GapReason, Track, TrackKind, VideoParameters
from gateway.media.rtp import RtpPacket, build_rtp
from gateway.media.track_receiver import MAX_WAITING, TrackReceiver
from tests.rtp_samples import T0, packets
from tests.test_h264 import HIKVISION, PPS
from tests.test_h264_rtp import DELIMITER, IDR, IDR_REST, P_REST, RECOVERY_POINT, SEI, P, fu_a, stap_a

TRACK = Track(0, TrackKind.VIDEO, Codec.H264, 90000, VideoParameters(HIKVISION, (PPS,), width=1920, height=1080))
LONG = IDR + bytes(range(256)) * 20
PICTURES = ([P], [P, P_REST], [DELIMITER, *fu_a(P, 3)], [HIKVISION, PPS, *fu_a(LONG, 6), IDR_REST], [SEI, *fu_a(P, 2)])
ODD = (
    [stap_a(HIKVISION, PPS), IDR], [P, DELIMITER], [IDR, HIKVISION, PPS, IDR_REST], [IDR, SEI, IDR], [P_REST], [b""],
    [b"\x41"], [DELIMITER], [*fu_a(P, 3)[:2]], [P, P], [P, b"\x0c\xff"], [b"\x1f\0\0", P], [SEI + b"\0\0\1" + P],
    [fu_a(P, 3)[1]], [*fu_a(LONG, 4)[:3], P_REST], [b"\x7c\xc1\x9a\x01"], [RECOVERY_POINT, P],
)  # fmt: skip


@pytest.fixture(params=["compiled", "twin"])
def loops(request) -> ModuleType:
    if request.param == "twin":
        return twin
    if not kernel.COMPILED:
        pytest.skip("no C compiler built gateway/media/kernel/_receive.c here")
    return kernel


def run(stream: Sequence[RtpPacket], reads: Sequence[int], *, reorders: bool = False, plain: bool = False):
    """All items and the counters; each read brings so many packets, 10 ms after the one before."""
    receiver = TrackReceiver(TRACK, 96, reorders=reorders)
    if plain:
        receiver._h264 = None  # the long way for every packet
    items: list[AccessUnit | Gap] = []
    data = [build_rtp(packet) for packet in stream]
    at, now, sizes = 0, T0, list(reads)
    while at < len(data):
        size = sizes.pop(0) if sizes else len(data)
        items += receiver.receive(data[at : at + size], now)
        at, now = at + size, now + NS // 100
    items += receiver.flush()
    made, counted = receiver.depacketizer, receiver.packets
    return items, (
        made.lost, made.dropped_units, made.dropped_bytes, made.malformed, made.unsupported,
        counted.received, counted.bytes, counted.lost, counted.duplicates, counted.strays, counted.restarts,
    )  # fmt: skip


def test_plain_pictures_come_whole_whatever_the_reads() -> None:
    stream = packets([*PICTURES] * 4)
    expected, _ = run(stream, [1] * len(stream), plain=True)
    assert len(expected) == len(PICTURES) * 4
    for size in (1, 2, 3, 7, 1000):
        items, counters = run(stream, [size] * len(stream))
        assert [(u.nals, u.pts, u.is_keyframe, u.size) for u in items] == [
            (u.nals, u.pts, u.is_keyframe, u.size) for u in expected
        ]
        assert counters[5:7] == (len(stream), sum(len(packet.payload) for packet in stream))


def test_a_picture_that_came_in_two_reads_is_received_with_its_last_packet() -> None:
    stream, reads = packets([[P], [P], fu_a(LONG, 4)]), [1, 1, 2, 2]
    items, _ = run(stream, reads)
    assert items == run(stream, reads, plain=True)[0]
    assert items[2].received_ns - T0 == 3 * NS // 100


def test_a_picture_of_very_many_packets_is_taken_all_the_same() -> None:
    many = packets([[P], [P], fu_a(IDR + bytes(MAX_WAITING * 4), MAX_WAITING * 2), [P]])
    items, _ = run(many, [10] * len(many))
    assert [len(item.nals[0]) for item in items][2] == len(IDR) + MAX_WAITING * 4


def test_lost_packets_cost_their_picture_and_say_so() -> None:
    stream = packets([[P], [P], fu_a(LONG, 6), [P], [P]])
    del stream[4]
    items, counters = run(stream, [3] * 10)
    assert [type(item) for item in items] == [AccessUnit, AccessUnit, Gap, AccessUnit, AccessUnit]
    assert (items[2].reason, items[2].packets, counters[0]) == (GapReason.LOSS, 1, 1)


def test_what_waits_for_its_rest_is_incomplete_when_the_stream_ends() -> None:
    items, counters = run(packets([[P], [P], fu_a(LONG, 4)])[:-1], [1, 1, 3])
    assert len(items) == 2
    assert counters[1] == 1


pieces = st.lists(
    st.one_of(st.sampled_from(PICTURES), st.sampled_from(PICTURES), st.sampled_from(ODD)), min_size=1, max_size=12
)
faults = st.lists(
    st.tuples(st.sampled_from(["drop", "twice", "swap", "ssrc", "type", "unmarked", "marked"]), st.integers(0, 60)),
    max_size=3,
)


def spoil(stream: list[RtpPacket], wanted: Sequence[tuple[str, int]]) -> list[RtpPacket]:
    for fault, place in wanted:
        at = place % len(stream)
        packet = stream[at]
        if fault == "drop" and len(stream) > 1:
            del stream[at]
        elif fault == "twice":
            stream.insert(at, packet)
        elif fault == "swap" and at:
            stream[at - 1], stream[at] = packet, stream[at - 1]
        elif fault == "ssrc":
            stream[at] = packet._replace(ssrc=9)
        elif fault == "type":
            stream[at] = packet._replace(payload_type=97)
        elif fault in {"marked", "unmarked"}:
            stream[at] = packet._replace(marker=fault == "marked")
    return stream


@settings(max_examples=300, deadline=None)
@given(
    pieces, faults, st.lists(st.integers(1, 8), max_size=20), st.booleans(), st.sampled_from([0, 65530]),
    st.sampled_from([[], [[P], [P]]]),
)  # fmt: skip
def test_it_gives_what_the_long_way_gives(pictures, wanted, reads, reorders, sequence, before) -> None:
    stream = spoil(packets([*before, *pictures], sequence=sequence), wanted)
    items, counters = run(stream, reads, reorders=reorders)
    expected, long_counters = run(stream, reads, reorders=reorders, plain=True)
    assert items == expected
    assert counters == long_counters


# ---- the two kernels


@settings(max_examples=200, deadline=None)
@given(pieces, faults, st.integers(0, 3), st.sampled_from([0, 65530]), st.integers(0, 40))
def test_the_compiled_loop_finds_the_same_pictures_as_its_twin(pictures, wanted, before, sequence, cut) -> None:
    data = [build_rtp(packet) for packet in spoil(packets(pictures, sequence=sequence), wanted)][: cut or None]
    arguments = (data, 96, 1, sequence, before * 3000 - 3000 & 0xFFFFFFFF)
    assert kernel.pictures(*arguments) == twin.pictures(*arguments)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=6), st.integers(0, 70000), st.integers(0, 0xFFFFFFFF))
def test_junk_is_unusual_to_both(data, sequence, timestamp) -> None:
    for prefix in (b"", b"\x80\x60\0\0\0\0\0\0\0\0\0\1"):
        junk = [prefix + part for part in data]
        assert kernel.pictures(junk, 96, 1, sequence, timestamp) == twin.pictures(junk, 96, 1, sequence, timestamp)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.binary(max_size=9)), max_size=8), st.binary(max_size=6), st.integers(0, 5)
)
def test_frames_are_split_alike(frames, rest, start) -> None:
    data = bytes(start) + b"".join(b"$%c%b%b" % (c, len(p).to_bytes(2, "big"), p) for c, p in frames) + b"$" + rest
    assert kernel.split_frames(data, start) == twin.split_frames(data, start)


def test_frames_of_one_channel_are_taken_together(loops) -> None:
    data = b"xx$\0\0\2ab$\0\0\0$\0\0\1c$\1\0\1d"
    assert loops.split_frames(data, 2) == (0, [b"ab", b"", b"c"], 17)
    assert loops.split_frames(data, 17) == (1, [b"d"], 22)
    assert loops.split_frames(b"$\0\0\3ab", 0) == (0, [], 0)


def test_a_whole_picture_and_the_beginning_of_the_next(loops) -> None:
    data = [build_rtp(p) for p in packets([[DELIMITER, *fu_a(IDR, 2)], [P], fu_a(P, 3)])][:-1]
    found, taken, unfinished = loops.pictures(data, 96, 1, 0, 1)
    assert found == [
        (0, [DELIMITER, IDR], 1 << 9 | 1 << 5, 2 + len(IDR), 3, 2 + len(IDR) + 3),
        (3000, [P], 1 << 1, len(P), 1, len(P)),
    ]
    assert (taken, unfinished) == (4, True)


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p._replace(ssrc=2),
        lambda p: p._replace(payload_type=97),
        lambda p: p._replace(sequence=1),
        lambda p: p._replace(timestamp=77),
        lambda p: p._replace(payload=P_REST),
        lambda p: p._replace(payload=stap_a(P)),
        lambda p: p._replace(payload=b"\x41"),
    ],
)
def test_what_is_unusual_is_left_to_the_long_way(loops, change: Callable[[RtpPacket], RtpPacket]) -> None:
    (packet,) = packets([[P]])
    assert loops.pictures([build_rtp(change(packet))], 96, 1, 0, 77) == ([], 0, False)
    assert loops.pictures([build_rtp(replace_first(packet))], 96, 1, 0, 77) == ([], 0, False)


def replace_first(packet: RtpPacket) -> RtpPacket:
    """Numbered 65535: the long way counts the cycles."""
    return packet._replace(sequence=0xFFFF)


def test_only_bytes_in_a_list_are_taken() -> None:
    if not kernel.COMPILED:
        pytest.skip("no C compiler built gateway/media/kernel/_receive.c here")
    for wrong in ([1], [bytearray(20)], (b"x" * 20,), None):
        with pytest.raises(TypeError):
            kernel.pictures(wrong, 96, 1, 0, 0)


def test_packets_as_a_camera_of_ours_sends_them_take_the_short_cut(loops) -> None:
    units = [[IDR], [P], [HIKVISION, PPS, LONG], [P]]
    stream = packets([packetize(nals) for nals in units[:2]] + [[*packetize([LONG])], *([P],)])
    found, taken, _ = loops.pictures([build_rtp(packet) for packet in stream], 96, 1, 0, 1)
    assert ([picture[1] for picture in found], taken) == ([[IDR], [P], [LONG], [P]], len(stream))
