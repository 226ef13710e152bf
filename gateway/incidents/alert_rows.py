"""Alerts as rows of the database, each step in the caller's transaction. What is written when, `alerts` says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, select

from gateway.base.errors import NotFoundError
from gateway.incidents.alert import Alert, Grade, Kind
from gateway.media.model import UtcNs
from gateway.store.tables import alerts as _alerts


def alert_of(row: Row[Any]) -> Alert:
    """A row as a value."""
    return Alert(
        row.id, Kind(row.kind), row.subject, Grade(row.grade), row.camera, row.text, row.detail, row.utc_ns,
        row.created_ns, row.ended_ns, row.resolved_by, row.resolved_ns, row.resolution,
    )  # fmt: skip


def find(connection: Connection, number: int) -> Alert:
    """The one with this number.

    Raises:
        NotFoundError: there is none.
    """
    row = connection.execute(select(_alerts).where(_alerts.c.id == number)).first()
    if row is None:
        raise NotFoundError(f"there is no alert {number}")
    return alert_of(row)


def insert(connection: Connection, alert: Alert) -> Alert:
    """Write a new one, whatever its number says; as it is then."""
    values = {
        "kind": alert.kind.value, "subject": alert.subject, "grade": alert.grade.value, "camera": alert.camera,
        "text": alert.text, "detail": alert.detail, "utc_ns": alert.utc_ns, "created_ns": alert.created_ns,
        "ended_ns": alert.ended_ns,
    }  # fmt: skip
    key = connection.execute(_alerts.insert().values(**values)).inserted_primary_key
    assert key is not None
    return replace(alert, id=int(key[0]))


def update(connection: Connection, alert: Alert) -> None:
    """Write what can change of one."""
    connection.execute(
        _alerts.update()
        .where(_alerts.c.id == alert.id)
        .values(
            detail=alert.detail, ended_ns=alert.ended_ns, resolved_by=alert.resolved_by,
            resolved_ns=alert.resolved_ns, resolution=alert.resolution,
        )
    )  # fmt: skip


def end(connection: Connection, number: int, utc_ns: UtcNs) -> None:
    """Note when the cause of one ended that is resolved."""
    connection.execute(_alerts.update().where(_alerts.c.id == number).values(ended_ns=utc_ns))
