"""Keeps the archive within its rules: looks now and then, or when the disk needs room, and has deleted what is due.

What is due is `retention`'s to say, how it is deleted `deletion`'s. Here is only when, in which steps, and what goes
with the media: positions and gaps of times of which nothing is kept any more. Nothing here holds up a recorder: a step
takes a few Segments, and others come in between.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from sqlalchemy import BigInteger, Connection, bindparam, func, select

from gateway.base.clock import Clock
from gateway.base.errors import StorageError
from gateway.base.metrics import RETENTION_ERRORS
from gateway.base.supervise import pause
from gateway.media.model import UtcNs
from gateway.positions.store import PositionStore
from gateway.recording.believed_time import BelievedTime
from gateway.recording.deletion import Deleter, Doomed
from gateway.recording.disk_space import DiskSpace
from gateway.recording.holds import Holds
from gateway.recording.retention import BEGINNING, ROOM, Interval, Retention
from gateway.recording.rows import SegmentRow
from gateway.recording.usage import RECOUNT_SECONDS, Usage
from gateway.store.engine import Database
from gateway.store.tables import deletions as _deletions
from gateway.store.tables import gaps as _gaps
from gateway.store.tables import segments as _segments

log = logging.getLogger(__name__)

LOOK_SECONDS = 1800.0
"""How late a rule may be kept, if the disk does not need the room sooner."""
HURRY_SECONDS = 10.0
"""As long as the disk needs room, and nothing may be deleted: some of it may be by then."""
PLAN = 256
"""Segments that are chosen at a time, the oldest of all cameras."""
STEP = 32
"""Of these, as many of one camera are deleted at a time."""
BREATH_SECONDS = 0.1
"""Between two steps."""
RETRY_SECONDS = 5.0
GAP_PAGE = 500
LATEST = 1000
"""Rows of the catalog of which one is the newest recording's: imported ones may have come after it."""


