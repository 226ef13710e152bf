"""Walls that people have saved: which cameras a screen shows, in which places, in which layout.

A wall is its owner's alone: nobody else sees, changes or deletes it, and it goes with the account. It is a preference
and grants nothing, so the audit has no row of it, and a wall may name cameras that its owner may not see (any more) or
that are gone: these are for whoever draws it to leave out. How the places are laid out on a screen is the page's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from gateway.base.clock import Clock
from gateway.base.errors import BadRequestError, ConflictError, NotFoundError
from gateway.media.model import UtcNs
from gateway.store.engine import Database
from gateway.store.tables import users, walls

MAX_WALLS = 50
"""Of one account."""
MAX_NAME = 60
MAX_TILES = 500
MAX_CAMERA = 64
"""Characters of a camera's id."""


class Layout(StrEnum):
    """How many places a screen has, and which are larger."""

    AUTO = "auto"
    """As many as there are cameras, all alike."""
    ONE = "1"
    FOUR = "4"
    NINE = "9"
    SIXTEEN = "16"
    ONE_AND_FIVE = "1+5"
    """A large one, and small ones around it."""
    ONE_AND_SEVEN = "1+7"


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What people say of a wall."""

    name: str
    layout: Layout
    tiles: tuple[str | None, ...]
    """The camera in each place, in the order of reading; None: the place is empty. More than a screen has are pages."""

    def __post_init__(self) -> None:
        """Check what a type does not say.

        Raises:
            BadRequestError: the name cannot be shown, there are too many places, or a camera has two.
        """
        if not 1 <= len(self.name) <= MAX_NAME or not self.name.isprintable() or self.name != self.name.strip():
            raise BadRequestError(f"a wall's name has 1 to {MAX_NAME} printable characters", pointer="/name")
        if len(self.tiles) > MAX_TILES:
            raise BadRequestError(f"a wall has {MAX_TILES} places at most", pointer="/tiles")
        named = [camera for camera in self.tiles if camera is not None]
        if len(set(named)) != len(named):
            raise BadRequestError("a camera has one place on a wall: name it once", pointer="/tiles")
        if any(not 1 <= len(camera) <= MAX_CAMERA for camera in named):
            raise BadRequestError(f"a camera's id has 1 to {MAX_CAMERA} characters", pointer="/tiles")


@dataclass(frozen=True, slots=True)
class Wall:
    """One that is saved."""

    id: int
    arrangement: Arrangement
    changed_ns: UtcNs


class Walls:
    """Keeps them in the catalog, by the name of the account they belong to."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def of(self, owner: str) -> Sequence[Wall]:
        """All that `owner` has saved, in the order of their names.

        Raises:
            StorageError: the database refused.
        """
        query = select(walls).join(users, users.c.id == walls.c.user_id).where(users.c.name == owner)
        rows = await self._database.read(lambda connection: connection.execute(query.order_by(walls.c.name)).all())
        return [_wall(row) for row in rows]

    async def add(self, owner: str, arrangement: Arrangement) -> Wall:
        """Save a new one.

        Raises:
            ConflictError: `owner` has one of this name, has as many as may be, or is no account of the gateway.
            StorageError: the database refused.
        """
        now = self._clock.utc_ns()

        def work(connection: Connection) -> int:
            user_id = connection.execute(select(users.c.id).where(users.c.name == owner)).scalar()
            if user_id is None:
                raise ConflictError("walls are kept with an account of the gateway, and this log-in has none here")
            _check_name(connection, user_id, arrangement.name, but=None)
            own = select(func.count()).select_from(walls).where(walls.c.user_id == user_id)
            if connection.execute(own).scalar_one() >= MAX_WALLS:
                raise ConflictError(f"you have {MAX_WALLS} walls, and no room for more: delete one")
            values = _values(arrangement) | {"user_id": user_id, "changed_ns": now}
            key = connection.execute(insert(walls).values(**values)).inserted_primary_key
            assert key is not None
            return int(key[0])

        return Wall(await self._database.write(work), arrangement, now)

    async def change(self, owner: str, number: int, arrangement: Arrangement) -> Wall:
        """Have a wall be this from now on.

        Raises:
            NotFoundError: `owner` has none with this number.
            ConflictError: another one of theirs has the name.
            StorageError: the database refused, and it is as before.
        """
        now = self._clock.utc_ns()

        def work(connection: Connection) -> None:
            user_id = _owner_of(connection, owner, number)
            _check_name(connection, user_id, arrangement.name, but=number)
            values = _values(arrangement) | {"changed_ns": now}
            connection.execute(update(walls).where(walls.c.id == number).values(**values))

        await self._database.write(work)
        return Wall(number, arrangement, now)

    async def remove(self, owner: str, number: int) -> None:
        """Delete a wall.

        Raises:
            NotFoundError: `owner` has none with this number.
            StorageError: the database refused.
        """

        def work(connection: Connection) -> None:
            _owner_of(connection, owner, number)
            connection.execute(delete(walls).where(walls.c.id == number))

        await self._database.write(work)


def _owner_of(connection: Connection, owner: str, number: int) -> int:
    """The account that has this wall, if it is `owner`'s."""
    query = select(users.c.id).join(walls, walls.c.user_id == users.c.id)
    found = connection.execute(query.where(walls.c.id == number, users.c.name == owner)).scalar()
    if found is None:
        raise NotFoundError(f"you have no wall {number}")
    return int(found)


def _check_name(connection: Connection, user_id: int, name: str, *, but: int | None) -> None:
    taken = select(walls.c.id).where(walls.c.user_id == user_id, walls.c.name == name)
    found = connection.execute(taken).scalar()
    if found is not None and found != but:
        raise ConflictError(f'you have a wall "{name}" already: choose another name, or change that one')


def _values(arrangement: Arrangement) -> dict[str, Any]:
    return {"name": arrangement.name, "layout": arrangement.layout.value, "tiles": list(arrangement.tiles)}


def _wall(row: Row[Any]) -> Wall:
    return Wall(row.id, Arrangement(row.name, Layout(row.layout), tuple(row.tiles)), row.changed_ns)
