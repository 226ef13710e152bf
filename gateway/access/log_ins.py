"""Log-ins: how an account proves who it is, by password, session (a browser's cookie) or token (a program's bearer).

Sessions and tokens are kept as digests. Each can be listed and ended, and knows to the minute when it was last seen.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, delete, insert, or_, select, update

from gateway.access.audit import Action, Audit, append
from gateway.access.browsers import Browsers
from gateway.access.jwt import BadTokenError, Machines
from gateway.access.rights import Role
from gateway.access.secrets import digest, new_token
from gateway.access.tally import Tally, source
from gateway.access.throttle import Throttle, TooManyAttemptsError, Try
from gateway.access.users import REVISION, Principal, Users, Vouched
from gateway.base.clock import Clock
from gateway.base.errors import BadRequestError, ConflictError, NotFoundError, RefusedError, StorageError
from gateway.base.metrics import REFUSALS
from gateway.media.model import NS
from gateway.store.engine import Database, raise_revision
from gateway.store.tables import sessions, tokens, users

log = logging.getLogger(__name__)

SESSION_SECONDS = 16 * 3600
"""A shift and its overtime. Renewed when half of it has passed, so that a wall that is watched stays logged in."""
SESSIONS_PER_USER = 100
MINUTE = 60 * NS
ID_BYTES = 8
"""How much of a digest names a session or token to people."""


@dataclass(frozen=True, slots=True)
class Session:
    """A browser's log-in, as listed."""

    id: str
    user: str
    created_ns: int
    expires_ns: int
    seen_ns: int | None
    """To the minute; None: not since it was opened."""
    address: str
    agent: str
    method: str
    """`password`, or `oidc`."""


@dataclass(frozen=True, slots=True)
class Token:
    """A program's log-in, as listed."""

    id: str
    name: str
    user: str
    created_ns: int
    expires_ns: int | None
    """None: it holds until it is revoked."""
    seen_ns: int | None
    """To the minute; None: it was never used."""


