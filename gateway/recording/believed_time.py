"""The time by which what is kept grows old: the machine's clock, unless it has jumped ahead of all that is known.

A clock that comes up years ahead, with an empty battery or a wrong time server, would make everything too old at once.
How much time has passed is known while the gateway runs, and since the last time it ran a file says what was believed:
recordings do not, as they take the new time at once. A clock that is more than a day ahead of that is not believed
before something keeps it synchronised, or a person says so. One that lies behind deletes nothing, and needs no guard.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

from gateway.base.clock import Clock
from gateway.base.clock_state import ClockState, Synchronisation, clock_state
from gateway.base.rfc3339 import format_utc, parse_utc
from gateway.base.workers import Threads
from gateway.media.model import NS, UtcNs

log = logging.getLogger(__name__)

FILE = "believed-time"
"""In `data_dir`: a time as in RFC 3339, up to which the gateway has believed its clock."""
AHEAD_NS = 86_400 * NS


class BelievedTime:
    """Call `start` before anything else, and `look` now and then: what it finds is kept."""

    def __init__(
        self, path: Path, threads: Threads, clock: Clock, state: Callable[[], ClockState] = clock_state
    ) -> None:
        self.problem: str | None = None
        """Why the clock is not believed, as sentences that say what to do; None: it is."""
        self._path = path
        self._threads = threads
        self._clock = clock
        self._state = state
        self._stale = False
        """The file could not be written the last time."""
        self._utc_ns = clock.utc_ns()
        self._at = clock.monotonic()

    async def start(self, newest_ns: UtcNs | None) -> None:
        """Go on from where the last run was; without its file, from `newest_ns`, the end of the newest recording."""
        known_ns = self._clock.utc_ns() if newest_ns is None else newest_ns
        try:
            known_ns = parse_utc((await self._threads.run(self._path.read_text)).strip())
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            log.error("%s holds no time (%s): going by the newest recording", self._path, error)
        self._utc_ns, self._at = known_ns, self._clock.monotonic()

    def now_ns(self) -> UtcNs:
        """The time that is believed now, which nobody keeps."""
        clock_ns, known_ns, believed = self._judged()
        return clock_ns if believed else known_ns

    async def look(self) -> UtcNs:
        """The time that is believed now; what is found is kept, and told."""
        clock_ns, known_ns, believed = self._judged()
        before, self.problem = self.problem, None
        if not believed:
            self.problem = (
                f"The clock jumped ahead to {format_utc(clock_ns)}: recordings are deleted for their age as if it were "
                f"{format_utc(known_ns)}, until a time server keeps the clock. If it is right, write the time into "
                f"{self._path} and restart the gateway"
            )
            if before is None:
                log.error("%s", self.problem)
        self._utc_ns, self._at = clock_ns if believed else known_ns, self._clock.monotonic()
        try:
            await self._threads.run(self._keep, format_utc(self._utc_ns))
            self._stale = False
        except OSError as error:  # a full disk: what was kept before says less, and nothing that is wrong
            if not self._stale:
                log.warning("%s cannot be written: %s", self._path, error.strerror or error)
            self._stale = True
        return self._utc_ns

    def _judged(self) -> tuple[UtcNs, UtcNs, bool]:
        """What the clock says, what it would say by all that is known, and whether it is believed."""
        clock_ns = self._clock.utc_ns()
        known_ns = self._utc_ns + round((self._clock.monotonic() - self._at) * NS)
        kept = self._state().synchronisation is Synchronisation.SYNCHRONISED
        return clock_ns, known_ns, kept or clock_ns - known_ns <= AHEAD_NS

    def _keep(self, text: str) -> None:
        """In a thread. Whole or not at all, also when the power fails: renamed into place when it is on the disk."""
        part = self._path.with_name(f"{FILE}.part")
        with part.open("w") as file:
            file.write(f"{text}\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._path)
