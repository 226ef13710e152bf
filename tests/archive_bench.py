"""An archive of made-up Segments, with all that keeps it within its rules, on a manual clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from gateway.access.audit import Audit, Entry
from gateway.access.authority import Authority
from gateway.base.clock import ManualClock
from gateway.base.clock_state import ClockState, Synchronisation
from gateway.base.policy import Policy
from gateway.base.settings import Storage
from gateway.base.workers import Threads
from gateway.ledger.journal import Journals
from gateway.media.model import NS, Fix
from gateway.positions.store import PositionStore
from gateway.recording.believed_time import FILE, BelievedTime
from gateway.recording.catalog import Catalog
from gateway.recording.deletion import Deleter
from gateway.recording.disk_space import DiskSpace
from gateway.recording.holds import Holds
from gateway.recording.keeper import Keeper
from gateway.recording.retention import Retention
from gateway.recording.rows import SegmentRow
from gateway.recording.usage import Usage
from gateway.store.engine import Database, open_catalog, open_positions
from gateway.store.tables import deletions, recordings, segments
from tests.bad_disk import BadDisk
from tests.media_samples import T0

HOUR_NS = 3600 * NS
DAY_NS = 24 * HOUR_NS
SIZE = 1000
"""Bytes of a made-up Segment, which lasts an hour."""


@dataclass
class Bench:
    """What a test handles. Times are days after T0, where the clock stands at the start."""

    clock: ManualClock
    disk: BadDisk
    database: Database
    audit: Audit
    authority: Authority
    holds: Holds
    retention: Retention
    space: DiskSpace
    usage: Usage
    deleter: Deleter
    keeper: Keeper
    positions: PositionStore
    journals: Journals
    catalog: Catalog
    storage: list[Storage]
    time: BelievedTime
    synchronised: list[Synchronisation]
    """What the kernel says of its clock: the last item."""

    async def record(self, camera: str, first: float, last: float, *, grows: bool = False) -> None:
        """A Recording of Segments of an hour each, with files, from `first` to `last`."""
        starts = range(at(first), at(last), HOUR_NS)
        rows = [_row(camera, start, number) for number, start in enumerate(starts)]
        for row in rows:
            path = self.disk.root / row["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bytes(SIZE))

        def work(connection: Any) -> None:
            end_ns = None if grows else at(last)
            made = connection.execute(insert(recordings).values(camera=camera, start_ns=at(first), end_ns=end_ns))
            recording = made.inserted_primary_key[0]
            connection.execute(insert(segments), [row | {"recording_id": recording} for row in rows])

        await self.database.write(work)

    def says(self, *rows: dict[str, Any], groups: dict[str, tuple[str, ...]] | None = None) -> None:
        """The policy has these rows of retention."""
        self.authority.update(policy=Policy.model_validate({"retention": rows}), cameras=groups)

    async def look(self) -> None:
        """Let the keeper look, and as much time pass as it wants between its steps."""
        looking = asyncio.ensure_future(self.keeper.look())
        while not looking.done():
            if self.clock.sleepers:
                self.clock.advance(0.2)
            await asyncio.sleep(0.001)
        await looking

    def start_again(self) -> None:
        """Forget what is in memory, as a gateway does that is killed."""
        self.deleter._told.clear()
        self.usage.start_anew()

    async def kept(self, camera: str) -> list[tuple[float, float]]:
        """The runs of Segments that are left, in days; disk and catalog agree on them."""
        query = select(segments).where(segments.c.camera == camera).order_by(segments.c.start_ns)
        rows = await self.database.read(lambda connection: connection.execute(query).all())
        on_disk = sorted(path for path in self.disk.walk() if path.startswith(f"{camera}/"))
        assert sorted(row.path for row in rows) == on_disk
        runs: list[list[int]] = []
        for row in rows:
            if runs and runs[-1][1] == row.start_ns:
                runs[-1][1] = row.end_ns
            else:
                runs.append([row.start_ns, row.end_ns])
        return [(days(start), days(end)) for start, end in runs]

    async def recordings(self, camera: str) -> list[tuple[float, float]]:
        """The Recordings that the catalog tells, in days."""
        return [(days(span.start_ns), days(span.end_ns)) for span in await self.catalog.recordings(camera, None, None)]

    async def deleted(self, camera: str) -> list[Any]:
        """The rows of deletions, by start."""
        query = select(deletions).where(deletions.c.camera == camera).order_by(deletions.c.start_ns)
        return list(await self.database.read(lambda connection: connection.execute(query).all()))

    async def rules(self, camera: str) -> list[str]:
        """Under which rules something was deleted, each once, in order of time."""
        return list(dict.fromkeys(row.rule for row in await self.deleted(camera)))

    async def audited(self) -> list[Entry]:
        """What the audit says of deletions, newest first."""
        return [entry for entry in await self.audit.entries() if entry.action == "deletion"]

    def told(self, camera: str) -> list[str]:
        """The files that the ledger says are deleted."""
        return [row.body["file"] for row in self.journals.read(camera) if row.kind == "deleted"]

    async def been(self, camera: str, *when: float) -> None:
        """The camera had a position at these days."""
        for day in when:
            self.positions.add(camera, Fix(at(day), 52.0, 13.0, received_ns=at(day)))
        await self.positions.flush()

    async def places(self, camera: str) -> list[float]:
        """When it had one, in days."""
        return [days(fix.utc_ns) for fix in await self.positions.fixes(camera)]


@asynccontextmanager
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """An empty archive in `tmp_path`, on a disk that has room."""
    root = tmp_path / "recordings"
    root.mkdir(exist_ok=True)
    clock, disk = ManualClock(T0), BadDisk(root)
    database, fixes = await asyncio.to_thread(open_catalog, tmp_path), await asyncio.to_thread(open_positions, tmp_path)
    threads, journals = Threads("retention", 1), Journals.open(tmp_path, clock)
    audit, authority, storage = Audit(database, clock), Authority(Policy()), [Storage()]
    holds = Holds(database, audit, clock)
    await holds.load()
    retention, usage, positions = Retention(authority, holds), Usage(database), PositionStore(fixes, clock)
    space = DiskSpace(disk, threads, clock, lambda: storage[-1])
    deleter = Deleter(database, disk, journals, threads, audit, holds, clock)
    synchronised = [Synchronisation.UNSYNCHRONISED]
    time = BelievedTime(tmp_path / FILE, threads, clock, lambda: ClockState(synchronised[-1], None))
    keeper = Keeper(database, retention, deleter, usage, holds, space, positions, clock, time)
    try:
        yield Bench(
            clock, disk, database, audit, authority, holds, retention, space, usage, deleter, keeper, positions,
            journals, Catalog(database), storage, time, synchronised,
        )  # fmt: skip
    finally:
        disk.may_write.set()
        threads.close()
        journals.close()
        database.close()
        fixes.close()


def at(day: float) -> int:
    """UTC of a day after T0, to the hour."""
    return T0 + round(day * 24) * HOUR_NS


def days(utc_ns: int) -> float:
    return round((utc_ns - T0) / DAY_NS, 3)


def segment(camera: str, day: float) -> SegmentRow:
    """A Segment of an hour."""
    row = _row(camera, at(day), 0)
    return SegmentRow(camera, row["path"], row["start_ns"], row["end_ns"], SIZE, row["sha256"], False)


def _row(camera: str, start_ns: int, number: int) -> dict[str, Any]:
    day = (start_ns - T0) // DAY_NS
    return {
        "camera": camera, "path": f"{camera}/{day:+04}/{start_ns}-{number}.mp4", "start_ns": start_ns,
        "end_ns": start_ns + HOUR_NS, "bytes": SIZE, "sha256": start_ns.to_bytes(32, "big"), "tracks": [],
        "adopted": False,
    }  # fmt: skip
