"""The queue of exports: order, bounds, cancelling, restarts, what is kept. What makes them here does as a test says."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.access.audit import Audit
from gateway.base.clock import ManualClock
from gateway.base.clock_state import ClockState, Synchronisation
from gateway.base.errors import ConflictError, NotFoundError, StorageError
from gateway.base.workers import Threads
from gateway.evidence.export import Export, ExportedFile, ExportRequest, Status
from gateway.evidence.jobs import AT_ONCE, EXPIRY_SECONDS, MAX_WAITING_OF_ONE, Exports, QueueFullError
from gateway.media.model import NS
from gateway.recording.believed_time import BelievedTime
from gateway.store.engine import Database, open_catalog

T0 = 1_700_000_000 * NS
KEEP_SECONDS = 3600


@dataclass
class Maker:
    """Makes a file, once the test says so."""

    go: asyncio.Event = field(default_factory=asyncio.Event)
    begun: list[str] = field(default_factory=list)
    error: BaseException | None = None
    refusal: ConflictError | None = None
    progress: Callable[[float], None] | None = None

    async def look(self, request: ExportRequest) -> None:
        if self.refusal is not None:
            raise self.refusal

    async def make(self, export: Export, folder: Path, progress: Callable[[float], None]) -> tuple[ExportedFile, ...]:
        self.begun.append(export.id)
        self.progress = progress
        (folder / "a.mp4").write_bytes(b"half")
        await self.go.wait()
        if self.error is not None:
            raise self.error
        (folder / "a.mp4").write_bytes(b"whole")
        return (ExportedFile("a.mp4", 5, "ab" * 32),)


@dataclass
class Rig:
    exports: Exports
    maker: Maker
    audit: Audit
    clock: ManualClock
    folder: Path
    told: list[Export]

    async def ask(self, actor: str = "ann", **more: object) -> Export:
        return await self.exports.ask(request(actor, **more))

    async def until(self, export: Export, status: Status) -> Export:
        while self.exports.export(export.id).status is not status:
            await asyncio.sleep(0)
        return self.exports.export(export.id)

    async def begun(self, *exports: Export) -> None:
        while not {export.id for export in exports} <= set(self.maker.begun):
            await asyncio.sleep(0)

    async def steps(self) -> list[tuple[str, str, str]]:
        """Step, actor and outcome of the audit's rows, in order."""
        rows = reversed(await self.audit.entries())
        return [(row.detail["step"], row.actor, row.outcome) for row in rows]

    @property
    def left(self) -> set[str]:
        """What lies in the folder of exports, which may be changing."""
        return {
            (Path(folder) / name).relative_to(self.folder).as_posix()
            for folder, folders, names in os.walk(self.folder)
            for name in [*folders, *names]
        }


def request(actor: str = "ann", *, cameras: tuple[str, ...] = ("unit-12",)) -> ExportRequest:
    return ExportRequest(cameras, T0, T0 + 60 * NS, actor, "10.0.0.7", reason="a complaint")


@asynccontextmanager
async def exporting(tmp_path: Path, *, keep: int = KEEP_SECONDS, clock: ManualClock | None = None):
    """A queue over an empty or an older folder; it runs."""
    database = await asyncio.to_thread(open_catalog, tmp_path)
    clock = clock or ManualClock(T0)
    async with _running(database, tmp_path, clock, keep) as rig:
        yield rig
    database.close()


@asynccontextmanager
async def _running(database: Database, tmp_path: Path, clock: ManualClock, keep: int):
    audit, maker, told = Audit(database, clock), Maker(), []
    threads = Threads("time", 1)
    unknown = ClockState(Synchronisation.UNKNOWN, None)
    time = BelievedTime(tmp_path / "believed-time", threads, clock, lambda: unknown)
    exports = Exports(
        database, audit, clock, tmp_path / "exports", maker, keep_seconds=lambda: keep, believed_ns=time.now_ns
    )
    exports.on_changed.append(told.append)
    await exports.load()
    tasks = [asyncio.create_task(work()) for work in (exports.run, exports.expire)]
    try:
        yield Rig(exports, maker, audit, clock, tmp_path / "exports", told)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await exports.close()
        threads.close()


