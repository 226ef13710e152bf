"""gateway.positions.store: what is added is found at once, is on disk within a second, and survives refusals."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection, Table, func, select, update

from gateway.base.clock import ManualClock
from gateway.base.errors import StorageError
from gateway.base.metrics import REGISTRY
from gateway.media.model import NS, Fix
from gateway.positions import blocks, store
from gateway.positions.store import MINUTE_NS, PositionStore
from gateway.store.engine import Database, open_positions
from gateway.store.tables import fix_blocks, fix_journal

T = TypeVar("T")
START = 1_767_268_800 * NS


def fix(seconds: float, lat: float = 51.5) -> Fix:
    utc_ns = START + round(seconds * NS)
    return Fix(utc_ns, lat, -0.12, 35.0, carrier="onvif-event", received_ns=utc_ns + 1)


def refused(camera: str, rule: str) -> float:
    return REGISTRY.get_sample_value("sightline_fixes_refused_total", {"camera": camera, "rule": rule}) or 0


class Unreliable(Database):
    """A database whose writes can be made to fail, or to wait."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.failing = False
        self.fail_after_commit = False
        self.gate = threading.Event()
        self.gate.set()
        self.writes = 0

    async def write(self, work: Callable[[Connection], T]) -> T:
        if self.failing:
            raise StorageError("the disk is full")
        self.writes += 1

        def gated(connection: Connection) -> T:
            assert self.gate.wait(10)
            return work(connection)

        result = await super().write(gated)
        if self.fail_after_commit:
            raise StorageError("the connection broke after the commit")
        return result


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Unreliable]:
    open_positions(tmp_path).close()
    database = Unreliable(f"sqlite+pysqlite:///{tmp_path / 'positions.db'}")
    yield database
    database.gate.set()
    database.close()


@pytest.fixture
def positions(database: Database, clock: ManualClock) -> PositionStore:
    return PositionStore(database, clock)


async def rows(database: Database, table: Table = fix_blocks) -> int:
    return await database.read(lambda c: c.execute(select(func.count()).select_from(table)).scalar_one())


async def settled(positions: PositionStore, clock: ManualClock) -> None:
    """Have all minutes so far become blocks."""
    clock.advance(61)
    for _ in range(3):
        await positions.flush()


