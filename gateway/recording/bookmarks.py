"""Bookmarks: moments of a camera that somebody found worth a word. They keep nothing from deletion: holds do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, select

from gateway.access.audit import Action, Audit, append
from gateway.base.clock import Clock
from gateway.base.errors import BadRequestError, NotFoundError
from gateway.base.rfc3339 import format_utc
from gateway.media.model import UtcNs
from gateway.store.engine import Database
from gateway.store.tables import bookmarks as _bookmarks

MAX_TEXT = 500
"""Characters of a bookmark's text."""


@dataclass(frozen=True, slots=True)
class Bookmark:
    """A row of `bookmarks`."""

    id: int
    camera: str
    utc_ns: UtcNs
    text: str
    created_by: str
    created_ns: UtcNs


class Bookmarks:
    """Sets, removes and lists them. Every method raises StorageError when the database refuses."""

    def __init__(self, database: Database, audit: Audit, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock

    async def add(self, camera: str, utc_ns: UtcNs, text: str, *, by: str, address: str) -> Bookmark:
        """Set one; it is in the audit when this returns.

        Raises:
            BadRequestError: there is no text, it is too long, or has what cannot be shown.
        """
        text = " ".join(text.split())
        if not 1 <= len(text) <= MAX_TEXT or not text.isprintable():
            raise BadRequestError(f"a bookmark has 1 to {MAX_TEXT} printable characters", pointer="/text")
        values = {
            "camera": camera, "utc_ns": utc_ns, "text": text, "created_by": by, "created_ns": self._clock.utc_ns(),
        }  # fmt: skip
        row = self._audit.row(
            Action.BOOKMARK, actor=by, address=address, camera=camera, utc=format_utc(utc_ns), text=text
        )

        def work(connection: Connection) -> Bookmark:
            inserted = connection.execute(_bookmarks.insert().values(**values)).inserted_primary_key
            assert inserted is not None
            append(connection, row)
            found = connection.execute(select(_bookmarks).where(_bookmarks.c.id == inserted[0])).one()
            return bookmark_of(found)

        return await self._database.write(work)

    async def find(self, camera: str, bookmark: int) -> Bookmark:
        """The one with this number.

        Raises:
            NotFoundError: the camera has none.
        """
        query = select(_bookmarks).where(_bookmarks.c.id == bookmark, _bookmarks.c.camera == camera)
        row = await self._database.read(lambda connection: connection.execute(query).first())
        if row is None:
            raise NotFoundError(f"there is no bookmark {bookmark} of {camera}")
        return bookmark_of(row)

    async def remove(self, bookmark: Bookmark, *, by: str, address: str) -> None:
        """Remove one; what it said stays in the audit. When it is gone already, nothing happens."""
        row = self._audit.row(
            Action.BOOKMARK_REMOVE, actor=by, address=address, camera=bookmark.camera,
            utc=format_utc(bookmark.utc_ns), text=bookmark.text, created_by=bookmark.created_by,
        )  # fmt: skip

        def work(connection: Connection) -> None:
            if connection.execute(delete(_bookmarks).where(_bookmarks.c.id == bookmark.id)).rowcount:
                append(connection, row)

        await self._database.write(work)

    async def of(self, camera: str, from_ns: UtcNs | None, to_ns: UtcNs | None) -> list[Bookmark]:
        """Those in [from_ns, to_ns), by time; None: without that bound."""
        return await self._database.read(lambda connection: bookmarks_of(connection, camera, from_ns, to_ns))


def bookmarks_of(
    connection: Connection, camera: str, from_ns: UtcNs | None, to_ns: UtcNs | None, limit: int | None = None
) -> list[Bookmark]:
    """As `Bookmarks.of`, in the caller's transaction."""
    query = select(_bookmarks).where(_bookmarks.c.camera == camera).order_by(_bookmarks.c.utc_ns, _bookmarks.c.id)
    if from_ns is not None:
        query = query.where(_bookmarks.c.utc_ns >= from_ns)
    if to_ns is not None:
        query = query.where(_bookmarks.c.utc_ns < to_ns)
    return [bookmark_of(row) for row in connection.execute(query.limit(limit))]


def bookmark_of(row: Row[Any]) -> Bookmark:
    """A row as a value."""
    return Bookmark(row.id, row.camera, row.utc_ns, row.text, row.created_by, row.created_ns)
