"""Exports over HTTP: who may ask, who sees what, what the events tell, and fetching in pieces."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gateway.access.rights import Role
from gateway.base.settings import CameraSettings
from gateway.positions.store import PositionStore
from gateway.store.engine import open_positions
from tests.painted import painted, walk, with_sound
from tests.recording_rig import CAMERA, rig
from tests.running import Client, Running, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

IDLE = {"url": "rtsp://127.0.0.1:1/s", "connect": "on_demand", "record": False}
CAMERAS = [
    CameraSettings.model_validate({"id": CAMERA, "name": "Unit 12", "groups": ["north"], **IDLE}),
    CameraSettings.model_validate({"id": "unit-13", "groups": ["south"], **IDLE}),
]
STORAGE = {"keep_free": "1 MB", "warn_free": "1 MB"}
ASKED = {"cameras": [CAMERA], "from": "2023-11-14T22:13:21Z", "to": "2023-11-14T22:13:25Z"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory) -> AsyncIterator[Running]:
    """A gateway with six seconds of a camera on disk."""
    data_dir = tmp_path_factory.mktemp("gateway")
    async with rig(data_dir) as recording:
        await recording.play(with_sound(painted(6), 6))
        await recording.close()
        places = open_positions(data_dir)
        positions = PositionStore(places, recording.clock)
        for fix in walk(6):
            positions.add(CAMERA, fix)
        await positions.flush()
        places.close()
    async with running(data_dir, *CAMERAS, storage=STORAGE) as gateway:
        yield gateway


async def another(gateway: Running, name: str, **more: Any) -> Client:
    """A client of another supervisor."""
    admin = gateway.client()
    status, body, _ = await admin.call("POST", "/api/users", json={"name": name, "role": "supervisor", **more})
    assert status == 201, body
    _, made, _ = await admin.call("POST", "/api/tokens", json={"name": "test", "user": name})
    return Client(gateway.http, {"Authorization": f"Bearer {made['token']}"})


async def ask(client: Client, **more: Any) -> dict[str, Any]:
    status, body, response = await client.call("POST", "/api/exports", json=ASKED | more)
    assert status == 201, body
    assert response.headers["Location"] == f"/api/exports/{body['id']}"
    return body


async def over(client: Client, export: dict[str, Any]) -> dict[str, Any]:
    """The export once it is over."""
    async with client.http.ws_connect("/api/events", headers=client.headers) as socket:
        body = await client.get(f"/api/exports/{export['id']}")
        while body["status"] in {"queued", "running"}:
            message = json.loads(await socket.receive_str())
            if message["type"] == "export" and message["id"] == export["id"]:
                body = message
    return {key: value for key, value in body.items() if key != "type"}


async def test_it_is_asked_for_followed_and_fetched(gateway):
    client = gateway.client(Role.SUPERVISOR)
    done = await over(client, await ask(client))
    assert (done["status"], done["progress"], done["error"]) == ("done", 1.0, None)
    assert (done["created_by"], done["sound"], done["positions"]) == ("supervisor", [CAMERA], [CAMERA])
    assert done == await client.get(f"/api/exports/{done['id']}")
    by_type = {}
    for file in done["files"]:
        _, data, response = await client.call("GET", f"/api/exports/{done['id']}/files/{file['name']}")
        raw = data if isinstance(data, bytes) else await _again(client, done, file["name"])
        assert (len(raw), hashlib.sha256(raw).hexdigest()) == (file["bytes"], file["sha256"])
        assert response.headers["Content-Disposition"] == f'attachment; filename="{file["name"]}"'
        by_type[response.content_type] = file["name"]
    assert set(by_type) == {"video/mp4", "application/gpx+xml", "application/geo+json", "application/json"}
    path = f"/api/exports/{done['id']}/files/{by_type['video/mp4']}"
    _, whole, first = await client.call("GET", path)
    ranged = client.headers | {"Range": "bytes=100-199", "If-Range": first.headers["ETag"]}
    status, part, response = await client.call("GET", path, headers=ranged)
    assert (status, part) == (206, whole[100:200])
    assert response.headers["Content-Range"] == f"bytes 100-199/{len(whole)}"
    same = client.headers | {"If-None-Match": first.headers["ETag"]}
    assert (await client.call("GET", path, headers=same))[0] == 304
    assert (await client.call("HEAD", path))[2].headers["Content-Length"] == str(len(whole))
    steps = [(row.detail["step"], row.detail.get("file")) for row in await gateway.audit() if row.action == "export"]
    assert steps[::-1][:2] == [("asked", None), ("finished", None)]
    assert sorted(steps[:-2]) == sorted(("fetched", name) for name in by_type.values())


async def _again(client: Client, done: dict[str, Any], name: str) -> bytes:
    """A file that is JSON, as it lies there."""
    path = f"/api/exports/{done['id']}/files/{name}"
    async with client.http.get(path, headers=client.headers) as response:
        return await response.read()


async def test_what_one_has_asked_for_others_do_not_see_but_administrators_do(gateway):
    client, other, admin = gateway.client(Role.SUPERVISOR), await another(gateway, "sue"), gateway.client()
    async with (
        gateway.http.ws_connect("/api/events", headers=other.headers) as theirs,
        gateway.http.ws_connect("/api/events", headers=admin.headers) as seen,
    ):
        done = await over(client, await ask(client))
        path = f"/api/exports/{done['id']}"
        assert done["id"] not in [export["id"] for export in (await other.get("/api/exports"))["exports"]]
        for method, url in (("GET", path), ("DELETE", path), ("GET", f"{path}/files/{done['files'][0]['name']}")):
            status, body, _ = await other.call(method, url)
            assert (status, body["detail"]) == (404, f'there is no export "{done["id"]}"')
        assert (await admin.get("/api/exports"))["exports"][0] == done
        assert (await admin.call("DELETE", path))[0] == 204
        assert (await client.call("GET", path))[0] == 404
        told = []
        while not told or told[-1]["type"] != "export_removed":
            told.append(json.loads(await seen.receive_str()))
        assert {message["status"] for message in told if message["type"] == "export"} >= {"queued", "running", "done"}
        assert told[-1]["id"] == done["id"]
        await ask(other)  # the last of what they are told of
        while (message := json.loads(await theirs.receive_str()))["type"] != "export":
            assert message["type"] in {"state", "storage", "ping"}
        assert message["created_by"] == "sue"


async def test_cancelling_answers_with_what_it_is_then(gateway):
    client = gateway.client(Role.SUPERVISOR)
    export = await ask(client, burn_in=True)
    status, body, _ = await client.call("DELETE", f"/api/exports/{export['id']}")
    assert (status, body["status"], body["files"]) == (200, "cancelled", [])
    assert (await client.call("DELETE", f"/api/exports/{export['id']}"))[0] == 204


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"cameras": []}, 400, "name 1 to 16 cameras"),
        ({"cameras": [CAMERA, CAMERA]}, 400, "each once"),
        ({"cameras": CAMERA}, 400, "no list"),
        ({"from": "yesterday"}, 400, '"from" must be a time'),
        ({"from": ASKED["to"]}, 400, '"from" must lie before "to"'),
        ({"kind": "film"}, 400, '"video" nor "package"'),
        ({"burn_in": "yes"}, 400, "neither true nor false"),
        ({"kind": "package", "burn_in": True}, 400, "recordings as they are"),
        ({"quality": 3}, 400, 'unknown member "quality"'),
        ({"to": "2023-11-14T23:13:25Z", "from": "2023-11-14T23:13:20Z"}, 409, "nothing of unit-12 is recorded"),
    ],
)
async def test_what_cannot_be_made_says_why(gateway, body, status, says):
    got, problem, _ = await gateway.client(Role.SUPERVISOR).call("POST", "/api/exports", json=ASKED | body)
    assert got == status
    assert says in problem["detail"]


async def test_the_right_is_needed_for_every_camera_that_is_named(gateway):
    status, body, _ = await gateway.client(Role.DISPATCHER).call("POST", "/api/exports", json=ASKED)
    assert (status, "export" in body["detail"]) == (403, True)
    limited = await another(gateway, "sven", groups=["south"])
    for cameras in ([CAMERA], ["unit-13", CAMERA]):
        status, body, _ = await limited.call("POST", "/api/exports", json=ASKED | {"cameras": cameras})
        assert (status, body["detail"]) == (404, f'there is no camera "{CAMERA}"')
    row = next(row for row in await gateway.audit() if row.actor == "sven")  # others' exports may be done since
    assert (row.action, row.outcome, row.camera) == ("refusal", "refused", CAMERA)


async def test_a_right_that_is_lost_meanwhile_is_missing_when_it_is_fetched(gateway):
    client = gateway.client(Role.SUPERVISOR)
    done = await over(client, await ask(client))
    kept = ["live", "recorded", "audio", "export"]
    allow = {"allow": [{"role": "supervisor", "rights": kept}]}
    await gateway.read_again(*CAMERAS, storage=STORAGE, policy=allow)
    try:
        path = f"/api/exports/{done['id']}/files/{done['files'][0]['name']}"
        status, body, _ = await client.call("GET", path)
        assert (status, "(position)" in body["detail"]) == (403, True)
        assert (await ask(client))["positions"] == []
    finally:
        await gateway.read_again(*CAMERAS, storage=STORAGE)


async def test_a_reason_is_asked_where_the_policy_wants_one(gateway):
    client = gateway.client(Role.SUPERVISOR)
    await gateway.read_again(*CAMERAS, storage=STORAGE, policy={"ask_reason": ["recorded"]})
    try:
        status, body, _ = await client.call("POST", "/api/exports", json=ASKED)
        assert (status, body["type"]) == (403, "/problems/reason-needed")
        given = client.headers | {"X-Reason": "a%20complaint"}
        status, body, _ = await client.call("POST", "/api/exports", json=ASKED, headers=given)
        assert (status, body["reason"]) == (201, "a complaint")
    finally:
        await gateway.read_again(*CAMERAS, storage=STORAGE)
