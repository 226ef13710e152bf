"""The wearer's privacy mode: what it hides, from whom, and for how long."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.access.rights import Role
from gateway.base.clock import SystemClock
from gateway.base.settings import CameraSettings
from gateway.media.model import NS, AccessUnit, Codec, Fix
from gateway.positions.store import PositionStore
from gateway.store.engine import open_positions
from tests.running import Client, Running, running
from tests.webrtc_samples import CHROMIUM_OFFER, audio_track, encoded, video_track

UNIT = CameraSettings(id="unit", url="rtsp://127.0.0.1:1/s", groups=("north",), connect="on_demand", record=False)
PRIVATE = {"privacy": [{"hide": ["position", "stream"], "recording": True}]}
SDP = {"Content-Type": "application/sdp"}


async def switch(client: Client, on: bool) -> tuple[int, Any]:
    values = {"on": on, "reason": "a private call"}
    status, body, _ = await client.call("PUT", "/api/cameras/unit/privacy", json=values)
    return status, body


async def watch(gateway: Running) -> tuple[int, Any, Any]:
    """What the dispatcher gets who wants to watch a camera that has a picture, sound, and a position."""
    camera = gateway.fleet.camera("unit")
    if not camera.hub.tracks:
        camera.hub.open((video_track(), audio_track(Codec.PCMU)))
        for unit in encoded(4, 2):
            camera.hub.publish(unit)
    client = gateway.client(Role.DISPATCHER)
    return await client.call("POST", "/api/cameras/unit/whep", data=CHROMIUM_OFFER, headers=client.headers | SDP)


async def until(socket: aiohttp.ClientWebSocketResponse, kind: str) -> dict[str, Any]:
    """The next message of that type."""
    while (message := await socket.receive_json())["type"] != kind:
        pass
    return message


async def test_it_ends_what_runs_and_hides_the_picture_and_the_place_from_everybody(tmp_path):
    async with running(tmp_path, UNIT, policy=PRIVATE) as gateway, asyncio.timeout(20):
        root, dispatcher = gateway.client(), gateway.client(Role.DISPATCHER)
        status, answer, response = await watch(gateway)
        assert status == 201, answer
        session = response.headers["Location"].rpartition("/")[2]
        now = SystemClock().utc_ns()
        assert gateway.fleet.camera("unit").tracker.push(Fix(now, 52.1, 13.4, received_ns=now), now) is None
        assert (await dispatcher.get("/api/cameras/unit"))["position"]["lat"] == 52.1
        async with gateway.http.ws_connect("/api/events", headers=dispatcher.headers) as socket:
            assert (await socket.receive_json())["type"] == "state"
            status, shown = await switch(root, True)
            assert status == 200, shown
            assert shown["private"]
            assert shown["privacy"]["hides"] == ["position", "stream"]
            assert shown["has_privacy"] is True
            told = await until(socket, "ended"), await until(socket, "state")
        ended = {"type": "ended", "session": session, "camera": "unit", "right": "live"}
        assert told[0].items() >= ended.items()
        assert "privacy mode" in told[0]["reason"]
        assert [camera["private"] for camera in told[1]["cameras"]] == [True]

        status, body, _ = await watch(gateway)
        assert status == 403
        assert "privacy mode" in body["detail"]
        for path in ("snapshot.jpg", "positions"):
            assert (await dispatcher.call("GET", f"/api/cameras/unit/{path}"))[0] == 403
        assert (await dispatcher.get("/api/cameras/unit"))["position"] is None
        assert (await dispatcher.get("/api/cameras/unit/recordings"))["recordings"] == []
        switched = [entry for entry in await gateway.audit() if entry.action == "privacy"]
        assert [(entry.actor, entry.camera, entry.reason) for entry in switched] == [
            ("administrator", "unit", "a private call")
        ]


async def test_it_outlives_a_restart_and_what_it_hid_stays_hidden(tmp_path):
    async with running(tmp_path, UNIT, policy=PRIVATE) as gateway:
        before = SystemClock().utc_ns()
        assert (await switch(gateway.client(), True))[0] == 200
        during = SystemClock().utc_ns()
    await remember(tmp_path, before, during)
    async with running(tmp_path, UNIT, policy=PRIVATE) as gateway:
        assert (await gateway.client().get("/api/cameras/unit"))["private"]
        assert (await watch(gateway))[0] == 403
        assert (await switch(gateway.client(), False))[0] == 200
        assert (await watch(gateway))[0] == 201
        fixes = (await gateway.client().get("/api/cameras/unit/positions"))["fixes"]
        assert [fix["lat"] for fix in fixes] == [1.0]


@pytest.mark.parametrize(("recording", "kept"), [(True, 4), (False, 0)])
async def test_when_it_ends_nobody_sees_or_records_what_it_hid(tmp_path, recording, kept):
    policy = {"privacy": [{"hide": ["stream"], "recording": recording}]}
    async with running(tmp_path, UNIT, policy=policy) as gateway:
        assert (await watch(gateway))[0] == 201
        assert (await switch(gateway.client(), True))[0] == 200
        ring = gateway.fleet.camera("unit").hub
        assert ring.last_keyframe is not None
        assert (await switch(gateway.client(), False))[0] == 200
        assert ring.last_keyframe is None
        assert len([item for item in ring.since(0) if isinstance(item, AccessUnit)]) == kept


async def remember(folder: Path, before: int, during: int) -> None:
    database = open_positions(folder)
    store = PositionStore(database, SystemClock())
    for lat, utc_ns in ((1.0, before - NS), (2.0, during)):
        store.add("unit", Fix(utc_ns, lat, 0.0, received_ns=utc_ns))
    await store.flush()
    database.close()


async def test_there_is_none_where_the_policy_has_none_and_a_reason_must_be_given(tmp_path):
    async with running(tmp_path, UNIT) as gateway:
        assert (await gateway.client().get("/api/cameras/unit"))["has_privacy"] is False
        status, body = await switch(gateway.client(), True)
        assert status == 409
        assert "[[policy.privacy]]" in body["detail"]
        for values in ({"on": True}, {"on": True, "reason": "x"}, {"on": "yes", "reason": "a call"}):
            status, body, _ = await gateway.client().call("PUT", "/api/cameras/unit/privacy", json=values)
            assert status == 400, body