async def test_what_is_asked_for_is_made_and_can_be_fetched(tmp_path):
    async with exporting(tmp_path) as rig:
        rig.maker.go.set()
        asked = await rig.ask()
        done = await rig.until(asked, Status.DONE)
        assert (done.progress, done.error, done.attempts) == (1.0, None, 1)
        assert rig.exports.path(done.id, "a.mp4").read_bytes() == b"whole"
        with pytest.raises(NotFoundError, match=r'no file "../sightline.db"'):
            rig.exports.path(done.id, "../sightline.db")
        await rig.exports.fetched(done, "a.mp4", actor="bob", address="10.0.0.8")
        assert rig.left == {done.id, f"{done.id}/a.mp4"}
        assert await rig.steps() == [("asked", "ann", "done"), ("finished", "ann", "done"), ("fetched", "bob", "done")]
        newest, finished, first = await rig.audit.entries()
        assert (first.camera, first.reason, first.detail["export"]) == ("unit-12", "a complaint", done.id)
        assert finished.detail["files"] == [{"name": "a.mp4", "bytes": 5, "sha256": "ab" * 32}]
        assert newest.detail["file"] == "a.mp4"
        assert [export.status for export in rig.told] == [Status.QUEUED, Status.RUNNING, Status.DONE]


async def test_a_player_that_fetches_a_file_in_pieces_is_one_row_of_the_audit(tmp_path):
    async with exporting(tmp_path) as rig:
        rig.maker.go.set()
        done = await rig.until(await rig.ask(), Status.DONE)
        for _ in range(3):
            await rig.exports.fetched(done, "a.mp4", actor="ann", address="10.0.0.7")
        await rig.exports.fetched(done, "a.mp4", actor="bob", address="10.0.0.7")
        rig.clock.advance(3600)
        await rig.exports.fetched(done, "a.mp4", actor="ann", address="10.0.0.7")
        fetched = [actor for step, actor, _ in await rig.steps() if step == "fetched"]
        assert fetched == ["ann", "bob", "ann"]


async def test_there_is_a_row_of_the_audit_for_each_camera(tmp_path):
    async with exporting(tmp_path) as rig:
        await rig.ask(cameras=("unit-12", "unit-13"))
        assert [row.camera for row in await rig.audit.entries()] == ["unit-13", "unit-12"]


async def test_the_oldest_comes_first_and_no_more_at_once_than_there_may_be(tmp_path):
    async with exporting(tmp_path) as rig:
        asked = [await rig.ask() for _ in range(AT_ONCE + 1)]
        await rig.begun(*asked[:AT_ONCE])
        assert [rig.exports.export(export.id).status for export in asked] == [Status.RUNNING] * AT_ONCE + [
            Status.QUEUED
        ]
        rig.maker.go.set()
        await rig.until(asked[-1], Status.DONE)
        assert rig.maker.begun == [export.id for export in asked]
        assert [export.id for export in rig.exports.all()] == [export.id for export in reversed(asked)]


async def test_one_user_cannot_fill_the_queue(tmp_path):
    async with exporting(tmp_path) as rig:
        for _ in range(MAX_WAITING_OF_ONE):
            await rig.ask()
        with pytest.raises(QueueFullError, match="exports of yours wait"):
            await rig.ask()
        await rig.ask("bob")


async def test_what_nothing_would_come_of_is_refused(tmp_path):
    async with exporting(tmp_path) as rig:
        rig.maker.refusal = ConflictError("nothing is recorded")
        with pytest.raises(ConflictError):
            await rig.ask()
        assert rig.exports.all() == []
        assert await rig.steps() == []


async def test_progress_is_told_a_few_times_a_second(tmp_path):
    async with exporting(tmp_path) as rig:
        export = await rig.ask()
        await rig.begun(export)
        assert rig.maker.progress is not None
        for n in range(100):
            rig.maker.progress(n / 100)
            rig.clock.advance(0.02)
        told = [export.progress for export in rig.told if export.progress]
        assert 3 <= len(told) <= 6
        assert told == sorted(told)


async def test_an_export_that_waits_is_cancelled(tmp_path):
    async with exporting(tmp_path) as rig:
        asked = [await rig.ask() for _ in range(AT_ONCE + 1)]
        await rig.begun(*asked[:AT_ONCE])
        ended = await rig.exports.cancel_or_remove(asked[-1].id, actor="root", address="10.0.0.1")
        assert ended is not None
        assert ended.status is Status.CANCELLED
        assert (await rig.steps())[-1] == ("cancelled", "root", "ended")
        rig.maker.go.set()
        await rig.until(asked[0], Status.DONE)
        assert asked[-1].id not in rig.maker.begun


