"""What reading the settings again would do and has done, for administrators: on the command line and over HTTP."""

from __future__ import annotations

import json
import stat

import pytest

from gateway.access.rights import Role
from gateway.base.settings import CameraSettings
from gateway.settings_preview import RUNNING_FILE
from tests.command_line import beside, sightline
from tests.running import running

FILE = """data_dir = "data"
[http]
listen = "127.0.0.1:0"
[rtsp]
listen = "127.0.0.1:0"
tls_listen = "127.0.0.1:0"
[webrtc]
listen = "127.0.0.1:0"
[discovery]
interfaces = ["lo"]
[onvif]
announce = false
"""
CAMERA = '[[cameras]]\nid = "a"\nurl = "rtsp://127.0.0.1:1/s"\npassword = "hush"\n'


def camera(**more):
    return CameraSettings.model_validate({"id": "a", "url": "rtsp://127.0.0.1:1/s", "password": "hush", **more})


@pytest.fixture
async def gateway(tmp_path):
    (tmp_path / "sightline.toml").write_text(FILE + CAMERA)
    async with running(tmp_path / "data", camera()) as gateway:
        yield gateway


async def check(tmp_path, text):
    config = tmp_path / "changed.toml"
    config.write_text(text)
    ran = await beside("settings", "check", "--config", config)
    assert "hush" not in ran.out + ran.err
    return ran


def test_settings_that_do_not_hold_are_refused_with_the_key_at_fault(tmp_path):
    config = tmp_path / "s.toml"
    config.write_text("[webrtc]\nmax_sesions = 7")
    ran = sightline("settings", "check", "--config", config)
    assert (ran.code, ran.out) == (2, "")
    assert 'unknown key "webrtc.max_sesions"' in ran.err


def test_where_no_gateway_runs_they_count_at_the_next_start(tmp_path):
    config = tmp_path / "s.toml"
    config.write_text(FILE)
    ran = sightline("settings", "check", "--config", config)
    assert ran.code == 0
    assert ran.out.startswith("These settings hold. No gateway runs on ")


async def test_what_a_sighup_would_change_is_told_before_it_is_sent(gateway, tmp_path):
    same = await check(tmp_path, FILE + CAMERA)
    assert (same.code, "has them already" in same.out) == (0, True), same
    text = FILE.replace('listen = "127.0.0.1:0"\n[disc', 'listen = "127.0.0.1:0"\nmax_sessions = 7\n[disc')
    text = text.replace('"127.0.0.1:0"', '"127.0.0.1:9"', 1) + CAMERA.replace("hush", "hush hush") + 'name = "A"\n'
    text += '[[cameras]]\nid = "b"\nurl = "rtsp://127.0.0.1:1/s"\n'
    changed = await check(tmp_path, text)
    assert (changed.code, changed.err) == (0, "")
    head, *lines = changed.lines
    assert head.startswith("Changes at once, by kill -HUP ")
    assert lines == [
        '  cameras[a].name: "" → "A"',
        "  cameras[a].password: another secret",
        "  cameras[b]: added",
        "  webrtc.max_sessions: 2000 → 7",
        "Cameras that connect anew then:",
        "  a",
        "Changes at the next start only:",
        '  http.listen: "127.0.0.1:0" → "127.0.0.1:9"',
    ]
    assert gateway.fleet.camera("a").settings.name == "", "looking changes nothing"


async def test_a_camera_that_is_in_the_database_too_is_found_beforehand(gateway, tmp_path):
    new = {"id": "unit-1", "url": "rtsp://127.0.0.1:1/s"}
    assert (await gateway.client().call("POST", "/api/cameras", json=new))[0] == 201
    ran = await check(tmp_path, FILE + CAMERA.replace('"a"', '"unit-1"'))
    assert (ran.code, "sightline camera remove unit-1" in ran.err) == (2, True)


async def test_what_the_gateway_notes_is_for_its_own_user_and_holds_no_secret(gateway):
    noted = gateway.data_dir / RUNNING_FILE
    assert stat.S_IMODE(noted.stat().st_mode) == 0o600
    assert "hush" not in noted.read_text()
    await gateway.read_again(camera(name="A"))
    assert json.loads(noted.read_text())["settings"]["cameras[a]"]["name"][0] == "A"


async def test_what_waits_for_the_next_start_can_be_looked_up(gateway):
    client = gateway.client()
    assert (await client.get("/api/settings/pending"))["pending"] == []
    told = await gateway.read_again(camera(name="A"), rtsp={"listen": "127.0.0.1:9"}, webrtc={"max_sessions": 7})
    assert [change["key"] for change in told["applied"]] == ["cameras[a].name", "webrtc.max_sessions"]
    waiting = {"key": "rtsp.listen", "before": "127.0.0.1:0", "after": "127.0.0.1:9"}
    assert waiting in told["pending"]
    assert (await client.get("/api/settings/pending")) == told
    for role in set(Role) - {Role.ADMINISTRATOR}:
        for method, path in (("GET", "/api/settings/pending"), ("POST", "/api/settings/reload")):
            assert (await gateway.client(role).call(method, path))[0] == 403


async def test_a_file_that_does_not_hold_changes_nothing_and_is_told(gateway):
    client = gateway.client()
    new = {"id": "unit-1", "url": "rtsp://127.0.0.1:1/s"}
    assert (await client.call("POST", "/api/cameras", json=new))[0] == 201
    wanted = gateway.file[-1]
    unit = CameraSettings(id="unit-1", url="rtsp://127.0.0.1:1/s")
    gateway.file.append(
        wanted.model_copy(
            update={"cameras": (camera(name="A"), unit), "webrtc": wanted.webrtc.model_copy(update={"max_sessions": 7})}
        )
    )
    status, problem, _ = await client.call("POST", "/api/settings/reload")
    assert status == 409
    assert "in the settings file and in the database" in problem["detail"]
    assert (await client.get("/api/settings/pending"))["problem"] == problem["detail"]
    assert gateway.fleet.camera("a").settings.name == ""
    assert (await client.get("/api/cameras/unit-1"))["source"] == "database"
    newest = (await gateway.audit())[0]
    assert (newest.action, newest.outcome) == ("settings", "refused")


async def test_who_vouches_for_people_and_machines_changes_at_once(gateway):
    said = {"issuer": "http://127.0.0.1:1", "roles": {"ops": "dispatcher"}}
    told = await gateway.read_again(
        camera(),
        oidc=[said | {"name": "city", "client_id": "sightline", "client_secret": "hush"}],
        jwt=[said | {"audience": "sightline", "jwks_url": "http://127.0.0.1:1/keys"}],
    )
    assert [change["key"] for change in told["applied"]] == ["jwt", "oidc"]
    assert "hush" not in str(told)
    offered = await gateway.client(None).get("/api/session/providers")
    assert [provider["name"] for provider in offered["providers"]] == ["city"]
    assert (await gateway.read_again(camera()))["pending"] == []
    assert await gateway.client(None).get("/api/session/providers") == {"providers": []}
