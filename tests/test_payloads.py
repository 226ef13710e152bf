"""Units of each codec cut into RTP payloads."""

from __future__ import annotations

import pytest

from gateway.media.model import (
    AccessUnit,
    AudioParameters,
    Codec,
    MetadataParameters,
    Parameters,
    TimeSource,
    Track,
    TrackKind,
    VideoParameters,
)
from gateway.media.payloads import MAX_PAYLOAD, payloads

H264_SETS = VideoParameters(b"\x67sps", (b"\x68pps",))
H265_SETS = VideoParameters(b"\x42\x01sps", (b"\x44\x01pps",), b"\x40\x01vps")


def unit(kind: TrackKind, codec: Codec, parameters: Parameters, *nals: bytes, key: bool = True) -> AccessUnit:
    track = Track(0, kind, codec, 90_000, parameters)
    return AccessUnit(track, 0, 0, 0, TimeSource.RTCP, 0, nals, key, sum(map(len, nals)))


def test_a_keyframe_gets_the_parameter_sets_it_lacks() -> None:
    bare = unit(TrackKind.VIDEO, Codec.H264, H264_SETS, b"\x65idr")
    assert payloads(bare) == [b"\x78\x00\x04\x67sps\x00\x04\x68pps\x00\x04\x65idr"]
    own = unit(TrackKind.VIDEO, Codec.H264, H264_SETS, b"\x67new", b"\x68new", b"\x65idr")
    assert payloads(own) == [b"\x78\x00\x04\x67new\x00\x04\x68new\x00\x04\x65idr"]
    other = unit(TrackKind.VIDEO, Codec.H264, H264_SETS, b"\x41p", key=False)
    assert payloads(other) == [b"\x41p"]


def test_h265_gets_its_three_sets() -> None:
    bare = unit(TrackKind.VIDEO, Codec.H265, H265_SETS, b"\x26\x01idr")
    joined = b"".join(payloads(bare))
    assert [joined.find(nal) for nal in (b"\x40\x01vps", b"\x42\x01sps", b"\x44\x01pps", b"\x26\x01idr")] == [
        4,
        11,
        18,
        25,
    ]
    own = unit(TrackKind.VIDEO, Codec.H265, H265_SETS, b"\x42\x01new", b"\x26\x01idr")
    assert b"vps" not in b"".join(payloads(own))


@pytest.mark.parametrize("length", [1, 100, MAX_PAYLOAD - 4, MAX_PAYLOAD - 3, 8191])
def test_aac_has_one_header_of_its_whole_length_in_each_piece(length: int) -> None:
    parts = payloads(unit(TrackKind.AUDIO, Codec.AAC, AudioParameters(48_000), b"\x21" * length))
    assert all(part[:2] == b"\x00\x10" and int.from_bytes(part[2:4], "big") >> 3 == length for part in parts)
    assert b"".join(part[4:] for part in parts) == b"\x21" * length
    assert max(map(len, parts)) <= MAX_PAYLOAD


def test_aac_too_long_for_its_header() -> None:
    with pytest.raises(ValueError, match="8192 bytes"):
        payloads(unit(TrackKind.AUDIO, Codec.AAC, AudioParameters(48_000), bytes(8192)))


def test_sound_and_documents_are_only_cut() -> None:
    for kind, codec, parameters in (
        (TrackKind.AUDIO, Codec.PCMU, AudioParameters()),
        (TrackKind.METADATA, Codec.ONVIF_METADATA, MetadataParameters()),
    ):
        data = bytes(range(256)) * 12
        parts = payloads(unit(kind, codec, parameters, data))
        assert [len(part) for part in parts] == [1400, 1400, 272]
        assert b"".join(parts) == data