async def block(database: Database, minute: int = START // MINUTE_NS) -> bytes:
    return await database.read(
        lambda c: c.execute(select(fix_blocks.c.fixes).where(fix_blocks.c.minute == minute)).scalar_one()
    )


async def test_found_before_and_after_it_is_written(positions: PositionStore, database: Unreliable) -> None:
    assert positions.add("a", fix(0))
    assert await positions.fixes("a") == [fix(0)]
    await positions.flush()
    assert await rows(database, fix_journal) == 1
    positions.add("a", fix(1))
    positions.add("b", fix(1, lat=52.0))
    await positions.flush()
    assert await rows(database, fix_journal) == 2
    assert await rows(database) == 0
    assert await positions.fixes("a") == [fix(0), fix(1)]
    assert await positions.fixes("b") == [fix(1, lat=52.0)]
    assert await positions.fixes("c") == []


async def test_another_store_finds_what_was_written(
    positions: PositionStore, database: Unreliable, clock: ManualClock
) -> None:
    expected = [fix(i / 2) for i in range(300)]
    for i, each in enumerate(expected):
        positions.add("a", each)
        if i % 2:
            await positions.flush()
            clock.advance(1)
    assert await rows(database) == 2  # the third minute is not over
    assert await PositionStore(database, clock).fixes("a") == expected
    assert await PositionStore(database, clock).fixes("a", START + 30 * NS, START + 31 * NS) == expected[60:62]
    assert await PositionStore(database, clock).fixes("b") == []


async def test_what_a_killed_gateway_left_in_the_journal_is_taken_up(
    positions: PositionStore, database: Unreliable, clock: ManualClock
) -> None:
    expected = [fix(i) for i in range(90)]
    for each in expected:
        positions.add("a", each)
        await positions.flush()
        clock.advance(1)
    assert await rows(database) == 1
    left = await rows(database, fix_journal)
    assert left >= 30
    heir = PositionStore(database, clock)
    heir.add("a", fix(90))
    assert await heir.fixes("a") == [*expected, fix(90)]
    await heir.flush()
    assert await heir.fixes("a") == [*expected, fix(90)]
    await settled(heir, clock)
    assert await rows(database, fix_journal) == 0
    assert await rows(database) == 2
    assert await PositionStore(database, clock).fixes("a") == [*expected, fix(90)]


async def test_five_hundred_minutes_that_end_together_are_spread(
    positions: PositionStore, database: Unreliable, clock: ManualClock
) -> None:
    for camera in range(200):
        positions.add(str(camera), fix(camera / 10))
    await positions.flush()
    clock.advance(61)
    counts = []
    for _ in range(14):
        await positions.flush()
        counts.append(await rows(database))
    assert counts[0] == 16
    assert counts == sorted(counts)
    assert counts[-1] == 200
    assert [(await positions.fixes(str(camera))) for camera in (0, 199)] == [[fix(0)], [fix(19.9)]]
    await positions.flush()
    assert await rows(database, fix_journal) == 0


async def test_a_minute_that_never_ends_does_not_keep_the_journal(
    positions: PositionStore, database: Unreliable, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "SETTLE_AFTER", 5)
    expected = [fix(i / 10) for i in range(40)]
    clock.advance(3600)
    for each in expected:  # a camera whose clock stands still, nearly
        positions.add("a", each)
        await positions.flush()
        clock.advance(1)
        assert await rows(database, fix_journal) <= 8
    assert await PositionStore(database, clock).fixes("a") == expected


async def test_a_damaged_entry_of_the_journal_is_named_and_left_alone(
    positions: PositionStore, database: Unreliable, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    await database.write(lambda c: c.execute(fix_journal.insert().values(fixes=b"damaged")) and None)
    positions.add("a", fix(0))
    with caplog.at_level(logging.ERROR):
        await positions.flush()
    assert "entry 1" in caplog.text
    await settled(positions, clock)
    assert await rows(database, fix_journal) == 1
    assert await positions.fixes("a") == [fix(0)]


async def test_a_minute_that_is_over_becomes_one_block(
    positions: PositionStore, database: Unreliable, clock: ManualClock
) -> None:
    for i in range(60):
        positions.add("a", fix(i))
        await positions.flush()
        clock.advance(1)
    assert await rows(database) == 0
    await positions.flush()
    assert blocks.decode(await block(database)) == [fix(i) for i in range(60)]
    positions.add("a", fix(60))
    await positions.flush()
    assert await positions.fixes("a") == [fix(i) for i in range(61)]
    positions.add("a", fix(30.5))  # late
    await positions.flush()
    await positions.flush()
    assert fix(30.5) in blocks.decode(await block(database))
    assert len(await positions.fixes("a")) == 62
    writes = database.writes
    await positions.flush()
    await positions.flush()
    assert database.writes <= writes + 1  # the journal's last row; then there is nothing to do


async def test_late_and_early_fixes_find_their_minute(
    positions: PositionStore, database: Unreliable, clock: ManualClock
) -> None:
    for seconds in (130, 5, 70, -3, 4, 7200, 71):
        positions.add("a", fix(seconds))
        await positions.flush()
        clock.advance(30)
    assert await positions.fixes("a") == [fix(s) for s in (-3, 4, 5, 70, 71, 130, 7200)]
    assert await PositionStore(database, clock).fixes("a") == await positions.fixes("a")


@pytest.mark.parametrize("written", [True, False])
@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (None, None, [0, 30, 59.5, 60, 90, 200]),
        (30, None, [30, 59.5, 60, 90, 200]),
        (None, 60, [0, 30, 59.5]),
        (59.5, 60, [59.5]),
        (60, 90, [60]),
        (60, 90.000000001, [60, 90]),
        (91, 200, []),
        (300, None, []),
        (None, -1, []),
        (90, 60, []),
    ],
)
async def test_intervals(
    positions: PositionStore, start: float | None, end: float | None, expected: list[float], written: bool
) -> None:
    for seconds in (0, 30, 59.5, 60, 90, 200):
        positions.add("a", fix(seconds))
    if written:
        await positions.flush()
    from_ns = None if start is None else START + round(start * NS)
    to_ns = None if end is None else START + round(end * NS)
    assert await positions.fixes("a", from_ns, to_ns) == [fix(s) for s in expected]


