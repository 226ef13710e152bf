"""`sightline verify` of a whole archive: ledgers, files, catalog, audit and anchors, each held against the others.

It reads everything and changes nothing, and it runs beside a gateway. One camera is proved by `camera_proof`, a single
file or package by `verify_path`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, func, select

from gateway.access.audit_chain import verify as verify_audit
from gateway.base.clock import Clock
from gateway.base.rfc3339 import format_utc
from gateway.base.workers import Threads
from gateway.evidence.anchor_book import AnchorBook, prove_anchors
from gateway.evidence.camera_proof import CameraProof, CatalogRows, CatalogSegment
from gateway.evidence.findings import Finding, Progress, Report, Subject
from gateway.evidence.ledger_replay import Missing
from gateway.ledger.anchor import CAMERA
from gateway.ledger.journal import Journals
from gateway.ledger.keys import PublicKeys
from gateway.ledger.timestamp import Certificates
from gateway.recording.files import Files
from gateway.store.engine import Database
from gateway.store.tables import audit, deletions, gaps, segments

AUDIT = "audit"
"""The audit's chain, among the heads of anchors."""
ROWS_ASKED = 500
"""Rows of the audit asked for at a time."""
TRIES = 3
SETTLE_SECONDS = 1.0
"""A running gateway tells catalog and ledger one after the other: what disagrees now is looked at again after this."""


@dataclass(frozen=True, slots=True)
class Proving:
    """What is proved, and with what. `elsewhere`: the second place of the anchors, if there is one."""

    database: Database
    files: Files
    journals: Journals
    threads: Threads
    clock: Clock
    elsewhere: Path | None = None
    certificates: Certificates = field(default_factory=Certificates)
    """Of authorities whose time stamps are believed."""


async def verify_archive(
    proving: Proving, cameras: Sequence[str] = (), progress: Callable[[Progress], None] = lambda _: None
) -> Report:
    """Prove the whole archive, or only these cameras of it. `progress` is called from a thread.

    Raises:
        StorageError: the database refused.
        OSError: a folder or a ledger cannot be read.
    """
    report = Report()
    folder = proving.journals.folder
    keys = await proving.threads.run(PublicKeys.read, folder)
    for fault in keys.faults:
        report.add(Subject.KEY, "keys", fault)
    book = await proving.threads.run(prove_anchors, folder, proving.elsewhere, keys, proving.certificates, report)
    known = await _cameras(proving, book)
    whole = await proving.database.read(_bytes_recorded)
    done = 0

    def read(camera: str) -> Callable[[int], None]:
        def told(count: int) -> None:
            nonlocal done
            done += count
            progress(Progress(camera, done, max(done, whole)))

        return told

    for camera in sorted(known & set(cameras) if cameras else known):
        await _prove_camera(proving, camera, keys, book, report, read(camera))
    for camera in sorted(set(cameras) - known):
        report.add(Subject.LEDGER, camera, "nothing of this camera is recorded")
    if not cameras:
        await _prove_strays(proving, known, report)
        await _prove_audit(proving, book, report)
    _say_anchored(book, report)
    return report


async def _cameras(proving: Proving, book: AnchorBook) -> set[str]:
    """Every camera of which there is a ledger, an anchor, a row or a folder."""
    anchored = {chain.removeprefix(CAMERA) for chain in book.chains() if chain.startswith(CAMERA)}
    recorded = select(segments.c.camera).distinct().union(select(deletions.c.camera).distinct())
    rows = await proving.database.read(lambda connection: set(connection.scalars(recorded)))
    return anchored | rows | set(await proving.threads.run(proving.journals.cameras))


