"""H.264 bitstreams (ITU-T H.264): NAL units, what a sequence parameter set says, where decoding can start.

Here belongs what can be read from NAL units by themselves. How RTP carries them is in `h264_rtp`, how a file holds
them in `fmp4`. NAL units are bytes without start code, header byte first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from gateway.media.bits import BitReader, BitstreamError
from gateway.media.model import VideoParameters

START_CODE = b"\0\0\0\1"

_MAX_SIDE = 16384
"""Pixels: level 6.2 allows 16 864 in one direction; larger numbers are broken bits."""
_MAX_REORDER = 16
"""ITU-T H.264 A.3.1: MaxDpbFrames is at most 16."""
_HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_EXTENDED_SAR = 255
_SEI_RECOVERY_POINT = 6


class NalType(IntEnum):
    """`nal_unit_type` (ITU-T H.264 table 7-1), those that matter here."""

    SLICE = 1
    PARTITION_A = 2
    IDR = 5
    SEI = 6
    SPS = 7
    PPS = 8
    DELIMITER = 9
    END_OF_SEQUENCE = 10
    END_OF_STREAM = 11
    FILLER = 12
    PREFIX = 14


def nal_type(nal: bytes) -> int:
    """`nal_unit_type` of a unit that is not empty."""
    return nal[0] & 0x1F


def is_reference(nal: bytes) -> bool:
    """Whether other pictures may be predicted from this one: `nal_ref_idc` is not 0."""
    return nal[0] & 0x60 != 0


def unescape(nal: bytes) -> bytes:
    """Without the emulation prevention bytes (7.4.1): EBSP to RBSP. The header byte stays."""
    if b"\0\0\3" not in nal:
        return nal
    out = bytearray()
    start = 0
    while (at := nal.find(b"\0\0\3", start)) >= 0:
        out += nal[start : at + 2]
        start = at + 3
    out += nal[start:]
    return bytes(out)


def split_annex_b(data: bytes) -> list[bytes]:
    """The NAL units between start codes (annex B); trailing zero bytes are not part of a unit. None is empty."""
    nals = []
    start = data.find(b"\0\0\1")
    while start >= 0:
        end = data.find(b"\0\0\1", start + 3)
        nal = data[start + 3 : end if end >= 0 else len(data)].rstrip(b"\0")
        if nal:
            nals.append(nal)
        start = end
    return nals


def join_annex_b(nals: Iterable[bytes]) -> bytes:
    """The NAL units, each after a start code of four bytes (annex B)."""
    return b"".join(part for nal in nals for part in (START_CODE, nal))


@dataclass(frozen=True, slots=True)
class SpsInfo:
    """What a sequence parameter set says (7.3.2.1.1, E.1.1)."""

    profile_idc: int
    constraint_flags: int
    """The byte between profile and level: constraint_set0_flag is its highest bit."""
    level_idc: int
    sps_id: int
    chroma_format_idc: int
    bit_depth_luma: int
    bit_depth_chroma: int
    width: int
    """Pixels, cropping applied."""
    height: int
    poc_type: int
    max_ref_frames: int
    frame_mbs_only: bool
    """False: pictures may be fields."""
    frame_seconds: float | None
    """Seconds a frame by VUI's timing, which many cameras invent; None: it says nothing."""
    max_reorder_frames: int | None
    """VUI's `max_num_reorder_frames`; None: it says nothing."""

    @property
    def reorder_depth(self) -> int:
        """How many pictures may precede one in decoding order and follow it in output order.

        VUI's word where there is one. Else 0: certain for Baseline and for picture order count type 2 (8.2.1.3), and
        what cameras do elsewhere too; the depacketizer learns better from a timestamp that goes back.
        """
        return min(self.max_reorder_frames or 0, _MAX_REORDER)

    @property
    def codec_string(self) -> str:
        """As MIME's `codecs` parameter names it (RFC 6381 3.3): `avc1.64001F`."""
        return f"avc1.{self.profile_idc:02X}{self.constraint_flags:02X}{self.level_idc:02X}"


