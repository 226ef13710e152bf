"""What an RTP timestamp means: 64-bit media time, and UTC.

Here belongs everything that turns 32-bit timestamps, sender reports (RFC 3550 6.4.1) and times of arrival into `pts`
and UTC, for one track. Nothing here knows what the packets carry.

The rules, told to users in docs/time.md:

- Media time is the truth for spacing. UTC is `offset + pts / clock_rate`; only the offset is estimated, so jitter and a
  burst of delayed packets cannot shift single units.
- By arrival, the offset is the least delay seen within the last 60 to 120 s of media (a minimum filter): what is
  delayed by an outage does not count, a drifting camera clock is followed.
- By sender report, the offset is the report's own, if the camera's clock is within a day of the gateway's. The first
  believable report is taken as it comes. A later one that differs by more than `JUMP_NS` must be confirmed by the next.
- An offset moves towards its target by at most a tenth of the media time that passes: UTC ascends with pts. A
  difference of more than `JUMP_NS` is not crept along but stepped over, and told as a Gap(CLOCK_JUMP).
- A timestamp that cannot be (more than `JUMP_NS` ahead of the gateway's clock, or a second back) is a jump too: pts
  goes on by the time of arrival, and UTC is by arrival until the next sender report.
"""

from __future__ import annotations

from typing import NamedTuple

from gateway.media.model import NS, Gap, GapReason, TimeSource, UtcNs
from gateway.media.rtcp import SenderReport, ntp_to_utc_ns

JUMP_NS = 5 * NS
"""From here on a difference is a jump of a clock, not jitter or drift."""
TRUST_NS = 24 * 3600 * NS
"""A camera's clock that is further from the gateway's is not believed."""

_FILTER_NS = 60 * NS
"""How much media one half of the minimum filter spans."""
_BACK_NS = NS
"""Pictures reordered for B-frames go back less than this."""
_SETTLED_NS = NS // 10
_NEVER = 1 << 63
"""Later than any time there is."""
_REPORT_REACH_NS = 60 * NS
"""A sender report whose timestamp is further from the media speaks of another stream."""
_ORIGIN = 1 << 32
"""Where pts begins, so that a dts before the first pts is not negative; `pts % 2**32` is the RTP timestamp."""
_RTCP, _ARRIVAL = TimeSource.RTCP, TimeSource.ARRIVAL  # bound once: each look through the class calls a descriptor


class Stamp(NamedTuple):
    """What is known of the time of one unit."""

    pts: int
    utc_ns: UtcNs
    time_source: TimeSource


_stamp = tuple.__new__  # what Stamp's own constructor calls, in half of its time


