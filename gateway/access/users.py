"""Users, and how they prove who they are: password, session (a browser's cookie), token (a program's bearer)."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from gateway.access.audit import Action, Audit, Outcome, append
from gateway.access.rights import Right, Role, has
from gateway.access.secrets import Passwords, digest, new_token
from gateway.base.clock import Clock
from gateway.base.errors import BadRequestError, ConflictError, NotFoundError, RefusedError
from gateway.base.workers import Threads
from gateway.media.model import NS
from gateway.store.engine import Database, raise_revision
from gateway.store.tables import sessions, tokens, users

SESSION_SECONDS = 16 * 3600
"""A shift and its overtime. Renewed when half of it has passed, so that a wall that is watched stays logged in."""
SESSIONS_PER_USER = 100
USER_NAME = re.compile(r"[^\s/:\x00-\x1f]{1,64}")
MIN_PASSWORD = 8
MAX_PASSWORD = 1024
REVISION = "users"


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who has proved who they are."""

    user_id: int
    name: str
    role: Role
    key: bytes
    """The digest of the session key or token that proved it: names the log-in, proves nothing."""
    by_token: bool
    groups: tuple[str, ...] = ()
    """The camera groups this log-in is limited to; (): no limit."""

    def may(self, right: Right) -> bool:
        """Whether the role has `right`."""
        return has(self.role, right)


@dataclass(frozen=True, slots=True)
class User:
    """An account, as listed."""

    name: str
    role: Role
    created_ns: int
    groups: tuple[str, ...] = ()
    """The camera groups they are limited to; (): no limit."""


