"""Holds over HTTP, placed, listed and released by who may; and what the page is told of room that runs out."""

from __future__ import annotations

import asyncio
import json

import pytest
import pytest_asyncio

from gateway.access.rights import Role
from gateway.base.settings import CameraSettings
from gateway.recording.files import Space, SystemFiles
from tests.running import running

pytestmark = pytest.mark.asyncio(loop_scope="module")
UNIT = CameraSettings(id="unit", url="rtsp://127.0.0.1:1/s", connect="on_demand", record=False)
HOLDS = "/api/cameras/unit/holds"
DAY = {"from": "2026-01-31T00:00:00Z", "to": "2026-02-01T00:00:00Z"}
WHY = {"X-Reason": "the%20case%20is%20closed"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory):
    policy = {"retention": [{"keep": "30d"}, {"category": "arrest", "keep": "365d"}]}
    async with running(tmp_path_factory.mktemp("gateway"), UNIT, policy=policy) as made:
        yield made


async def test_a_hold_is_placed_listed_and_released_and_the_audit_has_it(gateway):
    supervisor, dispatcher = gateway.client(Role.SUPERVISOR), gateway.client(Role.DISPATCHER)
    status, hold, _ = await supervisor.call("POST", HOLDS, json=DAY | {"reason": "case 12"})
    assert status == 201
    assert hold == {
        "id": hold["id"], "camera": "unit", "from": "2026-01-31T00:00:00.000000Z", "to": "2026-02-01T00:00:00.000000Z",
        "category": None, "reason": "case 12", "placed_by": "supervisor", "placed": hold["placed"],
        "released_by": None, "released": None,
    }  # fmt: skip
    assert (await dispatcher.get(HOLDS))["holds"] == [hold]
    assert (await dispatcher.get(HOLDS, params={"to": DAY["from"]}))["holds"] == []
    assert (await dispatcher.get("/api/holds"))["holds"] == [hold]
    one = f"{HOLDS}/{hold['id']}"
    assert (await supervisor.call("DELETE", one))[0] == 400  # why?
    status, released, _ = await supervisor.call("DELETE", one, headers=supervisor.headers | WHY)
    assert (status, released["released_by"]) == (200, "supervisor")
    assert (await dispatcher.get(HOLDS))["holds"] == []
    assert (await dispatcher.get(HOLDS, params={"released": "true"}))["holds"] == [released]
    status, problem, _ = await supervisor.call("DELETE", one, headers=supervisor.headers | WHY)
    assert status == 409, problem
    rows = [(row.action, row.actor, row.reason) for row in await gateway.audit() if row.action.startswith("hold")]
    assert rows == [("hold_release", "supervisor", "the case is closed"), ("hold", "supervisor", "case 12")]


async def test_what_another_has_placed_is_released_by_who_may_configure(gateway):
    administrator, supervisor = gateway.client(), gateway.client(Role.SUPERVISOR)
    _, hold, _ = await administrator.call("POST", HOLDS, json=DAY | {"reason": "case 13", "category": "arrest"})
    assert hold["category"] == "arrest"
    assert (await supervisor.get("/api/policy"))["categories"] == ["arrest"]
    one = f"{HOLDS}/{hold['id']}"
    assert (await supervisor.call("DELETE", one, headers=supervisor.headers | WHY))[0] == 403
    assert (await administrator.call("DELETE", one, headers=administrator.headers | WHY))[0] == 200


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"reason": "case 12"}, '"from" is missing'),
        ({"from": "yesterday", "reason": "case 12"}, '"from" must be a time'),
        (DAY, '"reason" is missing'),
        (DAY | {"reason": "x"}, "a reason has 3 to 200"),
        (DAY | {"reason": "case 12", "to": DAY["from"]}, "must end after it begins"),
        (DAY | {"reason": "case 12", "category": "theft"}, 'no category "theft": it has arrest'),
        (DAY | {"reason": "case 12", "until": "now"}, 'unknown member "until"'),
    ],
)
async def test_what_cannot_be_held_is_refused_with_what_to_write(gateway, body, said):
    status, problem, _ = await gateway.client().call("POST", HOLDS, json=body)
    assert status == 400
    assert said in problem["detail"]


async def test_there_is_no_hold_of_another_camera_or_of_no_number(gateway):
    client = gateway.client()
    for path in (f"{HOLDS}/99", f"{HOLDS}/x", f"{HOLDS}/{'9' * 30}"):
        assert (await client.call("DELETE", path, headers=client.headers | WHY))[0] == 404
    assert (await client.call("POST", "/api/cameras/nobody/holds", json=DAY | {"reason": "case 12"}))[0] == 404


async def test_who_may_read_metrics_is_told_when_room_runs_out_and_when_it_comes_back(gateway, monkeypatch):
    free = [10 << 30]
    monkeypatch.setattr(SystemFiles, "space", lambda _: Space(100 << 30, free[-1]))
    client = gateway.client()
    async with client.http.ws_connect("/api/events", headers=client.headers) as socket:

        async def told():
            while (message := json.loads(await socket.receive_str()))["type"] != "storage":
                pass
            return message

        async with asyncio.timeout(20):
            assert (await told())["level"] == "ok"
            low = await told()
            report = await client.get("/api/storage")
            free.append(1 << 20)
            full = await told()
            free.append(90 << 30)
            fine = await told()
            # The gateway looks every second whether to raise an alert: one that it raised is told before others listen.
            while any(alert["ended"] is None for alert in (await client.get("/api/alerts"))["alerts"]):
                await asyncio.sleep(0.05)
    assert (low["level"], low["free"], low["total"]) == ("low", 10 << 30, 100 << 30)
    assert low["warnings"] == [
        (
            "10.0 GiB of 100 GiB are free on the disk of the recordings. "
            "Below 5.00 GiB the oldest recordings that may be deleted are."
        )
    ]
    assert full["level"] == "full"
    assert "Nothing is recorded until there is more" in full["warnings"][0]
    assert (fine["level"], fine["warnings"]) == ("ok", [])
    assert report["disk"] == {"total": 100 << 30, "free": 10 << 30, "keep_free": 5 << 30, "warn_free": 15 << 30}
    assert (report["level"], report["full_days"], report["cameras"]) == ("low", None, [])
    assert report["warnings"] == low["warnings"]


async def test_who_is_given_the_right_is_told_of_the_room_at_once(gateway):
    dispatcher = gateway.client(Role.DISPATCHER)
    async with dispatcher.http.ws_connect("/api/events", headers=dispatcher.headers) as socket, asyncio.timeout(20):
        for role, kinds in (("auditor", ["state", "state", "storage"]), ("dispatcher", ["state"])):
            assert (await gateway.client().call("PATCH", "/api/users/dispatcher", json={"role": role}))[0] == 200
            assert [json.loads(await socket.receive_str())["type"] for _ in kinds] == kinds


async def test_what_is_kept_free_changes_while_the_gateway_runs(gateway):
    applied = await gateway.read_again(UNIT, storage={"keep_free": "1 B", "warn_free": "2 B"})
    assert {change["key"] for change in applied["applied"]} >= {"storage.keep_free", "storage.warn_free"}
    assert (await gateway.client().get("/api/storage"))["disk"]["warn_free"] == 2