async def test_a_long_time_comes_in_batches(positions: PositionStore, clock: ManualClock) -> None:
    expected = [fix(minute * 60 + 30) for minute in range(0, 400, 2)]
    for each in expected:
        positions.add("a", each)
    for _ in range(20):
        await positions.flush()
    positions.add("a", fix(60.0))
    positions.add("a", fix(1_000_000))
    batches = [batch async for batch in positions.batches("a")]
    assert len(batches) == 4
    assert [f for batch in batches for f in batch] == sorted(
        [*expected, fix(60.0), fix(1_000_000)], key=lambda f: f.utc_ns
    )


async def test_nothing_is_lost_or_doubled_while_a_write_is_under_way(
    positions: PositionStore, database: Unreliable
) -> None:
    positions.add("a", fix(0))
    await positions.flush()
    database.gate.clear()
    positions.add("a", fix(1))
    flush = asyncio.create_task(positions.flush())
    await asyncio.sleep(0)
    positions.add("a", fix(2))
    assert await positions.fixes("a") == [fix(0), fix(1), fix(2)]
    reading = asyncio.create_task(positions.fixes("a"))
    await asyncio.sleep(0)
    database.gate.set()
    await flush
    assert await reading == [fix(0), fix(1), fix(2)]
    await positions.flush()
    assert await positions.fixes("a") == [fix(0), fix(1), fix(2)]


async def test_what_a_refused_write_held_is_written_later(
    positions: PositionStore, database: Unreliable, clock: ManualClock
) -> None:
    database.failing = True
    positions.add("a", fix(0))
    with pytest.raises(StorageError, match="disk is full"):
        await positions.flush()
    positions.add("a", fix(1))
    assert await positions.fixes("a") == [fix(0), fix(1)]
    database.failing = False
    await positions.flush()
    assert await PositionStore(database, clock).fixes("a") == [fix(0), fix(1)]
    await settled(positions, clock)
    assert blocks.decode(await block(database)) == [fix(0), fix(1)]


async def test_a_write_that_succeeded_without_saying_so_is_not_doubled(
    positions: PositionStore, database: Unreliable, clock: ManualClock
) -> None:
    database.fail_after_commit = True
    positions.add("a", fix(0))
    with pytest.raises(StorageError):
        await positions.flush()
    assert await positions.fixes("a") == [fix(0)]
    database.fail_after_commit = False
    positions.add("a", fix(1))
    await positions.flush()
    assert await PositionStore(database, clock).fixes("a") == [fix(0), fix(1)]
    await settled(positions, clock)
    assert blocks.decode(await block(database)) == [fix(0), fix(1)]


async def test_a_cancelled_write_loses_and_doubles_nothing(
    positions: PositionStore, database: Unreliable, clock: ManualClock
) -> None:
    database.gate.clear()
    positions.add("a", fix(0))
    flush = asyncio.create_task(positions.flush())
    await asyncio.sleep(0)
    flush.cancel()
    with pytest.raises(asyncio.CancelledError):
        await flush
    positions.add("a", fix(1))
    database.gate.set()
    await positions.flush()
    assert await PositionStore(database, clock).fixes("a") == [fix(0), fix(1)]
    await settled(positions, clock)
    assert blocks.decode(await block(database)) == [fix(0), fix(1)]


