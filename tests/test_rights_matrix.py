"""Every route, for every role, with and without a limit by group: who lacks the right to a camera learns nothing of it.

The routes are the application's own, so that a new one fails here until somebody has written down what it does. What
each role may do is written down here once more, in another form than the table of rights has.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from gateway.access.audit import Audit
from gateway.access.rights import NEEDED, Right, Role
from gateway.access.secrets import Vault
from gateway.access.users import Users
from gateway.base.clock import SystemClock
from gateway.base.settings import CameraSettings
from gateway.incidents.incident import Opening
from gateway.incidents.incident_steps import By
from gateway.incidents.incidents import Incidents
from gateway.ingest.discovery import Finder
from gateway.ingest.fleet import CameraStatus
from gateway.media.model import Codec, Fix
from gateway.positions.store import PositionStore
from gateway.recording.holds import Holds
from gateway.store.engine import open_catalog, open_positions
from tests.running import CHEAP, PASSWORD, Client, Running, running
from tests.webrtc_samples import CHROMIUM_OFFER, audio_track, encoded, video_track
from web.app import all_routes

pytestmark = pytest.mark.asyncio(loop_scope="module")

CAMERA, NAME = "cam-1", "Unit of the north"
OTHER = "cam-2"
"""One of the group south."""
LATITUDE = 52.123456
SECRETS = (NAME.encode(), str(LATITUDE).encode(), b"\xff\xd8\xff", b"m=video")
"""The camera's name, its position, a JPEG's first bytes, and what stands in every SDP answer."""
LIMITS: dict[str, tuple[str, ...]] = {"all": (), "in": ("north",), "out": ("south",)}
ROLES = {
    Role.ADMINISTRATOR: "logged_in live recorded position audio export respond configure audit metrics",
    Role.DISPATCHER: "logged_in live recorded position audio respond",
    Role.SUPERVISOR: "logged_in live recorded position audio export respond",
    Role.AUDITOR: "logged_in recorded audit metrics",
    Role.NVR: "live recorded position audio",
}
IDLE = {"url": "rtsp://127.0.0.1:1/s", "connect": "on_demand", "record": False}
CAMERAS = [
    CameraSettings.model_validate({"id": CAMERA, "name": NAME, "groups": ["north"], **IDLE}),
    CameraSettings.model_validate({"id": OTHER, "groups": ["south"], **IDLE}),
]
SDP = {"Content-Type": "application/sdp"}
WHY = "as a test wants it"
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "a" * 22,
}


@dataclass(frozen=True)
class Asker:
    role: Role
    limit: str
    client: Client

    @property
    def name(self) -> str:
        return f"{self.role}-{self.limit}"

    def has(self, right: Right) -> bool:
        return right.value in ROLES[self.role].split()

    @property
    def reaches(self) -> bool:
        """Whether the camera is within the limit."""
        return self.limit != "out"

    @property
    def sees(self) -> bool:
        return self.reaches and any(map(self.has, (Right.LIVE, Right.RECORDED, Right.POSITION, Right.CONFIGURE)))


Allowed = Callable[[Asker], bool]
Check = Callable[[Asker, Any], None]


def nothing_more(_: Asker, __: Any) -> None:
    """The status says it all."""


@dataclass(frozen=True)
class Recipe:
    """How to call a route, what comes back for who may, and who that is."""

    status: int
    allowed: Allowed
    send: dict[str, Any] = field(default_factory=dict)
    """For aiohttp; `{asker}` in a JSON text stands for a name of the asker's own."""
    check: Check = nothing_more


def anybody(_: Asker) -> bool:
    return True


def with_a_log_in(asker: Asker) -> bool:
    return asker.has(Right.LOGGED_IN)


def of_the_camera(right: Right) -> Allowed:
    return lambda asker: asker.reaches and asker.has(right)


def of_everything(right: Right) -> Allowed:
    return lambda asker: asker.limit == "all" and asker.has(right)


def somewhere(right: Right) -> Allowed:
    return lambda asker: asker.has(right)


def lists_the_camera(asker: Asker, body: Any) -> None:
    listed = [camera for camera in body["cameras"] if camera["id"] == CAMERA]
    assert bool(listed) == asker.sees
    for camera in listed:
        shows_the_camera(asker, camera)


