"""One PLAY of a recording being carried out: how what was read is cut into packets, and when each leaves.

Here belong the bits of ONVIF's header extension, the pace, and the bound: no more is handed over than the client takes.
Who may have what is decided by `replay`, what is sent, and in which order, by `replay_reading`.

Source: ONVIF Streaming Specification 6.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass

from gateway.base.clock import Clock
from gateway.media.model import NS, AccessUnit, Track, TrackKind, UtcNs
from gateway.media.payloads import MAX_PAYLOAD, payloads
from gateway.media.rtcp import Bye, ReceiverReport, SenderReport, SourceDescription, build_rtcp, utc_ns_to_ntp
from gateway.media.rtp import build_header
from gateway.recording.units import Recorded
from gateway.recording.walk import Step
from gateway.rtsp.mount import CNAME
from gateway.rtsp.onvif_replay import EXTENSION_BYTES, Asked, extension, with_extension
from gateway.rtsp.presentation import Burst, Receiver
from gateway.rtsp.sdp import payload_type

TAKEN_SECONDS = 0.01
"""How often is looked whether the client has taken something."""
WAITING_BYTES = 512 << 10
"""What may wait for a client."""
STUCK_SECONDS = 600.0
"""A client that takes nothing for so long is given up; until then it may hold still, as it pleases."""
SLICE_SECONDS = 0.002
"""For so long packets are made at a time, before everything else has its turn; then it pauses as long."""
REPORT_SECONDS = 5.0
BYE_SECONDS = 0.3
"""After the last picture."""
HOLE_NS = 40_000_000
"""How long the last picture before a hole lasts when the server keeps the pace."""


@dataclass(slots=True)
class Sender:
    """One track's numbers, for as long as its session lasts (RFC 3550 5.1)."""

    track: Track
    ssrc: int
    sequence: int
    packets: int = 0
    octets: int = 0

    @classmethod
    def of(cls, track: Track) -> Sender:
        """A new one."""
        return cls(track, random.getrandbits(32), random.getrandbits(16))


class Pace:
    """When what was captured at a moment is to be played, on a line of nanoseconds that only goes forward.

    Without pacing that line is UTC itself: timestamps are those of the recording (6.6.3). With it, holes are passed
    over, and `scale` says how fast and which way.
    """

    def __init__(self, scale: float, *, paced: bool, from_ns: UtcNs) -> None:
        self.paced = paced
        self._scale = scale
        self._from_ns = from_ns
        self._base_ns = from_ns
        self._last_ns = from_ns

    def place(self, utc_ns: UtcNs) -> int:
        """Where it lies on the line."""
        if not self.paced:
            return utc_ns
        placed = self._base_ns + round((utc_ns - self._from_ns) / self._scale)
        self._last_ns = max(self._last_ns, placed)
        return placed

    def jump(self, utc_ns: UtcNs) -> None:
        """What is played next was captured at `utc_ns`, beyond a hole."""
        self._base_ns = self._last_ns + HOLE_NS
        self._from_ns = utc_ns


@dataclass(frozen=True, slots=True)
class Marks:
    """What a unit's extension says beside its time."""

    end: bool
    discontinuity: bool
    terminal: bool


