"""What changes by SIGHUP, over HTTP or on the command line touches who it concerns, at once, and nobody else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.access.rights import Role
from gateway.base.metrics import REGISTRY
from gateway.media.model import GapReason
from tests.command_line import beside
from tests.filming import FrameViewer, Studio, recorded, studio
from tests.running import Running, close_code, running
from tests.webrtc_samples import CHROMIUM_OFFER

CAMERAS = ("a", "b", "c", "d")
AT_ONCE = 1.0
"""Seconds within which a right that is taken away ends what it allowed."""


@contextlib.asynccontextmanager
async def on_air(
    folder: Path, *, by_api: bool = False
) -> AsyncIterator[tuple[Running, Studio, dict[str, FrameViewer]]]:
    """A gateway with cameras that film, and a viewer of each that has a picture."""
    async with studio(CAMERAS) as filming:
        cameras = [filming.settings(camera_id, groups=[f"group-{camera_id}"]) for camera_id in CAMERAS]
        async with running(folder, *([] if by_api else cameras)) as gateway:
            for camera in cameras if by_api else []:
                new = {"id": camera.id, "url": camera.url, **filming.login(camera.id)}
                assert (await gateway.client().call("POST", "/api/cameras", json=new))[0] == 201
            await filming.begin()
            viewers = {camera_id: FrameViewer() for camera_id in CAMERAS}
            headers = gateway.client(Role.DISPATCHER).headers
            for camera_id, viewer in viewers.items():
                await gateway.camera(camera_id)
                await viewer.open(gateway.http, f"{gateway.url}/api/cameras/{camera_id}/whep", headers)
            await asyncio.gather(*(viewer.more(10) for viewer in viewers.values()))
            try:
                yield gateway, filming, viewers
            finally:
                for viewer in viewers.values():
                    await viewer.close(gateway.http, headers)


def watching(camera_id: str) -> float:
    """How many watch a camera."""
    return REGISTRY.get_sample_value("sightline_viewers", {"camera": camera_id}) or 0


@pytest.mark.parametrize("by_api", [False, True], ids=["SIGHUP", "API"])
async def test_one_cameras_new_password_costs_the_others_no_frame(tmp_path: Path, by_api: bool) -> None:
    async with on_air(tmp_path, by_api=by_api) as (gateway, filming, viewers):
        before = {camera_id: gateway.fleet.camera(camera_id).source for camera_id in CAMERAS}
        filming.passwords["a"] = "another secret"
        renamed = [filming.settings(camera_id, name=camera_id.upper(), groups=["all"]) for camera_id in CAMERAS]
        if by_api:
            for camera in renamed:
                change = {"name": camera.name, "groups": ["all"], "password": filming.passwords[camera.id]}
                assert (await gateway.client().call("PATCH", f"/api/cameras/{camera.id}", json=change))[0] == 200
        else:
            gateway.file.append(gateway.file[-1].model_copy(update={"cameras": tuple(renamed)}))
            gateway.hangup.set()
        async with asyncio.timeout(20):
            while gateway.fleet.camera("a").source in {None, before["a"]}:
                await asyncio.sleep(0.02)
        await gateway.camera("a")
        await asyncio.gather(*(viewer.more(30) for viewer in viewers.values()))
        sent = await filming.cut()
        hubs = [gateway.fleet.camera(camera_id).hub for camera_id in CAMERAS[1:]]
        async with asyncio.timeout(10):
            while any(hub.end < sent for hub in hubs):
                await asyncio.sleep(0.02)
        client = gateway.client()
        for camera_id in CAMERAS[1:]:
            assert gateway.fleet.camera(camera_id).source is before[camera_id], "it stays connected"
            assert gateway.fleet.camera(camera_id).settings.label == camera_id.upper(), "all the same it has changed"
            assert viewers[camera_id].longest_step == 1, "no frame is missing"
            assert viewers[camera_id].tally.lost == 0
            listed = await client.get(f"/api/cameras/{camera_id}/recordings")
            assert (len(listed["recordings"]), listed["gaps"]) == (1, [])
        (gap,) = (await client.get("/api/cameras/a/recordings"))["gaps"]
        assert gap["reason"] == GapReason.DISCONNECTED
        changes = [row for row in await gateway.audit() if row.action == "camera_change"]
        assert {row.camera for row in changes if row.detail["password_changed"]} == {"a"}
        assert "another secret" not in repr(changes)
    counts = await recorded(tmp_path)
    assert [counts[camera_id] for camera_id in CAMERAS[1:]] == [sent] * 3


async def test_a_right_the_policy_takes_away_cuts_its_viewer_at_once_and_nobody_else(tmp_path: Path) -> None:
    async with on_air(tmp_path) as (gateway, _, viewers):
        policy = {"allow": [{"role": "dispatcher", "groups": ["group-b", "group-c", "group-d"], "rights": ["live"]}]}
        told = await gateway.read_again(*gateway.file[0].cameras, policy=policy)
        assert [change["key"] for change in told["applied"]] == ["policy.allow"]
        async with asyncio.timeout(AT_ONCE):
            while watching("a"):
                await asyncio.sleep(0.01)
        frames = viewers["a"].frames
        await asyncio.gather(*(viewers[camera_id].more(30) for camera_id in CAMERAS[1:]))
        assert viewers["a"].frames <= frames + 2, "but for what was under way"
        assert {viewers[camera_id].longest_step for camera_id in CAMERAS[1:]} == {1}


async def test_a_user_removed_on_the_command_line_is_out_within_a_second(tmp_path: Path) -> None:
    async with on_air(tmp_path / "data") as (gateway, _, viewers):
        config = tmp_path / "sightline.toml"
        config.write_text('data_dir = "data"')
        eve = FrameViewer()
        await beside("user", "add", "eve", "--role", "dispatcher", "--config", config)
        token = (await beside("token", "create", "t", "--user", "eve", "--config", config)).out.strip()
        headers = {"Authorization": f"Bearer {token}"}
        await eve.open(gateway.http, f"{gateway.url}/api/cameras/a/whep", headers)
        await eve.more(10)
        await beside("user", "remove", "eve", "--config", config)
        async with asyncio.timeout(AT_ONCE):
            while watching("a") > 1:
                await asyncio.sleep(0.01)
        await viewers["a"].more(10)
        assert viewers["a"].longest_step == 1
        await eve.close(gateway.http, headers)


async def test_what_viewers_are_offered_changes_for_those_who_come_then(tmp_path: Path) -> None:
    async with on_air(tmp_path) as (gateway, _, viewers):
        client = gateway.client()

        async def come(**webrtc: object):
            await gateway.read_again(*gateway.file[0].cameras, webrtc={"listen": "127.0.0.1:0", **webrtc})
            sdp = client.headers | {"Content-Type": "application/sdp"}
            return await client.call("POST", "/api/cameras/a/whep", data=CHROMIUM_OFFER, headers=sdp)

        assert (await come(max_sessions=len(CAMERAS)))[0] == 503
        server = {"urls": ["stun:stun.example.org"]}
        status, answer, response = await come(public_addresses=["203.0.113.7:9000"], ice_servers=[server])
        assert status == 201
        assert b" 203.0.113.7 9000 typ host" in answer
        assert response.headers["Link"].startswith("<stun:stun.example.org>")
        await client.call("DELETE", response.headers["Location"])
        assert {viewer.longest_step for viewer in viewers.values()} == {1}


@pytest.mark.parametrize("table", ["sessions", "users"])
async def test_what_this_process_changes_does_not_wait_for_the_next_look(tmp_path, table, monkeypatch) -> None:
    monkeypatch.setattr("gateway.store.watch.LOOK_SECONDS", 3600.0)
    async with running(tmp_path) as gateway:
        client = gateway.client(None)
        login = {"username": "dispatcher", "password": "correct horse"}
        _, told, _ = await client.call("POST", "/api/session", json=login)
        async with gateway.http.ws_connect("/api/events", origin=gateway.url) as events:
            await events.receive_json()
            if table == "sessions":
                await client.call("DELETE", "/api/session", headers={"X-CSRF-Token": told["csrf"]})
            else:
                await gateway.client().call("DELETE", "/api/users/dispatcher")
            async with asyncio.timeout(5):
                code = await close_code(events)
            assert code == 4401
