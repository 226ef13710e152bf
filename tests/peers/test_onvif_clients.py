"""Clients that are not ours find the gateway, log in, and are led to the streams of the cameras that they name."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import shutil
import signal
import subprocess
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import onvif
import pytest
import pytest_asyncio

from gateway.base.settings import CameraSettings
from gateway.positions.geodesy import distance_m
from gateway.simulator import Simulation
from tests.accounts import PASSWORD
from tests.free_ports import free_ports
from tests.network_namespace import SlowNetwork, slow_network
from tests.peers.conftest import CLIENTS, node_with
from tests.running import Running, running

pytestmark = [
    pytest.mark.peer,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.filterwarnings("default:.* died of SIG"),
]

WIDTH, HEIGHT = 320, 180
PICTURES = 20
CAMERAS = ("unit-07", "unit-12")
"""As the devices list them."""
LIMIT = 60.0
CRASHES = {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL}
"""What a program brings upon itself."""
NEAR_M = 100.0
"""The wearers of the simulated cameras walk further apart than that."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory) -> AsyncIterator[Running]:
    """A gateway of two cameras that send pictures, sound and positions."""
    async with Simulation(count=2, width=WIDTH, height=HEIGHT) as simulation:
        cameras = [
            CameraSettings.model_validate(
                {
                    "id": camera.id,
                    "url": camera.rtsp_url,
                    "username": camera.username,
                    "password": camera.password,
                    "record": False,
                }
            )
            for camera in simulation.cameras
        ]
        onvif = {"devices": "both", "base_port": free_ports(len(CAMERAS)), "announce": False}
        async with running(tmp_path_factory.mktemp("gateway"), *cameras, onvif=onvif) as gateway:
            for camera_id in CAMERAS:
                await gateway.camera(camera_id)
                async with asyncio.timeout(LIMIT):
                    while gateway.fleet.camera(camera_id).fix is None:
                        await asyncio.sleep(0.05)
            yield gateway


def place(gateway: Running) -> tuple[str, str]:
    """Host and port, as forms of NVRs ask for them."""
    parts = urlsplit(gateway.url)
    return str(parts.hostname), str(parts.port)


async def run(*command: str | Path, typed: str = "", env: dict[str, str] | None = None) -> str:
    """What a program writes that must be installed and succeed.

    One that crashes is run once more, and pytest's summary tells of it: it is no answer to the gateway.
    """
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    code, out, err = await run_once(command, typed, env)
    if -code in CRASHES:
        warnings.warn(f"{' '.join(map(str, command))} died of {signal.Signals(-code).name}", stacklevel=2)
        code, out, err = await run_once(command, typed, env)
    assert code == 0, (code, out + err)
    return out


