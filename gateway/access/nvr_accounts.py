"""The accounts that NVRs log in with, in memory: what RTSP and ONVIF ask about who wants something.

Digests (RFC 7616, WS-UsernameToken) are checked with the password itself, so these passwords are kept encrypted and
held here in clear. Guessing is slowed; log-ins and refusals go to the audit. What a log-in may see is
`gateway.access.authority`'s to say, and nonces are the protocols' own.

All calls from the event loop's thread.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar

from sqlalchemy import Row, select

from gateway.access.audit import Action, Audit
from gateway.access.rights import Role
from gateway.access.secrets import Vault, of_user
from gateway.access.tally import Tally, source
from gateway.access.throttle import Throttle, Try
from gateway.access.users import Principal
from gateway.base.clock import Clock
from gateway.base.errors import StorageError
from gateway.base.metrics import REFUSALS
from gateway.base.supervise import TaskOwner
from gateway.store.engine import Database
from gateway.store.tables import users

log = logging.getLogger(__name__)

Service: TypeAlias = Literal["rtsp", "onvif"]
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

DAY_SECONDS = 86400.0
KEY_BYTES = 32
MAX_NAME = 64
"""Characters of a name that somebody tries, as far as it is looked at."""
REMEMBERED = 10_000
"""Names and sources that were here: the newest."""
MAX_WRITING = 256
"""Rows for the audit on their way at a time; what comes beyond them is in the metrics alone."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Somebody who has proved to be an account."""

    name: str
    address: str
    service: Service
    utc_ns: int
    """When they did last."""


@dataclass(frozen=True, slots=True)
class _Account:
    password: str = field(repr=False)
    who: Principal
    sealed: bytes = field(compare=False)
    """What the password was decrypted from: another after each rotation of the key."""


