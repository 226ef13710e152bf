"""What goes into an evidence package, as plain values for the process that builds it, which has no database.

`package_gathering` finds them, `package` builds of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.evidence.export import ExportRequest
from gateway.evidence.plan import file_stem
from gateway.media.model import UtcNs
from gateway.recording.clip import Selection
from gateway.recording.footage import Footage
from gateway.recording.rows import Missing, SegmentRow
from gateway.recording.rows import Span as Recorded

AUDIT_FILE = "audit.jsonl"
INCIDENT_FILE = "incident.json"


@dataclass(frozen=True, slots=True)
class PackagedCamera:
    """One camera's part."""

    id: str
    label: str
    footage: Footage
    segments: tuple[SegmentRow, ...]
    """Every finished one that touches the interval."""
    recorded: tuple[Recorded, ...]
    gaps: tuple[Missing, ...]
    wearers: tuple[dict[str, Any], ...]
    deleted: tuple[dict[str, Any], ...]
    selection: Selection
    """What of it whoever asked may have."""
    positions: tuple[Path, ...]
    """Files of its positions, made already."""


@dataclass(frozen=True, slots=True)
class PackagePlan:
    """One package. Can be pickled."""

    id: str
    request: ExportRequest
    data_dir: Path
    folder: Path
    """Where it is made; what lies there beside it is for the making only, and is removed."""
    cameras: tuple[PackagedCamera, ...]
    audit: Path | None
    """The audit's rows; None: whoever asked may not read them."""
    audit_rows: int
    incident: Path | None
    """What it is about: the incident's own words; None: it is of none."""
    made_ns: UtcNs

    @property
    def out(self) -> Path:
        """The package."""
        return self.folder / f"{file_stem(self.request.cameras[0], self.request.from_ns)}.zip"
