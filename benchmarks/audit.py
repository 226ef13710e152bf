"""What the audit costs when it is long: to search it, to prove a day of it, to write one more row.

Ten million rows over thirty days, made by the gateway's own chain. The baselines are plain sqlite3 on the same file, or
on a table of the same columns: the same question asked without the gateway; the day's rows read and hashed, and held
against nothing; a row inserted and committed, durably, without a chain.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

from benchmarks.measure import BenchmarkError, Ratio, Table, folder
from gateway.access.audit import CHAIN, Action, Audit, Outcome, body
from gateway.access.audit_chain import verify
from gateway.access.audit_search import Query, search
from gateway.base.clock import ManualClock
from gateway.ledger.chain import START, Head, canonical, link
from gateway.media.model import NS
from gateway.store.engine import Database, open_catalog

ROWS = 10_000_000
DAYS = 30
ACTORS = 40
CAMERAS = 500
APPENDS = 200
ROUNDS = 5
START_NS = 1_767_225_600 * NS
DAY_NS = 86_400 * NS
REASONS = (None, None, "complaint", "incident", "training")
ACTIONS = (Action.LIVE_VIEW, Action.LIVE_VIEW, Action.SNAPSHOT, Action.RECORDINGS, Action.POSITIONS, Action.LOG_IN)
_COLUMNS = "utc_ns, actor, action, outcome, camera, address, reason, detail, sha256"
_INSERT = f"INSERT INTO audit (id, {_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?)"


def run() -> Table:
    """Fill a database, then ask, prove and write in turns with the baselines."""
    with folder() as path:
        began = time.perf_counter()
        fill(path, ROWS)
        built = time.perf_counter() - began
        with contextlib.closing(open_catalog(path)) as database:
            rows = [
                _searching(path, database, "a user's day, first page", actor="user-7"),
                _searching(path, database, "a camera's day, first page", camera="unit-7"),
                _searching(path, database, "a day's refusals, first page", outcome="refused"),
                _proving(path, database),
                _writing(path, database),
            ]
        size = (path / "sightline.db").stat().st_size / 1e9
    return Table(
        f"The audit with {ROWS:,} rows of {DAYS} days",
        ("what", "Sightline", "plain sqlite3", "ratio"),
        rows,
        (
            f"median of {ROUNDS} rounds; of {APPENDS} rows written one by one, each committed to the disk",
            f"the database has {size:.1f} GB; making it took {built:.0f} s",
        ),
    )


def fill(data_dir: Path, rows: int, days: int = DAYS) -> Head:
    """Make a catalog whose audit has `rows` chained rows over `days` days; the chain's head."""
    open_catalog(data_dir).close()
    plain = sqlite3.connect(data_dir / "sightline.db")
    plain.executescript("PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF;")
    indices = plain.execute("SELECT name, sql FROM sqlite_master WHERE type='index' AND tbl_name='audit'").fetchall()
    for name, _ in indices:
        plain.execute(f"DROP INDEX {name}")
    head = START

    def chained() -> Iterator[tuple[object, ...]]:
        nonlocal head
        for values in _synthetic(rows, days):
            head = link(head, body(**values))
            yield head.sequence, *values.values(), head.sha256

    plain.executemany(_INSERT, chained())
    plain.execute("INSERT OR REPLACE INTO ledger_heads VALUES (?, ?, ?)", (CHAIN, head.sequence, head.sha256))
    plain.commit()
    for _, statement in indices:
        plain.execute(statement)
    plain.executescript("PRAGMA journal_mode=WAL")
    plain.close()
    return head


def _synthetic(rows: int, days: int) -> Iterator[dict[str, object]]:
    """Rows as `body` takes them, in its columns' order: people who watch, at even steps of time."""
    dice = random.Random(1)
    agent = canonical({"agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0"}).decode()
    step = DAY_NS * days // rows
    for number in range(rows):
        dealt = int(dice.random() * 1_000_000)
        yield {
            "utc_ns": START_NS + number * step,
            "actor": f"user-{dealt % ACTORS}",
            "action": ACTIONS[dealt % 7 % len(ACTIONS)].value,
            "outcome": (Outcome.REFUSED if dealt % 101 == 0 else Outcome.DONE).value,
            "camera": f"unit-{dealt // 7 % CAMERAS}",
            "address": f"10.0.{dealt % 5}.{dealt % ACTORS}",
            "reason": REASONS[dealt % len(REASONS)],
            "detail": agent,
        }


