"""The audit: rows as they are found again, and proved."""

from __future__ import annotations

import asyncio
import random

import pytest
from alembic import command
from sqlalchemy import text

from gateway.access import audit_chain
from gateway.access.audit import Action, Audit, Outcome
from gateway.access.audit_chain import verify
from gateway.access.audit_search import Query, pages, search
from gateway.base.clock import ManualClock
from gateway.base.errors import BadRequestError, StorageError
from gateway.ledger.chain import Break, Fault, Head
from gateway.store.engine import Database, open_catalog, sqlite_url
from gateway.store.migrate import config

NOON = 1_700_000_000_000_000_000
MINUTE = 60 * 10**9


class Stage:
    """An audit over a real database, and SQL behind its back."""

    def __init__(self, folder) -> None:
        self.clock = ManualClock(NOON)
        self.database = open_catalog(folder)
        self.audit = Audit(self.database, self.clock)

    async def fill(self, count=30):
        """A row a minute."""
        rows = []
        for number in range(count):
            rows.append(
                self.audit.row(
                    list(Action)[number % 7],
                    actor=f"user{number % 3}",
                    address="10.0.0.9",
                    outcome=Outcome.REFUSED if number % 5 == 0 else Outcome.DONE,
                    camera=f"unit-{number % 4}" if number % 2 else None,
                    reason="complaint" if number % 3 == 0 else None,
                    number=number,
                )
            )
            self.clock.advance(60)
        await self.audit.append_all(rows)

    async def sql(self, *statements):
        for statement in statements:
            await self.database.write(lambda c, s=statement: c.execute(text(s)).rowcount)

    async def one(self, query):
        return await self.database.read(lambda connection: connection.execute(text(query)).scalar())

    async def set(self, column, number, value):
        change = text(f"UPDATE audit SET {column}=:value WHERE id={number}")
        await self.database.write(lambda connection: connection.execute(change, {"value": value}).rowcount)

    async def broken(self, *interval, **more):
        return (await verify(self.database, *interval, **more)).broken

    async def numbers(self, **query):
        return [entry.id for entry in await search(self.database, Query(**query))]


@pytest.fixture
async def stage(tmp_path):
    stage = Stage(tmp_path)
    yield stage
    stage.database.close()


# ---- what a row says


async def test_a_row_is_read_as_it_was_written(stage):
    await stage.audit.record(
        Action.LIVE_VIEW,
        actor="ann",
        address="10.0.0.9",
        camera="unit-1",
        reason="Beschwerde über 12",
        seconds=1.5,
        of={"a": [1, None, True]},
    )
    (entry,) = await stage.audit.entries()
    assert (entry.id, entry.utc_ns, entry.actor, entry.camera) == (1, NOON, "ann", "unit-1")
    assert (entry.reason, entry.detail) == ("Beschwerde über 12", {"seconds": 1.5, "of": {"a": [1, None, True]}})
    assert await stage.broken() is None


async def test_whatever_somebody_sends_can_be_written_and_proved(stage):
    hostile = 'é\ud800\x00\n\x1b"\\\u2028' + "x" * 5000
    await stage.audit.record(
        Action.LOG_IN, actor=hostile, address="", camera=hostile, reason=hostile, agent=hostile, size=2**64
    )
    (entry,) = await stage.audit.entries()
    assert entry.actor.startswith('é\ufffd\ufffd\n\x1b"\\\u2028xxx')
    assert (len(entry.actor), entry.detail["size"]) == (1000, str(2**64))
    assert await stage.broken() is None


