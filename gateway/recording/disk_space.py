"""How much room the disk of the recordings has, and what follows from it: a warning, clearing, or that nothing fits.

Looked at once a second, in a thread of its own: a disk that stalls holds up nobody. What is deleted is `retention`'s
and `keeper`'s to say; recorders only ask `has_room`. Some room is always left to the database and the ledger, without
which nobody could log in any more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from gateway.base.clock import Clock
from gateway.base.metrics import DISK_FREE, DISK_LEVEL, DISK_TOTAL
from gateway.base.settings import Storage
from gateway.base.sizes import bytes_of, written
from gateway.base.workers import Threads
from gateway.recording.files import Files, Space

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
MAX_RESERVE = 1 << 30
"""What is left to the database: a hundredth of the disk, and no more than this."""


class Level(StrEnum):
    """How full the disk is, best first."""

    OK = "ok"
    LOW = "low"
    """Less is free than `warn_free`."""
    CLEARING = "clearing"
    """Less than `keep_free`: the oldest that may be deleted is."""
    FULL = "full"
    """Nothing more is recorded until there is room."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes of a disk that are to be free."""

    warn: int
    keep: int
    reserve: int
    """Recorders stop here."""


def limits(storage: Storage, total: int) -> Limits:
    """What the settings mean on a disk with `total` bytes."""
    keep = bytes_of(storage.keep_free, total)
    return Limits(max(keep, bytes_of(storage.warn_free, total)), keep, min(keep, total // 100, MAX_RESERVE))


class DiskSpace:
    """The disk under `files`. `run` it; others read what it found."""

    def __init__(self, files: Files, threads: Threads, clock: Clock, storage: Callable[[], Storage]) -> None:
        self.on_looked: list[Callable[[], None]] = []
        """Called after each look."""
        self.level = Level.OK
        self.space: Space | None = None
        """None: nobody has looked yet, or the disk does not say."""
        self.has_room = True
        """Whether anything more may be recorded. Read by writer threads."""
        self._files = files
        self._threads = threads
        self._clock = clock
        self._storage = storage
        self._problem: str | None = None

    @property
    def limits(self) -> Limits:
        """What the settings mean on this disk."""
        return limits(self._storage(), self.space.total if self.space else 0)

    @property
    def wanted(self) -> int:
        """Bytes that are to be freed now; 0: none. More than `keep_free` asks for, so that it is not done often."""
        if self.space is None or self.level not in {Level.CLEARING, Level.FULL}:
            return 0
        return max(0, self.limits.keep + self.limits.keep // 20 - self.space.free)

    async def run(self) -> None:
        """Look once a second. Runs until cancelled."""
        while True:
            await self.look()
            await self._clock.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Ask the disk now."""
        try:
            space = await self._threads.run(self._files.space)
        except OSError as error:
            if str(error) != self._problem:
                log.error("the disk does not say how much room it has: %s", error)
            self._problem = str(error)
            return
        self._problem = None
        self.space = space
        DISK_FREE.set(space.free)
        DISK_TOTAL.set(space.total)
        self._judge(space)
        for listener in self.on_looked:
            listener()

    def _judge(self, space: Space) -> None:
        bounds, before = self.limits, self.level
        if self.has_room:
            self.has_room = space.free >= bounds.reserve
        else:
            self.has_room = space.free >= min(2 * bounds.reserve, bounds.keep)
        # What clearing has reached it keeps for a while, and a warning does not come and go with each Segment.
        clearing = bounds.keep + (bounds.keep // 20 if before in {Level.CLEARING, Level.FULL} else 0)
        low = bounds.warn + (bounds.warn // 20 if before is not Level.OK else 0)
        if not self.has_room:
            self.level = Level.FULL
        elif space.free < clearing:
            self.level = Level.CLEARING
        else:
            self.level = Level.LOW if space.free < low else Level.OK
        for level in Level:
            DISK_LEVEL.labels(level.value).set(level is self.level)
        if self.level is not before:
            free = f"{written(space.free)} of {written(space.total)} are free"
            severity = logging.INFO if self.level is Level.OK else logging.WARNING
            log.log(severity, "the disk of the recordings is %s: %s", self.level.value, free)