# ---- what is measured


def _searching(path: Path, database: Database, what: str, **by: str) -> tuple[str, ...]:
    ((name, value),) = by.items()
    sql = f"SELECT * FROM audit WHERE {name}=? AND utc_ns>=? AND utc_ns<? ORDER BY utc_ns DESC, id DESC LIMIT 100"
    day = START_NS + (DAYS // 2) * DAY_NS
    found: list[int] = []

    def ours() -> None:
        found.append(len(asyncio.run(search(database, Query(day, day + DAY_NS, limit=100, **by)))))

    with contextlib.closing(sqlite3.connect(path / "sightline.db")) as plain:
        ratio, milliseconds = _taking_turns(ours, lambda: plain.execute(sql, (value, day, day + DAY_NS)).fetchall())
    if not all(found):
        raise BenchmarkError("a search found nothing")
    return what, *(f"{value:.1f} ms" for value in milliseconds), str(ratio)


def _proving(path: Path, database: Database) -> tuple[str, ...]:
    day = START_NS + (DAYS // 2) * DAY_NS
    sql = f"SELECT {_COLUMNS} FROM audit WHERE utc_ns>=? AND utc_ns<? ORDER BY id"
    proved: list[int] = []

    def ours() -> None:
        verdict = asyncio.run(verify(database, day, day + DAY_NS))
        if verdict.broken is not None:
            raise BenchmarkError(str(verdict.broken))
        proved.append(verdict.last - verdict.first + 1)

    with contextlib.closing(sqlite3.connect(path / "sightline.db")) as plain:

        def baseline() -> None:
            for row in plain.execute(sql, (day, day + DAY_NS)):
                sha256(f"{row}".encode()).digest()

        ratio, milliseconds = _taking_turns(ours, baseline)
    return f"proving a day, {proved[0]:,} rows", *(f"{value / 1e3:.2f} s" for value in milliseconds), str(ratio)


def _writing(path: Path, database: Database) -> tuple[str, ...]:
    audit = Audit(database, ManualClock(START_NS + (DAYS + 1) * DAY_NS))
    values = (START_NS, "user-1", "live_view", "done", "unit-1", "10.0.0.1", None, '{"agent":"Chrome"}', b"")

    async def one_by_one() -> None:
        for _ in range(APPENDS):
            await audit.record(Action.LIVE_VIEW, actor="user-1", address="10.0.0.1", camera="unit-1", agent="Chrome")

    with contextlib.closing(sqlite3.connect(path / "plain.db", isolation_level=None)) as plain:
        plain.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
            f"CREATE TABLE audit (id INTEGER PRIMARY KEY, {_COLUMNS}); CREATE INDEX by_time ON audit (utc_ns)"
        )

        def baseline() -> None:
            for _ in range(APPENDS):
                plain.execute(_INSERT, (None, *values))

        ratio, milliseconds = _taking_turns(lambda: asyncio.run(one_by_one()), baseline)
    return "writing a row", *(f"{value / APPENDS:.2f} ms" for value in milliseconds), str(ratio)


def _taking_turns(ours: Callable[[], None], baseline: Callable[[], object]) -> tuple[Ratio, tuple[float, float]]:
    """Both, `ROUNDS` times in turns after one that warms the caches: their ratio, and milliseconds of each."""
    ours_ms, baseline_ms = [], []
    for _ in range(ROUNDS + 1):
        for work, taken in ((ours, ours_ms), (baseline, baseline_ms)):
            began = time.perf_counter()
            work()
            taken.append((time.perf_counter() - began) * 1e3)
    ratio = Ratio(ours_ms[1:], baseline_ms[1:])
    return ratio, (statistics.median(ours_ms[1:]), statistics.median(baseline_ms[1:]))
