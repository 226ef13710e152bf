"""What `sightline serve`, `demo` and `simulate` do, and how any command is run."""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop
from pydantic import SecretStr

from gateway.access.rights import Role
from gateway.access.secrets import new_password
from gateway.base.clock import SystemClock
from gateway.base.descriptors import raise_limit
from gateway.base.errors import BadRequestError
from gateway.base.settings import Address, CameraSettings, Settings, load, parse_address
from gateway.commands.state import open_state

if TYPE_CHECKING:
    from gateway.app import Gateway

# The server's parts take a second to import: only the commands that need them do.

DEMO_CAMERAS = 4
DEMO_USER = "demo"
DEMO_WAIT = 20.0


def run(command: Coroutine[Any, Any, int]) -> int:
    """Run a command in an event loop of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(command)


async def serve(arguments: argparse.Namespace) -> int:
    """`sightline serve`: until SIGTERM or SIGINT; SIGHUP reads the settings again."""
    from gateway import app

    app.configure_logging()
    raise_limit()
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
            settings = demo_settings(arguments.settings, Path(folder), cameras)
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


def demo_settings(settings: Settings, folder: Path, cameras: tuple[CameraSettings, ...]) -> Settings:
    """The settings of a demo: on this machine only, with these cameras, on free ports where the usual are taken."""
    return settings.model_copy(
        update={
            "data_dir": folder,
            "database": "",
            "cameras": cameras,
            "http": settings.http.model_copy(
                update={"listen": _free(settings.http.listen, socket.SOCK_STREAM), "public_url": ""}
            ),
            "webrtc": settings.webrtc.model_copy(
                update={
                    "listen": _free("127.0.0.1:8189", socket.SOCK_DGRAM, socket.SOCK_STREAM),
                    "public_addresses": (),
                }
            ),
            "rtsp": settings.rtsp.model_copy(update={"listen": _free("127.0.0.1:8554", socket.SOCK_STREAM)}),
            "discovery": settings.discovery.model_copy(update={"interfaces": ("lo",)}),
        }
    )


def _free(listen: str, *kinds: socket.SocketKind) -> str:
    """`listen` if its port can be had for all kinds, else the same address with a port of the system's choice."""
    address = parse_address(listen)
    for kind in kinds:
        with socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address.host, address.port))
            except OSError:
                return str(Address(address.host, 0))
    return listen
