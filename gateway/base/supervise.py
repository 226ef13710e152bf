"""Named, guarded tasks and the one loop that retries.

Every task of the gateway has an owner that awaits its end. A Source makes one attempt and raises; only `retry` tries
again, with a jittered, growing pause that shutdown interrupts.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from gateway.base.clock import Clock

log = logging.getLogger(__name__)

RESTART_SECONDS = 1.0

T = TypeVar("T")


class Backoff:
    """How long to wait before the next attempt.

    At once after the first failure since things were well; then 1 s, growing by half up to `ceiling` (5 s), and up to
    `patient_ceiling` (30 s) once `patience` (ten minutes) have passed without success. Each pause is jittered by up to
    a fifth, downwards, so that a fleet does not come back in step.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        ceiling: float = 5.0,
        patient_ceiling: float = 30.0,
        patience: float = 600.0,
        random_: Callable[[], float] = random.random,
    ) -> None:
        self._clock = clock
        self._ceiling = ceiling
        self._patient_ceiling = patient_ceiling
        self._patience = patience
        self._random = random_
        self._failures = 0
        self._failing_since: float | None = None

    def succeeded(self) -> None:
        """Things are well: the next failure is retried at once."""
        self._failures = 0
        self._failing_since = None

    def failed(self) -> float:
        """Note a failure; returns the seconds to wait."""
        now = self._clock.monotonic()
        if self._failing_since is None:
            self._failing_since = now
        self._failures += 1
        if self._failures == 1:
            return 0.0
        patient = now - self._failing_since >= self._patience
        pause = min(1.5 ** (self._failures - 2), self._patient_ceiling if patient else self._ceiling)
        return pause * (1 - 0.2 * self._random())


def cancel_once(task: asyncio.Task[Any]) -> None:
    """Cancel `task` unless it is being cancelled already: a second time would interrupt it while it cleans up."""
    if not task.cancelling():
        task.cancel()


class TaskOwner:
    """Owns a set of named tasks: logs the one that ends by an exception, and ends them all on `close`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, coroutine: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        """Run `coroutine` as a task of that name."""
        task = asyncio.create_task(coroutine, name=f"{self.name}: {name}")
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task %s failed", task.get_name(), exc_info=error)

    @property
    def running(self) -> int:
        """How many tasks have not ended."""
        return len(self._tasks)

    async def join(self) -> None:
        """Wait until each task has ended by itself."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Cancel every task and wait until each has ended."""
        tasks = list(self._tasks)
        for task in tasks:
            cancel_once(task)
        await asyncio.gather(*tasks, return_exceptions=True)


async def to_end(work: Coroutine[Any, Any, T]) -> T:
    """Await `work`; who is cancelled meanwhile waits until it has ended, and is cancelled then.

    For what changes memory after the database has changed: half of it would be done again, or never.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("what was waited for at the end failed: %s", error)
        raise


async def pause(clock: Clock, seconds: float, until: asyncio.Event) -> None:
    """Wait `seconds`, or until `until` is set if that is sooner."""
    waits = {asyncio.ensure_future(clock.sleep(seconds)), asyncio.ensure_future(until.wait())}
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def forever(name: str, work: Callable[[], Awaitable[None]], clock: Clock) -> None:
    """Run `work` for ever: when it ends or fails, which it never should, say so and start it again a second later."""
    while True:
        try:
            await work()
            log.error("%s ended; it never should", name)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("%s failed; it is started again", name)
        await clock.sleep(RESTART_SECONDS)
