"""The keys with which phones report where a unit is: one for each camera, stored as a digest, checked in memory.

Apps that report positions know a server's address and nothing of log-ins, so the key stands in the address. It is good
for reporting as that camera, and for nothing else. What a report says belongs to `gateway.positions.osmand`.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from gateway.access.audit import Action, Audit, append
from gateway.access.secrets import digest
from gateway.base.clock import Clock
from gateway.base.errors import NotFoundError
from gateway.media.model import UtcNs
from gateway.store.engine import Database, raise_revision
from gateway.store.tables import position_keys

REVISION = "position_keys"
"""What changes with them, as `gateway.store.watch` names it."""
KEY_BYTES = 18
"""144 bits: 24 characters, for it may have to be typed into a phone."""


@dataclass(frozen=True, slots=True)
class PositionKey:
    """One that was made, as far as it is stored."""

    camera: str
    created_by: str
    created_ns: UtcNs


class PositionKeys:
    """All keys. `load` them first, and again whenever they change."""

    def __init__(self, database: Database, audit: Audit, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._loading = asyncio.Lock()
        """So that what was read first does not take the place of what was read later."""
        self._known: dict[bytes, PositionKey] = {}
        self._of: dict[str, PositionKey] = {}
        self._used_ns: dict[str, UtcNs] = {}

    async def load(self) -> None:
        """Take over the keys as the database has them.

        Raises:
            StorageError: the database refused.
        """
        async with self._loading:
            rows = await self._database.read(lambda connection: connection.execute(select(position_keys)).all())
            known = {row.key_sha256: PositionKey(row.camera, row.created_by, row.created_ns) for row in rows}
            self._known, self._of = known, {key.camera: key for key in known.values()}
            kept = {camera: at for camera, at in self._used_ns.items() if camera in self._of}
            self._used_ns = {camera: at for camera, at in kept.items() if at >= self._of[camera].created_ns}

    def camera(self, key: str) -> str | None:
        """The camera that `key` reports for; None: nobody's. Costs next to nothing, for anybody may ask."""
        found = self._known.get(digest(key))
        return None if found is None else found.camera

    def of(self, camera: str) -> PositionKey | None:
        """What is known of a camera's key; None: it has none."""
        return self._of.get(camera)

    def used(self, camera: str) -> None:
        """A phone has reported with the key of `camera`, just now."""
        self._used_ns[camera] = self._clock.utc_ns()

    def used_ns(self, camera: str) -> UtcNs | None:
        """When a phone did last with the key that holds now; None: not since the gateway started."""
        return self._used_ns.get(camera) if camera in self._of else None

    async def make(self, camera: str, *, actor: str, address: str) -> str:
        """A new key of `camera`, to be shown once; the one before holds no more.

        Raises:
            StorageError: the database refused.
        """
        key, now = secrets.token_urlsafe(KEY_BYTES), self._clock.utc_ns()
        row = self._audit.row(Action.POSITION_KEY, actor=actor, address=address, camera=camera)

        def work(connection: Connection) -> None:
            connection.execute(delete(position_keys).where(position_keys.c.camera == camera))
            values = {"camera": camera, "key_sha256": digest(key), "created_by": actor, "created_ns": now}
            connection.execute(insert(position_keys).values(**values))
            raise_revision(connection, REVISION)
            append(connection, row)

        await self._database.write(work)
        await self.load()
        return key

    async def revoke(self, camera: str, *, actor: str, address: str) -> None:
        """End the key of `camera`.

        Raises:
            NotFoundError: it has none.
            StorageError: the database refused.
        """
        row = self._audit.row(Action.POSITION_KEY_REVOKE, actor=actor, address=address, camera=camera)

        def work(connection: Connection) -> None:
            if connection.execute(delete(position_keys).where(position_keys.c.camera == camera)).rowcount == 0:
                raise NotFoundError(f'camera "{camera}" has no position key')
            raise_revision(connection, REVISION)
            append(connection, row)

        await self._database.write(work)
        await self.load()
