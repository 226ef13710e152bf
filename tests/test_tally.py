"""Floods of refusals: one audit row a minute for each kind and source."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from gateway.access.audit import Action, Audit
from gateway.access.tally import MANY, MAX_NAMES, Tally, source
from gateway.base.clock import ManualClock
from gateway.base.errors import StorageError
from gateway.store.engine import open_catalog

FIRST = {"actor": "ann", "address": "10.0.0.9"}


class Stage:
    """A tally over a real database, its clock, and the task that writes the minutes."""

    def __init__(self, folder) -> None:
        self.clock = ManualClock()
        self.database = open_catalog(folder)
        self.audit = Audit(self.database, self.clock)
        self.tally = Tally(self.audit, self.clock, limit=3)

    async def refused(self, times=1, *, kind="password", **more):
        for _ in range(times):
            await self.tally.refused(Action.LOG_IN, kind, **FIRST | more)

    async def minute(self):
        """Let a minute pass for `Tally.run`."""
        running = asyncio.create_task(self.tally.run())
        while not self.clock.sleepers:
            await asyncio.sleep(0)
        self.clock.advance(60)
        while not self.clock.sleepers:
            await asyncio.sleep(0.001)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    async def rows(self):
        return await self.audit.entries()

    async def sql(self, statement):
        await self.database.write(lambda connection: connection.execute(text(statement)).rowcount)


@pytest.fixture
async def stage(tmp_path):
    stage = Stage(tmp_path)
    yield stage
    stage.database.close()


async def test_the_first_is_written_at_once_and_the_others_at_the_end_of_the_minute(stage):
    await stage.refused(10_000)
    (first,) = await stage.rows()
    assert (first.action, first.outcome, first.actor, first.address) == ("log_in", "refused", "ann", "10.0.0.9")
    await stage.minute()
    counted, _ = await stage.rows()
    assert counted.detail == {"kind": "password", "count": 9999, "seconds": 60, "actors": ["ann"]}
    assert counted.utc_ns - first.utc_ns == 60 * 10**9


async def test_a_flood_that_goes_on_is_one_row_a_minute(stage):
    for _ in range(3):
        await stage.refused(100)
        await stage.minute()
    assert [entry.detail.get("count") for entry in await stage.rows()] == [100, 100, 99, None]


async def test_after_a_quiet_minute_the_next_is_written_at_once_again(stage):
    await stage.refused()
    await stage.minute()
    await stage.refused()
    assert [entry.detail for entry in await stage.rows()] == [{"kind": "password"}, {"kind": "password"}]


async def test_kinds_sources_and_proved_users_are_told_apart(stage):
    await stage.refused(2)
    await stage.refused(2, kind="csrf")
    await stage.refused(2, address="10.0.0.8")
    assert len(await stage.rows()) == 3


async def test_the_names_tried_are_told_up_to_a_limit(stage):
    for number in range(100):
        await stage.refused(actor=f"user{number}")
    await stage.minute()
    newest = (await stage.rows())[0]
    assert newest.actor == "several"
    assert newest.detail["actors"] == [f"user{number}" for number in range(1, MAX_NAMES + 1)]


async def test_more_sources_than_are_told_apart_are_counted_together(stage):
    for number in range(50):
        await stage.refused(address=f"10.0.1.{number}")
    await stage.tally.flush()
    newest, *others = await stage.rows()
    assert (newest.address, newest.detail["count"]) == (MANY, 46)
    assert len(others) == 4


async def test_a_database_that_refuses_loses_no_count(stage):
    await stage.sql("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    with pytest.raises(StorageError, match="disk full"):
        await stage.refused()
    await stage.refused(4)
    await stage.minute()
    await stage.refused()
    await stage.sql("DROP TRIGGER full")
    await stage.minute()
    (only,) = await stage.rows()
    assert only.detail["count"] == 6


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("10.0.0.9", "10.0.0.9"),
        ("::ffff:10.0.0.9", "10.0.0.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("unknown", "unknown"),
    ],
)
def test_one_subscriber_is_one_source(address, shown):
    assert source(address) == shown
