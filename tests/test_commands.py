"""The command line: what it prints, what it exits with, and that it works beside a running gateway."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from time import monotonic

import aiohttp
import pytest
import pytest_asyncio

from gateway import __version__
from gateway.access.audit import Action
from gateway.simulator import Simulation
from tests.command_line import STOP_SECONDS, Ran, apart, beside, serving, sightline
from tests.running import PASSWORD, Running, close_code, running

SOON = 20.0
"""Seconds within which a running gateway follows a command on a busy machine; it looks twice a second."""


def configured(folder: Path, *, cameras: str = "", more: str = "") -> Path:
    """A settings file in `folder`, on free ports of the loopback."""
    config = folder / "sightline.toml"
    config.write_text(
        f'data_dir = "data"\n{more}\n[http]\nlisten = "127.0.0.1:0"\n'
        '[webrtc]\nlisten = "127.0.0.1:0"\n[rtsp]\nlisten = "127.0.0.1:0"\n'
        f'[discovery]\ninterfaces = ["lo"]\n{cameras}'
    )
    return config


def entry(camera_id: str, url: str, username: str = "", password: str = "") -> str:
    return f'[[cameras]]\nid = "{camera_id}"\nurl = "{url}"\nusername = "{username}"\npassword = "{password}"\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return configured(tmp_path)


async def eventually(condition: Callable[[], Awaitable[bool]], timeout: float = SOON) -> None:
    """Wait until `condition` holds; TimeoutError when it does not in time."""
    async with asyncio.timeout(timeout):
        while not await condition():
            await asyncio.sleep(0.05)


# ---- exit codes and settings


def test_the_version_is_the_packages() -> None:
    assert sightline("--version") == Ran(0, f"sightline {__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["camera"],
        ["user", "add", "somebody"],
        ["user", "add", "somebody", "--role", "king"],
        ["token", "create", "laptop"],
        ["discover", "--timeout", "0"],
        ["simulate", "--count", "0"],
        ["camera", "add", "no spaces", "rtsp://127.0.0.1/s"],
        ["camera", "add", "unit-1", "ftp://127.0.0.1/s"],
        ["camera", "add", "unit-1", "rtsp://127.0.0.1/s", "--position", "udp:10110"],
        ["camera", "add", "unit-1", "rtsp://127.0.0.1/s", "--position-from", "10.0.0.7"],
        ["camera", "test", "gopher://127.0.0.1/s"],
        ["check", "--config", "none.toml"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_2_and_says_so(arguments, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = sightline(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.strip()
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("colour = 1", "colour"),
        ("[http]\nport = 80", "http.port"),
        ('[[cameras]]\nid = "unit-1"\nurl = "rtsp://127.0.0.1/"\nrecrod = true', "cameras[unit-1].recrod"),
    ],
)
@pytest.mark.parametrize("command", [["serve"], ["camera", "list"], ["check"]], ids=" ".join)
def test_an_unknown_key_is_named(command, text, named, tmp_path) -> None:
    config = tmp_path / "s.toml"
    config.write_text(text)
    ran = sightline(*command, "--config", config)
    assert (ran.code, ran.out) == (2, "")
    assert f'unknown key "{named}"' in ran.err
    assert not (tmp_path / "data").exists(), "nothing is made from settings that do not hold"


def test_an_environment_variable_that_names_no_setting_is_named(config, monkeypatch) -> None:
    monkeypatch.setenv("SIGHTLINE_COLOUR", "1")
    ran = sightline("camera", "list", "--config", config)
    assert ran.code == 2
    assert "SIGHTLINE_COLOUR" in ran.err


# ---- people


def test_users_are_added_listed_and_removed(config) -> None:
    assert "sightline user add" in sightline("user", "list", "--config", config).err
    given = sightline(
        "user", "add", "ada", "--role", "administrator", "--password-stdin", "--config", config, stdin=PASSWORD
    )
    assert (given.code, given.out) == (0, "")
    assert PASSWORD not in given.err
    made = sightline("user", "add", "bo", "--role", "dispatcher", "--config", config)
    assert made.code == 0
    assert [len(line) >= 12 and " " not in line for line in made.lines] == [True], "the password that was made, alone"
    listed = sightline("user", "list", "--config", config)
    assert [line.split() for line in listed.lines] == [
        ["NAME", "ROLE", "GROUPS", "CAMERAS", "LOGS", "IN", "AT"],
        ["ada", "administrator", "all", "all"],
        ["bo", "dispatcher", "all", "all"],
    ]

    twice = sightline("user", "add", "ada", "--role", "auditor", "--config", config)
    assert (twice.code, "already" in twice.err) == (1, True)
    short = sightline("user", "add", "cy", "--role", "auditor", "--password-stdin", "--config", config, stdin="short\n")
    assert (short.code, "characters" in short.err) == (2, True)
    nothing = sightline("user", "add", "cy", "--role", "auditor", "--password-stdin", "--config", config)
    assert (nothing.code, "standard input" in nothing.err) == (2, True)
    last = sightline("user", "remove", "ada", "--config", config)
    assert (last.code, "last administrator" in last.err) == (1, True)
    assert sightline("user", "remove", "bo", "--config", config).code == 0
    assert sightline("user", "remove", "bo", "--config", config).code == 1


def test_roles_groups_and_passwords_are_changed(config) -> None:
    to = ("--config", config)
    sightline("user", "add", "ada", "--role", "administrator", *to)
    limited = sightline("user", "add", "bo", "--role", "dispatcher", "--group", "north", "--group", "east", *to)
    assert limited.code == 0
    said = sightline("user", "set", "bo", "--role", "supervisor", *to)
    assert (said.code, said.out) == (0, "bo is now supervisor, limited to east, north.\n")
    assert "all cameras" in sightline("user", "set", "bo", "--all-groups", *to).out
    assert sightline("user", "set", "bo", *to).code == 2
    assert sightline("user", "set", "bo", "--group", "north", "--all-groups", *to).code == 2
    assert sightline("user", "set", "bo", "--group", "north side", *to).code == 2
    assert "last administrator" in sightline("user", "set", "ada", "--role", "auditor", *to).err
    made = sightline("user", "password", "bo", *to)
    assert (made.code, len(made.lines)) == (0, 1)
    given = sightline("user", "password", "bo", "--password-stdin", *to, stdin=PASSWORD)
    assert (given.code, given.out) == (0, "")
    assert sightline("user", "password", "cy", *to).code == 1


def test_an_nvrs_account_is_limited_to_cameras_and_becomes_another(config) -> None:
    to = ("--config", config)
    for camera in ("unit-1", "unit-2"):
        sightline("camera", "add", camera, "rtsp://127.0.0.1:1/s", *to)
    nobody = sightline("user", "add", "frigate", "--role", "nvr", "--cameras", "unit-1,unit-7", *to)
    assert (nobody.code, 'no camera "unit-7"' in nobody.err) == (2, True)
    made = sightline("user", "add", "frigate", "--role", "nvr", "--cameras", "unit-2,unit-1", *to)
    assert (made.code, len(made.lines)) == (0, 1), "the password that was made, alone"
    listed = [line.split() for line in sightline("user", "list", *to).lines]
    assert listed[1:] == [["frigate", "nvr", "-", "unit-1,unit-2"]]
    assert sightline("user", "set", "frigate", "--cameras", "unit-1", *to).out.endswith("limited to unit-1.\n")
    assert sightline("user", "set", "frigate", "--cameras", "unit-1", "--all-cameras", *to).code == 2
    other = sightline("user", "set", "frigate", "--role", "dispatcher", *to)
    assert (other.code, len(other.lines), other.lines == made.lines) == (0, 1, False), "another password"
    assert other.err == "frigate is now dispatcher, limited to unit-1.\n"
    back = sightline(
        "user", "set", "frigate", "--role", "nvr", "--all-cameras", "--password-stdin", *to, stdin=PASSWORD
    )
    assert (back.code, back.out) == (0, "frigate is now nvr, all cameras.\n")


def test_a_position_that_comes_another_way(config) -> None:
    to = ("--config", config)
    elsewhere = ("--position", "udp://0.0.0.0:10110", "--position-from", "10.0.0.7", "--position-from", "10.1.0.0/16")
    assert sightline("camera", "add", "unit-1", "rtsp://127.0.0.1:1/s", *elsewhere, *to).code == 0
    assert sightline("camera", "add", "unit-2", "rtsp://127.0.0.1:1/s", *to).code == 0
    listed = json.loads(sightline("camera", "list", "--json", *to).out)
    assert [one["position"] for one in listed] == ["udp://0.0.0.0:10110", "metadata"]


def test_tokens_and_sessions_are_listed_and_ended(config) -> None:
    to = ("--config", config)
    assert "sightline token create" in sightline("token", "list", *to).err
    assert "Nobody" in sightline("session", "list", *to).err
    sightline("user", "add", "ada", "--role", "administrator", *to)
    sightline("token", "create", "laptop", "--user", "ada", *to)
    sightline("token", "create", "trial", "--user", "ada", "--expires", "30d", *to)
    assert sightline("token", "create", "t", "--user", "ada", "--expires", "soon", *to).code == 2
    listed = {line.split()[1]: line.split() for line in sightline("token", "list", "--user", "ada", *to).lines[1:]}
    assert listed["laptop"][-2:] == ["never", "never"]
    assert listed["trial"][-1].endswith("Z")
    ended = sightline("token", "revoke", listed["trial"][0], *to)
    assert (ended.code, ended.err) == (0, "")
    assert sightline("token", "revoke", listed["trial"][0], *to).code == 1
    assert [line.split()[1] for line in sightline("token", "list", *to).lines] == ["NAME", "laptop"]
    assert sightline("session", "revoke", "0123456789abcdef", *to).code == 1


def test_a_token_stands_alone_on_standard_output(config) -> None:
    nobody = sightline("token", "create", "laptop", "--user", "ada", "--config", config)
    assert (nobody.code, nobody.out) == (1, "")
    assert "ada" in nobody.err
    sightline("user", "add", "ada", "--role", "administrator", "--config", config)
    made = sightline("token", "create", "laptop", "--user", "ada", "--config", config)
    assert (made.code, made.err) == (0, "")
    assert re.fullmatch(r"\S{20,}\n", made.out)


# ---- cameras


def test_a_camera_of_the_file_is_listed_and_belongs_to_the_file(tmp_path) -> None:
    config = configured(tmp_path, cameras=entry("fixed", "rtsp://127.0.0.1:1/s", "op", "hush"))
    (listed,) = json.loads(sightline("camera", "list", "--json", "--config", config).out)
    assert (listed["id"], listed["source"]) == ("fixed", "file")
    assert "hush" not in str(listed)
    removed = sightline("camera", "remove", "fixed", "--config", config)
    assert (removed.code, "settings file" in removed.err) == (1, True)
    taken = sightline("camera", "add", "fixed", "rtsp://127.0.0.1:1/s", "--config", config)
    assert (taken.code, "already" in taken.err) == (1, True)


def test_without_cameras_the_list_says_how_to_get_some(config) -> None:
    ran = sightline("camera", "list", "--config", config)
    assert (ran.code, ran.out) == (0, "")
    assert "sightline discover" in ran.err


def test_a_closed_port_is_refused_with_a_reason(config) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        ran = sightline("camera", "test", f"rtsp://127.0.0.1:{port}/s", "--config", config)
    assert (ran.code, [line.split()[0] for line in ran.lines[:2]]) == (1, ["address", "port"])
    assert "firewall" in ran.lines[-1], "it says what to do"
    assert str(port) in ran.err
    assert "Traceback" not in ran.err


# ---- beside cameras and a gateway


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def simulation() -> AsyncIterator[Simulation]:
    async with Simulation(count=1, interfaces=("lo",), password="secret", width=320, height=180) as simulation:
        yield simulation


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory) -> AsyncIterator[Running]:
    async with running(tmp_path_factory.mktemp("gateway") / "data") as gateway:
        configured(gateway.data_dir.parent)
        yield gateway


@pytest.mark.asyncio(loop_scope="module")
async def test_camera_test_says_what_comes(simulation, config) -> None:
    (camera,) = simulation.cameras
    login = ("--username", camera.username, "--password-stdin", "--config", config)
    for url in (camera.rtsp_url, camera.onvif_url):
        ran = await beside("camera", "test", url, *login, stdin="secret\n")
        assert (ran.code, ran.err) == (0, "")
        assert "320×180" in ran.out
        (stream,) = (line for line in ran.lines if line.startswith("stream"))
        assert all(kind in stream for kind in ("video", "audio", "metadata"))
        wrong = await beside("camera", "test", url, *login, stdin="wrong\n")
        assert (wrong.code, wrong.lines[-2].split()[:3]) == (1, ["log", "in", "failed"])
        assert "password" in wrong.err


@pytest.mark.asyncio(loop_scope="module")
async def test_discover_lists_the_cameras_of_the_network(simulation, config) -> None:
    (camera,) = simulation.cameras
    found = await beside("discover", "--json", "--timeout", "2", "--config", config)
    assert found.code == 0, found.err
    assert camera.onvif_url in [device["onvif"] for device in json.loads(found.out)]
    table = await beside("discover", "--timeout", "2", "--config", config)
    assert any(camera.name in line and camera.onvif_url in line for line in table.lines)


@pytest.mark.asyncio(loop_scope="module")
async def test_cameras_come_and_go_beside_a_running_gateway(simulation, gateway) -> None:
    (camera,) = simulation.cameras
    config = gateway.data_dir.parent / "sightline.toml"
    login = ("--username", camera.username, "--password-stdin", "--config", config)
    named = ("--name", "Body 1", "--group", "north")
    added = await beside("camera", "add", "body-1", camera.onvif_url, *named, *login, stdin="secret\n")
    assert (added.code, added.out) == (0, "Added body-1.\n")

    async def known() -> bool:
        return "body-1" in gateway.fleet.cameras

    await eventually(known)
    await gateway.camera("body-1")
    listed = await beside("camera", "list", "--config", config)
    (line,) = listed.lines[1:]
    assert line.split() == ["body-1", "Body", "1", "north", camera.onvif_url, "database"]
    by_id = await beside("camera", "test", "body-1", "--config", config)
    assert (by_id.code, by_id.lines[-1]) == (0, "Body 1: connected.")
    assert (await beside("camera", "remove", "body-1", "--config", config)).code == 0

    async def gone() -> bool:
        return "body-1" not in gateway.fleet.cameras

    await eventually(gone)
    again = await beside("camera", "remove", "body-1", "--config", config)
    assert (again.code, "body-1" in again.err) == (1, True)
    changes = [entry for entry in await gateway.audit() if entry.action in {Action.CAMERA_ADD, Action.CAMERA_REMOVE}]
    assert [change.action for change in changes] == [Action.CAMERA_REMOVE, Action.CAMERA_ADD]
    assert all(change.actor.startswith("shell:") for change in changes)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_user_that_is_removed_is_out_at_once(gateway) -> None:
    config = gateway.data_dir.parent / "sightline.toml"
    made = await beside("user", "add", "eve", "--role", "dispatcher", "--config", config)
    token = (await beside("token", "create", "t", "--user", "eve", "--config", config)).out.strip()
    client = gateway.client(None)
    login = {"username": "eve", "password": made.out.strip()}
    assert (await client.call("POST", "/api/session", json=login))[0] == 200
    headers = {"Authorization": f"Bearer {token}"}
    assert (await client.call("GET", "/api/cameras", headers=headers))[0] == 200
    async with gateway.http.ws_connect("/api/events", headers=headers) as events:
        assert (await beside("user", "remove", "eve", "--config", config)).code == 0
        async with asyncio.timeout(SOON):
            code = await close_code(events)
        assert code == 4401
    assert (await client.call("GET", "/api/cameras", headers=headers))[0] == 401


# ---- serve and check


def test_an_empty_archive_agrees(config) -> None:
    assert sightline("check", "--config", config) == Ran(0, "Disk and catalog agree.\n", "")


@pytest.mark.asyncio(loop_scope="module")
async def test_serve_records_reloads_and_ends_whole(simulation, tmp_path) -> None:
    (camera,) = simulation.cameras
    one = entry("body-1", camera.rtsp_url, camera.username, camera.password)
    config = configured(tmp_path, cameras=one)
    await beside("user", "add", "ada", "--role", "administrator", "--config", config)
    token = (await beside("token", "create", "test", "--user", "ada", "--config", config)).out.strip()
    async with serving(config) as served, aiohttp.ClientSession() as http:

        async def live() -> bool:
            return (await served.cameras(http, token))["body-1"]["status"] == "live"

        await eventually(live, 20)

        second = await apart("serve", "--config", config)
        assert (second.code, second.out) == (1, "")
        assert "another gateway runs on" in second.err

        configured(tmp_path, cameras=one + entry("body-2", "rtsp://127.0.0.1:1/s"))
        served.signal(signal.SIGHUP)

        async def reloaded() -> bool:
            return "body-2" in await served.cameras(http, token)

        await eventually(reloaded)
        assert await live(), "only cameras that changed connect again"

        configured(tmp_path, cameras=one, more="colour = 1")
        served.signal(signal.SIGHUP)

        async def refused() -> bool:
            return any('unknown key "colour"' in line for line in served.log)

        await eventually(refused)
        assert len(await served.cameras(http, token)) == 2, "the settings stay as they are"

        async def recorded() -> bool:
            return any(path.stat().st_size > 100_000 for path in tmp_path.glob("data/recordings/body-1/**/*.mp4"))

        await eventually(recorded, 20)
        asked = monotonic()
        served.signal(signal.SIGTERM)
        assert await served.end() == 0
        assert monotonic() - asked < STOP_SECONDS
        assert not [line for line in served.log if "Traceback" in line or (" ERROR " in line and "colour" not in line)]

    configured(tmp_path, cameras=one)
    assert await beside("check", "--config", config) == Ran(0, "Disk and catalog agree.\n", "")
    (segment,) = tmp_path.glob("data/recordings/body-1/**/*.mp4")
    with segment.open("r+b") as file:
        file.seek(segment.stat().st_size // 2)
        byte = file.read(1)[0]
        file.seek(-1, 1)
        file.write(bytes([byte ^ 1]))
    assert (await beside("check", "--quick", "--config", config)).code == 0, "sizes still agree"
    tampered = await beside("check", "--config", config)
    assert (tampered.code, tampered.lines[-1]) == (1, "1 disagree")
    assert segment.name in tampered.lines[0]
