"""gateway.media.rtcp: compound packets in both directions."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.media.rtcp import (
    BitrateEstimate,
    Bye,
    FullIntraRequest,
    Nack,
    PictureLossIndication,
    ReceiverReport,
    ReportBlock,
    RtcpPacket,
    SenderReport,
    SourceDescription,
    build_rtcp,
    build_sender_report,
    is_rtcp,
    ntp_to_utc_ns,
    parse_rtcp,
    utc_ns_to_ntp,
)
from gateway.media.rtp import RtpError

U32 = st.integers(0, 0xFFFFFFFF)
BLOCKS = st.lists(
    st.builds(ReportBlock, U32, st.integers(0, 255), st.integers(-(1 << 23), (1 << 23) - 1), U32, U32, U32, U32),
    max_size=3,
).map(tuple)
ASCENDING = st.lists(st.integers(0, 0x7FFF), min_size=1, max_size=40, unique=True).map(lambda s: tuple(sorted(s)))
SSRCS = st.lists(U32, min_size=1, max_size=3).map(tuple)
PACKETS: st.SearchStrategy[RtcpPacket] = st.one_of(
    st.builds(SenderReport, U32, st.integers(0, (1 << 64) - 1), U32, U32, U32, BLOCKS),
    st.builds(ReceiverReport, U32, BLOCKS),
    st.builds(SourceDescription, U32, st.text(max_size=20)),
    st.builds(Bye, SSRCS, st.text(max_size=20)),
    st.builds(Nack, U32, U32, ASCENDING),
    st.builds(PictureLossIndication, U32, U32),
    st.builds(FullIntraRequest, U32, st.lists(st.tuples(U32, st.integers(0, 255)), max_size=3).map(tuple)),
    st.builds(BitrateEstimate, U32, st.integers(0, 0x3FFFF), SSRCS),
)


@settings(max_examples=80)
@given(st.lists(PACKETS, min_size=1, max_size=4))
def test_what_is_built_is_parsed(packets: list[RtcpPacket]) -> None:
    data = build_rtcp(*packets)
    assert is_rtcp(data)
    assert len(data) % 4 == 0
    assert parse_rtcp(data) == tuple(packets)


@given(st.binary(max_size=100), st.sampled_from(range(192, 224)))
def test_any_bytes_are_packets_or_refused(data: bytes, kind: int) -> None:
    for candidate in (data, bytes([0x81, kind]) + data):
        try:
            parse_rtcp(candidate)
        except RtpError:
            assert len(candidate) < 4 or candidate[0] >> 6 != 2 or not 192 <= candidate[1] <= 223


@given(st.lists(PACKETS, min_size=2, max_size=3), st.data())
def test_what_precedes_a_cut_is_kept(packets: list[RtcpPacket], data: st.DataObject) -> None:
    whole = build_rtcp(*packets)
    end = len(whole) - data.draw(st.integers(1, len(build_rtcp(packets[-1]))))
    assert parse_rtcp(whole[:end]) == tuple(packets[:-1])


def test_a_sender_report_as_it_stands_in_rfc_3550() -> None:
    data = bytes.fromhex("80c80006 11223344 e5a3f2c080000000 00015f90 0000000a 00000400")
    (report,) = parse_rtcp(data)
    assert report == SenderReport(0x11223344, 0xE5A3F2C080000000, 90000, 10, 1024)


def test_a_nack_takes_seventeen_packets_an_entry() -> None:
    data = build_rtcp(Nack(1, 2, (65535, 0, 15, 16)))
    assert data == bytes.fromhex("81cd0004 00000001 00000002 ffff8001 00100000")
    assert parse_rtcp(data) == (Nack(1, 2, (65535, 0, 15, 16)),)


def test_a_bitrate_beyond_18_bits_is_rounded_down() -> None:
    (estimate,) = parse_rtcp(build_rtcp(BitrateEstimate(1, 2_500_001, (5,))))
    assert isinstance(estimate, BitrateEstimate)
    assert 2_500_001 - 16 < estimate.bitrate <= 2_500_001


def test_unknown_types_are_passed_over() -> None:
    bye = Bye((5,))
    assert parse_rtcp(bytes.fromhex("80cc0001 00000000") + build_rtcp(bye)) == (bye,)


@pytest.mark.parametrize("data", [b"", b"\x80", bytes(8), b"\x80\x60" + bytes(10)])
def test_what_is_no_rtcp_is_refused(data: bytes) -> None:
    with pytest.raises(RtpError):
        parse_rtcp(data)
    assert not is_rtcp(data)


@given(st.integers(0, 4_000_000_000 * 10**9))
def test_ntp_time_gives_back_the_nanosecond(utc_ns: int) -> None:
    assert ntp_to_utc_ns(utc_ns_to_ntp(utc_ns)) == utc_ns


def test_the_epochs_of_ntp() -> None:
    assert ntp_to_utc_ns(2_208_988_800 << 32) == 0
    assert ntp_to_utc_ns(0) == 2_085_978_496 * 10**9  # 2036-02-07, where the first era ends


@given(U32, st.integers(0, (1 << 64) - 1), st.integers(0, 1 << 40), st.integers(0, 1 << 40), st.integers(0, 1 << 40))
@settings(max_examples=50)
def test_the_quick_sender_report_is_the_same(ssrc: int, ntp: int, timestamp: int, packets: int, octets: int) -> None:
    report = SenderReport(ssrc, ntp, timestamp, packets, octets)
    assert build_sender_report(ssrc, ntp, timestamp, packets, octets) == build_rtcp(report)
