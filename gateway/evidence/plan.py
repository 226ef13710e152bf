"""What a worker is given to make an export of: everything that the databases know of it, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.evidence.export import ExportRequest
from gateway.media.model import UtcNs
from gateway.recording.footage import Footage


@dataclass(frozen=True, slots=True)
class CameraPlan:
    """What goes in of one camera."""

    camera: str
    label: str
    """The name that people see."""
    stem: str
    """What its files are called, without suffix."""
    footage: Footage
    fixes: Path | None
    """Where its positions were written for the worker: records of `gateway.positions.blocks`."""
    sound: bool
    positions: bool
    hidden: tuple[tuple[UtcNs, UtcNs | None], ...]
    """When a privacy mode hid its position: from (inclusive), to (exclusive); None: it still does."""
    told: Mapping[str, Any]
    """What the report says of it, but for the video: JSON."""

    def hides(self, utc_ns: UtcNs) -> bool:
        """Whether the position of this moment is not to be told."""
        return not self.positions or any(
            start_ns <= utc_ns and (end_ns is None or utc_ns < end_ns) for start_ns, end_ns in self.hidden
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """One export."""

    id: str
    request: ExportRequest
    recordings: Path
    """The folder of recordings."""
    folder: Path
    """Where its files go; the positions are there already."""
    cameras: tuple[CameraPlan, ...]
    made_ns: UtcNs
    """When it was begun."""
    keep_free: int
    """Bytes of the disk that it must not take."""


def file_stem(camera: str, from_ns: UtcNs) -> str:
    """`unit-12_20260131T120000Z`."""
    return f"{camera}_{datetime.fromtimestamp(from_ns // 10**9, UTC):%Y%m%dT%H%M%SZ}"
