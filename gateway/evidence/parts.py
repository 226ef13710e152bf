"""Where everything that goes into an export comes from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.access.privacy import PrivacyModes
from gateway.base.clock import Clock
from gateway.base.workers import Threads
from gateway.evidence.export import ExportRequest
from gateway.positions.store import PositionStore
from gateway.recording.archive import Archive
from gateway.store.engine import Database


@dataclass(frozen=True, slots=True)
class ExportParts:
    """Of a gateway, or of a command beside it."""

    data_dir: Path
    database: Database
    archive: Archive
    positions: PositionStore
    privacy: PrivacyModes
    threads: Threads
    clock: Clock
    label: Callable[[str], str]
    """A camera's name, by its id."""
    incident: Callable[[ExportRequest], Awaitable[dict[str, Any]]] | None = None
    """What a package tells of the incident that it is of; None: none is of one."""