def lists_the_unit(asker: Asker, body: Any) -> None:
    assert (CAMERA in [unit["camera"] for unit in body["units"]]) == asker.reaches


def shows_the_camera(asker: Asker, camera: Any) -> None:
    assert (camera["position"] is not None) == asker.has(Right.POSITION)
    of_one = ("live", "recorded", "position", "audio", "export", "respond", "configure")
    assert camera["rights"] == [right for right in of_one if right in ROLES[asker.role].split()]


def lists_the_group(asker: Asker, body: Any) -> None:
    assert ("north" in [group["name"] for group in body["groups"]]) == asker.sees


def lists_the_hold(asker: Asker, body: Any) -> None:
    listed = {hold["camera"] for hold in body["holds"]}
    assert listed == ({CAMERA} if asker.reaches else set())


def lists_the_incident(asker: Asker, body: Any) -> None:
    assert [incident["id"] for incident in body["incidents"]] == ([1] if asker.sees else [])


def tells_who_is_nearby(asker: Asker, body: Any) -> None:
    assert [unit["camera"] for unit in body["units"]] == ([CAMERA] if asker.reaches else [])


def lists_the_geofence(asker: Asker, body: Any) -> None:
    """Those that others drew before this asker are for the camera alone."""
    assert asker.reaches or body["geofences"] == []


def tells_the_policy(asker: Asker, body: Any) -> None:
    assert (body["policy"] is not None) == (
        asker.limit == "all" and (asker.has(Right.CONFIGURE) or asker.has(Right.AUDIT))
    )
    assert asker.sees or CAMERA not in "".join(body["holds"])


def has_sound(asker: Asker, answer: Any) -> None:
    assert b"m=audio 9 " in answer


