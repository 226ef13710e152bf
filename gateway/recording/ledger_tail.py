"""The end of a camera's ledger, read at the start: what a crash may have kept from the catalog.

Entries reach the ledger first, in the order in which they reach the catalog. So everything before the newest Segment
that the catalog knows is in both, and only what follows it is looked at: a minute's rows, unless the catalog was lost.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from gateway.ledger.journal import Journals, LedgerError
from gateway.ledger.rows import FRAGMENT, Row
from gateway.media.model import UtcNs
from gateway.recording.entries import Entry, RecordingClosed, RecordingOpened, SegmentFinished
from gateway.recording.file_proof import Point
from gateway.recording.ledger_rows import IMPORTED, entry, segment_end

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Tail:
    """What the ledger said last."""

    entries: list[Entry] = field(default_factory=list)
    """In order; the catalog has the first few of them at most."""
    points: dict[str, list[Point]] = field(default_factory=dict)
    """Of each file that was being written, by path: what is known of it, in order."""
    reach_ns: UtcNs | None = None
    """Where the newest finished Segment ends; None: there is none among the rows."""

    @property
    def finished(self) -> dict[str, SegmentFinished]:
        """The Segments among the entries, by path."""
        return {entry.path: entry for entry in self.entries if isinstance(entry, SegmentFinished)}

    @property
    def recording(self) -> bool | None:
        """Whether a Recording is open at the end; None: no row here begins or ends one."""
        for found in reversed(self.entries):
            if isinstance(found, RecordingOpened | RecordingClosed):
                return isinstance(found, RecordingOpened)
        return None


def read_tail(journals: Journals, camera: str, known: set[str]) -> Tail:
    """The rows after the newest Segment among `known`, the paths that the catalog knows. Blocks.

    Raises:
        OSError: the ledger cannot be read.
    """
    tail, done = Tail(), set[str]()
    try:
        for row in journals.read_back(camera):
            if _take(row, tail, done, known):
                break
    except (LedgerError, ValueError) as error:
        log.error("the ledger of %s cannot be read farther back: %s", camera, error)
    tail.entries.reverse()
    for points in tail.points.values():
        points.reverse()
    return tail


def _take(row: Row, tail: Tail, done: set[str], known: set[str]) -> bool:
    """Take the row before those that `tail` has; True when there is no need to go farther back.

    `done`: files that a later row finished or deleted.
    """
    said, path = row.body, str(row.body.get("file", ""))
    if row.kind == FRAGMENT:
        if path not in done:
            tail.points.setdefault(path, []).append(
                Point(int(said["bytes"]), str(said["sha256"]), f"row {row.sequence} of the ledger")
            )
        return False
    if row.kind == "deleted":
        done.add(path)
        return False
    if row.kind == "segment":
        tail.reach_ns = max(tail.reach_ns or 0, segment_end(said))
        if path in known or path in done:
            return True
        done.add(path)
    if row.kind == IMPORTED:
        # Out of the recorder's order: that the catalog has it says nothing of the rows before.
        if path in known or path in done:
            return False
        done.add(path)
    if (found := entry(said)) is not None:
        tail.entries.append(found)
    return False
