"""An incident as one evidence package: each camera's own interval, what was written, and a check of all of it."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from asyncio import create_subprocess_exec
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.access.rights import Role
from gateway.base.rfc3339 import format_utc
from gateway.base.settings import CameraSettings
from gateway.media.model import NS
from tests.media_samples import T0, VIDEO, stream
from tests.recording_rig import CAMERA, rig
from tests.running import Client, Running, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

IDLE = {"url": "rtsp://127.0.0.1:1/s", "connect": "on_demand", "record": False}
OTHER = "unit-13"
CAMERAS = [
    CameraSettings.model_validate({"id": CAMERA, "name": "Unit 12", "groups": ["north"], **IDLE}),
    CameraSettings.model_validate({"id": OTHER, "groups": ["south"], **IDLE}),
]
STORAGE = {"keep_free": "1 MB", "warn_free": "1 MB"}


def at(seconds: float) -> str:
    return format_utc(T0 + round(seconds * NS))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory) -> AsyncIterator[Running]:
    """A gateway with six seconds of a camera on disk."""
    data_dir = tmp_path_factory.mktemp("gateway")
    async with rig(data_dir) as recording:
        recording.hub.open((VIDEO,))
        await recording.play([unit for unit in stream(6, rate=10, gop=10) if unit.track is VIDEO])
        await recording.close()
    async with running(data_dir, *CAMERAS, storage=STORAGE) as gateway:
        yield gateway


async def incident(client: Client, **more: Any) -> dict[str, Any]:
    body = {"title": "Fight at the gate", "cameras": [CAMERA, OTHER], "from": at(0), "to": at(6), **more}
    status, made, _ = await client.call("POST", "/api/incidents", json=body)
    assert status == 201, made
    return made


async def packaged(client: Client, number: int, **more: Any) -> bytes:
    """The package, once it is made."""
    async with client.http.ws_connect("/api/events", headers=client.headers) as socket:
        status, export, _ = await client.call("POST", f"/api/incidents/{number}/export", json=more)
        assert status == 201, export
        while export["status"] in {"queued", "running"}:
            message = json.loads(await socket.receive_str())
            export = message if message["type"] == "export" and message["id"] == export["id"] else export
    assert export["status"] == "done", export
    assert (export["kind"], export["incident"]) == ("package", number)
    (file,) = export["files"]
    data: bytes = await client.get(f"/api/exports/{export['id']}/files/{file['name']}")
    return data


async def test_a_package_has_each_cameras_own_time_and_what_was_written_and_proves_itself(gateway, tmp_path):
    client = gateway.client(Role.SUPERVISOR)
    made = await incident(client, tags=["gate"])
    path = f"/api/incidents/{made['id']}"
    note = {"text": "<b>He</b> comes\nthrough the gate", "utc": at(3)}
    assert (await client.call("POST", f"{path}/notes", json=note))[0] == 201
    change = {"from": at(2), "to": at(4), "reason": "only the gate"}
    assert (await client.call("PATCH", f"{path}/cameras/{OTHER}", json=change))[0] == 200
    data = await packaged(client, made["id"])
    package = zipfile.ZipFile(io.BytesIO(data))
    manifest, told = json.loads(package.read("manifest.json")), json.loads(package.read("incident.json"))
    assert manifest["incident"] == {"number": made["id"], "file": "incident.json"}
    assert [(one["id"], one["from"], one["to"]) for one in manifest["cameras"]] == [
        (CAMERA, at(0), at(6)), (OTHER, at(2), at(4)),
    ]  # fmt: skip
    assert (told["title"], told["tags"], told["opened"]["by"]) == ("Fight at the gate", ["gate"], "supervisor")
    assert [(one["id"], one["from"]) for one in told["cameras"]] == [(CAMERA, at(0)), (OTHER, at(2))]
    assert [(one["about"], one["text"]) for one in told["notes"]] == [(at(3), note["text"])]
    assert await _verify(data, tmp_path) == 0
    lie = io.BytesIO()
    with zipfile.ZipFile(lie, "w") as other:
        for name in package.namelist():
            other.writestr(name, package.read(name).replace(b"<b>He", b"<b>Me"))
    assert await _verify(lie.getvalue(), tmp_path) == 1


async def test_of_a_camera_that_it_does_not_have_there_is_no_package(gateway):
    client = gateway.client(Role.SUPERVISOR)
    made = await incident(client)
    for cameras, said in ((["unit-14"], 'this incident has no camera "unit-14"'), ("unit-12", "no list of texts")):
        status, body, _ = await client.call("POST", f"/api/incidents/{made['id']}/export", json={"cameras": cameras})
        assert (status, said in body["detail"]) == (400, True)


async def test_who_may_not_export_all_of_it_exports_nothing(gateway):
    made = await incident(gateway.client(Role.DISPATCHER))
    for role in (Role.DISPATCHER, Role.AUDITOR):
        client = gateway.client(role)
        assert (await client.call("POST", f"/api/incidents/{made['id']}/export"))[0] == 403


async def _verify(package: bytes, folder: Path) -> int | None:
    """What the package's own checker says of it."""
    (folder / "package.zip").write_bytes(package)
    with zipfile.ZipFile(io.BytesIO(package)) as files:
        (folder / "verify.py").write_bytes(files.read("verify.py"))
    checker = await create_subprocess_exec(
        sys.executable, str(folder / "verify.py"), str(folder / "package.zip"), stdout=DEVNULL
    )
    return await checker.wait()
