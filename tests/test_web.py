"""The HTTP interface: who may pass, what errors look like, and that every call is described."""

from __future__ import annotations

import re

import aiohttp
import pytest
import pytest_asyncio

from gateway.access.rights import NEEDED, Right, Role
from gateway.base.settings import CameraSettings
from tests.running import PASSWORD, Client, Running, close_code, running
from web.app import all_routes
from web.page import STATIC
from web.refusals import ServerLog

# A camera at a port where nothing listens.
NOBODY = CameraSettings(id="fixed", name="Fixed", url="rtsp://127.0.0.1:1/s")
SAMPLES = {"{id}": "fixed", "{file}": "none.txt"}
"""What stands for the variables of a route; for all others "none"."""


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory):
    """One gateway for all tests of this module: what a test adds, it removes."""
    async with running(tmp_path_factory.mktemp("gateway"), NOBODY) as gateway:
        yield gateway


@pytest.fixture(autouse=True)
def _no_cookies(gateway):
    gateway.http.cookie_jar.clear()


async def browser(gateway: Running, name: str = "administrator") -> tuple[Client, str]:
    """A client with a session's cookie, and the CSRF token."""
    client = Client(gateway.http, {})
    status, body, _ = await client.call("POST", "/api/session", json={"username": name, "password": PASSWORD})
    assert status == 200, body
    return client, body["csrf"]


async def test_every_route_stands_in_the_table_of_rights_and_no_row_is_left_over():
    routes = {route.name for route in all_routes()}
    assert routes <= set(NEEDED)
    assert {name for name in NEEDED if not name.startswith("sightline ")} == routes


ITS_OWN_LOG_IN = {"GET /onvif/snapshot/{id}.jpg"}
"""Asks for an NVR's account, which no session and no token is."""


async def test_without_a_log_in_only_what_is_open_answers(gateway):
    client = gateway.client(None)
    for route in all_routes():
        path = re.sub(r"\{\w+\}", lambda variable: SAMPLES.get(variable[0], "none"), route.path)
        status, body, response = await client.call(route.method, path)
        if route.name in ITS_OWN_LOG_IN:
            assert status == 401, route.name
            assert all(one.startswith("Digest ") for one in response.headers.getall("WWW-Authenticate"))
        elif NEEDED[route.name] is Right.OPEN:
            assert status != 401, route.name
        else:
            assert status == 401, route.name
            assert response.content_type == "application/problem+json"
            assert body["detail"] == "log in first"


async def test_each_role_gets_what_the_table_says(gateway):
    for role in Role:
        client = gateway.client(role)
        for name in ("GET /api/cameras", "GET /metrics", "GET /api/cameras/{id}/positions"):
            method, path = name.split()
            status, _, _ = await client.call(method, path.replace("{id}", "fixed"))
            assert (status == 200) == (role in _roles_with(NEEDED[name])), (role, name)
    refusals = [e for e in await gateway.audit() if e.action == "refusal"]
    assert {e.actor for e in refusals} >= {"dispatcher", "nvr"}


def _roles_with(right: Right) -> set[Role]:
    from gateway.access.rights import RIGHTS

    return {role for role in Role if right in RIGHTS[role]}


async def test_a_session_needs_its_csrf_token_and_its_own_origin(gateway):
    client, csrf = await browser(gateway)
    new = {"id": "a", "url": "rtsp://127.0.0.1:1/"}
    status, body, _ = await client.call("POST", "/api/cameras", json=new)
    assert status == 403
    assert "X-CSRF-Token" in body["detail"]
    headers = {"X-CSRF-Token": csrf, "Origin": "http://evil.example"}
    status, body, _ = await client.call("POST", "/api/cameras", json=new, headers=headers)
    assert status == 403
    assert "evil.example" in body["detail"]
    status, _, _ = await client.call(
        "POST", "/api/cameras", json=new, headers={"X-CSRF-Token": csrf, "Origin": gateway.url}
    )
    assert status == 201
    status, _, _ = await client.call("DELETE", "/api/cameras/a", headers={"X-CSRF-Token": csrf})
    assert status == 204
    status, body, _ = await client.call("GET", "/api/session")
    assert (status, body["csrf"], body["user"]["role"]) == (200, csrf, "administrator")
    status, _, _ = await client.call("DELETE", "/api/session", headers={"X-CSRF-Token": csrf})
    assert status == 204
    assert (await client.call("GET", "/api/session"))[0] == 401


