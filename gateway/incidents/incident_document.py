"""What is told of an incident to somebody who has nothing else of it: a JSON document, for an evidence package."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, select

from gateway.base.rfc3339 import format_utc
from gateway.incidents.incident import Incident
from gateway.incidents.incident_rows import find
from gateway.media.model import UtcNs
from gateway.store.tables import alerts as _alerts
from gateway.store.tables import incident_notes as _notes

FORMAT = "sightline incident 1"


def incident_document(
    connection: Connection, number: int, cameras: Collection[str], places: Collection[str]
) -> dict[str, Any]:
    """Of its cameras only these, with the alerts of these; where it was opened only with a camera in `places`.

    Raises:
        NotFoundError: there is no incident with this number.
    """
    incident = find(connection, number)
    return {
        "format": FORMAT,
        "number": incident.id,
        "title": incident.title,
        "category": incident.category,
        "tags": list(incident.tags),
        "origin": _origin(incident, cameras, places),
        "from": _utc(incident.start_ns),
        "to": _utc(incident.end_ns),
        "opened": {"by": incident.opened_by, "utc": _utc(incident.opened_ns)},
        "closed": None if incident.closed_ns is None else {"by": incident.closed_by, "utc": _utc(incident.closed_ns)},
        "cameras": [
            {
                "id": one.camera,
                "from": _utc(one.start_ns),
                "to": _utc(one.end_ns),
                "added": {"by": one.added_by, "utc": _utc(one.added_ns)},
            }
            for one in incident.cameras
            if one.camera in cameras
        ],
        "alerts": _told(connection, incident, cameras),
        "notes": [
            {"about": _utc(row.utc_ns), "text": row.text, "by": row.created_by, "utc": _utc(row.created_ns)}
            for row in connection.execute(
                select(_notes).where(_notes.c.incident == number).order_by(_notes.c.utc_ns, _notes.c.id)
            )
        ],
    }


def _told(connection: Connection, incident: Incident, cameras: Collection[str]) -> list[dict[str, Any]]:
    """Its alerts, without their details: these may say where somebody was."""
    numbers = [alert.id for alert in incident.alerts if alert.camera is None or alert.camera in cameras]
    return [
        {
            "number": row.id,
            "kind": row.kind,
            "camera": row.camera,
            "text": row.text,
            "utc": _utc(row.utc_ns),
            "resolved": None
            if row.resolved_ns is None
            else {"by": row.resolved_by, "utc": _utc(row.resolved_ns), "word": row.resolution},
        }
        for row in connection.execute(select(_alerts).where(_alerts.c.id.in_(numbers)).order_by(_alerts.c.id))
    ]


def _origin(incident: Incident, cameras: Collection[str], places: Collection[str]) -> dict[str, Any]:
    origin = dict(incident.origin)
    if "lat" in origin and not places:
        return {}
    return {} if "camera" in origin and origin["camera"] not in cameras else origin


def _utc(ns: UtcNs | None) -> str | None:
    return None if ns is None else format_utc(ns)
