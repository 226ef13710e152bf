"""Who did what: a row for each log-in, refusal, view and change, written before what it speaks of happens.

Rows form a chain (`gateway.ledger.chain`): none can be changed, removed or slipped in without its showing. Searching
them belongs to `audit_search`, proving them to `audit_chain`, the ends of views to `views`, floods to `tally`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from gateway.base.clock import Clock
from gateway.ledger import heads
from gateway.ledger.chain import canonical, canonical_text
from gateway.store.engine import Database
from gateway.store.tables import audit

CHAIN = "audit"
"""The name of the audit's chain in `gateway.ledger.chain`."""
MAX_TEXT = 1000
"""Characters of one text in a row."""
_UNFIT = re.compile("[\ud800-\udfff\x00]")
_LARGEST_INTEGER = 2**53 - 1


class Action(StrEnum):
    """What was done or asked for."""

    LOG_IN = "log_in"
    LOG_OUT = "log_out"
    LIVE_VIEW = "live_view"
    FOLLOW = "follow"
    TALK = "talk"
    SNAPSHOT = "snapshot"
    POSITIONS = "positions"
    RECORDINGS = "recordings"
    PLAYBACK = "playback"
    BOOKMARK = "bookmark"
    BOOKMARK_REMOVE = "bookmark_remove"
    WEARERS = "wearers"
    EXPORT = "export"
    HOLD = "hold"
    HOLD_RELEASE = "hold_release"
    TRIGGER = "trigger"
    ALERT_RAISE = "alert_raise"
    ALERT_RESOLVE = "alert_resolve"
    ALERT_DELETE = "alert_delete"
    GEOFENCE_ADD = "geofence_add"
    GEOFENCE_CHANGE = "geofence_change"
    GEOFENCE_REMOVE = "geofence_remove"
    CHANNEL_TEST = "channel_test"
    INCIDENT_OPEN = "incident_open"
    INCIDENT_CHANGE = "incident_change"
    INCIDENT_NOTE = "incident_note"
    INCIDENT_CLOSE = "incident_close"
    INCIDENT_REOPEN = "incident_reopen"
    INCIDENT_REMOVE = "incident_remove"
    SHARE = "share"
    SHARE_REVOKE = "share_revoke"
    SHARE_OPEN = "share_open"
    NEARBY = "nearby"
    DELETION = "deletion"
    IMPORT = "import"
    VERIFY = "verify"
    REPAIR = "repair"
    DISCOVERY = "discovery"
    CAMERA_TEST = "camera_test"
    CAMERA_ADD = "camera_add"
    CAMERA_CHANGE = "camera_change"
    CAMERA_REMOVE = "camera_remove"
    ASSIGN = "assign"
    PRIVACY = "privacy"
    USER_ADD = "user_add"
    USER_CHANGE = "user_change"
    USER_REMOVE = "user_remove"
    PASSWORD = "password"  # noqa: S105 (a name, no password)
    SESSION_END = "session_end"
    TOKEN_CREATE = "token_create"  # noqa: S105 (a name, no token)
    TOKEN_REVOKE = "token_revoke"  # noqa: S105 (a name, no token)
    POSITION_KEY = "position_key"
    POSITION_KEY_REVOKE = "position_key_revoke"
    KEY_ROTATE = "key_rotate"
    BACKUP = "backup"
    RESTORE = "restore"
    SETTINGS = "settings"
    POLICY = "policy"
    AUDIT_SEARCH = "audit_search"
    AUDIT_EXPORT = "audit_export"
    AUDIT_VERIFY = "audit_verify"
    REPORT = "report"
    REFUSAL = "refusal"


class Outcome(StrEnum):
    """How it went."""

    DONE = "done"
    REFUSED = "refused"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Entry:
    """One row, as read back."""

    id: int
    """Its number in the chain."""
    utc_ns: int
    actor: str
    action: str
    outcome: str
    camera: str | None
    address: str
    reason: str | None
    detail: dict[str, Any]


