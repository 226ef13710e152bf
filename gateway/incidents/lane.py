"""One channel's way out of the outbox: what waits for it is sent one after the other, again and again if need be.

What waits is in the database (`delivery_rows`); here is one page of it. A message is sent at least once: where the
gateway is killed after a receiver took it and before that is written, it is sent again, with the same `message_id`.
Nothing on this side alone can do better. How something is sent is the Sender's.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from gateway.base.clock import Clock
from gateway.base.errors import StorageError
from gateway.base.metrics import DELIVERIES
from gateway.base.supervise import pause
from gateway.incidents import delivery_rows
from gateway.incidents.delivery import Delivery, NotDeliveredError, Sender
from gateway.incidents.delivery_rows import GIVE_UP_NS, MOST_ASKED_FOR
from gateway.media.model import NS, UtcNs
from gateway.store.engine import Database

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 600.0
"""Seconds between attempts: twice as long each time, up to ten minutes."""
IDLE_SECONDS = 60.0
RETRY_SECONDS = 1.0
"""After the database has refused."""


def pause_seconds(attempts: int, *, asked: float = 0.0, random_: Callable[[], float] = random.random) -> float:
    """How long to wait after so many failed attempts, jittered by up to a fifth downwards; at least what was asked for,
    within reason."""
    grown = min(FIRST_PAUSE * 2.0 ** min(attempts - 1, 30), LONGEST_PAUSE)
    return max(grown * (1 - 0.2 * random_()), min(asked, MOST_ASKED_FOR))


class Lane:
    """Sends what waits for one channel, oldest first, one sending at a time.

    After a failure the channel is left alone for longer and longer; only what is new is tried at once, for the receiver
    may be back. When a sending succeeds after several have failed, everything that waits is due.
    """

    def __init__(self, channel: str, sender: Sender, database: Database, clock: Clock) -> None:
        self.channel = channel
        self.sender = sender
        self.failed_ns: UtcNs | None = None
        """When an attempt failed last."""
        self.error: str | None = None
        """Why the last attempt failed; None: it did not."""
        self._database = database
        self._clock = clock
        self._wake = asyncio.Event()
        self._replaced: list[Sender] = []
        self._failures = 0
        """In a row."""
        self._quiet_until = float("-inf")
        self._ending = False

    def wake(self) -> None:
        """There may be something new."""
        self._wake.set()

    def change(self, sender: Sender) -> None:
        """Send by this one from now on, and try at once."""
        self._replaced.append(self.sender)
        self.sender, self._failures, self._quiet_until = sender, 0, float("-inf")
        self._wake.set()

    def end(self) -> None:
        """Let `run` return once what is being sent has been."""
        self._ending = True
        self._wake.set()

    async def run(self) -> None:
        """Send until `end` is called; then close the sender."""
        self._ending, problem = False, ""
        try:
            while not self._ending:
                self._wake.clear()
                try:
                    await self._begin_anew()
                    seconds = await self._step()
                    problem = ""
                except StorageError as error:
                    if str(error) != problem:  # told once, not at each try
                        log.error("what is to be told to %s waits: %s", self.channel, error)
                    problem, seconds = str(error), RETRY_SECONDS
                if seconds > 0 and not self._ending:
                    await pause(self._clock, seconds, self._wake)
        finally:
            await self.sender.close()

    # ---- inside

    async def _begin_anew(self) -> None:
        """After a change: let go of the sender before, and have everything that waits be due."""
        if not self._replaced:
            return
        now_ns = self._clock.utc_ns()
        await self._database.write(lambda connection: delivery_rows.hurry(connection, self.channel, now_ns))
        while self._replaced:
            await self._replaced.pop().close()

    async def _step(self) -> float:
        """Send what is due first, if anything is; then the seconds until there may be more."""
        if (rest := self.sender.wait_seconds()) > 0:
            return rest
        now_ns = self._clock.utc_ns()
        quiet = self._quiet_until - self._clock.monotonic()
        due = await self._database.read(
            lambda connection: delivery_rows.due(connection, self.channel, now_ns, self.sender.most, fresh=quiet > 0)
        )
        if due:
            await self._attempt(due)
            return 0.0
        next_ns = await self._database.read(lambda connection: delivery_rows.next_due(connection, self.channel))
        if next_ns is None:
            return IDLE_SECONDS
        return min(max(quiet, (next_ns - now_ns) / NS, 0.001), IDLE_SECONDS)

    async def _attempt(self, due: Sequence[Delivery]) -> None:
        try:
            remark = await self.sender.send(due)
        except NotDeliveredError as error:
            await self._failed(due, error)
        except Exception as error:
            log.exception("sending to %s failed in an unforeseen way", self.channel)
            await self._failed(due, NotDeliveredError(f"unforeseen: {type(error).__name__}"))
        else:
            await self._delivered(due, remark)

    async def _failed(self, due: Sequence[Delivery], error: NotDeliveredError) -> None:
        now_ns, told = self._clock.utc_ns(), str(error)
        self._failures += 1
        self.failed_ns, self.error = now_ns, told
        self._quiet_until = self._clock.monotonic() + pause_seconds(self._failures, asked=error.retry_after)
        DELIVERIES.labels(self.channel, "failed").inc()
        after: list[tuple[Delivery, str, UtcNs | None]] = []
        for delivery in due:
            attempts = delivery.attempts + 1
            if error.final or now_ns - delivery.created_ns > GIVE_UP_NS:
                DELIVERIES.labels(self.channel, "given_up").inc()
                log.error("%s is not told of alert %d: %s", self.channel, delivery.alert, told)
                after.append((delivery, f"given up after {attempts} attempts: {told}", None))
            else:
                pause_ns = round(pause_seconds(attempts, asked=error.retry_after) * NS)
                after.append((delivery, told, now_ns + pause_ns))
        if self._failures == 1:
            log.warning("%s: %s; it is tried again", self.channel, told)

        def work(connection: Connection) -> None:
            for delivery, why, next_ns in after:
                delivery_rows.failed(connection, delivery, error=why, next_ns=next_ns)

        await self._database.write(work)

    async def _delivered(self, due: Sequence[Delivery], remark: str | None) -> None:
        """Write that it is over before anything else is sent: until that is on disk, a kill would repeat it."""
        now_ns = self._clock.utc_ns()
        back = self._failures > 1
        if self._failures:
            log.info("%s takes messages again", self.channel)
        self._failures, self._quiet_until = 0, float("-inf")
        self.error = None
        DELIVERIES.labels(self.channel, "delivered").inc(len(due))

        def work(connection: Connection) -> None:
            delivery_rows.delivered(connection, due, now_ns, remark)
            if back:
                delivery_rows.hurry(connection, self.channel, now_ns)

        while True:
            try:
                await self._database.write(work)
            except StorageError as error:
                log.error("%s was told, but that cannot be written yet: %s", self.channel, error)
                await self._clock.sleep(RETRY_SECONDS)
            else:
                return