NOBODY = "/api/cameras/nobody"
GEOFENCE = {
    "name": NAME,
    "cameras": [CAMERA],
    "shape": {"type": "Point", "coordinates": [13.4, LATITUDE], "radius_m": 100},
}
CONFIGURE = of_everything(Right.CONFIGURE)
RECIPES: dict[str, Recipe] = {
    "GET /healthz": Recipe(200, anybody),
    "GET /readyz": Recipe(200, anybody),
    "GET /": Recipe(200, anybody),
    "GET /{file}": Recipe(404, anybody),
    "GET /assets/{file}": Recipe(404, anybody),
    "GET /region.pmtiles": Recipe(404, with_a_log_in),
    "GET /api/openapi.json": Recipe(200, with_a_log_in),
    "POST /api/session": Recipe(400, anybody),
    "GET /api/session": Recipe(200, with_a_log_in),
    "DELETE /api/session": Recipe(401, with_a_log_in),  # a token is no session
    "GET /api/session/providers": Recipe(200, anybody),
    "GET /api/session/oidc/{provider}": Recipe(404, anybody),
    "GET /api/session/oidc/{provider}/callback": Recipe(403, anybody),  # not begun in this browser
    "PUT /api/session/password": Recipe(400, with_a_log_in),
    "GET /api/sessions": Recipe(200, with_a_log_in),
    "DELETE /api/sessions/{id}": Recipe(404, with_a_log_in),
    "GET /api/tokens": Recipe(200, with_a_log_in),
    "POST /api/tokens": Recipe(400, CONFIGURE),
    "DELETE /api/tokens/{id}": Recipe(404, with_a_log_in),
    "GET /api/users": Recipe(200, CONFIGURE),
    "POST /api/users": Recipe(400, CONFIGURE),
    "PATCH /api/users/{name}": Recipe(400, CONFIGURE),
    "DELETE /api/users/{name}": Recipe(404, CONFIGURE),
    "GET /api/cameras": Recipe(200, with_a_log_in, check=lists_the_camera),
    "POST /api/cameras": Recipe(
        409, of_the_camera(Right.CONFIGURE), {"json": {"id": CAMERA.upper(), "url": "rtsp://h/", "groups": ["north"]}}
    ),
    "GET /api/cameras/{id}": Recipe(200, lambda a: with_a_log_in(a) and a.sees, check=shows_the_camera),
    "PATCH /api/cameras/{id}": Recipe(409, of_the_camera(Right.CONFIGURE), {"json": {"name": "x"}}),  # the file's
    "DELETE /api/cameras/{id}": Recipe(409, of_the_camera(Right.CONFIGURE)),
    "PUT /api/cameras/{id}/privacy": Recipe(
        200, of_the_camera(Right.CONFIGURE), {"json": {"on": False, "reason": "end of the break"}}
    ),
    "POST /api/cameras/{id}/recording": Recipe(
        409, of_the_camera(Right.LIVE), {"json": {"on": True, "reason": "shots are heard"}}
    ),
    "GET /api/policy": Recipe(200, with_a_log_in, check=tells_the_policy),
    "GET /api/policy/explain": Recipe(200, of_everything(Right.AUDIT), {"params": {"user": "nvr", "camera": CAMERA}}),
    "GET /api/groups": Recipe(200, with_a_log_in, check=lists_the_group),
    "GET /api/walls": Recipe(200, with_a_log_in),
    "POST /api/walls": Recipe(400, with_a_log_in, {"json": {"name": "Night"}}),
    "PUT /api/walls/{wall}": Recipe(404, with_a_log_in, {"json": {"name": "Night", "layout": "4", "tiles": []}}),
    "DELETE /api/walls/{wall}": Recipe(404, with_a_log_in),
    "POST /api/discovery": Recipe(200, somewhere(Right.CONFIGURE)),
    "POST /api/cameras/test": Recipe(400, somewhere(Right.CONFIGURE), {"json": {"url": "ftp://host/"}}),
    "POST /api/cameras/{id}/test": Recipe(400, of_the_camera(Right.CONFIGURE), {"json": {"url": "ftp://host/"}}),
    "GET /api/fleet": Recipe(200, somewhere(Right.CONFIGURE), check=lists_the_unit),
    "POST /api/cameras/{id}/whep": Recipe(
        201, of_the_camera(Right.LIVE), {"data": CHROMIUM_OFFER, "headers": SDP}, check=has_sound
    ),
    "GET /api/cameras/{id}/whep": Recipe(204, of_the_camera(Right.LIVE)),
    "OPTIONS /api/cameras/{id}/whep": Recipe(200, anybody),
    "GET /api/whep/{session}": Recipe(404, somewhere(Right.LIVE)),  # nobody's own
    "PATCH /api/whep/{session}": Recipe(404, somewhere(Right.LIVE)),
    "DELETE /api/whep/{session}": Recipe(404, somewhere(Right.LIVE)),
    "OPTIONS /api/whep/{session}": Recipe(200, anybody),
    "POST /api/cameras/{id}/talk": Recipe(400, of_the_camera(Right.RESPOND), {"data": CHROMIUM_OFFER, "headers": SDP}),
    "DELETE /api/talk/{session}": Recipe(404, somewhere(Right.RESPOND)),
    "GET /api/cameras/{id}/viewers": Recipe(200, of_everything(Right.METRICS)),
    "GET /api/nvr": Recipe(200, CONFIGURE),
    "DELETE /api/nvr/readers/{id}": Recipe(404, CONFIGURE),  # nobody reads
    "GET /api/cameras/{id}/positions": Recipe(200, of_the_camera(Right.POSITION)),
    "GET /api/cameras/{id}/trajectory": Recipe(
        200,
        of_the_camera(Right.POSITION),
        {"params": {"from": "2026-01-31T12:00:00Z", "to": "2026-01-31T13:00:00Z"}},
    ),
    "GET /api/report/{key}": Recipe(404, anybody),  # nobody's key
    "POST /api/report/{key}": Recipe(404, anybody),
    "GET /api/cameras/{id}/position-key": Recipe(404, of_the_camera(Right.CONFIGURE)),
    "POST /api/cameras/{id}/position-key": Recipe(201, of_the_camera(Right.CONFIGURE)),
    "DELETE /api/cameras/{id}/position-key": Recipe(404, of_the_camera(Right.CONFIGURE)),
    "GET /api/cameras/{id}/recordings": Recipe(200, of_the_camera(Right.RECORDED)),
    "GET /api/cameras/{id}/assignments": Recipe(200, of_the_camera(Right.RECORDED)),
    "POST /api/cameras/{id}/assignments": Recipe(400, of_the_camera(Right.CONFIGURE)),
    "PATCH /api/cameras/{id}/assignments/{assignment}": Recipe(404, of_the_camera(Right.CONFIGURE), {"json": {}}),
    "GET /api/wearers": Recipe(200, somewhere(Right.RECORDED)),
    "GET /api/holds": Recipe(200, somewhere(Right.RECORDED), check=lists_the_hold),
    "GET /api/cameras/{id}/holds": Recipe(200, of_the_camera(Right.RECORDED)),
    "POST /api/cameras/{id}/holds": Recipe(
        201, of_the_camera(Right.EXPORT), {"json": {"from": "2026-01-31T12:00:00Z", "reason": "case 12"}}
    ),
    "DELETE /api/cameras/{id}/holds/{hold}": Recipe(404, of_the_camera(Right.EXPORT)),
    "GET /api/storage": Recipe(200, of_everything(Right.METRICS)),
    "GET /api/cameras/{id}/timeline": Recipe(
        200,
        of_the_camera(Right.RECORDED),
        {"params": {"from": "2026-01-31T12:00:00Z", "to": "2026-01-31T13:00:00Z"}},
    ),
    "GET /api/cameras/{id}/playlist.m3u8": Recipe(
        404,  # nothing is recorded
        of_the_camera(Right.RECORDED),
        {"params": {"from": "2026-01-31T12:00:00Z", "to": "2026-01-31T13:00:00Z"}},
    ),
    "GET /api/cameras/{id}/media/{segment}/{part}": Recipe(200, of_the_camera(Right.RECORDED)),  # marked as missing
    "GET /api/cameras/{id}/bookmarks": Recipe(200, of_the_camera(Right.RECORDED)),
    "POST /api/cameras/{id}/bookmarks": Recipe(
        201, of_the_camera(Right.RECORDED), {"json": {"utc": "2026-01-31T12:00:00Z", "text": "a gate"}}
    ),
    "DELETE /api/cameras/{id}/bookmarks/{bookmark}": Recipe(404, of_the_camera(Right.RECORDED)),
    "GET /api/cameras/{id}/video.mp4": Recipe(
        404,  # nothing is recorded
        of_the_camera(Right.EXPORT),
        {"params": {"from": "2026-01-31T12:00:00Z", "to": "2026-01-31T13:00:00Z"}},
    ),
    "GET /api/cameras/{id}/snapshot.jpg": Recipe(200, of_the_camera(Right.LIVE)),
    "GET /api/positions/live": Recipe(400, somewhere(Right.POSITION)),  # likewise
    "GET /api/events": Recipe(400, with_a_log_in),  # no upgrade; what the socket tells is a test of its own
    "POST /onvif/{service}": Recipe(400, anybody),  # it takes SOAP, and an account of its own
    "GET /onvif/snapshot/{id}.jpg": Recipe(401, anybody),  # it takes HTTP digest alone
    "GET /metrics": Recipe(200, of_everything(Right.METRICS)),
    "GET /api/settings/pending": Recipe(200, CONFIGURE),
    "POST /api/settings/reload": Recipe(200, CONFIGURE),
    "GET /api/exports": Recipe(200, somewhere(Right.EXPORT)),
    "POST /api/exports": Recipe(
        409,  # nothing is recorded
        of_the_camera(Right.EXPORT),
        {"json": {"cameras": [CAMERA], "from": "2026-01-31T12:00:00Z", "to": "2026-01-31T12:10:00Z"}},
    ),
    "GET /api/exports/{id}": Recipe(404, somewhere(Right.EXPORT)),  # nobody's own
    "DELETE /api/exports/{id}": Recipe(404, somewhere(Right.EXPORT)),
    "GET /api/exports/{id}/files/{name}": Recipe(404, somewhere(Right.EXPORT)),
    "GET /api/alerts": Recipe(200, with_a_log_in),
    "GET /api/alerts/{alert}": Recipe(404, with_a_log_in),
    "GET /api/alerts/{alert}/deliveries": Recipe(404, with_a_log_in),
    "GET /api/alerts/channels": Recipe(200, of_everything(Right.METRICS)),
    "POST /api/alerts/channels/{channel}/test": Recipe(404, CONFIGURE),
    "GET /api/geofences": Recipe(200, somewhere(Right.POSITION), check=lists_the_geofence),
    "POST /api/geofences": Recipe(201, of_the_camera(Right.RESPOND), {"json": GEOFENCE}),
    "GET /api/geofences/{geofence}": Recipe(404, somewhere(Right.POSITION)),
    "PATCH /api/geofences/{geofence}": Recipe(404, somewhere(Right.RESPOND), {"json": {}}),
    "DELETE /api/geofences/{geofence}": Recipe(404, somewhere(Right.RESPOND)),
    "POST /api/alerts/{alert}/resolve": Recipe(404, somewhere(Right.RESPOND), {"json": {"word": "a drill"}}),
    "POST /api/cameras/{id}/sos": Recipe(400, of_the_camera(Right.RESPOND), {"json": {"text": 7}}),
    "GET /api/incidents": Recipe(200, with_a_log_in, check=lists_the_incident),
    "POST /api/incidents": Recipe(
        400, of_the_camera(Right.RESPOND), {"json": {"cameras": [CAMERA], "from": "2200-01-01T00:00:00Z"}}
    ),
    "GET /api/incidents/{incident}": Recipe(200, lambda a: with_a_log_in(a) and a.sees),
    "PATCH /api/incidents/{incident}": Recipe(200, of_the_camera(Right.RESPOND), {"json": {}}),
    "DELETE /api/incidents/{incident}": Recipe(400, of_the_camera(Right.CONFIGURE)),  # why?
    "POST /api/incidents/{incident}/close": Recipe(400, of_the_camera(Right.RESPOND), {"json": {"to": "tomorrow"}}),
    "POST /api/incidents/{incident}/reopen": Recipe(409, of_the_camera(Right.RESPOND)),  # it is open
    "POST /api/incidents/{incident}/cameras": Recipe(409, of_the_camera(Right.RESPOND), {"json": {"camera": CAMERA}}),
    "PATCH /api/incidents/{incident}/cameras/{camera}": Recipe(200, of_the_camera(Right.RESPOND), {"json": {}}),
    "DELETE /api/incidents/{incident}/cameras/{camera}": Recipe(400, of_the_camera(Right.CONFIGURE)),  # why?
    "POST /api/incidents/{incident}/alerts": Recipe(404, of_the_camera(Right.RESPOND), {"json": {"alert": 7000}}),
    "GET /api/incidents/{incident}/shares": Recipe(200, of_the_camera(Right.EXPORT)),
    "POST /api/incidents/{incident}/shares": Recipe(400, of_the_camera(Right.EXPORT), {"json": {"recipient": ""}}),
    "DELETE /api/incidents/{incident}/shares/{share}": Recipe(404, of_the_camera(Right.EXPORT)),
    "POST /api/share": Recipe(400, anybody),  # it takes a key; so do the others, in a cookie
    "GET /api/share/incident": Recipe(403, anybody),
    "GET /api/share/cameras/{id}/playlist.m3u8": Recipe(403, anybody),
    "GET /api/share/cameras/{id}/media/{segment}/{part}": Recipe(403, anybody),
    "GET /api/share/cameras/{id}/positions": Recipe(403, anybody),
    "GET /api/share/cameras/{id}/snapshot.jpg": Recipe(403, anybody),
    "POST /api/incidents/{incident}/export": Recipe(409, of_the_camera(Right.EXPORT)),  # nothing is recorded
    "GET /api/incidents/{incident}/notes": Recipe(200, lambda a: with_a_log_in(a) and a.sees),
    "POST /api/incidents/{incident}/notes": Recipe(400, of_the_camera(Right.RESPOND), {"json": {"text": ""}}),
    "GET /api/nearby": Recipe(
        200, somewhere(Right.POSITION), {"params": {"lat": "52", "lon": "13"}}, check=tells_who_is_nearby
    ),
    "GET /api/audit": Recipe(200, of_everything(Right.AUDIT)),
    "GET /api/audit.csv": Recipe(200, of_everything(Right.AUDIT)),
    "GET /api/evidence": Recipe(200, of_everything(Right.AUDIT)),
    "GET /api/audit/verify": Recipe(400, of_everything(Right.AUDIT)),  # of which day?
}
TEMPLATES = {
    "{service}": "device_service",
    "{key}": "no-key",
    "{id}": CAMERA,
    "{assignment}": "7",
    "{incident}": "1",
    "{share}": "7000",
    "{camera}": CAMERA,
    "{session}": "none",
    "{name}": "nobody",
    "{file}": "none.txt",
    "{provider}": "none",
    "{hold}": "7000",
    "{bookmark}": "7000",
    "{alert}": "7000",
    "{geofence}": "7000",
    "{wall}": "7000",
    "{channel}": "none",
    "{segment}": "gap",
    "{part}": "0.m4s",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory) -> AsyncIterator[tuple[Running, list[Asker]]]:
    """A gateway with a camera in the group north, which has a picture, sound and a position, and one in the south."""
    data_dir = tmp_path_factory.mktemp("gateway")
    clock = SystemClock()
    fix = Fix(clock.utc_ns(), LATITUDE, 13.4, received_ns=clock.utc_ns())
    await _remember(data_dir, fix)
    await _hold(data_dir)
    async with running(data_dir, *CAMERAS) as gateway:
        camera = gateway.fleet.camera(CAMERA)
        camera.hub.open((video_track(), audio_track(Codec.PCMU)))
        for unit in encoded(4, 2):
            camera.hub.publish(unit)
        assert camera.tracker.push(fix, clock.utc_ns()) is None
        yield gateway, await _askers(gateway)


