"""gateway.media.h265: NAL units and parameter sets."""

from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.media import h265
from gateway.media.bits import BitstreamError
from gateway.media.h265 import parse_sps, video_parameters

VPS = base64.b64decode("QAEMAf//AWAAAAMAsAAAAwAAAwBarAwAAAMABAAAAwAyqA==")
SPS = base64.b64decode("QgEBAWAAAAMAsAAAAwAAAwBaoAWCAeFja5JFL83BQYFBAAADAAEAAAMADKE=")
PPS = base64.b64decode("RAHA8saNA7NA")
X265_1080P_WITH_B_FRAMES = bytes.fromhex(
    "420101016000000300900000030000030078a003c08010e596565924cae68080000003008000000c84"
)


def test_what_a_dahua_says() -> None:
    info = parse_sps(SPS)
    assert (info.width, info.height, info.reorder_depth, info.temporal_layers) == (704, 480, 0, 1)
    assert info.codec_string == "hvc1.1.6.L90.B0"
    assert (info.bit_depth_luma, info.chroma_format_idc) == (8, 1)


def test_cropping_and_b_frames() -> None:
    info = parse_sps(X265_1080P_WITH_B_FRAMES)
    assert (info.width, info.height) == (1920, 1080)
    assert info.reorder_depth == 2
    assert info.codec_string == "hvc1.1.6.L120.90"


def test_parameters_stay_the_same_value_while_nothing_is_new() -> None:
    old = video_parameters([VPS, SPS, PPS])
    assert (old.vps, old.sps, old.pps, old.width, old.height) == (VPS, SPS, (PPS,), 704, 480)
    assert video_parameters([VPS, SPS, PPS + b"\0"], old) is old
    assert video_parameters([X265_1080P_WITH_B_FRAMES], old).height == 1080


def test_irap_types() -> None:
    assert [kind for kind in range(64) if h265.is_irap(kind)] == list(range(16, 24))


@pytest.mark.parametrize("sps", [b"", SPS[:5], PPS, SPS[:2] + b"\xff" * 40])
def test_what_is_no_parameter_set_is_refused(sps: bytes) -> None:
    with pytest.raises(BitstreamError):
        parse_sps(sps)


@given(st.sampled_from([SPS, X265_1080P_WITH_B_FRAMES]), st.data())
def test_damaged_parameter_sets_are_read_or_refused(sps: bytes, data: st.DataObject) -> None:
    damaged = bytearray(sps)
    for _ in range(data.draw(st.integers(1, 5))):
        damaged[data.draw(st.integers(2, len(sps) - 1))] = data.draw(st.integers(0, 255))
    try:
        info = parse_sps(bytes(damaged))
    except BitstreamError:
        return
    assert 0 < info.width <= 16384
    assert info.codec_string.startswith("hvc1.")


@given(st.binary(max_size=40), st.sampled_from([b"\x42\x01", b"\x44\x01", b"\x40\x01"]))
def test_any_bytes_are_read_or_refused(data: bytes, header: bytes) -> None:
    with contextlib.suppress(BitstreamError):
        video_parameters([header + data, data])
