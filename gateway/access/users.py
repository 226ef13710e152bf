"""The accounts: who there is, with which role, limited to which cameras, and what is kept of their passwords.

How an account proves itself, and the log-ins that come of it, are in `gateway.access.log_ins`; those of the role nvr
prove themselves to RTSP and ONVIF, with `gateway.access.nvr_accounts`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from gateway.access.audit import Action, Audit, append
from gateway.access.rights import Role
from gateway.access.secrets import Passwords, Vault, of_user
from gateway.base.clock import Clock
from gateway.base.errors import BadRequestError, ConflictError, NotFoundError, RefusedError
from gateway.base.names import camera_id, group_name
from gateway.base.workers import Threads
from gateway.store.engine import Database, raise_revision
from gateway.store.tables import sessions, tokens, users

USER_NAME = re.compile(r"[^\s/:\x00-\x1f]{1,64}")
MIN_PASSWORD = 8
MAX_PASSWORD = 1024
_TYPEABLE = re.compile(r"[ -~]*")
"""What every NVR can send: they encode other characters each in their own way, and digests are over bytes."""
REVISION = "users"


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who has proved who they are."""

    name: str
    role: Role
    key: bytes
    """The digest of the session key or token that proved it: names the log-in, proves nothing."""
    by_token: bool
    groups: tuple[str, ...] = ()
    """The camera groups this log-in is limited to."""
    ends_ns: int | None = None
    """UTC of its end, unless it is renewed; None: when it is revoked."""
    cameras: tuple[str, ...] = ()
    """The cameras it is limited to, beside those of `groups`; neither: no limit."""


@dataclass(frozen=True, slots=True)
class User:
    """An account, as listed."""

    name: str
    role: Role
    created_ns: int
    groups: tuple[str, ...] = ()
    """The camera groups they are limited to."""
    issuer: str | None = None
    """The OpenID Connect provider that vouches for them, and says their role and groups; None: a password of ours."""
    cameras: tuple[str, ...] = ()
    """The cameras they are limited to, beside those of `groups`; neither: no limit."""
    has_password: bool = True
    """False: nothing is kept that RTSP and ONVIF could check, so this nvr account needs a new password."""


@dataclass(frozen=True, slots=True)
class Vouched:
    """Somebody whom an OpenID Connect provider vouches for, and what they are here by its claims."""

    provider: str
    """As the settings name it."""
    issuer: str
    subject: str
    """Who they are at the issuer, for ever."""
    name: str
    role: Role
    groups: tuple[str, ...]


