"""gateway.media.h264 and .bits: NAL units and parameter sets."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.media import h264
from gateway.media.bits import BitReader, BitstreamError
from gateway.media.h264 import parse_sps, recovery_frame_count, video_parameters
from gateway.media.model import VideoParameters
from tests.data import shared

DAHUA = base64.b64decode("Z2QAHqwsaoLA9puCgIKgAAADACAAAAMD0IAA")
HIKVISION = base64.b64decode("Z00AKZpkA8ARPyzUBAQFAAADA+gAAOpgBA==")
REOLINK_WITHOUT_VUI = base64.b64decode("Z2QAM6zoAoALWQ==")
BUNNY_BASELINE = base64.b64decode("Z0LAHtkDxWhAAAADAEAAAAwDxYuS")
X264_WITH_B_FRAMES = bytes.fromhex("6764001facd9405005ba1000000300100000030320f1831960")
"""libx264, `bf=3:b-pyramid=normal`: the pictures after the first come with pts 4, 2, 1, 3."""
PPS = base64.b64decode("aO48gA==")
PPS_1 = bytes.fromhex("68538f20")
"""Id 1, for sequence parameter set 0."""


class Bits:
    """Writes what BitReader reads."""

    def __init__(self) -> None:
        self.text = ""

    def u(self, count: int, value: int) -> Bits:
        self.text += f"{value:0{count}b}"
        return self

    def ue(self, *values: int) -> Bits:
        for value in values:
            code = f"{value + 1:b}"
            self.text += "0" * (len(code) - 1) + code
        return self

    def rbsp(self) -> bytes:
        text = self.text + "1"
        text += "0" * (-len(text) % 8)
        return int(text, 2).to_bytes(len(text) // 8, "big")


def escape(rbsp: bytes) -> bytes:
    """With emulation prevention bytes (ITU-T H.264 7.4.1)."""
    out = bytearray()
    for byte in rbsp:
        if out.endswith(b"\0\0") and byte <= 3:
            out.append(3)
        out.append(byte)
    return bytes(out)


# ---- bits


@given(st.lists(st.integers(0, 100_000), max_size=20))
def test_exp_golomb_codes_are_read_as_written(values: list[int]) -> None:
    reader = BitReader(Bits().ue(*values).rbsp())
    assert [reader.ue() for _ in values] == values


def test_signed_codes() -> None:
    reader = BitReader(Bits().ue(0, 1, 2, 3, 4).rbsp())
    assert [reader.se() for _ in range(5)] == [0, 1, -1, 2, -2]


@pytest.mark.parametrize("data", [b"", bytes(20), b"\x01"])
def test_a_code_without_end_is_refused(data: bytes) -> None:
    with pytest.raises(BitstreamError):
        BitReader(data).ue()


# ---- NAL units


@given(st.binary(max_size=60), st.booleans())
def test_emulation_prevention_is_undone(payload: bytes, zeros: bool) -> None:
    rbsp = b"\x67" + (payload.replace(b"\x80", b"\0\0") if zeros else payload) + b"\x80"
    escaped = escape(rbsp)
    assert h264.unescape(escaped) == rbsp
    assert re.search(rb"\0\0[\0-\2]", escaped) is None


@given(st.lists(st.binary(min_size=1, max_size=30).map(lambda b: escape(b"\x65" + b) + b"\x80"), max_size=5))
def test_annex_b_is_split_where_it_was_joined(nals: list[bytes]) -> None:
    assert h264.split_annex_b(h264.join_annex_b(nals)) == nals
    assert h264.split_annex_b(b"".join(b"\0\0\1" + nal + b"\0\0" for nal in nals)) == nals


# ---- sequence parameter sets


@pytest.mark.parametrize(
    ("sps", "size", "codec", "frame_seconds", "reorder"),
    [
        (DAHUA, (704, 480), "avc1.64001E", 1 / 15, None),
        (HIKVISION, (1920, 1080), "avc1.4D0029", 1 / 30, None),
        (REOLINK_WITHOUT_VUI, (2560, 1440), "avc1.640033", None, None),
        (BUNNY_BASELINE, (240, 160), "avc1.42C01E", 1 / 24, 0),
        (X264_WITH_B_FRAMES, (1280, 720), "avc1.64001F", 1 / 25, 2),
    ],
    ids=["dahua", "hikvision", "reolink", "bunny", "x264"],
)
def test_what_cameras_say(
    sps: bytes, size: tuple[int, int], codec: str, frame_seconds: float | None, reorder: int | None
) -> None:
    info = parse_sps(sps)
    assert ((info.width, info.height), info.codec_string, info.max_reorder_frames) == (size, codec, reorder)
    assert info.frame_seconds == (None if frame_seconds is None else pytest.approx(frame_seconds, rel=0.01))
    assert info.reorder_depth == (reorder or 0)


def test_the_sizes_of_recorded_cameras() -> None:
    expected = {
        "hikvision_describe.txt": (1920, 1080),
        "dahua_describe_h264_aac_onvif.txt": (704, 480),
        "reolink_describe.txt": (2560, 1440),
        "bunny_describe.txt": (240, 160),
    }
    for name, size in expected.items():
        text = shared(f"rtsp/{name}").read_text(errors="replace")
        sets = re.search(r"sprop-parameter-sets=([^;\s]+)", text)
        assert sets is not None
        parameters = video_parameters([base64.b64decode(part) for part in sets[1].split(",")])
        assert (parameters.width, parameters.height) == size
        assert parameters.complete


def test_interlaced_pictures_with_scaling_lists_and_cropping() -> None:
    bits = Bits().ue(0, 1, 0, 0).u(1, 0).u(1, 1)  # id, 4:2:0, 8 and 8 bits, no bypass, scaling matrix
    bits.u(1, 1)
    for _ in range(16):
        bits.ue(0)  # a list that stays at 8
    bits.u(1, 1).ue(16)  # delta -8: the default list
    bits.u(6, 0)
    bits.ue(0, 1).u(1, 0).ue(0, 0, 1, 1)  # frame_num; order count type 1 with one delta of 1
    bits.ue(2).u(1, 0).ue(119, 33).u(1, 0).u(1, 1).u(1, 1)  # 1920 by 2 * 544, fields, adaptive
    bits.u(1, 1).ue(0, 0, 0, 2).u(1, 0)
    info = parse_sps(escape(b"\x67\x64\x00\x28" + bits.rbsp()))
    assert (info.width, info.height, info.frame_mbs_only, info.poc_type) == (1920, 1080, False, 1)


def test_a_vui_that_is_cut_counts_as_silent() -> None:
    info = parse_sps(X264_WITH_B_FRAMES[:14])
    assert (info.width, info.height, info.max_reorder_frames) == (1280, 720, None)


@pytest.mark.parametrize("sps", [b"", b"\x67", PPS, X264_WITH_B_FRAMES[:6], b"\x67\xff\xff\xff" + bytes(30)])
def test_what_is_no_parameter_set_is_refused(sps: bytes) -> None:
    with pytest.raises(BitstreamError):
        parse_sps(sps)


@given(st.sampled_from([DAHUA, HIKVISION, X264_WITH_B_FRAMES]), st.data())
def test_damaged_parameter_sets_are_read_or_refused(sps: bytes, data: st.DataObject) -> None:
    damaged = bytearray(sps)
    for _ in range(data.draw(st.integers(1, 5))):
        damaged[data.draw(st.integers(1, len(sps) - 1))] = data.draw(st.integers(0, 255))
    try:
        info = parse_sps(bytes(damaged))
    except BitstreamError:
        return
    assert 0 < info.width <= 16384
    assert 0 < info.height <= 16384
    assert 0 <= info.reorder_depth <= 16


@given(st.binary(max_size=40), st.sampled_from([0x67, 0x68, 0x65, 0x06]))
def test_any_bytes_are_read_or_refused(data: bytes, header: int) -> None:
    nal = bytes([header]) + data
    for read in (
        lambda: parse_sps(nal),
        lambda: h264.pps_id(nal),
        lambda: video_parameters([nal, data]),
    ):
        try:
            read()
        except BitstreamError:
            continue
    count = recovery_frame_count(nal)
    assert count is None or count >= 0


# ---- parameters of a track


def test_parameters_stay_the_same_value_while_nothing_is_new() -> None:
    old = video_parameters([HIKVISION, PPS])
    assert (old.width, old.height, old.complete) == (1920, 1080, True)
    assert video_parameters([HIKVISION, PPS, b"\x65\x88"], old) is old
    assert video_parameters([PPS + b"\0\0"], old) is old


def test_a_second_picture_parameter_set_joins_the_first() -> None:
    old = video_parameters([HIKVISION, PPS])
    assert video_parameters([PPS_1], old).pps == (PPS, PPS_1)


def test_a_new_sequence_parameter_set_brings_its_own_picture_parameter_sets() -> None:
    old = video_parameters([HIKVISION, PPS, PPS_1])
    new = video_parameters([X264_WITH_B_FRAMES, PPS], old)
    assert new == VideoParameters(X264_WITH_B_FRAMES, (PPS,), b"", 1280, 720, 2)
    assert video_parameters([X264_WITH_B_FRAMES], old).pps == (PPS, PPS_1)


# ---- recovery points


@pytest.mark.parametrize(
    ("sei", "count"),
    [
        (b"\x06\x06\x01\xc4\x80", 0),
        (b"\x06\x06\x02\x09\xa0\x80", 18),
        (b"\x06\x05\x02ab\x06\x01\xc4\x80", 0),
        (b"\x06\x05\xff\x00" + b"x" * 255 + b"\x06\x01\xc4\x80", 0),
        (b"\x06\x05\x02ab\x80", None),
        (b"\x06\x06\x09", None),
        (b"\x06\xff\xff", None),
        (b"\x06", None),
    ],
)
def test_recovery_points(sei: bytes, count: int | None) -> None:
    assert recovery_frame_count(sei) == count
