"""What an export is: who asked for what, how far it is, what came of it. Values only; `jobs` moves them on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gateway.base.rfc3339 import format_utc, parse_utc
from gateway.media.model import UtcNs


class Kind(StrEnum):
    """What is made."""

    VIDEO = "video"
    """An MP4 for each camera, with GPX and GeoJSON beside it."""
    PACKAGE = "package"
    """The recordings as they lie on disk, with what proves them, in one ZIP."""


class Status(StrEnum):
    """How far it is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def over(self) -> bool:
        """Whether nothing more comes of it."""
        return self not in {Status.QUEUED, Status.RUNNING}


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What was asked for, by whom, and what of it they may have."""

    cameras: tuple[str, ...]
    from_ns: UtcNs
    """Inclusive."""
    to_ns: UtcNs
    """Exclusive."""
    actor: str
    """As the audit names them."""
    address: str
    kind: Kind = Kind.VIDEO
    burn_in: bool = False
    """The pictures are coded anew, with unit, UTC, position and trail drawn into them."""
    sound: frozenset[str] = frozenset()
    """The cameras whose sound goes in."""
    positions: frozenset[str] = frozenset()
    """The cameras whose positions go in, but for what a privacy mode hid."""
    audit: bool = False
    """Whether a package tells who did what with these cameras."""
    reason: str | None = None
    spans: tuple[tuple[UtcNs, UtcNs], ...] = ()
    """When of each camera, in their order, where that differs: `from_ns` and `to_ns` reach around all of it then."""
    incident: int | None = None
    """The incident that a package is of: it tells of it."""

    def span(self, camera: str) -> tuple[UtcNs, UtcNs]:
        """From when to when `camera` is wanted."""
        return self.spans[self.cameras.index(camera)] if self.spans else (self.from_ns, self.to_ns)

    def to_json(self) -> dict[str, Any]:
        """As the catalog keeps it."""
        return {
            "cameras": list(self.cameras),
            "from": format_utc(self.from_ns),
            "to": format_utc(self.to_ns),
            "actor": self.actor,
            "address": self.address,
            "kind": self.kind.value,
            "burn_in": self.burn_in,
            "sound": sorted(self.sound),
            "positions": sorted(self.positions),
            "audit": self.audit,
            "reason": self.reason,
            "spans": [[format_utc(start), format_utc(end)] for start, end in self.spans],
            "incident": self.incident,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ExportRequest:
        """The way back."""
        return cls(
            tuple(values["cameras"]),
            parse_utc(values["from"]),
            parse_utc(values["to"]),
            values["actor"],
            values["address"],
            Kind(values["kind"]),
            values["burn_in"],
            frozenset(values["sound"]),
            frozenset(values["positions"]),
            values["audit"],
            values["reason"],
            tuple((parse_utc(start), parse_utc(end)) for start, end in values.get("spans", ())),
            values.get("incident"),
        )


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One file that came of it."""

    name: str
    size: int
    """Bytes."""
    sha256: str
    """Hexadecimal."""

    def to_json(self) -> dict[str, Any]:
        """As the API, the audit and the catalog show it."""
        return {"name": self.name, "bytes": self.size, "sha256": self.sha256}


@dataclass(frozen=True, slots=True)
class Export:
    """One export."""

    id: str
    request: ExportRequest
    created_ns: UtcNs
    status: Status = Status.QUEUED
    progress: float = 0.0
    """0 to 1."""
    files: tuple[ExportedFile, ...] = ()
    """Of one that is done."""
    error: str | None = None
    """A sentence that says what to do, of one that failed."""
    finished_ns: UtcNs | None = None
    attempts: int = 0
    """How often work on it has begun."""
