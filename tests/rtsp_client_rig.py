"""What the tests of the RTSP client share: who receives, sessions that are opened, attempts that must fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.base.clock import ManualClock, SystemClock
from gateway.base.errors import CameraError
from gateway.media.rtp import build_header
from gateway.rtsp.auth import ServerAuthentication
from gateway.rtsp.client import RtspClient, Timeouts
from gateway.rtsp.protocol import Headers, Request, Response
from tests.scripted_camera import ScriptedCamera, running

CLOCK = SystemClock()
SHORT = Timeouts(connect=0.2, reply=0.05, teardown=0.05)


def rtp(sequence: int, ssrc: int = 7) -> bytes:
    return build_header(96, sequence, 0, ssrc) + b"payload"


class Receiver:
    def __init__(self) -> None:
        self.got: list[tuple[str, int, bytes]] = []
        self.errors: list[CameraError] = []
        self.changed = asyncio.Event()

    def rtp(self, index: int, packets: list[bytes]) -> None:
        self.got += [("rtp", index, packet) for packet in packets]
        self.changed.set()

    def rtcp(self, index: int, packets: list[bytes]) -> None:
        self.got += [("rtcp", index, packet) for packet in packets]
        self.changed.set()

    def end(self, error: CameraError) -> None:
        self.errors.append(error)

    async def wait(self, count: int) -> None:
        while len(self.got) < count:
            self.changed.clear()
            await self.changed.wait()


async def settle() -> None:
    """Let everything happen that needs no time to pass."""
    for _ in range(20):
        await asyncio.sleep(0)


@asynccontextmanager
async def opened(
    camera: ScriptedCamera, clock: ManualClock | SystemClock = CLOCK, **options: Any
) -> AsyncIterator[RtspClient]:
    """A session with `camera`, which runs as long."""
    async with running(camera), await RtspClient.open(camera.url(), clock=clock, **options) as session:
        yield session


async def refusal(camera: ScriptedCamera, *, clock: ManualClock | SystemClock = CLOCK, **options: Any) -> CameraError:
    """The error that opening and playing gives."""
    receiver = Receiver()

    async def attempt() -> None:
        async with await RtspClient.open(camera.url(), clock=clock, **options) as session:
            await session.play(receiver)
            await session.wait_closed()

    with pytest.raises(CameraError) as caught:
        await attempt()
    assert caught.value.reason.endswith(".")
    assert str(camera.port) in caught.value.where
    assert "secret" not in repr(caught.value) + caught.value.where + caught.value.reason
    assert receiver.errors in ([], [caught.value])
    return caught.value


def digest(camera: ScriptedCamera, password: str = "secret", *, basic_only: bool = False) -> None:
    """Make `camera` want a password."""
    authentication = ServerAuthentication("cam", {"op": password}.get, allow_basic=basic_only)

    def check(request: Request) -> Response | None:
        verdict = authentication.verify(request.method, request.headers.get("Authorization"), 0.0)
        if verdict.username is not None or request.method == "OPTIONS":
            return None
        fields = authentication.challenges(0.0, stale=verdict.stale)
        return Response(401, Headers.of([("WWW-Authenticate", f) for f in fields if not basic_only or f[0] == "B"]))

    camera.check = check