@pytest.fixture(autouse=True)
def _quick_discovery(monkeypatch):
    """Who may look for devices is the matter here, not what is found in three seconds."""

    async def find(_: Finder) -> list[Any]:
        return []

    monkeypatch.setattr(Finder, "find", find)


async def _remember(data_dir, fix: Fix) -> None:
    database = open_positions(data_dir)
    store = PositionStore(database, SystemClock())
    store.add(CAMERA, fix)
    await store.flush()
    database.close()


async def _hold(data_dir) -> None:
    """What is recorded of the camera, by itself and as an incident."""
    clock, database = SystemClock(), open_catalog(data_dir)
    audit = Audit(database, clock)
    holds = Holds(database, audit, clock)
    await holds.place(CAMERA, clock.utc_ns(), None, reason="case 12", by="ann")
    opening = Opening(NAME, (CAMERA,), clock.utc_ns(), None, None, (), {"camera": CAMERA})
    await Incidents(database, holds, audit, clock, lambda *_: None).open(opening, By("ann", "local"))
    database.close()


async def _askers(gateway: Running) -> list[Asker]:
    clock, database = SystemClock(), open_catalog(gateway.data_dir)
    users = Users(database, Vault.open(gateway.data_dir), Audit(database, clock), clock, passwords=CHEAP)
    askers = []
    for role in Role:
        for limit, groups in LIMITS.items():
            name = f"{role}-{limit}"
            await users.add(name, role, PASSWORD, groups=groups, actor="test", address="local")
            status, made, _ = await gateway.client().call("POST", "/api/tokens", json={"name": "test", "user": name})
            assert status == 201, made
            askers.append(Asker(role, limit, Client(gateway.http, {"Authorization": f"Bearer {made['token']}"})))
    users.close()
    database.close()
    return askers


