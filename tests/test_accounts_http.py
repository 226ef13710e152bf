"""Users, sessions and tokens over HTTP: who may see and change which, and what ends at once."""

from __future__ import annotations

import aiohttp
import pytest
import pytest_asyncio

from gateway.access.rights import Role
from tests.running import PASSWORD, Client, Running, close_code, running

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory):
    """One gateway for all tests of this module: what a test adds, it removes."""
    async with running(tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.fixture(autouse=True)
def _no_cookies(gateway):
    gateway.http.cookie_jar.clear()


async def browser(gateway: Running, name: str, password: str = PASSWORD) -> Client:
    """A client of its own with a session's cookie."""
    http = aiohttp.ClientSession(gateway.url, cookie_jar=aiohttp.CookieJar(unsafe=True))
    status, body, _ = await Client(http, {}).call("POST", "/api/session", json={"username": name, "password": password})
    assert status == 200, body
    return Client(http, {"X-CSRF-Token": body["csrf"]})


async def test_users_are_added_changed_and_removed(gateway):
    admin = gateway.client()
    new = {"name": "ann", "role": "dispatcher", "groups": ["north"], "password": PASSWORD}
    status, user, response = await admin.call("POST", "/api/users", json=new)
    assert (status, response.headers["Location"]) == (201, "/api/users/ann")
    assert (user["name"], user["role"], user["groups"], user["issuer"]) == ("ann", "dispatcher", ["north"], None)
    assert "password" not in user
    assert (await admin.call("POST", "/api/users", json=new))[0] == 409
    status, user, _ = await admin.call("PATCH", "/api/users/ann", json={"role": "auditor", "groups": []})
    assert (status, user["role"], user["groups"]) == (200, "auditor", [])
    assert "ann" in [user["name"] for user in (await admin.get("/api/users"))["users"]]
    assert (await admin.call("DELETE", "/api/users/ann"))[0] == 204
    assert (await admin.call("DELETE", "/api/users/ann"))[0] == 404
    assert (await admin.call("PATCH", "/api/users/ann", json={}))[0] == 404


async def test_a_password_that_is_made_is_shown_once_and_works(gateway):
    admin = gateway.client()
    status, user, _ = await admin.call("POST", "/api/users", json={"name": "ann", "role": "auditor"})
    assert status == 201
    client = await browser(gateway, "ann", user["password"])
    assert (await client.get("/api/session"))["user"]["name"] == "ann"
    await client.http.close()
    assert user["password"] not in str(await admin.get("/api/users"))
    await admin.call("DELETE", "/api/users/ann")


async def test_an_nvrs_account_is_limited_to_cameras_and_becomes_another(gateway):
    admin = gateway.client()
    for camera in ("unit-1", "unit-2"):
        settings = {"id": camera, "url": "rtsp://127.0.0.1:1/s", "connect": "on_demand", "record": False}
        assert (await admin.call("POST", "/api/cameras", json=settings))[0] == 201
    new = {"name": "frigate", "role": "nvr", "cameras": ["unit-2"]}
    status, user, _ = await admin.call("POST", "/api/users", json=new)
    assert (status, user["cameras"], len(user["password"]) >= 12) == (201, ["unit-2"], True)
    token = (await admin.call("POST", "/api/tokens", json={"name": "t", "user": "frigate"}))[1]["token"]
    nvr = Client(gateway.http, {"Authorization": f"Bearer {token}"})
    assert (await nvr.call("GET", "/api/cameras/unit-2/positions"))[0] == 200
    assert (await nvr.call("GET", "/api/cameras/unit-1/positions"))[0] == 404, "it does not learn of others"

    change = {"role": "auditor", "cameras": ["unit-1"]}
    status, user, _ = await admin.call("PATCH", "/api/users/frigate", json=change)
    assert (status, user["role"], user["cameras"], user["has_password"]) == (200, "auditor", ["unit-1"], True)
    client = await browser(gateway, "frigate", user["password"])
    seen = await client.get("/api/cameras")
    assert [camera["id"] for camera in seen["cameras"]] == ["unit-1"]
    await client.http.close()
    _, again, _ = await admin.call("PATCH", "/api/users/frigate", json={"password": None})
    assert again["password"] != user["password"], "one is made on demand"
    _, again, _ = await admin.call("PATCH", "/api/users/frigate", json={"role": "nvr", "password": PASSWORD})
    assert ("password" in again, again["role"]) == (False, "nvr")
    for path in ("/api/users/frigate", "/api/cameras/unit-1", "/api/cameras/unit-2"):
        assert (await admin.call("DELETE", path))[0] == 204


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "a b", "role": "auditor"}, "/name"),
        ({"name": "ann", "role": "king"}, "/role"),
        ({"name": "ann"}, "/role"),
        ({"name": "ann", "role": "auditor", "groups": "north"}, "/groups"),
        ({"name": "ann", "role": "auditor", "groups": ["a/b"]}, "/groups"),
        ({"name": "ann", "role": "nvr", "cameras": "unit-1"}, "/cameras"),
        ({"name": "ann", "role": "nvr", "cameras": ["unit-7"]}, "/cameras"),
        ({"name": "änn", "role": "nvr"}, "/name"),
        ({"name": "ann", "role": "nvr", "password": "pässwörter"}, "/password"),
        ({"name": "ann", "role": "auditor", "password": "short"}, "/password"),
        ({"name": "ann", "role": "auditor", "password": 7}, "/password"),
        ({"name": "ann", "role": "auditor", "admin": True}, "/admin"),
    ],
)
async def test_what_cannot_be_a_user_is_named(gateway, body, pointer):
    status, problem, _ = await gateway.client().call("POST", "/api/users", json=body)
    assert (status, problem.get("pointer")) == (400, pointer), problem