async def test_a_change_and_its_row_are_kept_or_lost_together(stage):
    await stage.sql("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    with pytest.raises(StorageError, match="disk full"):
        await stage.fill(1)
    await stage.sql("DROP TRIGGER full")
    await stage.fill(2)
    assert await stage.numbers() == [2, 1]
    assert await stage.broken() is None


async def test_rows_that_go_together_are_written_all_or_none_and_follow_the_others(stage):
    await stage.fill(3)
    refuse = "BEFORE INSERT ON audit WHEN NEW.actor = 'user2' BEGIN SELECT RAISE(ABORT, 'not you'); END"
    await stage.sql(f"CREATE TRIGGER one {refuse}")
    with pytest.raises(StorageError, match="not you"):
        await stage.fill(5)
    await stage.sql("DROP TRIGGER one")
    await stage.audit.append_all([])
    await stage.fill(2)
    assert await stage.numbers() == [5, 4, 3, 2, 1]
    verdict = await verify(stage.database)
    assert (verdict.broken, verdict.last, verdict.head.sequence) == (None, 5, 5)


async def test_writers_beside_one_another_make_one_chain(stage, tmp_path):
    other = Database(sqlite_url(tmp_path / "sightline.db"))
    try:
        audits = [stage.audit, Audit(other, stage.clock)]
        await asyncio.gather(
            *(audits[n % 2].record(Action.LOG_IN, actor=f"user{n}", address="local") for n in range(40))
        )
    finally:
        other.close()
    verdict = await verify(stage.database)
    assert (verdict.broken, verdict.last, verdict.head.sequence) == (None, 40, 40)


# ---- search


async def test_each_thing_to_search_by_narrows(stage):
    await stage.fill()
    assert await stage.numbers(limit=3) == [30, 29, 28]
    assert await stage.numbers(actor="user1") == list(range(29, 0, -3))
    assert await stage.numbers(camera="unit-3", action="log_out") == [16]
    assert await stage.numbers(outcome="refused", actor="user0") == [16, 1]
    assert await stage.numbers(from_ns=NOON + 3 * MINUTE, to_ns=NOON + 6 * MINUTE) == [6, 5, 4]
    assert await stage.numbers(camera="nobody's") == []


async def test_pages_go_on_where_the_last_one_ended_though_rows_have_come(stage):
    await stage.fill()
    seen, before = [], None
    while page := await stage.numbers(limit=7, before=before, actor="user1"):
        seen += page
        before = page[-1]
        await stage.fill(1)
    assert seen == list(range(29, 0, -3))


async def test_rows_of_one_instant_are_each_found_once(stage):
    await stage.audit.append_all([stage.audit.row(Action.LOG_IN, actor="ann", address="local") for _ in range(10)])
    assert [*await stage.numbers(limit=4), *await stage.numbers(limit=9, before=7)] == list(range(10, 0, -1))


async def test_all_rows_come_page_by_page(stage, monkeypatch):
    monkeypatch.setattr("gateway.access.audit_search.MAX_PAGE", 8)
    await stage.fill()
    sizes = [len(page) async for page in pages(stage.database, Query(actor="user1", limit=1))]
    assert sizes == [8, 2]


@pytest.mark.parametrize("query", [{"action": "dance"}, {"outcome": "maybe"}, {"limit": 0}, {"limit": 1001}])
def test_a_question_that_makes_no_sense_is_refused(query):
    with pytest.raises(BadRequestError):
        Query(**query)


async def test_going_on_from_a_row_that_is_not_there_is_refused(stage):
    with pytest.raises(BadRequestError, match="no row 99"):
        await stage.numbers(before=99)


# ---- proof

COLUMNS = ("utc_ns", "actor", "action", "outcome", "camera", "address", "reason", "detail", "sha256")


def _other(value, dice):
    """Another value for a column: a character, byte or nanosecond away."""
    if value is None:
        return "x"
    if isinstance(value, int):
        return value + dice.choice([-1, 1])
    at = dice.randrange(len(value))
    if isinstance(value, bytes):
        return value[:at] + bytes([value[at] ^ 1 << dice.randrange(8)]) + value[at + 1 :]
    return value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :]


async def test_every_single_change_of_a_value_is_caught_and_named(stage):
    await stage.fill(60)
    dice = random.Random(5)
    for _ in range(60):
        column, number = dice.choice(COLUMNS), dice.randint(1, 60)
        old = await stage.one(f"SELECT {column} FROM audit WHERE id={number}")
        await stage.set(column, number, _other(old, dice))
        assert await stage.broken() == Break(number, Fault.CHANGED), (column, number)
        await stage.set(column, number, old)
    assert await stage.broken() is None


async def test_a_value_of_another_type_is_a_change_like_any(stage):
    await stage.fill(9)
    for column in COLUMNS:
        old = await stage.one(f"SELECT {column} FROM audit WHERE id=5")
        for value in ("no number", b"\x80", 7, 0.5):
            await stage.set(column, 5, value)
            assert await stage.broken() == Break(5, Fault.CHANGED), (column, value)
            await search(stage.database, Query())  # can still be shown
        await stage.set(column, 5, old)


REMOVE = "DELETE FROM audit WHERE id={}"
SLIP_IN = "INSERT INTO audit SELECT {}, utc_ns, actor, action, outcome, camera, address, reason, detail, sha256 FROM audit WHERE id=1"  # noqa: E501
MOVE = "UPDATE audit SET id={1} WHERE id={0}"


