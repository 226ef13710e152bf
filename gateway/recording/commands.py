"""What is to be done on disk, in order: made by the composer, executed by the writer, which hands entries on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TypeAlias

from gateway.media.model import TrackKind, UtcNs
from gateway.recording.chunks import Cuts
from gateway.recording.entries import CameraClock, LossFound, RecordingClosed, RecordingOpened, TrackContent


@dataclass(slots=True)
class Begin:
    """Create the file of a Segment whose first keyframe was captured at `start_ns`, and write its header."""

    start_ns: UtcNs
    header: bytes
    clock: CameraClock


@dataclass(slots=True)
class Append:
    """Append whole fragments to the open file, which then reaches to `end_ns`."""

    buffers: list[bytes] = field(default_factory=list)
    size: int = 0
    end_ns: UtcNs = 0
    units: Counter[TrackKind] = field(default_factory=Counter)


@dataclass(slots=True)
class End:
    """The open file is complete."""

    start_ns: UtcNs
    end_ns: UtcNs
    tracks: tuple[TrackContent, ...]
    cuts: Cuts


Command: TypeAlias = Begin | Append | End | RecordingOpened | RecordingClosed | LossFound
