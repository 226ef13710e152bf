"""Where Fixes are kept: a journal of all cameras, written once a second, and blocks, a row per camera and minute.

At most a second of Fixes is lost in a crash. Each second is one row of the journal, whatever the number of cameras;
what it holds stays in memory, too, until its minute is over and it is written as a block, once. Writing hundreds of
blocks anew each second would cost twenty times as much. What a crash leaves in the journal the next start takes up.

Everything here runs on the event loop; only the functions handed to the Database run in its threads, and they share
nothing with the loop that either side changes.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from gateway.base import metrics
from gateway.base.clock import Clock
from gateway.base.errors import StorageError
from gateway.media.model import NS, Fix, UtcNs
from gateway.positions import blocks, journal
from gateway.store.engine import Database
from gateway.store.tables import fix_blocks, fix_journal

if TYPE_CHECKING:
    from gateway.positions.columns import Columns

log = logging.getLogger(__name__)

MINUTE_NS = 60 * NS
WRITE_EVERY_S = 1.0
MAX_PENDING = 100_000
"""How many Fixes wait for a database that refuses: three minutes of five hundred cameras."""
MAX_FIXES_A_MINUTE = 6_000
"""What one block takes: a hundred a second."""
MAX_UNSETTLED = 3 * MAX_FIXES_A_MINUTE
"""How many of one camera are in no block yet, whatever minutes they say they are of."""
SETTLE_AT_ONCE = 16
"""So many minutes that are over become blocks with each write, or a thirtieth of them: five hundred cameras end theirs
in the same moment, and nothing else should wait for that."""
SETTLE_AFTER = 120
"""Writes after which a minute becomes a block even if more of it comes: else the journal could grow for ever."""

_PAGE = 60
_DELETE_PAGE = 1_000
_LOG_EVERY_S = 60.0

_Key: TypeAlias = tuple[str, int]  # camera and minute


class _Minute:
    """Fixes of one camera and minute that no block has yet."""

    __slots__ = ("began", "fixes", "seen")

    def __init__(self, began: int) -> None:
        self.fixes: list[Fix] = []
        self.began = began
        """The number of the write that puts the first of them into the journal."""
        self.seen = 0
        """How many of them there were at the last write."""


class PositionStore:
    """All Fixes of all cameras. One `run` task writes; call `flush` once more when the sources have stopped.

    A store that never writes (a command's) reads what the gateway's has written, and changes nothing.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._unsettled: dict[str, dict[int, _Minute]] = {}
        self._counts: Counter[str] = Counter()
        """How many of each camera are in `_unsettled`."""
        self._pending: list[tuple[str, Fix]] = []
        """What the journal does not have yet."""
        self._writes = 1
        """The number of the write that comes next."""
        self._entries: dict[int, int] = {}
        """The rows of the journal: id → number of the write."""
        self._owns_journal = False
        """Whether `_unsettled` has all that the journal has."""
        self._lock = asyncio.Lock()

    def add(self, camera: str, fix: Fix) -> bool:
        """Keep `fix`, which the Tracker accepted. Never waits; `fixes` returns it at once, and the disk has it
        within a second.

        False: not kept, because the database has refused for so long that no more fit, or because so many of this
        camera came already. Counted.
        """
        if len(self._pending) >= MAX_PENDING:
            metrics.FIXES_REFUSED.labels(camera, "store_full").inc()
            return False
        if not self._hold(camera, fix, self._writes):
            metrics.FIXES_REFUSED.labels(camera, "too_many").inc()
            return False
        self._pending.append((camera, fix))
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
                    log.error("%d fixes could not be written yet: %s", len(self._pending), error)

    async def flush(self) -> None:
        """Write what was added before this call, and some of the minutes that are over as blocks.

        Raises:
            StorageError: the database refused; the Fixes are kept for the next call.
        """
        async with self._lock:
            await self._take_over()
            settling = {key: list(self._unsettled[key[0]][key[1]].fixes) for key in self._due()}
            done = self._done_entries()
            writing, self._pending = self._pending, []
            if not (writing or settling or done):
                return
            number = self._writes
            self._writes += 1
            try:
                work = partial(_write, added=writing, settling=settling, done=done)
                entry = await self._database.write(work)
            except BaseException:
                # Also when cancelled: the transaction may yet succeed. What is then written twice is read once.
                self._pending = writing + self._pending
                raise
            for id_ in done:
                del self._entries[id_]
            if entry is not None:
                self._entries[entry] = number
            for key, fixes in settling.items():
                self._let_go(key, len(fixes))

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
        # The copies come before the reads: what becomes a block in between is found twice, not lost.
        journaled = await self._journaled(camera)
        while after < last:
            unsettled = [*journaled, *self._held(camera, after, last)]
            read, reached = await self._database.read(partial(_read, camera=camera, after=after, last=last))
            merged = dict.fromkeys(read)
            merged.update(dict.fromkeys(fix for fix in unsettled if after < fix.utc_ns // MINUTE_NS <= reached))
            batch = [
                fix
                for fix in merged
                if (from_ns is None or fix.utc_ns >= from_ns) and (to_ns is None or fix.utc_ns < to_ns)
            ]
            if batch:
                batch.sort(key=_in_time)
                yield batch
            after = reached

    async def places(
        self, cameras: Collection[str], from_ns: UtcNs, to_ns: UtcNs
    ) -> dict[str, tuple[UtcNs, float, float]]:
        """Where each camera was last of all in from_ns <= utc_ns <= to_ns, if anywhere: UTC, latitude and longitude.

        One read for all of them. Meant for a few minutes: whole blocks are read.

        Raises:
            StorageError: the database refused, or a block is damaged.
        """
        minutes = range(from_ns // MINUTE_NS, to_ns // MINUTE_NS + 1)
        # The copies come before the read, as in `batches`.
        journaled = [] if self._owns_journal else list((await self._database.read(_entries)).values())
        unsettled: dict[str, tuple[UtcNs, float, float]] = {}
        for camera in cameras:
            fixes = [fix for entry in journaled for fix in entry.get(camera, ())]
            fixes += self._held(camera, minutes[0] - 1, minutes[-1])
            if within := [fix for fix in fixes if from_ns <= fix.utc_ns <= to_ns]:
                last = max(within, key=_in_time)
                unsettled[camera] = last.utc_ns, last.lat, last.lon
        work = partial(_places, cameras=list(cameras), minutes=minutes, from_ns=from_ns, to_ns=to_ns)
        found = await self._database.read(work)
        return {**found, **{camera: max(place, found.get(camera, place)) for camera, place in unsettled.items()}}

    async def columns(self, camera: str, from_ns: UtcNs, to_ns: UtcNs) -> list[Columns]:
        """The Fixes with from_ns <= utc_ns < to_ns as arrays, in any order; some may be there twice.

        A day is read in a tenth of a second. Meant for days, not for months: all of it is held.

        Raises:
            StorageError: the database refused, or a block is damaged.
        """
        after, last = from_ns // MINUTE_NS - 1, (to_ns - 1) // MINUTE_NS
        # The copies come before the reads, as in `batches`.
        unsettled = [*await self._journaled(camera), *self._held(camera, after, last)]
        within = [fix for fix in unsettled if from_ns <= fix.utc_ns < to_ns]
        read = await self._database.read(partial(_read_columns, camera=camera, from_ns=from_ns, to_ns=to_ns))
        return [*read, *_as_columns(within)]

    async def cameras(self) -> list[str]:
        """Those of which any Fix is kept.

        Raises:
            StorageError: the database refused.
        """
        return sorted({*await self._database.read(_cameras), *self._unsettled})

    async def delete_between(self, camera: str, from_ns: UtcNs, to_ns: UtcNs) -> int:
        """Delete the camera's whole minutes within [from_ns, to_ns), in small steps; returns how many there were.

        What came in the last two minutes and is that old stays in the journal so long: a gateway that is killed
        before may bring it back, to be deleted again.

        Raises:
            StorageError: the database refused; some may be gone.
        """
        first, before = -(-from_ns // MINUTE_NS), to_ns // MINUTE_NS
        async with self._lock:
            held = [minute for minute in self._unsettled.get(camera, ()) if first <= minute < before]
            for minute in held:
                self._let_go((camera, minute), len(self._unsettled[camera][minute].fixes))
        deleted = len(held)
        while True:
            async with self._lock:
                work = partial(_delete, camera=camera, first=first, before=before)
                count = await self._database.write(work)
            deleted += count
            if count < _DELETE_PAGE:
                return deleted

    # ---- inside

    def _hold(self, camera: str, fix: Fix, write: int) -> bool:
        minutes = self._unsettled.setdefault(camera, {})
        minute = minutes.get(number := fix.utc_ns // MINUTE_NS)
        if minute is None:
            minute = minutes[number] = _Minute(write)
        if len(minute.fixes) >= MAX_FIXES_A_MINUTE or self._counts[camera] >= MAX_UNSETTLED:
            return False
        minute.fixes.append(fix)
        self._counts[camera] += 1
        return True

    def _let_go(self, key: _Key, count: int) -> None:
        """The first `count` Fixes of a minute are in its block, or deleted."""
        camera, number = key
        minutes = self._unsettled[camera]
        minute = minutes.pop(number)
        self._counts[camera] -= count
        if len(minute.fixes) > count:
            # More came while the block was written: a minute of its own, in the journal from the write after that on.
            rest = minutes[number] = _Minute(self._writes)
            rest.fixes = minute.fixes[count:]
        elif not minutes:
            del self._unsettled[camera], self._counts[camera]

    def _held(self, camera: str, after: int, last: int) -> Iterator[Fix]:
        for number, minute in self._unsettled.get(camera, {}).items():
            if after < number <= last:
                yield from minute.fixes

    def _due(self) -> list[_Key]:
        """Some of the minutes that nothing was added to since the last write and that are not the present one.

        Also when they lie ahead of the clock: a camera that dates its fixes wildly must not fill the memory.
        """
        this_minute = self._clock.utc_ns() // MINUTE_NS
        due: list[_Key] = []
        for camera, minutes in self._unsettled.items():
            for number, minute in minutes.items():
                count = len(minute.fixes)
                if number != this_minute and (count == minute.seen or self._writes - minute.began > SETTLE_AFTER):
                    due.append((camera, number))
                minute.seen = count
        return due[: max(SETTLE_AT_ONCE, len(due) // 30)]

    def _done_entries(self) -> list[int]:
        """The journal's rows of which blocks have everything."""
        if not self._entries:
            return []
        began = (minute.began for minutes in self._unsettled.values() for minute in minutes.values())
        oldest = min(began, default=self._writes)
        return [id_ for id_, number in self._entries.items() if number < oldest]

    async def _take_over(self) -> None:
        """Once: hold what the journal has of an earlier process."""
        if self._owns_journal:
            return
        for id_, entry in (await self._database.read(_entries)).items():
            self._entries[id_] = 0
            for camera, fixes in entry.items():
                for fix in fixes:
                    self._hold(camera, fix, 0)
        self._owns_journal = True

    async def _journaled(self, camera: str) -> list[Fix]:
        """What the journal has of a camera and this store does not hold."""
        if self._owns_journal:
            return []
        entries = await self._database.read(_entries)
        return [fix for entry in entries.values() for fix in entry.get(camera, ())]


def _in_time(fix: Fix) -> tuple[UtcNs, UtcNs]:
    return fix.utc_ns, fix.received_ns


# ---- in the database's threads


def _write(
    connection: Connection,
    added: Sequence[tuple[str, Fix]],
    settling: Mapping[_Key, Sequence[Fix]],
    done: Sequence[int],
) -> int | None:
    """Put `added` into the journal, make blocks of `settling`, and delete what is `done`; the new row's id, if any."""
    entry = None
    if added:
        of_camera: dict[str, list[Fix]] = {}
        for camera, fix in added:
            of_camera.setdefault(camera, []).append(fix)
        row = connection.execute(
            insert(fix_journal).values(fixes=journal.encode(of_camera)).returning(fix_journal.c.id)
        )
        entry = row.scalar_one()
    if settling:
        _settle(connection, settling)
    if done:
        connection.execute(
            delete(fix_journal).where(fix_journal.c.id == bindparam("done")), [{"done": i} for i in done]
        )
    return entry


def _settle(connection: Connection, settling: Mapping[_Key, Sequence[Fix]]) -> None:
    inserts: list[dict[str, object]] = []
    updates: list[dict[str, object]] = []
    written = _load(connection, settling)
    for key, fixes in settling.items():
        before = written.get(key)
        try:
            merged = list(dict.fromkeys([*(_decoded(*key, before) if before is not None else ()), *fixes]))
        except blocks.BlockError as error:
            # Writing over it would destroy what may be mended; refusing would hold up every other camera.
            log.error("%d fixes of camera %s are lost: %s", len(fixes), key[0], error)
            metrics.FIXES_REFUSED.labels(key[0], "damaged_block").inc(len(fixes))
            continue
        if (surplus := len(merged) - MAX_FIXES_A_MINUTE) > 0:
            metrics.FIXES_REFUSED.labels(key[0], "too_many").inc(surplus)
            del merged[-surplus:]
        merged.sort(key=_in_time)
        row = {"key_camera": key[0], "key_minute": key[1], "fixes": blocks.encode(merged)}
        (inserts if before is None else updates).append(row)
    c = fix_blocks.c
    if inserts:
        connection.execute(
            fix_blocks.insert().values(camera=bindparam("key_camera"), minute=bindparam("key_minute")), inserts
        )
    if updates:
        connection.execute(
            fix_blocks.update().where(c.camera == bindparam("key_camera"), c.minute == bindparam("key_minute")), updates
        )


def _load(connection: Connection, keys: Iterable[_Key]) -> dict[_Key, bytes]:
    """Those of the blocks that are there already: late Fixes come to them."""
    cameras: dict[int, list[str]] = {}
    for camera, minute in keys:
        cameras.setdefault(minute, []).append(camera)
    c = fix_blocks.c
    return {
        (row.camera, minute): row.fixes
        for minute, some in cameras.items()
        for row in connection.execute(select(c.camera, c.fixes).where(c.minute == minute, c.camera.in_(some)))
    }


def _entries(connection: Connection) -> dict[int, dict[str, list[Fix]]]:
    """The journal: id → camera → Fixes. An entry that is damaged is named and left alone."""
    found = {}
    for row in connection.execute(select(fix_journal).order_by(fix_journal.c.id)):
        try:
            found[row.id] = journal.decode(row.fixes)
        except blocks.BlockError as error:
            log.error("fixes of a second are lost: entry %d: %s", row.id, error)
    return found


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


def _places(
    connection: Connection, cameras: list[str], minutes: range, from_ns: UtcNs, to_ns: UtcNs
) -> dict[str, tuple[UtcNs, float, float]]:
    """Of each camera the last place that a block of these minutes has: no earlier block is unpacked than need be."""
    from gateway.positions import columns  # see `_read_columns`

    c = fix_blocks.c
    found: dict[str, tuple[UtcNs, float, float]] = {}
    query = select(c.camera, c.minute, c.fixes).where(c.camera.in_(cameras), c.minute.between(minutes[0], minutes[-1]))
    for camera, minute, block in sorted(connection.execute(query), key=lambda row: -row.minute):
        if camera in found:
            continue
        try:
            all_of_it = columns.of_block(block)
        except blocks.BlockError as error:
            raise blocks.BlockError(f"camera {camera}, minute {minute}: {error}") from error
        part = all_of_it.where((all_of_it.utc_ns >= from_ns) & (all_of_it.utc_ns <= to_ns))
        if len(part):
            last = int(part.utc_ns.argmax())
            found[camera] = int(part.utc_ns[last]), float(part.lat[last]), float(part.lon[last])
    return found


def _read_columns(connection: Connection, camera: str, from_ns: UtcNs, to_ns: UtcNs) -> list[Columns]:
    # Here, because numpy takes a fifth of a second to load, and a gateway that starts has better things to do.
    from gateway.positions import columns

    c = fix_blocks.c
    first, last = from_ns // MINUTE_NS, (to_ns - 1) // MINUTE_NS
    gathered = columns.Gathered()
    query = select(c.minute, c.fixes).where(c.camera == camera, c.minute.between(first, last))
    for minute, block in connection.execute(query):
        try:
            gathered.add(block)
        except blocks.BlockError as error:
            raise blocks.BlockError(f"camera {camera}, minute {minute}: {error}") from error
    found = gathered.columns()
    return [found.where((found.utc_ns >= from_ns) & (found.utc_ns < to_ns))]


def _as_columns(fixes: Sequence[Fix]) -> list[Columns]:
    if not fixes:
        return []
    from gateway.positions import columns

    return [columns.of_fixes(fixes)]


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
