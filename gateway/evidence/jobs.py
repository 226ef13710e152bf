"""The exports of a gateway: a queue, the work on the first of it, and what came of it for as long as it is kept.

Here belong order, cancelling, restarts, the folders and the audit. What goes into an export and how it is made is the
maker's (`gateway.evidence.making`); who may ask for it and fetch it is decided by `web.exports`.

A folder is called `ID.1.part` for as long as it is worked on, so that whatever a crash leaves tells itself apart.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, Row, delete, insert, select, update

from gateway.access.audit import Audit, append
from gateway.base.clock import Clock
from gateway.base.errors import ConflictError, LaterError, NotFoundError, SightlineError, StorageError
from gateway.base.metrics import EXPORTS
from gateway.base.supervise import TaskOwner, cancel_once
from gateway.base.workers import Threads
from gateway.evidence.export import Export, ExportedFile, ExportRequest, Status
from gateway.evidence.export_audit import asked_rows, over_rows, step_rows
from gateway.media.model import NS, UtcNs
from gateway.store.engine import Database
from gateway.store.tables import exports

log = logging.getLogger(__name__)

AT_ONCE = 2
"""Exports worked on at a time: each may take a processor, which the live streams have first."""
MAX_WAITING = 100
MAX_WAITING_OF_ONE = 20
"""Of one user."""
MAX_ATTEMPTS = 2
"""An export that was worked on so often when the gateway was killed is not begun again: it may be why."""
PROGRESS_SECONDS = 0.4
"""Progress is told at most this often."""
FETCH_SECONDS = 600.0
"""Requests of the same user for the same file within this time are one row of the audit."""
EXPIRY_SECONDS = 60.0
RETRY_SECONDS = 60
PART = ".part"


class QueueFullError(LaterError):
    """So many exports wait already."""


class Maker(Protocol):
    """Makes exports."""

    async def look(self, request: ExportRequest) -> None:
        """Raises SightlineError if it can be told beforehand that nothing will come of `request`."""

    async def make(self, export: Export, folder: Path, progress: Callable[[float], None]) -> tuple[ExportedFile, ...]:
        """Make the files in the empty `folder`, all on the disk itself on return. Cancelled, it leaves nothing running.

        Raises:
            SightlineError: it cannot be made; says what to do.
            OSError: the disk refused.
        """


class Exports:
    """Call `load` first, run `run` and `expire`, and end with `close`. All calls from the event loop's thread.

    `keep_seconds` says how long what is done is kept, `believed_ns` the UTC by which it grows old.
    """

    def __init__(
        self,
        database: Database,
        audit: Audit,
        clock: Clock,
        folder: Path,
        maker: Maker,
        *,
        keep_seconds: Callable[[], int],
        believed_ns: Callable[[], UtcNs],
    ) -> None:
        self.on_changed: list[Callable[[Export], None]] = []
        self.on_removed: list[Callable[[Export], None]] = []
        self._database = database
        self._audit = audit
        self._clock = clock
        self._folder = folder
        self._maker = maker
        self._keep_seconds = keep_seconds
        self._believed_ns = believed_ns
        self._exports: dict[str, Export] = {}
        """By id, in the order they were asked for."""
        self._working: dict[str, asyncio.Task[None]] = {}
        self._told: dict[str, float] = {}
        """When the progress of those under way was told last."""
        self._cancelled: set[str] = set()
        self._fetched: dict[tuple[str, ...], float] = {}
        """When who fetched what, for as long as it matters."""
        self._wake = asyncio.Event()
        self._tasks = TaskOwner("exports")
        self._threads = Threads("exports", 1)

    async def load(self) -> None:
        """Take over what an earlier process left: what was under way begins again, half files go.

        Raises:
            StorageError: the database or the disk refused.
        """
        query = select(exports).order_by(exports.c.created_ns, exports.c.id)
        for row in await self._database.read(lambda connection: connection.execute(query).all()):
            self._exports[row.id] = _export(row)
        for export in list(self._exports.values()):
            if export.status is Status.RUNNING:
                if export.attempts < MAX_ATTEMPTS:
                    await self._store(replace(export, status=Status.QUEUED))
                else:
                    why = "the gateway was killed twice while it was made: ask again, for a shorter time"
                    await self._end(export, Status.FAILED, why)
        done = {export.id for export in self._exports.values() if export.status is Status.DONE}
        try:
            await self._threads.run(_sweep, self._folder, done)
        except OSError as error:
            raise StorageError(f"the exports in {self._folder} cannot be used: {error.strerror}") from error

    async def run(self) -> None:
        """Work on what waits, the oldest first. Never returns."""
        while True:
            for export in list(self._exports.values()):
                if len(self._working) >= AT_ONCE:
                    break
                taken = export.id in self._working or export.id in self._cancelled
                if export.status is Status.QUEUED and not taken:
                    self._start(export)
            self._wake.clear()
            await self._wake.wait()

    async def expire(self) -> None:
        """Remove what has been kept for long enough. Never returns."""
        while True:
            before_ns = self._believed_ns() - self._keep_seconds() * NS
            for export in list(self._exports.values()):
                if export.id in self._exports and export.status.over and (export.finished_ns or 0) < before_ns:
                    await self._forget(export, actor="gateway", address="local", rule="storage.keep_exports")
            await self._clock.sleep(EXPIRY_SECONDS)

    async def close(self) -> None:
        """End the work that is under way: it begins again with the next start."""
        await self._tasks.close()
        for export in self._exports.values():
            if export.status is Status.RUNNING:
                await self._store(replace(export, status=Status.QUEUED, attempts=export.attempts - 1))
        self._threads.close()

    # ---- what people do

    def all(self) -> list[Export]:
        """Every export, the newest first."""
        return list(reversed(self._exports.values()))

    def export(self, export_id: str) -> Export:
        """The export of that id.

        Raises:
            NotFoundError: there is none.
        """
        try:
            return self._exports[export_id]
        except KeyError:
            raise NotFoundError(f'there is no export "{export_id[:80]}"') from None

    async def ask(self, request: ExportRequest) -> Export:
        """Queue an export; the audit has it when this returns.

        Raises:
            QueueFullError: too many wait already.
            SightlineError: nothing would come of it; says why.
        """
        waiting = [export for export in self._exports.values() if not export.status.over]
        if len(waiting) >= MAX_WAITING:
            raise QueueFullError("too many exports wait: try again when some are done", retry_after=RETRY_SECONDS)
        if sum(export.request.actor == request.actor for export in waiting) >= MAX_WAITING_OF_ONE:
            raise QueueFullError(
                f"{MAX_WAITING_OF_ONE} exports of yours wait: try again when some are done, or cancel one",
                retry_after=RETRY_SECONDS,
            )
        await self._maker.look(request)
        export = Export(secrets.token_hex(8), request, self._clock.utc_ns())
        rows = asked_rows(self._audit, export)

        def work(connection: Connection) -> None:
            connection.execute(
                insert(exports).values(
                    id=export.id, request=request.to_json(), created_by=request.actor, created_ns=export.created_ns,
                    **_columns(export),
                )
            )  # fmt: skip
            for row in rows:
                append(connection, row)

        await self._database.write(work)
        self._changed(export)
        self._wake.set()
        return export

    async def cancel_or_remove(self, export_id: str, *, actor: str, address: str) -> Export | None:
        """Cancel an export that is not over, and return it as it is then; remove one that is, and return None.

        Raises:
            NotFoundError: there is none of that id.
            ConflictError: somebody else is cancelling it.
        """
        export = self.export(export_id)
        if export.status.over:
            await self._forget(export, actor=actor, address=address)
            return None
        if export_id in self._cancelled:
            raise ConflictError("this export is being cancelled already")
        self._cancelled.add(export_id)
        try:
            if (task := self._working.get(export_id)) is not None:
                cancel_once(task)
                await asyncio.wait({task})
                export = self.export(export_id)
            if not export.status.over:  # what was finished a moment before it could be cancelled stays
                await self._end(export, Status.CANCELLED, actor=actor, address=address)
        finally:
            self._cancelled.discard(export_id)
        return self.export(export_id)

    def path(self, export_id: str, name: str) -> Path:
        """Where a file of an export that is done lies.

        Raises:
            NotFoundError: there is no such export or file.
        """
        export = self.export(export_id)
        if all(file.name != name for file in export.files):
            raise NotFoundError(f'this export has no file "{name[:80]}"')
        path = self._folder / export.id / name
        if not path.is_file():
            raise NotFoundError(f"{name} is not on the disk any more: ask for the export again")
        return path

    async def fetched(self, export: Export, name: str, *, actor: str, address: str) -> None:
        """Write in the audit that somebody is about to fetch a file; once for what a player fetches in many pieces.

        Raises:
            StorageError: it could not be written; then it must not be sent.
        """
        now, who = self._clock.monotonic(), (export.id, name, actor, address)
        if now - self._fetched.get(who, float("-inf")) < FETCH_SECONDS:
            return
        rows = step_rows(self._audit, export, "fetched", actor=actor, address=address, file=name)
        await self._audit.append_all(rows)
        self._fetched = {key: at for key, at in self._fetched.items() if now - at < FETCH_SECONDS}
        self._fetched[who] = now

    # ---- the work on one

    def _start(self, export: Export) -> None:
        def ended(_: object) -> None:  # also when it was cancelled before it began
            del self._working[export.id]
            self._told.pop(export.id, None)
            self._wake.set()

        task = self._working[export.id] = self._tasks.start(self._work(export), name=export.id)
        task.add_done_callback(ended)

    async def _work(self, export: Export) -> None:
        # Named anew each time: a worker that outlives a killed gateway by a moment must not meet the next one.
        part = self._folder / f"{export.id}.{export.attempts + 1}{PART}"
        folder = self._folder / export.id
        try:
            await self._make(export, part, folder)
        except asyncio.CancelledError:
            if self._exports[export.id].status is not Status.DONE:
                await self._remove(part, folder)
            raise
        except StorageError as error:  # its row says that it is under way: the next start begins it again
            log.error("export %s: %s", export.id, error)
            failed = replace(self._exports[export.id], status=Status.FAILED, error=str(error))
            self._changed(replace(failed, finished_ns=self._clock.utc_ns()))

    async def _make(self, export: Export, part: Path, folder: Path) -> None:
        """Make it, and store what came of it.

        Raises:
            StorageError: that could not be stored.
        """
        try:
            export = replace(export, status=Status.RUNNING, attempts=export.attempts + 1)
            await self._store(export)
            await self._threads.run(_prepare, part)
            files = await self._maker.make(export, part, lambda share: self._progress(export.id, share))
            await self._threads.run(_publish, part, folder)
            await self._end(replace(export, files=files, progress=1.0), Status.DONE)
            return
        except SightlineError as error:
            why = str(error)
        except OSError as error:
            why = f"the disk refused ({error.strerror}): free some space in {self._folder}, and ask again"
        except Exception:
            log.exception("export %s failed", export.id)
            why = "the gateway failed on it, and its log says where"
        await self._remove(part, folder)
        await self._end(self._exports[export.id], Status.FAILED, why)

    async def _remove(self, *paths: Path) -> None:
        for path in paths:
            await self._threads.run(_remove, path)

    def _progress(self, export_id: str, share: float) -> None:
        now = self._clock.monotonic()
        if now - self._told.get(export_id, float("-inf")) >= PROGRESS_SECONDS:
            self._told[export_id] = now
            self._changed(replace(self._exports[export_id], progress=min(max(share, 0.0), 1.0)))

    # ---- rows

    async def _store(self, export: Export, rows: Sequence[dict[str, Any]] = ()) -> None:
        """Write how `export` is now, and with it `rows` of the audit."""

        def work(connection: Connection) -> None:
            connection.execute(update(exports).where(exports.c.id == export.id).values(**_columns(export)))
            for row in rows:
                append(connection, row)

        await self._database.write(work)
        self._changed(export)

    async def _end(
        self,
        export: Export,
        status: Status,
        error: str | None = None,
        *,
        actor: str | None = None,
        address: str | None = None,
    ) -> None:
        EXPORTS.labels(export.request.kind.value, status.value).inc()
        export = replace(export, status=status, error=error, finished_ns=self._clock.utc_ns())
        await self._store(export, over_rows(self._audit, export, actor=actor, address=address))

    async def _forget(self, export: Export, *, actor: str, address: str, **detail: Any) -> None:
        rows = []
        if export.files:
            rows = step_rows(self._audit, export, "removed", actor=actor, address=address, **detail)

        def work(connection: Connection) -> None:
            connection.execute(delete(exports).where(exports.c.id == export.id))
            for row in rows:
                append(connection, row)

        del self._exports[export.id]
        try:
            await self._database.write(work)
        except StorageError:
            self._exports[export.id] = export
            raise
        await self._remove(self._folder / export.id)
        for listener in self.on_removed:
            listener(export)

    def _changed(self, export: Export) -> None:
        self._exports[export.id] = export
        for listener in self.on_changed:
            listener(export)


def _export(row: Row[Any]) -> Export:
    files = tuple(ExportedFile(file["name"], file["bytes"], file["sha256"]) for file in row.files)
    status = Status(row.status)
    return Export(
        row.id, ExportRequest.from_json(row.request), row.created_ns, status, float(status is Status.DONE), files,
        row.error, row.finished_ns, row.attempts,
    )  # fmt: skip


def _columns(export: Export) -> dict[str, Any]:
    """What changes of a row."""
    return {
        "status": export.status.value,
        "files": [file.to_json() for file in export.files],
        "error": export.error,
        "attempts": export.attempts,
        "finished_ns": export.finished_ns,
    }


# ---- in a thread


def _sweep(folder: Path, done: set[str]) -> None:
    """Make the folder of all exports, and leave in it only those that are done."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.name not in done:
            _remove(path)


def _prepare(part: Path) -> None:
    """An empty folder."""
    _remove(part)
    part.mkdir(parents=True)


def _publish(part: Path, folder: Path) -> None:
    """The finished folder under its name, which is on the disk itself then."""
    part.rename(folder)
    descriptor = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
