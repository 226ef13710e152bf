"""Saved walls over HTTP: kept for one person, for good, and within bounds."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access.rights import Role
from gateway.access.walls import MAX_NAME, MAX_TILES, MAX_WALLS, Arrangement, Layout, Walls
from gateway.base.clock import SystemClock
from gateway.base.errors import BadRequestError, ConflictError
from gateway.store.engine import open_catalog
from tests.running import running

NIGHT = {"name": "Night", "layout": "1+5", "tiles": ["unit-2", None, "unit-1"]}


async def test_a_wall_is_its_owners_alone_and_survives_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        ann, bob = gateway.client(Role.DISPATCHER), gateway.client(Role.SUPERVISOR)
        status, made, response = await ann.call("POST", "/api/walls", json=NIGHT)
        assert (status, response.headers["Location"]) == (201, f"/api/walls/{made['id']}")
        assert {name: made[name] for name in NIGHT} == NIGHT
        assert await bob.get("/api/walls") == {"walls": []}
        for method, more in (("PUT", {"json": NIGHT}), ("DELETE", {})):
            status, problem, _ = await bob.call(method, f"/api/walls/{made['id']}", **more)
            assert (status, problem["detail"]) == (404, f"you have no wall {made['id']}")
        assert (await bob.call("POST", "/api/walls", json=NIGHT))[0] == 201  # a name is taken for one person only
    async with running(tmp_path) as gateway:
        ann = gateway.client(Role.DISPATCHER)
        assert await ann.get("/api/walls") == {"walls": [made]}
        status, changed, _ = await ann.call(
            "PUT", f"/api/walls/{made['id']}", json={"name": "Day", "layout": "4", "tiles": []}
        )
        assert status == 200
        assert (changed["name"], changed["layout"], changed["tiles"]) == ("Day", "4", [])
        assert (await ann.call("DELETE", f"/api/walls/{made['id']}"))[0] == 204
        assert await ann.get("/api/walls") == {"walls": []}


async def test_a_name_that_is_taken_is_refused_with_what_to_do(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        ann = gateway.client(Role.DISPATCHER)
        await ann.call("POST", "/api/walls", json=NIGHT)
        _, day, _ = await ann.call("POST", "/api/walls", json=NIGHT | {"name": "Day"})
        says = 'you have a wall "Night" already: choose another name, or change that one'
        for method, path in (("POST", "/api/walls"), ("PUT", f"/api/walls/{day['id']}")):
            status, problem, _ = await ann.call(method, path, json=NIGHT)
            assert (status, problem["detail"]) == (409, says)


async def test_what_does_not_fit_is_refused_by_its_name(tmp_path: Path) -> None:
    wrong = [
        ({"name": " "}, "/name"),
        ({"name": "a\nb"}, "/name"),
        ({"name": "n" * (MAX_NAME + 1)}, "/name"),
        ({"layout": "2x2"}, "/layout"),
        ({"tiles": "unit-1"}, "/tiles"),
        ({"tiles": [7]}, "/tiles"),
        ({"tiles": ["unit-1", "unit-1"]}, "/tiles"),
        ({"tiles": ["u" * 65]}, "/tiles"),
        ({"tiles": [None] * (MAX_TILES + 1)}, "/tiles"),
        ({"owner": "bob"}, "/owner"),
    ]
    async with running(tmp_path) as gateway:
        ann = gateway.client(Role.DISPATCHER)
        for body, pointer in wrong:
            status, problem, _ = await ann.call("POST", "/api/walls", json=NIGHT | body)
            assert (status, problem.get("pointer")) == (400, pointer)
        assert await ann.get("/api/walls") == {"walls": []}


async def test_walls_are_bounded_and_need_an_account(tmp_path: Path) -> None:
    async with running(tmp_path):
        pass
    database = open_catalog(tmp_path)
    walls = Walls(database, SystemClock())
    try:
        for n in range(MAX_WALLS):
            await walls.add("dispatcher", Arrangement(f"wall {n}", Layout.NINE, ()))
        with pytest.raises(ConflictError, match="delete one"):
            await walls.add("dispatcher", Arrangement("one more", Layout.NINE, ()))
        with pytest.raises(ConflictError, match="account"):
            await walls.add("a machine", Arrangement("mine", Layout.NINE, ()))
    finally:
        database.close()


@settings(max_examples=50)
@given(st.lists(st.none() | st.text(max_size=70), max_size=8))
def test_an_arrangement_names_each_camera_once(tiles: list[str | None]) -> None:
    named = [tile for tile in tiles if tile is not None]
    fits = len(set(named)) == len(named) and all(1 <= len(tile) <= 64 for tile in named)
    try:
        arrangement = Arrangement("Night", Layout.FOUR, tuple(tiles))
    except BadRequestError:
        assert not fits
    else:
        assert fits
        assert list(arrangement.tiles) == tiles
