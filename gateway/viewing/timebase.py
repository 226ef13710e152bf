"""One steady RTP timeline per track, whatever the camera's own timestamps do. No I/O.

A camera that reconnects begins at another origin; its viewers must see time go on. Only the video and audio that
viewers get is timed here; the mapping from camera time to UTC is `gateway.media.timeline`'s.
"""

from __future__ import annotations

from gateway.media.model import NS, AccessUnit

_MAX_BACK_SECONDS = 1
"""Further back than any reordering of pictures: the camera began anew."""
_MAX_AHEAD_SECONDS = 10
"""Further ahead than this, and more than what passed by the gateway's clock: the camera began anew."""


class Timebase:
    """Maps the pts of one track's units to ticks that never leap."""

    def __init__(self) -> None:
        self.newest: int | None = None
        """The ticks of the unit mapped last."""
        self.leaps = 0
        """How often the camera's timestamps began anew."""
        self._shift = 0
        self._pts = 0
        self._received_ns = 0
        self._broken = False

    def interrupt(self) -> None:
        """The next unit belongs to another timeline: go on by the gateway's clock."""
        self._broken = True

    def begin(self, unit: AccessUnit, ticks: int) -> None:
        """Let the timeline begin with `unit` at `ticks`, as another one of the same camera does."""
        self._shift = ticks - unit.pts

    def map(self, unit: AccessUnit) -> int:
        """The ticks of the next unit in the order of arrival."""
        if self.newest is not None and (self._broken or self._leapt(unit)):
            passed = max(0, unit.received_ns - self._received_ns) * unit.track.clock_rate // NS
            # At least a 50th of a second on, so that two pictures never share a timestamp.
            self._shift = self.newest + max(passed, unit.track.clock_rate // 50) - unit.pts
            self.leaps += 1
        self._broken = False
        self._pts, self._received_ns = unit.pts, unit.received_ns
        self.newest = unit.pts + self._shift
        return self.newest

    def peek(self, unit: AccessUnit) -> int:
        """The ticks of a unit that belongs to the timeline of the one mapped last."""
        return unit.pts + self._shift

    def _leapt(self, unit: AccessUnit) -> bool:
        seconds = (unit.pts - self._pts) / unit.track.clock_rate
        if seconds < -_MAX_BACK_SECONDS:
            return True
        return seconds > _MAX_AHEAD_SECONDS and seconds * NS > 2 * (unit.received_ns - self._received_ns)
