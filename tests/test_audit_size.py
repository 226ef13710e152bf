"""The audit when it is long: a search reads what it shows and no more, and a day is proved alone.

`python -m benchmarks audit` does the same with ten million rows and says how long it took.
"""

from __future__ import annotations

import contextlib
import sqlite3

import pytest
from sqlalchemy import Engine, event

from benchmarks.audit import DAY_NS, START_NS, fill
from gateway.access.audit_chain import verify
from gateway.access.audit_search import Query, search
from gateway.store.engine import open_catalog

ROWS = 30_000
DAYS = 30
DAY = START_NS + 15 * DAY_NS


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    fill(folder, ROWS, DAYS)
    return folder


@contextlib.contextmanager
def questions():
    """The SQL that reads the audit while this is open, with its parameters."""
    asked = []

    def listen(_connection, _cursor, statement, parameters, *_):
        if "FROM audit" in statement:
            asked.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", listen)


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ({}, "ix_audit_utc_ns"),
        ({"actor": "user-7"}, "ix_audit_actor_utc_ns"),
        ({"camera": "unit-7"}, "ix_audit_camera_utc_ns"),
        ({"action": "snapshot"}, "ix_audit_action_utc_ns"),
        ({"outcome": "refused"}, "ix_audit_outcome_utc_ns"),
        ({"actor": "user-7", "outcome": "done", "action": "live_view"}, "ix_audit_actor_utc_ns"),
        ({"actor": "user-7", "before": 15_500}, "ix_audit_actor_utc_ns"),
    ],
)
async def test_a_search_comes_straight_out_of_its_index(filled, asked, index):
    with contextlib.closing(open_catalog(filled)) as database, questions() as sql:
        found = await search(database, Query(DAY, DAY + DAY_NS, **asked, limit=10))
    assert found
    assert all(DAY <= entry.utc_ns < DAY + DAY_NS for entry in found)
    statement, parameters = sql[-1]
    with contextlib.closing(sqlite3.connect(filled / "sightline.db")) as plain:
        plan = [row[3] for row in plain.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    (only,) = plan  # a second step would be a sort
    assert only.startswith(f"SEARCH audit USING INDEX {index} (")
    assert "utc_ns>? AND utc_ns<?" in only


async def test_what_an_index_finds_is_what_there_is(filled):
    with contextlib.closing(open_catalog(filled)) as database:
        found = await search(database, Query(DAY, DAY + DAY_NS, actor="user-7", limit=1000))
    with contextlib.closing(sqlite3.connect(filled / "sightline.db")) as plain:
        ids = plain.execute(
            "SELECT id FROM audit NOT INDEXED WHERE actor='user-7' AND utc_ns>=? AND utc_ns<? ORDER BY id DESC",
            (DAY, DAY + DAY_NS),
        ).fetchall()
    assert [(entry.id,) for entry in found] == ids


async def test_a_day_of_many_is_proved_alone(filled):
    with contextlib.closing(open_catalog(filled)) as database:
        verdict = await verify(database, DAY, DAY + DAY_NS)
    assert verdict.broken is None
    assert verdict.last - verdict.first + 1 == ROWS // DAYS + 2  # and a neighbour on each side