class Users:
    """The accounts of a gateway."""

    def __init__(
        self, database: Database, vault: Vault, audit: Audit, clock: Clock, *, passwords: Passwords | None = None
    ) -> None:
        self._database = database
        self._vault = vault
        self._audit = audit
        self._clock = clock
        self._passwords = passwords or Passwords()
        self._threads = Threads("argon2", 1, limit=32)

    def close(self) -> None:
        """End the hashing thread."""
        self._threads.close()

    async def add(
        self,
        name: str,
        role: Role,
        password: str,
        *,
        actor: str,
        address: str,
        groups: Sequence[str] = (),
        cameras: Sequence[str] = (),
    ) -> None:
        """Make an account; `groups` and `cameras` are what it is limited to.

        Raises:
            BadRequestError: the name, the password, a group or a camera cannot be used.
            ConflictError: there is one of that name.
        """
        check_name(name)
        if role is Role.NVR:
            _check_typeable(name, "the name of an nvr account", "/name")
        limits: dict[str, Any] = {"groups": camera_groups(groups), "cameras": camera_ids(cameras)}
        kept = await self._kept(role, password)
        row = self._audit.row(Action.USER_ADD, actor=actor, address=address, user=name, role=role.value, **limits)

        def work(connection: Connection) -> None:
            if connection.execute(select(users.c.id).where(users.c.name == name)).first() is not None:
                raise ConflictError(f'there is a user "{name}" already')
            values = {"name": name, "role": role.value, "created_ns": self._clock.utc_ns()} | limits | kept(name)
            connection.execute(insert(users).values(**values))
            raise_revision(connection, REVISION)
            append(connection, row)

        await self._database.write(work)

    async def change(
        self,
        name: str,
        *,
        actor: str,
        address: str,
        role: Role | None = None,
        groups: Sequence[str] | None = None,
        cameras: Sequence[str] | None = None,
        password: str | None = None,
        but: bytes | None = None,
    ) -> User:
        """Change what is given of an account; returns it as it is then.

        What no longer holds ends with it: a new password ends every session (except `but`, a `Principal.key`), and so
        does a role that cannot log in to the page. Tokens stay, with the rights of the new role. Who becomes an nvr
        account, or stops being one, needs a new password: what an NVR knows is kept readable, and must open no page.

        Raises:
            NotFoundError: there is none of that name.
            ConflictError: it would be the last administrator that goes, the account is its provider's, or somebody else
                has changed it meanwhile.
            BadRequestError: the password, a group or a camera cannot be used, or a new password is needed.
        """
        limits: dict[str, tuple[str, ...]] = {}
        if groups is not None:
            limits["groups"] = tuple(camera_groups(groups))
        if cameras is not None:
            limits["cameras"] = tuple(camera_ids(cameras))
        now = await self.user(name)
        if now.issuer is not None:
            raise ConflictError(f'"{name}" logs in at {now.issuer}, which says role and groups: change them there')
        was, role = now.role, now.role if role is None else role
        if password is None and crosses(was, role):
            raise BadRequestError(
                f'"{name}" needs a new password to go from {was.value} to {role.value}: what an NVR knows is kept so '
                "that it can be read, and opens no page",
                pointer="/password",
            )
        kept = None if password is None else await self._kept(role, password)

        def work(connection: Connection) -> User:
            found = _find(connection, name)
            before = _user(found)
            if before != now:
                raise ConflictError(f'"{name}" has just been changed by somebody else: look again')
            if before.role is Role.ADMINISTRATOR and role is not Role.ADMINISTRATOR:
                _keep_an_administrator(connection, before)
            new_password = {} if kept is None else kept(name)
            values = {key: list(limit) for key, limit in limits.items()} | {"role": role.value} | new_password
            connection.execute(update(users).where(users.c.id == found.id).values(**values))
            after = _user(_find(connection, name))
            if new_password or role is Role.NVR:
                ended = delete(sessions).where(sessions.c.user_id == found.id)
                connection.execute(ended if but is None else ended.where(sessions.c.token_sha256 != but))
            raise_revision(connection, REVISION)
            row = partial(self._audit.row, actor=actor, address=address, user=name)
            if new_password:
                append(connection, row(Action.PASSWORD))
            if _shown(after) != _shown(before):
                append(connection, row(Action.USER_CHANGE, before=_shown(before), after=_shown(after)))
            return after

        return await self._database.write(work)

    async def remove(self, name: str, *, actor: str, address: str) -> None:
        """Delete an account with its sessions and tokens; what it did stays in the audit.

        Raises:
            NotFoundError: there is none of that name.
            ConflictError: it is the last administrator.
        """
        row = self._audit.row(Action.USER_REMOVE, actor=actor, address=address, user=name)

        def work(connection: Connection) -> None:
            found = _find(connection, name)
            _keep_an_administrator(connection, _user(found))
            for table in (sessions, tokens):
                connection.execute(delete(table).where(table.c.user_id == found.id))
            connection.execute(delete(users).where(users.c.id == found.id))
            raise_revision(connection, REVISION)
            append(connection, row)

        await self._database.write(work)

    async def list(self) -> list[User]:
        """All accounts, by name."""
        return await self._database.read(
            lambda c: [_user(row) for row in c.execute(select(users).order_by(users.c.name))]
        )

    async def user(self, name: str) -> User:
        """The account of that name.

        Raises:
            NotFoundError: there is none.
        """
        return await self._database.read(lambda c: _user(_find(c, name)))

    async def vouched(self, who: Vouched, *, address: str) -> Row[Any]:
        """The row of the account of somebody whom a provider vouches for: made, or as the provider has it now.

        Raises:
            RefusedError: their role logs in to no page.
            ConflictError: somebody else has the name already.
        """
        if who.role is Role.NVR:
            raise RefusedError(f"{who.name} has the role nvr here, which logs in to RTSP and ONVIF only")
        row = partial(self._audit.row, actor=f"oidc:{who.provider}", address=address)
        values: dict[str, Any] = {"role": who.role.value, "groups": list(who.groups)}

        def work(connection: Connection) -> Row[Any]:
            by_subject = select(users).where(users.c.issuer == who.issuer, users.c.subject == who.subject)
            found = connection.execute(by_subject).first()
            if found is None:
                if connection.execute(select(users.c.id).where(users.c.name == who.name)).first() is not None:
                    raise ConflictError(
                        f'there is another account "{who.name}" here: an administrator has to remove it first'
                    )
                now = self._clock.utc_ns()
                made = insert(users).values(
                    name=who.name, created_ns=now, issuer=who.issuer, subject=who.subject, **values
                )
                connection.execute(made)
                append(connection, row(Action.USER_ADD, user=who.name, **values))
            elif (before := _shown(_user(found))) != values:
                connection.execute(update(users).where(users.c.id == found.id).values(**values))
                append(connection, row(Action.USER_CHANGE, user=found.name, before=before, after=values))
            else:
                return found
            raise_revision(connection, REVISION)
            return connection.execute(by_subject).one()

        return await self._database.write(work)

    async def verified(self, name: str, password: str) -> Row[Any] | None:
        """The row of the account if `password` is its own, else None: also for an account that may not use one here.

        Takes as long for names that do not exist. An `nvr` account's password is for RTSP and ONVIF alone.
        """
        found = await self._database.read(lambda c: c.execute(select(users).where(users.c.name == name)).first())
        stored = found.password_hash if found is not None and found.role != Role.NVR.value else None
        right = await self._threads.run(self._passwords.verify, password[:MAX_PASSWORD], stored)
        return found if right else None

    async def _kept(self, role: Role, password: str) -> Callable[[str], dict[str, Any]]:
        """The columns that keep a password, once it is known whose: for an NVR encrypted, for people hashed.

        Never both: one column is null. Encrypting waits for the transaction, so that no key is rotated in between.
        """
        if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
            raise BadRequestError(f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters", pointer="/password")
        if role is Role.NVR:
            _check_typeable(password, "the password of an nvr account", "/password")
            return lambda name: {
                "password_hash": None,
                "password_encrypted": self._vault.encrypt(password, of_user(name)),
            }
        hashed = await self._threads.run(self._passwords.hash, password)
        return lambda _: {"password_hash": hashed, "password_encrypted": None}


def crosses(before: Role, after: Role) -> bool:
    """Whether an account that changes its role so becomes an NVR's, or stops being one: it needs a new password."""
    return (before is Role.NVR) is not (after is Role.NVR)


def is_user_name(text: str) -> bool:
    """Whether it can be a user's: nothing in it that cannot be seen, or two could look the same."""
    return USER_NAME.fullmatch(text) is not None and text.isprintable()


def check_name(name: str) -> None:
    """Raises BadRequestError when `name` cannot be a user's."""
    if not is_user_name(name):
        raise BadRequestError(
            f'"{name[:80]}" cannot be a user name: use 1 to 64 characters that can be seen, no spaces, "/" or ":"',
            pointer="/name",
        )


def camera_groups(groups: Iterable[str]) -> list[str]:
    """The groups, each once and in order.

    Raises:
        BadRequestError: one of them cannot be the name of a group.
    """
    try:
        return sorted({group_name(group) for group in groups})
    except ValueError as error:
        raise BadRequestError(str(error), pointer="/groups") from None


def camera_ids(cameras: Iterable[str]) -> list[str]:
    """The cameras, each once and in order.

    Raises:
        BadRequestError: one of them cannot be the id of a camera.
    """
    try:
        return sorted({camera_id(camera) for camera in cameras})
    except ValueError as error:
        raise BadRequestError(str(error), pointer="/cameras") from None


def _check_typeable(text: str, what: str, pointer: str) -> None:
    if not _TYPEABLE.fullmatch(text):
        raise BadRequestError(
            f"{what} has letters, digits and signs of ASCII only: all NVRs know these", pointer=pointer
        )


def _find(connection: Connection, name: str) -> Row[Any]:
    found = connection.execute(select(users).where(users.c.name == name)).first()
    if found is None:
        raise NotFoundError(f'there is no user "{name}"')
    return found


def _user(row: Row[Any]) -> User:
    return User(
        row.name,
        Role(row.role),
        row.created_ns,
        tuple(row.groups),
        row.issuer,
        tuple(row.cameras),
        has_password=row.role != Role.NVR.value or row.password_encrypted is not None,
    )


def _keep_an_administrator(connection: Connection, leaving: User) -> None:
    """Raises ConflictError if no administrator were left without `leaving`."""
    if leaving.role is not Role.ADMINISTRATOR:
        return
    others = select(users.c.id).where(users.c.role == Role.ADMINISTRATOR.value, users.c.name != leaving.name)
    if connection.execute(others.limit(1)).first() is None:
        raise ConflictError(f'"{leaving.name}" is the last administrator: make another one first')


def _shown(user: User) -> dict[str, Any]:
    named = {"cameras": list(user.cameras)} if user.cameras else {}
    return {"role": user.role.value, "groups": list(user.groups), **named}
