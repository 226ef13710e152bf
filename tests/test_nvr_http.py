"""`/api/nvr`: where NVRs connect, which do, and the end of what one reads, at once with whatever allowed it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.access.rights import Role
from gateway.base.settings import CameraSettings
from gateway.simulator import Simulation
from tests.free_ports import free_ports
from tests.rtsp_reader import RtspReader
from tests.running import PASSWORD, Running, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

CAMERA = "unit-12"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """A gateway with a live camera."""
    async with Simulation(count=1, interfaces=("lo",), password="hush hush", width=320, height=180) as simulation:
        (simulated,) = simulation.cameras
        login = {"username": simulated.username, "password": simulated.password}
        values = {"id": CAMERA, "onvif": simulated.onvif_url, "record": False, **login}
        async with running(tmp_path_factory.mktemp("gateway"), CameraSettings.model_validate(values)) as gateway:
            await gateway.camera(CAMERA)
            yield gateway


async def add(gateway: Running, name: str, **more: object) -> None:
    values = {"name": name, "role": "nvr", "password": PASSWORD, **more}
    status, body, _ = await gateway.client().call("POST", "/api/users", json=values)
    assert status == 201, body


async def plays(gateway: Running, name: str, *tracks: int) -> RtspReader:
    """An NVR that plays these tracks of the camera."""
    nvr = await RtspReader.connect(gateway.rtsp_port, CAMERA, login=f"{name}:{PASSWORD}")
    assert [answer.status for answer in await nvr.set_up(*tracks)] == [200] * (1 + len(tracks))
    assert (await nvr.call("PLAY", **{"User-Agent": "Recorder 7"})).status == 200
    return nvr


async def ended(nvr: RtspReader) -> None:
    """Wait until the gateway has let it go."""
    async with asyncio.timeout(20):
        while await nvr.read():
            pass
    await nvr.close()


async def test_it_tells_where_nvrs_connect_and_what_each_plays(gateway: Running):
    await add(gateway, "frigate", cameras=[CAMERA])
    nvr = await plays(gateway, "frigate", 0, 1, 2)
    told = await gateway.client().get("/api/nvr")
    assert told["rtsp"] == {"port": gateway.rtsp_port, "tls_port": None}
    assert told["onvif"] == {"devices": "one", "ports": {}}
    (reader,) = told["readers"]
    assert {key: reader[key] for key in reader if key not in {"id", "since_utc"}} == {
        "account": "frigate",
        "address": "127.0.0.1",
        "agent": "Recorder 7",
        "camera": CAMERA,
        "recorded": False,
        "sound": True,
        "positions": True,
    }
    assert [(seen["account"], seen["address"], seen["service"]) for seen in told["seen"]] == [
        ("frigate", "127.0.0.1", "rtsp")
    ]

    status, _, _ = await gateway.client().call("DELETE", f"/api/nvr/readers/{reader['id']}")
    assert status == 204
    await ended(nvr)
    assert (await gateway.client().get("/api/nvr"))["readers"] == []
    assert (await gateway.client().call("DELETE", f"/api/nvr/readers/{reader['id']}"))[0] == 404
    row = next(row for row in await gateway.audit() if row.action == "session_end")
    assert (row.actor, row.camera, row.detail["user"]) == ("administrator", CAMERA, "frigate")


@pytest.mark.parametrize(
    ("method", "change"),
    [
        ("PATCH", {"password": None}),
        ("PATCH", {"role": "dispatcher"}),
        ("PATCH", {"groups": ["elsewhere"]}),
        ("DELETE", None),
    ],
)
async def test_what_changes_of_an_account_ends_what_it_no_longer_holds_for(
    gateway: Running, method: str, change: dict[str, object] | None
):
    await add(gateway, "synology")
    nvr = await plays(gateway, "synology", 0)
    status, body, _ = await gateway.client().call(method, "/api/users/synology", json=change)
    assert status in {200, 204}, body
    await ended(nvr)
    if method == "PATCH":
        assert (await gateway.client().call("DELETE", "/api/users/synology"))[0] == 204


async def test_without_the_right_to_them_an_nvr_gets_neither_sound_nor_positions(gateway: Running):
    allow = [{"role": "nvr", "rights": ["live"]}]
    cameras = gateway.file[-1].cameras
    await gateway.read_again(*cameras, policy={"allow": allow})
    try:
        nvr = await RtspReader.connect(gateway.rtsp_port, CAMERA, login=f"nvr:{PASSWORD}")
        (described,) = await nvr.set_up()
        assert b"m=video" in described.body
        assert b"m=audio" not in described.body
        assert b"vnd.onvif.metadata" not in described.body
        await nvr.close()
    finally:
        await gateway.read_again(*cameras)


async def test_the_port_of_each_units_own_device_is_told(tmp_path: Path):
    idle = CameraSettings(id=CAMERA, url="rtsp://127.0.0.1:1/s", connect="on_demand", record=False)
    port = free_ports(1)
    async with running(tmp_path, idle, onvif={"devices": "both", "base_port": port}) as gateway:
        assert (await gateway.client().get("/api/nvr"))["onvif"] == {"devices": "both", "ports": {CAMERA: port}}


async def test_it_is_for_those_who_may_configure_everything(gateway: Running):
    for role in (Role.DISPATCHER, Role.AUDITOR, Role.NVR):
        assert (await gateway.client(role).call("GET", "/api/nvr"))[0] == 403
