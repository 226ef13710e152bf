"""`WS /api/positions/live`, and fixes that come together on `WS /api/events`: who is told what, and when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from gateway.access.rights import Role
from gateway.base.clock import SystemClock
from gateway.base.settings import CameraSettings
from gateway.media.model import Fix
from tests.accounts import PASSWORD
from tests.running import Client, Running, close_code, running
from web import sockets
from web.sockets import Outgoing, Together

PATH = "/api/positions/live"
PRIVATE = {"privacy": [{"hide": ["position"]}]}


def camera(name: str, *groups: str) -> CameraSettings:
    values = {"id": name, "name": name.upper(), "url": "rtsp://127.0.0.1:1/s", "connect": "on_demand", "record": False}
    return CameraSettings.model_validate(values | {"groups": list(groups)})


CAMERAS = [camera("a", "north"), camera("b", "south"), camera("c")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with running(tmp_path_factory.mktemp("live"), *CAMERAS, policy=PRIVATE) as gateway:
        moved(gateway, "a", 0)
        moved(gateway, "b", 0)
        yield gateway


def moved(gateway: Running, name: str, metres: float) -> Fix:
    """Have a unit say where it is."""
    now = SystemClock().utc_ns()
    fix = Fix(now, 51.5 + metres / 111_195, -0.12, 35.0, 1.0, carrier="nmea", received_ns=now)
    assert gateway.fleet.camera(name).take_fix(fix) is None
    return fix


@asynccontextmanager
async def live(client: Client, query: str = "", path: str = PATH) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with asyncio.timeout(20), client.http.ws_connect(path + query, headers=client.headers) as socket:
        yield socket


async def told(socket: aiohttp.ClientWebSocketResponse) -> list[tuple[str, list[float] | None]]:
    """The id and place of each Feature of the next message."""
    collection = await socket.receive_json()
    assert collection["type"] == "FeatureCollection"
    return [(f["id"], f["geometry"] and f["geometry"]["coordinates"]) for f in collection["features"]]


async def until(socket: aiohttp.ClientWebSocketResponse, *expected: tuple[str, bool]) -> None:
    """Wait for a message with these ids, each with a place or without: what an earlier test moved of other cameras may
    be told first, or with it.
    """
    names = {name for name, _ in expected}
    while [(name, place is not None) for name, place in await told(socket) if name in names] != list(expected):
        pass


async def code(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    return await close_code(socket)


@pytest.mark.asyncio(loop_scope="module")
async def test_first_where_everyone_is_then_what_comes(gateway: Running) -> None:
    async with live(gateway.client()) as socket:
        assert [name for name, _ in await told(socket)] == ["a", "b"]
        fix = moved(gateway, "c", 3)
        while (feature := (await socket.receive_json())["features"][-1])["id"] != "c":
            pass
        assert feature["geometry"]["coordinates"] == [fix.lon, fix.lat, 35.0]
        assert feature["properties"].items() >= {"name": "C", "speed_mps": 1.0, "carrier": "nmea"}.items()
        moved(gateway, "a", 1)
        moved(gateway, "b", 1)
        moved(gateway, "a", 2)
        await until(socket, ("a", True), ("b", True), ("a", True))  # all of them, in one message


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?cameras=b", ["b"]),
        ("?cameras=b,a&cameras=nobody", ["a", "b"]),
        ("?groups=north", ["a"]),
        ("?groups=north&cameras=b", []),
    ],
)
async def test_only_what_was_asked_for(gateway: Running, query: str, expected: list[str]) -> None:
    async with live(gateway.client(), query) as socket:
        assert [name for name, _ in await told(socket) if name != "c"] == expected
        if expected:
            for name in ("a", "b"):
                moved(gateway, name, 4)
            await until(socket, *((name, True) for name in expected))


@pytest.mark.asyncio(loop_scope="module")
async def test_a_privacy_mode_takes_a_unit_away_and_brings_it_back(gateway: Running) -> None:
    root = gateway.client()
    async with live(root, "?cameras=a") as socket:
        assert len(await told(socket)) == 1
        values = {"on": True, "reason": "a private call"}
        assert (await root.call("PUT", "/api/cameras/a/privacy", json=values))[0] == 200
        await until(socket, ("a", False))
        moved(gateway, "a", 5)
        assert (await root.call("PUT", "/api/cameras/a/privacy", json=values | {"on": False}))[0] == 200
        assert [(name, place is not None) for name, place in await told(socket)] == [("a", True)]


@pytest.mark.asyncio(loop_scope="module")
async def test_rights_and_log_ins_end_it(gateway: Running) -> None:
    root, ann = gateway.client(), Client(gateway.http, {})

    async def change(method: str, path: str, **values: Any) -> Any:
        status, body, _ = await root.call(method, path, json=values or None)
        assert status < 300, body
        return body

    await change("POST", "/api/users", name="ann", role="dispatcher", password=PASSWORD, groups=["north"])
    token = await change("POST", "/api/tokens", name="test", user="ann")
    ann.headers["Authorization"] = f"Bearer {token['token']}"
    async with live(ann) as socket:
        assert [name for name, _ in await told(socket)] == ["a"]
        await change("PATCH", "/api/users/ann", groups=["south"])
        await until(socket, ("a", False), ("b", True))
        await change("PATCH", "/api/users/ann", role="auditor")
        assert await code(socket) == 4403
    await change("PATCH", "/api/users/ann", role="dispatcher")
    async with live(ann) as socket:
        await told(socket)
        await change("DELETE", "/api/users/ann")
        assert await code(socket) == 4401
    status, _, _ = await gateway.client(Role.AUDITOR).call("GET", PATH)
    assert status == 403


@pytest.mark.asyncio(loop_scope="module")
async def test_cameras_come_and_go(gateway: Running) -> None:
    async with live(gateway.client(), "?groups=north") as socket:
        await told(socket)
        await gateway.read_again(*CAMERAS, camera("d", "north"), policy=PRIVATE)
        moved(gateway, "d", 0)
        await until(socket, ("d", True))
        await gateway.read_again(*CAMERAS, camera("d", "south"), policy=PRIVATE)
        await until(socket, ("d", False))
        await gateway.read_again(*CAMERAS, camera("d", "north"), policy=PRIVATE)
        await until(socket, ("d", True))
        await gateway.read_again(*CAMERAS, policy=PRIVATE)
        await until(socket, ("d", False))


@pytest.mark.asyncio(loop_scope="module")
async def test_units_are_drawn_calmer_for_who_asks_and_never_stored_so(gateway: Running) -> None:
    async with live(gateway.client(), "?cameras=c&smooth=1") as smooth, live(gateway.client(), "?cameras=c") as raw:
        for socket in (smooth, raw):
            await told(socket)
        sent = [moved(gateway, "c", 3 + metres) for metres in (0, 4, 0, 4)]
        shown, measured = [], []
        while len(shown) < 4:
            shown += (await smooth.receive_json())["features"]
        while len(measured) < 4:
            measured += (await raw.receive_json())["features"]
        assert [feature["properties"].pop("measured") for feature in shown] == [[fix.lon, fix.lat] for fix in sent]
        assert [feature["properties"] for feature in shown] == [feature["properties"] for feature in measured]
        lats = [[feature["geometry"]["coordinates"][1] for feature in features] for features in (shown, measured)]
        assert lats[1] == [fix.lat for fix in sent]
        assert max(lats[0]) - min(lats[0]) < 0.8 * (max(lats[1]) - min(lats[1]))
    kept = await gateway.client().get("/api/cameras/c/positions")
    assert [fix["lat"] for fix in kept["fixes"][-4:]] == lats[1]


@pytest.mark.asyncio(loop_scope="module")
async def test_it_is_one_view_in_the_audit(gateway: Running) -> None:
    async with live(gateway.client(), "?cameras=c") as socket:
        await told(socket)
        begun = next(row for row in await gateway.audit() if row.action == "follow" and row.outcome == "done")
        assert begun.detail.items() >= {"positions": True, "cameras": ["c"]}.items()
    async with asyncio.timeout(10):
        while not any(row.detail.get("view") == begun.id for row in await gateway.audit()):
            await asyncio.sleep(0.05)


@pytest.mark.asyncio(loop_scope="module")
async def test_too_many_names_are_refused(gateway: Running) -> None:
    names = ",".join(map(str, range(1001)))
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
    client = gateway.client()
    status, body, _ = await client.call("GET", PATH, params={"groups": names}, headers=client.headers | upgrade)
    assert (status, body["detail"]) == (400, '"groups" names more than 1000')


@pytest.mark.asyncio(loop_scope="module")
async def test_fixes_come_together_to_those_who_ask_for_that(gateway: Running) -> None:
    client = gateway.client()
    async with live(client, "?fixes=together", "/api/events") as many, live(client, "", "/api/events") as each:
        for socket in (many, each):
            assert (await socket.receive_json())["type"] == "state"
        sent = [moved(gateway, name, 6) for name in ("a", "b", "a")]
        singles, together = [], []
        while len(singles) < 3:
            if (message := await each.receive_json())["type"] == "fix":
                singles.append(message)
        while len(together) < 3:
            message = await many.receive_json()
            assert message["type"] != "fix"
            if message["type"] == "fixes":
                together += message["fixes"]
        assert [one["camera"] for one in together] == ["a", "b", "a"]
        assert [{"type": "fix", **one} for one in together] == singles
        assert [one["fix"]["lat"] for one in together] == [fix.lat for fix in sent]


# ---- the parts


async def test_what_comes_first_is_told_at_once_and_what_follows_in_portions() -> None:
    portions: list[list[int]] = []
    together = Together[int](0.5, portions.append)
    together.add(1)
    together.add(2)
    await asyncio.sleep(0.01)
    assert portions == [[1, 2]]
    for number in range(3, 8):
        together.add(number)
        await asyncio.sleep(0)
    assert portions == [[1, 2]]
    async with asyncio.timeout(5):
        while len(portions) < 2:
            await asyncio.sleep(0.01)
    assert portions[1] == [3, 4, 5, 6, 7]
    together.add(8)
    together.close()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(portions) == 2


@pytest.mark.parametrize("limit", ["QUEUE_LIMIT", "QUEUE_CHARACTERS"])
async def test_who_does_not_read_is_closed(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(sockets, limit, 10)
    outgoing = Outgoing()
    for _ in range(9):
        outgoing.send("x")
    assert await outgoing.batch() == ["x"] * 9
    for _ in range(11):
        outgoing.send("x")
    assert outgoing.close_code == 1013
    assert await outgoing.batch() is None
