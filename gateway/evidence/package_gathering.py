"""Gathers what goes into an evidence package: everything that the databases know of it, while the gateway runs.

The result is plain values (`gateway.evidence.package_plan`) and a few small files.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, or_, select

from gateway.access.audit import body
from gateway.access.privacy import bounds
from gateway.base.rfc3339 import format_utc
from gateway.evidence.export import ExportRequest
from gateway.evidence.package_plan import AUDIT_FILE, INCIDENT_FILE, PackagedCamera, PackagePlan
from gateway.evidence.parts import ExportParts
from gateway.evidence.position_files import PositionFiles
from gateway.media.model import UtcNs
from gateway.positions.writers import WRITERS
from gateway.recording.clip import Selection, without
from gateway.store.tables import assignments, audit, deletions

AUDIT_PAGE = 1000


async def gather_package(
    parts: ExportParts, export_id: str, request: ExportRequest, folder: Path, *, with_audit: bool
) -> PackagePlan:
    """Gather what goes into the package that `request` asks for. `folder` is there, and empty.

    Raises:
        NotFoundError: the incident that it is of is gone.
        StorageError: a database refused.
        OSError: the disk refused.
    """
    cameras = [await _camera(parts, request, camera, folder) for camera in request.cameras]
    path, rows = folder / AUDIT_FILE, 0
    if with_audit:
        rows = await _write_audit(parts, request, path)
    incident = None
    if parts.incident is not None and request.incident is not None:
        incident = folder / INCIDENT_FILE
        told = json.dumps(await parts.incident(request), indent=1, ensure_ascii=False)
        await parts.threads.run_to_end(incident.write_text, told, "utf-8")
    return PackagePlan(
        export_id, request, parts.data_dir, folder, tuple(cameras), path if with_audit else None, rows,
        incident, parts.clock.utc_ns(),
    )  # fmt: skip


async def _camera(parts: ExportParts, request: ExportRequest, camera: str, folder: Path) -> PackagedCamera:
    from_ns, to_ns = request.span(camera)
    catalog = parts.archive.catalog
    hidden = await parts.privacy.hidden_positions(camera, from_ns, to_ns)
    unseen = bounds(await parts.privacy.hidden_streams(camera, None, to_ns))
    label = parts.label(camera)
    files = PositionFiles(parts.positions, parts.threads, camera, label, hidden)
    positions = []
    if camera in request.positions:
        for form in WRITERS:
            path = folder / f"{camera}.{form}"
            await files.document(path, form, from_ns, to_ns)
            positions.append(path)
    wearers, deleted = await parts.database.read(lambda connection: _told(connection, camera, from_ns, to_ns))
    return PackagedCamera(
        camera, label, without(await parts.archive.footage(camera, from_ns, to_ns), unseen),
        tuple(await catalog.segments(camera, from_ns, to_ns)), tuple(await catalog.recordings(camera, from_ns, to_ns)),
        tuple(await catalog.gaps(camera, from_ns, to_ns)), tuple(wearers), tuple(deleted),
        Selection(camera in request.sound, camera in request.positions, bounds(hidden), unseen),
        tuple(positions),
    )  # fmt: skip


def _told(
    connection: Connection, camera: str, from_ns: UtcNs, to_ns: UtcNs
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Who wore the camera, and what of it was deleted."""
    a, d = assignments.c, deletions.c
    still = or_(a.end_ns.is_(None), a.end_ns > from_ns)
    worn = select(assignments).where(a.camera == camera, a.start_ns < to_ns, still)
    gone = select(deletions).where(
        d.camera == camera, d.start_ns < to_ns, d.end_ns > from_ns, d.deleted_ns.is_not(None)
    )  # fmt: skip
    wearers = [
        {
            "wearer": row.wearer,
            "from": format_utc(row.start_ns),
            "to": None if row.end_ns is None else format_utc(row.end_ns),
            "by": row.created_by,
        }
        for row in connection.execute(worn.order_by(a.start_ns))
    ]
    deleted = [
        {
            "file": row.path,
            "from": format_utc(row.start_ns),
            "to": format_utc(row.end_ns),
            "sha256": bytes(row.sha256).hex(),
            "deleted": format_utc(row.deleted_ns),
            "rule": row.rule,
        }
        for row in connection.execute(gone.order_by(d.start_ns))
    ]
    return wearers, deleted


async def _write_audit(parts: ExportParts, request: ExportRequest, path: Path) -> int:
    """The rows about these cameras since the interval began, each with the links around it; how many there are."""
    count = after = 0
    while True:
        rows = await parts.database.read(partial(_audit_page, request=request, after=after))
        await parts.threads.run_to_end(_append, path, rows)
        count += len(rows)
        if len(rows) < AUDIT_PAGE:
            return count
        after = rows[-1]["sequence"]


def _append(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def _audit_page(connection: Connection, request: ExportRequest, after: int) -> list[dict[str, Any]]:
    before = audit.alias()
    query = (
        select(audit, before.c.sha256.label("previous"))
        .outerjoin(before, before.c.id == audit.c.id - 1)
        .where(audit.c.id > after, audit.c.camera.in_(request.cameras), audit.c.utc_ns >= request.from_ns)
        .order_by(audit.c.id)
        .limit(AUDIT_PAGE)
    )
    return [
        {
            "sequence": row.id,
            "previous": bytes(row.previous or bytes(32)).hex(),
            "link": bytes(row.sha256).hex(),
            "utc": format_utc(row.utc_ns),
            "body": body(
                utc_ns=row.utc_ns, actor=row.actor, action=row.action, outcome=row.outcome, camera=row.camera,
                address=row.address, reason=row.reason, detail=row.detail,
            ).decode(),
        }
        for row in connection.execute(query)
    ]  # fmt: skip
