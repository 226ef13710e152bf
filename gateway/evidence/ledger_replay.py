"""What one camera's ledger says, row by row: its files, what was deleted, what is missing. Sans-IO.

Rows come in order, each after its link was proved; what is deleted is forgotten, so that a ledger of years takes no
more memory than the recordings that are there. Holding all this against disk and catalog is `camera_proof`'s business.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gateway.base.rfc3339 import parse_utc_ns
from gateway.ledger.rows import FRAGMENT, Row
from gateway.media.model import UtcNs
from gateway.recording.file_proof import Point


@dataclass(frozen=True, slots=True)
class LedgerSegment:
    """A finished Segment, as its row says."""

    file: str
    start_ns: UtcNs
    end_ns: UtcNs
    bytes: int
    sha256: str
    row: int
    imported: bool
    proven_bytes: int | None
    """Of one that a crash left: how much of it rows from before the crash vouch for. None: it was never left."""
    why: str = ""
    """What the start found, where it is not all."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Media that the ledger says is missing."""

    start_ns: UtcNs
    reason: str
    track: str | None


@dataclass(frozen=True, slots=True)
class Deleted:
    """A `deleted` row."""

    file: str
    sha256: str
    rule: str
    row: int


class RowError(Exception):
    """A row whose link holds says what no row of ours says."""


@dataclass(slots=True)
class Replay:
    """What the rows said so far. `finished` is called with each Segment and what its `fragment` rows said of it."""

    finished: Callable[[LedgerSegment, list[Point]], None]
    deleted: Callable[[Deleted], None]
    segments: dict[str, LedgerSegment] = field(default_factory=dict)
    """Those that should be there, by file."""
    growing: dict[str, list[Point]] = field(default_factory=dict)
    """Files that only `fragment` rows speak of: one is being written, or a crash left it."""
    missing: set[Missing] = field(default_factory=set)
    imported: list[tuple[UtcNs, UtcNs]] = field(default_factory=list)
    first_utc_ns: UtcNs | None = None
    """When the ledger began."""
    last_utc_ns: UtcNs | None = None

    def take(self, row: Row) -> None:
        """The next row.

        Raises:
            RowError: it says nothing that a row can say.
        """
        body = row.body
        try:
            self.last_utc_ns = parse_utc_ns(body["utc"])
            if self.first_utc_ns is None:
                self.first_utc_ns = self.last_utc_ns
            match row.kind:
                case kind if kind == FRAGMENT:
                    point = Point(int(body["bytes"]), str(body["sha256"]), _named(row.sequence))
                    self.growing.setdefault(str(body["file"]), []).append(point)
                case "segment" | "imported":
                    self._finish(row)
                case "deleted":
                    self._delete(Deleted(str(body["file"]), str(body["sha256"]), str(body["rule"]), row.sequence))
                case "closed" if body["reason"] is not None:
                    self.missing.add(Missing(parse_utc_ns(body["at"]), str(body["reason"]), None))
                case "loss":
                    track = body["track"]
                    self.missing.add(Missing(parse_utc_ns(body["from"]), str(body["reason"]), track))
                case _:
                    pass
        except (KeyError, TypeError, ValueError) as error:
            raise RowError(f"row {row.sequence} says nothing that can be understood ({error})") from error

    def _finish(self, row: Row) -> None:
        body: Any = row.body
        recovered = body.get("recovered")
        segment = LedgerSegment(
            str(body["file"]), parse_utc_ns(body["from"]), parse_utc_ns(body["to"]), int(body["bytes"]),
            str(body["sha256"]), row.sequence, row.kind == "imported",
            None if recovered is None else int(recovered["proven_bytes"]),
            "" if recovered is None else str(recovered["detail"] or recovered["why"]),
        )  # fmt: skip
        if segment.imported:
            self.imported.append((segment.start_ns, segment.end_ns))
        self.segments[segment.file] = segment
        points = self.growing.pop(segment.file, [])
        self.finished(segment, [*points, Point(segment.bytes, segment.sha256, _named(segment.row))])

    def _delete(self, row: Deleted) -> None:
        self.segments.pop(row.file, None)
        self.growing.pop(row.file, None)
        self.deleted(row)


def _named(row: int) -> str:
    return f"row {row} of the ledger"
