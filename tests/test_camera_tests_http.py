"""Trying cameras out over HTTP: which step fails by what, what to do about it, and that a live camera is left alone."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gateway.access.audit import Action
from gateway.access.rights import Role
from gateway.base.settings import CameraSettings
from gateway.rtsp.protocol import Headers, Response
from gateway.simulator import Simulation
from gateway.simulator.camera import SimulatedCamera
from tests.running import Running, running
from tests.scripted_camera import ScriptedCamera, describe
from tests.scripted_camera import running as scripted

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "0pen-sesame"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filming() -> AsyncIterator[SimulatedCamera]:
    async with Simulation(count=1, interfaces=("lo",), password=SECRET, width=320, height=180) as simulation:
        yield simulation.cameras[0]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: Any, filming: SimulatedCamera) -> AsyncIterator[Running]:
    unit = {"id": "unit-1", "onvif": filming.onvif_url, "username": filming.username, "password": SECRET}
    async with running(tmp_path_factory.mktemp("tests"), CameraSettings.model_validate(unit)) as gateway:
        yield gateway


async def tried(gateway: Running, values: dict[str, Any], path: str = "/api/cameras/test") -> dict[str, Any]:
    """By step what it came to; `works` is the last line's."""
    client = gateway.client()
    async with client.http.post(path, json=values, headers=client.headers) as response:
        body = await response.text()
    assert (response.status, response.content_type) == (200, "application/x-ndjson"), body
    *steps, last = [json.loads(line) for line in body.splitlines()]
    return {step["step"]: step for step in steps if step["seconds"] is not None} | last


def failed(steps: dict[str, Any]) -> str:
    """The step that failed: the last one, and it says what to do."""
    *_, (name, step) = [(name, step) for name, step in steps.items() if name != "works"]
    assert step["state"] == "failed"
    assert step["says"].endswith(".")
    assert step["advice"].endswith(".")
    assert steps["works"] is False
    return name


async def test_a_camera_that_is_not_added_shows_its_picture_and_is_told_step_by_step(
    gateway: Running, filming: SimulatedCamera
) -> None:
    given = {"onvif": filming.onvif_url, "username": filming.username, "password": SECRET}
    steps = await tried(gateway, given)
    assert steps.pop("works") is True
    assert " ".join(steps) == "address port answer log_in profiles stream picture position recording"
    assert {step["state"] for step in steps.values()} == {"done"}
    assert "firmware" in steps["log_in"]["says"]
    assert "320×180" in steps["profiles"]["says"]
    assert "H264" in steps["stream"]["says"]
    assert "pictures a second" in steps["picture"]["says"]
    assert base64.b64decode(steps["picture"]["picture"]).startswith(b"\xff\xd8\xff")
    assert len(await gateway.client().get("/api/cameras")) == 1, "it was not added"


async def test_a_wrong_password_is_told_at_the_log_in_and_stands_nowhere(
    gateway: Running, filming: SimulatedCamera, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    given = {"onvif": filming.onvif_url, "username": filming.username, "password": "not-that-one"}
    steps = await tried(gateway, given)
    assert failed(steps) == "log_in"
    assert steps["answer"]["state"] == "done"
    assert "password" in steps["log_in"]["says"]
    told = next(entry for entry in await gateway.audit() if entry.action == Action.CAMERA_TEST)
    assert told.detail["tried"] == filming.onvif_url
    assert "not-that-one" not in caplog.text + str(told) + json.dumps(steps)


@pytest.mark.parametrize(
    ("reply", "at"),
    [
        (Response(401, Headers.of({"WWW-Authenticate": 'Digest realm="a", nonce="b"'})), "log_in"),
        (Response(404), "stream"),
        (describe(b"v=0\r\ns=x\r\nm=video 0 RTP/AVP 26\r\na=control:a\r\n"), "stream"),
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "answer"),
    ],
    ids=["wrong password", "wrong path", "no H.264", "not RTSP"],
)
async def test_what_an_rtsp_server_refuses_is_told_at_the_step_it_belongs_to(
    gateway: Running, reply: Any, at: str
) -> None:
    async with scripted(ScriptedCamera({"DESCRIBE": [reply]})) as camera:
        assert failed(await tried(gateway, {"url": camera.url(), "username": "op", "password": "p"})) == at


async def test_a_port_where_nobody_listens_and_a_name_that_nobody_knows(gateway: Running) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        steps = await tried(gateway, {"url": f"rtsp://127.0.0.1:{held.getsockname()[1]}/"})
    assert failed(steps) == "port"
    assert failed(await tried(gateway, {"onvif": "http://camera.invalid/"})) == "address"


async def test_what_cannot_be_added_cannot_be_tested(gateway: Running) -> None:
    for given in ({}, {"url": "file:///etc/passwd"}, {"onvif": "gopher://host/"}, {"url": "rtsp://a/", "more": 1}):
        status, _, _ = await gateway.client().call("POST", "/api/cameras/test", json=given)
        assert status == 400
    status, _, _ = await gateway.client(Role.SUPERVISOR).call("POST", "/api/cameras/test", json={})
    assert status == 403


async def test_one_that_is_live_tells_without_another_connection(gateway: Running, filming: SimulatedCamera) -> None:
    await gateway.camera("unit-1")
    source = gateway.fleet.camera("unit-1").source
    steps = await tried(gateway, {}, "/api/cameras/unit-1/test")
    assert steps["works"] is True
    assert "port" not in steps
    assert steps["picture"]["picture"]
    assert steps["recording"]["says"]
    assert gateway.fleet.camera("unit-1").source is source
    changed = await tried(gateway, {"password": "wrong"}, "/api/cameras/unit-1/test")
    assert failed(changed) == "log_in", "changes are tried, and not kept"
    assert gateway.fleet.camera("unit-1").source is source
    kept = await tried(gateway, {"name": "Another"}, "/api/cameras/unit-1/test")
    assert kept["works"] is True, "the password that is kept counts"


async def test_one_at_a_time_for_each_and_leaving_ends_it(gateway: Running) -> None:
    async with scripted(ScriptedCamera({"DESCRIBE": [None]})) as silent:
        given = {"url": silent.url()}
        client = gateway.client()
        async with client.http.post("/api/cameras/test", json=given, headers=client.headers) as first:
            assert await first.content.readline()
            status, body, _ = await client.call("POST", "/api/cameras/test", json=given)
            assert (status, "already" in body["detail"]) == (409, True)
            first.close()
        async with asyncio.timeout(5):
            status = 409
            while status == 409:
                url = {"url": "rtsp://camera.invalid/"}
                async with client.http.post("/api/cameras/test", json=url, headers=client.headers) as again:
                    status = again.status
    assert status == 200


async def test_the_fleet_knows_what_made_a_unit_and_how_it_does(gateway: Running) -> None:
    await gateway.camera("unit-1")
    (unit,) = (await gateway.client().get("/api/fleet"))["units"]
    assert unit["camera"] == "unit-1"
    assert unit["device"]["firmware"]
    assert unit["device"]["serial"]
    assert abs(unit["clock_skew_s"]) < 5
    assert unit["video"] == {"codec": "H264", "width": 320, "height": 180}
    assert unit["position_key"] is None
    assert unit["advice"] is None
    assert (await gateway.client().call("GET", "/api/fleet", headers={}))[0] == 401
