"""gateway.media.h264_rtp and .video_rtp: access units of H.264 from packets, and back."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.media.h264 import split_annex_b
from gateway.media.h264_rtp import H264Depacketizer, packetize
from gateway.media.model import NS, Codec, GapReason, Track, TrackKind, VideoParameters
from gateway.media.rtp import Reorder, RtpPacket
from gateway.media.timeline import Timeline
from gateway.media.video_rtp import DecodingTimes
from tests.data import shared
from tests.rtp_samples import T0, drain, feed, gaps, packets, units
from tests.test_h264 import HIKVISION, PPS, REOLINK_WITHOUT_VUI, X264_WITH_B_FRAMES

IDR = b"\x65\x88" + bytes(range(1, 60))
"""A first slice: `first_mb_in_slice` is 0."""
IDR_REST = b"\x65\x44" + bytes(range(1, 60))
"""A slice further down."""
P = b"\x41\x9a" + bytes(range(1, 40))
P_REST = b"\x41\x5a" + bytes(range(1, 40))
SEI = b"\x06\x05\x02ab\x80"
RECOVERY_POINT = b"\x06\x06\x01\xc4\x80"
GRADUAL_RECOVERY_POINT = b"\x06\x06\x02\x09\xa0\x80"
DELIMITER = b"\x09\xf0"


def make(sps: bytes = HIKVISION, depth: int = 0) -> H264Depacketizer:
    parameters = VideoParameters(sps, (PPS,) if sps else (), width=1920, height=1080, reorder_depth=depth)
    return H264Depacketizer(Track(0, TrackKind.VIDEO, Codec.H264, 90000, parameters), Timeline(90000, 0))


def fu_a(nal: bytes, parts: int) -> list[bytes]:
    """By hand, as RFC 6184 5.8 draws it."""
    size = -(-(len(nal) - 1) // parts)
    cuts = [nal[at : at + size] for at in range(1, len(nal), size)]
    indicator, kind = nal[0] & 0xE0 | 28, nal[0] & 31
    headers = [kind] * len(cuts)
    headers[0] |= 0x80
    headers[-1] |= 0x40
    return [bytes([indicator, header]) + cut for header, cut in zip(headers, cuts, strict=True)]


def stap_a(*nals: bytes) -> bytes:
    return b"\x78" + b"".join(len(nal).to_bytes(2, "big") + nal for nal in nals)


# ---- payloads


def test_single_units_aggregates_and_fragments() -> None:
    depacketizer = make()
    stream = packets([[stap_a(HIKVISION, PPS), *fu_a(IDR, 4)], [P], [SEI, P]])
    got = units(feed(depacketizer, stream))
    assert [u.nals for u in got] == [(HIKVISION, PPS, IDR), (P,), (SEI, P)]
    assert [u.is_keyframe for u in got] == [True, False, False]
    assert [u.size for u in got] == [sum(map(len, u.nals)) for u in got]
    assert [u.dts for u in got] == [u.pts for u in got]
    assert [u.pts - got[0].pts for u in got] == [0, 3000, 6000]
    assert got[0].utc_ns == T0


def test_fragments_without_an_end_bit_end_where_the_next_unit_begins() -> None:
    first, second = fu_a(IDR, 3), fu_a(IDR_REST, 3)
    first[-1] = first[-1][:1] + bytes([first[-1][1] & 0xBF]) + first[-1][2:]
    second[-1] = second[-1][:1] + bytes([second[-1][1] & 0xBF]) + second[-1][2:]
    got = units(feed(make(), packets([[*first, *second], [P], [P]])))
    assert [u.nals for u in got] == [(IDR, IDR_REST), (P,), (P,)]


def test_start_codes_left_between_parameter_sets_and_slice() -> None:
    payload = HIKVISION + b"\0\0\0\1" + PPS + b"\0\0\1" + IDR
    got = units(feed(make(b""), packets([[payload], [P]])))
    assert got[0].nals == (HIKVISION, PPS, IDR)
    assert got[0].is_keyframe
    assert isinstance(got[0].track.parameters, VideoParameters)
    assert got[0].track.parameters.complete


def test_a_packet_of_padding_alone_changes_nothing() -> None:
    stream = packets([[IDR], [*fu_a(P, 2)[:1], b"", *fu_a(P, 2)[1:]], [P]])
    assert [u.nals for u in units(feed(make(), stream))] == [(IDR,), (P,), (P,)]


@pytest.mark.parametrize("kind", [25, 26, 27, 29])
def test_interleaved_payloads_are_counted_and_cost_their_picture(kind: int) -> None:
    depacketizer = make()
    items = feed(depacketizer, packets([[IDR], [P], [P, bytes([0x60 | kind]) + bytes(9)], [P]]))
    assert len(units(items)) == 3
    assert (depacketizer.unsupported, depacketizer.dropped_units) == (1, 1)
    assert "1 incomplete" in gaps(items)[0].detail


@pytest.mark.parametrize("payload", [b"\x7c", b"\x7c\x85", b"\x78", b"\x78\x00\x40\x67", b"\x41", stap_a(P) + b"\0"])
def test_malformed_payloads_are_counted_and_cost_their_picture(payload: bytes) -> None:
    depacketizer = make()
    got = units(feed(depacketizer, packets([[IDR], [P], [payload], [P]])))
    assert len(got) == 3
    assert depacketizer.malformed == 1


def test_undefined_types_are_ignored() -> None:
    depacketizer = make()
    got = units(feed(depacketizer, packets([[IDR], [P, b"\x1f\x00\x00"], [b"\x00\x01", P]])))
    assert [u.nals for u in got] == [(IDR,), (P,), (P,)]
    assert depacketizer.malformed == 2


# ---- where a unit ends


def test_the_first_unit_waits_for_the_next_timestamp_and_later_ones_do_not() -> None:
    depacketizer = make()
    stream = packets([[IDR], [P], [P]])
    counts = [len(feed(depacketizer, [packet])) for packet in stream]
    assert counts == [0, 2, 1]


def test_a_unit_of_many_slices_without_any_marker() -> None:
    stream = [p._replace(marker=False) for p in packets([[IDR, IDR_REST, IDR_REST], [P, P_REST], [P, P_REST]])]
    depacketizer = make()
    items = feed(depacketizer, stream)
    depacketizer.flush()
    items += drain(depacketizer)
    assert [len(u.nals) for u in units(items)] == [3, 2, 2]
    assert not gaps(items)


def test_a_marker_on_every_slice_cuts_nothing() -> None:
    pictures = [[SEI, IDR, IDR_REST], [P, P_REST], [P, P_REST], [P, P_REST]]
    stream = [p._replace(marker=True) for p in packets(pictures)]
    depacketizer = make()
    items = feed(depacketizer, stream)
    depacketizer.flush()
    items += drain(depacketizer)
    assert [list(u.nals) for u in units(items)] == pictures
    assert not gaps(items)


def test_a_marker_that_turns_out_to_be_in_mid_picture_costs_one_picture() -> None:
    pictures = [[IDR], [P], [P, P_REST], [P, P_REST], [P, P_REST], [P]]
    stream = [p._replace(marker=True) for p in packets(pictures)]
    items = feed(make(), stream)
    assert [list(u.nals) for u in units(items)] == [[IDR], [P], [P], [P, P_REST], [P, P_REST]]
    (gap,) = gaps(items)
    assert gap.reason is GapReason.LOSS
    assert "delivered in part" in gap.detail


@pytest.mark.parametrize("marked", ["the last packet", "every slice", "nothing"])
def test_parameter_sets_before_every_slice_of_a_keyframe_cut_nothing(marked: str) -> None:
    """GStreamer's rtph264pay with config-interval=-1, fed by x264 in two slices: cut in two, the keyframe is green."""
    keyframe = [SEI, HIKVISION, PPS, IDR, HIKVISION, PPS, IDR_REST]
    pictures = [keyframe, [P, P_REST], keyframe, [P, P_REST], [P]]
    stream = packets(pictures)
    if marked != "the last packet":
        stream = [p._replace(marker=marked == "every slice" and p.payload[0] & 31 in {1, 5}) for p in stream]
    depacketizer = make()
    items = feed(depacketizer, stream)
    depacketizer.flush()
    items += drain(depacketizer)
    assert [list(u.nals) for u in units(items)] == pictures
    assert not gaps(items)


