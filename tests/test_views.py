"""Views that last: when they begin and end in the audit, also when the gateway is killed or the database refuses."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from gateway.access.audit import Action, Audit
from gateway.access.audit_chain import verify
from gateway.access.views import KILLED, RETRY_SECONDS, Views
from gateway.base.clock import ManualClock
from gateway.base.errors import StorageError
from gateway.store.engine import open_catalog

WHO = {"actor": "ann", "address": "10.0.0.9", "camera": "unit-1"}


class Stage:
    def __init__(self, folder) -> None:
        self.clock = ManualClock()
        self.database = open_catalog(folder)
        self.audit = Audit(self.database, self.clock)
        self.views = self.another()

    def another(self):
        """The views of a process that starts."""
        return Views(self.database, self.audit, self.clock)

    async def begin(self, **more):
        return await self.views.begin(Action.LIVE_VIEW, **WHO | more)

    async def rows(self):
        """Oldest first."""
        return (await self.audit.entries())[::-1]

    async def sql(self, statement):
        return await self.database.write(lambda connection: connection.execute(text(statement)).rowcount)


@pytest.fixture
async def stage(tmp_path):
    stage = Stage(tmp_path)
    yield stage
    stage.database.close()


async def test_a_view_begins_and_ends_with_its_duration(stage):
    view = await stage.begin(reason="complaint", agent="Chrome")
    (began,) = await stage.rows()
    assert (began.action, began.outcome, began.reason) == ("live_view", "done", "complaint")
    assert (began.actor, began.address, began.camera, began.detail) == (*WHO.values(), {"agent": "Chrome"})
    stage.clock.advance(83.24)
    stage.views.end(view, "the viewer left")
    await stage.views.flush()
    _, ended = await stage.rows()
    assert (ended.action, ended.outcome, ended.actor, ended.camera) == ("live_view", "ended", "ann", "unit-1")
    assert ended.reason == "complaint"
    assert ended.detail == {"view": 1, "seconds": 83.2, "why": "the viewer left"}


async def test_ends_are_written_by_themselves_and_once(stage):
    running = asyncio.create_task(stage.views.run())
    view = await stage.begin()
    stage.views.end(view, "first")
    stage.views.end(view, "second")
    async with asyncio.timeout(10):
        while len(await stage.rows()) < 2:
            await asyncio.sleep(0.01)
    stage.views.end(view, "third")
    await stage.views.flush()
    running.cancel()
    assert [row.detail.get("why") for row in await stage.rows()] == [None, "first"]


async def test_many_that_come_at_once_do_not_wait_for_each_other(stage, monkeypatch):
    writes, write = [], stage.database.write

    async def counted(work):
        writes.append(work)
        return await write(work)

    monkeypatch.setattr(stage.database, "write", counted)
    views = await asyncio.gather(*(stage.begin(reason=str(n)) for n in range(50)))
    assert len(writes) <= 2
    rows = await stage.rows()
    assert [(row.id, row.reason) for row in rows] == [(view.id, str(n)) for n, view in enumerate(views)]


async def test_one_that_nobody_waits_for_ends_at_once(stage):
    await asyncio.gather(stage.begin())
    asking = asyncio.create_task(stage.begin())
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await stage.views.flush()
    *_, row = await stage.rows()
    assert (row.outcome, row.detail["shown"]) == ("ended", False)


async def test_a_view_that_cannot_be_written_does_not_begin(stage):
    await stage.sql("CREATE TRIGGER full BEFORE INSERT ON open_views BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    with pytest.raises(StorageError, match="disk full"):
        await stage.begin()
    assert await stage.rows() == []


async def test_an_end_that_cannot_be_written_waits(stage):
    view = await stage.begin()
    await stage.sql("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    running = asyncio.create_task(stage.views.run())
    stage.clock.advance(10)
    stage.views.end(view, "the viewer left")
    while not stage.clock.sleepers:
        await asyncio.sleep(0.001)
    await stage.sql("DROP TRIGGER full")
    stage.clock.advance(RETRY_SECONDS)
    async with asyncio.timeout(10):
        while len(await stage.rows()) < 2:
            await asyncio.sleep(0.01)
    running.cancel()
    assert (await stage.rows())[1].detail["seconds"] == 10


async def test_what_a_killed_gateway_left_open_ends_at_the_next_start(stage):
    ended, left = await stage.begin(), await stage.begin(actor="bob")
    stage.views.end(ended, "the viewer left")
    await stage.views.flush()
    assert await stage.another().close_left() == 1
    assert await stage.another().close_left() == 0
    last = (await stage.rows())[-1]
    assert (last.actor, last.outcome, last.detail) == (
        "bob",
        "ended",
        {"view": left.id, "seconds": None, "why": KILLED},
    )
    assert (await verify(stage.database)).broken is None
