"""Everything that keeps the archive within its rules, as one thing to hand around, and what people are told of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.access.audit import Audit
from gateway.access.authority import Authority
from gateway.base.clock import Clock
from gateway.base.settings import Storage
from gateway.base.sizes import written
from gateway.base.workers import Threads
from gateway.ledger.journal import Journals
from gateway.media.model import NS, UtcNs
from gateway.positions.store import PositionStore
from gateway.recording.believed_time import FILE, BelievedTime
from gateway.recording.deletion import Deleter
from gateway.recording.disk_space import DiskSpace, Level, Limits
from gateway.recording.files import Files, Space
from gateway.recording.forecast import NEVER, Growth, days_left, days_until
from gateway.recording.holds import Holds
from gateway.recording.keeper import Keeper
from gateway.recording.retention import Retention
from gateway.recording.usage import DAY_NS, CameraUsage, Usage
from gateway.store.engine import Database

FRESH_SECONDS = 60.0
"""How old what is told of the cameras' use of the disk may be."""


@dataclass(frozen=True, slots=True)
class CameraStorage:
    """One camera of which anything is kept."""

    usage: CameraUsage
    retention_days: float
    """In how many days its oldest is deleted by its own rule; 0: it is by now; NEVER: by none."""
    keep_days: float
    """How long the policy has it kept, holds apart; NEVER: until its room is needed."""
    max_bytes: int | None
    """How much of it the policy has kept, holds apart; None: as much as fits."""


@dataclass(frozen=True, slots=True)
class StorageReport:
    """How full the disk of the recordings is, and how long that goes well."""

    space: Space | None
    """None: the disk has not said yet."""
    limits: Limits
    level: Level
    cameras: Sequence[CameraStorage]
    full_days: float
    """In how many days room has to be made that no rule makes; NEVER: rules make it before."""
    warnings: Sequence[str]


class Keeping:
    """Holds, retention and the disk. `start` it before anything is adopted, run its tasks, `close` it last."""

    def __init__(
        self,
        data_dir: Path,
        database: Database,
        positions: PositionStore,
        files: Files,
        journals: Journals,
        audit: Audit,
        authority: Authority,
        clock: Clock,
        storage: Callable[[], Storage],
    ) -> None:
        self.on_changed: list[Callable[[], None]] = []
        """Called when the disk's level or a warning changes."""
        self.holds = Holds(database, audit, clock)
        self.retention = Retention(authority, self.holds)
        # Threads of their own: what is deleted, or a disk that does not answer, holds up no recorder.
        self._deleting, self._looking = Threads("retention", 1), Threads("disk space", 1)
        self.space = DiskSpace(files, self._looking, clock, storage)
        self._usage = Usage(database)
        deleter = Deleter(database, files, journals, self._deleting, audit, self.holds, clock)
        self._time = BelievedTime(data_dir / FILE, self._deleting, clock)
        self.keeper = Keeper(
            database, self.retention, deleter, self._usage, self.holds, self.space, positions, clock, self._time
        )
        self._clock = clock
        self._cameras: list[CameraUsage] = []
        self._counted_at = float("-inf")
        self._told: tuple[Level, str | None, bool, str | None] = (Level.OK, None, False, None)
        self.holds.on_changed.append(self.keeper.wake)
        authority.on_changed.append(self.keeper.wake)
        self.space.on_looked.append(self._looked)

    async def start(self) -> None:
        """Know the holds and the disk, and finish what was being deleted when the gateway stopped.

        Raises:
            StorageError: database or disk refused.
        """
        await self.holds.load()
        await self.space.look()
        await self.keeper.finish()

    def has_room(self) -> bool:
        """Whether recorders may write more."""
        return self.space.has_room

    def believed_ns(self) -> UtcNs:
        """The time by which what is kept grows old."""
        return self._time.now_ns()

    def close(self) -> None:
        """Wait for what its threads do. Blocks."""
        self._deleting.close()
        self._looking.close()

    async def report(self) -> StorageReport:
        """What there is to tell, at most a minute old.

        Raises:
            StorageError: the database refused.
        """
        if self._clock.monotonic() - self._counted_at >= FRESH_SECONDS:
            await self._usage.refresh()
            self._cameras = await self._usage.of_cameras()
            self._counted_at = self._clock.monotonic()
        now_ns = self._clock.utc_ns()
        cameras = [self._judged(usage, now_ns) for usage in self._cameras]
        growths = [
            Growth(camera.usage.bytes_a_day, camera.retention_days)
            for camera in cameras
            if now_ns - camera.usage.newest_ns < DAY_NS  # others do not grow any more
        ]
        space, limits = self.space.space, self.space.limits
        full = NEVER if space is None else days_until(space.free - limits.keep, growths)
        return StorageReport(space, limits, self.space.level, cameras, full, self.warnings())

    def warnings(self) -> list[str]:
        """What people should know by now, a sentence each."""
        space, told = self.space.space, []
        if space is not None and self.space.level is not Level.OK:
            free = f"{written(space.free)} of {written(space.total)} are free on the disk of the recordings"
            told.append(f"{free}. {self._what_follows()}")
        if self.keeper.problem is not None:
            told.append(f"Recordings stay although they are due: {self.keeper.problem}.")
        if self._time.problem is not None:
            told.append(f"{self._time.problem}.")
        return told

    # ---- inside

    def _what_follows(self) -> str:
        if self.space.level is Level.FULL:
            return "Nothing is recorded until there is more: nothing that is kept may be deleted."
        if self.keeper.nothing_left:
            return "Nothing more may be deleted: recording will stop when it is full."
        if self.space.level is Level.CLEARING:
            return "The oldest recordings that may be deleted are."
        return f"Below {written(self.space.limits.keep)} the oldest recordings that may be deleted are."

    def _judged(self, usage: CameraUsage, now_ns: UtcNs) -> CameraStorage:
        keep_seconds, max_bytes = self.retention.keep_seconds(usage.camera), self.retention.max_bytes(usage.camera)
        keep_days = NEVER if keep_seconds is None else keep_seconds * NS / DAY_NS
        age_days = (now_ns - usage.oldest_ns) / DAY_NS
        left = days_left(keep_days, age_days, max_bytes, usage.bytes, usage.bytes_a_day)
        return CameraStorage(usage, left, keep_days, max_bytes)

    def _looked(self) -> None:
        now = self.space.level, self.keeper.problem, self.keeper.nothing_left, self._time.problem
        if now != self._told:
            self._told = now
            for listener in self.on_changed:
                listener()
