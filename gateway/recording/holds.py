"""Holds: intervals of a camera that are kept, whatever any rule says or for as long as a category of the policy says.

People place them, and so does whatever gathers evidence (`Holds.place`); an incident does in the transaction that
writes it (`Holds.place_within`), and then nobody else can release its hold. What follows from one for a Segment is
`retention`'s to say. Those that hold are in memory too, so that a ruling needs no database; a revision tells a running
gateway what another process placed or released.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, or_, select

from gateway.access.audit import Action, Audit, append
from gateway.base.clock import Clock
from gateway.base.errors import BadRequestError, ConflictError, NotFoundError
from gateway.base.rfc3339 import format_utc
from gateway.media.model import UtcNs
from gateway.store.engine import Database, raise_revision
from gateway.store.tables import holds as _holds
from gateway.store.tables import incident_cameras as _needs

REVISION = "holds"


@dataclass(frozen=True, slots=True)
class Hold:
    """A row of `holds`. It keeps what overlaps [start_ns, end_ns)."""

    id: int
    camera: str
    start_ns: UtcNs
    end_ns: UtcNs | None
    """None: everything from then on."""
    category: str | None
    """Of the policy's retention, which then counts as well; None: kept until it is released."""
    reason: str
    placed_by: str
    placed_ns: UtcNs
    released_by: str | None = None
    released_ns: UtcNs | None = None
    """None: it holds."""

    def touches(self, start_ns: UtcNs, end_ns: UtcNs) -> bool:
        """Whether any of [start_ns, end_ns) is kept by it."""
        return self.start_ns < end_ns and (self.end_ns is None or start_ns < self.end_ns)


