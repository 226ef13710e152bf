"""Accounts and log-ins on a database of their own, with hashes that cost nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.access.audit import Audit, Entry
from gateway.access.browsers import Browsers
from gateway.access.log_ins import LogIns
from gateway.access.rights import Role
from gateway.access.secrets import Passwords, Vault
from gateway.access.tally import Tally
from gateway.access.users import Principal, Users
from gateway.base.clock import ManualClock
from gateway.store.engine import open_catalog

CHEAP = Passwords(memory_kib=64, rounds=1)
PASSWORD = "correct horse"
FROM = {"actor": "test", "address": "local"}


@dataclass
class Accounts:
    """What the gateway has of them."""

    clock: ManualClock
    users: Users
    browsers: Browsers
    log_ins: LogIns
    audit: Audit
    tally: Tally

    async def add(self, name: str, role: Role = Role.DISPATCHER, *groups: str) -> None:
        await self.users.add(name, role, PASSWORD, groups=groups, **FROM)

    async def log_in(
        self, name: str = "ann", password: str = PASSWORD, address: str = "10.0.0.9"
    ) -> tuple[str, Principal]:
        return await self.log_ins.log_in(name, password, address=address, agent="test")

    async def audited(self) -> list[Entry]:
        """The rows, newest first."""
        return await self.audit.entries()


@contextlib.contextmanager
def accounts(folder: Path, passwords: Passwords = CHEAP) -> Iterator[Accounts]:
    clock = ManualClock()
    database = open_catalog(folder)
    audit = Audit(database, clock)
    tally = Tally(audit, clock)
    vault = Vault.open(folder)
    browsers = Browsers(vault, clock)
    users = Users(database, vault, audit, clock, passwords=passwords)
    try:
        yield Accounts(clock, users, browsers, LogIns(database, users, browsers, audit, tally, clock), audit, tally)
    finally:
        users.close()
        database.close()
