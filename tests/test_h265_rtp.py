"""gateway.media.h265_rtp: access units of H.265 from packets, and back. What H.264 shares is in test_h264_rtp."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.media.h265_rtp import H265Depacketizer, packetize
from gateway.media.model import Codec, Track, TrackKind, VideoParameters
from gateway.media.rtp import RtpPacket
from gateway.media.timeline import Timeline
from tests.rtp_samples import drain, feed, gaps, packets, units
from tests.test_h265 import PPS, SPS, VPS

IDR = b"\x26\x01\xaf" + bytes(range(1, 60))
"""A first slice segment: the bit after the header is set."""
IDR_REST = b"\x26\x01\x2f" + bytes(range(1, 60))
TRAIL = b"\x02\x01\xd0" + bytes(range(1, 40))
TRAIL_REST = b"\x02\x01\x50" + bytes(range(1, 40))
CRA = b"\x2a\x01\xaf" + bytes(range(1, 60))
SUFFIX_SEI = b"\x50\x01\x84\x01\xaa\x80"


def make() -> H265Depacketizer:
    return H265Depacketizer(Track(0, TrackKind.VIDEO, Codec.H265, 90000, VideoParameters()), Timeline(90000, 0))


def aggregate(*nals: bytes) -> bytes:
    return b"\x60\x01" + b"".join(len(nal).to_bytes(2, "big") + nal for nal in nals)


def fragments(nal: bytes, parts: int) -> list[bytes]:
    """By hand, as RFC 7798 4.4.3 draws it."""
    size = -(-(len(nal) - 2) // parts)
    cuts = [nal[at : at + size] for at in range(2, len(nal), size)]
    kind = nal[0] >> 1
    headers = [kind] * len(cuts)
    headers[0] |= 0x80
    headers[-1] |= 0x40
    return [b"\x62\x01" + bytes([header]) + cut for header, cut in zip(headers, cuts, strict=True)]


def test_single_units_aggregates_and_fragments() -> None:
    pictures = [[aggregate(VPS, SPS, PPS), *fragments(IDR, 4), IDR_REST], [TRAIL, TRAIL_REST], [CRA], [TRAIL]]
    got = units(feed(make(), packets(pictures)))
    assert [u.nals for u in got] == [(VPS, SPS, PPS, IDR, IDR_REST), (TRAIL, TRAIL_REST), (CRA,), (TRAIL,)]
    assert [u.is_keyframe for u in got] == [True, False, True, False]
    assert got[0].track.parameters == VideoParameters(SPS, (PPS,), VPS, 704, 480, 0)
    assert all(u.track is got[0].track for u in got)


def test_a_suffix_sei_stays_with_its_picture() -> None:
    got = units(feed(make(), packets([[IDR, SUFFIX_SEI], [TRAIL, SUFFIX_SEI], [TRAIL], [TRAIL]])))
    assert [u.nals for u in got] == [(IDR, SUFFIX_SEI), (TRAIL, SUFFIX_SEI), (TRAIL,), (TRAIL,)]


def test_a_marker_on_every_slice_cuts_nothing() -> None:
    pictures = [[IDR, IDR_REST], [TRAIL, TRAIL_REST], [TRAIL, TRAIL_REST], [TRAIL]]
    items = feed(make(), [p._replace(marker=True) for p in packets(pictures)])
    assert [list(u.nals) for u in units(items)] == pictures[:-1]


@pytest.mark.parametrize("missing", range(2, 7))
def test_no_picture_is_delivered_without_one_of_its_slices(missing: int) -> None:
    stream = packets([[IDR], [TRAIL], [*fragments(TRAIL, 3), TRAIL_REST, TRAIL_REST], [TRAIL], [TRAIL]])
    del stream[missing]
    items = feed(make(), stream)
    assert [u.nals for u in units(items)] == [(IDR,), (TRAIL,), (TRAIL,), (TRAIL,)]
    assert [gap.packets for gap in gaps(items)] == [1]


@pytest.mark.parametrize(
    ("payload", "counter"),
    [
        (b"\x62\x01\x93", "malformed"),
        (b"\x60\x01\x00", "malformed"),
        (b"\x60\x01\x00\x50\x26\x01", "malformed"),
        (b"\x02", "malformed"),
        (b"\x64\x01\x00\x00", "unsupported"),
    ],
)
def test_payloads_that_cannot_be_taken_are_counted_and_cost_their_picture(payload: bytes, counter: str) -> None:
    depacketizer = make()
    got = units(feed(depacketizer, packets([[IDR], [TRAIL], [TRAIL, payload], [TRAIL]])))
    assert len(got) == 3
    assert getattr(depacketizer, counter) == 1
    assert depacketizer.dropped_units == 1


@settings(max_examples=60)
@given(st.lists(st.integers(2, 5000), min_size=1, max_size=6), st.integers(64, 1400), st.integers(0, 2**32))
def test_payloads_fit_and_come_back_as_they_went(sizes: list[int], limit: int, seed: int) -> None:
    chance = random.Random(seed)
    nals = [b"\x28\x01\x80" + chance.randbytes(sizes[0]), *(b"\x28\x01\x40" + chance.randbytes(s) for s in sizes[1:])]
    payloads = packetize([VPS, SPS, PPS, *nals], limit)
    assert max(map(len, payloads)) <= limit
    got = units(feed(make(), packets([payloads, [TRAIL]])))
    assert got[0].nals == (VPS, SPS, PPS, *nals)


def test_payloads_too_small_to_be_meant_are_refused() -> None:
    with pytest.raises(ValueError, match="too small"):
        packetize([TRAIL], 20)


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
    assert all(u.nals and u.dts <= u.pts for u in units(items))
