"""Alerts over HTTP and on /api/events: who is told what, who may resolve, and how soon a call for help is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from sqlalchemy import insert

from gateway.access.audit import Audit
from gateway.access.rights import Role
from gateway.access.secrets import Vault
from gateway.access.users import Users
from gateway.base.clock import SystemClock
from gateway.base.settings import CameraSettings
from gateway.media.model import Fix
from gateway.store.engine import open_catalog
from gateway.store.tables import alerts
from onvif_protocol.alarms import Alarm
from tests.accounts import CHEAP, PASSWORD
from tests.running import Client, Running, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

IDLE = {"url": "rtsp://127.0.0.1:1/s", "connect": "on_demand", "record": False}
NORTH = CameraSettings.model_validate({"id": "unit-1", "groups": ["north"], **IDLE})
SOUTH = CameraSettings.model_validate({"id": "unit-2", "groups": ["south"], **IDLE})
POLICY = {
    "allow": [{"role": "dispatcher", "rights": ["live", "respond"]}],
    "privacy": [{"hide": ["position"], "recording": True}],
}
BUTTON = Alarm("tns1:Device/Trigger/DigitalInput|InputToken=1", "a digital input", True, emergency=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory) -> AsyncIterator[Running]:
    """A gateway with two cameras; nothing is open in it when a test begins."""
    async with running(tmp_path_factory.mktemp("gateway"), NORTH, SOUTH) as gateway:
        yield gateway


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _nothing_is_left_open(gateway) -> AsyncIterator[None]:
    yield
    root = gateway.client()
    for alert in (await root.get("/api/alerts?open=true"))["alerts"]:
        await resolved(root, alert["id"])


async def called(client: Client, camera: str = "unit-1", **values: Any) -> Any:
    """The alert of a call for help that must be taken."""
    status, body, _ = await client.call("POST", f"/api/cameras/{camera}/sos", json=values)
    assert status in {200, 201}, body
    return body


async def resolved(client: Client, number: int, word: str = "a drill") -> tuple[int, Any]:
    status, body, _ = await client.call("POST", f"/api/alerts/{number}/resolve", json={"word": word})
    return status, body


async def told(socket: aiohttp.ClientWebSocketResponse) -> Any:
    """The next alert that a socket is told of."""
    async with asyncio.timeout(20):
        while (message := await socket.receive_json())["type"] != "alert":
            pass
    return message["alert"]


def locate(gateway: Running, camera: str = "unit-1") -> None:
    now = SystemClock().utc_ns()
    assert gateway.fleet.camera(camera).take_fix(Fix(now, 52.123456, 13.4, received_ns=now)) is None


async def limited(gateway: Running) -> Client:
    """A dispatcher who is limited to the south."""
    clock, database = SystemClock(), open_catalog(gateway.data_dir)
    try:
        users = Users(database, Vault.open(gateway.data_dir), Audit(database, clock), clock, passwords=CHEAP)
        await users.add("south", Role.DISPATCHER, PASSWORD, actor="test", address="local", groups=("south",))
        users.close()
    finally:
        database.close()
    status, body, _ = await gateway.client().call("POST", "/api/tokens", json={"name": "t", "user": "south"})
    assert status == 201, body
    return Client(gateway.http, {"Authorization": f"Bearer {body['token']}"})


async def test_a_call_is_listed_found_resolved_and_kept(gateway):
    locate(gateway)
    ann = gateway.client(Role.DISPATCHER)
    status, alert, response = await ann.call("POST", "/api/cameras/unit-1/sos", json={"text": "shots fired"})
    assert (status, response.headers["Location"]) == (201, f"/api/alerts/{alert['id']}")
    assert (alert["kind"], alert["grade"], alert["camera"]) == ("sos", "high", "unit-1")
    assert (alert["text"], alert["detail"]["by"], alert["resolved"]) == ("shots fired", "dispatcher", None)
    assert alert["detail"]["fix"]["lat"] == 52.123456
    assert await ann.get(f"/api/alerts/{alert['id']}") == alert
    assert (await ann.call("POST", "/api/cameras/unit-1/sos"))[0] == 200  # the same call
    assert [one["id"] for one in (await ann.get("/api/alerts?open=true"))["alerts"]] == [alert["id"]]
    status, after = await resolved(ann, alert["id"])
    assert status == 200
    assert (after["resolved"]["by"], after["resolved"]["word"]) == ("dispatcher", "a drill")
    assert (await ann.get("/api/alerts?open=true"))["alerts"] == []
    assert (await ann.get("/api/alerts?camera=unit-1&kind=sos"))["alerts"][0] == after
    assert (await resolved(ann, alert["id"]))[0] == 409
    span = f"from={alert['utc']}&to=2099-01-01T00:00:00Z"
    timeline = await ann.get(f"/api/cameras/unit-1/timeline?{span}")
    assert [one["id"] for one in timeline["alerts"]] == [alert["id"]]
    assert [one["text"] for one in timeline["bookmarks"]] == ["SOS"]


async def test_pages_follow_each_other(gateway):
    ann = gateway.client(Role.DISPATCHER)
    raised = [await called(ann)]
    for _ in range(2):
        await resolved(ann, raised[-1]["id"])
        raised.append(await called(ann))
    since = f"from={raised[0]['utc']}&limit=2"
    first = await ann.get(f"/api/alerts?{since}")
    second = await ann.get(f"/api/alerts?{since}&before={first['before']}")
    ids = [alert["id"] for page in (first, second) for alert in page["alerts"]]
    assert ids == [alert["id"] for alert in reversed(raised)]
    assert second["before"] is None


@pytest.mark.parametrize("query", ["kind=noise", "limit=0", "limit=1001", "before=x", "from=today"])
async def test_questions_that_make_no_sense_are_errors(gateway, query):
    status, body, _ = await gateway.client().call("GET", f"/api/alerts?{query}")
    assert (status, body["status"]) == (400, 400)


async def test_who_does_not_see_a_camera_learns_nothing_of_its_alerts(gateway):
    ann, bob = gateway.client(Role.DISPATCHER), await limited(gateway)
    north, south = await called(ann), await called(ann, "unit-2")
    assert [alert["id"] for alert in (await bob.get("/api/alerts"))["alerts"]] == [south["id"]]
    assert (await bob.get("/api/alerts?camera=unit-1"))["alerts"] == []
    missing = await bob.call("GET", "/api/alerts/7000")
    for method, path in (("GET", ""), ("POST", "/resolve")):
        status, body, _ = await bob.call(method, f"/api/alerts/{north['id']}{path}", json={"word": "mine"})
        assert (status, body["detail"]) == (404, missing[1]["detail"].replace("7000", str(north["id"])))
    assert (await bob.call("POST", "/api/cameras/unit-1/sos"))[0] == 404
    assert (await resolved(bob, south["id"]))[0] == 200
    async with gateway.http.ws_connect("/api/events", headers=bob.headers) as socket:
        assert (await socket.receive_json())["alerts"] == []
        await resolved(ann, north["id"])
        another = await called(ann, "unit-2")
        assert (await told(socket))["id"] == another["id"]


async def test_an_auditor_is_told_of_alerts_and_may_not_resolve_them(gateway):
    alert = await called(gateway.client(Role.DISPATCHER))
    eve = gateway.client(Role.AUDITOR)
    assert (await eve.get(f"/api/alerts/{alert['id']}"))["camera"] == "unit-1"
    assert (await resolved(eve, alert["id"]))[0] == 403
    assert (await eve.call("POST", "/api/cameras/unit-1/sos"))[0] == 403


async def test_where_the_wearer_was_is_for_who_has_the_right_to_it_while_nothing_hides_it(tmp_path):
    async with running(tmp_path, NORTH, policy=POLICY) as gateway:
        locate(gateway)
        ann, root = gateway.client(Role.DISPATCHER), gateway.client()
        async with gateway.http.ws_connect("/api/events", headers=ann.headers) as socket:
            assert (await socket.receive_json())["alerts"] == []
            before = await called(ann)
            by_socket = await told(socket)
        for one in (before, by_socket, (await ann.get("/api/alerts"))["alerts"][0]):
            assert one["detail"] == {"through": "call", "by": "dispatcher"}
        assert (await root.get(f"/api/alerts/{before['id']}"))["detail"]["fix"]["lat"] == 52.123456
        await resolved(root, before["id"])

        on = {"on": True, "reason": "a break"}
        assert (await root.call("PUT", "/api/cameras/unit-1/privacy", json=on))[0] == 200
        meanwhile = await called(root)
        for one in (before, meanwhile):
            assert "fix" not in (await root.get(f"/api/alerts/{one['id']}"))["detail"]
        await root.call("PUT", "/api/cameras/unit-1/privacy", json=on | {"on": False})
        assert "fix" in (await root.get(f"/api/alerts/{before['id']}"))["detail"]
        assert "fix" not in (await root.get(f"/api/alerts/{meanwhile['id']}"))["detail"]


async def test_a_socket_is_told_each_change_and_what_is_open_at_its_beginning(gateway):
    ann = gateway.client(Role.DISPATCHER)
    alert = await called(ann)
    async with gateway.http.ws_connect("/api/events", headers=ann.headers) as socket:
        assert [one["id"] for one in (await socket.receive_json())["alerts"]] == [alert["id"]]
        await resolved(ann, alert["id"])
        assert (await told(socket))["resolved"]["word"] == "a drill"


@pytest.mark.timely
async def test_a_button_on_the_camera_is_told_at_once(gateway):
    ann, took = gateway.client(Role.DISPATCHER), []
    async with gateway.http.ws_connect("/api/events", headers=ann.headers) as socket:
        assert (await socket.receive_json())["type"] == "state"
        for _ in range(5):
            began = time.perf_counter()
            gateway.fleet.camera("unit-1").alarm_arrived(BUTTON, SystemClock().utc_ns())
            alert = await told(socket)
            took.append(time.perf_counter() - began)
            assert alert["resolved"] is None
            await resolved(ann, alert["id"])
            assert (await told(socket))["resolved"] is not None
    assert min(took) < 0.05, took


async def of_the_gateway(folder: Path) -> int:
    """The number of an open alert that is about no camera."""
    database = open_catalog(folder)
    now = SystemClock().utc_ns()
    values = {"kind": "not_recording", "subject": "not_recording:", "grade": "activity", "text": "The disk is full."}
    row = values | {"detail": {}, "utc_ns": now, "created_ns": now}
    try:
        made = await database.write(lambda connection: connection.execute(insert(alerts).values(row)))
        return int(made.inserted_primary_key[0])
    finally:
        database.close()


async def test_what_is_open_is_still_so_after_a_restart_and_the_gateways_is_for_who_has_no_limit(tmp_path):
    async with running(tmp_path, NORTH) as gateway:
        gateway.fleet.camera("unit-1").alarm_arrived(BUTTON, SystemClock().utc_ns())
        while not (opened := (await gateway.client().get("/api/alerts?open=true"))["alerts"]):
            await asyncio.sleep(0.01)
    full = await of_the_gateway(tmp_path)
    async with running(tmp_path, NORTH) as gateway:
        for client, known in ((gateway.client(Role.DISPATCHER), [opened[0]["id"], full]), (await limited(gateway), [])):
            async with gateway.http.ws_connect("/api/events", headers=client.headers) as socket:
                listed = (await socket.receive_json())["alerts"]
            assert [alert["id"] for alert in listed] == known
            assert [alert["id"] for alert in (await client.get("/api/alerts"))["alerts"]] == known[::-1]
            assert (await resolved(client, full))[0] == (200 if known else 404)


async def test_settings_change_what_is_raised_while_the_gateway_runs(gateway):
    reading = await gateway.read_again(NORTH, SOUTH, alerts={"sos": "off", "sos_events": ["tnsx:Help"]})
    assert {change["key"] for change in reading["applied"]} == {"alerts.sos", "alerts.sos_events"}
    status, body, _ = await gateway.client().call("POST", "/api/cameras/unit-1/sos")
    assert (status, "are off" in body["detail"]) == (409, True)
    await gateway.read_again(NORTH, SOUTH)
