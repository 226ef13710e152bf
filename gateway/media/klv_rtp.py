"""KLV in RTP (RFC 6597, `smpte336m`): from packets to whole units, which end at the marker.

A unit holds one or more key-length-value items of one moment. What they say is `gateway.positions.klv`'s to read.
"""

from __future__ import annotations

from gateway.media.metadata_rtp import MetadataDepacketizer
from gateway.media.model import Track
from gateway.media.timeline import Timeline

MAX_UNIT = 64 << 10
"""Bytes. A local set with everything the standard knows stays below 2 kB."""

_LABEL = b"\x06\x0e\x2b\x34"
"""How every key of SMPTE begins (ST 298)."""


class KlvDepacketizer(MetadataDepacketizer):
    """One unit a moment, as its bytes."""

    def __init__(self, track: Track, timeline: Timeline, *, max_unit: int = MAX_UNIT) -> None:
        super().__init__(track, timeline, max_document=max_unit)

    def _begins(self, payload: bytes) -> bool:
        return payload.startswith(_LABEL)
