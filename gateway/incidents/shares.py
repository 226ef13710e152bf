"""Shares of incidents: made, revoked, and opened by whoever has the key. Only its SHA-256 is kept.

A share is for the cameras and intervals that the incident has at the time of the look, and ends when it expires, when
it is revoked, with the incident, and with the account of who made it; cameras that its maker may not export are not in
it. Who comes is a Visitor to everything else. Each refusal is in the audit, with the share's number where there is one.
"""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import Collection, Iterable
from typing import Any, NoReturn

from sqlalchemy import Connection, Row, insert, select, update

from gateway.access.audit import Action, Audit, append
from gateway.access.rights import Role
from gateway.access.tally import Tally, source
from gateway.access.throttle import Throttle, TooManyAttemptsError, Try
from gateway.access.visitors import Visitor
from gateway.base.clock import Clock
from gateway.base.errors import BadRequestError, ConflictError, GoneError, NotFoundError
from gateway.base.rfc3339 import format_utc
from gateway.incidents.incident_rows import find
from gateway.incidents.incident_steps import By
from gateway.incidents.share import MAX_RECIPIENT, Share, Visit
from gateway.media.model import NS, UtcNs
from gateway.store.engine import Database, raise_revision
from gateway.store.tables import shares as _shares
from gateway.store.tables import users as _users

REVISION = "shares"
KEY_BYTES = 32
DAY_NS = 86_400 * NS
LASTS_NS, LONGEST_NS = 7 * DAY_NS, 90 * DAY_NS
"""How long a share holds unless somebody says otherwise, and at most."""
MAX_SHARES = 100
"""Of one incident, with those that have ended."""
ENDED = {
    "revoked": "this share was revoked",
    "expired": "this share has expired",
    "orphaned": "who made this share has no account any more",
}
_WITH_MAKER = select(_shares, _users.c.role, _users.c.groups, _users.c.cameras).outerjoin(
    _users, _users.c.name == _shares.c.created_by
)
"""The columns of who made it are null when they have no account any more."""
NO_SHARE = "there is no such share: ask for the link again"