class TooManyAttemptsError(RefusedError):
    """Guessing is slowed: try again in `retry_after` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many wrong passwords: try again in {retry_after} seconds")
        self.retry_after = retry_after


class Throttle:
    """Slows guessing per user name and address: after five wrong passwords one try in 2, 4, 8 … at most 60 s.

    The owner at another address is not locked out. Remembers at most `limit` pairs, the newest.
    """

    FREE = 5
    CEILING = 60.0

    def __init__(self, clock: Clock, *, limit: int = 10_000) -> None:
        self._clock = clock
        self._limit = limit
        self._failures: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    def check(self, name: str, address: str) -> None:
        """Raises TooManyAttemptsError when it is too early for another try."""
        _, until = self._failures.get((name, address), (0, 0.0))
        if (wait := until - self._clock.monotonic()) > 0:
            raise TooManyAttemptsError(int(wait) + 1)

    def failed(self, name: str, address: str) -> None:
        """Count a wrong password."""
        count = self._failures.pop((name, address), (0, 0.0))[0] + 1
        pause = min(2.0 ** (count - self.FREE), self.CEILING) if count >= self.FREE else 0.0
        self._failures[name, address] = (count, self._clock.monotonic() + pause)
        if len(self._failures) > self._limit:
            self._failures.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """Forget the failures."""
        self._failures.pop((name, address), None)


class Users:
    """The accounts of a gateway."""

    def __init__(self, database: Database, audit: Audit, clock: Clock, *, passwords: Passwords | None = None) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._passwords = passwords or Passwords()
        self._threads = Threads("argon2", 1, limit=32)
        self._throttle = Throttle(clock)

    def close(self) -> None:
        """End the hashing thread."""
        self._threads.close()

    # ---- accounts

    async def add(
        self, name: str, role: Role, password: str, *, actor: str, address: str, groups: tuple[str, ...] = ()
    ) -> None:
        """Make an account; `groups` are the camera groups it is limited to.

        Raises:
            BadRequestError: the name or password cannot be used.
            ConflictError: there is one of that name.
        """
        if not USER_NAME.fullmatch(name):
            raise BadRequestError(f'"{name}" cannot be a user name: use 1 to 64 characters, no spaces, "/" or ":"')
        if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
            raise BadRequestError(f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters")
        hashed = await self._threads.run(self._passwords.hash, password)
        row = self._audit.row(Action.USER_ADD, actor=actor, address=address, user=name, role=role.value, groups=groups)

        def work(connection: Connection) -> None:
            if connection.execute(select(users.c.id).where(users.c.name == name)).first() is not None:
                raise ConflictError(f'there is a user "{name}" already')
            connection.execute(
                insert(users).values(
                    name=name,
                    role=role.value,
                    password_hash=hashed,
                    created_ns=self._clock.utc_ns(),
                    groups=list(groups),
                )
            )
            raise_revision(connection, REVISION)
            append(connection, row)

        await self._database.write(work)

    async def remove(self, name: str, *, actor: str, address: str) -> None:
        """Delete an account with its sessions and tokens; what it did stays in the audit.

        Raises:
            NotFoundError: there is none of that name.
            ConflictError: it is the last administrator.
        """
        row = self._audit.row(Action.USER_REMOVE, actor=actor, address=address, user=name)

        def work(connection: Connection) -> None:
            found = connection.execute(select(users.c.id, users.c.role).where(users.c.name == name)).first()
            if found is None:
                raise NotFoundError(f'there is no user "{name}"')
            administrators = connection.execute(
                select(users.c.id).where(users.c.role == Role.ADMINISTRATOR.value).limit(2)
            ).all()
            if found.role == Role.ADMINISTRATOR.value and len(administrators) == 1:
                raise ConflictError(f'"{name}" is the last administrator: make another one first')
            for table in (sessions, tokens):
                connection.execute(delete(table).where(table.c.user_id == found.id))
            connection.execute(delete(users).where(users.c.id == found.id))
            raise_revision(connection, REVISION)
            append(connection, row)

        await self._database.write(work)

    async def list(self) -> list[User]:
        """All accounts, by name."""

        def work(connection: Connection) -> list[User]:
            rows = connection.execute(select(users).order_by(users.c.name))
            return [User(row.name, Role(row.role), row.created_ns, tuple(row.groups)) for row in rows]

        return await self._database.read(work)

    # ---- proof

    async def log_in(self, name: str, password: str, *, address: str, agent: str) -> tuple[str, Principal]:
        """Check a password and open a session; returns its key (the cookie's value) and who it is.

        Raises:
            RefusedError: wrong name or password; which of them is not said. TooManyAttemptsError when guessing.
        """
        name, agent = name[:64], agent[:200]
        self._throttle.check(name, address)
        found = await self._database.read(
            lambda c: c.execute(select(users).where(users.c.name == name)).mappings().first()
        )
        stored = found["password_hash"] if found is not None and found["role"] != Role.NVR.value else None
        right = await self._threads.run(self._passwords.verify, password[:MAX_PASSWORD], stored)
        if not right or found is None:
            self._throttle.failed(name, address)
            await self._audit.record(Action.LOG_IN, actor=name, address=address, outcome=Outcome.REFUSED, agent=agent)
            raise RefusedError("the user name or the password is wrong")
        self._throttle.succeeded(name, address)
        key, now = new_token(), self._clock.utc_ns()
        row = self._audit.row(Action.LOG_IN, actor=name, address=address, agent=agent)

        def work(connection: Connection) -> None:
            mine = sessions.c.user_id == found["id"]
            connection.execute(delete(sessions).where(sessions.c.expires_ns <= now))
            open_ones = connection.execute(
                select(sessions.c.token_sha256).where(mine).order_by(sessions.c.created_ns.desc())
            ).scalars()
            for surplus in list(open_ones)[SESSIONS_PER_USER - 1 :]:
                connection.execute(delete(sessions).where(sessions.c.token_sha256 == surplus))
            connection.execute(
                insert(sessions).values(
                    token_sha256=digest(key),
                    user_id=found["id"],
                    created_ns=now,
                    expires_ns=now + SESSION_SECONDS * NS,
                    address=address,
                    agent=agent,
                )
            )
            append(connection, row)

        await self._database.write(work)
        return key, Principal(
            found["id"], name, Role(found["role"]), digest(key), by_token=False, groups=tuple(found["groups"])
        )

    async def log_out(self, principal: Principal, *, address: str) -> None:
        """End the session (not a token: that is revoked by who made it)."""
        row = self._audit.row(Action.LOG_OUT, actor=principal.name, address=address)

        def work(connection: Connection) -> None:
            connection.execute(delete(sessions).where(sessions.c.token_sha256 == principal.key))
            raise_revision(connection, REVISION)
            append(connection, row)

        await self._database.write(work)

    async def by_session(self, key: str) -> Principal | None:
        """Who the cookie's value proves, or None. Renews the session when half its time has passed."""
        now, hashed = self._clock.utc_ns(), digest(key)

        def work(connection: Connection) -> tuple[Principal, int] | None:
            row = connection.execute(
                select(users.c.id, users.c.name, users.c.role, users.c.groups, sessions.c.expires_ns)
                .join(sessions, sessions.c.user_id == users.c.id)
                .where(sessions.c.token_sha256 == hashed, sessions.c.expires_ns > now)
            ).first()
            if row is None:
                return None
            groups = tuple(row.groups)
            who = Principal(row.id, row.name, Role(row.role), hashed, by_token=False, groups=groups)
            return who, row.expires_ns

        found = await self._database.read(work)
        if found is None:
            return None
        principal, expires_ns = found
        if expires_ns - now < SESSION_SECONDS * NS // 2:
            renewed = update(sessions).where(sessions.c.token_sha256 == hashed)
            await self._database.write(
                lambda c: c.execute(renewed.values(expires_ns=now + SESSION_SECONDS * NS)).rowcount
            )
        return principal

    async def by_token(self, token: str) -> Principal | None:
        """Who the bearer token proves, or None."""
        hashed = digest(token)

        def work(connection: Connection) -> Principal | None:
            row = connection.execute(
                select(users.c.id, users.c.name, users.c.role, users.c.groups)
                .join(tokens, tokens.c.user_id == users.c.id)
                .where(tokens.c.token_sha256 == hashed)
            ).first()
            if row is None:
                return None
            return Principal(row.id, row.name, Role(row.role), hashed, by_token=True, groups=tuple(row.groups))

        return await self._database.read(work)

    async def still_valid(self, keys: set[bytes]) -> set[bytes]:
        """Of these log-ins (`Principal.key`), the ones that still hold."""
        now = self._clock.utc_ns()

        def work(connection: Connection) -> set[bytes]:
            live = select(sessions.c.token_sha256).where(sessions.c.expires_ns > now)
            found: set[Any] = set(connection.execute(live).scalars())
            found.update(connection.execute(select(tokens.c.token_sha256)).scalars())
            return {key for key in keys if key in found}

        return await self._database.read(work)

    async def create_token(self, label: str, user: str, *, actor: str, address: str) -> str:
        """A bearer token for `user`, to be shown once.

        Raises:
            NotFoundError: there is no such user.
        """
        token = new_token()
        row = self._audit.row(Action.TOKEN_CREATE, actor=actor, address=address, user=user, token=label)

        def work(connection: Connection) -> None:
            user_id = connection.execute(select(users.c.id).where(users.c.name == user)).scalar()
            if user_id is None:
                raise NotFoundError(f'there is no user "{user}": make one with "sightline user add {user} --role …"')
            connection.execute(
                insert(tokens).values(
                    token_sha256=digest(token), name=label, user_id=user_id, created_ns=self._clock.utc_ns()
                )
            )
            append(connection, row)

        await self._database.write(work)
        return token


def csrf_token(key: str) -> str:
    """The token that requests with a session's cookie carry in `X-CSRF-Token`: derived from its key, so not stored."""
    return digest("csrf:" + key).hex()
