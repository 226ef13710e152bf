"""Who wore a camera, and when: the rows of `assignments`, each change of which is in the camera's ledger and the audit.

A camera has one wearer at a time. Who wears it until somebody else does has no end yet: that comes when the next one
begins. What was recorded meanwhile is the catalog's to say; who may ask is decided where the question arrives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import EllipsisType
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select

from gateway.access.audit import Action, Audit, append
from gateway.base.clock import Clock
from gateway.base.errors import BadRequestError, ConflictError, NotFoundError, StorageError
from gateway.base.rfc3339 import format_utc, format_utc_ns
from gateway.ledger.journal import Journals
from gateway.media.model import UtcNs
from gateway.recording.catalog import Catalog
from gateway.recording.rows import Span
from gateway.store.engine import Database
from gateway.store.tables import assignments as _assignments

MAX_WEARER = 100
"""Characters of a wearer's name."""
MAX_FOUND = 1000
"""Assignments that a search returns at most."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A row of `assignments`: somebody wore the camera in [start_ns, end_ns)."""

    id: int
    camera: str
    wearer: str
    start_ns: UtcNs
    end_ns: UtcNs | None
    """None: until somebody else does."""
    created_by: str
    created_ns: UtcNs

    def touches(self, start_ns: UtcNs, end_ns: UtcNs | None) -> bool:
        """Whether they wore it at any time of [start_ns, end_ns)."""
        return (end_ns is None or self.start_ns < end_ns) and (self.end_ns is None or start_ns < self.end_ns)

    def __str__(self) -> str:
        """For errors: who, from when, to when."""
        until = "until now" if self.end_ns is None else f"to {format_utc(self.end_ns)}"
        return f"{self.wearer}, from {format_utc(self.start_ns)} {until}"


