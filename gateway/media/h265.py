"""H.265 bitstreams (ITU-T H.265): NAL units, what a sequence parameter set says, where decoding can start.

Here belongs what can be read from NAL units by themselves. How RTP carries them is in `h265_rtp`, how a file holds
them in `fmp4`. NAL units are bytes without start code, the two header bytes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from gateway.media.bits import BitReader, BitstreamError
from gateway.media.h264 import unescape
from gateway.media.model import VideoParameters

_MAX_SIDE = 16384
_MAX_REORDER = 16


class NalType(IntEnum):
    """`nal_unit_type` (ITU-T H.265 table 7-1), those that matter here."""

    TRAIL_N = 0
    RASL_R = 9
    BLA_W_LP = 16
    IDR_W_RADL = 19
    IDR_N_LP = 20
    CRA = 21
    LAST_IRAP = 23
    VPS = 32
    SPS = 33
    PPS = 34
    DELIMITER = 35
    END_OF_SEQUENCE = 36
    END_OF_BITSTREAM = 37
    FILLER = 38
    PREFIX_SEI = 39
    SUFFIX_SEI = 40


def nal_type(nal: bytes) -> int:
    """`nal_unit_type` of a unit that is not empty."""
    return nal[0] >> 1 & 0x3F


def is_irap(kind: int) -> bool:
    """Whether decoding can start with a slice of this type: IDR, BLA or CRA (3.69)."""
    return NalType.BLA_W_LP <= kind <= NalType.LAST_IRAP


@dataclass(frozen=True, slots=True)
class SpsInfo:
    """What a sequence parameter set says (7.3.2.2.1)."""

    profile_space: int
    tier: int
    """0: main tier, 1: high tier."""
    profile_idc: int
    compatibility_flags: int
    """32 bits, `general_profile_compatibility_flag[0]` the highest."""
    constraint_flags: int
    """48 bits, from `general_progressive_source_flag` on."""
    level_idc: int
    """30 times the level."""
    sps_id: int
    temporal_layers: int
    temporal_nesting: bool
    chroma_format_idc: int
    bit_depth_luma: int
    bit_depth_chroma: int
    width: int
    """Pixels, the conformance window applied."""
    height: int
    max_reorder_pictures: int
    """`sps_max_num_reorder_pics` of the highest temporal layer."""

    @property
    def reorder_depth(self) -> int:
        """How many pictures may precede one in decoding order and follow it in output order."""
        return min(self.max_reorder_pictures, _MAX_REORDER)

    @property
    def codec_string(self) -> str:
        """As MIME's `codecs` parameter names it (ISO/IEC 14496-15 annex E.3): `hvc1.1.6.L93.B0`."""
        space = ("", "A", "B", "C")[self.profile_space]
        compatibility = int(f"{self.compatibility_flags:032b}"[::-1], 2)
        constraints = f"{self.constraint_flags:012X}"
        parts = [constraints[at : at + 2] for at in range(0, 12, 2)]
        while parts and parts[-1] == "00":
            parts.pop()
        level = f"{'LH'[self.tier]}{self.level_idc}"
        return ".".join(["hvc1", f"{space}{self.profile_idc}", f"{compatibility:X}", level, *parts])


