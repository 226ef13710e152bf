"""What the commands share: the database beside a running gateway, who runs the command, how a list is printed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, TypedDict

from gateway.access.audit import Audit
from gateway.access.browsers import Browsers
from gateway.access.log_ins import LogIns
from gateway.access.secrets import Vault
from gateway.access.tally import Tally
from gateway.access.users import Users
from gateway.base.clock import Clock, SystemClock
from gateway.base.errors import SettingsError
from gateway.base.settings import Settings
from gateway.ingest.registry import Registry
from gateway.store.engine import Database, open_catalog


@dataclass(frozen=True, slots=True)
class State:
    """What a command may work with."""

    clock: Clock
    users: Users
    log_ins: LogIns
    registry: Registry
    audit: Audit
    database: Database


@contextlib.asynccontextmanager
async def open_state(settings: Settings) -> AsyncIterator[State]:
    """The database, opened, migrated if need be, and closed again."""
    clock = SystemClock()
    catalog: Database = await asyncio.to_thread(open_catalog, settings.data_dir, settings.database)
    try:
        audit = Audit(catalog, clock)
        vault = Vault.open(settings.data_dir)
        users = Users(catalog, vault, audit, clock)
        try:
            log_ins = LogIns(catalog, users, Browsers(vault, clock), audit, Tally(audit, clock), clock)
            yield State(clock, users, log_ins, Registry(catalog, vault, audit, clock, settings.cameras), audit, catalog)
        finally:
            users.close()
    finally:
        catalog.close()


class Who(TypedDict):
    """Who runs the command, for the audit."""

    actor: str
    address: str


def who() -> Who:
    """The account of the machine that runs the command."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    return {"actor": f"shell:{name}", "address": "local"}


def line_from_stdin() -> str:
    """A password.

    Raises:
        SettingsError: none came.
    """
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise SettingsError("no password came on standard input")
    return line


def table(heads: list[str], rows: list[list[Any]]) -> None:
    """Print rows under their heads, in columns."""
    widths = [max(len(str(row[i])) for row in [heads, *rows]) for i in range(len(heads))]
    for row in [heads, *rows]:
        print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
