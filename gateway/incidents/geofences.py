"""The book of geofences: drawn, changed and removed by people, in memory for whoever asks, in the audit for good.

A revision tells a running gateway what another process changed. Who is on which side of them is `geofence_judge`'s to
say; who may draw which, the routes'.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select

from gateway.access.audit import Action, Audit, append
from gateway.base.alert_settings import Grade
from gateway.base.clock import Clock
from gateway.base.errors import BadRequestError, ConflictError, NotFoundError
from gateway.incidents.geofence import Geofence, Tells
from gateway.incidents.geofence_shapes import Shape, parse_shape
from gateway.store.engine import Database, raise_revision
from gateway.store.tables import geofence_sides, geofences

REVISION = "geofences"
MAX_GEOFENCES = 500
"""Each costs every Fix a comparison."""
MAX_NAME = 100
MAX_NAMED = 1000
"""Cameras, and groups, that one geofence names at most."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What people say of a geofence."""

    name: str
    shape: Shape
    cameras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    tells: Tells = Tells.BOTH
    grade: Grade = Grade.ACTIVITY

    def __post_init__(self) -> None:
        """Check what a type does not say.

        Raises:
            BadRequestError: the name cannot be shown, or too many cameras or groups are named.
        """
        if not 1 <= len(self.name) <= MAX_NAME or not self.name.isprintable() or self.name != self.name.strip():
            raise BadRequestError(f"a geofence's name has 1 to {MAX_NAME} printable characters", pointer="/name")
        for what, named in (("cameras", self.cameras), ("groups", self.groups)):
            if len(named) > MAX_NAMED:
                raise BadRequestError(f"a geofence names {MAX_NAMED} {what} at most", pointer=f"/{what}")

    def row(self) -> dict[str, Any]:
        """Its columns."""
        return {
            "name": self.name, "shape": self.shape.json, "cameras": list(self.cameras), "groups": list(self.groups),
            "tells": self.tells.value, "grade": self.grade.value,
        }  # fmt: skip


class Geofences:
    """Keeps them. `load` before anything is asked, and whenever the revision rose."""

    def __init__(self, database: Database, audit: Audit, clock: Clock) -> None:
        self.on_changed: list[Callable[[Geofence, Geofence | None], None]] = []
        """Called with one that is new or different, and what it was before."""
        self.on_removed: list[Callable[[Geofence], None]] = []
        self.on_loaded: list[Callable[[], None]] = []
        """Called once after all of these."""
        self._database = database
        self._audit = audit
        self._clock = clock
        self._all: Mapping[int, Geofence] = {}

    async def load(self) -> None:
        """Take over what there is by now, and tell what differs.

        Raises:
            StorageError: the database refused.
        """
        query = select(geofences).order_by(geofences.c.id)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        before, self._all = self._all, {row.id: _geofence(row) for row in rows}
        if before == self._all:
            return
        for geofence in before.values():
            if geofence.id not in self._all:
                for removed in self.on_removed:
                    removed(geofence)
        for geofence in self._all.values():
            was = before.get(geofence.id)
            if was != geofence:
                for changed in self.on_changed:
                    changed(geofence, was)
        for loaded in self.on_loaded:
            loaded()

    def all(self) -> Collection[Geofence]:
        """In the order in which they were drawn. From memory."""
        return self._all.values()

    def find(self, number: int) -> Geofence:
        """The one with this number. From memory.

        Raises:
            NotFoundError: there is none.
        """
        try:
            return self._all[number]
        except KeyError:
            raise NotFoundError(f"there is no geofence {number}") from None

    async def add(self, drawn: Drawn, *, by: str, address: str) -> Geofence:
        """Draw one. It is in the audit, and holds, when this returns.

        Raises:
            ConflictError: there are too many.
            StorageError: it could not be written.
        """
        row = self._audit.row(Action.GEOFENCE_ADD, actor=by, address=address, **drawn.row())
        values = drawn.row() | {"created_by": by, "created_ns": self._clock.utc_ns()}

        def work(connection: Connection) -> int:
            if connection.execute(select(func.count()).select_from(geofences)).scalar_one() >= MAX_GEOFENCES:
                raise ConflictError(f"there are {MAX_GEOFENCES} geofences, and no room for more: remove one")
            key = connection.execute(geofences.insert().values(**values)).inserted_primary_key
            assert key is not None
            _changed(connection, row, int(key[0]))
            return int(key[0])

        number = await self._database.write(work)
        await self.load()
        return self.find(number)

    async def change(self, number: int, drawn: Drawn, *, by: str, address: str) -> Geofence:
        """Have it say this from now on. Where it encloses something else, or is for others, sides are taken anew.

        Raises:
            NotFoundError: there is none with this number.
            StorageError: it could not be written, and is as before.
        """
        before = self.find(number)
        was = Drawn(before.name, before.shape, before.cameras, before.groups, before.tells, before.grade)
        if drawn == was:
            return before
        changes = {name: value for name, value in drawn.row().items() if was.row()[name] != value}
        row = self._audit.row(Action.GEOFENCE_CHANGE, actor=by, address=address, name=drawn.name, changes=changes)

        def work(connection: Connection) -> None:
            updated = connection.execute(geofences.update().where(geofences.c.id == number).values(**drawn.row()))
            if not updated.rowcount:
                raise NotFoundError(f"there is no geofence {number}")
            if drawn.shape != was.shape:
                connection.execute(delete(geofence_sides).where(geofence_sides.c.geofence == number))
            _changed(connection, row, number)

        await self._database.write(work)
        await self.load()
        return self.find(number)

    async def remove(self, number: int, *, by: str, address: str) -> None:
        """Remove it; what it said stays in the audit. When it is gone already, nothing happens.

        Raises:
            StorageError: it could not be written, and holds as before.
        """

        def work(connection: Connection) -> None:
            found = connection.execute(select(geofences).where(geofences.c.id == number)).first()
            if found is None:
                return
            connection.execute(delete(geofence_sides).where(geofence_sides.c.geofence == number))
            connection.execute(delete(geofences).where(geofences.c.id == number))
            said = {name: getattr(found, name) for name in ("name", "shape", "cameras", "groups", "tells", "grade")}
            _changed(connection, self._audit.row(Action.GEOFENCE_REMOVE, actor=by, address=address, **said), number)

        await self._database.write(work)
        await self.load()


def _changed(connection: Connection, row: dict[str, Any], number: int) -> None:
    """Note in the caller's transaction what becomes of a geofence."""
    raise_revision(connection, REVISION)
    append(connection, row | {"detail": row["detail"] | {"geofence": number}})


def _geofence(row: Row[Any]) -> Geofence:
    return Geofence(
        row.id, row.name, parse_shape(row.shape), tuple(row.cameras), tuple(row.groups), Tells(row.tells),
        Grade(row.grade), row.created_by, row.created_ns,
    )  # fmt: skip
