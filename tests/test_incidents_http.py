"""Incidents over HTTP: opened from what happens, grown, written about, closed; what they need is not deleted."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gateway.access.rights import Role
from gateway.base.clock import SystemClock
from gateway.base.rfc3339 import format_utc, parse_utc
from gateway.base.settings import CameraSettings
from gateway.media.model import NS, Fix
from gateway.positions.geodesy import offset_by
from gateway.positions.store import PositionStore
from gateway.store.engine import open_positions
from tests.running import Client, Running, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

IDLE = {"url": "rtsp://127.0.0.1:1/s", "connect": "on_demand", "record": False}
CAMERAS = [
    CameraSettings.model_validate({"id": "unit-1", "name": "Unit 1", "groups": ["north"], **IDLE}),
    CameraSettings.model_validate({"id": "unit-2", "groups": ["north"], **IDLE}),
    CameraSettings.model_validate({"id": "unit-3", "groups": ["south"], **IDLE}),
]
POLICY = {"retention": [{"keep": "30d"}, {"category": "arrest", "keep": "365d"}]}
WHY = {"X-Reason": "opened%20by%20mistake"}


THEN = (SystemClock().utc_ns() // NS - 3600) * NS
"""An hour ago, the units were somewhere else."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory) -> AsyncIterator[Running]:
    """Units in a row, a hundred metres apart: now to the north of a place, an hour ago the other way round."""
    data_dir = tmp_path_factory.mktemp("gateway")
    database = open_positions(data_dir)
    positions = PositionStore(database, SystemClock())
    for number, camera in enumerate(CAMERAS):
        for age in (100, 30, 0):
            positions.add(camera.id, fix(THEN - age * NS, 3 - number + age / 10))
    await positions.flush()
    database.close()
    async with running(data_dir, *CAMERAS, policy=POLICY) as made:
        yield made


def told_just_now(gateway: Running) -> None:
    """Each unit says where it is: a minute later nobody would know."""
    for number, camera in enumerate(CAMERAS):
        now = SystemClock().utc_ns()
        assert gateway.fleet.camera(camera.id).tracker.push(fix(now, number + 1), now) is None


def fix(utc_ns: int, hundreds: float) -> Fix:
    """A position so many hundreds of metres north of 52° 13°."""
    lat, lon = offset_by(52, 13, 0, hundreds * 100)
    return Fix(utc_ns, lat, lon, accuracy_m=5.0, received_ns=utc_ns)


async def opened(client: Client, **more: Any) -> dict[str, Any]:
    status, body, response = await client.call("POST", "/api/incidents", json={"cameras": ["unit-1"]} | more)
    assert status == 201, body
    assert response.headers["Location"] == f"/api/incidents/{body['id']}"
    return body


async def another(gateway: Running, name: str, role: Role = Role.DISPATCHER, **more: Any) -> Client:
    """A client of another user."""
    admin = gateway.client()
    status, body, _ = await admin.call("POST", "/api/users", json={"name": name, "role": role.value, **more})
    assert status == 201, body
    _, made, _ = await admin.call("POST", "/api/tokens", json={"name": "test", "user": name})
    return Client(gateway.http, {"Authorization": f"Bearer {made['token']}"})


async def holding(gateway: Running, camera: str) -> list[dict[str, Any]]:
    return (await gateway.client().get(f"/api/cameras/{camera}/holds"))["holds"]


async def test_it_is_on_hold_from_the_first_moment_and_closed_it_stays_so(gateway):
    client = gateway.client(Role.DISPATCHER)
    made = await opened(client, title="  Fight at  the gate ", cameras=["unit-1", "unit-2"], tags=["gate", "gate"])
    assert (made["title"], made["tags"], made["live"], made["to"]) == ("Fight at the gate", ["gate"], True, None)
    assert made["may"] == ["change", "close"]  # dispatchers do not export
    for one in made["cameras"]:
        (hold,) = await holding(gateway, one["camera"])
        assert (hold["id"], hold["from"], hold["to"]) == (one["hold"], made["from"], None)
        assert (hold["category"], hold["reason"]) == (None, f"incident {made['id']}: Fight at the gate")
    path = f"/api/incidents/{made['id']}"
    status, closed, _ = await client.call("POST", f"{path}/close")
    assert (status, closed["live"], closed["closed_by"]) == (200, False, "dispatcher")
    (hold,) = await holding(gateway, "unit-1")
    assert (hold["from"], hold["to"]) == (made["from"], closed["to"])
    assert (await client.call("POST", f"{path}/close"))[0] == 409
    assert (await client.call("PATCH", path, json={"title": "x"}))[0] == 409
    status, again, _ = await client.call("POST", f"{path}/reopen")
    assert (status, again["live"], again["closed"]) == (200, True, None)
    (hold,) = await holding(gateway, "unit-1")
    assert (hold["from"], hold["to"]) == (made["from"], None)
    assert (await client.call("POST", f"{path}/reopen"))[0] == 409
    assert (await client.call("DELETE", path))[0] == 400  # why?
    assert (await client.call("DELETE", path, headers=client.headers | WHY))[0] == 204
    assert (await client.call("GET", path))[0] == 404
    assert await holding(gateway, "unit-1") == await holding(gateway, "unit-2") == []
    steps = [row.action for row in await gateway.audit() if row.action.startswith("incident")]
    assert steps[::-1] == ["incident_open", "incident_close", "incident_reopen", "incident_remove"]