async def test_every_route_has_a_recipe():
    assert {route.name for route in all_routes()} - set(RECIPES) == set()


@pytest.mark.parametrize("name", sorted({route.name for route in all_routes()}))
async def test_who_may_gets_it_and_who_may_not_learns_nothing(gateway, name):
    _, askers = gateway
    await asyncio.gather(*(asked(asker, name) for asker in askers))


async def asked(asker: Asker, name: str) -> None:
    """Call a route, and hold what comes back against its recipe."""
    recipe = RECIPES[name]
    status, raw, body, response = await call(asker, name, CAMERA)
    if recipe.allowed(asker):
        assert status == recipe.status, (name, asker.name, body)
        recipe.check(asker, body)
    else:
        assert status in {403, 404}, (name, asker.name, body)
        assert response.content_type == "application/problem+json"
        assert not any(secret in raw for secret in SECRETS), (name, asker.name)
    if not asker.sees:
        assert not any(secret in raw for secret in SECRETS), (name, asker.name)
        if name.split()[1].startswith("/api/cameras/{id}") and NEEDED[name] is not Right.OPEN:
            # What one may not know of is answered as what is not there.
            other, missing, _, _ = await call(asker, name, "nobody")
            assert (status, raw) == (other, missing.replace(b"nobody", CAMERA.encode()))
            assert status == 404
    if not asker.has(Right.POSITION):
        assert str(LATITUDE).encode() not in raw, (name, asker.name)


