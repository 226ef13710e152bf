"""What a worker is given to make an export of: everything that the databases know of it, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.evidence.export import ExportRequest
from gateway.media.model import NS, UtcNs
from gateway.recording.footage import Footage

if TYPE_CHECKING:  # it needs `file_stem`
    from gateway.evidence.package_plan import PackagePlan

TRAIL_NS = 180 * NS
"""How far back the trail in a picture reaches."""


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
    unseen: tuple[tuple[UtcNs, UtcNs | None], ...]
    """When one hid what it sends: `footage` lacks it."""
    told: Mapping[str, Any]
    """What the report says of it, but for the video: JSON."""

    def hides(self, utc_ns: UtcNs) -> bool:
        """Whether the position of this moment is not to be told."""
        return not self.positions or any(
            start_ns <= utc_ns and (end_ns is None or utc_ns < end_ns) for start_ns, end_ns in self.hidden
        )


@dataclass(frozen=True, slots=True)
class VideoPlan:
    """An export of videos."""

    id: str
    request: ExportRequest
    folder: Path
    """Where its files go; the positions are there already."""
    cameras: tuple[CameraPlan, ...]
    made_ns: UtcNs
    """When it was begun."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker is to do."""

    plan: VideoPlan | PackagePlan
    recordings: Path
    """The folder of recordings."""
    keep_free: int
    """Bytes of the disk that must stay free."""


def file_stem(camera: str, from_ns: UtcNs) -> str:
    """`unit-12_20260131T120000Z`."""
    return f"{camera}_{datetime.fromtimestamp(from_ns // NS, UTC):%Y%m%dT%H%M%SZ}"