async def test_what_waits_is_bounded_and_counted(
    positions: PositionStore, database: Unreliable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MAX_PENDING", 3)
    database.failing = True
    before = refused("bounded", "store_full")
    assert [positions.add("bounded", fix(i)) for i in range(5)] == [True, True, True, False, False]
    assert refused("bounded", "store_full") == before + 2
    with pytest.raises(StorageError):
        await positions.flush()
    assert not positions.add("bounded", fix(9))
    database.failing = False
    await positions.flush()
    assert positions.add("bounded", fix(9))
    assert await positions.fixes("bounded") == [fix(0), fix(1), fix(2), fix(9)]


async def test_a_block_is_bounded_and_counted(positions: PositionStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MAX_FIXES_A_MINUTE", 3)
    before = refused("crowded", "too_many")
    for i in range(2):
        positions.add("crowded", fix(i))
    await positions.flush()
    for i in range(2, 6):
        positions.add("crowded", fix(i))
    await positions.flush()
    assert await positions.fixes("crowded") == [fix(0), fix(1), fix(2)]
    assert refused("crowded", "too_many") == before + 3


async def test_a_damaged_block_is_named_and_left_alone(
    positions: PositionStore, database: Unreliable, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    positions.add("a", fix(0))
    positions.add("a", fix(60))
    await positions.flush()
    clock.advance(120)
    await settled(positions, clock)
    first = START // MINUTE_NS
    await database.write(
        lambda c: c.execute(update(fix_blocks).where(fix_blocks.c.minute == first).values(fixes=b"\x01damaged"))
    )
    fresh = PositionStore(database, clock)
    with pytest.raises(StorageError, match=f"camera a, minute {first}"):
        await fresh.fixes("a")
    assert await fresh.fixes("a", START + MINUTE_NS) == [fix(60)]
    fresh.add("a", fix(1))
    fresh.add("b", fix(1))
    with caplog.at_level(logging.ERROR):
        await fresh.flush()
        await fresh.flush()
    assert "camera a" in caplog.text
    assert await block_of(database, "a", first) == b"\x01damaged"
    assert await fresh.fixes("b") == [fix(1)]


async def block_of(database: Database, camera: str, minute: int) -> bytes:
    where = (fix_blocks.c.camera == camera, fix_blocks.c.minute == minute)
    return await database.read(lambda c: c.execute(select(fix_blocks.c.fixes).where(*where)).scalar_one())


async def test_whole_minutes_are_deleted_between_two_moments(
    positions: PositionStore, database: Unreliable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_DELETE_PAGE", 2)
    for camera in ("a", "b"):
        for minute in range(7):
            positions.add(camera, fix(minute * 60))
    await positions.flush()
    assert await positions.cameras() == ["a", "b"]
    assert await positions.delete_between("a", START + NS, START + 5 * MINUTE_NS + 30 * NS) == 4
    assert await positions.fixes("a") == [fix(0), fix(300), fix(360)]
    assert len(await positions.fixes("b")) == 7
    positions.add("a", fix(61))  # a deleted minute begins anew
    await positions.flush()
    assert await positions.fixes("a") == [fix(0), fix(61), fix(300), fix(360)]


async def test_run_writes_every_second_and_goes_on_after_refusals(
    positions: PositionStore, database: Unreliable, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    task = asyncio.create_task(positions.run())
    second = 0

    async def pass_a_second() -> None:
        nonlocal second
        while not clock.sleepers:
            await asyncio.sleep(0.001)
        clock.advance(1)
        second += 1
        await asyncio.sleep(0)
        while not clock.sleepers:
            await asyncio.sleep(0.001)

    positions.add("a", fix(0))
    await pass_a_second()
    assert await rows(database, fix_journal) == 1
    database.failing = True
    for _ in range(5):
        positions.add("a", fix(second))
        await pass_a_second()
    assert caplog.text.count("could not be written yet") == 1
    database.failing = False
    await pass_a_second()
    assert [f.utc_ns for f in await PositionStore(database, clock).fixes("a")] == [START + i * NS for i in range(6)]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
