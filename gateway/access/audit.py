"""Who did what: a row for each log-in, refusal, view and change, written before what it speaks of happens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, insert, select

from gateway.base.clock import Clock
from gateway.store.engine import Database
from gateway.store.tables import audit


class Action(StrEnum):
    """What was done or asked for."""

    LOG_IN = "log_in"
    LOG_OUT = "log_out"
    LIVE_VIEW = "live_view"
    SNAPSHOT = "snapshot"
    POSITIONS = "positions"
    RECORDINGS = "recordings"
    EXPORT = "export"
    DELETION = "deletion"
    DISCOVERY = "discovery"
    CAMERA_ADD = "camera_add"
    CAMERA_CHANGE = "camera_change"
    CAMERA_REMOVE = "camera_remove"
    PRIVACY = "privacy"
    USER_ADD = "user_add"
    USER_CHANGE = "user_change"
    USER_REMOVE = "user_remove"
    PASSWORD = "password"  # noqa: S105 (a name, no password)
    SESSION_END = "session_end"
    TOKEN_CREATE = "token_create"  # noqa: S105 (a name, no token)
    TOKEN_REVOKE = "token_revoke"  # noqa: S105 (a name, no token)
    SETTINGS = "settings"
    POLICY = "policy"
    AUDIT_SEARCH = "audit_search"
    AUDIT_EXPORT = "audit_export"
    AUDIT_VERIFY = "audit_verify"
    REFUSAL = "refusal"


class Outcome(StrEnum):
    """How it went."""

    DONE = "done"
    REFUSED = "refused"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Entry:
    """One row, as read back."""

    utc_ns: int
    actor: str
    action: str
    outcome: str
    camera: str | None
    address: str
    detail: dict[str, Any]


class Audit:
    """Appends to the audit table. There is no way to change or delete a row."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def record(
        self,
        action: Action,
        *,
        actor: str,
        address: str,
        outcome: Outcome = Outcome.DONE,
        camera: str | None = None,
        **detail: Any,
    ) -> None:
        """Write one row; on disk when this returns. `detail` must be JSON and hold no secret.

        Raises:
            StorageError: it could not be written; the caller must then not do what it was going to do.
        """
        row = self.row(action, actor=actor, address=address, outcome=outcome, camera=camera, **detail)
        await self.append_all([row])

    async def append_all(self, rows: Sequence[dict[str, Any]]) -> None:
        """Write rows that `row` made, all or none; on disk when this returns.

        Raises:
            StorageError: they could not be written.
        """

        def work(connection: Connection) -> None:
            for row in rows:
                append(connection, row)

        await self._database.write(work)

    def row(
        self,
        action: Action,
        *,
        actor: str,
        address: str,
        outcome: Outcome = Outcome.DONE,
        camera: str | None = None,
        **detail: Any,
    ) -> dict[str, Any]:
        """The row itself, for a caller that appends it in a transaction of its own."""
        return {
            "utc_ns": self._clock.utc_ns(),
            "actor": actor,
            "action": action.value,
            "outcome": outcome.value,
            "camera": camera,
            "address": address,
            "detail": detail,
        }

    async def entries(self, *, limit: int = 1000) -> list[Entry]:
        """The newest rows, newest first."""

        def read(connection: Connection) -> list[Entry]:
            rows = connection.execute(select(audit).order_by(audit.c.id.desc()).limit(limit))
            return [Entry(r.utc_ns, r.actor, r.action, r.outcome, r.camera, r.address, r.detail or {}) for r in rows]

        return await self._database.read(read)


def append(connection: Connection, row: dict[str, Any]) -> None:
    """Add a row in the caller's transaction: what it says and the change it speaks of are kept or lost together."""
    connection.execute(insert(audit).values(**row))
