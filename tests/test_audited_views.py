"""What a whole gateway writes of those who look: before they see anything, and when they have stopped."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy import text

from gateway.access.audit import Action, Audit, Entry
from gateway.access.rights import Role
from gateway.access.views import KILLED, Views
from gateway.base.clock import SystemClock
from gateway.base.settings import CameraSettings
from gateway.simulator import Simulation
from gateway.store.engine import Database, open_catalog, sqlite_url
from tests.running import PASSWORD, Client, Running, running
from tests.webrtc_samples import CHROMIUM_OFFER

pytestmark = pytest.mark.asyncio(loop_scope="module")

SDP = {"Content-Type": "application/sdp"}
NOBODY = CameraSettings(id="absent", url="rtsp://127.0.0.1:1/s", connect="on_demand")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory) -> AsyncIterator[Running]:
    """A gateway whose predecessor was killed while somebody watched."""
    folder = tmp_path_factory.mktemp("gateway")
    with contextlib.closing(open_catalog(folder)) as database:
        views = Views(database, Audit(database, SystemClock()), SystemClock())
        await views.begin(Action.LIVE_VIEW, actor="eve", address="10.0.0.9", camera="cam")
    async with Simulation(count=1, interfaces=("lo",), password="hush", width=320, height=180) as simulation:
        camera = simulation.cameras[0]
        live = CameraSettings.model_validate(
            {"id": "cam", "url": camera.rtsp_url, "username": camera.username, "password": camera.password}
        )
        async with running(folder, live, NOBODY) as gateway:
            await gateway.camera("cam")
            yield gateway


@pytest.fixture
def client(gateway: Running) -> Client:
    return gateway.client(Role.DISPATCHER)


async def watch(client: Client, camera: str, **headers: str):
    path = f"/api/cameras/{camera}/whep"
    return await client.call("POST", path, data=CHROMIUM_OFFER, headers=client.headers | SDP | headers)


async def newest(gateway: Running, count: int) -> list[Entry]:
    """Of the rows, newest first; waits until the newest says that something ended."""
    async with asyncio.timeout(10):
        while (rows := await gateway.audit())[0].outcome != "ended":
            await asyncio.sleep(0.02)
    return rows[:count]


async def test_a_live_view_is_written_with_why_from_where_and_how_long(gateway: Running, client: Client) -> None:
    status, _, response = await watch(client, "cam", **{"X-Reason": "Beschwerde%20%C3%BCber%2012"})
    assert status == 201
    began = (await gateway.audit())[0]
    assert (began.action, began.outcome, began.actor, began.camera) == ("live_view", "done", "dispatcher", "cam")
    assert (began.address, began.reason) == ("127.0.0.1", "Beschwerde über 12")
    await client.call("DELETE", response.headers["Location"])
    (ended,) = await newest(gateway, 1)
    assert (ended.action, ended.actor, ended.camera) == ("live_view", "dispatcher", "cam")
    assert ended.detail["view"] == began.id
    assert 0 <= ended.detail["seconds"] <= (ended.utc_ns - began.utc_ns) / 1e9 + 0.1


async def test_who_follows_the_positions_on_the_page_is_written_too(gateway: Running, client: Client) -> None:
    async with client.http.ws_connect("/api/events", headers=client.headers) as socket:
        assert (await socket.receive_json())["type"] == "state"
        began = (await gateway.audit())[0]
        assert (began.action, began.outcome, began.actor, began.camera) == ("follow", "done", "dispatcher", None)
    (ended,) = await newest(gateway, 1)
    assert (ended.action, ended.detail["view"]) == ("follow", began.id)


async def test_a_view_that_never_came_about_says_so(gateway: Running, client: Client) -> None:
    path = "/api/cameras/cam/whep"
    assert (await client.call("POST", path, data="no SDP", headers=client.headers | SDP))[0] == 400
    ended, began = await newest(gateway, 2)
    assert ended.detail["view"] == began.id
    assert ended.detail["why"].startswith("nothing was shown: ")
    assert ended.detail["shown"] is False


async def test_what_was_open_when_the_gateway_was_killed_has_an_end(gateway: Running) -> None:
    ended = next(entry for entry in await gateway.audit() if entry.actor == "eve" and entry.outcome == "ended")
    assert ended.detail == {"view": 1, "seconds": None, "why": KILLED}


async def test_when_the_audit_cannot_be_written_nothing_is_shown(gateway: Running, client: Client) -> None:
    before = len(await gateway.audit())
    with contextlib.closing(Database(sqlite_url(gateway.data_dir / "sightline.db"))) as database:

        async def sql(statement: str) -> None:
            await database.write(lambda connection: connection.execute(text(statement)).rowcount)

        await sql("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        try:
            answers = [await watch(client, "cam")]
            for what in ("snapshot.jpg", "positions", "positions?format=gpx", "recordings"):
                answers.append(await client.call("GET", f"/api/cameras/cam/{what}"))
            log_in = {"username": "dispatcher", "password": PASSWORD}
            answers.append(await gateway.client(None).call("POST", "/api/session", json=log_in))
            auditor = gateway.client(Role.AUDITOR)
            answers.append(await client.call("GET", "/api/events"))
            for what in ("audit", "audit.csv", "audit/verify?day=2026-01-31"):
                answers.append(await auditor.call("GET", f"/api/{what}"))
            cameras = await client.get("/api/cameras")
        finally:
            await sql("DROP TRIGGER full")
    for status, problem, response in answers:
        assert (status, response.content_type) == (503, "application/problem+json"), response.url
        assert "disk full" in problem["detail"]
        assert "Set-Cookie" not in response.headers
    assert [camera["viewers"] for camera in cameras["cameras"]] == [0, 0]
    assert len(await gateway.audit()) == before