async def test_the_cookie_is_out_of_reach_of_scripts(gateway):
    _, _, response = await gateway.client(None).call(
        "POST", "/api/session", json={"username": "administrator", "password": PASSWORD}
    )
    cookie = response.cookies["sightline_session"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Strict"


async def test_a_token_needs_neither_origin_nor_csrf(gateway):
    client = gateway.client()
    client.headers["Origin"] = "null"
    status, _, _ = await client.call("POST", "/api/cameras", json={"id": "b", "url": "rtsp://127.0.0.1:1/"})
    assert status == 201
    assert (await client.call("DELETE", "/api/cameras/b"))[0] == 204


async def test_wrong_passwords_are_refused_and_slowed(gateway):
    client = gateway.client(None)
    statuses = []
    for _ in range(7):
        status, _, response = await client.call("POST", "/api/session", json={"username": "nobody", "password": "x"})
        statuses.append(status)
    assert statuses == [403] * 5 + [429] * 2
    assert int(response.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"username": 7}', b"{}"])
async def test_a_body_that_cannot_be_used_is_a_problem_document(gateway, body):
    status, problem, _ = await gateway.client(None).call("POST", "/api/session", data=body)
    assert status == 400
    assert problem["status"] == 400


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nothing", 404),
        ("PUT", "/api/cameras", 405),
        ("GET", "/api/cameras/none", 404),
        ("GET", "/api/cameras/none/recordings", 404),
        ("GET", "/api/cameras/none/positions", 404),
        ("GET", "/api/cameras/fixed/positions?from=yesterday", 400),
        ("GET", "/api/cameras/fixed/positions?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", 400),
        ("GET", "/api/cameras/fixed/positions?format=csv", 400),
        ("GET", "/..%2f..%2fapp.py", 404),
        ("GET", "/assets/..%2f..%2fapp.py", 404),
        ("GET", "/region.pmtiles", 404),
        ("DELETE", "/api/whep/none", 404),
        ("POST", "/api/cameras/fixed/whep", 415),
        ("PATCH", "/api/cameras/fixed", 409),
        ("DELETE", "/api/cameras/fixed", 409),
    ],
)
async def test_errors_are_problem_documents(gateway, method, path, status):
    more = {"json": {}} if method == "PATCH" else {}
    found, problem, response = await gateway.client().call(method, path, **more)
    assert (found, response.content_type, problem["status"]) == (status, "application/problem+json", status), problem
    assert problem["detail"]


async def test_cameras_are_added_changed_and_removed(gateway):
    client = gateway.client()
    new = {"id": "unit-1", "url": "rtsp://op:hush@127.0.0.1:1/s", "record": False}
    status, camera, response = await client.call("POST", "/api/cameras", json=new)
    assert (status, response.headers["Location"]) == (201, "/api/cameras/unit-1")
    assert (camera["name"], camera["status"], camera["source"]) == ("unit-1", "connecting", "database")
    assert camera["settings"]["has_password"] is True
    assert "hush" not in str(camera)
    assert (await client.call("POST", "/api/cameras", json=new))[0] == 409
    status, camera, _ = await client.call("PATCH", "/api/cameras/unit-1", json={"name": "Unit 1"})
    assert (status, camera["name"]) == (200, "Unit 1")
    listed = await client.get("/api/cameras")
    assert [c["id"] for c in listed["cameras"]] == ["fixed", "unit-1"]
    assert (await client.call("DELETE", "/api/cameras/unit-1"))[0] == 204
    assert (await client.call("GET", "/api/cameras/unit-1"))[0] == 404