async def test_nobody_releases_what_an_incident_needs_and_without_its_camera_it_stays(gateway):
    admin = gateway.client()
    config = {"id": "unit-9", **IDLE}
    assert (await admin.call("POST", "/api/cameras", json=config))[0] == 201
    made = await opened(admin, cameras=["unit-9"])
    (hold,) = await holding(gateway, "unit-9")
    one = f"/api/cameras/unit-9/holds/{hold['id']}"
    status, body, _ = await admin.call("DELETE", one, headers=admin.headers | WHY)
    wanted = f"incident {made['id']} needs this: take unit-9 out of the incident instead"
    assert (status, body["detail"]) == (409, wanted)
    assert (await admin.call("DELETE", "/api/cameras/unit-9"))[0] == 204
    assert [one["id"] for one in (await admin.get("/api/holds"))["holds"] if one["camera"] == "unit-9"] == [hold["id"]]
    (one,) = (await admin.get(f"/api/incidents/{made['id']}"))["cameras"]
    assert (one["camera"], one["hold"]) == ("unit-9", hold["id"])


async def test_it_opens_from_an_alert_a_unit_a_place_and_a_time(gateway):
    client = gateway.client(Role.DISPATCHER)
    _, alert, _ = await client.call("POST", "/api/cameras/unit-2/sos", json={"text": "shots are heard"})
    made = await opened(client, origin={"alert": alert["id"]}, cameras=[])
    assert (made["alerts"], made["origin"], made["title"]) == ([alert["id"]], {"alert": alert["id"]}, alert["text"])
    assert [one["camera"] for one in made["cameras"]] == ["unit-2"]
    assert parse_utc(made["from"]) == parse_utc(alert["utc"]) - 300 * NS
    made = await opened(client, origin={"camera": "unit-1"}, cameras=["unit-3", "unit-1"])
    assert ([one["camera"] for one in made["cameras"]], made["title"]) == (["unit-1", "unit-3"], "Unit 1")
    place = {"lat": 52.0, "lon": 13.0, "radius_m": 250}
    told_just_now(gateway)
    made = await opened(client, origin=place, cameras=[])
    assert [one["camera"] for one in made["cameras"]] == ["unit-1", "unit-2"]
    made = await opened(client, origin=place, cameras=[], **{"from": format_utc(THEN)})
    assert [one["camera"] for one in made["cameras"]] == ["unit-3", "unit-2"]
    assert (made["origin"], made["title"], made["from"]) == (place, "52.00000, 13.00000", format_utc(THEN))
    made = await opened(client, **{"from": format_utc(THEN), "to": format_utc(THEN + 60 * NS)}, category="arrest")
    assert (made["live"], made["closed"], made["category"]) == (False, None, "arrest")
    listed = (await client.get("/api/incidents", params={"to": format_utc(THEN + NS)}))["incidents"]
    assert [one["id"] for one in listed] == [made["id"], made["id"] - 1]
    params = {"camera": "unit-3", "limit": "1"}
    assert [one["id"] for one in (await client.get("/api/incidents", params=params))["incidents"]] == [made["id"] - 1]


