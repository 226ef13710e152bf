"""Geofences over HTTP: who draws and who sees them, and what an open page hears of them and of who crosses."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time

import pytest
import pytest_asyncio

from gateway.access.rights import Role
from gateway.base.settings import CameraSettings
from gateway.media.model import NS, Fix
from tests.accounts import PASSWORD
from tests.running import Client, running

pytestmark = pytest.mark.asyncio(loop_scope="module")
IDLE = {"url": "rtsp://127.0.0.1:1/s", "connect": "on_demand", "record": False}
NORTH = CameraSettings(id="north-1", groups=("north",), **IDLE)
SOUTH = CameraSettings(id="south-1", groups=("south",), **IDLE)
LAT, LON = 52.5, 13.4
CIRCLE = {"type": "Point", "coordinates": [LON, LAT], "radius_m": 200.0}
RING = [[13.40, 52.50], [13.42, 52.50], [13.42, 52.51], [13.40, 52.51], [13.40, 52.50]]
ALL = "/api/geofences"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory):
    async with running(tmp_path_factory.mktemp("gateway"), NORTH, SOUTH) as made:
        for name in ("north", "south"):
            user = {"name": name, "role": "dispatcher", "groups": [name], "password": PASSWORD}
            assert (await made.client().call("POST", "/api/users", json=user))[0] == 201
        yield made


async def limited(gateway, name: str) -> Client:
    """A dispatcher of that group alone."""
    _, made, _ = await gateway.client().call("POST", "/api/tokens", json={"name": "t", "user": name})
    return Client(gateway.http, {"Authorization": f"Bearer {made['token']}"})


async def drawn(client: Client, **members):
    status, made, _ = await client.call("POST", ALL, json={"name": "Depot", "shape": CIRCLE} | members)
    assert status == 201, made
    return made


async def ids(client: Client) -> list[int]:
    return [geofence["id"] for geofence in (await client.get(ALL))["geofences"]]


@contextlib.asynccontextmanager
async def following(gateway, client: Client):
    """What a page hears, but for its pings."""
    async with gateway.http.ws_connect("/api/events", headers=client.headers) as socket:
        queue: asyncio.Queue = asyncio.Queue()

        async def read() -> None:
            async for message in socket:
                heard = json.loads(message.data)
                if heard["type"] in {"geofence", "geofence_removed", "alert", "state"}:
                    queue.put_nowait(heard)

        task = asyncio.create_task(read())
        assert (await queue.get())["type"] == "state"
        yield queue
        task.cancel()


async def test_a_geofence_is_drawn_shown_changed_and_removed(gateway):
    dispatcher = gateway.client(Role.DISPATCHER)
    made = await drawn(dispatcher, name=" Depot ", cameras=["north-1", "north-1"], grade="high")
    one = f"{ALL}/{made['id']}"
    assert made == {
        "id": made["id"], "name": "Depot", "shape": CIRCLE, "cameras": ["north-1"], "groups": [], "tells": "both",
        "grade": "high", "created_by": "dispatcher", "created": made["created"], "may": ["change"],
    }  # fmt: skip
    assert await dispatcher.get(one) == made
    assert (await dispatcher.get(ALL))["geofences"] == [made]
    status, changed, _ = await dispatcher.call("PATCH", one, json={"name": "Yard", "tells": "enter"})
    assert (status, changed) == (200, made | {"name": "Yard", "tells": "enter"})
    polygon = {"type": "Polygon", "coordinates": [RING]}
    status, changed, _ = await dispatcher.call("PATCH", one, json={"shape": polygon, "groups": ["south"]})
    assert (status, changed["shape"], changed["groups"]) == (200, polygon, ["south"])
    assert (await dispatcher.call("DELETE", one))[0] == 204
    assert (await dispatcher.call("GET", one))[0] == 404
    assert (await dispatcher.call("DELETE", one))[0] == 404
    rows = [row.action for row in await gateway.audit() if row.action.startswith("geofence")]
    assert rows == ["geofence_remove", "geofence_change", "geofence_change", "geofence_add"]


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": None}, "/name"),
        ({"shape": None}, "/shape"),
        ({"shape": {"type": "Polygon", "coordinates": [RING[:4]]}}, "/shape/coordinates/0"),
        ({"cameras": "north-1"}, "/cameras"),
        ({"cameras": [7]}, "/cameras"),
        ({"groups": ["nowhere"]}, "/groups/0"),
        ({"groups": [7]}, "/groups"),
        ({"tells": "maybe"}, "/tells"),
        ({"grade": "urgent"}, "/grade"),
        ({"colour": "red"}, "/colour"),
    ],
)
async def test_what_does_not_fit_is_refused_and_named(gateway, members, pointer):
    client = gateway.client()
    body = {"name": "Depot", "shape": CIRCLE} | members
    status, problem, _ = await client.call("POST", ALL, json=body)
    assert (status, problem["pointer"]) == (400, pointer), problem
    made = await drawn(client)
    status, problem, _ = await client.call("PATCH", f"{ALL}/{made['id']}", json=members)
    assert (status, problem["pointer"]) == (400, pointer), problem
    assert (await client.call("DELETE", f"{ALL}/{made['id']}"))[0] == 204


async def test_who_is_limited_draws_and_sees_what_is_for_their_units(gateway):
    everybody, north, south = gateway.client(), await limited(gateway, "north"), await limited(gateway, "south")
    mine = await drawn(north, groups=["north"])
    both = await drawn(everybody, cameras=["south-1"], groups=["north"])
    every = await drawn(everybody)
    assert await ids(everybody) == await ids(north) == [mine["id"], both["id"], every["id"]]
    assert await ids(south) == [both["id"], every["id"]]
    seen = await south.get(f"{ALL}/{both['id']}")
    assert (seen["cameras"], seen["groups"], seen["may"]) == (["south-1"], [], [])
    assert (await south.call("GET", f"{ALL}/{mine['id']}"))[0] == 404
    for client, geofence, status in ((south, both, 403), (south, every, 403), (south, mine, 404), (north, mine, 200)):
        assert (await client.call("PATCH", f"{ALL}/{geofence['id']}", json={"name": "x"}))[0] == status
        assert (await client.call("DELETE", f"{ALL}/{geofence['id']}"))[0] == (204 if status == 200 else status)
    for members, status in (
        ({}, 403), ({"groups": ["north"]}, 201), ({"cameras": ["north-1"]}, 201),
        # What one may not know of is not there.
        ({"cameras": ["south-1"]}, 404), ({"cameras": ["nobody"]}, 404),
        ({"groups": ["south"]}, 400), ({"groups": ["nowhere"]}, 400),
    ):  # fmt: skip
        assert (await north.call("POST", ALL, json={"name": "x", "shape": CIRCLE} | members))[0] == status
    for geofence in await ids(everybody):
        assert (await everybody.call("DELETE", f"{ALL}/{geofence}"))[0] == 204


async def test_a_page_hears_of_geofences_that_it_may_show(gateway):
    everybody, north, south = gateway.client(), await limited(gateway, "north"), await limited(gateway, "south")
    async with following(gateway, north) as in_north, following(gateway, south) as in_south:
        made = await drawn(everybody, groups=["north"])
        one = f"{ALL}/{made['id']}"
        heard = await in_north.get()
        assert heard == {"type": "geofence", "geofence": made}
        _, moved, _ = await everybody.call("PATCH", one, json={"groups": ["south"]})
        assert await in_north.get() == {"type": "geofence_removed", "id": made["id"]}
        assert await in_south.get() == {"type": "geofence", "geofence": moved}
        assert (await everybody.call("DELETE", one))[0] == 204
        assert await in_south.get() == {"type": "geofence_removed", "id": made["id"]}
        assert in_north.empty()
        assert in_south.empty()


async def test_who_enters_is_told_to_those_who_may_know_where_the_unit_is(gateway):
    everybody, auditor = gateway.client(Role.DISPATCHER), gateway.client(Role.AUDITOR)
    made = await drawn(everybody, cameras=["north-1"])
    camera, now_ns = gateway.fleet.camera("north-1"), time.time_ns()
    async with following(gateway, everybody) as pages, following(gateway, auditor) as at_the_auditor:
        for seconds, lat in ((-30, LAT + 0.01), (0, LAT + 0.0001)):
            fix = Fix(now_ns + seconds * NS, lat, LON, accuracy_m=5, speed_mps=100, received_ns=now_ns)
            assert camera.take_fix(fix) is None
        async with asyncio.timeout(5):
            alert = (await pages.get())["alert"]
        assert (alert["kind"], alert["camera"], alert["text"]) == ("geofence_enter", "north-1", "Entered Depot")
        assert alert["detail"]["geofence"] == {"id": made["id"], "name": "Depot"}
        assert alert["detail"]["fix"]["lat"] == LAT + 0.0001
        assert at_the_auditor.empty()  # the name of a geofence says where the unit is
        assert (await auditor.get("/api/alerts"))["alerts"] == []
        assert (await auditor.call("GET", f"/api/alerts/{alert['id']}"))[0] == 404
    assert (await everybody.get("/api/alerts"))["alerts"] == [alert]
