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
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.base.clock import Clock
from gateway.base.errors import StorageError
from gateway.base.metrics import READER_MOVED, RECORDED_BYTES, RECORDED_UNITS, RECORDER_ERRORS
from gateway.base.workers import Threads
from gateway.hub import Hub, Lag, Start, Subscription
from gateway.ledger.journal import Journals
from gateway.media.model import AccessUnit, GapReason, Item, TrackKind, UtcNs
from gateway.recording.catalog import Catalog
from gateway.recording.composer import ROTATE_NS, Composer
from gateway.recording.files import Files
from gateway.recording.rows import Growing
from gateway.recording.writer import SyncError, Writer

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.48
"""How often the ring is read: what arrives in between becomes one fragment per track."""
LOOK_PHASES = 4
"""At how many moments within that time some cameras' rings are read."""
RETRY_SECONDS = 1.0
KEYFRAME_SECONDS = 10.0
"""How long a Recording that ends is continued up to the next keyframe."""
CLOSING_TRIES = 3
"""How often a disk that refuses is tried when the gateway stops: it has 10 s for everything."""


@dataclass(frozen=True, slots=True)
class PreRoll:
    """Where a Recording of an event begins, and how."""

    position: int
    """In the ring: of a keyframe."""
    sound_from_ns: UtcNs | None = None
    """Sound of before this is not recorded."""


class Recorder:
    """Records what `hub` carries, from the oldest unit it holds on, until the Hub closes or `stop` is called."""

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
        has_room: Callable[[], bool] = lambda: True,
        begin: PreRoll | None = None,
    ) -> None:
        """`has_room`: whether more may be written. `begin`: where to begin instead, and how."""
        self.camera_id = hub.camera_id
        self.problem: str | None = None
        """Why nothing can be written at the moment, as a sentence; None: all is well."""
        self._hub = hub
        self._catalog = catalog
        self._threads = threads
        self._clock = clock
        self._composer = Composer(self.camera_id, rotate_ns=rotate_ns)
        self._writer = Writer(self._composer, self.camera_id, files, journals, clock, has_room)
        self.reached = 0
        """The position in the ring up to which it has taken."""
        self._begin = begin
        self._sound_from_ns = None if begin is None else begin.sound_from_ns
        self._reason: GapReason | None = None
        self._stopping = False
        self._last_keyframe_by: float | None = None
        """Stop at the next keyframe, and without one at this time of the monotonic clock."""
        self._bytes = RECORDED_BYTES.labels(self.camera_id)
        self._units = {kind: RECORDED_UNITS.labels(self.camera_id, kind.value) for kind in TrackKind}
        self._counted_bytes = 0

    @property
    def recording(self) -> bool:
        """Whether media goes to disk right now."""
        return self._writer.start_ns is not None and self.problem is None

    def stop(self, reason: GapReason | None = None, *, at_keyframe: bool = False) -> None:
        """Let `run` finish the Segment and return. `reason`: why media is missing from now on.

        `at_keyframe`: not before the next one, from which another can go on.
        """
        self._reason = reason
        if at_keyframe and not self._stopping:
            self._last_keyframe_by = self._last_keyframe_by or self._clock.monotonic() + KEYFRAME_SECONDS
        else:
            self._stopping = True

    async def run(self) -> None:
        """Record. Returns within seconds of the Hub's close, with everything on disk that the disk takes."""
        with self._hub.subscribe("recorder", start=Start.OLDEST, lag=Lag.AT_CAP) as subscription:
            if self._begin is not None:
                subscription.position = max(self._hub.first, self._begin.position)
            await self._resume()
            try:
                while not await self._look(subscription):
                    await self._clock.sleep(self._pause())
                if self._reason is GapReason.IDLE:
                    await self._catalog.rest(self.camera_id, self._clock.utc_ns())
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
        if self._last_keyframe_by is not None and not closing:
            items, closing = self._up_to_keyframe(items, subscription)
        if self._sound_from_ns is not None:
            items = _without_sound(items, self._sound_from_ns)
        self.reached = subscription.position
        if subscription.moved > moved:
            READER_MOVED.labels(self.camera_id, subscription.name).inc()
        if items or closing:
            await self._write(items, subscription)
        if closing:
            self._composer.finish(self._reason)
            await self._write((), subscription, tries=CLOSING_TRIES)
        return closing

    def _up_to_keyframe(self, items: list[Item], subscription: Subscription) -> tuple[list[Item], bool]:
        """What comes before the first keyframe, which is left to the next Recorder; and whether this is the end."""
        assert self._last_keyframe_by is not None
        for number, item in enumerate(items):
            if type(item) is AccessUnit and item.is_keyframe and item.track.kind is TrackKind.VIDEO:
                subscription.position -= len(items) - number
                return items[:number], True
        return items, self._clock.monotonic() >= self._last_keyframe_by

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


def _without_sound(items: list[Item], before_ns: UtcNs) -> list[Item]:
    """Without the sound that was captured before an event."""
    return [
        item
        for item in items
        if not (type(item) is AccessUnit and item.track.kind is TrackKind.AUDIO and item.utc_ns < before_ns)
    ]
