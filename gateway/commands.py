"""What each `sightline` command does; those for accounts are in `gateway.account_commands`. They work beside a running
gateway, on its database, and take effect at once.

A command prints its result on standard output and returns its exit code; what goes wrong is raised.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop
from pydantic import SecretStr

from gateway.access.rights import Role
from gateway.access.secrets import new_password
from gateway.base.clock import SystemClock
from gateway.base.errors import BadRequestError, NotFoundError
from gateway.base.settings import CameraSettings, load
from gateway.command_state import line_from_stdin, open_state, table, who
from gateway.ingest.registry import camera_settings

if TYPE_CHECKING:
    from gateway.app import Gateway
    from gateway.recording.check import Progress

# The server's parts take a second to import: only the commands that need them do.

DEMO_CAMERAS = 4
DEMO_USER = "demo"
DEMO_WAIT = 20.0
NOBODY_ANSWERED = """No ONVIF device answered.
Cameras answer on their own network only: is this machine on it, and does its firewall let UDP port 3702 pass?
A camera can also be added by its address: sightline camera add ID URL"""
NO_CAMERAS = 'No cameras yet: find some with "sightline discover", add one with "sightline camera add ID URL".'


def run(command: Coroutine[Any, Any, int]) -> int:
    """Run a command in an event loop of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(command)


# ---- servers


async def serve(arguments: argparse.Namespace) -> int:
    """`sightline serve`: until SIGTERM or SIGINT; SIGHUP reads the settings again."""
    from gateway import app

    app.configure_logging()
    stop, reload = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload.set)

    def ready(gateway: Gateway) -> None:
        print(f"Sightline listens on {gateway.url}", flush=True)

    await app.run(
        arguments.settings,
        SystemClock(),
        stop=stop,
        reload=reload,
        read_settings=lambda: load(arguments.config),
        on_ready=ready,
    )
    return 0


async def demo(arguments: argparse.Namespace) -> int:
    """`sightline demo`: simulated cameras and a gateway, in a directory that is removed at the end."""
    from gateway import app
    from gateway.simulator import Simulation

    app.configure_logging(quiet=True)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    password = new_password()
    with tempfile.TemporaryDirectory(prefix="sightline-demo-") as folder:
        async with Simulation(count=DEMO_CAMERAS, interfaces=("lo",)) as simulation:
            cameras = tuple(
                CameraSettings(
                    id=camera.id,
                    name=camera.name,
                    onvif=camera.onvif_url,
                    username=camera.username,
                    password=SecretStr(camera.password),
                )
                for camera in simulation.cameras
            )
            settings = app.demo_settings(arguments.settings, Path(folder), cameras)
            async with open_state(settings) as state:
                await state.users.add(DEMO_USER, Role.ADMINISTRATOR, password, actor="demo", address="local")
            announcing: list[asyncio.Task[None]] = []

            async def announce(gateway: Gateway) -> None:
                await asyncio.gather(*(camera.live(DEMO_WAIT) for camera in gateway.fleet.cameras.values()))
                print(f"Sightline {gateway.url} {DEMO_USER} {password}", flush=True)

            def ready(gateway: Gateway) -> None:
                announcing.append(asyncio.create_task(announce(gateway), name="demo: announce"))

            try:
                await app.run(settings, SystemClock(), stop=stop, on_ready=ready)
            finally:
                for task in announcing:
                    task.cancel()
                await asyncio.gather(*announcing, return_exceptions=True)
    return 0


async def simulate(arguments: argparse.Namespace) -> int:
    """`sightline simulate`: cameras to find and to add."""
    from gateway import app
    from gateway.simulator import Simulation

    app.configure_logging()
    if not 1 <= arguments.count <= 32:
        raise BadRequestError("--count takes 1 to 32")
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    interfaces = arguments.settings.discovery.interfaces or ("lo",)
    async with Simulation(count=arguments.count, interfaces=interfaces) as simulation:
        for camera in simulation.cameras:
            print(
                f"{camera.id}  {camera.onvif_url}  {camera.rtsp_url}  {camera.username} {camera.password}", flush=True
            )
        await stop.wait()
    return 0


# ---- cameras


