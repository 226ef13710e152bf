"""What runs for somebody ends when the right to it does, and says why."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from gateway.media.model import Codec
from gateway.store.watch import LOOK_SECONDS
from tests.running import PASSWORD, Client, Running, close_code, running
from tests.webrtc_samples import CHROMIUM_OFFER, audio_track, encoded, video_track

pytestmark = pytest.mark.asyncio(loop_scope="module")

SDP = {"Content-Type": "application/sdp"}
POLICY = {
    "allow": [
        {"role": "supervisor", "groups": ["north"], "rights": ["live", "position"]},
        {"role": "supervisor", "groups": ["south"], "rights": ["recorded"]},
    ],
    "ask_reason": ["recorded"],
    "reasons": ["an alarm"],
    "rule": [{"groups": ["guarded"], "ask_reason": ["live"], "watermark": True, "tell_wearer": True}],
}
PATIENCE = 10.0
"""Seconds for what takes one: the machines that run tests are busy."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory) -> AsyncIterator[Running]:
    async with running(tmp_path_factory.mktemp("gateway"), policy=POLICY) as gateway:
        yield gateway


@dataclass
class Scene:
    """A camera of the group north, and a dispatcher who may watch it."""

    gateway: Running
    root: Client
    ann: Client
    camera: str
    user: str

    async def change(self, method: str, path: str, **values: Any) -> Any:
        status, body, _ = await self.root.call(method, path, json=values or None)
        assert status < 300, body
        return body

    async def watch(self, **headers: str) -> tuple[int, Any, str]:
        """Status, answer, and the session's id."""
        status, answer, response = await self.ann.call(
            "POST",
            f"/api/cameras/{self.camera}/whep",
            data=CHROMIUM_OFFER,
            headers=self.ann.headers | SDP | headers,
        )
        return status, answer, response.headers.get("Location", "").rpartition("/")[2]


@pytest_asyncio.fixture(loop_scope="module")
async def scene(gateway, request) -> AsyncIterator[Scene]:
    name = f"x{abs(hash(request.node.name))}"
    root = gateway.client()
    scene = Scene(gateway, root, Client(gateway.http, {}), name, name)
    values = {"id": name, "url": "rtsp://127.0.0.1:1/s", "connect": "on_demand", "record": False, "groups": ["north"]}
    await scene.change("POST", "/api/cameras", **values)
    await scene.change("POST", "/api/users", name=name, role="dispatcher", password=PASSWORD)
    token = await scene.change("POST", "/api/tokens", name="test", user=name)
    scene.ann.headers["Authorization"] = f"Bearer {token['token']}"
    camera = gateway.fleet.camera(name)
    camera.hub.open((video_track(), audio_track(Codec.PCMU)))
    for unit in encoded(4, 2):
        camera.hub.publish(unit)
    yield scene
    await root.call("DELETE", f"/api/cameras/{name}")
    await root.call("DELETE", f"/api/users/{name}")


@asynccontextmanager
async def events(client: Client) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with client.http.ws_connect("/api/events", headers=client.headers) as socket:
        assert (await socket.receive_json())["type"] == "state"
        yield socket


async def until(socket: aiohttp.ClientWebSocketResponse, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE):
        while (message := await socket.receive_json())["type"] != kind:
            pass
    return message