class LogIns:
    """The sessions and tokens of a gateway's users."""

    def __init__(
        self,
        database: Database,
        users: Users,
        browsers: Browsers,
        audit: Audit,
        tally: Tally,
        clock: Clock,
        machines: Machines | None = None,
    ) -> None:
        self._database = database
        self._users = users
        self._browsers = browsers
        self._audit = audit
        self._tally = tally
        self._clock = clock
        self._throttle = Throttle(clock)
        self._machines = machines

    # ---- passwords and sessions

    async def log_in(
        self, name: str, password: str, *, address: str, agent: str, proof: str = ""
    ) -> tuple[str, Principal]:
        """Check a password and open a session; returns its key (the cookie's value, new each time) and who it is.

        `proof` is what a browser has kept of an earlier log-in (`Browsers.proof`).

        Raises:
            RefusedError: wrong name or password; which of them is not said. TooManyAttemptsError when guessing.
        """
        name, agent = name[:64], agent[:200]
        one = Try(name, source(address), self._browsers.known(proof, name))
        wrong = "the user name or the password is wrong"
        found = await self._tried(Action.LOG_IN, one, password, wrong, address=address, agent=agent)
        return await self._open(found, "password", address=address, agent=agent)

    async def log_in_vouched(self, vouched: Vouched, *, address: str, agent: str) -> tuple[str, Principal]:
        """Open a session for whom a provider vouches; their account is made, or follows what the provider says.

        Raises:
            RefusedError, ConflictError: see `Users.vouched`.
        """
        user = await self._users.vouched(vouched, address=address)
        return await self._open(user, "oidc", address=address, agent=agent[:200])

    async def change_password(self, who: Principal, old: str, new: str, *, address: str) -> None:
        """Give the one who asks another password; ends their other sessions.

        Raises:
            RefusedError: `old` is not the password there is. TooManyAttemptsError when guessing.
            BadRequestError: `new` cannot be one.
            ConflictError: they log in elsewhere. NotFoundError: they have no account here.
        """
        account = await self._users.user(who.name)
        if account.issuer is not None:
            raise ConflictError(f"you log in at {account.issuer}: change your password there")
        one = Try(who.name, source(address), who.key)
        await self._tried(Action.PASSWORD, one, old, "the old password is wrong", address=address)
        await self._users.change(who.name, password=new, but=who.key, actor=who.name, address=address)

    async def _tried(
        self, action: Action, one: Try, password: str, wrong: str, *, address: str, **detail: str
    ) -> Row[Any]:
        """The account, if the throttle lets the try pass and the password is right."""
        refusal = RefusedError(wrong)
        try:
            async with self._throttle.turn(one):
                found = await self._users.verified(one.name, password)
                if found is not None:
                    self._throttle.succeeded(one)
                    return found
                self._throttle.failed(one)
        except TooManyAttemptsError as slowed:
            refusal = slowed
        slow = isinstance(refusal, TooManyAttemptsError)
        REFUSALS.labels("throttled" if slow else "password").inc()
        # One kind for both: a flood is one row a minute, whatever became of each of its tries.
        await self._tally.refused(action, "password", actor=one.name, address=address, **detail)
        if slow:
            await self._throttle.hold(one)
        raise refusal

    async def _open(self, user: Row[Any], method: str, *, address: str, agent: str) -> tuple[str, Principal]:
        key, now = new_token(), self._clock.utc_ns()
        ends_ns = now + SESSION_SECONDS * NS
        row = self._audit.row(Action.LOG_IN, actor=user.name, address=address, agent=agent, method=method)

        def work(connection: Connection) -> None:
            mine = sessions.c.user_id == user.id
            connection.execute(delete(sessions).where(sessions.c.expires_ns <= now))
            open_ones = connection.execute(
                select(sessions.c.token_sha256).where(mine).order_by(sessions.c.created_ns.desc())
            ).scalars()
            for surplus in list(open_ones)[SESSIONS_PER_USER - 1 :]:
                connection.execute(delete(sessions).where(sessions.c.token_sha256 == surplus))
            connection.execute(
                insert(sessions).values(
                    token_sha256=digest(key),
                    user_id=user.id,
                    created_ns=now,
                    expires_ns=ends_ns,
                    address=address,
                    agent=agent,
                    method=method,
                )
            )
            append(connection, row)

        await self._database.write(work)
        return key, _principal(user, digest(key), by_token=False, ends_ns=ends_ns)

    async def log_out(self, principal: Principal, *, address: str) -> None:
        """End the session (not a token: that is revoked)."""
        row = self._audit.row(Action.LOG_OUT, actor=principal.name, address=address)

        def work(connection: Connection) -> None:
            connection.execute(delete(sessions).where(sessions.c.token_sha256 == principal.key))
            raise_revision(connection, REVISION)
            append(connection, row)

        await self._database.write(work)

    async def sessions(self, user: str | None = None) -> list[Session]:
        """The open sessions, of all users or of one, the newest first."""

        def work(connection: Connection) -> list[Session]:
            query = _listed(sessions, user).where(sessions.c.expires_ns > self._clock.utc_ns())
            return [
                Session(
                    log_in_id(row.token_sha256),
                    row.user,
                    row.created_ns,
                    row.expires_ns,
                    row.seen_ns,
                    row.address,
                    row.agent,
                    row.method,
                )
                for row in connection.execute(query)
            ]

        return await self._database.read(work)

    async def end_session(self, session_id: str, *, actor: str, address: str) -> None:
        """End one session; what it has open ends with it.

        Raises:
            NotFoundError: there is none of that id.
        """
        await self._end(sessions, session_id, Action.SESSION_END, actor=actor, address=address)

    # ---- tokens

    async def create_token(
        self, label: str, user: str, *, actor: str, address: str, lifetime: float | None = None
    ) -> str:
        """A bearer token for `user`, to be shown once; `lifetime` in seconds, None: until it is revoked.

        Raises:
            NotFoundError: there is no such user.
            BadRequestError: the label is empty or too long.
        """
        if not 1 <= len(label) <= 64:
            raise BadRequestError("say in 1 to 64 characters what the token is for", pointer="/name")
        token, now = new_token(), self._clock.utc_ns()
        expires_ns = None if lifetime is None else now + round(lifetime * NS)
        row = self._audit.row(
            Action.TOKEN_CREATE, actor=actor, address=address, user=user, token=label, expires_ns=expires_ns
        )

        def work(connection: Connection) -> None:
            user_id = connection.execute(select(users.c.id).where(users.c.name == user)).scalar()
            if user_id is None:
                raise NotFoundError(f'there is no user "{user}": make one with "sightline user add {user} --role …"')
            connection.execute(
                insert(tokens).values(
                    token_sha256=digest(token), name=label, user_id=user_id, created_ns=now, expires_ns=expires_ns
                )
            )
            append(connection, row)

        await self._database.write(work)
        return token

    async def tokens(self, user: str | None = None) -> list[Token]:
        """The tokens, of all users or of one, the newest first; those that have expired are listed, too."""

        def work(connection: Connection) -> list[Token]:
            return [_token(row) for row in connection.execute(_listed(tokens, user))]

        return await self._database.read(work)

    async def token(self, token: str) -> Token:
        """What the list says of a token that one holds.

        Raises:
            NotFoundError: it is not known.
        """
        shown = log_in_id(digest(token))
        query = _listed(tokens, None).where(_named(tokens, shown))
        row = await self._database.read(lambda c: c.execute(query).first())
        if row is None:
            raise NotFoundError(f'there is no token "{shown}"')
        return _token(row)

    async def revoke_token(self, token_id: str, *, actor: str, address: str) -> None:
        """End a token; what it has open ends with it.

        Raises:
            NotFoundError: there is none of that id.
        """
        await self._end(tokens, token_id, Action.TOKEN_REVOKE, actor=actor, address=address)

    # ---- who asks

    async def by_session(self, key: str) -> Principal | None:
        """Who the cookie's value proves, or None. Renews the session when half its time has passed."""
        now, hashed = self._clock.utc_ns(), digest(key)
        row = await self._database.read(lambda c: c.execute(_holding(sessions, {hashed}, now)).first())
        if row is None:
            return None
        ends_ns = row.expires_ns
        if row.method == "password" and ends_ns - now < SESSION_SECONDS * NS // 2:
            ends_ns = now + SESSION_SECONDS * NS
        await self._seen(sessions, row, now, ends_ns)
        return _principal(row, hashed, by_token=False, ends_ns=ends_ns)

    async def by_token(self, token: str) -> Principal:
        """Who the bearer token proves: one of ours, or a JWT of an issuer in the settings.

        Raises:
            BadTokenError: nobody. RefusedError, IssuerUnreachableError: see `Machines.by_token`.
        """
        if self._machines is not None and self._machines.could_be(token):
            return await self._machines.by_token(token)
        now, hashed = self._clock.utc_ns(), digest(token)
        row = await self._database.read(lambda c: c.execute(_holding(tokens, {hashed}, now)).first())
        if row is None:
            raise BadTokenError('the token is not known: make one with "sightline token create"')
        await self._seen(tokens, row, now, row.expires_ns)
        return _principal(row, hashed, by_token=True, ends_ns=row.expires_ns)

    async def holding(self, keys: Iterable[bytes]) -> dict[bytes, Principal]:
        """Of these log-ins (`Principal.key`) the ones that still hold, each with who it is now."""
        wanted, now = set(keys), self._clock.utc_ns()

        def work(connection: Connection) -> dict[bytes, Principal]:
            return {
                row.token_sha256: _principal(row, row.token_sha256, by_token=table is tokens, ends_ns=row.expires_ns)
                for table in (sessions, tokens)
                for row in connection.execute(_holding(table, wanted, now))
            }

        ours = await self._database.read(work) if wanted else {}
        return ours if self._machines is None else ours | self._machines.holding(wanted)

    # ---- inside

    async def _seen(self, table: Table, row: Row[Any], now: int, ends_ns: int | None) -> None:
        """Note that the log-in was used: at most once a minute, for each use would cost a write."""
        minute = now // MINUTE * MINUTE
        if ends_ns == row.expires_ns and row.seen_ns is not None and row.seen_ns >= minute:
            return
        values = {"seen_ns": minute, "expires_ns": ends_ns}
        change = update(table).where(table.c.token_sha256 == row.token_sha256).values(**values)
        try:
            await self._database.write(lambda c: c.execute(change).rowcount)
        except StorageError as error:
            log.warning("when %s was last seen is not noted: %s", row.name, error)  # no reason to keep anybody out

    async def _end(self, table: Table, shown: str, action: Action, *, actor: str, address: str) -> None:
        def work(connection: Connection) -> None:
            query = _listed(table, None).where(_named(table, shown))
            found = connection.execute(query).first()
            if found is None:
                what = "session" if table is sessions else "token"
                raise NotFoundError(f'there is no {what} "{shown}"')
            connection.execute(delete(table).where(table.c.token_sha256 == found.token_sha256))
            raise_revision(connection, REVISION)
            told = {"token": found.name} if table is tokens else {"session": shown}
            append(connection, self._audit.row(action, actor=actor, address=address, user=found.user, **told))

        await self._database.write(work)