class Assignments:
    """Makes, changes and lists them. Works beside other processes that do the same."""

    def __init__(self, database: Database, audit: Audit, journals: Journals, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._journals = journals
        self._clock = clock

    async def assign(
        self, camera: str, wearer: str, from_ns: UtcNs, to_ns: UtcNs | None = None, *, by: str, address: str
    ) -> Assignment:
        """Say who wore or wears a camera. Who wears it with no end yet and began before stops when this one begins.

        It is in the ledger and the audit when this returns. Whether there is such a camera is not asked.

        Raises:
            BadRequestError: the name cannot be used, or the end lies before the beginning.
            ConflictError: somebody else wore it in that time.
            StorageError: the database or the ledger refused; everything is as it was.
        """
        values = {
            "camera": camera, "wearer": _name(wearer), "start_ns": from_ns, "end_ns": to_ns, "created_by": by,
            "created_ns": self._clock.utc_ns(),
        }  # fmt: skip
        _check_order(from_ns, to_ns)

        def work(connection: Connection) -> Assignment:
            changed = []
            if (left := _left_open(connection, camera, from_ns)) is not None:
                changed.append(_store(connection, replace(left, end_ns=from_ns)))
            inserted = connection.execute(_assignments.insert().values(**values))
            assert inserted.inserted_primary_key is not None
            made = _find(connection, camera, int(inserted.inserted_primary_key[0]))
            _check_alone(connection, made)
            self._tell(connection, made, before=None, also=changed, by=by, address=address)
            return made

        return await self._database.write(work)

    async def change(
        self,
        camera: str,
        assignment: int,
        *,
        wearer: str | None = None,
        from_ns: UtcNs | None = None,
        to_ns: UtcNs | EllipsisType | None = ...,
        by: str,
        address: str,
    ) -> Assignment:
        """End one, or correct what was said of it; what stood there before stays in the ledger and the audit.

        What is not given stays; `to_ns` None lets it go on until somebody else begins.

        Raises:
            NotFoundError: the camera has none with this number.
            BadRequestError: the name cannot be used, or the end lies before the beginning.
            ConflictError: somebody else wore it in that time.
            StorageError: the database or the ledger refused; everything is as it was.
        """

        def work(connection: Connection) -> Assignment:
            before = _find(connection, camera, assignment)
            after = replace(
                before,
                wearer=before.wearer if wearer is None else _name(wearer),
                start_ns=before.start_ns if from_ns is None else from_ns,
                end_ns=before.end_ns if to_ns is ... else to_ns,
            )
            _check_order(after.start_ns, after.end_ns)
            if after == before:
                return before
            _check_alone(connection, _store(connection, after))
            self._tell(connection, after, before=before, by=by, address=address)
            return after

        return await self._database.write(work)

    async def of(self, camera: str, from_ns: UtcNs | None = None, to_ns: UtcNs | None = None) -> list[Assignment]:
        """Those of a camera that touch the interval, by start.

        Raises:
            StorageError: the database refused.
        """
        query = select(_assignments).where(_assignments.c.camera == camera).order_by(_assignments.c.start_ns)
        if to_ns is not None:
            query = query.where(_assignments.c.start_ns < to_ns)
        if from_ns is not None:
            query = query.where(or_(_assignments.c.end_ns.is_(None), _assignments.c.end_ns > from_ns))
        return await self._database.read(lambda connection: [_assignment(row) for row in connection.execute(query)])

    async def search(self, name: str) -> list[Assignment]:
        """The newest `MAX_FOUND` of all cameras whose wearer's name has `name` in it, however it is capitalised; by
        name and start. No name: of everybody.

        Raises:
            StorageError: the database refused.
        """
        query = select(_assignments).order_by(_assignments.c.start_ns.desc()).limit(MAX_FOUND)
        if sought := name.strip().lower():
            # Names beyond ASCII are compared as they are written where the database lowers ASCII alone (SQLite).
            column = _assignments.c.wearer
            query = query.where(
                or_(
                    func.lower(column).contains(sought, autoescape=True), column.contains(name.strip(), autoescape=True)
                )
            )
        found = await self._database.read(lambda connection: [_assignment(row) for row in connection.execute(query)])
        return sorted(found, key=lambda one: (one.wearer.lower(), one.start_ns))

    def _tell(
        self,
        connection: Connection,
        after: Assignment,
        *,
        before: Assignment | None,
        also: Sequence[Assignment] = (),
        by: str,
        address: str,
    ) -> None:
        """Into audit and ledger, at the end of the transaction. The ledger comes last: it cannot be taken back."""
        row = self._audit.row(
            Action.ASSIGN, actor=by, address=address, camera=after.camera, assignment=after.id,
            before=None if before is None else _shown(before), after=_shown(after), ended=[one.id for one in also],
        )  # fmt: skip
        append(connection, row)
        try:
            self._journals.append(after.camera, [_ledger_row(one, by) for one in (*also, after)])
        except OSError as error:
            raise StorageError(f"the ledger of {after.camera} cannot be written: {error.strerror or error}") from error


async def recorded(catalog: Catalog, one: Assignment) -> list[Span]:
    """What is recorded of the camera while they wore it, by start.

    Raises:
        StorageError: the database refused.
    """
    return [
        Span(max(span.start_ns, one.start_ns), span.end_ns if one.end_ns is None else min(span.end_ns, one.end_ns))
        for span in await catalog.recordings(one.camera, one.start_ns, one.end_ns)
    ]


def _ledger_row(assignment: Assignment, by: str) -> dict[str, Any]:
    """The newest row with the same `assignment` is the one that holds."""
    end = assignment.end_ns
    return {
        "kind": "assigned",
        "assignment": assignment.id,
        "wearer": assignment.wearer,
        "from": format_utc_ns(assignment.start_ns),
        "to": None if end is None else format_utc_ns(end),
        "by": by,
    }


def _shown(assignment: Assignment) -> dict[str, Any]:
    end = assignment.end_ns
    return {
        "wearer": assignment.wearer,
        "from": format_utc(assignment.start_ns),
        "to": None if end is None else format_utc(end),
    }


def _name(wearer: str) -> str:
    name = " ".join(wearer.split())
    if not 1 <= len(name) <= MAX_WEARER or not name.isprintable():
        raise BadRequestError(f"a wearer's name has 1 to {MAX_WEARER} printable characters", pointer="/wearer")
    return name


def _check_order(from_ns: UtcNs, to_ns: UtcNs | None) -> None:
    if to_ns is not None and to_ns <= from_ns:
        raise BadRequestError("who wears a camera stops after they begin", pointer="/to")


def _left_open(connection: Connection, camera: str, from_ns: UtcNs) -> Assignment | None:
    """The one that has no end yet and began before."""
    row = connection.execute(
        select(_assignments).where(
            _assignments.c.camera == camera, _assignments.c.end_ns.is_(None), _assignments.c.start_ns < from_ns
        )
    ).first()
    return None if row is None else _assignment(row)


def _check_alone(connection: Connection, one: Assignment) -> None:
    table = _assignments.c
    query = select(_assignments).where(
        table.camera == one.camera, table.id != one.id, or_(table.end_ns.is_(None), table.end_ns > one.start_ns)
    )
    if one.end_ns is not None:
        query = query.where(table.start_ns < one.end_ns)
    if (row := connection.execute(query.order_by(table.start_ns).limit(1)).first()) is not None:
        raise ConflictError(
            f"{one.camera} was worn by another in that time ({_assignment(row)}): "
            "change that first, or say another time"
        )


def _store(connection: Connection, one: Assignment) -> Assignment:
    values = {"wearer": one.wearer, "start_ns": one.start_ns, "end_ns": one.end_ns}
    connection.execute(_assignments.update().where(_assignments.c.id == one.id).values(**values))
    return one


def _find(connection: Connection, camera: str, assignment: int) -> Assignment:
    query = select(_assignments).where(_assignments.c.id == assignment, _assignments.c.camera == camera)
    row = connection.execute(query).first()
    if row is None:
        raise NotFoundError(f"{camera} has no assignment {assignment}")
    return _assignment(row)


def _assignment(row: Row[Any]) -> Assignment:
    return Assignment(row.id, row.camera, row.wearer, row.start_ns, row.end_ns, row.created_by, row.created_ns)
