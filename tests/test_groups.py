"""Groups of cameras: named by the cameras, listed by name."""

from __future__ import annotations

import pytest

from gateway.access.rights import Role
from gateway.base.settings import CameraSettings
from tests.running import running


@pytest.fixture
async def gateway(tmp_path):
    fixed = CameraSettings(id="fixed", url="rtsp://127.0.0.1:1/s", groups=("south", "north"))
    async with running(tmp_path, fixed) as gateway:
        yield gateway


async def test_groups_are_those_the_cameras_name(gateway):
    client = gateway.client()
    new = {"id": "unit-1", "url": "rtsp://127.0.0.1:1/s", "groups": ["north"]}
    status, camera, _ = await client.call("POST", "/api/cameras", json=new)
    assert (status, camera["groups"]) == (201, ["north"])
    listed = (await client.get("/api/groups"))["groups"]
    assert [(group["name"], group["cameras"]) for group in listed] == [
        ("north", ["fixed", "unit-1"]),
        ("south", ["fixed"]),
    ]
    status, camera, _ = await client.call("PATCH", "/api/cameras/unit-1", json={"groups": ["east", "south"]})
    assert (status, camera["groups"]) == (200, ["east", "south"])
    listed = (await client.get("/api/groups"))["groups"]
    assert [(group["name"], group["cameras"]) for group in listed] == [
        ("east", ["unit-1"]),
        ("north", ["fixed"]),
        ("south", ["fixed", "unit-1"]),
    ]


async def test_a_group_that_cannot_be_named_so_is_refused(gateway):
    new = {"id": "unit-1", "url": "rtsp://127.0.0.1:1/s", "groups": ["north", "a b"]}
    status, problem, _ = await gateway.client().call("POST", "/api/cameras", json=new)
    assert (status, problem["pointer"]) == (400, "/groups/1")
    assert '"a b" cannot name a group' in problem["detail"]


async def test_nothing_that_cannot_be_seen_is_in_a_name(gateway):
    client = gateway.client()
    hidden = "ann\u202e"
    user = {"name": hidden, "role": "dispatcher", "password": "long enough"}
    status, problem, _ = await client.call("POST", "/api/users", json=user)
    assert (status, problem["pointer"]) == (400, "/name")
    new = {"id": "unit-1", "name": "Unit\n\u202e one\u200b", "url": "rtsp://127.0.0.1:1/s", "groups": ["no\u200brth"]}
    status, problem, _ = await client.call("POST", "/api/cameras", json=new)
    assert (status, problem["pointer"]) == (400, "/groups/0")
    status, camera, _ = await client.call("POST", "/api/cameras", json=new | {"groups": []})
    assert (status, camera["name"]) == (201, "Unit one"), "a device that names itself so can be added"


async def test_whoever_configures_sees_who_is_limited_to_a_group(gateway):
    client = gateway.client()
    for name, groups in (("ann", ["north"]), ("bo", ["north", "nowhere"])):
        new = {"name": name, "role": "dispatcher", "groups": groups, "password": "long enough"}
        assert (await client.call("POST", "/api/users", json=new))[0] == 201
    assert (await client.get("/api/groups"))["groups"] == [
        {"name": "north", "cameras": ["fixed"], "users": ["ann", "bo"]},
        {"name": "nowhere", "cameras": [], "users": ["bo"]},
        {"name": "south", "cameras": ["fixed"], "users": []},
    ]
    assert (await gateway.client(Role.DISPATCHER).get("/api/groups"))["groups"] == [
        {"name": "north", "cameras": ["fixed"]},
        {"name": "south", "cameras": ["fixed"]},
    ]