async def test_a_camera_nobody_answers_for_says_why(gateway):
    async with gateway.http.ws_connect("/api/events", headers=gateway.client().headers) as events:
        async for message in events:
            told = message.json()
            cameras = told.get("cameras", []) + ([told["camera"]] if told["type"] == "camera" else [])
            if any(c["status"] == "offline" for c in cameras):
                assert "127.0.0.1:1" in cameras[0]["reason"] or "port 1" in cameras[0]["reason"]
                break


async def test_events_begin_with_the_whole_state_and_end_with_the_log_in(gateway):
    client, csrf = await browser(gateway)
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await gateway.http.ws_connect("/api/events", origin="http://evil.example")
    assert refused.value.status == 403
    async with gateway.http.ws_connect("/api/events", origin=gateway.url) as events:
        first = await events.receive_json()
        assert (first["type"], first["cameras"][0]["id"]) == ("state", "fixed")
        await client.call("DELETE", "/api/session", headers={"X-CSRF-Token": csrf})
        assert await close_code(events) == 4401


async def test_positions_are_not_told_to_who_may_not_know_them(gateway):
    listed = await gateway.client(Role.AUDITOR).get("/api/cameras")
    assert listed["cameras"][0]["position"] is None


async def test_every_call_is_described(gateway):
    document = await gateway.client().get("/api/openapi.json")
    described = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert described == {(route.method, route.path) for route in all_routes()}
    names = set(document["components"]["schemas"])
    assert {"Camera", "Fix", "Problem"} <= names


async def test_health_needs_no_log_in_and_metrics_do(gateway):
    anybody = gateway.client(None)
    assert (await anybody.get("/healthz"))["status"] == "ok"
    assert (await anybody.get("/readyz"))["status"] == "ready"
    assert (await anybody.call("GET", "/metrics"))[0] == 401
    assert b"sightline_loop_lag_seconds" in await gateway.client(Role.AUDITOR).get("/metrics")


@pytest.mark.parametrize(("error", "logged"), [(aiohttp.ClientConnectionResetError("it left"), 0), (KeyError("x"), 1)])
async def test_a_client_that_leaves_in_mid_answer_is_no_error(caplog, error, logged):
    ServerLog(lambda _address, _what: None).exception("Error handling request from %s", "10.0.0.1", exc_info=error)
    assert len(caplog.records) == logged


async def test_a_ping_on_the_events_is_echoed_with_the_time_and_nonsense_is_nothing(gateway):
    headers = gateway.client().headers
    async with gateway.http.ws_connect("/api/events", headers=headers) as socket:
        assert (await socket.receive_json())["type"] == "state"
        for nonsense in ("", "[]", '"ping"', "{", '{"type": "ping"}', '{"type": "ping", "id": "7"}', "[" * 2000):
            await socket.send_str(nonsense)
        await socket.send_bytes(b"ping")
        await socket.send_json({"type": "ping", "id": 7})
        while (told := await socket.receive_json())["type"] != "pong":
            pass
        assert told["id"] == 7
        assert told["utc"].endswith("Z")


async def test_the_pages_manifest_and_service_worker_are_asked_for_anew_and_are_what_they_are(gateway):
    if not (STATIC / "sw.js").exists():
        pytest.skip("the page is not built: run make setup")
    script = {"application/javascript", "text/javascript"}  # as the machine's table of types has it
    for path, kinds in (("/manifest.webmanifest", {"application/manifest+json"}), ("/sw.js", script)):
        status, _, response = await gateway.client(None).call("GET", path)
        assert (status, response.headers["Cache-Control"]) == (200, "no-cache")
        assert response.content_type in kinds
        assert "Service-Worker-Allowed" not in response.headers, "it lies at the root already"