async def test_who_is_nearby_now_and_then(gateway):
    client = gateway.client(Role.DISPATCHER)
    place = {"lat": "52", "lon": "13"}
    told_just_now(gateway)
    now = await client.get("/api/nearby", params=place)
    assert [(one["camera"], round(one["distance_m"], -1)) for one in now["units"]] == [
        ("unit-1", 100), ("unit-2", 200), ("unit-3", 300),
    ]  # fmt: skip
    assert now["units"][0]["fix"]["accuracy_m"] == 5.0
    assert 0 <= now["units"][0]["age_s"] < 60
    then = await client.get("/api/nearby", params=place | {"at": format_utc(THEN + 20 * NS), "limit": "2"})
    assert [(one["camera"], one["distance_m"], one["age_s"]) for one in then["units"]] == [
        ("unit-3", pytest.approx(100, 0.01), 20), ("unit-2", pytest.approx(200, 0.01), 20),
    ]  # fmt: skip
    between = await client.get("/api/nearby", params=place | {"at": format_utc(THEN - 1)})
    assert {one["age_s"] for one in between["units"]} == {30}
    assert (await client.get("/api/nearby", params=place | {"at": format_utc(THEN + 61 * NS)}))["units"] == []
    beside = await client.get("/api/nearby", params={"camera": "unit-1", "radius_m": "150"})
    assert [one["camera"] for one in beside["units"]] == ["unit-2"]
    lost = {"camera": "unit-1", "at": format_utc(THEN + 3000 * NS)}
    status, body, _ = await client.call("GET", "/api/nearby", params=lost)
    assert (status, "name a place" in body["detail"]) == (409, True)
    for wrong in ({}, {"lat": "91", "lon": "0"}, {"lat": "nan", "lon": "0"}, place | {"at": "noon"}):
        assert (await client.call("GET", "/api/nearby", params=wrong))[0] == 400
    (row, *_) = [row for row in await gateway.audit() if row.action == "nearby"]
    assert (row.actor, row.camera, row.detail["units"]) == ("dispatcher", "unit-1", ["unit-2"])


async def test_one_sees_of_an_incident_the_cameras_that_one_may_see(gateway):
    north, south = await another(gateway, "nora", groups=["north"]), await another(gateway, "sam", groups=["south"])
    east = await another(gateway, "ed", groups=["east"])
    everywhere = gateway.client(Role.DISPATCHER)
    made = await opened(everywhere, origin={"camera": "unit-1"}, cameras=["unit-3"], title="Everywhere")
    path = f"/api/incidents/{made['id']}"
    assert [one["camera"] for one in (await north.get(path))["cameras"]] == ["unit-1"]
    seen = await south.get(path)
    assert ([one["camera"] for one in seen["cameras"]], seen["origin"]) == (["unit-3"], {})
    assert seen["may"] == ["change"]
    assert (await east.call("GET", path))[0] == 404
    assert made["id"] not in [one["id"] for one in (await east.get("/api/incidents"))["incidents"]]
    assert (await south.call("POST", f"{path}/notes", json={"text": "seen"}))[0] == 201
    for method, what, body in (
        ("POST", "/close", None),
        ("PATCH", "", {"category": None}),
        ("PATCH", "/cameras/unit-1", {"from": format_utc(THEN)}),
        ("DELETE", "/cameras/unit-1", None),
        ("POST", "/cameras", {"camera": "unit-2"}),
    ):
        status, problem, _ = await south.call(method, path + what, json=body, headers=south.headers | WHY)
        assert status in {403, 404}, problem
        assert "Unit 1" not in json.dumps(problem)
    # Who has not put a camera in, and may not configure it, does not let go of it.
    assert (await south.call("DELETE", f"{path}/cameras/unit-3", headers=south.headers | WHY))[0] == 403
    less = {"to": format_utc(SystemClock().utc_ns() - NS), "reason": "a test"}
    assert (await south.call("PATCH", f"{path}/cameras/unit-3", json=less))[0] == 403
    assert (await everywhere.call("DELETE", f"{path}/cameras/unit-3", headers=everywhere.headers | WHY))[0] == 200


async def test_they_are_found_by_each_word_of_title_tags_notes_and_the_cameras_that_one_sees(gateway):
    admin = gateway.client()
    bridge = await opened(admin, title="Fight at the 50% bridge", cameras=["unit-1"], tags=["Größe", "night"])
    both = await opened(admin, title="A lost child", cameras=["unit-2", "unit-3"])
    path = f"/api/incidents/{both['id']}"
    assert (await admin.call("POST", f"{path}/notes", json={"text": "Red jacket, near the RIVER"}))[0] == 201
    await admin.call("POST", f"{path}/close")

    async def found(client: Client, q: str, **more: str) -> list[int]:
        listed = (await client.get("/api/incidents", params={"q": q, **more}))["incidents"]
        return [one["id"] for one in listed if one["id"] in {bridge["id"], both["id"]}]

    assert await found(admin, "fight NIGHT") == [bridge["id"]]
    assert await found(admin, "Größe") == [bridge["id"]]
    assert await found(admin, "50%") == [bridge["id"]]
    assert await found(admin, "5%b") == [], "no pattern"
    assert await found(admin, "river jacket") == [both["id"]]
    assert await found(admin, "unit") == [both["id"], bridge["id"]]
    assert await found(admin, "unit-3 lost", open="false") == [both["id"]]
    assert await found(admin, "unit-3", open="true") == []
    north = await another(gateway, "north-finder", groups=["north"])
    assert await found(north, "unit-2") == [both["id"]]
    assert await found(north, "unit-3") == [], "that it has a camera one does not see is not told"
    for wrong in ({"q": "w " * 9}, {"q": "w" * 201}, {"open": "perhaps"}):
        assert (await admin.call("GET", "/api/incidents", params=wrong))[0] == 400, wrong