async def test_the_last_administrator_stays(gateway):
    admin = gateway.client()
    for method, more in (("DELETE", {}), ("PATCH", {"json": {"role": "auditor"}})):
        status, problem, _ = await admin.call(method, "/api/users/administrator", **more)
        assert status == 409
        assert "last administrator" in problem["detail"]


async def test_ones_sessions_are_listed_and_ended(gateway):
    here, there = await browser(gateway, "dispatcher"), await browser(gateway, "dispatcher")
    listed = (await here.get("/api/sessions"))["sessions"]
    assert [session["current"] for session in listed].count(True) == 1
    assert {session["user"] for session in listed} == {"dispatcher"}
    other = next(session for session in listed if not session["current"])
    assert (await here.call("DELETE", f"/api/sessions/{other['id']}"))[0] == 204
    assert (await there.call("GET", "/api/session"))[0] == 401
    assert (await here.call("DELETE", f"/api/sessions/{other['id']}"))[0] == 404
    for client in (here, there):
        await client.http.close()


async def test_what_others_have_open_is_for_administrators(gateway):
    theirs = await browser(gateway, "supervisor")
    session = (await theirs.get("/api/sessions"))["sessions"][0]
    dispatcher = gateway.client(Role.DISPATCHER)
    assert (await dispatcher.call("GET", "/api/sessions?user=supervisor"))[0] == 403
    assert (await dispatcher.call("GET", "/api/tokens?user=*"))[0] == 403
    status, problem, _ = await dispatcher.call("DELETE", f"/api/sessions/{session['id']}")
    assert (status, session["id"] in problem["detail"]) == (404, True), "as if it were not there"
    admin = gateway.client()
    assert (await admin.get("/api/sessions?user=supervisor"))["sessions"] == [session | {"current": False}]
    assert (await admin.call("DELETE", f"/api/sessions/{session['id']}"))[0] == 204
    assert (await theirs.call("GET", "/api/session"))[0] == 401
    await theirs.http.close()


async def test_tokens_are_made_listed_and_revoked(gateway):
    admin = gateway.client()
    new = {"name": "wall", "user": "dispatcher", "expires": "30d"}
    status, made, _ = await admin.call("POST", "/api/tokens", json=new)
    assert (status, made["name"], made["user"], made["seen_utc"]) == (201, "wall", "dispatcher", None)
    holder = Client(gateway.http, {"Authorization": f"Bearer {made['token']}"})
    listed = (await holder.get("/api/tokens"))["tokens"]
    mine = next(token for token in listed if token["current"])
    assert (mine["id"], mine["expires_utc"], "token" in mine) == (made["id"], made["expires_utc"], False)
    assert mine["seen_utc"] is not None
    assert {token["user"] for token in (await admin.get("/api/tokens?user=*"))["tokens"]} >= {"dispatcher", "nvr"}
    assert (await holder.call("POST", "/api/tokens", json=new))[0] == 403
    assert (await holder.call("DELETE", f"/api/tokens/{made['id']}"))[0] == 204
    assert (await holder.call("GET", "/api/tokens"))[0] == 401
    for wrong in ({"expires": "soon"}, {"user": "nobody"}, {"name": ""}, {"colour": "red"}):
        assert (await admin.call("POST", "/api/tokens", json=new | wrong))[0] in {400, 404}, wrong


async def test_ones_own_password_is_changed_and_the_other_sessions_end(gateway):
    await gateway.client().call("POST", "/api/users", json={"name": "ann", "role": "auditor", "password": PASSWORD})
    here, there = await browser(gateway, "ann"), await browser(gateway, "ann")
    change = {"old": "guess", "new": "battery staple"}
    assert (await here.call("PUT", "/api/session/password", json=change))[0] == 403
    assert (await here.call("PUT", "/api/session/password", json=change | {"old": PASSWORD}))[0] == 204
    assert (await here.call("GET", "/api/session"))[0] == 200
    assert (await there.call("GET", "/api/session"))[0] == 401
    for client in (here, there):
        await client.http.close()
    await gateway.client().call("DELETE", "/api/users/ann")


async def test_a_socket_closes_when_its_token_expires(gateway):
    new = {"name": "wall", "user": "dispatcher", "expires": "1s"}
    _, made, _ = await gateway.client().call("POST", "/api/tokens", json=new)
    headers = {"Authorization": f"Bearer {made['token']}"}
    async with gateway.http.ws_connect("/api/events", headers=headers) as events:
        assert await close_code(events) == 4401


async def test_a_socket_closes_when_its_token_is_revoked(gateway):
    admin = gateway.client()
    _, made, _ = await admin.call("POST", "/api/tokens", json={"name": "wall", "user": "dispatcher"})
    headers = {"Authorization": f"Bearer {made['token']}"}
    async with gateway.http.ws_connect("/api/events", headers=headers) as events:
        assert (await events.receive_json())["type"] == "state"
        await admin.call("DELETE", f"/api/tokens/{made['id']}")
        assert await close_code(events) == 4401
