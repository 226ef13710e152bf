"""What the catalog says, as values: Recordings, Segments, gaps, and what still grows.

They come from `gateway.recording.catalog`; what a recorder tells it is `gateway.recording.entries`. Nothing of a
database is in here: worker processes do without.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.media.model import GapReason, TrackKind, UtcNs
from gateway.recording.chunks import Cuts
from gateway.recording.entries import TrackContent


@dataclass(frozen=True, slots=True)
class Span:
    """The extent of a Recording; it may still grow."""

    start_ns: UtcNs
    end_ns: UtcNs


@dataclass(frozen=True, slots=True)
class OpenSegment:
    """What is written of a file that is still open."""

    path: str
    start_ns: UtcNs
    size: int
    """Bytes of whole fragments."""
    tracks: tuple[TrackContent, ...]
    cuts: Cuts
    """May tell of more than is written."""


@dataclass(frozen=True, slots=True)
class Growing:
    """The extent of a Recording on disk while it is made, and the file that grows."""

    start_ns: UtcNs
    end_ns: UtcNs
    segment: OpenSegment | None


@dataclass(frozen=True, slots=True)
class Missing:
    """Media that is not there. `end_ns` None: not over yet. `kind` None: all tracks."""

    start_ns: UtcNs
    end_ns: UtcNs | None
    reason: GapReason
    kind: TrackKind | None
    packets: int
    detail: str


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """A finished Segment, as the catalog knows it."""

    camera: str
    path: str
    start_ns: UtcNs
    end_ns: UtcNs
    size: int
    sha256: bytes
    adopted: bool
    chunks: bytes | None = None
    """`gateway.recording.chunks.Cuts`, packed; None: nobody has looked for them yet."""


@dataclass(frozen=True, slots=True)
class StoredSegment:
    """A finished Segment, with what is needed to show it."""

    id: int
    recording: int
    """The number of its Recording."""
    path: str
    start_ns: UtcNs
    end_ns: UtcNs
    size: int
    tracks: tuple[TrackContent, ...]
    chunks: bytes | None
    """`gateway.recording.chunks.Cuts`, packed; None: nobody has looked for them yet."""