def parse_sps(nal: bytes) -> SpsInfo:
    """Read a sequence parameter set as far as the reorder depth; what follows is not looked at.

    Raises:
        BitstreamError: no sequence parameter set, too short, or sizes that no level allows.
    """
    if len(nal) < 4 or nal_type(nal) != NalType.SPS:
        raise BitstreamError("no H.265 sequence parameter set")
    reader = BitReader(unescape(nal)[2:])
    reader.skip(4)
    sub_layers = reader.bits(3)
    nesting = reader.flag()
    profile_space, tier, profile_idc = reader.bits(2), reader.bits(1), reader.bits(5)
    compatibility_flags, constraint_flags, level_idc = reader.bits(32), reader.bits(48), reader.bits(8)
    _skip_sub_layers(reader, sub_layers)
    sps_id = reader.ue()
    chroma_format_idc = reader.ue()
    if sps_id > 15 or chroma_format_idc > 3:
        raise BitstreamError(f"an H.265 parameter set names id {sps_id} and chroma format {chroma_format_idc}")
    separate_planes = chroma_format_idc == 3 and reader.flag()
    width, height = reader.ue(), reader.ue()
    if reader.flag():
        left, right, top, bottom = reader.ue(), reader.ue(), reader.ue(), reader.ue()
        array_type = 0 if separate_planes else chroma_format_idc
        width -= (left + right) * (2 if array_type in {1, 2} else 1)
        height -= (top + bottom) * (2 if array_type == 1 else 1)
    if not (0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE):
        raise BitstreamError(f"an H.265 parameter set names a picture of {width} by {height}")
    luma, chroma = 8 + reader.ue(), 8 + reader.ue()
    poc_lsb_bits = 4 + reader.ue()
    if luma > 16 or chroma > 16 or poc_lsb_bits > 16:
        raise BitstreamError(f"an H.265 parameter set names {luma} bits a sample")
    reorder = 0
    for _ in range(sub_layers + 1 if reader.flag() else 1):
        reader.ue()
        reorder = reader.ue()
        reader.ue()
    return SpsInfo(
        profile_space=profile_space,
        tier=tier,
        profile_idc=profile_idc,
        compatibility_flags=compatibility_flags,
        constraint_flags=constraint_flags,
        level_idc=level_idc,
        sps_id=sps_id,
        temporal_layers=sub_layers + 1,
        temporal_nesting=nesting,
        chroma_format_idc=chroma_format_idc,
        bit_depth_luma=luma,
        bit_depth_chroma=chroma,
        width=width,
        height=height,
        max_reorder_pictures=reorder,
    )


def _skip_sub_layers(reader: BitReader, count: int) -> None:
    """The rest of profile_tier_level (7.3.3), for `count` layers below the highest."""
    if not count:
        return
    present = [(reader.flag(), reader.flag()) for _ in range(count)]
    reader.skip(2 * (8 - count))
    for profile, level in present:
        reader.skip(88 * profile + 8 * level)


def pps_id(nal: bytes) -> int:
    """The id of a picture parameter set (7.3.2.3.1).

    Raises:
        BitstreamError: no picture parameter set, or too short.
    """
    if len(nal) < 3 or nal_type(nal) != NalType.PPS:
        raise BitstreamError("no H.265 picture parameter set")
    number = BitReader(unescape(nal[:16])[2:]).ue()
    if number > 63:
        raise BitstreamError(f"an H.265 picture parameter set has id {number}")
    return number


def video_parameters(nals: Sequence[bytes], old: VideoParameters | None = None) -> VideoParameters:
    """`old` brought up to date with the parameter sets among `nals`; `old` itself when they say nothing new.

    A new sequence parameter set of other content makes the picture parameter sets of `old` void when picture
    parameter sets come with it.

    Raises:
        BitstreamError: a parameter set that cannot be read.
    """
    base = old or VideoParameters()
    vps, sps, fresh = base.vps, base.sps, {}
    for nal in nals:
        nal = nal.rstrip(b"\0")
        kind = nal_type(nal) if nal else -1
        if kind == NalType.VPS:
            vps = nal
        elif kind == NalType.SPS:
            sps = nal
        elif kind == NalType.PPS:
            fresh[pps_id(nal)] = nal
    if vps == base.vps and sps == base.sps and all(pps in base.pps for pps in fresh.values()):
        return base
    pictures = {} if sps != base.sps and fresh else {pps_id(pps): pps for pps in base.pps}
    pictures |= fresh
    pps = tuple(pictures[number] for number in sorted(pictures))
    if not sps:
        return VideoParameters(vps=vps, pps=pps)
    info = parse_sps(sps)
    depth = info.reorder_depth if sps != base.sps else base.reorder_depth
    return VideoParameters(sps=sps, pps=pps, vps=vps, width=info.width, height=info.height, reorder_depth=depth)
