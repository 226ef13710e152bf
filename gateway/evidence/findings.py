"""What a verification finds: one line each that a person understands, and where proof begins and ends. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gateway.base.rfc3339 import format_utc
from gateway.media.model import UtcNs


class Subject(StrEnum):
    """What does not hold."""

    FILE = "file"
    LEDGER = "ledger"
    CATALOG = "catalog"
    AUDIT = "audit"
    ANCHOR = "anchor"
    KEY = "key"
    PACKAGE = "package"
    CREDENTIALS = "credentials"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not hold."""

    subject: Subject
    where: str
    """A file's path, or what holds the row."""
    what: str
    """Names the first byte range, row or gap."""
    camera: str | None = None

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"

    def to_json(self) -> dict[str, Any]:
        """As `sightline verify --json` prints it."""
        return {"subject": self.subject.value, "camera": self.camera, "where": self.where, "what": self.what}


@dataclass(slots=True)
class Report:
    """What a verification found. It holds when there is no finding; notes say what is as it should be, or unproven."""

    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    anchored_ns: UtcNs | None = None
    """Up to when the ledgers are anchored outside; None: they are not."""

    @property
    def holds(self) -> bool:
        """Whether everything is as it was written."""
        return not self.findings

    def add(self, subject: Subject, where: str, what: str, camera: str | None = None) -> None:
        """Note that something does not hold."""
        self.findings.append(Finding(subject, where, what, camera))

    def to_json(self) -> dict[str, Any]:
        """As `sightline verify --json` prints it."""
        return {
            "holds": self.holds,
            "findings": [finding.to_json() for finding in self.findings],
            "notes": self.notes,
            "anchored": None if self.anchored_ns is None else format_utc(self.anchored_ns),
        }


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a verification is."""

    what: str
    bytes: int
    of_bytes: int