def parse_sps(nal: bytes) -> SpsInfo:
    """Read a sequence parameter set. A VUI that ends too early counts as silent: some cameras cut it.

    Raises:
        BitstreamError: no sequence parameter set, too short, or sizes that no level allows.
    """
    if len(nal) < 4 or nal_type(nal) != NalType.SPS:
        raise BitstreamError("no H.264 sequence parameter set")
    reader = BitReader(unescape(nal)[1:])
    profile_idc, constraint_flags, level_idc = reader.bits(8), reader.bits(8), reader.bits(8)
    sps_id = reader.ue()
    chroma_format_idc, luma, chroma, separate_planes = 1, 8, 8, False
    if profile_idc in _HIGH_PROFILES:
        chroma_format_idc = reader.ue()
        if chroma_format_idc > 3:
            raise BitstreamError(f"an H.264 parameter set names chroma format {chroma_format_idc}")
        if chroma_format_idc == 3:
            separate_planes = reader.flag()
        luma, chroma = 8 + reader.ue(), 8 + reader.ue()
        if luma > 14 or chroma > 14:
            raise BitstreamError(f"an H.264 parameter set names {luma} bits a sample")
        reader.skip(1)
        if reader.flag():
            for index in range(12 if chroma_format_idc == 3 else 8):
                if reader.flag():
                    _skip_scaling_list(reader, 16 if index < 6 else 64)
    frame_num_bits = 4 + reader.ue()
    poc_type, poc_lsb_bits = reader.ue(), 0
    if poc_type == 0:
        poc_lsb_bits = 4 + reader.ue()
    elif poc_type == 1:
        reader.skip(1)
        reader.se()
        reader.se()
        for _ in range(_limited(reader.ue(), 255, "reference frames in a picture order count cycle")):
            reader.se()
    if frame_num_bits > 16 or poc_lsb_bits > 16 or poc_type > 2:
        raise BitstreamError("an H.264 parameter set counts its pictures in a way the standard does not know")
    max_ref_frames = reader.ue()
    reader.skip(1)
    mbs_wide, map_units_high = reader.ue() + 1, reader.ue() + 1
    frame_mbs_only = reader.flag()
    if not frame_mbs_only:
        reader.skip(1)
    reader.skip(1)
    width, height = 16 * mbs_wide, 16 * map_units_high * (1 if frame_mbs_only else 2)
    if reader.flag():
        left, right, top, bottom = reader.ue(), reader.ue(), reader.ue(), reader.ue()
        array_type = 0 if separate_planes else chroma_format_idc
        width -= (left + right) * (2 if array_type in {1, 2} else 1)
        height -= (top + bottom) * (2 if array_type == 1 else 1) * (1 if frame_mbs_only else 2)
    if not (0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE):
        raise BitstreamError(f"an H.264 parameter set names a picture of {width} by {height}")
    try:
        timing, reorder = _parse_vui(reader) if reader.flag() else (None, None)
    except BitstreamError:
        timing, reorder = None, None
    return SpsInfo(
        profile_idc=profile_idc,
        constraint_flags=constraint_flags,
        level_idc=level_idc,
        sps_id=_limited(sps_id, 31, "sequence parameter set id"),
        chroma_format_idc=chroma_format_idc,
        bit_depth_luma=luma,
        bit_depth_chroma=chroma,
        width=width,
        height=height,
        poc_type=poc_type,
        max_ref_frames=max_ref_frames,
        frame_mbs_only=frame_mbs_only,
        frame_seconds=timing,
        max_reorder_frames=reorder,
    )


def _limited(value: int, limit: int, what: str) -> int:
    if value > limit:
        raise BitstreamError(f"an H.264 parameter set holds {value} as {what}")
    return value