class NvrAccounts:
    """The accounts of the role nvr. `load` them first, and again whenever users change."""

    def __init__(self, database: Database, vault: Vault, audit: Audit, tally: Tally, clock: Clock) -> None:
        self.on_changed: list[Callable[[], None]] = []
        """Called when an account is new, gone, or another than before: whoever serves one asks `holding` again."""
        self._database = database
        self._vault = vault
        self._audit = audit
        self._tally = tally
        self._clock = clock
        self._throttle = Throttle(clock)
        self._tasks = TaskOwner("nvr accounts")
        self._loading = asyncio.Lock()
        """So that what was read first does not take the place of what was read later."""
        self._accounts: dict[str, _Account] = {}
        self._others: dict[str, str] = {}
        """Accounts that do not log in here, and why: a clause."""
        self._proved: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        """Name and source of who has proved to be an account, with its key then."""
        self._seen: OrderedDict[tuple[str, str, Service], Seen] = OrderedDict()
        self._told: OrderedDict[tuple[str, ...], float] = OrderedDict()
        """What was told of whom, and when (monotonic seconds)."""

    async def load(self) -> None:
        """Take over the accounts as the database has them.

        Raises:
            StorageError: the database refused.
        """
        async with self._loading:
            rows = await self._database.read(lambda connection: connection.execute(select(users)).all())
            before, self._others = self._accounts, {}
            read = ((row.name, self._read(row, before.get(row.name))) for row in rows)
            self._accounts = {name: account for name, account in read if account is not None}
            if self._accounts != before:
                for listener in self.on_changed:
                    listener()

    async def close(self) -> None:
        """Wait until the audit has what it is being told."""
        await self._tasks.join()

    # ---- who they are

    def password(self, name: str) -> str | None:
        """The password of an nvr account; None: nobody of that name logs in here."""
        account = self._accounts.get(name)
        return None if account is None else account.password

    def principal(self, name: str) -> Principal | None:
        """Who it is that has proved to be `name`. Its key is another as soon as its password is."""
        account = self._accounts.get(name)
        return None if account is None else account.who

    def holding(self, who: Principal) -> Principal | None:
        """The same log-in as it is now; None: its account is gone, no NVR's any more, or has a new password."""
        now = self.principal(who.name)
        return now if now is not None and now.key == who.key else None

    def seen(self) -> list[Seen]:
        """Who has proved to be one of the accounts that there are now, from where: the last first."""
        return [seen for seen in reversed(self._seen.values()) if seen.name in self._accounts]

    # ---- guessing

    def refusal(self, address: str, name: str) -> float | None:
        """Seconds until somebody at `address` may try to be `name` again; None: now.

        Ask before a digest is checked: whoever gets a number is refused unheard, with the right password, too.
        """
        return self._throttle.wait(self._try(address, name[:MAX_NAME])) or None

    def failed(self, address: str, name: str, service: Service) -> None:
        """Somebody at `address` did not prove to be `name`, or tried to at a time of `refusal`.

        A client that names nobody yet, or answers a nonce that is too old with the right password, has not failed.
        """
        name = name[:MAX_NAME]
        one = self._try(address, name)
        slowed = self._throttle.wait(one) > 0
        if not slowed:
            self._throttle.failed(one)
        REFUSALS.labels("throttled" if slowed else "password").inc()
        why = self._others.get(name)
        if why is not None and self._first_in_a_day("why", name, one.source):
            log.warning('"%s" was refused at %s, by %s: %s', name, service.upper(), address, why)
        told = {} if why is None else {"why": why}
        self._write(self._tally.refused(Action.LOG_IN, service, actor=name, address=address, **told))

    def succeeded(self, address: str, name: str, service: Service) -> None:
        """Somebody at `address` proved to be `name`. Costs little: an ONVIF client proves it with each request.

        The audit has a row a day for each account, source and service.
        """
        who = self.principal(name)
        if who is None:
            return
        self._throttle.succeeded(self._try(address, name))
        here = source(address)
        _remember(self._proved, (name, here), who.key)
        _remember(self._seen, (name, here, service), Seen(name, address, service, self._clock.utc_ns()))
        if self._first_in_a_day("log-in", name, here, service):
            self._write(self._logged_in(address, name, service))

    # ---- inside

    def _read(self, row: Row[Any], before: _Account | None) -> _Account | None:
        """The account of a row; None, and why in `_others`: it does not log in here."""
        sealed: bytes | None = row.password_encrypted
        if row.role != Role.NVR.value:
            self._others[row.name] = f"it has the role {row.role}, and only accounts of the role nvr log in here"
            return None
        if sealed is None:
            self._others[row.name] = f'it needs a new password first: run "sightline user password {row.name}"'
            return None
        try:
            if before is not None and before.sealed == sealed:
                password = before.password
            else:
                password = self._vault.decrypt(sealed, of_user(row.name))
        except StorageError as error:
            self._others[row.name] = str(error)
            log.error("%s cannot log in to RTSP and ONVIF: %s", row.name, error)
            return None
        key = secrets.token_bytes(KEY_BYTES) if before is None or before.password != password else before.who.key
        groups, cameras = tuple(row.groups), tuple(row.cameras)
        return _Account(
            password, Principal(row.name, Role.NVR, key, by_token=False, groups=groups, cameras=cameras), sealed
        )

    def _try(self, address: str, name: str) -> Try:
        """Who proved before to be this account from there is counted apart, as a browser is that was logged in before:
        an NVR whose second account has a wrong password goes on with its first."""
        here, who = source(address), self.principal(name)
        proved = self._proved.get((name, here))
        return Try(name, here, proved if who is not None and proved == who.key else None)

    def _first_in_a_day(self, *what: str) -> bool:
        now, told = self._clock.monotonic(), self._told.get(what)
        if told is not None and now - told < DAY_SECONDS:
            return False
        _remember(self._told, what, now)
        return True

    async def _logged_in(self, address: str, name: str, service: Service) -> None:
        try:
            await self._audit.record(Action.LOG_IN, actor=name, address=address, method=service)
        except StorageError as error:
            log.error("the log-in of %s is not in the audit: %s", name, error)
            self._told.pop(("log-in", name, source(address), service), None)  # its next request tries again

    def _write(self, row: Coroutine[Any, Any, None]) -> None:
        if self._tasks.running < MAX_WRITING:
            self._tasks.start(row, name="audit")
        else:
            row.close()  # the database stalls while somebody floods


def _remember(known: OrderedDict[_Key, _Value], key: _Key, value: _Value) -> None:
    """As the newest of so many."""
    known[key] = value
    known.move_to_end(key)
    if len(known) > REMEMBERED:
        known.popitem(last=False)
