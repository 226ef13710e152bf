"""Changes in the database take effect: this process's at once, another's at the next look."""

from __future__ import annotations

import asyncio

import pytest

from gateway.base.clock import ManualClock
from gateway.base.errors import SettingsError
from gateway.store.engine import open_catalog, raise_revision
from gateway.store.watch import LOOK_SECONDS, Watcher


class Work:
    """Counts how often it was done; refuses as often as told, waits where told."""

    def __init__(self):
        self.done = 0
        self.refusals = 0
        self.gate = None
        self.changed = asyncio.Event()

    async def __call__(self):
        if self.gate is not None:
            await self.gate
        self.done += 1
        self.changed.set()
        if self.refusals:
            self.refusals -= 1
            raise SettingsError("two cameras have one id")

    async def times(self, count):
        async with asyncio.timeout(10):
            while self.done < count:
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture
def database(tmp_path):
    database = open_catalog(tmp_path)
    yield database
    database.close()


@pytest.fixture
async def bench(database):
    class Bench:
        clock = ManualClock()
        cameras, users = Work(), Work()

    watcher = Watcher(database, Bench.clock)
    watcher.on("cameras", Bench.cameras)
    watcher.on("users", Bench.users)
    await watcher.look()
    task = asyncio.create_task(watcher.run())
    yield Bench
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def change(subject):
    return lambda connection: raise_revision(connection, subject)


async def test_a_change_of_this_process_takes_effect_without_time_passing(bench, database):
    for count in (1, 2, 3):
        await database.write(change("users"))
        await bench.users.times(count)
    assert bench.cameras.done == 0, "only whose subject changed"


async def test_what_happened_between_the_first_look_and_the_run_is_not_lost(database):
    clock, work = ManualClock(), Work()
    watcher = Watcher(database, clock)
    watcher.on("users", work)
    await watcher.look()
    await database.write(change("users"))
    task = asyncio.create_task(watcher.run())
    await work.times(1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_another_processs_change_takes_effect_at_the_next_look(bench, tmp_path):
    other = open_catalog(tmp_path)
    try:
        await other.write(change("cameras"))
    finally:
        other.close()
    async with asyncio.timeout(10):
        while not bench.clock.sleepers:
            await asyncio.sleep(0)
    bench.clock.advance(LOOK_SECONDS)
    await bench.cameras.times(1)


async def test_work_that_takes_long_holds_up_no_other(bench, database):
    bench.cameras.gate = asyncio.get_running_loop().create_future()
    await database.write(change("cameras"))
    await database.write(change("users"))
    await bench.users.times(1)
    assert bench.cameras.done == 0
    bench.cameras.gate.set_result(None)
    await bench.cameras.times(1)


async def test_what_is_refused_is_told_once_and_tried_again(bench, database, caplog):
    bench.cameras.refusals = 3
    await database.write(change("cameras"))
    async with asyncio.timeout(10):
        while bench.cameras.done < 4:
            bench.clock.advance(LOOK_SECONDS)
            await asyncio.sleep(0)
    assert [record.getMessage() for record in caplog.records] == [
        "the cameras stay as they are: two cameras have one id"
    ]


async def test_a_change_that_was_taken_back_is_none(database):
    told = []
    database.on_raised.append(lambda: told.append("raised"))

    def broken(connection):
        raise_revision(connection, "users")
        raise SettingsError("no")

    with pytest.raises(SettingsError):
        await database.write(broken)
    await database.write(lambda connection: None)
    assert told == []
    await database.write(change("users"))
    assert told == ["raised"]