async def run_once(command: tuple[str | Path, ...], typed: str, env: dict[str, str] | None) -> tuple[int, str, str]:
    """What it returns, says and complains of. The code of one that a signal ended is minus that signal."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=env,
    )
    try:
        async with asyncio.timeout(LIMIT):
            out, err = await process.communicate(typed.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def check_stream(gateway: Running, url: str, camera: str) -> None:
    """That `url`, which a client was given, is that camera's stream, and that pictures come by it."""
    assert url == f"rtsp://127.0.0.1:{gateway.rtsp_port}/{camera}"
    with_login = url.replace("rtsp://", f"rtsp://nvr:{PASSWORD.replace(' ', '%20')}@")
    out = ("-map", "0:v", "-frames:v", str(PICTURES), "-fps_mode", "passthrough", "-f", "framehash", "-")
    said = await run("ffmpeg", "-v", "error", "-rtsp_transport", "tcp", "-i", with_login, *out)
    pictures = [line.split(",") for line in said.splitlines() if not line.startswith("#")]
    assert [int(size) for *_, size, _ in pictures] == [WIDTH * HEIGHT * 3 // 2] * PICTURES
    assert len({digest for *_, digest in pictures}) == PICTURES, "every picture is another one"


async def test_home_assistants_calls_lead_to_a_picture_and_events(gateway: Running) -> None:
    """With onvif-zeep-async, in the order in which its integration calls (homeassistant/components/onvif/device.py)."""
    host, port = place(gateway)
    camera = onvif.ONVIFCamera(host, int(port), "nvr", PASSWORD, no_cache=True)
    try:
        await camera.update_xaddrs()
        device = await camera.create_devicemgmt_service()
        assert (await device.GetSystemDateAndTime()).UTCDateTime.Date.Year >= 2024
        information = await device.GetDeviceInformation()
        assert information.Manufacturer == "Sightline"
        interfaces = await device.GetNetworkInterfaces()
        assert interfaces[0].Enabled
        assert interfaces[0].Info.HwAddress.startswith("02:")
        media = await camera.create_media_service()
        assert (await media.GetServiceCapabilities()).SnapshotUri
        profiles = await media.GetProfiles()
        assert [profile.token for profile in profiles] == list(CAMERAS)
        assert {profile.VideoEncoderConfiguration.Encoding for profile in profiles} == {"H264"}
        setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
        answer = await media.GetStreamUri({"StreamSetup": setup, "ProfileToken": profiles[1].token})
        await check_stream(gateway, answer.Uri, CAMERAS[1])
        assert (await camera.get_snapshot_uri(CAMERAS[1])).endswith(f"/{CAMERAS[1]}.jpg")
        assert (await camera.get_snapshot(CAMERAS[1])).startswith(b"\xff\xd8\xff")
        await check_events(camera)
    finally:
        await camera.close()


async def check_events(camera: onvif.ONVIFCamera) -> None:
    manager = await camera.create_pullpoint_manager(dt.timedelta(minutes=10), lambda: None)
    service = manager.get_service()
    await manager.set_synchronization_point()
    heard: set[str] = set()
    async with asyncio.timeout(LIMIT):
        while len(heard) < 2:
            answer = await service.PullMessages({"MessageLimit": 100, "Timeout": dt.timedelta(seconds=5)})
            heard |= {message.Topic._value_1 for message in answer.NotificationMessage}
            heard &= {"tns1:VideoSource/SignalLoss", "tns1:Monitoring/GeoLocation"}
    await manager.shutdown()


async def test_onvif_python_reads_the_device(gateway: Running, onvif_python: Path) -> None:
    said = json.loads(await run(onvif_python, CLIENTS / "read_device.py", *place(gateway), "nvr", PASSWORD))
    assert said["media1"] == said["metadata"] == said["sources"] == said["placed"] == list(CAMERAS)
    assert said["media2"] == dict.fromkeys(CAMERAS, "H264")
    assert said["made"] == CAMERAS[0]
    await check_stream(gateway, said["stream"], CAMERAS[0])


async def test_npms_onvif_reads_the_device(gateway: Running) -> None:
    environment = node_with(CLIENTS, "onvif")
    said = json.loads(await run("node", CLIENTS / "read_device.js", *place(gateway), "nvr", PASSWORD, env=environment))
    assert said["media2"] is True
    assert said["profiles"] == list(CAMERAS)
    assert (said["source"]["width"], said["source"]["height"]) == (WIDTH, HEIGHT)
    assert said["snapshot"] == f"{gateway.url}/onvif/snapshot/{CAMERAS[0]}.jpg"
    await check_stream(gateway, said["stream"], CAMERAS[0])


async def test_zoneminders_probe_lists_the_streams(
    gateway: Running, zoneminders_probe: tuple[list[str], dict[str, str]]
) -> None:
    probe, environment = zoneminders_probe
    device = f"{gateway.url}/onvif/device_service"
    said = await run(*probe, "profiles", device, "1.2", "nvr", PASSWORD, env=environment)
    fields = [line.split(", ") for line in said.splitlines()]
    assert [(token, encoding, width, height) for token, _, encoding, width, height, *_ in fields] == [
        (camera, "H264", str(WIDTH), str(HEIGHT)) for camera in CAMERAS
    ]
    await check_stream(gateway, fields[1][-1], CAMERAS[1])


async def test_another_sightline_reads_a_cameras_own_device(gateway: Running, tmp_path: Path) -> None:
    ports = (await gateway.client().get("/api/nvr"))["onvif"]["ports"]
    device = f"http://127.0.0.1:{ports[CAMERAS[1]]}/onvif/device_service"
    far = {"id": "far", "onvif": device, "username": "nvr", "password": PASSWORD, "record": False}
    async with running(tmp_path, CameraSettings.model_validate(far)) as behind:
        await behind.camera("far")
        camera, near = behind.fleet.camera("far"), gateway.fleet.camera(CAMERAS[1])
        assert [track.kind for track in camera.hub.tracks] == [track.kind for track in near.hub.tracks]
        async with asyncio.timeout(LIMIT):
            while camera.fix is None:
                await asyncio.sleep(0.05)
        assert near.fix is not None
        assert camera.fix.carrier == near.fix.carrier, "the metadata comes as the camera wrote it"
        assert distance_m(camera.fix.lat, camera.fix.lon, near.fix.lat, near.fix.lon) < NEAR_M


# ---- on a network of their own: these look for devices by multicast, which they do not send to the loopback


@pytest.fixture(scope="module")
def network() -> Iterator[SlowNetwork]:
    with slow_network(20_000_000) as network:
        multicast = ("route", "add", "224.0.0.0/4", "dev", "eth0")
        subprocess.run(["ip", "-n", network.namespace, *multicast], check=True, capture_output=True)
        yield network


@contextlib.asynccontextmanager
async def reached(network: SlowNetwork, folder: Path) -> AsyncIterator[Running]:
    """A gateway that listens where that network reaches it."""
    idle = {"id": "unit-12", "url": "rtsp://127.0.0.1:1/s", "connect": "on_demand", "record": False}
    camera = CameraSettings.model_validate(idle)
    where = {"http": {"listen": f"{network.address}:0"}, "discovery": {"interfaces": [network.namespace]}}
    async with running(folder, camera, **where, onvif={"announce": True}) as gateway:
        yield gateway


async def test_onvif_util_finds_the_gateway_and_asks_it(network: SlowNetwork, tmp_path: Path) -> None:
    if shutil.which("onvif-util") is None:
        pytest.skip("onvif-util is not installed")
    there = ("ip", "netns", "exec", network.namespace, "onvif-util")
    async with reached(network, tmp_path) as gateway:
        assert f"{network.address} sightline(Sightline Gateway)" in await run(*there, "-a")
        typed = "get profiles\nget rtsp\nget video options\nget network\nset framerate 10\nquit\n"
        said = await run(*there, "-u", "nvr", "-p", PASSWORD, network.address, typed=typed)
    assert "Token 0: unit-12" in said
    assert f"rtsp://{network.address}:{gateway.rtsp_port}/unit-12" in said
    assert f"IP Address: {network.address}" in said
    assert "set video encoder configuration - ter:InvalidArgVal" in said, "nobody sets a camera through the gateway"


async def test_zoneminder_finds_the_gateway(
    network: SlowNetwork, tmp_path: Path, zoneminders_probe: tuple[list[str], dict[str, str]]
) -> None:
    probe, environment = zoneminders_probe
    there = ("ip", "netns", "exec", network.namespace, *probe, "probe", "1.2", "eth0")
    async with reached(network, tmp_path) as gateway:
        assert f"{gateway.url}/onvif/device_service, 1.2" in await run(*there, env=environment)
