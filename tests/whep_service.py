"""A Whep on a port of its own, and a camera that sends decodable pictures, for tests with viewers that are not ours."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

from gateway.base.clock import ManualClock, SystemClock
from gateway.base.settings import Address
from gateway.hub import Hub
from gateway.media.model import AccessUnit, Codec, TimeSource, Track
from gateway.viewing.budget import Budget
from gateway.viewing.renditions import Lower
from gateway.viewing.whep import Session, Whep
from gateway.webrtc.port import open_port
from tests.webrtc_samples import UTC, AiortcViewer, audio_track, encoded

OWNER = b"owner"


class Service:
    """A Whep on a port of its own, and a camera that sends 30 decodable pictures a second."""

    def __init__(self, whep: Whep, hub: Hub) -> None:
        self.whep = whep
        self.hub = hub
        self.held = 0
        self.asked: list[str] = []
        self.anchors: list[tuple[bytes, str, int, int]] = []
        self.counts: list[int] = []
        whep.on_anchor.append(lambda *anchor: self.anchors.append(anchor))
        whep.on_viewers.append(lambda camera: self.counts.append(whep.viewers(camera)))

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        self.held += 1
        try:
            yield
        finally:
            self.held -= 1

    async def watch(self, viewer: AiortcViewer) -> Session:
        session = await self.whep.create("cam", self.hub, await viewer.offer(), owner=OWNER, hold=self.hold)
        await viewer.accept(session.answer)
        return session


@contextlib.asynccontextmanager
async def serving(
    clock: SystemClock | ManualClock,
    *tracks: Track,
    max_sessions: int = 10,
    host: str = "127.0.0.1",
    lower: Callable[[str, Hub, Codec], Sequence[Lower]] = lambda *_: (),
    max_transcodes: int = 10,
) -> AsyncIterator[Service]:
    hub = Hub("cam")
    if tracks:
        hub.open(tracks)
    asked: list[str] = []
    port = await open_port(Address(host, 0), clock)

    def ask(camera_id: str) -> bool:
        asked.append(camera_id)
        return True

    budget = Budget(max_transcodes)
    whep = Whep(port, clock, request_keyframe=ask, lower=lower, budget=budget, max_sessions=max_sessions)
    service = Service(whep, hub)
    service.asked = asked
    runner = asyncio.create_task(whep.run())
    try:
        yield service
    finally:
        runner.cancel()
        await whep.close()
        await asyncio.gather(runner, return_exceptions=True)
        assert whep.sessions == ()
        assert port.peers == 0
        assert hub.readers == ()
        assert service.held == 0
        assert budget.running == 0


@contextlib.asynccontextmanager
async def camera(hub: Hub, *, with_sound: bool = False) -> AsyncIterator[None]:
    """Publishes for as long as the block lasts."""

    async def film() -> None:
        track = audio_track(Codec.PCMU)
        while True:
            for index, unit in enumerate(encoded(60, 30)):
                hub.publish(unit)
                if with_sound:
                    samples = bytes(267)
                    ticks = index * 267
                    hub.publish(
                        AccessUnit(track, ticks, ticks, unit.utc_ns, TimeSource.RTCP, UTC, (samples,), True, 267)
                    )
                await asyncio.sleep(0.01)

    hub.open((encoded(60, 30)[0].track, *([audio_track(Codec.PCMU)] if with_sound else [])))
    task = asyncio.create_task(film())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], object], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)