class Timeline:
    """The time of one track within one attempt. Call `stamp` once a unit, in the order of arrival."""

    __slots__ = (
        "_arrival", "_doubted", "_highest", "_highest_ns", "_media_ns", "_offset", "_pts", "_received_ns",
        "_report_offset", "_settled", "_timestamp", "_track_id", "_waiting", "clock_rate", "distrusted_reports",
        "jump", "jumps",
    )  # fmt: skip

    def __init__(self, clock_rate: int, track_id: int | None = None) -> None:
        if clock_rate <= 0:
            raise ValueError(f"a clock rate of {clock_rate} Hz")
        self.clock_rate = clock_rate
        self.distrusted_reports = 0
        """Sender reports whose clock or timestamp was not believable."""
        self.jumps = 0
        self.jump: Gap | None = None
        """What `take_jump` would take. Looked at for each unit."""
        self._track_id = track_id
        self._timestamp = -1
        self._pts = 0
        self._highest = 0
        self._media_ns = 0
        """`_pts` in nanoseconds."""
        self._highest_ns = 0
        self._received_ns = 0
        self._offset = 0
        """UTC of pts 0, in use."""
        self._arrival = _LeastDelay()
        self._report_offset: int | None = None
        self._doubted: int | None = None
        self._settled = False
        self._waiting: SenderReport | None = None

    def stamp(self, timestamp: int, received_ns: UtcNs) -> Stamp:
        """Date the unit with this RTP timestamp, whose first packet came at `received_ns`.

        The source is RTCP once UTC has come within `_SETTLED_NS` of the report.
        """
        if self._timestamp < 0:
            self._begin(timestamp, received_ns)
        else:
            pts = self._pts + (timestamp - self._timestamp + 0x80000000 & 0xFFFFFFFF) - 0x80000000
            media_ns = pts * NS // self.clock_rate
            passed_ns = media_ns - self._highest_ns
            self._timestamp = timestamp
            if passed_ns <= 0 or passed_ns > JUMP_NS:
                self._move_oddly(pts, media_ns, passed_ns, received_ns)
            else:
                self._advance(pts, media_ns, passed_ns, received_ns)
        source = _RTCP if self._settled else _ARRIVAL
        return _stamp(Stamp, (self._pts, self._offset + self._media_ns, source))

    def sender_report(self, report: SenderReport, received_ns: UtcNs) -> None:
        """Learn from a report of this track's sender. May come before the first unit."""
        if abs(ntp_to_utc_ns(report.ntp) - received_ns) > TRUST_NS:
            self.distrusted_reports += 1
        elif self._timestamp < 0:
            self._waiting = report
        else:
            self._apply(report)

    def take_jump(self) -> Gap | None:
        """The jump that precedes the unit stamped last, once: `start_ns` by the old reckoning, `end_ns` by the new.

        A clock set back makes `end_ns` equal `start_ns`: the UTC that follows was there before.
        """
        gap, self.jump = self.jump, None
        return gap

    def _move_to(self, pts: int) -> None:
        self._pts = self._highest = pts
        self._media_ns = self._highest_ns = pts * NS // self.clock_rate

    def _begin(self, timestamp: int, received_ns: UtcNs) -> None:
        self._timestamp = timestamp
        self._move_to(_ORIGIN + timestamp)
        self._received_ns = received_ns
        self._offset = received_ns - self._media_ns
        self._arrival.add(self._offset, 0)
        if self._waiting is not None:
            self._apply(self._waiting)
            self._waiting = None
        if self._report_offset is not None:
            self._offset = self._report_offset
            self._settled = True

    def _advance(self, pts: int, media_ns: int, passed_ns: int, received_ns: UtcNs) -> None:
        """The unit is the newest so far, by `passed_ns` of media: the way of nearly every one."""
        self._pts = self._highest = pts
        self._media_ns = self._highest_ns = media_ns
        self._received_ns = received_ns
        target = self._arrival.add(received_ns - media_ns, passed_ns)
        if self._report_offset is not None:
            target = self._report_offset
            if not self._settled or target != self._offset:
                self._approach(target, passed_ns)
        elif target != self._offset:
            self._approach(target, passed_ns)

    def _move_oddly(self, pts: int, media_ns: int, passed_ns: int, received_ns: UtcNs) -> None:
        """The unit goes back in time, or far ahead."""
        leaps = passed_ns > JUMP_NS and received_ns - media_ns - self._arrival.offset < -JUMP_NS
        if leaps or passed_ns < -_BACK_NS:
            self._leap(received_ns)
        elif passed_ns > 0:
            self._advance(pts, media_ns, passed_ns, received_ns)
        else:
            self._pts, self._media_ns, self._received_ns = pts, media_ns, received_ns

    def _leap(self, received_ns: UtcNs) -> None:
        """The timestamps began anew: go on by the time of arrival."""
        passed_ns = max(1, received_ns - self._received_ns)
        before_ns = self._offset + self._highest_ns
        self._move_to(self._highest + max(1, passed_ns * self.clock_rate // NS))
        self._received_ns = received_ns
        self._report_offset = self._doubted = None
        self._settled = False
        offset = received_ns - self._media_ns
        self._arrival = _LeastDelay()
        self._arrival.add(offset, 0)
        self._jump(before_ns, offset, "the RTP timestamps began anew")

    def _approach(self, target: int, passed_ns: int) -> None:
        """Creep towards `target` by a tenth of the media time passed, or step over a jump."""
        difference = target - self._offset
        if abs(difference) > JUMP_NS:
            what = "arrival" if self._report_offset is None else "sender reports"
            before_ns = self._offset + self._highest_ns
            self._jump(before_ns, target, f"UTC moved by {difference / NS:+.1f} s, by {what}")
            self._settled = self._report_offset is not None
            return
        limit = passed_ns // 10
        self._offset += max(-limit, min(limit, difference))
        if self._report_offset is not None and abs(target - self._offset) <= _SETTLED_NS:
            self._settled = True

    def _jump(self, start_ns: UtcNs, offset: int, detail: str) -> None:
        """Take `offset` at once, and remember the Gap."""
        self._offset = offset
        end_ns = max(start_ns, offset + self._highest_ns)
        self.jump = Gap(start_ns, end_ns, GapReason.CLOCK_JUMP, self._track_id, detail=detail)
        self.jumps += 1

    def _apply(self, report: SenderReport) -> None:
        ahead_ns = _difference(report.rtp_timestamp, self._timestamp) * NS // self.clock_rate
        if abs(ahead_ns) > _REPORT_REACH_NS:
            self.distrusted_reports += 1
            return
        offset = ntp_to_utc_ns(report.ntp) - self._media_ns - ahead_ns
        known = self._report_offset
        if known is not None and abs(offset - known) > JUMP_NS:
            doubted, self._doubted = self._doubted, offset
            if doubted is None or abs(offset - doubted) > JUMP_NS:
                self.distrusted_reports += 1
                return
        self._doubted = None
        self._report_offset = offset


def _difference(timestamp: int, earlier: int) -> int:
    """Ticks from one 32-bit timestamp to another, by the shorter way round."""
    return (timestamp - earlier + 0x80000000 & 0xFFFFFFFF) - 0x80000000


class _LeastDelay:
    """The smallest offset within the last one to two spans of media: a minimum filter of two halves.

    It forgets by media time, not by the clock: an outage does not make it forget what was on time, and the burst
    after it is shorter than a span.
    """

    __slots__ = ("_now", "_past", "_span_ns", "offset")

    def __init__(self) -> None:
        self.offset = 0
        self._now = self._past = _NEVER
        self._span_ns = 0

    def add(self, offset: int, passed_ns: int) -> int:
        """Take the offset of one unit, `passed_ns` of media after the one before; returns the smallest."""
        span_ns = self._span_ns + passed_ns
        if span_ns > _FILTER_NS:
            self._past, self._now, self._span_ns = self._now, offset, 0
        else:
            self._span_ns = span_ns
            if offset < self._now:
                self._now = offset
        self.offset = least = self._now if self._now < self._past else self._past
        return least
