"""Deletes Segments that `retention` has ruled on, so that nothing is gone of which nobody knows why.

In this order: decided (a row of `deletions` without a time, and the audit's row, in one transaction that looks at the
holds once more), told to the camera's ledger, deleted from the disk, out of the catalog. Whatever stops in between is
finished by `finish`, at the next start or when the disk is well again. Each step takes few Segments.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, select

from gateway.access.audit import Action, Audit, append
from gateway.base.clock import Clock
from gateway.base.errors import StorageError
from gateway.base.metrics import DELETED_BYTES, DELETED_SEGMENTS, RETENTION_ERRORS
from gateway.base.rfc3339 import format_utc, format_utc_ns
from gateway.base.workers import Threads
from gateway.ledger.journal import Journals, LedgerError
from gateway.media.model import UtcNs
from gateway.recording.files import Files
from gateway.recording.holds import Holds, active
from gateway.recording.rows import SegmentRow
from gateway.store.engine import Database
from gateway.store.tables import deletions as _deletions
from gateway.store.tables import recordings as _recordings
from gateway.store.tables import segments as _segments

log = logging.getLogger(__name__)

ACTOR = "retention"
FOUND_MISSING = "found missing"
"""The rule of what nobody here deleted."""
LEDGER_TAIL = 10_000
"""How many rows of a ledger are looked through for what was told before a crash: some hours of a camera."""


@dataclass(frozen=True, slots=True)
class Doomed:
    """A Segment that is to be deleted, and the rule that says so."""

    segment: SegmentRow
    rule: str


class Deleter:
    """Deletes, one call at a time.

    Every method raises StorageError when the database or the disk refuses; call `finish` then, later.
    """

    def __init__(
        self,
        database: Database,
        files: Files,
        journals: Journals,
        threads: Threads,
        audit: Audit,
        holds: Holds,
        clock: Clock,
    ) -> None:
        """`threads` do everything that touches the disk; not those of recorders, which must not wait for a deletion."""
        self._database = database
        self._files = files
        self._journals = journals
        self._threads = threads
        self._audit = audit
        self._holds = holds
        self._clock = clock
        self._told: set[str] = set()
        """Files of which the ledger says that they are deleted, and which may still be there."""

    async def delete(self, doomed: Sequence[Doomed]) -> list[SegmentRow]:
        """Delete these; returns those that are gone: without those that somebody has put on hold just now."""
        decided = await self._database.write(lambda connection: self._decide(connection, doomed))
        if len(decided) < len(doomed):
            await self._holds.load()
        await self._carry_out(decided)
        return [row.segment for row in decided]

    async def finish(self) -> int:
        """Finish what was decided and not done; returns how many that were. To be called before anything is adopted."""
        left = await self._database.read(_undone)
        if left:
            told = await self._threads.run(self._told_before, {row.segment.camera for row in left})
            self._told |= told
            await self._carry_out(left)
        return len(left)

    async def found_missing(self, gone: Sequence[SegmentRow], *, actor: str, address: str) -> None:
        """Let catalog, ledger and audit know of files that nobody deleted and that are no more. No file is touched.

        The ledger is told first: what stops in between is found missing once more.
        """
        for (camera, _), rows in _grouped(Doomed(segment, FOUND_MISSING) for segment in gone).items():
            doomed = [Doomed(segment, FOUND_MISSING) for segment in rows]
            try:
                await self._threads.run(self._journals.append, camera, [_body(row) for row in doomed])
            except OSError as error:
                raise StorageError(f"the ledger of {camera} cannot be written: {error.strerror or error}") from error

            def work(connection: Connection, doomed: list[Doomed] = doomed) -> None:
                connection.execute(_deletions.insert(), [_row(row) for row in doomed])
                _forget(connection, [row.segment for row in doomed], self._clock.utc_ns())
                self._audit_all(connection, doomed, actor, address)

            await self._database.write(work)

    # ---- the steps

    def _decide(self, connection: Connection, doomed: Sequence[Doomed]) -> list[Doomed]:
        """In a transaction: of `doomed` what is still there and not held by what this process does not know of yet."""
        holding = active(connection)
        paths = [row.segment.path for row in doomed]
        there = set(connection.scalars(select(_segments.c.path).where(_segments.c.path.in_(paths))))
        decided = [
            row
            for row in doomed
            if row.segment.path in there and holding.get(row.segment.camera, []) == self._known(row.segment.camera)
        ]
        if not decided:
            return decided
        connection.execute(_deletions.insert(), [_row(row) for row in decided])
        self._audit_all(connection, decided, ACTOR, "gateway")
        return decided

    def _audit_all(self, connection: Connection, decided: Sequence[Doomed], actor: str, address: str) -> None:
        """A row for each camera and rule."""
        for (camera, rule), rows in _grouped(decided).items():
            entry = self._audit.row(
                Action.DELETION, actor=actor, address=address, camera=camera, rule=rule, segments=len(rows),
                bytes=sum(row.size for row in rows),
                interval={
                    "from": format_utc(min(row.start_ns for row in rows)),
                    "to": format_utc(max(row.end_ns for row in rows)),
                },
            )  # fmt: skip
            append(connection, entry)

    def _known(self, camera: str) -> list[Any]:
        return list(self._holds.active(camera))

    async def _carry_out(self, decided: Sequence[Doomed]) -> None:
        by_camera: dict[str, list[Doomed]] = defaultdict(list)
        for row in decided:
            by_camera[row.segment.camera].append(row)
        for camera, rows in by_camera.items():
            try:
                await self._threads.run(self._remove, camera, rows)
            except OSError as error:
                RETENTION_ERRORS.inc()
                raise StorageError(f"recordings of {camera} cannot be deleted: {error.strerror or error}") from error
            segments = [row.segment for row in rows]
            now_ns = self._clock.utc_ns()
            await self._database.write(partial(_forget, gone=segments, now_ns=now_ns))
            self._told.difference_update(segment.path for segment in segments)
            DELETED_SEGMENTS.labels(camera).inc(len(segments))
            DELETED_BYTES.labels(camera).inc(sum(segment.size for segment in segments))

    def _remove(self, camera: str, rows: Sequence[Doomed]) -> None:
        """In a thread: ledger, then disk."""
        untold = [row for row in rows if row.segment.path not in self._told]
        if untold:
            self._journals.append(camera, [_body(row) for row in untold])
            self._told.update(row.segment.path for row in untold)
        self._files.remove_all([row.segment.path for row in rows])

    def _told_before(self, cameras: Iterable[str]) -> set[str]:
        """In a thread: of which files the ledgers said lately that they are deleted."""
        told: set[str] = set()
        for camera in cameras:
            try:
                for row in islice(self._journals.read_back(camera), LEDGER_TAIL):
                    if row.kind == "deleted":
                        told.add(str(row.body.get("file")))
            except (OSError, LedgerError) as error:
                log.error("the ledger of %s cannot be read: a deletion may be told twice: %s", camera, error)
        return told


def _grouped(rows: Iterable[Doomed]) -> dict[tuple[str, str], list[SegmentRow]]:
    found: dict[tuple[str, str], list[SegmentRow]] = defaultdict(list)
    for row in rows:
        found[row.segment.camera, row.rule].append(row.segment)
    return found


def _row(doomed: Doomed) -> dict[str, Any]:
    segment = doomed.segment
    return {
        "camera": segment.camera, "path": segment.path, "start_ns": segment.start_ns, "end_ns": segment.end_ns,
        "bytes": segment.size, "sha256": segment.sha256, "deleted_ns": None, "rule": doomed.rule,
    }  # fmt: skip


def _body(doomed: Doomed) -> dict[str, Any]:
    """What the ledger is told."""
    segment = doomed.segment
    return {
        "kind": "deleted", "file": segment.path, "bytes": segment.size, "sha256": segment.sha256.hex(),
        "from": format_utc_ns(segment.start_ns), "to": format_utc_ns(segment.end_ns), "rule": doomed.rule,
    }  # fmt: skip


def _undone(connection: Connection) -> list[Doomed]:
    query = select(_deletions).where(_deletions.c.deleted_ns.is_(None)).order_by(_deletions.c.id)
    return [Doomed(_deleted_segment(row), row.rule) for row in connection.execute(query)]


def _deleted_segment(row: Row[Any]) -> SegmentRow:
    return SegmentRow(row.camera, row.path, row.start_ns, row.end_ns, row.bytes, bytes(row.sha256), False)


# ---- the catalog


def _forget(connection: Connection, gone: Sequence[SegmentRow], now_ns: UtcNs) -> None:
    """Take Segments whose files are gone out of the catalog, and let their Recordings be what is left of them."""
    for segment in sorted(gone, key=lambda segment: segment.start_ns):
        this = _segments.c.path == segment.path
        recording = connection.execute(select(_segments.c.recording_id).where(this)).scalar()
        if recording is not None:
            connection.execute(_segments.delete().where(this))
            _shrink(connection, recording, segment)
    connection.execute(
        _deletions.update()
        .where(_deletions.c.deleted_ns.is_(None), _deletions.c.path.in_([segment.path for segment in gone]))
        .values(deleted_ns=now_ns)
    )


def _shrink(connection: Connection, recording: int, gone: SegmentRow) -> None:
    """A Recording is a gapless run of Segments: take `gone` off its beginning or end, or make two of it."""
    before = _neighbour(connection, recording, gone, later=False)
    after = _neighbour(connection, recording, gone, later=True)
    this = _recordings.c.id == recording
    row = connection.execute(select(_recordings).where(this)).one()
    if before is None:
        # What grows has an open Segment, which is not in the catalog yet.
        if after is None and row.end_ns is not None:
            connection.execute(_recordings.delete().where(this))
            return
        start_ns = gone.end_ns if after is None else after[0]
        connection.execute(_recordings.update().where(this).values(start_ns=start_ns))
    elif after is None and row.end_ns is not None:
        connection.execute(_recordings.update().where(this).values(end_ns=before[1]))
    else:
        # The part before gets a row of its own: it is what a hold keeps, and so mostly the smaller one.
        inserted = connection.execute(
            _recordings.insert().values(camera=gone.camera, start_ns=row.start_ns, end_ns=before[1])
        )
        assert inserted.inserted_primary_key is not None
        connection.execute(
            _segments.update()
            .where(
                _segments.c.camera == gone.camera,
                _segments.c.start_ns < gone.start_ns,
                _segments.c.start_ns >= row.start_ns,
                _segments.c.recording_id == recording,
            )
            .values(recording_id=inserted.inserted_primary_key[0])
        )
        start_ns = gone.end_ns if after is None else after[0]
        connection.execute(_recordings.update().where(this).values(start_ns=start_ns))


def _neighbour(connection: Connection, recording: int, gone: SegmentRow, *, later: bool) -> tuple[UtcNs, UtcNs] | None:
    """Start and end of the Segment of the same Recording next to `gone`."""
    start = _segments.c.start_ns
    beside = start >= gone.start_ns if later else start < gone.start_ns
    row = connection.execute(
        select(_segments.c.recording_id, start, _segments.c.end_ns)
        .where(_segments.c.camera == gone.camera, beside)
        .order_by(start if later else start.desc())
        .limit(1)
    ).first()
    return None if row is None or row.recording_id != recording else (row.start_ns, row.end_ns)