def _skip_scaling_list(reader: BitReader, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + reader.se()) % 256
        last = following or last


def _parse_vui(reader: BitReader) -> tuple[float | None, int | None]:
    """Seconds a frame, and the reorder depth, where said (E.1.1)."""
    timing: float | None = None
    if reader.flag() and reader.bits(8) == _EXTENDED_SAR:
        reader.skip(32)
    if reader.flag():
        reader.skip(1)
    if reader.flag():
        reader.skip(4)
        if reader.flag():
            reader.skip(24)
    if reader.flag():
        reader.ue()
        reader.ue()
    if reader.flag():
        units, scale = reader.bits(32), reader.bits(32)
        reader.skip(1)
        if units and scale:
            timing = 2 * units / scale
    hrds = 0
    for _ in range(2):
        if reader.flag():
            _skip_hrd(reader)
            hrds += 1
    if hrds:
        reader.skip(1)
    reader.skip(1)
    if not reader.flag():
        return timing, None
    reader.skip(1)
    for _ in range(4):
        reader.ue()
    return timing, reader.ue()


def _skip_hrd(reader: BitReader) -> None:
    """E.1.2."""
    count = _limited(reader.ue(), 31, "HRD count") + 1
    reader.skip(8)
    for _ in range(count):
        reader.ue()
        reader.ue()
        reader.skip(1)
    reader.skip(20)


def recovery_frame_count(sei: bytes) -> int | None:
    """After how many frames the picture is complete, by a recovery point message in this SEI unit (D.1.8); else None.

    A message that is cut short counts as absent.
    """
    data = unescape(sei)
    at, end = 1, len(data)
    while at + 2 <= end:
        numbers = []
        for _ in range(2):
            number = 0
            while at < end and data[at] == 0xFF:
                number += 255
                at += 1
            if at >= end:
                return None
            numbers.append(number + data[at])
            at += 1
        payload_type, size = numbers
        if payload_type == _SEI_RECOVERY_POINT:
            try:
                return BitReader(data[at : at + size]).ue()
            except BitstreamError:
                return None
        at += size
        if data[at:] == b"\x80":
            return None
    return None


def pps_id(nal: bytes) -> int:
    """The id of a picture parameter set (7.3.2.2).

    Raises:
        BitstreamError: no picture parameter set, or too short.
    """
    if len(nal) < 2 or nal_type(nal) != NalType.PPS:
        raise BitstreamError("no H.264 picture parameter set")
    return _limited(BitReader(unescape(nal[:16])[1:]).ue(), 255, "picture parameter set id")


def video_parameters(nals: Sequence[bytes], old: VideoParameters | None = None) -> VideoParameters:
    """`old` brought up to date with the parameter sets among `nals`; `old` itself when they say nothing new.

    A new sequence parameter set of other content makes the picture parameter sets of `old` void when picture
    parameter sets come with it.

    Raises:
        BitstreamError: a parameter set that cannot be read.
    """
    base = old or VideoParameters()
    sps, fresh = base.sps, {}
    for nal in nals:
        nal = nal.rstrip(b"\0")  # zeros after the stop bit are padding, which some cameras put into their SDP only
        kind = nal_type(nal) if nal else -1
        if kind == NalType.SPS:
            sps = nal
        elif kind == NalType.PPS:
            fresh[pps_id(nal)] = nal
    if sps == base.sps and all(pps in base.pps for pps in fresh.values()):
        return base
    pictures = {} if sps != base.sps and fresh else {pps_id(pps): pps for pps in base.pps}
    pictures |= fresh
    pps = tuple(pictures[number] for number in sorted(pictures))
    if not sps:
        return VideoParameters(pps=pps)
    info = parse_sps(sps)
    depth = info.reorder_depth if sps != base.sps else base.reorder_depth
    return VideoParameters(sps=sps, pps=pps, width=info.width, height=info.height, reorder_depth=depth)
