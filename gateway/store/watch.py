"""Noticing what changed in the database, by whatever process, and letting it take effect.

Whoever changes something raises the revision of its subject in the same transaction (`gateway.store.engine`). What
then has to happen is no concern of this module.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from gateway.base.clock import Clock
from gateway.base.errors import SightlineError
from gateway.base.supervise import TaskOwner, forever, pause
from gateway.store.engine import Database, revisions

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
"""How long another process's change may go unnoticed. This process's own are noticed at once."""


class _Follower:
    """Does what one subject's changes ask for, one after the other: a slow one holds up no other subject."""

    def __init__(self, subject: str, work: Callable[[], Awaitable[None]], clock: Clock) -> None:
        self.subject = subject
        self.due = asyncio.Event()
        self._work = work
        self._clock = clock
        self._problem: str | None = None

    async def run(self) -> None:
        """Work whenever it is due, and again later where it was refused."""
        while True:
            await self.due.wait()
            self.due.clear()
            try:
                await self._work()
            except SightlineError as error:
                if str(error) != self._problem:  # told once, not at each try
                    log.error("the %s stay as they are: %s", self.subject, error)
                self._problem = str(error)
                self.due.set()
                await self._clock.sleep(LOOK_SECONDS)
            else:
                self._problem = None


class Watcher:
    """Looks at the revisions of a database. Name the subjects with `on`, then `look` once, then `run`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._followers: list[_Follower] = []
        self._seen: dict[str, int] | None = None
        self._woken = asyncio.Event()
        database.on_raised.append(self._woken.set)

    def on(self, subject: str, work: Callable[[], Awaitable[None]]) -> None:
        """Have `work` done after each change of `subject`; a SightlineError it raises is told, and it is done again."""
        self._followers.append(_Follower(subject, work, self._clock))

    def wake(self, subject: str) -> None:
        """Have the work of `subject` done although nothing changed in the database."""
        for follower in self._followers:
            if follower.subject == subject:
                follower.due.set()

    async def look(self) -> None:
        """Note the revisions; what is due since the last look is left to `run`."""
        now = await self._database.read(revisions)
        before, self._seen = self._seen, now
        if before is None:
            return
        for follower in self._followers:
            if now.get(follower.subject) != before.get(follower.subject):
                follower.due.set()

    async def run(self) -> None:
        """Look twice a second, and at once after a change of this process. Runs until cancelled."""
        tasks = TaskOwner("revisions")
        for follower in self._followers:
            tasks.start(forever(follower.subject, follower.run, self._clock), name=follower.subject)
        try:
            while True:
                self._woken.clear()
                await self.look()
                await pause(self._clock, LOOK_SECONDS, self._woken)
        finally:
            await tasks.close()