def test_parameter_sets_after_a_marker_in_mid_picture_refute_it_too() -> None:
    pictures = [[IDR], [P], [HIKVISION, PPS, IDR, HIKVISION, PPS, IDR_REST], [P, P_REST], [P]]
    stream = [p._replace(marker=p.payload[0] & 31 in {1, 5}) for p in packets(pictures)]
    got = [list(u.nals) for u in units(feed(make(), stream))]
    assert got == [[IDR], [P], [HIKVISION, PPS, IDR], [P, P_REST]]


def test_a_delimiter_between_two_pictures_of_one_timestamp_goes_with_the_second() -> None:
    delimiter = b"\x09\xf0"
    stream = packets([[IDR], [P, delimiter, P], [P]], timestamps=[0, 3000, 6000])
    assert [u.nals for u in units(feed(make(), stream))] == [(IDR,), (P,), (delimiter, P), (P,)]


def test_parameter_sets_under_a_timestamp_of_their_own_go_with_the_next_picture() -> None:
    stream = packets([[IDR], [P], [HIKVISION], [PPS], [IDR], [P]], timestamps=[0, 3000, 5000, 5100, 6000, 9000])
    assert [u.nals for u in units(feed(make(), stream))] == [(IDR,), (P,), (HIKVISION, PPS, IDR), (P,)]