class Keeper:
    """Deletes what is due. One `run` task; `finish` comes before anything is adopted."""

    def __init__(
        self,
        database: Database,
        retention: Retention,
        deleter: Deleter,
        usage: Usage,
        holds: Holds,
        space: DiskSpace,
        positions: PositionStore,
        clock: Clock,
        time: BelievedTime,
    ) -> None:
        self.problem: str | None = None
        """Why nothing can be deleted, as a sentence; None: all is well."""
        self.nothing_left = False
        """The disk needs room, and nothing more may be deleted."""
        self._database = database
        self._retention = retention
        self._deleter = deleter
        self._usage = usage
        self._holds = holds
        self._space = space
        self._positions = positions
        self._clock = clock
        self._time = time
        self._due = asyncio.Event()
        self._counted_at = float("-inf")
        space.on_looked.append(self._looked)

    def wake(self) -> None:
        """Look soon: rules or holds changed."""
        self._due.set()

    async def finish(self) -> None:
        """Finish what the last run of the gateway had begun to delete, and know what time it was then."""
        await self._time.start(await self._database.read(_newest))
        if left := await self._deleter.finish():
            log.warning("finished %d deletions that were begun before the gateway stopped", left)

    async def run(self) -> None:
        """Look every half hour, and whenever there is a reason. Runs until cancelled."""
        while True:
            self._due.clear()
            try:
                await self.look()
            except StorageError as error:
                RETENTION_ERRORS.inc()
                if self.problem != str(error):
                    log.error("recordings stay although they are due: %s", error)
                self.problem = str(error)
                self._usage.start_anew()  # it is not known how much of a step was done
                await self._clock.sleep(RETRY_SECONDS)
                continue
            self.problem = None
            await pause(self._clock, HURRY_SECONDS if self.nothing_left else LOOK_SECONDS, self._due)

    async def look(self) -> None:
        """Delete all that is due now, step by step.

        Raises:
            StorageError: disk or database refused; what was begun is finished by the next look.
        """
        await self._deleter.finish()
        now_ns = await self._time.look()
        await self._count()
        while doomed := await self._plan(now_ns):
            for step in _steps(doomed):
                if step[0].rule == ROOM and self._space.wanted == 0:
                    self._usage.start_anew()  # somebody else has made room
                    await self._usage.refresh()
                    break
                gone = await self._deleter.delete(step)
                self._usage.kept(row.segment for row in step if row.segment not in gone)
                await self._space.look()
                await self._clock.sleep(BREATH_SECONDS)
        self.nothing_left = self._space.wanted > 0
        for camera in sorted({*self._usage.cameras, *await self._positions.cameras()}):
            await self._delete_what_goes_along(camera, now_ns)

    # ---- inside

    def _looked(self) -> None:
        """The disk was looked at: act when it has come to need room, not each second as long as nothing can be done."""
        if self._space.wanted > 0 and not self.nothing_left:
            self._due.set()
        elif self._space.wanted == 0:
            self.nothing_left = False

    async def _count(self) -> None:
        if self._clock.monotonic() - self._counted_at >= RECOUNT_SECONDS:
            self._usage.start_anew()
            self._counted_at = self._clock.monotonic()
        await self._usage.refresh()
        categories = self._retention.limited_categories
        for camera in self._usage.cameras if categories else ():
            await self._usage.count_categories(camera, self._holds.active(camera), categories)

    async def _plan(self, now_ns: UtcNs) -> list[Doomed]:
        """The oldest Segments that are due, of all cameras, as if each were gone when the next is judged."""
        wanted = self._space.wanted
        self._retention.stored, self._retention.room_needed = self._usage.stored, wanted > 0
        cameras = self._usage.cameras
        found = await self._database.read(partial(self._candidates, cameras=cameras, now_ns=now_ns))
        doomed: list[Doomed] = []
        for segment in heapq.merge(*found, key=lambda segment: segment.start_ns):
            verdict = self._retention.ruling(segment, now_ns)
            if not verdict.delete:
                continue
            doomed.append(Doomed(segment, verdict.why))
            self._usage.removed(segment, self._retention.categories(segment))
            wanted -= segment.size
            self._retention.room_needed = wanted > 0
            if len(doomed) == PLAN:
                break
        return doomed

    def _candidates(self, connection: Connection, cameras: Sequence[str], now_ns: UtcNs) -> list[list[SegmentRow]]:
        """In a database thread."""
        return [self._retention.candidates(connection, camera, now_ns, PLAN // 4) for camera in cameras]

    async def _delete_what_goes_along(self, camera: str, now_ns: UtcNs) -> None:
        """Positions and gaps of times of which nothing is kept: neither by a rule or hold, nor any media."""
        shed_ns = await self._database.read(partial(_shed, camera=camera))
        for interval in self._retention.let_go(camera, now_ns, shed_ns):
            empty = await self._database.read(partial(_empty, camera=camera, interval=interval))
            if empty.start_ns < empty.end_ns:
                await self._positions.delete_between(camera, empty.start_ns, empty.end_ns)
                await self._delete_gaps(camera, empty)

    async def _delete_gaps(self, camera: str, interval: Interval) -> None:
        while await self._database.write(partial(_forget_gaps, camera=camera, interval=interval)) == GAP_PAGE:
            await self._clock.sleep(BREATH_SECONDS)


def _steps(doomed: Iterable[Doomed]) -> Iterator[list[Doomed]]:
    """In portions of one camera and rule, which is what a row of the audit tells of."""
    portions: dict[tuple[str, str], list[Doomed]] = defaultdict(list)
    for row in doomed:
        portions[row.segment.camera, row.rule].append(row)
    for rows in portions.values():
        yield from (rows[first : first + STEP] for first in range(0, len(rows), STEP))


# ---- in the database's threads

# Made once: they are asked for each camera at each look, and to make one takes longer than to answer it.
_start, _mine = _segments.c.start_ns, _segments.c.camera == bindparam("camera")
_from, _to = bindparam("from_ns", type_=BigInteger), bindparam("to_ns", type_=BigInteger)
_SHED = select(func.max(_deletions.c.start_ns)).where(_deletions.c.camera == bindparam("camera"))
_BEFORE = select(_segments.c.end_ns).where(_mine, _start < _from).order_by(_start.desc()).limit(1)
_AFTER = select(_start).where(_mine, _start >= _from, _start < _to).order_by(_start).limit(1)


def _newest(connection: Connection) -> UtcNs | None:
    """Up to when anything is recorded."""
    latest = select(_segments.c.end_ns).order_by(_segments.c.id.desc()).limit(LATEST).subquery()
    newest_ns: UtcNs | None = connection.scalar(select(func.max(latest.c.end_ns)))
    return newest_ns


def _shed(connection: Connection, camera: str) -> UtcNs:
    """Up to where Segments of a camera were deleted."""
    shed_ns = connection.scalar(_SHED, {"camera": camera})
    return BEGINNING if shed_ns is None else shed_ns


def _empty(connection: Connection, camera: str, interval: Interval) -> Interval:
    """The part of `interval` before its first Segment: the whole of it, unless a deletion is under way."""
    values = {"camera": camera, "from_ns": interval.start_ns, "to_ns": interval.end_ns}
    start_ns, end_ns = connection.scalar(_BEFORE, values), connection.scalar(_AFTER, values)
    return Interval(
        interval.start_ns if start_ns is None else max(interval.start_ns, start_ns),
        interval.end_ns if end_ns is None else end_ns,
    )


def _forget_gaps(connection: Connection, camera: str, interval: Interval) -> int:
    within = (
        _gaps.c.camera == camera,
        _gaps.c.start_ns >= interval.start_ns,
        _gaps.c.start_ns < interval.end_ns,
        _gaps.c.end_ns <= interval.end_ns,
    )
    page = select(_gaps.c.id).where(*within).order_by(_gaps.c.start_ns).limit(GAP_PAGE)
    return connection.execute(_gaps.delete().where(_gaps.c.id.in_(page))).rowcount
