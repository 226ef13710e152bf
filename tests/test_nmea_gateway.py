"""A whole gateway and the receivers of three cameras: recorded logs by UDP, out as JSON and GPX."""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from lxml import etree

from gateway.base.metrics import REGISTRY
from gateway.base.rfc3339 import parse_utc
from gateway.base.settings import CameraSettings
from tests.data import shared
from tests.free_ports import free_ports
from tests.running import Running, running

LOGS = {"ublox": "ublox-neo-m9n-nmea.log", "furuno": "furuno_gl_ga.log", "quectel": "quectel-eg25-g.log"}
REPLAY = Path(__file__).parents[1] / "scripts" / "replay_nmea.py"
GPX, OWN = "{http://www.topografix.com/GPX/1/1}", "{urn:sightline:gpx:1}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """Three cameras that are never reached; their receivers have sent their logs, dated now."""
    logs = {camera: shared(f"nmea/{name}") for camera, name in LOGS.items()}
    first = free_ports(len(logs))
    cameras = [
        CameraSettings(
            id=camera,
            url="rtsp://127.0.0.1:9/",
            record=False,
            connect="on_demand",
            position=f"udp://127.0.0.1:{first + at}",
            position_from=("127.0.0.1/32",),
        )
        for at, camera in enumerate(logs)
    ]
    async with running(tmp_path_factory.mktemp("data"), *cameras) as it:
        replays = [
            await asyncio.create_subprocess_exec(
                sys.executable, str(REPLAY), str(log), f"127.0.0.1:{first + at}", "--pace", "0"
            )
            for at, log in enumerate(logs.values())
        ]
        for replay in replays:
            assert await replay.wait() == 0
        async with asyncio.timeout(20):
            while sum(moments(camera) for camera in LOGS) < 61 + 16 + 60:
                await asyncio.sleep(0.05)
        yield it


def refused(camera: str, rule: str) -> float:
    return REGISTRY.get_sample_value("sightline_fixes_refused_total", {"camera": camera, "rule": rule}) or 0


def accepted(camera: str) -> float:
    return REGISTRY.get_sample_value("sightline_fixes_total", {"camera": camera, "carrier": "nmea"}) or 0


def moments(camera: str) -> float:
    return accepted(camera) + sum(
        refused(camera, rule) for rule in ("no_fix", "settling", "jump", "clock", "duplicate", "speed", "out_of_range")
    )


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("camera", "count", "rules", "constellations"),
    [
        ("ublox", 61, {}, ["GPS", "GLONASS", "Galileo", "BeiDou"]),
        ("furuno", 16, {}, ["GPS", "GLONASS", "Galileo"]),
        # 60 moments, 37 of them without a fix; of the other 23 the walk is refused until it settles.
        ("quectel", 4, {"no_fix": 37, "settling": 19}, ["GPS", "GLONASS", "Galileo", "BeiDou"]),
    ],
)
async def test_a_log_is_a_track(
    gateway: Running, camera: str, count: int, rules: dict[str, int], constellations: list[str]
) -> None:
    assert accepted(camera) == count
    assert {rule: refused(camera, rule) for rule in rules} == rules
    fixes = (await gateway.client().get(f"/api/cameras/{camera}/positions"))["fixes"]
    assert len(fixes) == count
    for fix in fixes:
        assert fix["constellations"] == constellations
        assert fix["carrier"] == "nmea"
        assert fix["satellites"] >= 7
        assert fix["accuracy_m"] is not None
    seconds = [parse_utc(fix["utc"]) / 1e9 for fix in fixes]
    assert [round(b - a) for a, b in itertools.pairwise(seconds)] == [1] * (count - 1)
    document = await gateway.client().get(f"/api/cameras/{camera}/positions?format=gpx")
    points = list(etree.fromstring(document).iter(f"{GPX}trkpt"))
    assert {point.findtext(f"{GPX}extensions/{OWN}constellations") for point in points} == {" ".join(constellations)}
    assert [(float(point.get("lat")), float(point.get("lon"))) for point in points] == [
        (pytest.approx(fix["lat"], abs=1e-7), pytest.approx(fix["lon"], abs=1e-7)) for fix in fixes
    ]
    shown = await gateway.client().get(f"/api/cameras/{camera}")
    assert shown["position"] == fixes[-1]


@pytest.mark.asyncio(loop_scope="module")
async def test_the_log_as_it_is_was_refused_for_its_age(gateway: Running) -> None:
    """What is years old is no position: the gateway says so instead of showing it."""
    camera = gateway.fleet.camera("furuno")
    port = int(camera.settings.position.rpartition(":")[2])
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=("127.0.0.1", port))
    transport.sendto(shared(f"nmea/{LOGS['furuno']}").read_bytes())
    async with asyncio.timeout(20):
        while refused("furuno", "clock") < 16:
            await asyncio.sleep(0.05)
    transport.close()
    assert accepted("furuno") == 16
    shown = await gateway.client().get("/api/cameras/furuno")
    assert "more than a day off" in shown["position_reason"]
