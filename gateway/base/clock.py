"""Time as something that is passed in, so that tests need no sleeping and no real time.

Nothing else in the gateway reads the system's clocks or sleeps. asyncio is loaded by who sleeps: a worker process that
only asks what time it is starts in half the time without it.
"""

from __future__ import annotations

import heapq
import itertools
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio


class Clock(Protocol):
    """What the gateway may ask of time."""

    def utc_ns(self) -> int:
        """Nanoseconds since the Unix epoch. May jump."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary origin. Never goes back."""

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` of monotonic time."""


class SystemClock:
    """The machine's own clocks."""

    # Not wrapped: these are asked for every picture of every camera.
    utc_ns = staticmethod(time.time_ns)
    monotonic = staticmethod(time.monotonic)

    async def sleep(self, seconds: float) -> None:  # noqa: D102
        import asyncio

        await asyncio.sleep(seconds)


class ManualClock:
    """A clock for tests: stands still until `advance`."""

    def __init__(self, utc_ns: int = 1_700_000_000_000_000_000) -> None:
        self._utc_ns = utc_ns
        self._monotonic = 1000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def utc_ns(self) -> int:  # noqa: D102
        return self._utc_ns

    def monotonic(self) -> float:  # noqa: D102
        return self._monotonic

    async def sleep(self, seconds: float) -> None:  # noqa: D102
        import asyncio

        waiter = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._monotonic + seconds, next(self._order), waiter))
        await waiter

    @property
    def sleepers(self) -> int:
        """How many tasks are asleep."""
        return sum(not waiter.done() for _, _, waiter in self._sleepers)

    def set_utc_ns(self, utc_ns: int) -> None:
        """Make UTC jump without monotonic time passing."""
        self._utc_ns = utc_ns

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass and wake those whose time has come; they run at the caller's next await."""
        self._monotonic += seconds
        self._utc_ns += round(seconds * 1e9)
        while self._sleepers and self._sleepers[0][0] <= self._monotonic:
            waiter = heapq.heappop(self._sleepers)[2]
            if not waiter.done():
                waiter.set_result(None)