class Audit:
    """Appends to the audit table. There is no way to change or delete a row."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        """Where the rows are: `audit_search` and `audit_chain` read them there."""
        self._clock = clock

    async def record(
        self,
        action: Action,
        *,
        actor: str,
        address: str,
        outcome: Outcome = Outcome.DONE,
        camera: str | None = None,
        reason: str | None = None,
        **detail: Any,
    ) -> None:
        """Write one row; on disk when this returns. `detail` must be JSON and hold no secret.

        `reason` is why, in the words of who asked; None when nobody was asked.

        Raises:
            StorageError: it could not be written; the caller must then not do what it was going to do.
        """
        row = self.row(action, actor=actor, address=address, outcome=outcome, camera=camera, reason=reason, **detail)
        await self.append_all([row])

    async def append_all(self, rows: Sequence[dict[str, Any]]) -> None:
        """Write rows that `row` made, all or none; on disk when this returns.

        Raises:
            StorageError: they could not be written.
        """

        if rows:
            await self.database.write(lambda connection: append_rows(connection, rows))

    def row(
        self,
        action: Action,
        *,
        actor: str,
        address: str,
        outcome: Outcome = Outcome.DONE,
        camera: str | None = None,
        reason: str | None = None,
        **detail: Any,
    ) -> dict[str, Any]:
        """The row itself, for a caller that appends it in a transaction of its own.

        Texts may come from anybody: they are cut, and what no database or canonical JSON takes is replaced.
        """
        return {
            "utc_ns": self._clock.utc_ns(),
            "actor": _fit(actor),
            "action": action.value,
            "outcome": outcome.value,
            "camera": _fit(camera),
            "address": _fit(address),
            "reason": _fit(reason),
            "detail": _fit(detail),
        }

    async def entries(self, *, limit: int = 1000) -> list[Entry]:
        """The newest rows, newest first."""
        query = select(audit).order_by(audit.c.id.desc()).limit(limit)
        return await self.database.read(lambda connection: [entry(row) for row in connection.execute(query)])


def append(connection: Connection, row: dict[str, Any]) -> int:
    """Add a row in the caller's transaction: what it says and the change it speaks of are kept or lost together.

    Returns its number. The chain is held until the transaction ends, so do this last, and briefly.
    """
    return append_rows(connection, [row])[0]


def append_rows(connection: Connection, rows: Sequence[dict[str, Any]]) -> list[int]:
    """As `append`, of rows that follow one another, one at least; many cost little more than one. Their numbers."""
    stored = [row | {"detail": canonical(row["detail"]).decode()} for row in rows]
    links = heads.append_all(connection, CHAIN, [body(**row) for row in stored])
    linked = zip(stored, links, strict=True)
    connection.execute(insert(audit), [row | {"id": link.sequence, "sha256": link.sha256} for row, link in linked])
    return [link.sequence for link in links]


def body(
    *,
    utc_ns: int,
    actor: str,
    action: str,
    outcome: str,
    camera: str | None,
    address: str,
    reason: str | None,
    detail: str,
) -> bytes:
    """What the chain holds of a row: the canonical JSON of its columns, without those that are null.

    `detail` is canonical JSON itself. The time is a string: JSON's numbers do not carry nanoseconds (RFC 7493 2.2).
    """
    # In the order of the members' names.
    text = canonical_text
    of_camera = "" if camera is None else f'"camera":{text(camera)},'
    why = "" if reason is None else f'"reason":{text(reason)},'
    return (
        f'{{"action":{text(action)},"actor":{text(actor)},"address":{text(address)},{of_camera}'
        f'"detail":{detail},"outcome":{text(outcome)},{why}"utc_ns":"{utc_ns}"}}'
    ).encode()


def entry(row: Row[Any]) -> Entry:
    """A row of the table as a value; one that somebody has tampered with, too."""
    try:
        detail = json.loads(row.detail)
    except (TypeError, ValueError):
        detail = {"unreadable": str(row.detail)}
    return Entry(
        row.id,
        row.utc_ns,
        row.actor,
        row.action,
        row.outcome,
        row.camera,
        row.address,
        row.reason,
        detail,
    )


def _fit(value: Any) -> Any:
    match value:
        case str():
            return _UNFIT.sub("\N{REPLACEMENT CHARACTER}", value[:MAX_TEXT])
        case dict():
            return {_fit(str(key)): _fit(member) for key, member in value.items()}
        case list() | tuple():
            return [_fit(member) for member in value]
        case int() if abs(value) > _LARGEST_INTEGER:
            return str(value)
        case _:
            return value
