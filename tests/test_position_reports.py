"""Phones that report positions: what they are answered, what forged and flooding ones cost, and their keys."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
import pytest_asyncio

from gateway.access.audit import Action
from gateway.access.rights import Role
from gateway.base.clock import ManualClock, SystemClock
from gateway.base.rfc3339 import format_utc
from gateway.base.settings import CameraSettings
from gateway.media.model import NS
from tests.command_line import beside
from tests.running import Client, running
from web.position_reports import BURST, MAX_BYTES, REPORTS_A_SECOND, Reports

pytestmark = pytest.mark.asyncio(loop_scope="module")

IDLE = {"url": "rtsp://127.0.0.1:1/s", "connect": "on_demand", "record": False}
UNITS = ("unit-1", "unit-2", "unit-3")
CAMERAS = [CameraSettings.model_validate({"id": unit, "position": "http", **IDLE}) for unit in UNITS]
CAMERAS.append(CameraSettings.model_validate({"id": "filmed", **IDLE}))
SECRET = "/api/report/"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory):
    folder: Path = tmp_path_factory.mktemp("gateway")
    (folder / "sightline.toml").write_text(
        'data_dir = "data"\n'
        + "".join(f'[[cameras]]\nid = "{unit}"\nurl = "rtsp://127.0.0.1:1/s"\nposition = "http"\n' for unit in UNITS)
    )
    async with running(folder / "data", *CAMERAS) as gateway:
        yield gateway


async def key_of(gateway, camera: str) -> str:
    status, made, _ = await gateway.client().call("POST", f"/api/cameras/{camera}/position-key")
    assert status == 201, made
    assert made["url"] == f"{gateway.url.rstrip('/')}{SECRET}{made['key']}"
    return made["key"]


def phone(gateway) -> Client:
    """Something that knows no log-in."""
    return gateway.client(None)


async def sent(gateway, key: str, *locations, device: str | None = None):
    document = {"location": list(locations), "device_id": device}
    return await phone(gateway).call("POST", SECRET + key, json=document, headers={})


def location(utc_ns: int, lat: float = 52.0, lon: float = 13.0, **more):
    coords = {"latitude": lat, "longitude": lon, "accuracy": 5.0, "speed": more.pop("speed", 1.0)}
    return {"timestamp": format_utc(utc_ns), "coords": coords, **more}


def now() -> int:
    return SystemClock().utc_ns()


async def test_a_phone_reports_by_get_and_by_post_and_says_how_it_is(gateway):
    key = await key_of(gateway, "unit-1")
    camera = gateway.fleet.camera("unit-1")
    seconds = now() // NS
    query = f"?id=unit-1&lat=52.5&lon=13.25&timestamp={seconds}&accuracy=4&speed_mps=1.5&bearing=80&altitude=30"
    status, body, _ = await phone(gateway).call("GET", SECRET + key + query)
    assert (status, body) == (200, {"camera": "unit-1", "accepted": 1, "counts": {}, "refused": []})
    assert (camera.fix.lat, camera.fix.carrier, camera.fix.utc_ns) == (52.5, "osmand", seconds * NS)
    battery = {"level": 0.07, "is_charging": True}
    status, body, _ = await sent(gateway, key, location((seconds + 1) * NS, 52.50001, 13.25, battery=battery))
    assert (status, body["accepted"]) == (200, 1)
    typed = f"?id=%20Unit-1&lat=52.50001&lon=13.25&timestamp={seconds + 2}"
    assert (await phone(gateway).call("GET", SECRET + key + typed))[1]["accepted"] == 1
    shown = await gateway.client().get("/api/cameras/unit-1")
    assert shown["position"]["lat"] == 52.50001
    assert (shown["health"]["battery_percent"], shown["health"]["charging"]) == (pytest.approx(7.0), True)
    told = await gateway.client().get("/api/cameras/unit-1/positions")
    assert [fix["carrier"] for fix in told["fixes"]] == ["osmand"] * 3


async def test_what_the_apps_are_set_up_with_is_what_they_then_send(gateway):
    status, made, response = await gateway.client().call("POST", "/api/cameras/unit-1/position-key")
    assert (status, response.headers["Cache-Control"]) == (201, "no-store")
    traccar = urlsplit(made["traccar_client"])
    assert traccar._replace(query="").geturl() == made["url"]
    assert dict(parse_qsl(traccar.query))["id"] == "unit-1"
    said = made["osmand"].format(52.5, 13.25, now() // 1_000_000, 4.0, 30.0, 1.5, 80.0)
    status, body, _ = await phone(gateway).call("GET", said.removeprefix(gateway.url.rstrip("/")))
    assert (status, body["accepted"]) == (200, 1)


async def test_what_was_kept_without_a_network_is_stored_in_order_and_moves_nobody(gateway):
    key = await key_of(gateway, "unit-2")
    camera, newest = gateway.fleet.camera("unit-2"), now()
    status, body, _ = await sent(gateway, key, location(newest))
    assert body["accepted"] == 1
    an_hour = [location(newest - (3600 - 10 * i) * NS, 52.0 + i * 1e-5) for i in range(300)]
    status, body, _ = await sent(gateway, key, *reversed(an_hour))
    assert (status, body["accepted"], body["counts"]) == (200, 300, {})
    assert camera.fix.utc_ns // NS == newest // NS
    stored = (await gateway.client().get("/api/cameras/unit-2/positions"))["fixes"]
    assert len(stored) == 301
    assert [fix["utc"] for fix in stored] == sorted(fix["utc"] for fix in stored)
    status, body, _ = await sent(gateway, key, location(newest - 25 * 3600 * NS))
    assert (status, body["counts"]) == (200, {"clock": 1}), "more than a day old"


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"lat": 91.0}, "out_of_range"),
        ({"lat": 0.0, "lon": 0.0}, "zero"),
        ({"speed": 250.0}, "speed"),
        ({"lat": float("nan")}, "unreadable"),
        ({"lat": 48.0}, "jump"),
    ],
)
async def test_what_cannot_be_is_refused_by_name_and_not_sent_again(gateway, wrong, rule):
    key = await key_of(gateway, "unit-2")
    camera, before = gateway.fleet.camera("unit-2"), gateway.fleet.camera("unit-1").fix
    assert (await sent(gateway, key, location(now())))[0] == 200
    where = camera.fix
    status, body, _ = await sent(gateway, key, location(now(), **wrong))
    assert (status, body["accepted"], body["counts"]) == (200, 0, {rule: 1})
    assert body["refused"][0]["rule"] == rule
    assert body["refused"][0]["reason"]
    assert camera.fix is where
    assert gateway.fleet.camera("unit-1").fix is before


async def test_a_key_is_good_for_its_own_unit_only(gateway):
    key = await key_of(gateway, "unit-1")
    where = {unit: gateway.fleet.camera(unit).fix for unit in UNITS}
    for _ in range(3):
        status, body, _ = await sent(gateway, key, location(now(), 52.7), device="unit-2")
        assert (status, "device identifier" in body["detail"]) == (403, True)
    assert {unit: gateway.fleet.camera(unit).fix for unit in UNITS} == where
    rows = [row for row in await gateway.audit() if row.detail.get("kind") == "position_device"]
    assert [(row.camera, row.actor, row.detail["said"]) for row in rows] == [("unit-1", "phone:unit-1", "unit-2")]


async def test_a_key_that_nobody_has_is_not_found_and_never_written_down(gateway):
    for path in ("unknown-key-1", "unknown-key-2"):
        status, body, _ = await phone(gateway).call("GET", f"{SECRET}{path}?lat=1&lon=2")
        assert (status, "not known" in body["detail"]) == (404, True)
    rows = [row for row in await gateway.audit() if row.detail.get("kind") == "position_key"]
    assert [row.detail["asked"] for row in rows] == [f"GET {SECRET}…"]


async def test_a_camera_whose_position_comes_otherwise_takes_none(gateway):
    key = await key_of(gateway, "filmed")
    status, body, _ = await phone(gateway).call("GET", f"{SECRET}{key}?lat=1&lon=2")
    assert status == 409
    assert 'comes from "metadata"' in body["detail"]
    assert gateway.fleet.camera("filmed").fix is None


@pytest.mark.parametrize("how", ["whole", "chunked"])
async def test_a_megabyte_is_refused_unread(gateway, how):
    key = await key_of(gateway, "unit-1")
    body = b"$GPGGA," * (1 << 17)

    async def chunks():
        yield body[:MAX_BYTES]
        yield body[MAX_BYTES:]

    try:
        status, answer, _ = await phone(gateway).call("POST", SECRET + key, data=body if how == "whole" else chunks())
    except ConnectionError:
        return  # the gateway closed it while we were still sending: refused all the same
    assert (status, "256 KiB" in answer["detail"]) == (413, True)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, json.dumps({"location": 1}).encode()])
async def test_what_is_no_report_says_so(gateway, body):
    key = await key_of(gateway, "unit-1")
    headers = {"Content-Type": "application/json"}
    status, answer, _ = await phone(gateway).call("POST", SECRET + key, data=body, headers=headers)
    assert (status, answer["title"]) == (400, "Bad Request")


async def test_a_flood_of_one_phone_is_slowed_counted_and_costs_the_others_nothing(gateway):
    key, other = await key_of(gateway, "unit-3"), await key_of(gateway, "unit-2")
    moment, where = now(), gateway.fleet.camera("unit-2").fix
    kept = [location(moment - NS // 4 * i, 52.0) for i in range(int(BURST) // 2)]
    status, body, _ = await sent(gateway, key, *kept)
    assert status == 200
    flood = await asyncio.gather(*(sent(gateway, key, *kept) for _ in range(8)))
    assert {status for status, _, _ in flood} == {200, 429}
    slowed = next(response for status, _, response in flood if status == 429)
    assert int(slowed.headers["Retry-After"]) >= 1
    assert gateway.fleet.camera("unit-2").fix is where
    status, body, _ = await sent(gateway, other, location(now(), 52.00001))
    assert (status, body["accepted"]) == (200, 1)
    rows = [row for row in await gateway.audit() if row.detail.get("kind") == "position_flood"]
    assert [row.camera for row in rows] == ["unit-3"]
    metrics = (await gateway.client().get("/metrics")).decode()
    assert 'sightline_bad_input_total{camera="unit-3",what="report_flood"}' in metrics


async def test_an_allowance_comes_back_with_time():
    clock = ManualClock()
    reports = Reports(clock)
    assert reports.wait("a") == 0
    reports.spend("a", BURST + REPORTS_A_SECOND)
    assert reports.wait("a") == pytest.approx(1 + 1 / REPORTS_A_SECOND)
    assert reports.wait("b") == 0
    clock.advance(2)
    assert reports.wait("a") == 0


async def test_a_new_key_ends_the_one_before_and_a_revoked_one_is_gone(gateway):
    client, path = gateway.client(), "/api/cameras/unit-1/position-key"
    first, second = await key_of(gateway, "unit-1"), await key_of(gateway, "unit-1")
    query = "?lat=52&lon=13"
    assert (await phone(gateway).call("GET", SECRET + first + query))[0] == 404
    assert (await phone(gateway).call("GET", SECRET + second + query))[0] == 200
    assert (await client.get(path))["created_by"] == "administrator"
    assert (await client.call("DELETE", path))[0] == 204
    assert (await phone(gateway).call("GET", SECRET + second + query))[0] == 404
    assert [(await client.call(method, path))[0] for method in ("GET", "DELETE")] == [404, 404]
    actions = [row.action for row in await gateway.audit() if row.camera == "unit-1"]
    assert {Action.POSITION_KEY, Action.POSITION_KEY_REVOKE} <= set(actions)
    assert (await gateway.client(Role.DISPATCHER).call("POST", path))[0] == 403


async def test_the_command_makes_a_key_that_a_running_gateway_takes(gateway):
    config = gateway.data_dir.parent / "sightline.toml"
    ran = await beside("camera", "position-key", "unit-1", "--config", config)
    assert ran.code == 0, ran.err
    key = ran.lines[0].rpartition("/")[2]
    assert await _taken_up(gateway, key, 200)
    ran = await beside("camera", "position-key", "unit-1", "--revoke", "--config", config)
    assert (ran.code, ran.out) == (0, "Revoked: no phone reports for unit-1 any more.\n")
    assert await _taken_up(gateway, key, 404)
    assert (await beside("camera", "position-key", "nobody", "--config", config)).code == 1


async def _taken_up(gateway, key: str, expected: int) -> bool:
    """Whether the gateway notices what another process changed: it looks twice a second."""
    async with asyncio.timeout(10):
        while (await phone(gateway).call("GET", f"{SECRET}{key}?lat=52&lon=13"))[0] != expected:
            await asyncio.sleep(0.05)
    return True


async def test_a_camera_that_is_removed_takes_its_key_along(gateway):
    client = gateway.client()
    new = {"id": "unit-9", "position": "http", **IDLE}
    assert (await client.call("POST", "/api/cameras", json=new))[0] == 201
    key = await key_of(gateway, "unit-9")
    assert (await client.call("DELETE", "/api/cameras/unit-9"))[0] == 204
    assert (await client.call("POST", "/api/cameras", json=new))[0] == 201
    assert await _taken_up(gateway, key, 404)


async def test_the_sos_of_the_app_is_an_alert(gateway):
    key = await key_of(gateway, "unit-1")
    status, _, _ = await sent(gateway, key, location(now(), extras={"alarm": "sos"}), device="unit-1")
    assert status == 200
    (alert,) = (await gateway.client().get("/api/alerts?open=1"))["alerts"]
    assert (alert["kind"], alert["camera"], alert["detail"]["by"]) == ("sos", "unit-1", "phone:unit-1")
