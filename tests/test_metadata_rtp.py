"""gateway.media.metadata_rtp: ONVIF metadata documents from packets."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.media.metadata_rtp import MetadataDepacketizer
from gateway.media.model import Codec, MetadataParameters, TimeSource, Track, TrackKind
from gateway.media.rtcp import SenderReport, utc_ns_to_ntp
from gateway.media.rtp import RtpPacket
from gateway.media.timeline import Timeline
from tests.rtp_samples import T0, drain, feed, gaps, packets, units

DOCUMENT = b'<?xml version="1.0"?>\n<tt:MetadataStream xmlns:tt="http://www.onvif.org/ver10/schema">' + b"." * 300


def make(name: str = "vnd.onvif.metadata", limit: int = 1000) -> MetadataDepacketizer:
    track = Track(2, TrackKind.METADATA, Codec.ONVIF_METADATA, 90000, MetadataParameters(name))
    return MetadataDepacketizer(track, Timeline(90000, 2), max_document=limit)


def cut(document: bytes, size: int = 100) -> list[bytes]:
    return [document[at : at + size] for at in range(0, len(document), size)]


def test_a_document_ends_at_the_marker() -> None:
    depacketizer = make()
    stream = packets([cut(DOCUMENT), [b"<b/>"]], step=90000)
    counts = [len(feed(depacketizer, [packet])) for packet in stream]
    assert counts == [0] * (len(cut(DOCUMENT)) - 1) + [1, 1]
    again = feed(make(), stream)
    assert [u.nals for u in units(again)] == [(DOCUMENT,), (b"<b/>",)]


def test_a_document_ends_at_a_new_timestamp_and_at_the_end() -> None:
    depacketizer = make()
    stream = [p._replace(marker=False) for p in packets([cut(DOCUMENT), [b"<b/>"]])]
    items = feed(depacketizer, stream)
    depacketizer.flush()
    assert [u.nals for u in units([*items, *drain(depacketizer)])] == [(DOCUMENT,), (b"<b/>",)]


@pytest.mark.parametrize("name", ["vnd.onvif.metadata+gzip", "vnd.onvif.metadata.gzip", "vnd.onvif.metadata"])
def test_gzip_is_undone_whatever_it_is_called(name: str) -> None:
    got = units(feed(make(name), packets([cut(gzip.compress(DOCUMENT), 20), [b"<plain/>"]])))
    assert [u.nals for u in got] == [(DOCUMENT,), (b"<plain/>",)]
    assert [u.size for u in got] == [len(DOCUMENT), 8]


def test_exi_is_unsupported() -> None:
    depacketizer = make("vnd.onvif.metadata.exi.onvif")
    assert feed(depacketizer, packets([[b"$EXI"]])) == []
    assert depacketizer.unsupported == 1


@pytest.mark.parametrize(
    "document",
    [b"x" * 1001, b"x" * 50_000, gzip.compress(bytes(100_000)), gzip.compress(DOCUMENT)[:-9], b"\x1f\x8b garbage"],
    ids=["too large", "far too large", "bomb", "cut gzip", "no gzip"],
)
def test_what_cannot_be_taken_is_counted_and_the_next_one_comes(document: bytes) -> None:
    depacketizer = make()
    items = feed(depacketizer, packets([[b"<a/>"], cut(document), [b"<b/>"]]))
    assert [u.nals for u in units(items)] == [(b"<a/>",), (b"<b/>",)]
    assert (depacketizer.malformed, depacketizer.dropped_units) == (1, 1)
    assert len(gaps(items)) == 1


def test_an_endless_document_costs_no_memory() -> None:
    depacketizer = make()
    for number in range(500):
        feed(depacketizer, [RtpPacket(number, 0, False, 107, 1, bytes(1000))])
    assert sum(map(len, depacketizer._parts)) <= 1000


@pytest.mark.parametrize("missing", range(1, 5))
def test_a_document_that_lacks_a_packet_is_dropped_with_a_gap(missing: int) -> None:
    stream = packets([[b"<a/>"], cut(DOCUMENT), [DOCUMENT]])
    assert len(cut(DOCUMENT)) == 4
    del stream[missing]
    depacketizer = make()
    items = feed(depacketizer, stream)
    assert [u.nals for u in units(items)] == [(b"<a/>",), (DOCUMENT,)]
    assert [gap.packets for gap in gaps(items)] == [1]
    assert (depacketizer.lost, depacketizer.malformed) == (1, 0)


def test_time_is_that_of_the_first_packet_or_of_the_sender_report() -> None:
    depacketizer = make()
    got = units(feed(depacketizer, packets([cut(DOCUMENT)], timestamps=[90000])))
    assert (got[0].utc_ns, got[0].time_source) == (T0 + 10**9, TimeSource.ARRIVAL)
    depacketizer = make()
    depacketizer.timeline.sender_report(SenderReport(1, utc_ns_to_ntp(T0 + 5 * 10**8), 90000), T0)
    got = units(feed(depacketizer, packets([cut(DOCUMENT)], timestamps=[90000])))
    assert got[0].utc_ns == pytest.approx(T0 + 5 * 10**8, abs=1000)
    assert got[0].time_source is TimeSource.RTCP


def test_a_document_of_white_space_is_none() -> None:
    assert feed(make(), packets([[b" \r\n\0"]])) == []


@settings(max_examples=60)
@given(st.lists(st.tuples(st.binary(max_size=20), st.booleans(), st.integers(0, 2), st.booleans()), max_size=30))
def test_any_payloads_are_survived(steps: list[tuple[bytes, bool, int, bool]]) -> None:
    depacketizer = make(limit=40)
    sequence = timestamp = 0
    items = []
    for payload, marker, ticks, lose in steps:
        sequence, timestamp = sequence + 1 + lose, timestamp + ticks
        items += feed(depacketizer, [RtpPacket(sequence, timestamp, marker, 107, 1, payload)])
    depacketizer.flush()
    items += drain(depacketizer)
    assert all(0 < u.size <= 40 for u in units(items))
