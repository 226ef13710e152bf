"""The audit over HTTP: who may read it, what is found, CSV that no spreadsheet runs, and proof of a day."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from sqlalchemy import text

from gateway.access.audit import Action, Audit
from gateway.access.rights import Role
from gateway.base.clock import ManualClock
from gateway.base.csv_cells import csv_lines
from gateway.ledger.chain import Head
from gateway.store.engine import Database, open_catalog, sqlite_url
from tests.running import Client, Running, running
from web.audit import COLUMNS

pytestmark = pytest.mark.asyncio(loop_scope="module")

DAY = datetime(2026, 1, 31, tzinfo=UTC)
WITHIN = {"from": "2026-01-31T00:00:00Z", "to": "2026-02-01T00:00:00Z"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory) -> AsyncIterator[Running]:
    """A gateway with rows of a day of which some were written by nobody well-meaning."""
    folder = tmp_path_factory.mktemp("gateway")
    clock = ManualClock(int(DAY.timestamp()) * 10**9)
    with contextlib.closing(open_catalog(folder)) as database:
        audit = Audit(database, clock)
        for number in range(25):
            clock.advance(60)
            who = "=HYPERLINK(1)" if number == 7 else f"user{number % 2}"
            why = '"she" said, so' if number == 7 else None
            await audit.record(Action.SNAPSHOT, actor=who, address="10.0.0.9", camera="unit-1", reason=why, n=number)
    async with running(folder) as gateway:
        yield gateway


@pytest.fixture
def client(gateway: Running) -> Client:
    return gateway.client(Role.AUDITOR)


async def test_a_search_comes_page_by_page(client: Client) -> None:
    asked = {"actor": "user1", "limit": "5", **WITHIN}
    page = await client.get("/api/audit", params=asked)
    assert [row["detail"]["n"] for row in page["rows"]] == [23, 21, 19, 17, 15]
    assert page["rows"][0] == {
        "id": 24,
        "utc": "2026-01-31T00:24:00.000000Z",
        "actor": "user1",
        "action": "snapshot",
        "outcome": "done",
        "camera": "unit-1",
        "address": "10.0.0.9",
        "reason": None,
        "detail": {"n": 23},
    }
    more = await client.get("/api/audit", params=asked | {"before": str(page["before"])})
    last = await client.get("/api/audit", params=asked | {"before": str(more["before"])})
    assert [row["detail"]["n"] for row in more["rows"] + last["rows"]] == [13, 11, 9, 5, 3, 1]
    assert last["before"] is None


async def test_reading_the_audit_is_audited(client: Client, gateway: Running) -> None:
    for path, action in (("", "audit_search"), (".csv", "audit_export"), ("/verify", "audit_verify")):
        await client.get(f"/api/audit{path}", params={"camera": "unit-1", "day": "2026-01-31"})
        newest = (await gateway.audit())[0]
        assert (newest.action, newest.actor) == (action, "auditor")
        assert newest.detail == {"asked": {"camera": "unit-1", "day": "2026-01-31"}}


async def test_csv_holds_every_row_and_no_formula(client: Client) -> None:
    status, body, response = await client.call("GET", "/api/audit.csv", params=WITHIN)
    assert (status, response.content_type) == (200, "text/csv")
    assert "attachment" in response.headers["Content-Disposition"]
    heads, *rows = csv.reader(io.StringIO(body.decode()))
    assert tuple(heads) == COLUMNS
    assert [row[0] for row in rows] == [str(number) for number in range(25, 0, -1)]
    hostile = rows[17]
    assert hostile[2] == "'=HYPERLINK(1)"
    assert hostile[7] == '"she" said, so'
    assert hostile[8] == '{"n": 7}'


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "＝1"])
async def test_no_cell_begins_like_a_formula(cell: str) -> None:
    (row,) = csv.reader(io.StringIO(csv_lines([[cell, "plain", None, -5]]), newline=""))
    assert row == [f"'{cell}", "plain", "", "-5"]


async def test_a_day_is_proved_and_what_was_changed_is_named(client: Client, gateway: Running) -> None:
    proof = await client.get("/api/audit/verify", params={"day": "2026-01-31"})
    head = Head.parse(proof.pop("head"))
    assert head.sequence > 25
    assert proof == {"day": "2026-01-31", "holds": True, "first": 1, "last": 26, "broken": None}
    with contextlib.closing(Database(sqlite_url(gateway.data_dir / "sightline.db"))) as database:

        async def rename(who: str) -> None:
            change = text("UPDATE audit SET actor=:who WHERE id=5")
            await database.write(lambda connection: connection.execute(change, {"who": who}).rowcount)

        await rename("nobody")
        proof = await client.get("/api/audit/verify", params={"day": "2026-01-31"})
        await rename("user0")
    assert not proof["holds"]
    assert (proof["broken"]["row"], proof["broken"]["fault"]) == (5, "changed")
    assert "row 5" in proof["broken"]["detail"]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("audit?action=dance", "no action"),
        ("audit?outcome=maybe", "no outcome"),
        ("audit?before=x", "number"),
        ("audit?before=99999999", "no row"),
        ("audit?limit=1001", "limit"),
        ("audit?from=yesterday", "must be a time"),
        ("audit.csv?action=dance", "no action"),
        ("audit/verify", "a day as in"),
        ("audit/verify?day=2026-02-30", "a day as in"),
    ],
)
async def test_a_question_that_makes_no_sense_is_a_problem(client: Client, path: str, says: str) -> None:
    status, problem, _ = await client.call("GET", f"/api/{path}")
    assert status == 400
    assert says in problem["detail"]


@pytest.mark.parametrize("role", [Role.DISPATCHER, Role.SUPERVISOR, Role.NVR])
async def test_who_has_no_right_to_the_audit_reads_none_of_it(gateway: Running, role: Role) -> None:
    for path in ("audit", "audit.csv", "audit/verify?day=2026-01-31"):
        assert (await gateway.client(role).call("GET", f"/api/{path}"))[0] == 403