def log_in_id(key: bytes) -> str:
    """What a session or token is called: the beginning of its digest, 16 hexadecimal digits."""
    return key[:ID_BYTES].hex()


def csrf_token(key: str) -> str:
    """The token that requests with a session's cookie carry in `X-CSRF-Token`: derived from its key, so not stored."""
    return digest("csrf:" + key).hex()


def _principal(row: Row[Any], key: bytes, *, by_token: bool, ends_ns: int | None) -> Principal:
    return Principal(
        row.name,
        Role(row.role),
        key,
        by_token=by_token,
        groups=tuple(row.groups),
        ends_ns=ends_ns,
        cameras=tuple(row.cameras),
    )


def _token(row: Row[Any]) -> Token:
    return Token(log_in_id(row.token_sha256), row.name, row.user, row.created_ns, row.expires_ns, row.seen_ns)


def _holding(table: Table, keys: set[bytes], now: int) -> Any:
    """Those of these log-ins that have not expired, with the account of each."""
    columns = [table.c.token_sha256, table.c.seen_ns, table.c.expires_ns]
    if table is sessions:
        columns.append(sessions.c.method)
    return (
        select(users.c.name, users.c.role, users.c.groups, users.c.cameras, *columns)
        .join(table, table.c.user_id == users.c.id)
        .where(table.c.token_sha256.in_(keys), or_(table.c.expires_ns.is_(None), table.c.expires_ns > now))
    )


def _listed(table: Table, user: str | None) -> Any:
    query = select(table, users.c.name.label("user")).join(users, table.c.user_id == users.c.id)
    query = query.order_by(table.c.created_ns.desc(), table.c.token_sha256)
    return query if user is None else query.where(users.c.name == user)


def _named(table: Table, shown: str) -> ColumnElement[bool]:
    """The rows whose digest begins with what `shown` says."""
    try:
        start = bytes.fromhex(shown)
    except ValueError:
        start = b""
    if len(start) != ID_BYTES:
        raise NotFoundError(f'"{shown[:40]}" is no id of a session or token: they have {ID_BYTES * 2} digits')
    return table.c.token_sha256.between(start, start + b"\xff" * (32 - ID_BYTES))
