"""Incidents in the database: rows into values. Functions of a Connection, for whoever holds one."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Text, cast, exists, func, or_, select

from gateway.base.errors import NotFoundError
from gateway.incidents.incident import Incident, IncidentCamera, LinkedAlert
from gateway.store.tables import alerts as _alerts
from gateway.store.tables import incident_alerts as _linked
from gateway.store.tables import incident_cameras as _cameras
from gateway.store.tables import incident_notes as _notes
from gateway.store.tables import incidents as _incidents


@dataclass(frozen=True, slots=True)
class Word:
    """A part of a word that somebody looks for, in whichever case (the database decides what that is beyond ASCII)."""

    text: str
    cameras: Collection[str] = ()
    """The ids of those whose name or id has it, as far as whoever asks may know of them."""


def having(word: Word) -> ColumnElement[bool]:
    """Whether an incident has `word` in its title, a tag or a note, or has one of its cameras."""
    i = _incidents.c
    noted = exists().where(_notes.c.incident == i.id, _notes.c.text.icontains(word.text, autoescape=True))
    taken_in = exists().where(_cameras.c.incident == i.id, _cameras.c.camera.in_(list(word.cameras)))
    as_stored = json.dumps(word.text)[1:-1]  # tags are a JSON document
    tagged = cast(i.tags, Text).icontains(as_stored, autoescape=True)
    return or_(i.title.icontains(word.text, autoescape=True), tagged, taken_in, noted)


def find(connection: Connection, number: int) -> Incident:
    """The one with this number.

    Raises:
        NotFoundError: there is none.
    """
    found = select_incidents(connection, _incidents.c.id == number)
    if not found:
        raise NotFoundError(f"there is no incident {number}")
    return found[0]


def select_incidents(connection: Connection, *where: ColumnElement[bool], limit: int | None = None) -> list[Incident]:
    """Those for which all of `where` holds, the newest first."""
    query = select(_incidents).where(*where).order_by(_incidents.c.id.desc()).limit(limit)
    rows = connection.execute(query).all()
    numbers = [row.id for row in rows]
    cameras, alerts = defaultdict(list), defaultdict(list)
    taken_in = select(_cameras).where(_cameras.c.incident.in_(numbers)).order_by(_cameras.c.id)
    for row in connection.execute(taken_in):
        cameras[row.incident].append(row)
    linked = select(_linked.c.incident, _linked.c.alert, _alerts.c.camera).join(_alerts)
    for row in connection.execute(linked.where(_linked.c.incident.in_(numbers)).order_by(_linked.c.alert)):
        alerts[row.incident].append(LinkedAlert(row.alert, row.camera))
    count = select(_notes.c.incident, func.count()).group_by(_notes.c.incident)
    count = count.where(_notes.c.incident.in_(numbers))
    notes = {incident: int(many) for incident, many in connection.execute(count)}
    return [_incident(row, cameras[row.id], alerts[row.id], notes.get(row.id, 0)) for row in rows]


def _incident(row: Row[Any], cameras: Sequence[Row[Any]], alerts: Sequence[LinkedAlert], notes: int) -> Incident:
    return Incident(
        row.id, row.title, row.category, tuple(row.tags), row.origin, row.start_ns, row.end_ns,
        row.opened_by, row.opened_ns, row.closed_by, row.closed_ns,
        tuple(
            IncidentCamera(
                one.camera, one.start_ns, row.end_ns if one.end_ns is None else one.end_ns, one.end_ns is None,
                one.hold, one.added_by, one.added_ns,
            )
            for one in cameras
        ),
        tuple(alerts), notes,
    )  # fmt: skip