async def discover(arguments: argparse.Namespace) -> int:
    """`sightline discover`."""
    if not 0 < arguments.timeout <= 60:
        raise BadRequestError("--timeout takes up to 60 seconds")
    from gateway.ingest.discovery import Finder

    finder = Finder(arguments.settings.discovery.interfaces, SystemClock())
    found = await finder.find(arguments.timeout)
    if arguments.json:
        fields = ("endpoint", "onvif", "name", "model", "location", "address")
        print(json.dumps([{field: getattr(device, field) for field in fields} for device in found], indent=2))
    elif found:
        table(["NAME", "MODEL", "ONVIF"], [[device.name, device.model, device.onvif] for device in found])
    else:
        print(NOBODY_ANSWERED, file=sys.stderr)
    return 0 if found else 1


async def camera_add(arguments: argparse.Namespace) -> int:
    """`sightline camera add`."""
    way_in = "onvif" if arguments.url.startswith(("http://", "https://")) else "url"
    values: dict[str, Any] = {
        "id": arguments.id,
        "name": arguments.name,
        way_in: arguments.url,
        "transport": arguments.transport,
        "record": not arguments.no_record,
        "connect": "on_demand" if arguments.on_demand else "always",
        "groups": arguments.group,
    }
    values |= _given_credentials(arguments)
    async with open_state(arguments.settings) as state:
        await state.registry.add(camera_settings(values), **who())
    print(f"Added {arguments.id}.")
    return 0


async def camera_list(arguments: argparse.Namespace) -> int:
    """`sightline camera list`."""
    async with open_state(arguments.settings) as state:
        configured = await state.registry.all()
    rows = [
        {
            "id": c.settings.id,
            "name": c.settings.label,
            "url": c.settings.onvif or c.settings.url,
            "record": c.settings.record,
            "connect": c.settings.connect,
            "groups": list(c.settings.groups),
            "source": c.origin.value,
        }
        for c in configured
    ]
    if arguments.json:
        print(json.dumps(rows, indent=2))
    elif rows:
        heads = ["ID", "NAME", "GROUPS", "URL", "SOURCE"]
        cells = ({**row, "groups": ",".join(c.settings.groups)} for row, c in zip(rows, configured, strict=True))
        table(heads, [[cell[head.lower()] for head in heads] for cell in cells])
    else:
        print(NO_CAMERAS, file=sys.stderr)
    return 0


async def camera_remove(arguments: argparse.Namespace) -> int:
    """`sightline camera remove`."""
    async with open_state(arguments.settings) as state:
        await state.registry.remove(arguments.id, **who())
    print(f"Removed {arguments.id}; its recordings and positions stay.")
    return 0


async def camera_test(arguments: argparse.Namespace) -> int:
    """`sightline camera test`: one attempt, up to the first keyframe."""
    if "://" in arguments.camera:
        way_in = "onvif" if arguments.camera.startswith("http") else "url"
        settings = camera_settings({"id": "test", way_in: arguments.camera} | _given_credentials(arguments))
    else:
        async with open_state(arguments.settings) as state:
            configured = {c.settings.id: c.settings for c in await state.registry.all()}
        if arguments.camera not in configured:
            raise NotFoundError(f'there is no camera "{arguments.camera}"')
        settings = configured[arguments.camera]
    from gateway.trial import try_camera

    for line in await try_camera(settings, SystemClock()):
        print(line)
    return 0


def _given_credentials(arguments: argparse.Namespace) -> dict[str, str]:
    """What was given beside the URL; a URL may carry its own."""
    given = {"username": arguments.username, "password": line_from_stdin() if arguments.password_stdin else ""}
    return {key: value for key, value in given.items() if value}


# ---- the archive


async def check(arguments: argparse.Namespace) -> int:
    """`sightline check`: what on disk and in the catalog does not agree; 1 when there is anything."""

    from gateway import app

    def progress(now: Progress) -> None:
        share = 100 * now.bytes // max(1, now.of_bytes)
        print(f"\r{now.files} of {now.of_files} files, {share} %", end="", file=sys.stderr, flush=True)

    quiet = not sys.stderr.isatty()
    found = await app.check_archive(
        arguments.settings, SystemClock(), hashes=not arguments.quick, progress=_nothing if quiet else progress
    )
    if not quiet:
        print(file=sys.stderr)
    for disagreement in found:
        print(f"{disagreement.path}: {disagreement.finding.value}: {disagreement.detail}")
    print(f"{len(found)} disagree" if found else "Disk and catalog agree.")
    return 1 if found else 0


def _nothing(_: object) -> None:
    """No progress is shown where nobody looks."""
