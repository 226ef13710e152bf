"""An access unit of any codec cut into RTP payloads, as every sender of ours needs it.

How a codec of video is cut stands beside its depacketizer. Headers, sequence numbers and who gets the packets are the
caller's.
"""

from __future__ import annotations

from gateway.media import h264_rtp, h265_rtp
from gateway.media.model import AccessUnit, Codec, TrackKind, VideoParameters

MAX_PAYLOAD = 1400
"""Bytes: with RTP, UDP, IPv6 and a tunnel's headers it still fits an Ethernet frame."""

_H264_SPS, _H265_SPS = 7, 33
_AAC_SIZE_LIMIT = 1 << 13


def payloads(unit: AccessUnit, *, limit: int = MAX_PAYLOAD) -> list[bytes]:
    """The payloads of `unit`, none longer than `limit` bytes; the last one's packet carries the marker.

    A keyframe that does not bring its parameter sets gets those of its track before it, so that a receiver that knows
    only an old description can go on. AAC is sent as AAC-hbr, one frame (RFC 3640 3.3.6); G.711 (RFC 3551 4.5.14) and
    metadata (ONVIF Streaming 5.1.2.1.1) as they are, cut.

    Raises:
        ValueError: an AAC frame is too long for its header.
    """
    codec = unit.track.codec
    if unit.track.kind is TrackKind.VIDEO:
        packetize = h265_rtp.packetize if codec is Codec.H265 else h264_rtp.packetize
        return packetize(_with_parameter_sets(unit), limit)
    data = b"".join(unit.nals)
    if codec is Codec.AAC:
        if len(data) >= _AAC_SIZE_LIMIT:
            raise ValueError(f"an AAC frame of {len(data)} bytes does not fit RFC 3640's AAC-hbr")
        header = b"\x00\x10" + (len(data) << 3).to_bytes(2, "big")
        return [header + data[at : at + limit - 4] for at in range(0, len(data), limit - 4)]
    return [data[at : at + limit] for at in range(0, len(data), limit)]


def _with_parameter_sets(unit: AccessUnit) -> tuple[bytes, ...]:
    parameters = unit.track.parameters
    if not unit.is_keyframe or not isinstance(parameters, VideoParameters) or not parameters.complete:
        return unit.nals
    if unit.track.codec is Codec.H265:
        if any(nal[0] >> 1 & 0x3F == _H265_SPS for nal in unit.nals):
            return unit.nals
        return (*((parameters.vps,) if parameters.vps else ()), parameters.sps, *parameters.pps, *unit.nals)
    if any(nal[0] & 0x1F == _H264_SPS for nal in unit.nals):
        return unit.nals
    return (parameters.sps, *parameters.pps, *unit.nals)
