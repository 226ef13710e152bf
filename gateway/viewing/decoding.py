"""What a decoder of FFmpeg's wants to have of a camera's video: its name, and the pictures as a byte stream."""

from __future__ import annotations

from gateway.media.h264 import join_annex_b
from gateway.media.model import AccessUnit, Codec, VideoParameters

DECODERS = {Codec.H264: "h264", Codec.H265: "hevc"}
"""FFmpeg's names."""


def annex_b(unit: AccessUnit) -> bytes:
    """A picture as a byte stream (annex B of ITU-T H.264 and H.265), a keyframe with its track's parameter sets."""
    nals = list(unit.nals)
    parameters = unit.track.parameters
    if unit.is_keyframe and isinstance(parameters, VideoParameters):
        # In-band sets, where the unit has them, come later and win.
        nals[:0] = [nal for nal in (parameters.vps, parameters.sps, *parameters.pps) if nal]
    return join_annex_b(nals)