async def test_a_socket_tells_who_sees_it_what_they_see_of_it(gateway):
    north = await another(gateway, "nina", groups=["north"])
    client = gateway.client(Role.DISPATCHER)
    async with gateway.http.ws_connect("/api/events", headers=north.headers) as socket, asyncio.timeout(60):
        await opened(client, cameras=["unit-3"])
        made = await opened(client, cameras=["unit-1", "unit-3"])
        await client.call("POST", f"/api/incidents/{made['id']}/notes", json={"text": "he comes"})
        await client.call("DELETE", f"/api/incidents/{made['id']}", headers=client.headers | WHY)
        told = []
        while not told or told[-1]["type"] != "incident_removed":
            message = json.loads(await socket.receive_str())
            told += [message] if message["type"].startswith("incident") else []
    assert [message.get("id", message.get("incident", {}).get("id")) for message in told] == [made["id"]] * 3
    assert [one["camera"] for one in told[0]["incident"]["cameras"]] == ["unit-1"]
    assert [message["incident"]["notes"] for message in told[:2]] == [0, 1]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 400, "name one camera at least"),
        ({"cameras": "unit-1"}, 400, "no list of texts"),
        ({"cameras": ["unit-1"], "title": 7}, 400, "not a string"),
        ({"cameras": ["unit-1"], "tags": [f"tag {n}" for n in range(10_000)]}, 400, "32 tags at most"),
        ({"cameras": ["unit-1"], "tags": [[]]}, 400, "no list of texts"),
        ({"cameras": ["unit-1"], "category": "theft"}, 400, 'no category "theft": it has arrest'),
        ({"cameras": ["nobody"]}, 404, "no camera"),
        ({"cameras": ["unit-1"] * 70}, 201, ""),  # each once
        ({"cameras": ["unit-1"], "hold": 7}, 400, "unknown member"),
        ({"origin": []}, 400, ""),
        ({"origin": {"alert": "7"}}, 400, "the number of an alert"),
        ({"origin": {"alert": 7 << 70}}, 400, "the number of an alert"),
        ({"origin": {"alert": 70_000}}, 404, "there is no alert 70000"),
        ({"origin": {"lat": 1e400, "lon": 0}}, 400, "must be a number"),
        ({"origin": {"lat": 0, "lon": 0}}, 400, "was within 500 m then: name one camera"),
        ({"origin": {"lat": 0}}, 400, '"lon" must be a number'),
        ({"origin": {"camera": "unit-1", "lat": 0}}, 400, "unknown member"),
    ],
)
async def test_what_cannot_be_opened_is_refused_with_what_to_write(gateway, body, status, said):
    got, problem, _ = await gateway.client().call("POST", "/api/incidents", json=body)
    assert got == status, problem
    assert status == 201 or said in problem["detail"]


async def test_notes_of_any_size_and_look_are_text_or_refused(gateway):
    client = gateway.client()
    path = f"/api/incidents/{(await opened(client))['id']}/notes"
    status, note, _ = await client.call("POST", path, json={"text": "<img src=x onerror=alert(1)>\n**bold**"})
    assert (status, note["text"]) == (201, "<img src=x onerror=alert(1)>\n**bold**")
    assert (await client.get(path))["notes"] == [note]
    large = io.BytesIO(b'{"text": "' + b"x" * (2 << 20) + b'"}')
    assert (await client.call("POST", path, data=large))[0] == 413
    for text, wanted in (("x" * 8001, 400), ("\ud800", 400), ("", 400), (None, 400)):
        assert (await client.call("POST", path, json={"text": text}))[0] == wanted
    for number in ("0", "x", "9" * 30, "１"):
        assert (await client.call("GET", f"/api/incidents/{number}"))[0] == 404
