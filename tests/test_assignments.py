"""Who wore a camera: one at a time, in the ledger and the audit, found again by name, over HTTP and as a command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.access.audit import Action, Audit
from gateway.access.rights import Role
from gateway.base.clock import ManualClock
from gateway.base.errors import BadRequestError, ConflictError, NotFoundError, StorageError
from gateway.base.rfc3339 import format_utc, format_utc_ns
from gateway.base.settings import CameraSettings
from gateway.ledger.journal import Journals
from gateway.media.model import NS, TrackKind
from gateway.recording.assignments import Assignments, recorded
from gateway.recording.catalog import Catalog
from gateway.recording.entries import RecordingClosed, RecordingOpened, SegmentFinished, TrackContent
from gateway.recording.rows import Span
from gateway.store.engine import Database, open_catalog
from tests.command_line import beside
from tests.running import Running, running

CAMERA = "unit-12"
BY = {"by": "ann", "address": "local"}
DAY = 1_790_000_000 * NS
HOUR = 3600 * NS
UNIT = CameraSettings(id=CAMERA, url="rtsp://127.0.0.1:1/s", groups=("north",), connect="on_demand", record=False)
PATH = f"/api/cameras/{CAMERA}/assignments"


@pytest.fixture
def database(tmp_path: Path):
    database = open_catalog(tmp_path)
    yield database
    database.close()


@pytest.fixture
def journals(tmp_path: Path):
    journals = Journals.open(tmp_path, ManualClock())
    yield journals
    journals.close()


@pytest.fixture
def assignments(database: Database, journals: Journals) -> Assignments:
    clock = ManualClock()
    return Assignments(database, Audit(database, clock), journals, clock)


def told(journals: Journals, camera: str = CAMERA) -> list[dict[str, object]]:
    names = ("assignment", "wearer", "from", "to", "by")
    return [{name: row.body[name] for name in names} for row in journals.read(camera) if row.kind == "assigned"]


async def recordings(database: Database, *spans: tuple[int, int]) -> Catalog:
    catalog = Catalog(database)
    content = (TrackContent(0, TrackKind.VIDEO, "H264", 30),)
    for start, end in spans:
        segment = SegmentFinished(f"{CAMERA}/{start}.mp4", start, end, 1000, bytes(32), content, False)
        await catalog.store(CAMERA, [RecordingOpened(start), segment, RecordingClosed(end, None)])
    return catalog


async def test_who_wears_it_stops_when_the_next_one_begins(assignments, journals):
    ann = await assignments.assign(CAMERA, "  Ann   Archer ", DAY, **BY)
    bob = await assignments.assign(CAMERA, "Bob", DAY + HOUR, DAY + 2 * HOUR, **BY)
    assert [(one.wearer, one.start_ns, one.end_ns) for one in await assignments.of(CAMERA)] == [
        ("Ann Archer", DAY, DAY + HOUR),
        ("Bob", DAY + HOUR, DAY + 2 * HOUR),
    ]
    begun, hour, two = map(format_utc_ns, (DAY, DAY + HOUR, DAY + 2 * HOUR))
    assert told(journals) == [
        {"assignment": ann.id, "wearer": "Ann Archer", "from": begun, "to": None, "by": "ann"},
        {"assignment": ann.id, "wearer": "Ann Archer", "from": begun, "to": hour, "by": "ann"},
        {"assignment": bob.id, "wearer": "Bob", "from": hour, "to": two, "by": "ann"},
    ]
    assert await assignments.of("unit-13") == []
    assert await assignments.of(CAMERA, DAY + HOUR, DAY + HOUR + 1) == [bob]


@pytest.mark.parametrize(
    ("start", "end"), [(DAY + 1, DAY + 2), (DAY - 1, DAY + 1), (DAY + HOUR - 1, None), (DAY - 1, None), (DAY, None)]
)
async def test_two_at_a_time_are_refused_with_who_it_was(assignments, journals, database, start, end):
    await assignments.assign(CAMERA, "Ann", DAY, DAY + HOUR, **BY)
    before = told(journals), await assignments.of(CAMERA), len(await Audit(database, ManualClock()).entries())
    with pytest.raises(ConflictError, match=rf"unit-12 was worn by another.*Ann, from {format_utc(DAY)} to"):
        await assignments.assign(CAMERA, "Bob", start, end, **BY)
    assert before == (
        told(journals), await assignments.of(CAMERA), len(await Audit(database, ManualClock()).entries())
    )  # fmt: skip
    await assignments.assign("unit-13", "Bob", start, end, **BY)


async def test_what_was_said_is_corrected_and_stays_in_ledger_and_audit(assignments, journals, database):
    one = await assignments.assign(CAMERA, "Ann", DAY, **BY)
    after = await assignments.change(CAMERA, one.id, wearer="Anne", to_ns=DAY + HOUR, by="bob", address="local")
    assert (after.wearer, after.start_ns, after.end_ns) == ("Anne", DAY, DAY + HOUR)
    assert await assignments.change(CAMERA, one.id, **BY) == after, "nothing to change"
    assert (await assignments.change(CAMERA, one.id, to_ns=None, **BY)).end_ns is None
    assert [(row["wearer"], row["to"] is None, row["by"]) for row in told(journals)] == [
        ("Ann", True, "ann"), ("Anne", False, "bob"), ("Anne", True, "ann"),
    ]  # fmt: skip
    rows = [row for row in await Audit(database, ManualClock()).entries() if row.action == Action.ASSIGN]
    assert [(row.actor, row.camera, (row.detail["before"] or {}).get("wearer")) for row in rows] == [
        ("ann", CAMERA, "Anne"), ("bob", CAMERA, "Ann"), ("ann", CAMERA, None),
    ]  # fmt: skip
    with pytest.raises(NotFoundError, match="unit-13 has no assignment"):
        await assignments.change("unit-13", one.id, wearer="Bob", **BY)
    with pytest.raises(BadRequestError, match="stops after they begin"):
        await assignments.change(CAMERA, one.id, to_ns=DAY, **BY)
    for name in ("", "x" * 101, "a\x00b"):
        with pytest.raises(BadRequestError, match="wearer's name"):
            await assignments.change(CAMERA, one.id, wearer=name, **BY)


async def test_what_the_ledger_does_not_take_is_not_so(assignments, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Journals, "append", refuse)
    with pytest.raises(StorageError, match=r"ledger of unit-12.*No space left"):
        await assignments.assign(CAMERA, "Ann", DAY, **BY)
    assert await assignments.of(CAMERA) == []


async def test_a_search_finds_parts_of_names_and_what_is_recorded(assignments, database):
    catalog = await recordings(database, (DAY - HOUR, DAY + 1), (DAY + 2, DAY + 3), (DAY + 5 * HOUR, DAY + 6 * HOUR))
    await assignments.assign(CAMERA, "Ann Archer", DAY, DAY + HOUR, **BY)
    await assignments.assign(CAMERA, "ÅSA_1", DAY + HOUR, **BY)
    await assignments.assign("unit-13", "Ann Archer", DAY - HOUR, DAY, **BY)
    assert [(one.camera, one.start_ns) for one in await assignments.search(" archer")] == [
        ("unit-13", DAY - HOUR),
        (CAMERA, DAY),
    ]
    assert [one.wearer for one in await assignments.search("ÅSA")] == ["ÅSA_1"]
    assert await assignments.search("a%r") == await assignments.search("A__A") == []
    everybody = await assignments.search("")
    assert [one.wearer for one in everybody] == ["Ann Archer", "Ann Archer", "ÅSA_1"]
    _, ann, asa = everybody
    assert await recorded(catalog, ann) == [Span(DAY, DAY + 1), Span(DAY + 2, DAY + 3)]
    assert await recorded(catalog, asa) == [Span(DAY + 5 * HOUR, DAY + 6 * HOUR)]


@pytest.fixture
async def gateway(tmp_path: Path):
    policy = {"ask_reason": ["recorded"]}
    (tmp_path / "sightline.toml").write_text('data_dir = "data"\n[[cameras]]\nid = "unit-12"\nurl = "rtsp://h/"\n')
    async with running(tmp_path / "data", UNIT, policy=policy) as gateway:
        yield gateway


async def test_over_http_it_is_said_changed_and_found(gateway: Running):
    client, begun = gateway.client(), "2026-01-31T12:00:00.000000Z"
    status, made, response = await client.call("POST", PATH, json={"wearer": "Ann", "from": begun})
    assert (status, made) == (201, {"id": made["id"], "wearer": "Ann", "from": begun, "to": None})
    where = response.headers["Location"]
    refused, problem, _ = await client.call("POST", PATH, json={"wearer": "Bob", "from": begun})
    assert (refused, "Ann" in problem["detail"]) == (409, True)
    for wrong in ({"wearer": "Bob", "from": "noon"}, {"wearer": 7}, {"who": "Bob"}, {"from": begun}):
        assert (await client.call("POST", PATH, json=wrong))[0] == 400, wrong
    ended = "2026-01-31T13:00:00.000000Z"
    assert (await client.call("PATCH", where, json={"to": ended}))[1]["to"] == ended
    assert (await client.call("PATCH", f"{PATH}/x", json={"to": ended}))[0] == 404
    status, now, _ = await client.call("POST", PATH, json={"wearer": "Bob"})
    assert (status, now["to"], now["from"] > ended) == (201, None, True)
    assert [one["wearer"] for one in (await client.get(PATH))["assignments"]] == ["Ann", "Bob"]
    assert (await client.get(f"{PATH}?from={ended}"))["assignments"] == [now]
    assert (await client.call("GET", "/api/cameras/nobody/assignments"))[0] == 404

    dispatcher = gateway.client(Role.DISPATCHER)
    status, problem, _ = await dispatcher.call("GET", "/api/wearers?name=ann")
    assert (status, "reason" in problem["detail"]) == (403, True)
    found = await dispatcher.get("/api/wearers?name=ann&reason=a%20complaint")
    (ann,) = found["wearers"]
    assert (ann["wearer"], ann["assignments"][0]["camera"], ann["assignments"][0]["to"]) == ("Ann", CAMERA, ended)
    newest = (await gateway.audit())[0]
    assert (newest.action, newest.reason, newest.detail) == (
        Action.WEARERS, "a complaint", {"asked": "ann", "cameras": [CAMERA]},
    )  # fmt: skip


async def test_a_search_tells_nothing_of_cameras_one_may_not_see(gateway: Running):
    assert (await gateway.client().call("POST", PATH, json={"wearer": "Ann"}))[0] == 201
    values = {"name": "bea", "role": "dispatcher", "groups": ["south"], "password": "correct horse"}
    assert (await gateway.client().call("POST", "/api/users", json=values))[0] == 201
    made = (await gateway.client().call("POST", "/api/tokens", json={"name": "t", "user": "bea"}))[1]
    limited = {"Authorization": f"Bearer {made['token']}"}
    assert (await gateway.client(None).get("/api/wearers", headers=limited)) == {"wearers": []}


async def test_commands_say_end_and_find_it(gateway: Running):
    to = ("--config", gateway.data_dir.parent / "sightline.toml")
    said = await beside("camera", "assign", CAMERA, "Ann", "--from", "2026-01-31T12:00:00Z", *to)
    assert (said.code, said.out) == (0, "Ann wears unit-12 from 2026-01-31T12:00:00.000000Z.\n")
    assert "Ann, from" in (await beside("camera", "assign", CAMERA, "Bob", "--from", "2026-01-31", *to)).err
    ended = await beside("camera", "assign", CAMERA, "--from", "2026-01-31T13:00:00Z", *to)
    assert (ended.code, ended.out) == (0, "Ann wore unit-12 until 2026-01-31T13:00:00.000000Z.\n")
    assert "nobody wears" in (await beside("camera", "assign", CAMERA, *to)).err
    assert (await beside("camera", "assign", "unit-13", "Bob", *to)).code == 1
    (found,) = json.loads((await beside("camera", "wearers", "ann", "--json", *to)).out)
    assert (found["camera"], found["to"], found["recordings"]) == (CAMERA, "2026-01-31T13:00:00.000000Z", [])
    assert (await beside("camera", "wearers", *to)).lines[1].split()[:2] == ["Ann", CAMERA]
    assert "sightline camera assign" in (await beside("camera", "wearers", "zoe", *to)).err