class Shares:
    """Every share. Each method raises StorageError when the database refuses; then nothing is shown."""

    def __init__(self, database: Database, audit: Audit, tally: Tally, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._tally = tally
        self._clock = clock
        self._throttle = Throttle(clock)

    # ---- for who shares

    async def make(
        self,
        incident: int,
        recipient: str,
        by: By,
        *,
        expires_ns: UtcNs | None = None,
        sound: bool = False,
        positions: bool = False,
        reason: str | None = None,
    ) -> tuple[Share, str]:
        """A share of an incident, and its key, which nobody can be told again.

        Raises:
            BadRequestError: it does not say for whom, or lasts too long, or not at all.
            NotFoundError: there is no such incident.
            ConflictError: the incident has as many as it can have, or `by` has no account for it to rest on.
        """
        recipient, now = " ".join(recipient.split()), self._clock.utc_ns()
        if not 1 <= len(recipient) <= MAX_RECIPIENT or not recipient.isprintable():
            raise BadRequestError(f"say in 1 to {MAX_RECIPIENT} characters who it is for", pointer="/recipient")
        ends = now + LASTS_NS if expires_ns is None else expires_ns
        if not now < ends <= now + LONGEST_NS:
            raise BadRequestError(f"a share lasts {LONGEST_NS // DAY_NS} days at most", pointer="/expires")
        key = secrets.token_urlsafe(KEY_BYTES)
        values = {
            "recipient": recipient, "sound": sound, "positions": positions, "created_by": by.name, "created_ns": now,
            "expires_ns": ends,
        }  # fmt: skip

        def work(connection: Connection) -> Share:
            if connection.scalar(select(_users.c.id).where(_users.c.name == by.name)) is None:
                raise ConflictError("a share rests on the account of who makes it, and you have none here")
            if len(_of(connection, find(connection, incident).id)) >= MAX_SHARES:
                raise ConflictError(f"an incident has {MAX_SHARES} shares at most")
            made = connection.execute(insert(_shares).values(incident=incident, key_sha256=_digest(key), **values))
            assert made.inserted_primary_key is not None
            share = _find(connection, incident, int(made.inserted_primary_key[0]))
            self._note(connection, Action.SHARE, share, by, reason)
            return share

        return await self._database.write(work), key

    async def of(self, incident: int) -> list[Share]:
        """Those of an incident, the newest first, with those that have ended."""
        return await self._database.read(lambda connection: _of(connection, incident))

    async def revoke(self, incident: int, number: int, by: By) -> Share:
        """End a share: whatever is open by it ends now.

        Raises:
            NotFoundError: the incident has none with this number.
            ConflictError: it is revoked already.
        """

        def work(connection: Connection) -> Share:
            before = _find(connection, incident, number)
            if before.revoked_ns is not None:
                raise ConflictError(f"this share was revoked already, by {before.revoked_by}")
            values = {"revoked_by": by.name, "revoked_ns": self._clock.utc_ns()}
            connection.execute(update(_shares).where(_shares.c.id == number).values(**values))
            raise_revision(connection, REVISION)
            self._note(connection, Action.SHARE_REVOKE, before, by)
            return _find(connection, incident, number)

        return await self._database.write(work)

    # ---- for who comes by one

    async def open(self, key: str, *, address: str, agent: str) -> Visit:
        """Let somebody in; the audit has it when this returns. Guessing is slowed.

        Raises:
            TooManyAttemptsError: too many wrong keys have come from this address.
            NotFoundError, GoneError: see `visit`.
        """
        one = Try("share", source(address))
        async with self._throttle.turn(one):
            visit = await self.visit(key, address=address, asked="opening it")
            self._throttle.succeeded(one)
        await self.note_look(visit, address=address, agent=agent)
        return visit

    async def note_look(self, visit: Visit, *, address: str, agent: str) -> None:
        """Write in the audit that somebody looks at a share, before it is shown."""
        share = visit.share
        await self._audit.record(
            Action.SHARE_OPEN, actor=share.name, address=address, reason=share.why, share=share.id,
            incident=share.incident, recipient=share.recipient, agent=agent[:200],
        )  # fmt: skip

    async def visit(self, key: str, *, address: str, asked: str) -> Visit:
        """Who has come with a key, and to what, as it is now. `asked`: for the audit.

        Whoever has a key is let in, also from an address from which others guess.

        Raises:
            NotFoundError: no share has this key.
            TooManyAttemptsError: nor had too many others that came from this address.
            GoneError: it has expired, was revoked, or rests on an account that is no more.
        """
        digest = _digest(key)
        found = await self._database.read(lambda connection: _by_keys(connection, [digest]))
        if not found:
            await self._tally.refused(Action.SHARE_OPEN, "share_key", actor="", address=address, asked=asked)
            await self._guessed(Try("share", source(address)))
        share, row = found[0]
        ended = share.ended(self._clock.utc_ns())
        if ended is not None:
            await self.refused(share, f"share_{ended}", address=address, asked=asked)
            raise GoneError(ENDED[ended])
        incident = await self._database.read(lambda connection: find(connection, share.incident))
        return Visit(share, incident, _visitor(share, row, {one.camera for one in incident.cameras}))

    async def refused(self, share: Share, kind: str, *, address: str, asked: str, camera: str | None = None) -> None:
        """Write in the audit that somebody was shown nothing, and why: one row for what comes within a minute."""
        await self._tally.refused(
            Action.SHARE_OPEN, kind, actor=share.name, principal=share.name, address=address, camera=camera,
            share=share.id, incident=share.incident, recipient=share.recipient, asked=asked[:200],
        )  # fmt: skip

    async def holding(self, keys: Iterable[bytes]) -> dict[bytes, Visitor]:
        """Of these visitors (`Principal.key`) those whose share still holds, each with what it is for now."""
        wanted, now = list(keys), self._clock.utc_ns()

        def work(connection: Connection) -> dict[bytes, Visitor]:
            return {
                row.key_sha256: _visitor(share, row, {one.camera for one in find(connection, share.incident).cameras})
                for share, row in _by_keys(connection, wanted)
                if share.ended(now) is None
            }

        return await self._database.read(work) if wanted else {}

    async def _guessed(self, one: Try) -> NoReturn:
        """Somebody has said a wrong key."""
        wait = self._throttle.wait(one)
        if not wait:
            self._throttle.failed(one)
        await self._throttle.hold(one)
        if wait:
            raise TooManyAttemptsError(math.ceil(wait))
        raise NotFoundError(NO_SHARE)

    def _note(self, connection: Connection, action: Action, share: Share, by: By, reason: str | None = None) -> None:
        row = self._audit.row(
            action, actor=by.name, address=by.address, reason=reason, share=share.id, incident=share.incident,
            recipient=share.recipient, expires=format_utc(share.expires_ns), sound=share.sound,
            positions=share.positions,
        )  # fmt: skip
        append(connection, row)


def _digest(key: str) -> bytes:
    """What is kept of a key. It is random and long: nothing is gained by guessing slowly hashed ones."""
    return hashlib.sha256(key.encode(errors="replace")).digest()


def _visitor(share: Share, row: Row[Any], cameras: Collection[str]) -> Visitor:
    return Visitor(
        share.name, Role(row.role), row.key_sha256, by_token=False, groups=tuple(row.groups),
        ends_ns=share.expires_ns, cameras=tuple(row.cameras), shared=frozenset(cameras), given=share.given,
    )  # fmt: skip


def _by_keys(connection: Connection, digests: list[bytes]) -> list[tuple[Share, Row[Any]]]:
    """The shares with these keys, each with its row."""
    return [(_share(row), row) for row in connection.execute(_WITH_MAKER.where(_shares.c.key_sha256.in_(digests)))]


def _of(connection: Connection, incident: int) -> list[Share]:
    query = _WITH_MAKER.where(_shares.c.incident == incident).order_by(_shares.c.id.desc())
    return [_share(row) for row in connection.execute(query)]


def _find(connection: Connection, incident: int, number: int) -> Share:
    row = connection.execute(_WITH_MAKER.where(_shares.c.id == number, _shares.c.incident == incident)).first()
    if row is None:
        raise NotFoundError(f"incident {incident} has no share {number}")
    return _share(row)


def _share(row: Row[Any]) -> Share:
    return Share(
        row.id, row.incident, row.recipient, bool(row.sound), bool(row.positions), row.created_by, row.created_ns,
        row.expires_ns, row.revoked_by, row.revoked_ns, row.role is None,
    )  # fmt: skip