def test_parameter_sets_under_the_timestamp_of_the_picture_before_go_with_the_next_picture() -> None:
    stream = packets([[IDR], [P], [HIKVISION, PPS], [IDR], [P]], timestamps=[0, 3000, 3000, 6000, 9000])
    got = units(feed(make(), stream))
    assert [u.nals for u in got] == [(IDR,), (P,), (HIKVISION, PPS, IDR), (P,)]


def test_pictures_that_share_a_timestamp_are_told_apart() -> None:
    got = units(feed(make(), packets([[IDR], [P], [P], [P]], timestamps=[0, 3000, 3000, 6000])))
    assert len(got) == 4
    assert [u.dts - got[0].dts for u in got] == [0, 3000, 3001, 6000]
    assert all(u.dts <= u.pts for u in got)


def test_filler_after_the_marker_is_dropped() -> None:
    stream = packets([[IDR], [P], [b"\x0c\xff\x80"], [P]], timestamps=[0, 3000, 3000, 6000])
    depacketizer = make()
    items = feed(depacketizer, stream)
    assert [u.nals for u in units(items)] == [(IDR,), (P,), (P,)]
    assert depacketizer.dropped_bytes == 3
    assert not gaps(items)


# ---- loss


def test_a_lost_packet_costs_its_picture_and_leaves_a_gap_in_its_place() -> None:
    stream = packets([[IDR], [P], fu_a(P, 4), [P], [P]])
    del stream[4]
    depacketizer = make()
    items = feed(depacketizer, stream)
    assert [type(item).__name__ for item in items] == ["AccessUnit", "AccessUnit", "Gap", "AccessUnit", "AccessUnit"]
    (gap,) = gaps(items)
    before, after = units(items)[1:3]
    assert (gap.start_ns, gap.end_ns, gap.packets, gap.track_id) == (before.utc_ns, after.utc_ns, 1, 0)
    assert (depacketizer.lost, depacketizer.dropped_units) == (1, 1)
    assert depacketizer.dropped_bytes >= len(P) // 2


def test_whole_pictures_lost_between_two_cost_no_other() -> None:
    stream = packets([[IDR], [P], [P], [P], [P]])
    del stream[2:4]
    items = feed(make(), stream)
    assert len(units(items)) == 3
    assert [gap.packets for gap in gaps(items)] == [2]


