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


def escape(rbsp: bytes) -> bytes:
    """With emulation prevention bytes (7.4.1): RBSP to EBSP."""
    out = bytearray()
    zeros = 0
    for byte in rbsp:
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    if zeros:
        out.append(3)
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
    frame_num_bits: int
    poc_type: int
    poc_lsb_bits: int
    """0 unless `poc_type` is 0."""
    max_ref_frames: int
    frame_mbs_only: bool
    """False: pictures may be fields."""
    separate_planes: bool
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
    def never_reorders(self) -> bool:
        """Whether the standard forbids B-frames here: Baseline, or picture order count type 2."""
        return self.profile_idc == 66 or self.poc_type == 2 or self.max_reorder_frames == 0

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
        frame_num_bits=frame_num_bits,
        poc_type=poc_type,
        poc_lsb_bits=poc_lsb_bits,
        max_ref_frames=max_ref_frames,
        frame_mbs_only=frame_mbs_only,
        separate_planes=separate_planes,
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


class SliceType(IntEnum):
    """`slice_type` modulo 5 (table 7-6)."""

    P = 0
    B = 1
    I = 2  # noqa: E741 - the standard's name
    SP = 3
    SI = 4


@dataclass(frozen=True, slots=True)
class SliceHeader:
    """The beginning of a slice header (7.3.3), as far as it needs no picture parameter set beyond its id."""

    first_mb: int
    """`first_mb_in_slice`: 0 begins a picture."""
    slice_type: SliceType
    pps_id: int
    frame_num: int
    is_field: bool
    is_bottom_field: bool


def parse_slice_header(nal: bytes, sps: SpsInfo) -> SliceHeader:
    """Read the beginning of a slice, of types 1, 2 and 5.

    Raises:
        BitstreamError: no slice, or too short.
    """
    if not nal or nal_type(nal) not in {NalType.SLICE, NalType.PARTITION_A, NalType.IDR}:
        raise BitstreamError("no H.264 slice")
    reader = BitReader(unescape(nal[:32])[1:])
    first_mb, slice_type, pps_id = reader.ue(), reader.ue(), reader.ue()
    if sps.separate_planes:
        reader.skip(2)
    frame_num = reader.bits(sps.frame_num_bits)
    is_field = not sps.frame_mbs_only and reader.flag()
    is_bottom = is_field and reader.flag()
    return SliceHeader(first_mb, SliceType(slice_type % 5), pps_id, frame_num, is_field, is_bottom)


def slice_type(nal: bytes) -> SliceType:
    """The type of a slice, needing no parameter set.

    Raises:
        BitstreamError: too short for a slice.
    """
    reader = BitReader(unescape(nal[:16])[1:])
    reader.ue()
    return SliceType(reader.ue() % 5)


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


def pps_ids(nal: bytes) -> tuple[int, int]:
    """The id of a picture parameter set, and of the sequence parameter set it refers to (7.3.2.2).

    Raises:
        BitstreamError: no picture parameter set, or too short.
    """
    if len(nal) < 2 or nal_type(nal) != NalType.PPS:
        raise BitstreamError("no H.264 picture parameter set")
    reader = BitReader(unescape(nal[:16])[1:])
    pps_id, sps_id = reader.ue(), reader.ue()
    return _limited(pps_id, 255, "picture parameter set id"), _limited(sps_id, 31, "sequence parameter set id")


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
            fresh[pps_ids(nal)[0]] = nal
    if sps == base.sps and all(pps in base.pps for pps in fresh.values()):
        return base
    pictures = {} if sps != base.sps and fresh else {pps_ids(pps)[0]: pps for pps in base.pps}
    pictures |= fresh
    pps = tuple(pictures[pps_id] for pps_id in sorted(pictures))
    if not sps:
        return VideoParameters(pps=pps)
    info = parse_sps(sps)
    depth = info.reorder_depth if sps != base.sps else base.reorder_depth
    return VideoParameters(sps=sps, pps=pps, width=info.width, height=info.height, reorder_depth=depth)