class Holds:
    """Places, releases and lists them. Call `load` before anything may be deleted, and whenever the revision rose."""

    def __init__(self, database: Database, audit: Audit, clock: Clock) -> None:
        self.on_changed: list[Callable[[], None]] = []
        self._database = database
        self._audit = audit
        self._clock = clock
        self._active: Mapping[str, Sequence[Hold]] = {}

    async def load(self) -> None:
        """Take over what holds by now.

        Raises:
            StorageError: the database refused.
        """
        self._active = await self._database.read(active)
        for listener in self.on_changed:
            listener()

    def active(self, camera: str) -> Sequence[Hold]:
        """Those of a camera that hold, by start. From memory."""
        return self._active.get(camera, ())

    async def of(
        self, camera: str | None, from_ns: UtcNs | None = None, to_ns: UtcNs | None = None, *, released: bool = False
    ) -> list[Hold]:
        """Those that touch the interval, by start; `camera` None: of all cameras. `released`: also those that do not
        hold any more.

        Raises:
            StorageError: the database refused.
        """
        query = select(_holds).order_by(_holds.c.start_ns, _holds.c.id)
        if camera is not None:
            query = query.where(_holds.c.camera == camera)
        if not released:
            query = query.where(_holds.c.released_ns.is_(None))
        if to_ns is not None:
            query = query.where(_holds.c.start_ns < to_ns)
        if from_ns is not None:
            query = query.where(or_(_holds.c.end_ns.is_(None), _holds.c.end_ns > from_ns))
        return await self._database.read(lambda connection: [_hold(row) for row in connection.execute(query)])

    async def find(self, hold: int) -> Hold:
        """The one with this number, released or not.

        Raises:
            NotFoundError: there is none.
            StorageError: the database refused.
        """
        return await self._database.read(lambda connection: _find(connection, hold))

    async def place(
        self,
        camera: str,
        from_ns: UtcNs,
        to_ns: UtcNs | None,
        *,
        category: str | None = None,
        reason: str,
        by: str,
        address: str = "gateway",
    ) -> Hold:
        """Keep what is recorded of a camera in the interval, from now on. It is in the audit when this returns.

        What has been deleted before stays so. Whether there is such a camera is not asked: it may have been removed.

        Raises:
            BadRequestError: the interval ends before it begins.
            StorageError: it could not be written, and does not hold.
        """
        hold = await self._database.write(
            lambda connection: self.place_within(
                connection, camera, from_ns, to_ns, category=category, reason=reason, by=by, address=address
            )
        )
        await self.load()
        return hold

    def place_within(
        self,
        connection: Connection,
        camera: str,
        from_ns: UtcNs,
        to_ns: UtcNs | None,
        *,
        category: str | None = None,
        reason: str,
        by: str,
        address: str,
    ) -> Hold:
        """As `place`, in the caller's transaction. Call `load` once that is committed.

        Raises:
            BadRequestError: the interval ends before it begins.
        """
        if to_ns is not None and to_ns <= from_ns:
            raise BadRequestError("what is held must end after it begins", pointer="/to")
        values = {
            "camera": camera, "start_ns": from_ns, "end_ns": to_ns, "category": category, "reason": reason,
            "placed_by": by, "placed_ns": self._clock.utc_ns(),
        }  # fmt: skip
        inserted = connection.execute(_holds.insert().values(**values))
        assert inserted.inserted_primary_key is not None
        hold = _find(connection, int(inserted.inserted_primary_key[0]))
        self._changed(connection, Action.HOLD, hold, by, address, reason)
        return hold

    async def release(self, hold: int, *, by: str, reason: str, address: str = "gateway") -> Hold:
        """Let the rules decide again. It is in the audit when this returns, and stays in the list of all.

        Raises:
            NotFoundError: there is none with this number.
            ConflictError: it is released already, or an incident needs it.
            StorageError: it could not be written, and holds as before.
        """
        found = await self._database.write(
            lambda connection: self.release_within(connection, hold, by=by, reason=reason, address=address)
        )
        await self.load()
        return found

    def release_within(self, connection: Connection, hold: int, *, by: str, reason: str, address: str) -> Hold:
        """As `release`, in the caller's transaction, in which no incident must need it any more. Call `load` once that
        is committed.

        Raises:
            NotFoundError: there is none with this number.
            ConflictError: it is released already, or an incident needs it.
        """
        before = _find(connection, hold)
        if before.released_ns is not None:
            raise ConflictError(f"this hold was released already, by {before.released_by}")
        incident = connection.scalar(select(_needs.c.incident).where(_needs.c.hold == hold))
        if incident is not None:
            raise ConflictError(f"incident {incident} needs this: take {before.camera} out of the incident instead")
        connection.execute(
            _holds.update().where(_holds.c.id == hold).values(released_by=by, released_ns=self._clock.utc_ns())
        )
        self._changed(connection, Action.HOLD_RELEASE, before, by, address, reason)
        return _find(connection, hold)

    def _changed(self, connection: Connection, action: Action, hold: Hold, by: str, address: str, reason: str) -> None:
        """Note in the caller's transaction what becomes of a hold."""
        raise_revision(connection, REVISION)
        interval = {"from": format_utc(hold.start_ns), "to": None if hold.end_ns is None else format_utc(hold.end_ns)}
        row = self._audit.row(
            action, actor=by, address=address, camera=hold.camera, reason=reason,
            hold=hold.id, interval=interval, category=hold.category,
        )  # fmt: skip
        append(connection, row)


def active(connection: Connection) -> dict[str, list[Hold]]:
    """All that hold, by camera and start, as the database has them."""
    found: dict[str, list[Hold]] = defaultdict(list)
    query = select(_holds).where(_holds.c.released_ns.is_(None)).order_by(_holds.c.start_ns, _holds.c.id)
    for row in connection.execute(query):
        found[row.camera].append(_hold(row))
    return found


def _find(connection: Connection, hold: int) -> Hold:
    row = connection.execute(select(_holds).where(_holds.c.id == hold)).first()
    if row is None:
        raise NotFoundError(f"there is no hold {hold}")
    return _hold(row)


def _hold(row: Row[Any]) -> Hold:
    return Hold(
        row.id, row.camera, row.start_ns, row.end_ns, row.category, row.reason,
        row.placed_by, row.placed_ns, row.released_by, row.released_ns,
    )  # fmt: skip
