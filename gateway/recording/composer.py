"""Decides what goes into which file: access units and gaps in, commands for the disk and entries for the catalog out.

Here belong keyframes, rotation, fragment lengths and gaps. No file is touched and no clock read here, so that a disk
that refuses can be tried again with the same command. How one file's tracks are kept in step is in `lanes`.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

from gateway.media.bits import BitstreamError
from gateway.media.fmp4 import recordable
from gateway.media.model import NS, AccessUnit, Gap, GapReason, Item, Track, TrackKind, UtcNs
from gateway.recording.chunks import Cuts
from gateway.recording.commands import Append, Begin, Command, End
from gateway.recording.entries import CameraClock, LossFound, RecordingClosed, RecordingOpened, TrackContent
from gateway.recording.lanes import Lanes

log = logging.getLogger(__name__)

ROTATE_NS = 60 * NS
"""A Segment ends at the first keyframe from here on."""
APPEND_BYTES = 4 << 20
"""What one Append holds at most, give or take a fragment: bounds what is joined in memory at once."""

_INSIDE = {GapReason.LOSS}
"""Loss after which the same Recording goes on."""
_SAME_STREAM = {GapReason.STALLED, GapReason.CLOCK_JUMP}
"""Ends the Recording, but what follows can still be decoded: it is kept in the old file up to the next keyframe."""


@dataclass(slots=True)
class _Loss:
    gap: Gap
    kind: TrackKind | None


class Composer:
    """The recording of one camera, as a sequence of `commands`; whoever executes one takes it from the left."""

    def __init__(self, camera_id: str, *, rotate_ns: int = ROTATE_NS) -> None:
        self.commands: deque[Command] = deque()
        self.unusable = 0
        """Keyframes whose parameter sets no file can be made of."""
        self._camera_id = camera_id
        self._rotate_ns = rotate_ns
        self._lanes: Lanes | None = None
        self._losses: dict[int | None, _Loss] = {}
        self._renew = False
        """Begin a new Segment at the next keyframe, whatever the time."""
        self._ending: RecordingClosed | None = None
        """End the Recording so at the next keyframe."""

    @property
    def open(self) -> bool:
        """Whether a Segment is open."""
        return self._lanes is not None

    @property
    def segment(self) -> tuple[UtcNs, tuple[TrackContent, ...], Cuts] | None:
        """Start, content and cuts of the open Segment as far as it is composed; not all of that need be written."""
        lanes = self._lanes
        return None if lanes is None else (lanes.start_ns, lanes.content(), lanes.cuts)

    def feed(self, items: Iterable[Item], tracks: tuple[Track, ...]) -> None:
        """Take what the Hub held. `tracks`: all that the camera sends now, so that a silent one has its place too."""
        for item in items:
            if type(item) is AccessUnit:
                self._unit(item, tracks)
            elif type(item) is Gap:
                self._gap(item)
        if self._lanes is not None:
            self._lanes.cut()
            self._append().end_ns = self._lanes.end_ns

    def finish(self, reason: GapReason | None, detail: str = "") -> None:
        """End the Recording, if one is open."""
        if self._lanes is None:
            return
        end_ns = self._end_segment(None)
        self._close(self._ending or RecordingClosed(end_ns, reason, detail))

    def abandon(self) -> None:
        """Forget the open Segment and every command not yet executed: the disk did not take them."""
        self.commands.clear()
        self._lanes = self._ending = None
        self._losses.clear()
        self._renew = False

    # ---- units

    def _unit(self, unit: AccessUnit, tracks: tuple[Track, ...]) -> None:
        lanes = self._lanes
        if unit.is_keyframe and unit.track.kind is TrackKind.VIDEO and recordable(unit.track):
            if lanes is None:
                self._begin(unit, tracks, None)
                lanes = self._lanes
            elif self._ending is not None:
                self._end_segment(unit)
                self._close(self._ending)
                self._begin(unit, tracks, None)
                lanes = self._lanes
            elif self._is_due(lanes, unit, tracks):
                self._end_segment(unit)
                self._begin(unit, tracks, lanes)
                lanes = self._lanes
        if lanes is None:
            return
        if self._losses:
            self._end_losses(unit)
        if not lanes.add(unit):
            self._renew = True

    def _is_due(self, lanes: Lanes, key: AccessUnit, tracks: tuple[Track, ...]) -> bool:
        return self._renew or not lanes.suits(key.track) or key.utc_ns - lanes.start_ns >= self._rotate_ns

    def _begin(self, key: AccessUnit, tracks: tuple[Track, ...], before: Lanes | None) -> None:
        chosen = [key.track, *(t for t in tracks if t.kind is not TrackKind.VIDEO and recordable(t))]
        self._renew = False
        try:
            lanes = Lanes(chosen, key, before, self._append)
        except BitstreamError as error:
            self.unusable += 1
            log.warning("camera %s: its keyframe cannot be recorded: %s", self._camera_id, error)
            if before is not None:
                self._close(RecordingClosed(before.end_ns, GapReason.STREAM_CHANGED, str(error)))
            self._lanes = None
            return
        self._lanes = lanes
        clock = CameraClock(key.time_source, round((key.utc_ns - key.received_ns) / 1_000_000))
        self.commands.append(Begin(key.utc_ns, lanes.header, clock))
        if before is None:
            self.commands.append(RecordingOpened(key.utc_ns))

    def _end_segment(self, key: AccessUnit | None) -> UtcNs:
        """End the file, before `key` if it goes on there; returns where its video ends."""
        lanes = self._lanes
        assert lanes is not None
        lanes.finish(key)
        self._append().end_ns = lanes.end_ns
        self.commands.append(End(lanes.start_ns, lanes.end_ns, lanes.content(), lanes.cuts))
        self._lanes = None
        return lanes.end_ns

    def _append(self) -> Append:
        last = self.commands[-1] if self.commands else None
        if type(last) is not Append or last.size > APPEND_BYTES:
            last = Append()
            self.commands.append(last)
        return last

    # ---- gaps

    def _gap(self, gap: Gap) -> None:
        lanes = self._lanes
        if lanes is None:
            return
        if gap.track_id is not None and gap.track_id != lanes.video_id:
            lanes.realign(gap.track_id)
            self._lose(gap, lanes.kind(gap.track_id))
        elif gap.reason in _INSIDE:
            self._lose(gap, None if gap.track_id is None else TrackKind.VIDEO)
        elif gap.reason in _SAME_STREAM:
            lanes.cut()
            if self._ending is None:
                lanes.freeze_end()
                self._ending = RecordingClosed(lanes.end_ns, gap.reason, gap.detail)
        else:
            slow = gap.reason is GapReason.SLOW_READER
            reason = GapReason.DISK if slow else gap.reason
            self.finish(reason, "the disk was too slow for what came" if slow else gap.detail)

    def _lose(self, gap: Gap, kind: TrackKind | None) -> None:
        if gap.end_ns is not None:
            self.commands.append(
                LossFound(gap.start_ns, max(gap.start_ns, gap.end_ns), gap.reason, kind, gap.packets, gap.detail)
            )
            return
        known = self._losses.get(gap.track_id)
        if known is not None:
            gap = replace(known.gap, packets=known.gap.packets + gap.packets)
        self._losses[gap.track_id] = _Loss(gap, kind)

    def _end_losses(self, unit: AccessUnit) -> None:
        """A loss whose end was not known ends with the track's next unit; one of all tracks, with the next picture."""
        ids: tuple[int | None, ...] = (unit.track.id,)
        if unit.track.kind is TrackKind.VIDEO:
            ids = (unit.track.id, None)
        for track_id in ids:
            if (loss := self._losses.pop(track_id, None)) is not None:
                self._lose(replace(loss.gap, end_ns=unit.utc_ns), loss.kind)

    def _close(self, closed: RecordingClosed) -> None:
        for loss in self._losses.values():
            self._lose(replace(loss.gap, end_ns=closed.end_ns), loss.kind)
        self._losses.clear()
        self._ending = None
        self.commands.append(closed)
