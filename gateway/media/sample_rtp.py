"""What tracks whose units are single samples have in common: audio frames and metadata documents.

Here belong loss, dating and the queue of what is ready. How payloads hold samples is in `audio` and `metadata_rtp`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque

from gateway.media.model import NS, AccessUnit, Gap, GapReason, Track, UtcNs
from gateway.media.rtp import MAX_DROPOUT, RtpPacket
from gateway.media.timeline import Stamp, Timeline


class SampleDepacketizer(ABC):
    """Push packets in the order of their sequence numbers, then pull until None.

    Counters, all since the beginning: `lost` packets, `dropped_units` and `dropped_bytes` of units that were not
    complete, `malformed` and `unsupported` payloads.
    """

    def __init__(self, track: Track, timeline: Timeline) -> None:
        self.track = track
        self.timeline = timeline
        self.lost = 0
        self.dropped_units = 0
        self.dropped_bytes = 0
        self.malformed = 0
        self.unsupported = 0
        self._ready: deque[AccessUnit | Gap] = deque()
        self._expected = -1
        self._ssrc = -1
        self._hole_packets = 0
        self._hole = False
        self._last_pts: int | None = None
        self._last_utc_ns = 0

    def push(self, packet: RtpPacket, received_ns: UtcNs) -> None:
        """Take the next packet. Never raises because of what it holds."""
        if packet.sequence != self._expected:
            self._discontinuity(packet.sequence, packet.ssrc)
        self._expected = (packet.sequence + 1) & 0xFFFF
        if packet.payload:  # padding alone: some cameras keep the way open with it
            self._take(packet, received_ns)

    def pull(self) -> AccessUnit | Gap | None:
        """The next item, or None."""
        return self._ready.popleft() if self._ready else None

    @abstractmethod
    def flush(self) -> None:
        """The stream has ended: what is complete becomes ready."""

    @abstractmethod
    def _take(self, packet: RtpPacket, received_ns: UtcNs) -> None:
        """Take a packet whose payload is not empty."""

    @abstractmethod
    def _lose(self) -> None:
        """Packets are missing: what is being put together may be incomplete."""

    def _discontinuity(self, sequence: int, ssrc: int) -> None:
        if self._expected >= 0:
            ahead = (sequence - self._expected) & 0xFFFF
            if ssrc == self._ssrc and ahead <= MAX_DROPOUT:
                self.lost += ahead
                self._hole_packets += ahead
            self._hole = True
            self._lose()
        self._ssrc = ssrc

    def _drop(self, size: int) -> None:
        """A unit of at least `size` bytes is given up."""
        self.dropped_units += 1
        self.dropped_bytes += size
        self._hole = True

    def _stamp(self, timestamp: int, received_ns: UtcNs) -> Stamp:
        """Date the unit that comes next, telling the Gaps that precede it."""
        stamp = self.timeline.stamp(timestamp, received_ns)
        if (jump := self.timeline.take_jump()) is not None:
            self._ready.append(jump)
        if self._hole:
            if self._last_pts is not None:
                start_ns = self._last_utc_ns
                end_ns = max(start_ns, stamp.utc_ns)
                self._ready.append(Gap(start_ns, end_ns, GapReason.LOSS, self.track.id, self._hole_packets))
            self._hole = False
            self._hole_packets = 0
        return stamp

    def _deliver(self, data: bytes, stamp: Stamp, received_ns: UtcNs, *, ticks: int = 0) -> None:
        """Hand out one unit, `ticks` after `stamp`. A timestamp that does not ascend is moved up by what is needed."""
        pts = stamp.pts + ticks
        if self._last_pts is not None and pts <= self._last_pts:
            pts = self._last_pts + 1
        self._last_pts = pts
        self._last_utc_ns = utc_ns = stamp.utc_ns + ticks * NS // self.track.clock_rate
        self._ready.append(
            AccessUnit(self.track, pts, pts, utc_ns, stamp.time_source, received_ns, (data,), True, len(data))
        )