@pytest.mark.parametrize("missing", range(2, 9))
def test_no_picture_is_delivered_without_one_of_its_slices(missing: int) -> None:
    stream = packets([[IDR], [P], [SEI, *fu_a(P, 3), P_REST, P_REST], [P], [P]])
    del stream[missing]
    items = feed(make(), stream)
    slices = [[nal for nal in unit.nals if nal != SEI] for unit in units(items)]
    whole = [P, P_REST, P_REST]
    expected = {2: [[IDR], [P], whole, [P], [P]], 8: [[IDR], [P], whole, [P]]}
    assert slices == expected.get(missing, [[IDR], [P], [P], [P]])
    assert sum(gap.packets for gap in gaps(items)) == 1


def test_joining_in_mid_picture_leaves_it_out_without_a_gap() -> None:
    stream = packets([[IDR, IDR_REST], [P], [P], [P]])[1:]
    items = feed(make(), stream)
    assert [u.nals for u in units(items)] == [(P,), (P,), (P,)]
    assert not gaps(items)


def test_a_camera_that_begins_a_new_stream_is_followed() -> None:
    stream = packets([[IDR], [P], [P]])
    again = [p._replace(ssrc=2) for p in packets([[IDR], [P]], sequence=50000, timestamps=[10**9, 10**9 + 3000])]
    depacketizer = make()
    items = feed(depacketizer, stream)
    for number, packet in enumerate(again):
        depacketizer.push(packet, T0 + (number + 3) * NS // 30)
        items += drain(depacketizer)
    assert {gap.reason for gap in gaps(items)} == {GapReason.CLOCK_JUMP, GapReason.LOSS}
    got = units(items)
    assert len(got) == 5
    assert [u.dts for u in got] == sorted(u.dts for u in got)
    assert depacketizer.lost == 0


def test_the_last_picture_comes_at_the_end_if_it_is_whole() -> None:
    whole, cut = make(), make()
    stream = packets([[IDR], fu_a(P, 3)])
    assert len(units(feed(whole, stream))) == 2
    assert len(units(feed(cut, stream[:-1]))) == 1
    cut.flush()
    assert drain(cut) == []
    only = make()
    assert feed(only, stream[:1]) == []
    only.flush()
    assert len(units(drain(only))) == 1


def test_a_picture_without_end_is_given_up() -> None:
    depacketizer = make()
    middle = b"\x7c\x05" + bytes(60000)
    stream = packets([[IDR], [P], [fu_a(IDR, 3)[0], *[middle] * 300], [P]])
    items = feed(depacketizer, stream)
    assert len(units(items)) == 3
    assert depacketizer.dropped_bytes > 16 << 20


# ---- parameter sets


def test_changed_parameter_sets_make_a_new_track_from_the_unit_that_brings_them() -> None:
    depacketizer = make()
    old = depacketizer.track
    sets = [X264_WITH_B_FRAMES, PPS]
    got = units(feed(depacketizer, packets([[HIKVISION, PPS, IDR], [P], [*sets, IDR], [P], [*sets, IDR]])))
    assert got[0].track is old
    assert got[1].track is old
    assert got[2].track is not old
    assert got[2].track == replace(old, parameters=VideoParameters(sets[0], (PPS,), b"", 1280, 720, 2))
    assert got[3].track is got[2].track
    assert got[4].track is got[2].track


def test_parameter_sets_only_in_band() -> None:
    got = units(feed(make(b""), packets([[P], [HIKVISION, PPS, IDR], [P]])))
    assert [u.is_keyframe for u in got] == [False, True, False]
    parameters = got[1].track.parameters
    assert isinstance(parameters, VideoParameters)
    assert (parameters.width, parameters.height, parameters.sps) == (1920, 1080, HIKVISION)


def test_an_unreadable_parameter_set_is_counted_and_changes_nothing() -> None:
    depacketizer = make()
    got = units(feed(depacketizer, packets([[IDR], [b"\x67\x4d\x00", IDR], [P]])))
    assert got[1].track is got[0].track
    assert depacketizer.malformed == 1


# ---- keyframes and decoding times


def test_a_recovery_point_is_a_keyframe() -> None:
    got = units(feed(make(), packets([[RECOVERY_POINT, P], [P], [SEI, P], [RECOVERY_POINT, P]])))
    assert [u.is_keyframe for u in got] == [True, False, False, True]


def test_a_gradual_recovery_counts_where_nothing_better_came_for_long() -> None:
    pictures = [[IDR], *[[P]] * 8, [GRADUAL_RECOVERY_POINT, P], *[[P]] * 8, [GRADUAL_RECOVERY_POINT, P], [P]]
    got = units(feed(make(), packets(pictures, step=90000)))
    assert [n for n, u in enumerate(got) if u.is_keyframe] == [0, 18]


def decode_order(groups: int) -> list[int]:
    """Frame numbers of groups I/P B b b, each reordered by at most 2."""
    order = [0]
    for group in range(groups):
        order += [4 * group + n for n in (4, 2, 1, 3)]
    return order


def test_decoding_times_ascend_and_never_follow_presentation() -> None:
    order = decode_order(5)
    got = units(
        feed(
            make(X264_WITH_B_FRAMES, 2),
            packets([[IDR]] + [[P]] * (len(order) - 1), timestamps=[3000 * n for n in order]),
        )
    )
    assert [(u.pts - got[0].pts) // 3000 for u in got] == order[: len(got)]
    steps = [b.dts - a.dts for a, b in itertools.pairwise(got)]
    assert min(steps) > 0
    assert steps[4:] == [3000] * len(steps[4:])
    assert all(u.dts <= u.pts for u in got)


def test_b_frames_that_no_parameter_set_announced_are_learnt() -> None:
    order = decode_order(4)
    depacketizer = make(REOLINK_WITHOUT_VUI)
    got = units(feed(depacketizer, packets([[P]] * len(order), timestamps=[3000 * n for n in order])))
    assert all(a.dts < b.dts for a, b in itertools.pairwise(got))
    assert all(u.dts <= u.pts for u in got)
    assert [(u.pts - got[0].pts) // 3000 for u in got[8:]] == order[8 : len(got)]
    parameters = got[-1].track.parameters
    assert isinstance(parameters, VideoParameters)
    assert parameters.reorder_depth == 2


@settings(max_examples=60)
@given(st.integers(0, 4), st.lists(st.integers(-5, 20), max_size=60))
def test_decoding_times_hold_whatever_comes(depth: int, steps: list[int]) -> None:
    times, pts, last = DecodingTimes(depth, 4), 0, None
    for number, step in enumerate(steps):
        pts += step
        if number == 30:
            times.set_depth(1)
        shown, dts = times.assign(pts)
        assert dts <= shown
        assert shown >= pts
        assert last is None or dts > last
        last = dts
    assert times.depth <= 16


# ---- sending, and the way round


@settings(max_examples=60)
@given(st.lists(st.integers(2, 5000), min_size=1, max_size=6), st.integers(64, 1400), st.integers(0, 2**32))
def test_payloads_fit_and_fragments_are_equal(sizes: list[int], limit: int, seed: int) -> None:
    chance = random.Random(seed)
    nals = [b"\x65\x80" + chance.randbytes(size) for size in sizes]
    payloads = packetize(nals, limit)
    assert max(map(len, payloads)) <= limit
    got = units(feed(make(), packets([payloads, [P]])))
    # Each is a picture's first slice, so each is a unit of its own.
    assert [nal for unit in got[:-1] for nal in unit.nals] == nals
    fragments: list[int] = []
    for payload in payloads:
        if payload[0] & 31 != 28:
            continue
        fragments.append(len(payload))
        if payload[1] & 0x40:
            assert len(set(fragments[:-1])) <= 1
            assert len(fragments) == 1 or fragments[-1] <= fragments[0]
            fragments = []


def test_small_units_travel_together() -> None:
    payloads = packetize([HIKVISION, PPS, SEI, b"\x65\x88" + bytes(3000)], 1200)
    assert payloads[0] == b"\x78" + stap_a(HIKVISION, PPS, SEI)[1:]
    assert [len(p) for p in payloads[1:]] == [1003, 1003, 1001 + 0]


def test_payloads_too_small_to_be_meant_are_refused() -> None:
    with pytest.raises(ValueError, match="too small"):
        packetize([P], 20)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 15))
def test_loss_and_reordering_never_yield_a_picture_that_was_not_sent(seed: int, loss: int) -> None:
    chance = random.Random(seed)
    sent = []
    for number in range(40):
        rest = [b"\x41\x40" + chance.randbytes(chance.randint(20, 900)).replace(b"\0", b"\1") for _ in range(2)]
        head = [DELIMITER, HIKVISION, PPS] if number % 10 == 0 else [DELIMITER]
        sent.append([*head, (b"\x65\x88" if number % 10 == 0 else b"\x41\x9a") + number.to_bytes(2, "big") * 9, *rest])
    stream = packets([packetize(nals, 200) for nals in sent], sequence=chance.randint(0, 0xFFFF))
    kept = [p for p in stream if chance.random() * 100 >= loss]
    kept = [p for _, p in sorted(enumerate(kept), key=lambda e: e[0] + chance.uniform(0, 3) * (e[0] > 0))]
    reorder, depacketizer = Reorder(hold_ns=10**12), make()
    items = []
    for packet in kept:
        for ordered, _at in reorder.push(packet, T0 + packet.timestamp * NS // 90000):
            items += feed(depacketizer, [ordered])
    items += feed(depacketizer, [packet for packet, _ in reorder.flush()])
    depacketizer.flush()
    items += drain(depacketizer)
    whole = [nals[1:] for nals in sent]
    for unit in units(items):
        nals = [nal for nal in unit.nals if nal not in (DELIMITER, HIKVISION, PPS)]
        assert any(nals == [nal for nal in picture if nal not in (DELIMITER, HIKVISION, PPS)] for picture in whole)
    if len(kept) == len(stream):
        assert [list(u.nals) for u in units(items)] == sent
        assert not gaps(items)
    assert all(gap.end_ns is not None and gap.end_ns >= gap.start_ns for gap in gaps(items))
    assert depacketizer.lost == reorder.lost


@settings(max_examples=80)
@given(st.lists(st.tuples(st.binary(max_size=30), st.booleans(), st.integers(0, 3), st.integers(0, 2)), max_size=40))
def test_any_payloads_are_survived(steps: list[tuple[bytes, bool, int, int]]) -> None:
    depacketizer = make()
    sequence = timestamp = 0
    items = []
    for payload, marker, skip, ticks in steps:
        sequence, timestamp = sequence + 1 + (skip == 3), timestamp + 3000 * ticks
        items += feed(depacketizer, [RtpPacket(sequence, timestamp, marker, 96, 1, payload)])
    depacketizer.flush()
    items += drain(depacketizer)
    dts = [u.dts for u in units(items)]
    assert dts == sorted(set(dts))
    assert all(u.nals and u.size == sum(map(len, u.nals)) and u.dts <= u.pts for u in units(items))


@pytest.mark.parametrize("limit", [300, 1200])
def test_a_recording_of_a_camera_goes_round_unchanged(limit: int) -> None:
    with av.open(str(shared("video/gopro-max-walk.mp4"))) as container:
        stream = container.streams.video[0]
        to_annex_b = av.BitStreamFilterContext("h264_mp4toannexb", stream)
        coded = [p for packet in container.demux(stream) for p in to_annex_b.filter(packet) if p.size]
        size = (stream.codec_context.width, stream.codec_context.height)
    sent = [split_annex_b(bytes(packet)) for packet in coded]
    timestamps = [packet.pts for packet in coded]
    depacketizer = make(b"")
    items = feed(depacketizer, packets([packetize(n, limit) for n in sent], timestamps=timestamps))
    depacketizer.flush()
    got = units([*items, *drain(depacketizer)])
    assert len(got) == 315
    assert [list(u.nals) for u in got] == sent
    assert [u.pts - got[0].pts for u in got] == [t - timestamps[0] for t in timestamps]
    assert [u.is_keyframe for u in got] == [packet.is_keyframe for packet in coded]
    parameters = got[0].track.parameters
    assert isinstance(parameters, VideoParameters)
    assert (parameters.width, parameters.height) == size
    assert not gaps(items)