async def closed(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    async with asyncio.timeout(PATIENCE):
        return await close_code(socket)


async def test_changes_are_looked_for_twice_a_second():
    assert LOOK_SECONDS <= 0.5


@pytest.mark.parametrize(
    ("method", "path", "values", "right", "why"),
    [
        ("PATCH", "/api/users/{}", {"role": "auditor"}, "live", "auditor does not have this right by default"),
        ("PATCH", "/api/users/{}", {"role": "supervisor"}, "audio", "this is not among it"),
        ("PATCH", "/api/users/{}", {"groups": ["south"]}, "live", "is limited to the group south"),
    ],
)
async def test_a_user_who_loses_a_right_loses_the_session_and_keeps_the_page(scene, method, path, values, right, why):
    async with events(scene.ann) as socket:
        status, answer, session = await scene.watch()
        assert status == 201, answer
        await scene.change(method, path.format(scene.user), **values)
        ended = await until(socket, "ended")
        assert (ended["session"], ended["camera"], ended["right"]) == (session, scene.camera, right)
        assert why in ended["reason"]
        assert f'sightline_rights_ended_total{{right="{right}"}}' in (await scene.root.get("/metrics")).decode()
        shown = (await until(socket, "state"))["cameras"]
        assert [right in camera["rights"] for camera in shown if camera["id"] == scene.camera] in ([False], [])
    status, body, _ = await scene.ann.call("GET", f"/api/whep/{session}")
    assert status in {403, 404}, body


async def test_a_camera_that_leaves_the_group_is_gone_for_who_is_limited_to_it(scene):
    await scene.change("PATCH", f"/api/users/{scene.user}", groups=["north"])
    async with events(scene.ann) as socket:
        status, answer, session = await scene.watch()
        assert status == 201, answer
        await scene.change("PATCH", f"/api/cameras/{scene.camera}", groups=["south"])
        assert (await until(socket, "ended"))["session"] == session
        assert (await until(socket, "state"))["cameras"] == []
    status, body, _ = await scene.ann.call("GET", f"/api/cameras/{scene.camera}")
    assert (status, body["detail"]) == (404, f'there is no camera "{scene.camera}"')


async def test_a_new_policy_ends_what_it_does_not_allow_and_a_new_one_gives_it_back(scene):
    narrower = {"allow": [{"role": "dispatcher", "rights": ["position"]}]}
    async with events(scene.ann) as socket:
        status, answer, session = await scene.watch()
        assert status == 201, answer
        await scene.gateway.read_again(policy=narrower)
        ended = await until(socket, "ended")
        assert (ended["session"], ended["right"]) == (session, "live")
        assert "the policy says what the role dispatcher may do" in ended["reason"]
        await scene.gateway.read_again(policy=POLICY)
        shown = (await until(socket, "state"))["cameras"]
        shown = (await until(socket, "state"))["cameras"]
        assert "live" in next(camera["rights"] for camera in shown if camera["id"] == scene.camera)
    assert (await scene.watch())[0] == 201


async def test_a_log_in_that_ends_takes_session_and_socket_along(scene):
    async with events(scene.ann) as socket:
        assert (await scene.watch())[0] == 201
        viewers = scene.gateway.fleet.camera(scene.camera)
        await scene.change("DELETE", f"/api/users/{scene.user}")
        assert await closed(socket) == 4401
    async with asyncio.timeout(PATIENCE):
        while (await scene.root.get(f"/api/cameras/{viewers.id}"))["viewers"]:
            await asyncio.sleep(0)


async def test_a_role_that_may_not_log_in_closes_the_page(scene):
    async with events(scene.ann) as socket:
        await scene.change("PATCH", f"/api/users/{scene.user}", role="nvr")
        assert await closed(socket) == 4403


async def test_without_the_right_to_sound_the_answer_has_none(scene):
    assert b"m=audio 9 " in (await scene.watch())[1]
    await scene.change("PATCH", f"/api/users/{scene.user}", role="supervisor")
    status, answer, _ = await scene.watch()
    assert status == 201, answer
    assert b"m=audio 0 " in answer
    assert b"m=video 9 " in answer


async def test_a_reason_is_asked_where_the_policy_says_so(scene):
    recordings = f"/api/cameras/{scene.camera}/recordings"
    status, body, _ = await scene.ann.call("GET", recordings)
    assert (status, body["type"], body["reasons"]) == (403, "/problems/reason-needed", ["an alarm"])
    assert (await scene.watch())[0] == 201
    await scene.change("PATCH", f"/api/cameras/{scene.camera}", groups=["guarded", "north"])
    assert (await scene.watch())[0] == 403
    assert (await scene.watch(**{"X-Reason": "%C3%9Cberfall%20am%20Markt"}))[0] == 201
    assert (await scene.ann.call("GET", recordings))[0] == 200  # the rule asks before a live view only
    shown = await scene.ann.get(f"/api/cameras/{scene.camera}")
    assert (shown["reason_needed"], shown["watermark"], shown["watched"]) == (True, True, 2)
    entry = next(e for e in await scene.gateway.audit() if e.action == "live_view" and e.reason is not None)
    assert (entry.actor, entry.camera, entry.reason) == (scene.user, scene.camera, "Überfall am Markt")


@pytest.mark.parametrize("said", ["x", "%FF%FE", "a" * 201, "two%0Alines%00"])
async def test_what_is_no_reason_is_refused(scene, said):
    status, body, _ = await scene.watch(**{"X-Reason": said})
    assert status == 400, body


async def test_who_is_limited_configures_within_the_limit(scene):
    await scene.change("PATCH", f"/api/users/{scene.user}", role="administrator", groups=["north"])
    camera = f"/api/cameras/{scene.camera}"
    assert (await scene.ann.call("PATCH", camera, json={"name": "Unit 1"}))[0] == 200
    for groups in ([], ["south"]):
        assert (await scene.ann.call("PATCH", camera, json={"groups": groups}))[0] == 403
        added = {"id": "another", "url": "rtsp://h/", "groups": groups}
        assert (await scene.ann.call("POST", "/api/cameras", json=added))[0] == 403
    assert (await scene.ann.call("GET", "/api/users"))[0] == 403
    assert (await scene.ann.call("GET", "/metrics"))[0] == 403


async def test_the_audit_says_who_was_refused_which_camera(scene):
    await scene.change("PATCH", f"/api/users/{scene.user}", groups=["south"])
    status, _, _ = await scene.ann.call("GET", f"/api/cameras/{scene.camera}/snapshot.jpg")
    assert status == 404
    refused = [e for e in await scene.gateway.audit() if e.action == "refusal" and e.actor == scene.user]
    assert [(e.camera, e.detail["right"]) for e in refused] == [(scene.camera, "live")]