async def _prove_camera(
    proving: Proving, camera: str, keys: PublicKeys, book: AnchorBook, report: Report, read: Callable[[int], None]
) -> None:
    heads = book.heads(f"{CAMERA}{camera}")
    proof = CameraProof(camera, proving.files, proving.journals, keys, heads, read)
    settled: list[Finding] = []
    for attempt in range(TRIES):
        await proving.threads.run(proof.follow)
        catalog = await proving.database.read(lambda connection: _catalog(connection, camera))
        present = await proving.threads.run(lambda: list(proving.files.walk(camera)))
        settled = await proving.threads.run(proof.settle, catalog, present)
        if not settled or attempt == TRIES - 1:
            break
        await proving.clock.sleep(SETTLE_SECONDS)
    report.findings += proof.findings
    report.findings += settled
    report.notes += proof.unproven
    report.notes += await proving.threads.run(proof.left_by_a_crash, catalog)
    if proof.tail.rows and proof.tail.since_ns is not None:
        of = f"rows {proof.reached.sequence - proof.tail.rows + 1} to {proof.reached.sequence}"
        report.notes.append(f"{camera}: {of}, since {format_utc(proof.tail.since_ns)}, are in no anchor yet")


async def _prove_strays(proving: Proving, known: set[str], report: Report) -> None:
    """Files that lie in no known camera's folder."""

    def strays() -> list[str]:
        return [path for path in proving.files.walk() if path.partition("/")[0] not in known]

    for path in await proving.threads.run(strays):
        report.add(Subject.FILE, path, "neither ledger nor catalog knows this file")


async def _prove_audit(proving: Proving, book: AnchorBook, report: Report) -> None:
    verdict = await verify_audit(proving.database)
    if verdict.broken is not None:
        report.add(Subject.AUDIT, AUDIT, str(verdict.broken))
        return
    heads = book.heads(AUDIT)
    rows = sorted(heads)
    for at in range(0, len(rows), ROWS_ASKED):
        some = rows[at : at + ROWS_ASKED]
        links = await proving.database.read(lambda connection, some=some: audit_links(connection, some))  # type: ignore[misc]
        for row in some:
            if row not in links:
                report.add(Subject.AUDIT, AUDIT, f"it was cut off: row {row} was anchored, and is missing")
                return
            if links[row] != heads[row]:
                report.add(Subject.AUDIT, AUDIT, f"row {row} is not the one that was anchored: it was written anew")
                return


def audit_links(connection: Connection, rows: Sequence[int]) -> dict[int, bytes]:
    """Links of the audit's chain, of these rows that are there."""
    found = connection.execute(select(audit.c.id, audit.c.sha256).where(audit.c.id.in_(rows)))
    return {row.id: bytes(row.sha256) for row in found}


def _say_anchored(book: AnchorBook, report: Report) -> None:
    if report.anchored_ns is not None:
        report.notes.append(f"anchored outside up to {format_utc(report.anchored_ns)}")
    elif book.last_ns is not None:
        report.notes.append(
            f"anchored up to {format_utc(book.last_ns)}, but only beside the archive itself: set evidence.anchor_file "
            "to a place that whoever can write here cannot reach"
        )
    else:
        report.notes.append("nothing is anchored: who can write here and has the signing key could write it anew")


def _bytes_recorded(connection: Connection) -> int:
    return int(connection.execute(select(func.sum(segments.c.bytes))).scalar() or 0)


def _catalog(connection: Connection, camera: str) -> CatalogRows:
    s, g, d = segments.c, gaps.c, deletions.c
    found = {
        row.path: CatalogSegment(row.path, row.start_ns, row.end_ns, row.bytes, bytes(row.sha256).hex())
        for row in connection.execute(select(segments).where(s.camera == camera))
    }
    missing = {
        Missing(row.start_ns, row.reason, row.track)
        for row in connection.execute(select(g.start_ns, g.reason, g.track).where(g.camera == camera))
    }
    deleted: dict[bool, set[tuple[str, str]]] = {True: set(), False: set()}
    for row in connection.execute(select(d.path, d.sha256, d.deleted_ns).where(d.camera == camera)):
        deleted[row.deleted_ns is not None].add((row.path, bytes(row.sha256).hex()))
    return CatalogRows(found, frozenset(missing), frozenset(deleted[True]), frozenset(deleted[False]))