class Sending:
    """Sends what a walk finds to one receiver. `turn` is shared by all that send as fast as they are read."""

    def __init__(
        self, receiver: Receiver, senders: dict[int, Sender], asked: Asked, pace: Pace, clock: Clock, turn: asyncio.Lock
    ) -> None:
        self.reached_ns = 0
        """UTC of what was sent last."""
        self.sent = 0
        """Units."""
        self._receiver = receiver
        self._senders = senders
        self._asked = asked
        self._backwards = asked.scale < 0
        self._pace = pace
        self._clock = clock
        self._turn = turn
        self._began = clock.monotonic()
        self._origin_ns: int | None = None
        """Where on the line it began."""
        self._reported_at: float | None = None
        self._working_since: float | None = None
        """Since when it has its turn; None: it has none."""
        self._last_intra_ns: UtcNs | None = None

    async def send(self, steps: AsyncIterator[tuple[Step, list[list[Recorded]]]]) -> None:
        """Send it all. Returns when there is nothing more; a receiver that takes nothing is ended.

        `steps` come with their groups, already cut to what was asked for.
        """
        begun = hole = False
        try:
            async for step, groups in steps:
                for group in groups:
                    # Forwards a step ends with its last group; backwards with the one that was recorded first.
                    closing = group is groups[-1]
                    units = self._thinned(group)
                    if units and hole:
                        utcs = [one.unit.utc_ns for one in units]
                        self._pace.jump(max(utcs) if self._backwards else utcs[0])
                    marks = _marks(
                        units, end=step.ends and closing, last=step.last and closing,
                        jumps=not begun or hole or self._backwards,
                    )  # fmt: skip
                    if self._pace.paced and self._backwards and units:
                        # A whole group is there before the picture of it that is shown first, which was taken last.
                        await self._due(min(self._pace.place(one.unit.utc_ns) for one in units))
                    for one, mark in zip(units, marks, strict=True):
                        if not await self._send(one.unit, mark):
                            return
                    if units:
                        begun, hole = True, False
                hole = hole or step.ends
                self._rest()  # while the next step is read
        finally:
            self._rest()

    async def bye(self) -> None:
        """Tell a client that knows RTSP alone that there is nothing more (RFC 3550 6.6), once it has taken everything:
        by UDP a BYE may overtake the last pictures, and players end with it.
        """
        if not await self._taken(0):
            return
        await self._clock.sleep(BYE_SECONDS)
        for number, sender in self._senders.items():
            packet = build_rtcp(ReceiverReport(sender.ssrc), SourceDescription(sender.ssrc, CNAME), Bye((sender.ssrc,)))
            self._receiver.report(number, packet)

    # ---- inside

    def _thinned(self, group: Sequence[Recorded]) -> list[Recorded]:
        """Without keyframes that come too soon after another one."""
        if not self._asked.intra_ns:
            return list(group)
        kept = []
        for one in group:
            if one.unit.track.kind is TrackKind.VIDEO:
                utc_ns, before = one.unit.utc_ns, self._last_intra_ns
                if before is not None and abs(utc_ns - before) < self._asked.intra_ns:
                    continue
                self._last_intra_ns = utc_ns
            kept.append(one)
        return kept

    async def _send(self, unit: AccessUnit, marks: Marks) -> bool:
        """Send one unit when it is due, and the client can take it; False: it takes nothing any more."""
        sender = self._senders.get(unit.track.id)
        if sender is None:
            return True
        placed = self._pace.place(unit.utc_ns)
        if self._pace.paced:
            if not self._backwards:
                await self._due(placed)
            self._report(placed)
        if not await self._room():
            return False
        self._receiver.deliver(self._burst(sender, unit, placed, marks))
        self.reached_ns = unit.utc_ns
        self.sent += 1
        return True

    def _burst(self, sender: Sender, unit: AccessUnit, placed: int, marks: Marks) -> Burst:
        parts = payloads(unit, limit=MAX_PAYLOAD - EXTENSION_BYTES)
        timestamp, kind, last = placed * unit.track.clock_rate // NS, payload_type(unit.track), len(parts) - 1
        packets = [
            build_header(kind, sender.sequence + i, timestamp, sender.ssrc, marker=i == last) + part
            for i, part in enumerate(parts)
        ]
        extended = extension(
            unit.utc_ns,
            self._asked.cseq,
            clean=unit.is_keyframe,
            end=marks.end,
            discontinuity=marks.discontinuity,
            terminal=marks.terminal,
        )
        packets[0] = with_extension(packets[0], extended)
        sender.sequence = (sender.sequence + len(parts)) & 0xFFFF
        sender.packets += len(parts)
        sender.octets += sum(map(len, parts))
        return Burst(unit, tuple(packets))

    async def _due(self, placed: int) -> None:
        if self._origin_ns is None:
            self._origin_ns = placed
            self._began = self._clock.monotonic()
        left = (placed - self._origin_ns) / NS - (self._clock.monotonic() - self._began)
        if left > 0:
            await self._clock.sleep(left)

    async def _room(self) -> bool:
        """Wait until the client can take more, and for a turn to work; False: it has taken nothing for too long."""
        if self._receiver.waiting > WAITING_BYTES:
            self._rest()
            if not await self._taken(WAITING_BYTES):
                return False
        if not self._pace.paced:
            await self._work()
        return True

    async def _taken(self, most: int) -> bool:
        """Wait until no more than that waits for the client; False: it took nothing for too long, and is ended."""
        least, since = self._receiver.waiting, self._clock.monotonic()
        while (waiting := self._receiver.waiting) > most:
            await self._clock.sleep(TAKEN_SECONDS)
            if waiting < least:
                least, since = waiting, self._clock.monotonic()
            elif self._clock.monotonic() - since > STUCK_SECONDS:
                self._receiver.end(f"took nothing for {STUCK_SECONDS:.0f} s")
                return False
        return True

    async def _work(self) -> None:
        """Have its turn: only one of all these is at work at a time, and half of the time at most."""
        if self._working_since is not None:
            if self._clock.monotonic() - self._working_since < SLICE_SECONDS:
                return
            self._rest()
        await self._turn.acquire()
        self._working_since = self._clock.monotonic()
        await self._clock.sleep(SLICE_SECONDS)
        self._working_since = self._clock.monotonic()

    def _rest(self) -> None:
        if self._working_since is not None:
            self._working_since = None
            self._turn.release()

    def _report(self, placed: int) -> None:
        """Tell regularly which moment on the wall clock is which timestamp (RFC 3550 6.4.1, Streaming 6.10)."""
        now = self._clock.monotonic()
        if self._reported_at is not None and now - self._reported_at < REPORT_SECONDS:
            return
        self._reported_at = now
        ntp = utc_ns_to_ntp(self._clock.utc_ns())
        for number, sender in self._senders.items():
            timestamp = placed * sender.track.clock_rate // NS & 0xFFFFFFFF
            report = SenderReport(sender.ssrc, ntp, timestamp, sender.packets, sender.octets)
            self._receiver.report(number, build_rtcp(report, SourceDescription(sender.ssrc, CNAME)))


def _marks(units: Iterable[Recorded], *, end: bool, last: bool, jumps: bool) -> Iterator[Marks]:
    """What the units of a group are marked with: their ends on the last one of each track, a jump on the first."""
    every = list(units)
    ends = {one.unit.track.id: place for place, one in enumerate(every)}
    begins = {one.unit.track.id: place for place, one in reversed(list(enumerate(every)))}
    for place, one in enumerate(every):
        closes = ends[one.unit.track.id] == place
        opens = begins[one.unit.track.id] == place
        yield Marks(end and closes, jumps and opens, last and closes)
