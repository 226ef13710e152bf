"""A camera's Hub, and what a worker process makes of it: the stage for tests of Transcode and Opus."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from typing import Generic, Protocol, TypeVar

from gateway.base.clock import ManualClock
from gateway.hub import Hub, Start
from gateway.media.model import AccessUnit, Item


class Maker(Protocol):
    """A Transcode or an Opus."""

    hub: Hub
    deaths: int

    @property
    def pid(self) -> int | None: ...

    async def run(self) -> None: ...


M = TypeVar("M", bound=Maker)


class Workshop(Generic[M]):
    """What `make` makes of `hub`, whose clock stands still."""

    def __init__(self, make: Callable[[Hub, ManualClock], M]) -> None:
        self.clock = ManualClock()
        self.hub = Hub("cam")
        self.maker = make(self.hub, self.clock)
        self.out = self.maker.hub.subscribe("test", start=Start.OLDEST)
        self.items: list[Item] = []

    async def until(self, condition: Callable[[], object], seconds: float = 20) -> None:
        """Read what comes out until `condition` holds."""
        async with asyncio.timeout(seconds):
            while not condition():
                self.items += await self.out.batch()

    async def holds(self, condition: Callable[[], object]) -> None:
        """Wait until `condition` holds, whatever comes out."""
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.01)

    async def kill(self) -> None:
        """Have the worker die; another one may start."""
        deaths, pid = self.maker.deaths, self.maker.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await self.holds(lambda: self.maker.deaths > deaths)
        self.clock.advance(0)

    @property
    def units(self) -> list[AccessUnit]:
        """What came out so far, without the Gaps."""
        return [item for item in self.items if isinstance(item, AccessUnit)]


@contextlib.asynccontextmanager
async def working(shop: Workshop[M]) -> AsyncIterator[asyncio.Task[None]]:
    """Run it for as long as the block lasts; nothing of it remains then."""
    task = asyncio.create_task(shop.maker.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert shop.maker.hub.closed
    assert shop.hub.readers == ()
