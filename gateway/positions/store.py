"""Where Fixes are kept: collected in memory, written once a second into blocks, a row per camera and minute.

At most a second of Fixes is lost in a crash. Everything here runs on the event loop; only the functions handed to the
Database run in its threads, and they share nothing with the loop that either side changes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from sqlalchemy import Connection, bindparam, delete, func, select

from gateway.base import metrics
from gateway.base.clock import Clock
from gateway.base.errors import StorageError
from gateway.media.model import NS, Fix, UtcNs
from gateway.positions import blocks
from gateway.store.engine import Database
from gateway.store.tables import fix_blocks

log = logging.getLogger(__name__)

MINUTE_NS = 60 * NS
WRITE_EVERY_S = 1.0
MAX_PENDING = 100_000
"""How many Fixes wait for a database that refuses: eight minutes of a hundred cameras."""
MAX_FIXES_A_MINUTE = 6_000
"""What one block takes: a hundred a second."""

_PAGE = 60
_DELETE_PAGE = 1_000
_LOG_EVERY_S = 60.0

_Key: TypeAlias = tuple[str, int]  # camera and minute


@dataclass(frozen=True, slots=True)
class _Block:
    """A row of the database as it was last written."""

    fixes: dict[Fix, None]
    """A set that keeps its order: writing a Fix twice is harmless."""
    data: bytes


class PositionStore:
    """All Fixes of all cameras. One `run` task writes; call `flush` once more when the sources have stopped."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._pending: dict[_Key, list[Fix]] = {}
        self._writing: dict[_Key, list[Fix]] = {}
        self._waiting = 0
        self._open: dict[_Key, _Block] = {}
        self._lock = asyncio.Lock()

    def add(self, camera: str, fix: Fix) -> bool:
        """Keep `fix`, which the Tracker accepted. Never waits; `fixes` returns it at once, and the disk has it
        within a second.

        False: not kept, because the database has refused for so long that no more fit. Counted.
        """
        if self._waiting >= MAX_PENDING:
            metrics.FIXES_REFUSED.labels(camera, "store_full").inc()
            return False
        self._pending.setdefault((camera, fix.utc_ns // MINUTE_NS), []).append(fix)
        self._waiting += 1
        return True

    async def run(self) -> None:
        """Write once a second until cancelled. What the database refuses is tried again with what follows."""
        quiet_until = float("-inf")
        while True:
            await self._clock.sleep(WRITE_EVERY_S)
            try:
                await self.flush()
            except StorageError as error:
                if self._clock.monotonic() >= quiet_until:
                    quiet_until = self._clock.monotonic() + _LOG_EVERY_S
                    log.error("%d fixes could not be written yet: %s", self._waiting, error)

    async def flush(self) -> None:
        """Write what was added before this call.

        Raises:
            StorageError: the database refused; the Fixes are kept for the next call.
        """
        async with self._lock:
            this_minute = self._clock.utc_ns() // MINUTE_NS
            # Also when it lies ahead of the clock: a camera that dates its fixes wildly must not fill the memory.
            over = {k: block for k, block in self._open.items() if k[1] != this_minute and k not in self._pending}
            if not self._pending and not over:
                return
            self._writing, self._pending = self._pending, {}
            written: dict[_Key, _Block] = {}
            try:
                work = partial(_write, added=self._writing, known=self._open, over=over)
                written = await self._database.write(work)
            except BaseException:
                # Also when cancelled: the transaction may yet succeed. What is then written twice is kept once.
                self._pending = {
                    key: self._writing.get(key, []) + self._pending.get(key, [])
                    for key in self._writing | self._pending
                }
                raise
            finally:
                self._writing = {}
                self._waiting = sum(map(len, self._pending.values()))
                self._open = written

    async def fixes(self, camera: str, from_ns: UtcNs | None = None, to_ns: UtcNs | None = None) -> list[Fix]:
        """The Fixes with from_ns <= utc_ns < to_ns, in order of time, those not yet written included.

        Raises:
            StorageError: the database refused, or a block is damaged.
        """
        return [fix async for batch in self.batches(camera, from_ns, to_ns) for fix in batch]

    async def batches(
        self, camera: str, from_ns: UtcNs | None = None, to_ns: UtcNs | None = None
    ) -> AsyncIterator[list[Fix]]:
        """As `fixes`, in pieces of at most an hour, so that a month can be handed out without being held.

        Raises:
            StorageError: the database refused, or a block is damaged.
        """
        after = -(1 << 62) if from_ns is None else from_ns // MINUTE_NS - 1
        last = 1 << 62 if to_ns is None else (to_ns - 1) // MINUTE_NS
        while after < last:
            # The copy comes before the read: what a flush moves from here to there in between is found twice, not lost.
            unwritten = [
                fix
                for source in (self._writing, self._pending)
                for (owner, minute), fixes in source.items()
                if owner == camera and after < minute <= last
                for fix in fixes
            ]
            read, reached = await self._database.read(partial(_read, camera=camera, after=after, last=last))
            merged = dict.fromkeys(read)
            merged.update(dict.fromkeys(fix for fix in unwritten if fix.utc_ns // MINUTE_NS <= reached))
            batch = [
                fix
                for fix in merged
                if (from_ns is None or fix.utc_ns >= from_ns) and (to_ns is None or fix.utc_ns < to_ns)
            ]
            if batch:
                batch.sort(key=_in_time)
                yield batch
            after = reached

    async def cameras(self) -> list[str]:
        """Those of which any Fix is kept.

        Raises:
            StorageError: the database refused.
        """
        return await self._database.read(_cameras)

    async def delete_between(self, camera: str, from_ns: UtcNs, to_ns: UtcNs) -> int:
        """Delete the camera's whole minutes within [from_ns, to_ns), in small steps; returns how many there were.

        Raises:
            StorageError: the database refused; some may be gone.
        """
        work = partial(_delete, camera=camera, first=-(-from_ns // MINUTE_NS), before=to_ns // MINUTE_NS)
        deleted = 0
        while True:
            async with self._lock:
                self._open = {}
                count = await self._database.write(work)
            deleted += count
            if count < _DELETE_PAGE:
                return deleted


def _in_time(fix: Fix) -> tuple[UtcNs, UtcNs]:
    return fix.utc_ns, fix.received_ns


# ---- in the database's threads


def _write(
    connection: Connection,
    added: Mapping[_Key, Sequence[Fix]],
    known: Mapping[_Key, _Block],
    over: Mapping[_Key, _Block],
) -> dict[_Key, _Block]:
    """Append Fixes to their blocks, and write anew, in one piece, those that are `over`.

    Returns the blocks that are still open; `known` is what the last call returned.
    """
    inserts: list[dict[str, object]] = []
    updates: list[dict[str, object]] = []
    open_blocks = {key: block for key, block in known.items() if key not in over}
    for key, fixes in added.items():
        try:
            before = open_blocks.get(key) or _load(connection, key)
        except blocks.BlockError as error:
            # Writing over it would destroy what may be mended; refusing would hold up every other camera.
            log.error("%d fixes of camera %s are lost: %s", len(fixes), key[0], error)
            metrics.FIXES_REFUSED.labels(key[0], "damaged_block").inc(len(fixes))
            continue
        block = _appended(key[0], before, fixes)
        open_blocks[key] = block
        (updates if before.data else inserts).append(_row(key, block.data))
    for key, block in over.items():
        updates.append(_row(key, blocks.encode(sorted(block.fixes, key=_in_time))))
    c = fix_blocks.c
    if inserts:
        connection.execute(
            fix_blocks.insert().values(camera=bindparam("key_camera"), minute=bindparam("key_minute")), inserts
        )
    if updates:
        connection.execute(
            fix_blocks.update().where(c.camera == bindparam("key_camera"), c.minute == bindparam("key_minute")), updates
        )
    return open_blocks


def _row(key: _Key, data: bytes) -> dict[str, object]:
    return {"key_camera": key[0], "key_minute": key[1], "fixes": data}


def _appended(camera: str, block: _Block, fixes: Iterable[Fix]) -> _Block:
    new = [fix for fix in dict.fromkeys(fixes) if fix not in block.fixes]
    surplus = len(block.fixes) + len(new) - MAX_FIXES_A_MINUTE
    if surplus > 0:
        metrics.FIXES_REFUSED.labels(camera, "too_many").inc(surplus)
        del new[-surplus:]
    if not new:
        return block
    return _Block(block.fixes | dict.fromkeys(new), block.data + blocks.encode(new))


def _load(connection: Connection, key: _Key) -> _Block:
    c = fix_blocks.c
    row = connection.execute(select(c.fixes).where(c.camera == key[0], c.minute == key[1])).first()
    return _Block({}, b"") if row is None else _Block(dict.fromkeys(_decoded(*key, row.fixes)), row.fixes)


def _read(connection: Connection, camera: str, after: int, last: int) -> tuple[list[Fix], int]:
    """The Fixes of the next blocks with after < minute <= last, and the minute up to which these are all."""
    c = fix_blocks.c
    rows = connection.execute(
        select(c.minute, c.fixes)
        .where(c.camera == camera, c.minute > after, c.minute <= last)
        .order_by(c.minute)
        .limit(_PAGE)
    ).all()
    read = [fix for row in rows for fix in _decoded(camera, row.minute, row.fixes)]
    return read, rows[-1].minute if len(rows) == _PAGE else last


def _cameras(connection: Connection) -> list[str]:
    """One look into the index for each, not a row for each minute."""
    c = fix_blocks.c
    found: list[str] = []
    while True:
        camera = connection.scalar(select(func.min(c.camera)).where(c.camera > (found[-1] if found else "")))
        if camera is None:
            return found
        found.append(camera)


def _delete(connection: Connection, camera: str, first: int, before: int) -> int:
    c = fix_blocks.c
    within = (c.camera == camera, c.minute >= first, c.minute < before)
    oldest = select(c.minute).where(*within).order_by(c.minute).limit(_DELETE_PAGE)
    return connection.execute(delete(fix_blocks).where(c.camera == camera, c.minute.in_(oldest))).rowcount


def _decoded(camera: str, minute: int, block: bytes) -> list[Fix]:
    try:
        return blocks.decode(block)
    except blocks.BlockError as error:
        raise blocks.BlockError(f"camera {camera}, minute {minute}: {error}") from error