@pytest.mark.parametrize(
    ("statements", "broken"),
    [
        ([REMOVE.format(1)], Break(1, Fault.MISSING)),
        ([REMOVE.format(17)], Break(17, Fault.MISSING)),
        ([REMOVE.format(30)], Break(30, Fault.MISSING)),
        (["DELETE FROM audit"], Break(1, Fault.MISSING)),
        ([SLIP_IN.format(31)], Break(31, Fault.ADDED)),
        (["UPDATE audit SET id=id+100 WHERE id>=17", "UPDATE audit SET id=id-99 WHERE id>=117", SLIP_IN.format(17)],
         Break(17, Fault.CHANGED)),
        ([MOVE.format(9, 99), MOVE.format(21, 9), MOVE.format(99, 21)], Break(9, Fault.CHANGED)),
        (["UPDATE ledger_heads SET sequence=29"], Break(29, Fault.CHANGED)),
        (["UPDATE ledger_heads SET sequence=29, sha256=(SELECT sha256 FROM audit WHERE id=29)"],
         Break(30, Fault.ADDED)),
        (["UPDATE ledger_heads SET sha256=x'00'"], Break(30, Fault.CHANGED)),
        (["DELETE FROM ledger_heads"], Break(1, Fault.ADDED)),
    ],
)  # fmt: skip
async def test_rows_removed_slipped_in_and_moved_are_named(stage, statements, broken, monkeypatch):
    monkeypatch.setattr(audit_chain, "BATCH", 7)
    await stage.fill()
    await stage.sql(*statements)
    assert await stage.broken() == broken


async def test_an_interval_is_proved_with_the_rows_beside_it(stage):
    await stage.fill()
    tenth, twentieth = NOON + 9 * MINUTE, NOON + 19 * MINUTE
    verdict = await verify(stage.database, tenth, twentieth)
    assert (verdict.first, verdict.last, verdict.broken) == (9, 20, None)
    await stage.sql("UPDATE audit SET actor='x' WHERE id IN (3, 25)")
    assert await stage.broken(tenth, twentieth) is None
    assert await stage.broken(twentieth, None) == Break(25, Fault.CHANGED)
    assert await stage.broken(None, twentieth) == Break(3, Fault.CHANGED)
    await stage.sql(f"UPDATE audit SET utc_ns={NOON} WHERE id=10")
    assert await stage.broken(tenth, twentieth) == Break(10, Fault.CHANGED)


async def test_a_day_whose_rows_are_all_gone_does_not_hold(stage):
    await stage.fill()
    await stage.sql("DELETE FROM audit WHERE id BETWEEN 10 AND 19")
    assert await stage.broken(NOON + 9 * MINUTE, NOON + 19 * MINUTE) == Break(10, Fault.MISSING)


async def test_an_interval_without_rows_holds(stage):
    assert await stage.broken(NOON, NOON + MINUTE) is None
    await stage.fill()
    assert await stage.broken(0, 5) is None
    assert await stage.broken(NOON + 1, NOON + MINUTE - 1) is None
    assert await stage.broken(NOON + 500 * MINUTE, None) is None


async def test_a_head_kept_elsewhere_shows_a_chain_written_anew(stage, tmp_path):
    await stage.fill()
    kept = (await verify(stage.database)).head
    await stage.fill(5)
    assert await stage.broken(kept=kept) is None
    assert await stage.broken(kept=Head(kept.sequence, bytes(32))) == Break(30, Fault.CHANGED)
    assert await stage.broken(kept=Head(99, bytes(32))) == Break(99, Fault.MISSING)


async def test_progress_is_told(stage, monkeypatch):
    monkeypatch.setattr(audit_chain, "BATCH", 20)
    await stage.fill()
    told = []
    await verify(stage.database, progress=lambda *so_far: told.append(so_far))
    assert told == [(20, 30), (30, 30)]


# ---- what was there before the chain


async def test_older_rows_are_chained_as_they_stand_and_it_says_so(tmp_path):
    url = sqlite_url(tmp_path / "sightline.db")
    command.upgrade(config(url), "0002")
    database = Database(url)
    row = "INSERT INTO audit VALUES (:id, 5, 'ännе', 'log_in', 'done', :camera, 'local', :detail)"
    rows = [
        {"id": 2, "camera": None, "detail": '{"b": "\\u00e4", "a": [1, 2.50]}'},
        {"id": 7, "camera": "unit-1", "detail": "{}"},
    ]
    await database.write(lambda c: c.execute(text(row), rows).rowcount)
    database.close()
    migrated = open_catalog(tmp_path)
    try:
        verdict = await verify(migrated)
        assert (verdict.broken, verdict.last) == (None, 3)
        audit = Audit(migrated, ManualClock())
        told, second, first = await audit.entries()
        assert (told.action, told.detail) == ("chain_start", {"rows_before": 2})
        assert (second.id, second.camera, first.id, first.detail) == (2, "unit-1", 1, {"a": [1, 2.5], "b": "ä"})
        await audit.record(Action.LOG_IN, actor="ann", address="local")
        assert (await verify(migrated)).broken is None
        assert [entry.id for entry in await search(migrated, Query(action="chain_start"))] == [3]
    finally:
        migrated.close()
    command.downgrade(config(url), "0002")
    command.upgrade(config(url), "head")
