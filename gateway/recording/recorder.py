"""The Sink that records one camera: takes from its Hub, lets a writer thread write, tells the catalog.

The loop only hands over; it never touches the disk. The Hub is looked at a few times a second instead of being woken
for every unit, which costs a tenth as much and loses no more: what is not on disk yet is less than a fragment either
way. While the disk is slow or refuses, the Hub's ring keeps the media; only what the ring lets go is lost, and becomes
a gap.
"""

from __future__ import annotations

import errno
import logging
import zlib
from collections.abc import Sequence

from gateway.base.clock import Clock
from gateway.base.errors import StorageError
from gateway.base.metrics import READER_MOVED, RECORDED_BYTES, RECORDED_UNITS, RECORDER_ERRORS
from gateway.base.workers import Threads
from gateway.hub import Hub, Lag, Start, Subscription
from gateway.ledger.journal import Journals
from gateway.media.model import GapReason, Item, TrackKind
from gateway.recording.catalog import Catalog, Growing
from gateway.recording.composer import ROTATE_NS, Composer
from gateway.recording.files import Files
from gateway.recording.writer import SyncError, Writer

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.48
"""How often the ring is read: what arrives in between becomes one fragment per track."""
LOOK_PHASES = 4
"""At how many moments within that time some cameras' rings are read."""
RETRY_SECONDS = 1.0
CLOSING_TRIES = 3
"""How often a disk that refuses is tried when the gateway stops: it has 10 s for everything."""


class Recorder:
    """Records what `hub` carries from the oldest unit it holds, until the Hub closes or `stop` is called."""

    def __init__(
        self,
        hub: Hub,
        catalog: Catalog,
        files: Files,
        journals: Journals,
        threads: Threads,
        clock: Clock,
        *,
        rotate_ns: int = ROTATE_NS,
    ) -> None:
        self.camera_id = hub.camera_id
        self.problem: str | None = None
        """Why nothing can be written at the moment, as a sentence; None: all is well."""
        self._hub = hub
        self._catalog = catalog
        self._threads = threads
        self._clock = clock
        self._composer = Composer(self.camera_id, rotate_ns=rotate_ns)
        self._writer = Writer(self._composer, self.camera_id, files, journals, clock)
        self._reason: GapReason | None = None
        self._stopping = False
        self._bytes = RECORDED_BYTES.labels(self.camera_id)
        self._units = {kind: RECORDED_UNITS.labels(self.camera_id, kind.value) for kind in TrackKind}
        self._counted_bytes = 0

    @property
    def recording(self) -> bool:
        """Whether media goes to disk right now."""
        return self._writer.start_ns is not None and self.problem is None

    def stop(self, reason: GapReason | None = None) -> None:
        """Let `run` finish the Segment and return. `reason`: why media is missing from now on."""
        self._reason = reason
        self._stopping = True

    async def run(self) -> None:
        """Record. Returns within seconds of the Hub's close, with everything on disk that the disk takes."""
        with self._hub.subscribe("recorder", start=Start.OLDEST, lag=Lag.AT_CAP) as subscription:
            await self._resume()
            try:
                while not await self._look(subscription):
                    await self._clock.sleep(self._pause())
            finally:
                await self._threads.run(self._writer.close)
                self._catalog.grow(self.camera_id, None)

    def _pause(self) -> float:
        """Seconds until the next look. Cameras look at a few common moments, so that one thread serves many at once."""
        phase = LOOK_SECONDS * (zlib.crc32(self.camera_id.encode()) % LOOK_PHASES) / LOOK_PHASES
        pause = LOOK_SECONDS - (self._clock.monotonic() - phase) % LOOK_SECONDS
        return pause if pause > 0.01 else pause + LOOK_SECONDS  # a timer may be a little early

    async def _resume(self) -> None:
        while not (self._hub.closed or self._stopping):
            try:
                await self._catalog.resume(self.camera_id)
                return
            except StorageError as error:
                RECORDER_ERRORS.labels(self.camera_id).inc()
                log.error("camera %s: %s", self.camera_id, error)
                await self._clock.sleep(RETRY_SECONDS)

    async def _look(self, subscription: Subscription) -> bool:
        """Write what the ring holds; True when that was the end."""
        closing = self._hub.closed or self._stopping
        moved = subscription.moved
        items = subscription.take()
        if subscription.moved > moved:
            READER_MOVED.labels(self.camera_id, subscription.name).inc()
        if items or closing:
            await self._write(items, subscription)
        if closing:
            self._composer.finish(self._reason)
            await self._write((), subscription, tries=CLOSING_TRIES)
        return closing

    async def _write(self, items: Sequence[Item], subscription: Subscription, *, tries: int | None = None) -> None:
        """Write `items`, again and again if need be, until it is done or they are known to be lost."""
        failures = 0
        while True:
            try:
                await self._threads.run(self._writer.work, items, self._hub.tracks)
            except OSError as error:
                failures += 1
                self._refused(error)
                if isinstance(error, SyncError) or failures == tries or self._is_overrun(subscription):
                    await self._threads.run(self._writer.give_up, str(self.problem))
                    await self._tell()
                    return
            else:
                if self.problem is not None:
                    log.info("camera %s: the disk takes recordings again", self.camera_id)
                    self.problem = None
                await self._tell()
                return
            items = ()
            await self._tell()
            await self._clock.sleep(RETRY_SECONDS)
            if tries is None and (self._hub.closed or self._stopping):
                tries = failures + CLOSING_TRIES

    def _is_overrun(self, subscription: Subscription) -> bool:
        """Whether the ring has let go of media that was not taken yet."""
        return self._hub.first > subscription.position

    def _refused(self, error: OSError) -> None:
        RECORDER_ERRORS.labels(self.camera_id).inc()
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        problem = "The disk is full." if full else f"The disk refused a recording: {error.strerror or error}."
        if problem != self.problem:
            log.error("camera %s: %s", self.camera_id, problem)
        self.problem = problem

    async def _tell(self) -> None:
        """Move what the writer did to the metrics and the catalog. What the catalog refuses is told again next time."""
        writer = self._writer
        self._bytes.inc(writer.bytes - self._counted_bytes)
        self._counted_bytes = writer.bytes
        for kind, units in writer.units.items():
            self._units[kind].inc(units)
        writer.units.clear()
        if entries := tuple(writer.entries):
            try:
                await self._catalog.store(self.camera_id, entries)
            except StorageError as error:
                RECORDER_ERRORS.labels(self.camera_id).inc()
                log.error("camera %s: %s", self.camera_id, error)
                return
            del writer.entries[: len(entries)]
            await self._threads.run(writer.release)
        growing = None
        if writer.start_ns is not None:
            growing = Growing(writer.start_ns, writer.end_ns, writer.open_segment)
        self._catalog.grow(self.camera_id, growing)
