"""gateway.positions.blocks: what goes in comes out, and damage is named."""

from __future__ import annotations

import contextlib
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.media.model import NS, Constellation, Fix
from gateway.positions.blocks import MAX_PIECE_BYTES, BlockError, decode, encode

FINITE = st.floats(allow_nan=False)
TIMES = st.integers(-(2**63), 2**63 - 1)
FIXES = st.builds(
    Fix,
    utc_ns=TIMES,
    lat=FINITE,
    lon=FINITE,
    altitude_m=st.none() | FINITE,
    speed_mps=st.none() | FINITE,
    course_deg=st.none() | FINITE,
    accuracy_m=st.none() | FINITE,
    constellations=st.lists(st.sampled_from(Constellation), unique=True).map(tuple),
    satellites=st.none() | st.integers(0, 200),
    carrier=st.text(st.characters(codec="utf-8"), max_size=12),
    received_ns=TIMES,
)


@settings(max_examples=100, deadline=None)
@given(st.lists(FIXES, max_size=8), st.lists(FIXES, max_size=3))
def test_round_trip(fixes: list[Fix], more: list[Fix]) -> None:
    assert decode(encode(fixes)) == fixes
    assert decode(encode(fixes) + encode(more)) == fixes + more


def minute() -> list[Fix]:
    return [
        Fix(
            1_767_268_800 * NS + i * NS // 2,
            51.5 + i * 1e-5,
            -0.12 - i * 1e-5,
            35.0,
            1.4,
            float(i),
            4.0,
            (Constellation.GPS, Constellation.GALILEO),
            9,
            "milestone",
            1_767_268_800 * NS + i * NS // 2 + 12_345_678,
        )
        for i in range(120)
    ]


def test_negative_zero_survives() -> None:
    (fix,) = decode(encode([Fix(0, -0.0, 1.0)]))
    assert str(fix.lat) == "-0.0"


def test_a_minute_is_small() -> None:
    assert len(encode(minute())) < 120 * 30


def test_the_bytes_of_version_1_stay_readable() -> None:
    # Written by the release that brought the format: blocks are evidence, this must never change.
    block = bytes.fromhex(VERSION_1)
    assert decode(block) == [
        Fix(
            1_767_268_800_250_000_000,
            51.5007,
            -0.1246,
            altitude_m=35.5,
            speed_mps=1.4,
            accuracy_m=4.0,
            constellations=(Constellation.GPS, Constellation.BEIDOU),
            satellites=9,
            carrier="milestone",
            received_ns=1_767_268_800_300_000_000,
        ),
        Fix(1_767_268_800_000_000_000, 51.5008, -0.1247, course_deg=270.0, carrier="onvif-event"),
    ]


VERSION_1 = (
    "01a10000007801636260603007e2e868a5dccc9cd4e292fcbc54251d856825f7806020ade4949ae9925faa141b0b12cbcf2b"
    "cb4cd34d2d4bcd2b01a9898d8d656064609066696830f2ed9074fd38e7ffccff6dff25fe333028df6daef1d83e2779665a5b"
    "a5c4f39d32bdafd91e7d3013933a70c0d3d3c161efb9c7ab44cecb5e3d19f6f4cd7e2000dacfc070c0d1210d0cbed983f90f"
    "0a1cc0348380032784c100009d053a6d"
)


def test_nothing() -> None:
    assert decode(b"") == []
    assert decode(encode([])) == []


@pytest.mark.parametrize("time", [2**63, -(2**63) - 1])
def test_a_time_beyond_64_bits(time: int) -> None:
    with pytest.raises(ValueError, match="64 bits"):
        encode([Fix(time, 1.0, 1.0)])


def test_more_labels_than_fit() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        encode([Fix(0, 1.0, 1.0, carrier=str(i)) for i in range(65_537)])


def test_unknown_version() -> None:
    block = bytearray(encode(minute()))
    block[0] = 2
    with pytest.raises(BlockError, match="version 2"):
        decode(bytes(block))


def test_every_cut_is_noticed() -> None:
    block = encode(minute()[:3])
    for length in range(1, len(block)):
        with pytest.raises(BlockError):
            decode(block[:length])


def test_a_zip_bomb_is_refused() -> None:
    packed = zlib.compress(bytes(MAX_PIECE_BYTES + 1))
    with pytest.raises(BlockError, match="too large"):
        decode(b"\x01" + len(packed).to_bytes(4, "little") + packed)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 8,
        b"\x01\0\0\0\x02\0\0\0[]",
        b"\xff\xff\xff\xff\x02\0\0\0[]",
        b"\0\0\0\0\x02\0\0\0[]extra",
        b"\0\0\0\0\x04\0\0\0[[1]",
        b'\0\0\0\0\x0d\0\0\0[["a",["x"]]]',
    ],
)
def test_senseless_content(content: bytes) -> None:
    packed = zlib.compress(content)
    with pytest.raises(BlockError):
        decode(b"\x01" + len(packed).to_bytes(4, "little") + packed)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_damage_raises_nothing_else(data: st.DataObject) -> None:
    content = bytearray(zlib.decompress(encode(minute()[:4])[5:]))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    packed = zlib.compress(bytes(content))
    with contextlib.suppress(BlockError):
        decode(b"\x01" + len(packed).to_bytes(4, "little") + packed)
    with contextlib.suppress(BlockError):
        decode(data.draw(st.binary(max_size=60)))
