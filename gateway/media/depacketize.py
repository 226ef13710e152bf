"""Which depacketizer a track needs, and what all of them promise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from gateway.media.audio import AacDepacketizer, G711Depacketizer
from gateway.media.h264_rtp import H264Depacketizer
from gateway.media.h265_rtp import H265Depacketizer
from gateway.media.klv_rtp import KlvDepacketizer
from gateway.media.metadata_rtp import MetadataDepacketizer
from gateway.media.model import AccessUnit, Codec, Gap, Track, UtcNs
from gateway.media.rtp import RtpPacket
from gateway.media.timeline import Timeline


class Depacketizer(Protocol):
    """Turns the packets of one track into units. No call raises because of what a packet holds."""

    track: Track
    """With the newest parameters; the units carry it."""
    lost: int
    """Packets missing between those that were pushed. `Reorder.lost` counts the same ones."""
    dropped_units: int
    """Units given up because they were not complete, or too large."""
    dropped_bytes: int
    malformed: int
    """Payloads, NAL units or documents that could not be read."""
    unsupported: int
    """Payloads in a form that is not taken here."""

    def push(self, packet: RtpPacket, received_ns: UtcNs) -> None:
        """Take a packet, in the order of sequence numbers (`Reorder` sees to that). Then pull what is ready."""

    def pull(self) -> AccessUnit | Gap | None:
        """The next item, or None."""

    def flush(self) -> None:
        """The stream has ended: what is complete becomes ready."""


def depacketizer(track: Track, timeline: Timeline, format: Mapping[str, str] | None = None) -> Depacketizer:
    """The depacketizer for `track`. `format`: the fmtp parameters of its SDP, names in lower case.

    Raises:
        ValueError: the track's codec is not taken here.
    """
    match track.codec:
        case Codec.H264:
            return H264Depacketizer(track, timeline)
        case Codec.H265:
            return H265Depacketizer(track, timeline)
        case Codec.AAC:
            return AacDepacketizer(track, timeline, format or {})
        case Codec.PCMU | Codec.PCMA:
            return G711Depacketizer(track, timeline)
        case Codec.ONVIF_METADATA:
            return MetadataDepacketizer(track, timeline)
        case Codec.KLV:
            return KlvDepacketizer(track, timeline)
    raise ValueError(f"no depacketizer for {track.name or track.codec}")
