"""A whole gateway in the test's own event loop, and a client that is logged in to it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from gateway import app
from gateway.access.audit import Audit, Entry
from gateway.access.browsers import Browsers
from gateway.access.log_ins import LogIns
from gateway.access.rights import Role
from gateway.access.secrets import Vault
from gateway.access.tally import Tally
from gateway.access.users import Users
from gateway.base.clock import Clock, SystemClock
from gateway.base.settings import CameraSettings, Settings
from gateway.ingest.fleet import Fleet
from gateway.store.engine import open_catalog
from tests.accounts import CHEAP, PASSWORD


@dataclass
class Client:
    """Calls the gateway with a token, or with whatever headers a test gives."""

    http: aiohttp.ClientSession
    headers: dict[str, str]

    async def call(self, method: str, path: str, **more: Any) -> tuple[int, Any, aiohttp.ClientResponse]:
        """Status, body (parsed if JSON), response."""
        more.setdefault("headers", self.headers)
        async with self.http.request(method, path, allow_redirects=False, **more) as response:
            raw = await response.read()
            body: Any = raw
            if "json" in response.headers.get("Content-Type", ""):
                body = json.loads(raw)
            return response.status, body, response

    async def get(self, path: str, **more: Any) -> Any:
        """The body of a GET that must succeed."""
        status, body, _ = await self.call("GET", path, **more)
        assert status == 200, body
        return body


@dataclass
class Running:
    """A gateway that runs."""

    url: str
    fleet: Fleet
    data_dir: Path
    http: aiohttp.ClientSession
    tokens: dict[Role, str]
    file: list[Settings]
    """What the settings file says: its last item."""
    hangup: asyncio.Event
    """Set it, as SIGHUP does."""
    rtsp_port: int
    rtsps_port: int | None

    async def read_again(self, *cameras: CameraSettings, **sections: dict[str, Any]) -> Any:
        """Have the settings file say this, and the gateway read it again; what came of it."""
        self.file.append(settings(self.data_dir, *cameras, **sections))
        status, body, _ = await self.client().call("POST", "/api/settings/reload")
        assert status == 200, body
        return body

    def client(self, role: Role | None = Role.ADMINISTRATOR) -> Client:
        """A client with that role's token, or with none."""
        headers = {} if role is None else {"Authorization": f"Bearer {self.tokens[role]}"}
        return Client(self.http, headers)

    async def camera(self, camera_id: str, *, live: float = 20.0) -> None:
        """Wait until a camera is live."""
        camera = self.fleet.camera(camera_id)
        assert await camera.live(live), f"{camera.status}: {camera.reason}"

    async def audit(self) -> list[Entry]:
        """The audit's rows, newest first."""
        database = open_catalog(self.data_dir)
        try:
            return await Audit(database, SystemClock()).entries()
        finally:
            database.close()


def settings(data_dir: Path, *cameras: CameraSettings, **sections: dict[str, Any]) -> Settings:
    """Settings on free ports of the loopback."""
    values = {
        "data_dir": data_dir,
        "http": {"listen": "127.0.0.1:0"},
        "webrtc": {"listen": "127.0.0.1:0"},
        "rtsp": {"listen": "127.0.0.1:0", "tls_listen": "127.0.0.1:0"},
        "discovery": {"interfaces": ["lo"]},
        "onvif": {"announce": False},  # a hello hurries the cameras of other gateways that tests run on this machine
        "cameras": list(cameras),
    }
    return Settings.model_validate(values | sections)


@contextlib.asynccontextmanager
async def running(
    data_dir: Path, *cameras: CameraSettings, clock: Clock | None = None, **sections: dict[str, Any]
) -> AsyncIterator[Running]:
    """Run a gateway with one user of each role (password `PASSWORD`) and a token for each."""
    chosen = settings(data_dir, *cameras, **sections)
    clock = clock or SystemClock()
    database = open_catalog(data_dir)
    audit = Audit(database, clock)
    vault = Vault.open(data_dir)
    users = Users(database, vault, audit, clock, passwords=CHEAP)
    log_ins = LogIns(database, users, Browsers(vault, clock), audit, Tally(audit, clock), clock)
    known = {user.name for user in await users.list()}
    tokens = {}
    for role in Role:
        if role.value not in known:
            await users.add(role.value, role, PASSWORD, actor="test", address="local")
        tokens[role] = await log_ins.create_token("test", role.value, actor="test", address="local")
    users.close()
    database.close()

    ready: asyncio.Future[app.Gateway] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    file, hangup = [chosen], asyncio.Event()
    task = asyncio.create_task(
        app.run(chosen, clock, stop=stop, on_ready=ready.set_result, reload=hangup, read_settings=lambda: file[-1])
    )
    await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        await task
    gateway = ready.result()
    try:
        async with aiohttp.ClientSession(gateway.url, cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
            yield Running(
                gateway.url,
                gateway.fleet,
                data_dir,
                http,
                tokens,
                file,
                hangup,
                gateway.rtsp_port,
                gateway.rtsps_port,
            )
    finally:
        stop.set()
        await task


async def close_code(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    """Wait until the gateway closes a socket; the code that it says.

    aiohttp's own `close_code` becomes 1006 where the gateway has gone before its answer is sent.
    """
    while (message := await socket.receive()).type not in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}:
        pass
    return message.data if message.type is aiohttp.WSMsgType.CLOSE else socket.close_code
