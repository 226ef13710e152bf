"""How much is kept of each camera, since when, and how fast it grows. Counted in small steps, then kept up to date.

What is stored belongs to the catalog; here it is only summed up, so that nobody has to read millions of rows to know
how much there is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection, func, select

from gateway.base.policy import DEFAULT_CATEGORY
from gateway.media.model import NS, UtcNs
from gateway.recording.holds import Hold
from gateway.recording.rows import SegmentRow
from gateway.store.engine import Database
from gateway.store.tables import segments as _segments

STEP = 100_000
"""Rows that are summed up in one query."""
DAY_NS = 86_400 * NS
RECOUNT_SECONDS = 86_400.0
"""Everything is counted anew this often: other processes may have taken something out of the catalog."""


@dataclass(frozen=True, slots=True)
class CameraUsage:
    """One camera's finished Segments."""

    camera: str
    bytes: int
    oldest_ns: UtcNs
    newest_ns: UtcNs
    bytes_a_day: float
    """By what was recorded within the last day that ended with its newest Segment."""


class Usage:
    """Bytes by camera and category, in `stored`. Refresh it before use."""

    def __init__(self, database: Database) -> None:
        self.stored: Counter[tuple[str, str]] = Counter()
        self._database = database
        self._last = 0
        """The highest number of a row that is counted."""

    @property
    def cameras(self) -> list[str]:
        """Those of which anything is kept."""
        return sorted({camera for (camera, _), size in self.stored.items() if size > 0})

    async def refresh(self) -> None:
        """Count what was added since the last time, by whatever process.

        Raises:
            StorageError: the database refused; some may be counted.
        """
        newest = await self._database.read(lambda connection: connection.scalar(select(func.max(_segments.c.id))) or 0)
        self._last = min(self._last, newest)
        while self._last < newest:
            last = min(self._last + STEP, newest)
            for camera, size in await self._database.read(partial(_sums, since=self._last, until=last)):
                self.stored[camera, DEFAULT_CATEGORY] += size
            self._last = last

    def start_anew(self) -> None:
        """Have the next `refresh` count everything."""
        self.stored.clear()
        self._last = 0

    def removed(self, segment: SegmentRow, categories: Iterable[str] = ()) -> None:
        """It is going to be deleted. Its number may be given to another: a recount puts that right."""
        for category in (DEFAULT_CATEGORY, *categories):
            self.stored[segment.camera, category] -= segment.size

    def kept(self, segments: Iterable[SegmentRow]) -> None:
        """They were not deleted after all."""
        for segment in segments:
            self.stored[segment.camera, DEFAULT_CATEGORY] += segment.size

    async def count_categories(self, camera: str, holds: Iterable[Hold], categories: Iterable[str]) -> None:
        """Count what of a camera is in these categories: few intervals, each of which an index finds.

        Raises:
            StorageError: the database refused.
        """
        for category in categories:
            intervals = _joined(hold for hold in holds if hold.category == category)
            self.stored[camera, category] = await self._database.read(
                partial(_within, camera=camera, intervals=intervals)
            )

    async def of_cameras(self) -> list[CameraUsage]:
        """Each camera of which anything is kept.

        Raises:
            StorageError: the database refused.
        """
        cameras = self.cameras
        found = await self._database.read(lambda connection: [_usage(connection, camera) for camera in cameras])
        return [
            CameraUsage(camera, self.stored[camera, DEFAULT_CATEGORY], *rest)
            for camera, rest in zip(cameras, found, strict=True)
            if rest is not None
        ]


# ---- in the database's threads


def _sums(connection: Connection, since: int, until: int) -> list[tuple[str, int]]:
    query = (
        select(_segments.c.camera, func.sum(_segments.c.bytes))
        .where(_segments.c.id > since, _segments.c.id <= until)
        .group_by(_segments.c.camera)
    )
    return [(camera, int(size)) for camera, size in connection.execute(query)]


def _within(connection: Connection, camera: str, intervals: Sequence[tuple[UtcNs, UtcNs | None]]) -> int:
    """Bytes of the Segments that begin in one of these intervals."""
    total = 0
    for start_ns, end_ns in intervals:
        query = select(func.sum(_segments.c.bytes)).where(
            _segments.c.camera == camera, _segments.c.start_ns >= start_ns
        )
        if end_ns is not None:
            query = query.where(_segments.c.start_ns < end_ns)
        total += int(connection.scalar(query) or 0)
    return total


def _usage(connection: Connection, camera: str) -> tuple[UtcNs, UtcNs, float] | None:
    start = _segments.c.start_ns
    mine = _segments.c.camera == camera
    oldest_ns, last_ns = connection.execute(select(func.min(start), func.max(start)).where(mine)).one()
    if oldest_ns is None:
        return None
    size, newest_ns = connection.execute(
        select(func.sum(_segments.c.bytes), func.max(_segments.c.end_ns)).where(mine, start > last_ns - DAY_NS)
    ).one()
    span_ns = min(DAY_NS, max(NS, newest_ns - oldest_ns))
    return oldest_ns, newest_ns, float(size) * DAY_NS / span_ns


def _joined(holds: Iterable[Hold]) -> list[tuple[UtcNs, UtcNs | None]]:
    """The intervals of `holds`, those that overlap as one."""
    found: list[tuple[UtcNs, UtcNs | None]] = []
    for hold in sorted(holds, key=lambda hold: hold.start_ns):
        before = found[-1] if found else None
        if before is None or (before[1] is not None and before[1] < hold.start_ns):
            found.append((hold.start_ns, hold.end_ns))
        elif before[1] is not None:
            end_ns = None if hold.end_ns is None else max(before[1], hold.end_ns)
            found[-1] = before[0], end_ns
    return found
