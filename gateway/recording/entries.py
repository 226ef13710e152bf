"""What a recorder tells the catalog, in the order in which it happened.

Values only: how they are stored is `gateway.recording.catalog`'s business.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from gateway.media.model import GapReason, TimeSource, TrackKind, UtcNs


@dataclass(frozen=True, slots=True)
class RecordingOpened:
    """The first Segment of a Recording is on disk. Ends the gap before it, if there is one."""

    start_ns: UtcNs


@dataclass(frozen=True, slots=True)
class TrackContent:
    """How much of one track a Segment holds."""

    id: int
    kind: TrackKind
    codec: str
    units: int


@dataclass(frozen=True, slots=True)
class CameraClock:
    """How the first picture of a Segment got its UTC."""

    source: TimeSource
    offset_ms: int
    """That UTC, less the gateway's when it came: how far the camera's clock is ahead, less what the way took."""


class Recovery(StrEnum):
    """What the ledger says of a file that its recorder did not finish."""

    INTERRUPTED = "interrupted"
    """Every byte that the ledger knows of is as it was; what follows was written after its last row."""
    CHANGED = "changed"
    """Not every byte that the ledger knows of is as it was."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """How much of an adopted Segment is proven."""

    proven_bytes: int
    """From its beginning; for the rest nobody vouches but who adopted it."""
    why: Recovery
    detail: str = ""
    """Of what was changed: which bytes."""


@dataclass(frozen=True, slots=True)
class Original:
    """The file that a Segment was imported from, as it was then; it is not kept."""

    name: str
    """Without its folder."""
    size: int
    """In bytes."""
    sha256: bytes


@dataclass(frozen=True, slots=True)
class SegmentFinished:
    """A file is complete and fsynced. Belongs to the Recording that is open, but for an imported one."""

    path: str
    """Relative to the folder of recordings, with `/` between its parts."""
    start_ns: UtcNs
    end_ns: UtcNs
    size: int
    """In bytes."""
    sha256: bytes
    tracks: tuple[TrackContent, ...]
    adopted: bool = False
    """Closed by someone else than the recorder that began it."""
    recovered: Recovered | None = None
    """Of an adopted one."""
    camera_clock: CameraClock | None = None
    """None: not known any more."""
    chunks: bytes | None = None
    """`gateway.recording.chunks.Cuts`, packed; None: nobody has looked for them yet."""
    original: Original | None = None
    """Of one that was imported: it came from a dock or a card, not from the Hub."""


@dataclass(frozen=True, slots=True)
class RecordingClosed:
    """The open Recording ends. `reason`: why media is missing from now on; None: the next start of the gateway says."""

    end_ns: UtcNs
    reason: GapReason | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class LossFound:
    """Media is missing inside the open Recording."""

    start_ns: UtcNs
    end_ns: UtcNs
    reason: GapReason
    kind: TrackKind | None
    """None: all tracks."""
    packets: int = 0
    detail: str = ""


Entry: TypeAlias = RecordingOpened | SegmentFinished | RecordingClosed | LossFound