async def test_an_export_under_way_is_cancelled_and_leaves_nothing(tmp_path):
    async with exporting(tmp_path) as rig:
        export = await rig.ask()
        await rig.begun(export)
        both = [rig.exports.cancel_or_remove(export.id, actor="ann", address="") for _ in range(2)]
        first, second = await asyncio.gather(*both, return_exceptions=True)
        assert isinstance(first, Export)
        assert first.status is Status.CANCELLED
        assert isinstance(second, ConflictError)
        assert rig.left == set()
        assert await rig.exports.cancel_or_remove(export.id, actor="ann", address="") is None
        assert rig.exports.all() == []
        assert [step for step, _, _ in await rig.steps()] == ["asked", "cancelled"]


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (StorageError("there is no room for it: free 3 GiB"), "free 3 GiB"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "No space left on device"),
        (ZeroDivisionError(), "its log says where"),
    ],
)
async def test_what_fails_says_why_and_leaves_nothing(tmp_path, error, says):
    async with exporting(tmp_path) as rig:
        rig.maker.error = error
        rig.maker.go.set()
        failed = await rig.until(await rig.ask(), Status.FAILED)
        assert says in (failed.error or "")
        assert failed.files == ()
        assert rig.left == set()
        (row, _) = await rig.audit.entries()
        assert (row.outcome, row.detail["step"], row.detail["why"]) == ("ended", "failed", failed.error)


async def test_what_is_done_is_removed_on_request_and_in_time(tmp_path):
    async with exporting(tmp_path) as rig:
        rig.maker.go.set()
        one, two = await rig.ask(), await rig.ask()
        await rig.until(one, Status.DONE)
        await rig.until(two, Status.DONE)
        assert await rig.exports.cancel_or_remove(one.id, actor="ann", address="") is None
        assert rig.left == {two.id, f"{two.id}/a.mp4"}
        rig.clock.advance(KEEP_SECONDS + EXPIRY_SECONDS)
        while rig.exports.all() or rig.left:
            await asyncio.sleep(0)
        assert [(step, actor) for step, actor, _ in await rig.steps()][-2:] == [
            ("removed", "ann"),
            ("removed", "gateway"),
        ]
        (last, *_) = await rig.audit.entries()
        assert last.detail["rule"] == "storage.keep_exports"


async def test_a_clock_that_jumps_ahead_removes_nothing(tmp_path):
    async with exporting(tmp_path) as rig:
        rig.maker.go.set()
        done = await rig.until(await rig.ask(), Status.DONE)
        rig.clock.set_utc_ns(T0 + 25 * 3600 * NS)
        rig.clock.advance(EXPIRY_SECONDS)
        while not rig.clock.sleepers:
            await asyncio.sleep(0)
        assert rig.exports.all() == [done]
        rig.clock.advance(KEEP_SECONDS)
        while rig.exports.all():
            await asyncio.sleep(0)


async def test_after_a_restart_the_done_are_there_and_the_others_go_on(tmp_path):
    async with exporting(tmp_path) as rig:
        rig.maker.go.set()
        done = await rig.until(await rig.ask(), Status.DONE)
        rig.maker.go.clear()
        running = await rig.ask()
        await rig.begun(running)
    assert rig.left == {done.id, f"{done.id}/a.mp4"}
    async with exporting(tmp_path) as rig:
        assert rig.exports.path(done.id, "a.mp4").read_bytes() == b"whole"
        rig.maker.go.set()
        again = await rig.until(running, Status.DONE)
        assert again.attempts == 1  # a stop in order counts for nothing


async def test_a_killed_gateway_begins_again_once(tmp_path):
    for attempt in range(2):
        async with exporting(tmp_path) as rig:
            if not attempt:
                export = await rig.ask()
            await rig.begun(export)
            rig.exports.close = _killed  # type: ignore[method-assign]
        assert any(name.endswith(".part") for name in rig.left)
    (rig.folder / "rubbish").write_bytes(b"")
    async with exporting(tmp_path) as rig:
        failed = rig.exports.export(export.id)
        assert failed.status is Status.FAILED
        assert "killed twice" in (failed.error or "")
        assert rig.left == set()


async def _killed() -> None:
    """What a process that is killed does at its end."""
