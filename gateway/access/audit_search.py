"""Finding rows of the audit: by time, person, camera, action and outcome, newest first, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select, tuple_

from gateway.access.audit import Action, Entry, Outcome, entry
from gateway.base.errors import BadRequestError
from gateway.base.rfc3339 import format_utc
from gateway.media.model import UtcNs
from gateway.store.engine import Database
from gateway.store.tables import audit

MAX_PAGE = 1000
PAGE = 100


@dataclass(frozen=True, slots=True)
class Query:
    """What to find; None does not narrow it. `from_ns` is within, `to_ns` is not."""

    from_ns: UtcNs | None = None
    to_ns: UtcNs | None = None
    actor: str | None = None
    camera: str | None = None
    action: str | None = None
    outcome: str | None = None
    before: int | None = None
    """The number of a row: what comes after it in the order of the answer, to go on from the last row of a page."""
    limit: int = PAGE

    def __post_init__(self) -> None:
        """Refuse what can find nothing.

        Raises:
            BadRequestError: there is no such action or outcome, or the limit is none.
        """
        if self.action is not None and self.action not in (known := [*Action, "chain_start"]):
            raise BadRequestError(f'there is no action "{self.action}": use one of {", ".join(sorted(known))}')
        if self.outcome is not None and self.outcome not in set(Outcome):
            raise BadRequestError(f'there is no outcome "{self.outcome}": use one of {", ".join(Outcome)}')
        if not 1 <= self.limit <= MAX_PAGE:
            raise BadRequestError(f'"limit" must be 1 to {MAX_PAGE}')


async def search(database: Database, query: Query) -> list[Entry]:
    """The rows that fit, newest first, at most `query.limit` of them.

    Raises:
        BadRequestError: there is no row `query.before`.
        StorageError: the database refused.
    """
    return await database.read(lambda connection: _search(connection, query))


async def pages(database: Database, query: Query) -> AsyncIterator[list[Entry]]:
    """All rows that fit, newest first, read a page at a time. Raises as `search`."""
    query = replace(query, limit=MAX_PAGE)
    while found := await search(database, query):
        yield found
        if len(found) < MAX_PAGE:
            return
        query = replace(query, before=found[-1].id)


def entry_json(entry: Entry) -> dict[str, Any]:
    """A row as the HTTP interface and the command line show it."""
    return {
        "id": entry.id,
        "utc": format_utc(entry.utc_ns),
        "actor": entry.actor,
        "action": entry.action,
        "outcome": entry.outcome,
        "camera": entry.camera,
        "address": entry.address,
        "reason": entry.reason,
        "detail": entry.detail,
    }


def _search(connection: Connection, query: Query) -> list[Entry]:
    columns = audit.c
    conditions: list[ColumnElement[bool]] = []
    # Without statistics SQLite takes any index that fits, so only one may: that of the first of these, which narrows
    # the most. It is ordered by time behind its own column: the page comes straight out of it, without a sort.
    for name in ("actor", "camera", "action", "outcome"):
        if (value := getattr(query, name)) is not None:
            conditions.append((func.coalesce(columns[name], "") if conditions else columns[name]) == value)
    if query.from_ns is not None:
        conditions.append(columns.utc_ns >= query.from_ns)
    if query.to_ns is not None:
        conditions.append(columns.utc_ns < query.to_ns)
    if query.before is not None:
        utc_ns = connection.execute(select(columns.utc_ns).where(columns.id == query.before)).scalar()
        if utc_ns is None:
            raise BadRequestError(f'there is no row {query.before} to go on from ("before")')
        conditions.append(tuple_(columns.utc_ns, columns.id) < (utc_ns, query.before))
    rows = select(audit).where(*conditions).order_by(columns.utc_ns.desc(), columns.id.desc()).limit(query.limit)
    return [entry(row) for row in connection.execute(rows)]