async def call(asker: Asker, name: str, camera: str) -> tuple[int, bytes, Any, aiohttp.ClientResponse]:
    """Status, body as bytes and as it is, response."""
    method, path = name.split()
    for variable, value in (TEMPLATES | {"{id}": camera}).items():
        path = path.replace(variable, value)
    send = RECIPES[name].send
    headers = asker.client.headers | send.get("headers", {})
    status, body, response = await asker.client.call(method, path, **(send | {"headers": headers}))
    return status, json.dumps(body).encode() if isinstance(body, dict) else body, body, response


async def test_a_socket_tells_nothing_of_what_one_may_not_see(gateway):
    running, askers = gateway
    camera, other = running.fleet.camera(CAMERA), running.fleet.camera(OTHER)
    told: dict[str, list[str]] = {}
    open_now = asyncio.Barrier(sum(map(with_a_log_in, askers)) + 1)

    async def listen(asker: Asker) -> None:
        """Until the last thing that this asker may be told of has come. That is not just any news of the camera: what
        other tests asked of it may still be told meanwhile.
        """
        messages = told[asker.name] = []
        last = f'{{"type":"camera","camera":{{"id":"{CAMERA if asker.limit == "in" else OTHER}"'
        async with running.http.ws_connect("/api/events", headers=asker.client.headers) as socket:
            messages.append(await socket.receive_str())
            await open_now.wait()
            while not (messages[-1].startswith(last) and WHY in messages[-1]):
                messages.append(await socket.receive_str())

    async def happen() -> None:
        await open_now.wait()
        now = SystemClock().utc_ns()
        camera.fix_arrived(Fix(now, LATITUDE, 13.4, received_ns=now))
        camera.set_status(CameraStatus.OFFLINE, WHY)
        other.set_status(CameraStatus.OFFLINE, WHY)

    async with asyncio.timeout(30):
        await asyncio.gather(happen(), *(listen(asker) for asker in askers if with_a_log_in(asker)))
    for asker in askers:
        if not with_a_log_in(asker):
            status, body, _ = await asker.client.call("GET", "/api/events", headers=asker.client.headers | UPGRADE)
            assert status == 403, body
            continue
        messages = "".join(told[asker.name])
        assert ('{"type":"storage"' in messages) == of_everything(Right.METRICS)(asker), asker.name
        assert (f'"{CAMERA}"' in messages) == (NAME in messages) == asker.sees, asker.name
        assert ('{"type":"fix"' in messages) == (asker.sees and asker.has(Right.POSITION)), asker.name
        assert (str(LATITUDE) in messages) == (asker.sees and asker.has(Right.POSITION)), asker.name


async def test_a_role_that_the_policy_limits_to_groups_is_limited_alike(gateway):
    running, askers = gateway
    whole = {"metrics", "audit", "logged_in"}
    rows = [
        {"role": role, "groups": ["south"], "rights": [right for right in rights.split() if right not in whole]}
        for role, rights in ROLES.items()
    ]
    await running.read_again(*CAMERAS, policy={"allow": rows})
    limited = [replace(asker, limit="out") for asker in askers if asker.limit == "all"]
    for name in sorted(RECIPES):
        await asyncio.gather(*(asked(asker, name) for asker in limited))
