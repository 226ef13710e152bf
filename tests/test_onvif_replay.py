"""ONVIF's header fields of PLAY and its RTP header extension; and units as they come back from files."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.media.fmp4_samples import read_header
from gateway.media.model import NS
from gateway.media.payloads import MAX_PAYLOAD
from gateway.media.rtcp import ntp_to_utc_ns
from gateway.media.rtp import build_header, parse_rtp
from gateway.recording.units import read_units, recorded_tracks
from gateway.rtsp.onvif_replay import (
    EXTENSION_BYTES,
    NptRange,
    UtcRange,
    extension,
    format_range,
    format_utc,
    parse_play,
    parse_range,
    parse_utc,
    with_extension,
)
from gateway.rtsp.presentation import RefusalError
from gateway.rtsp.protocol import Headers
from tests.filmed import Film
from tests.media_samples import PCMU, T0, VIDEO, stream, unit

MOMENTS = st.integers(0, 4_000_000_000 * NS)


@given(MOMENTS, st.none() | MOMENTS)
def test_a_range_is_read_as_it_is_written(start_ns: int, end_ns: int | None) -> None:
    assert parse_range(format_range(start_ns, end_ns)) == UtcRange(start_ns, end_ns)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("clock=20090615T114900.440Z-", UtcRange(1_245_066_540_440_000_000, None)),
        ("clock=-20090615T114900Z", UtcRange(None, 1_245_066_540 * NS)),
        ("clock = 20090615T114900Z - ;time=19970123T143720Z", UtcRange(1_245_066_540 * NS, None)),
        ("clock=00010101T000000Z-99991231T235959Z", UtcRange(0, 9 * 10**18)),
        ("npt=now-", NptRange(None, None)),
        ("npt=0.000-", NptRange(0, None)),
        ("npt=1:02:03.5-3800", NptRange(3723.5, 3800)),
    ],
)
def test_ranges_of_real_clients(text: str, expected: UtcRange | NptRange) -> None:
    assert parse_range(text) == expected


@given(st.text(max_size=60) | st.text("0123456789TZ.-=clocknpt: ", max_size=60).map(lambda text: "clock=" + text))
@settings(max_examples=60)
def test_no_text_is_more_than_a_range_or_refused(text: str) -> None:
    with contextlib.suppress(RefusalError):
        parse_range(text)


@pytest.mark.parametrize(
    "text", ["20090615T114900", "20091315T114900Z", "20090615T116000Z", "2009-06-15T11:49:00Z", ""]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_utc(text)


def test_times_are_told_to_the_millisecond_unless_there_is_more() -> None:
    assert format_utc(T0) == "20231114T221320.000Z"
    assert format_utc(T0 + 1) == "20231114T221320.000000001Z"


@pytest.mark.parametrize(
    ("fields", "scale", "paced", "onvif"),
    [
        ({}, 1, True, False),
        ({"Scale": "-4.0"}, -4, True, False),
        ({"Scale": "1000"}, 64, True, False),
        ({"Rate-Control": "no"}, 1, False, True),
        ({"Rate-Control": "no", "Scale": "-8"}, -1, False, True),
        ({"Require": "onvif-replay"}, 1, True, True),
    ],
)
def test_how_fast_and_who_keeps_the_pace(fields: dict[str, str], scale: float, paced: bool, onvif: bool) -> None:
    asked = parse_play(Headers.of(fields))
    assert (asked.scale, asked.paced, asked.onvif) == (scale, paced, onvif)


@pytest.mark.parametrize(
    "fields",
    [
        {"Scale": "nan"},
        {"Scale": "fast"},
        {"Scale": "0"},
        {"Frames": "intra/soon"},
        {"Frames": "all/1"},
        {"Range": "x"},
    ],
)
def test_what_cannot_be_read_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(RefusalError):
        parse_play(Headers.of(fields))


@given(MOMENTS, st.integers(0, 1000), st.tuples(*[st.booleans()] * 4), st.binary(max_size=50))
def test_an_extension_leaves_the_packet_what_it_is(
    utc_ns: int, cseq: int, bits: tuple[bool, bool, bool, bool], payload: bytes
) -> None:
    clean, end, discontinuity, terminal = bits
    plain = build_header(96, 7, 8, 9, marker=True) + payload
    said = extension(utc_ns, cseq, clean=clean, end=end, discontinuity=discontinuity, terminal=terminal)
    packet = with_extension(plain, said)
    assert parse_rtp(packet) == parse_rtp(plain)
    assert len(packet) == len(plain) + EXTENSION_BYTES
    assert ntp_to_utc_ns(int.from_bytes(packet[16:24], "big")) == utc_ns
    assert packet[24:28] == bytes((clean << 7 | end << 6 | discontinuity << 5 | terminal << 4, cseq & 0xFF, 0, 0))
    assert MAX_PAYLOAD - EXTENSION_BYTES > 1000


# ---- units


def test_units_come_back_as_they_were_recorded(tmp_path: Path) -> None:
    sound = [unit(PCMU, n / 25, payload=bytes([n]) * 320) for n in range(50)]
    pictures = stream(2, rate=10, gop=5)
    film = Film(tmp_path).record(sorted([*pictures, *sound], key=lambda one: one.received_ns))
    (piece,) = film.footage().pieces
    with film.files.reader(piece.path) as read_at:
        header = read_header(read_at, piece.size)
        tracks = recorded_tracks(header)
        found = read_units(read_at, header, header.size, piece.size, tracks)
        keys = read_units(read_at, header, header.size, piece.size, tracks, keyframes_only=True)
    told = {(track.id, track.codec, track.clock_rate, track.parameters) for track in tracks.values()}
    assert told == {(t.id, t.codec, t.clock_rate, t.parameters) for t in (one.track for one in [*pictures, *sound])}
    said = sorted((one.unit.track.id, one.unit.utc_ns // 1000, one.unit.nals, one.unit.is_keyframe) for one in found)
    meant = sorted((one.track.id, one.utc_ns // 1000, one.nals, one.is_keyframe) for one in [*pictures, *sound])
    assert said == meant
    times = [one.decode_ns for one in found]
    assert times == sorted(times)
    assert [one.unit.utc_ns for one in keys if one.unit.track.kind is VIDEO.kind] == [
        one.utc_ns for one in pictures if one.is_keyframe and one.track is VIDEO
    ]
