"""The ONVIF devices of single cameras: who each is for ever, where it is served, and how it is announced."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import aiohttp
import pytest
from sqlalchemy import delete

from gateway.access.authority import Authority
from gateway.access.rights import Role
from gateway.access.users import Principal
from gateway.base.clock import ManualClock, SystemClock
from gateway.base.policy import Policy
from gateway.base.settings import Address, CameraSettings
from gateway.ingest import discovery as ingest_discovery
from gateway.ingest.discovery import Finder, hellos
from gateway.ingest.fleet import Fleet
from gateway.ingest.registry import Configured, Origin
from gateway.nvr import devices as nvr_devices
from gateway.nvr.devices import Devices
from gateway.nvr.identities import ALL, Identities, own_endpoints
from gateway.nvr.profiles import Cameras, RtspPorts
from gateway.nvr.stream_facts import StreamFacts
from gateway.store.engine import Database, open_catalog
from gateway.store.tables import onvif_devices
from onvif_protocol.authentication import PasswordAuthenticator
from onvif_protocol.discovery import Responder, Target
from onvif_protocol.discovery_messages import DiscoveredDevice, Hello
from onvif_protocol.soap import build_envelope, element, parse_envelope, text_of
from tests.accounts import PASSWORD
from tests.free_ports import free_ports
from tests.running import running

BASE = 8600


def settings(camera_id: str, name: str = "") -> CameraSettings:
    values = {"id": camera_id, "name": name, "url": "rtsp://127.0.0.1:1/s", "connect": "on_demand", "record": False}
    return CameraSettings.model_validate(values)


class NeverConnects:
    """A Source of a camera that nobody watches."""

    async def run_once(self) -> None:
        raise AssertionError

    def fail(self, error: Exception) -> None: ...
    def count(self) -> None: ...
    def request_keyframe(self) -> bool:
        return False


@dataclass
class RecordedSites:
    """Where devices would be served: on their ports, but for those that are taken."""

    taken: set[int] = field(default_factory=set)
    served: dict[str, int] = field(default_factory=dict)

    async def serve(self, ports: Mapping[str, int]) -> Mapping[str, int]:
        self.served = {camera: port for camera, port in ports.items() if port not in self.taken}
        return self.served


async def unknown(_: str) -> StreamFacts | None:
    """Nothing was recorded of any camera."""
    return None


class Nvr:
    """The one account there is."""

    def principal(self, name: str) -> Principal | None:
        return Principal(name, Role.NVR, b"", by_token=False)


@dataclass
class Stage:
    fleet: Fleet
    devices: Devices
    sites: RecordedSites
    clock: ManualClock

    def have(self, *cameras: CameraSettings) -> None:
        self.fleet.apply([Configured(camera, Origin.DATABASE) for camera in cameras])

    async def reconcile(self, *cameras: CameraSettings) -> dict[str, str]:
        """The endpoints of the devices of these cameras, by camera."""
        self.have(*cameras)
        await self.devices.reconcile(self.sites)
        return {camera: served.identity.endpoint for camera, served in self.devices.single.items()}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = open_catalog(tmp_path_factory.mktemp("catalog"))
    yield database
    database.close()


@pytest.fixture
async def database(catalog: Database) -> Database:
    """One that knows no devices yet."""
    await catalog.write(lambda connection: connection.execute(delete(onvif_devices)))
    return catalog


@pytest.fixture
async def stage(database: Database) -> AsyncIterator[Callable[..., Stage]]:
    clock, fleets = ManualClock(), []

    def make(shape: str = "port", base_port: int = BASE) -> Stage:
        fleet = Fleet(lambda _: NeverConnects(), clock)
        fleets.append(fleet)
        cameras = Cameras(fleet, Authority(Policy()), Nvr(), lambda: RtspPorts(8554, None), announced=True, clock=clock)
        log_in = PasswordAuthenticator({}.get, realm="r", secret=b"0123456789abcdef")
        devices = Devices(
            Identities(database), cameras, log_in, shape=shape, base_port=base_port, more=lambda _: (), before=unknown
        )
        return Stage(fleet, devices, RecordedSites(), clock)

    yield make
    for fleet in fleets:
        await fleet.stop_sources()


Make = Callable[..., Stage]


async def test_each_camera_has_its_own_port_and_identity(stage: Make) -> None:
    one = stage()
    endpoints = await one.reconcile(settings("b"), settings("a"))
    assert one.sites.served == {"a": BASE, "b": BASE + 1}
    identities = [served.identity for served in one.devices.single.values()]
    for distinct in ("endpoint", "serial", "mac", "name", "hostname"):
        assert len({getattr(identity, distinct) for identity in identities}) == 2
    assert all(identity.mac.startswith("02:") for identity in identities)
    assert one.devices.whole is None
    assert set(one.devices.endpoints) == set(endpoints.values())


async def test_a_device_is_the_same_after_a_restart_and_when_its_camera_comes_back(stage: Make) -> None:
    first = stage()
    before = await first.reconcile(settings("a"), settings("b"))
    await first.reconcile(settings("b"))
    assert first.sites.served == {"b": BASE + 1}
    again = stage()
    after = await again.reconcile(settings("c"), settings("b"))
    assert (after["b"], again.sites.served) == (before["b"], {"b": BASE + 1, "c": BASE + 2})
    after = await again.reconcile(settings("a"), settings("b"), settings("c"))
    assert (after["a"], again.sites.served["a"]) == (before["a"], BASE)


@pytest.mark.parametrize(("shape", "whole", "single"), [("one", True, 0), ("port", False, 1), ("both", True, 1)])
async def test_the_settings_say_which_devices_there_are(stage: Make, shape: str, whole: bool, single: int) -> None:
    one = stage(shape)
    await one.reconcile(settings("a"))
    assert (one.devices.whole is not None, len(one.devices.single)) == (whole, single)
    assert len(one.devices.endpoints) == whole + single
    one.devices.close()


async def test_the_device_of_all_cameras_stays_the_same(stage: Make, database: Database) -> None:
    found = []
    for _ in range(2):
        one = stage("both")
        await one.reconcile(settings("a"))
        assert one.devices.whole is not None
        found.append(one.devices.whole.identity)
    assert found[0] == found[1]
    assert found[0].endpoint in await own_endpoints(database)
    identities = Identities(database)
    await identities.learn([])
    assert identities[ALL].endpoint == found[0].endpoint


async def test_ports_end(stage: Make, caplog: pytest.LogCaptureFixture) -> None:
    one = stage(base_port=65_535)
    await one.reconcile(settings("a"), settings("b"))
    assert one.sites.served == {"a": 65_535}
    assert "no port is left for the ONVIF devices of b" in caplog.text


async def test_a_port_that_is_taken_is_tried_again(stage: Make) -> None:
    one = stage()
    one.sites.taken = {BASE}
    assert await one.reconcile(settings("a"))
    assert one.devices.ports == {}
    running_ = asyncio.create_task(one.devices.run(one.sites))
    async with asyncio.timeout(20):
        while not one.clock.sleepers:
            await asyncio.sleep(0)
        one.sites.taken = set()
        one.clock.advance(30)
        while not one.devices.ports:
            await asyncio.sleep(0)
    running_.cancel()
    assert one.devices.ports == {"a": BASE}


# ---- announcing


class Heard(Responder):
    """Says nothing, and remembers what it would."""

    made: ClassVar[list[Heard]] = []

    def __init__(self, targets: list[Target], interfaces: list[str], **_: object) -> None:
        self.said = [targets]
        self.interfaces = interfaces
        self.left = False
        Heard.made.append(self)

    async def __aenter__(self) -> Heard:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.left = True

    def update(self, targets: list[Target]) -> None:
        self.said.append(targets)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Heard]:
    monkeypatch.setattr(nvr_devices, "Responder", Heard)
    Heard.made.clear()
    return Heard.made


async def test_devices_are_announced_as_cameras_come_and_go(stage: Make, heard: list[Heard]) -> None:
    one = stage("both")
    one.sites.taken = {BASE + 1}
    await one.reconcile(settings("a", "Unit A"))
    async with one.devices.announced(["lo"], Address("127.0.0.1", 8080), "https"):
        running_ = asyncio.create_task(one.devices.run(one.sites))
        one.have(settings("a", "Unit Z"), settings("b"), settings("c"))
        responder = heard[0]
        async with asyncio.timeout(20):
            while len(responder.said[-1]) < 3:
                await asyncio.sleep(0)
        running_.cancel()
    assert (responder.interfaces, responder.left) == (["lo"], True)
    first, last = responder.said[0], responder.said[-1]
    assert [target.port for target in first] == [8080, BASE]
    assert [target.port for target in last] == [8080, BASE, BASE + 2], "what is not served is not announced"
    assert last[1].endpoint == first[1].endpoint
    assert "onvif://www.onvif.org/name/Unit%20Z" in last[1].scopes
    assert {target.scheme for target in last} == {"https"}
    assert responder.said[-1] is last, "nothing is said after the bye"


@pytest.mark.parametrize(("listen", "found"), [("127.0.0.1", ["lo"]), ("0.0.0.0", ["lo"]), ("::", ["lo"])])
async def test_devices_are_announced_where_they_are_reached(
    stage: Make, heard: list[Heard], listen: str, found: list[str]
) -> None:
    async with stage("one").devices.announced(["lo"], Address(listen, 8080), "http"):
        assert heard[0].interfaces == found


@pytest.mark.parametrize(("interface", "listen"), [("lo", "192.0.2.1"), ("no-such-interface", "0.0.0.0")])
async def test_what_cannot_be_announced_is_served_all_the_same(
    stage: Make, caplog: pytest.LogCaptureFixture, interface: str, listen: str
) -> None:
    async with stage("one").devices.announced([interface], Address(listen, 8080), "http"):
        assert "are not announced" in caplog.text


async def test_the_gateway_never_finds_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [DiscoveredDevice(f"urn:uuid:{n}", (f"http://10.0.0.{n}/onvif",), address=f"10.0.0.{n}") for n in (1, 2)]

    async def probe(*_: object, **__: object) -> list[DiscoveredDevice]:
        return found

    monkeypatch.setattr(ingest_discovery, "probe", probe)
    finder = Finder(["lo"], SystemClock(), ours=lambda: {"urn:uuid:1"})
    assert [device.endpoint for device in await finder.find()] == ["urn:uuid:2"]


async def test_the_gateways_own_hello_hurries_no_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[Callable[[Hello], None]] = []

    class Listener:
        def __init__(self, _: list[str], on_announcement: Callable[[Hello], None]) -> None:
            said.append(on_announcement)

        async def __aenter__(self) -> Listener:
            return self

        async def __aexit__(self, *_: object) -> None: ...

    monkeypatch.setattr(ingest_discovery, "Listener", Listener)
    appeared: list[list[str]] = []
    async with hellos(["lo"], lambda hosts: appeared.append(list(hosts)), ours=lambda: {"urn:uuid:1"}):
        for number in (1, 2):
            device = DiscoveredDevice(f"urn:uuid:{number}", (f"http://10.0.0.{number}/",), address=f"10.0.0.{number}")
            said[0](Hello(f"m{number}", device))
    assert appeared == [["10.0.0.2", "10.0.0.2"]]


# ---- over HTTP


async def soap(session: aiohttp.ClientSession, url: str, name: str) -> tuple[int, bytes]:
    async with session.post(url, data=build_envelope(element(name))) as response:
        return response.status, await response.read()


async def test_a_camera_answers_on_a_port_of_its_own(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "web.onvif")
    base = free_ports(3)
    onvif = {"devices": "port", "base_port": base, "announce": False}
    cameras = [settings("unit-12", "Unit 12"), settings("unit-7", "Unit 7")]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", base + 1))
        taken.listen()
        async with running(tmp_path, *cameras, onvif=onvif) as gateway:
            assert f"the ONVIF device of unit-7 cannot listen on port {base + 1}" in caplog.text
            url = f"http://127.0.0.1:{base}/onvif/device_service"
            digest = aiohttp.DigestAuthMiddleware("nvr", PASSWORD)
            async with aiohttp.ClientSession(middlewares=(digest,)) as session:
                status, answer = await soap(session, url, "trt:GetVideoSources")
                assert status == 200
                assert [source.get("token") for source in parse_envelope(answer).body] == ["unit-12"]
                assert (await soap(session, f"{gateway.url}/onvif/device_service", "tds:GetScopes"))[0] == 404
                status, answer = await soap(session, url, "tds:GetHostname")
                assert text_of(parse_envelope(answer).body, "tds:HostnameInformation/tt:Name") == "unit-12"
                await gateway.read_again(cameras[1], onvif=onvif)
                await gone(session, url)


async def gone(session: aiohttp.ClientSession, url: str) -> None:
    """Wait until nothing listens there any more: on the connection there is, nothing is found; a new one is refused."""
    async with asyncio.timeout(20):
        while True:
            try:
                status, _ = await soap(session, url, "tds:GetHostname")
            except aiohttp.ClientConnectionError:
                return
            if status == 404:
                return
            await asyncio.sleep(0.01)
