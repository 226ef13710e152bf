"""A thousand people come and go, each in another way than the last: nothing of their sessions remains in the gateway.

The gateway is a process of its own, so that what it keeps is not mixed with what the viewers keep. SOAK_SESSIONS
changes how many come.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from gateway.simulator import Simulation
from tests.command_line import Served, beside, serving
from tests.webrtc_samples import AiortcViewer

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

SESSIONS = int(os.environ.get("SOAK_SESSIONS", "1000"))
WARM_UP = SESSIONS // 5
AT_A_TIME = 5
GONE_SECONDS = 30.0
MOST_GROWTH_MB = 12.0
POOLED = 2
"""Threads of a bounded pool that may start late: the database's readers."""
RESTART = f"a=ice-ufrag:another\r\na=ice-pwd:{'x' * 22}\r\n"


@dataclass(frozen=True, slots=True)
class Kept:
    """What a process holds."""

    files: int
    threads: int
    resident_mb: float

    @classmethod
    def by(cls, pid: int) -> Kept:
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        files = len(os.listdir(f"/proc/{pid}/fd"))
        return cls(files, int(status["Threads"]), int(status["VmRSS"].split()[0]) / 1024)


class Crowd:
    """Viewers of one camera, each of whom leaves in another way than the one before."""

    def __init__(self, http: aiohttp.ClientSession, url: str, token: str) -> None:
        self.http, self.url = http, url
        self.headers = {"Authorization": f"Bearer {token}"}
        self.endings: list[Callable[[AiortcViewer, str], Awaitable[None]]] = [
            self.by_delete,
            self.by_goodbye,
            self.by_silence,
            self.after_a_restart,
        ]

    async def one(self, number: int) -> None:
        viewer = AiortcViewer("video")
        headers = self.headers | {"Content-Type": "application/sdp"}
        offer = await viewer.offer()
        async with self.http.post(f"{self.url}/api/cameras/cam/whep", data=offer, headers=headers) as response:
            assert response.status == 201, await response.text()
            location, answer = f"{self.url}{response.headers['Location']}", await response.text()
        await viewer.accept(answer)
        number_of_port = int(answer.split(" typ host")[0].split()[-1])
        _, stream = await asyncio.open_connection("127.0.0.1", number_of_port)  # a browser tries TCP as well
        async with asyncio.timeout(30):
            while not viewer.received["video"]:
                await asyncio.sleep(0.02)
        await self.endings[number % len(self.endings)](viewer, location)
        await viewer.close()
        stream.close()

    async def by_delete(self, _: AiortcViewer, location: str) -> None:
        async with self.http.delete(location, headers=self.headers) as response:
            assert response.status == 200

    async def by_goodbye(self, viewer: AiortcViewer, _: str) -> None:
        await viewer.close()

    async def by_silence(self, viewer: AiortcViewer, _: str) -> None:
        for protocol in viewer.transport().transport._connection._protocols:
            protocol.transport.abort()

    async def after_a_restart(self, viewer: AiortcViewer, location: str) -> None:
        headers = self.headers | {"Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*"}
        async with self.http.patch(location, data=RESTART, headers=headers) as response:
            assert response.status == 200
        await self.by_delete(viewer, location)

    async def come_and_go(self, count: int) -> None:
        for start in range(0, count, AT_A_TIME):
            await asyncio.gather(*(self.one(number) for number in range(start, min(count, start + AT_A_TIME))))

    async def all_gone(self) -> None:
        """Returns when the gateway knows nobody who watches."""
        async with asyncio.timeout(GONE_SECONDS):
            while True:
                async with self.http.get(f"{self.url}/api/cameras/cam", headers=self.headers) as response:
                    if not (await response.json())["viewers"]:
                        return
                await asyncio.sleep(0.2)


async def set_up(folder: Path, url: str) -> tuple[Path, str]:
    """A settings file with the camera at `url`, and a token."""
    config = folder / "sightline.toml"
    config.write_text(
        f'data_dir = "{folder / "data"}"\n[http]\nlisten = "127.0.0.1:0"\n'
        '[webrtc]\nlisten = "127.0.0.1:0"\n[rtsp]\nlisten = "127.0.0.1:0"\n'
        f'[discovery]\ninterfaces = ["lo"]\n[[cameras]]\nid = "cam"\nurl = "{url}"\nrecord = false\n'
    )
    made = await beside(
        "user", "add", "ann", "--role", "dispatcher", "--password-stdin", "--config", config, stdin="x" * 12
    )
    assert made.code == 0, made.err
    token = await beside("token", "create", "crowd", "--user", "ann", "--config", config)
    return config, token.out.strip()


async def kept(served: Served) -> Kept:
    await asyncio.sleep(2)  # what was closed is closed by then
    return Kept.by(served.process.pid)


async def test_nothing_remains(tmp_path: Path, record_property) -> None:
    async with Simulation(count=1, interfaces=("lo",), password="hush", width=320, height=180) as simulation:
        unit = simulation.cameras[0]
        url = urlsplit(unit.rtsp_url)
        config, token = await set_up(tmp_path, url._replace(netloc=f"{unit.username}:hush@{url.netloc}").geturl())
        async with serving(config) as served, aiohttp.ClientSession() as http:
            crowd = Crowd(http, served.url, token)
            await crowd.come_and_go(WARM_UP)
            await crowd.all_gone()
            before = await kept(served)
            await crowd.come_and_go(SESSIONS - WARM_UP)
            await crowd.all_gone()
            after = await kept(served)
    record_property("before", str(before))
    record_property("after", str(after))
    print(before, after)
    assert after.files <= before.files
    assert after.threads <= before.threads + POOLED
    assert after.resident_mb - before.resident_mb < MOST_GROWTH_MB
