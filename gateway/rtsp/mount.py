"""A camera's media as RTP packets, made once and shared by everyone who reads it.

Here belong packetising, the sender's half of RTCP, and who is attached. How bytes reach one client, and what it does
about a slow one, belongs to `delivery`; the protocol that gets a client here belongs to `server`.

Sequence numbers, SSRCs and timestamps are the Mount's, not the client's: each unit is cut into packets once, and each
client gets the same bytes.
"""

from __future__ import annotations

import logging
import random
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Protocol

from gateway.base.clock import Clock
from gateway.base.supervise import TaskOwner
from gateway.media.model import NS, AccessUnit, Codec, Gap, GapReason, Item, Track, TrackKind, UtcNs
from gateway.media.payloads import payloads
from gateway.media.rtcp import Bye, ReceiverReport, SenderReport, SourceDescription, build_rtcp, utc_ns_to_ntp
from gateway.media.rtp import build_packets
from gateway.rtsp.fan import Fan
from gateway.rtsp.presentation import LIVE, Back, Burst, Client, Description, Playing, Receiver, RefusalError, Start
from gateway.rtsp.protocol import Headers
from gateway.rtsp.sdp import payload_type

log = logging.getLogger(__name__)

REPORT_SECONDS = 5.0
"""Between two sender reports of a track (RFC 3550 6.2: 5 s at least, on average)."""
MAX_START_BYTES = 16 << 20
"""What is kept since the last keyframe for whoever comes next. A longer GOP is let go: they wait for the next one."""
MAX_TIMESTAMP_STEP_SECONDS = 10.0
"""A media time that leaps further, or back by more than a second, is a new origin and not a pause."""
MAX_CLOCK_DRIFT_SECONDS = 0.1
"""When media time and UTC have moved apart by more, the next sender report does not wait."""

CNAME = "sightline"
"""All senders share one clock (RFC 3550 6.5.1)."""


class Feed(Protocol):
    """A cursor into a camera's items: a `Subscription` of the hub has this shape."""

    def take(self) -> list[Item]:
        """What there is, from the last keyframe on; perhaps nothing."""

    def __aiter__(self) -> AsyncIterator[Item]:
        """What comes, until the camera is gone."""

    def close(self) -> None:
        """Let go. Idempotent."""


class _Sender:
    """One track's numbers: the state of an RTP sender (RFC 3550 5.1, 6.4.1)."""

    def __init__(self, track: Track) -> None:
        self.track = track
        self.ssrc = random.getrandbits(32)
        self.sequence = random.getrandbits(16)
        self.packets = 0
        self.octets = 0
        self.reported_at: float | None = None
        self._offset = random.getrandbits(32)
        self._pts: int | None = None
        self._utc_ns = 0
        self._reported_drift = 0.0

    def packetise(self, unit: AccessUnit) -> Burst:
        """The packets of `unit`, numbered after those before it."""
        self.track = unit.track
        self._follow(unit)
        timestamp, kind, sequence = self._timestamp, payload_type(unit.track), self.sequence
        parts = payloads(unit)
        packets = build_packets(parts, kind, sequence, timestamp, self.ssrc)
        self.sequence = (sequence + len(parts)) & 0xFFFF
        self.packets += len(parts)
        self.octets += sum(map(len, parts))
        return Burst(unit, packets)

    def skip(self, packets: int) -> None:
        """Packets are missing upstream: a hole in the numbers says so."""
        self.sequence = (self.sequence + max(1, min(packets, 1000))) & 0xFFFF

    def is_report_due(self, now: float) -> bool:
        """Whether the others should hear what time it is: regularly, and at once when the clock moved."""
        if self._pts is None:
            return False
        if self.reported_at is None or now - self.reported_at >= REPORT_SECONDS:
            return True
        return abs(self._drift() - self._reported_drift) > MAX_CLOCK_DRIFT_SECONDS

    def report(self, now: float) -> bytes:
        """The regular sender report with the capture clock (RFC 3550 6.4.1); `now` in monotonic seconds."""
        self.reported_at = now
        self._reported_drift = self._drift()
        return self._compound(self._utc_ns, self._timestamp)

    def report_of(self, burst: Burst) -> bytes:
        """A sender report that names the moment of `burst`, for whoever begins there: some players take the first
        one's time for their beginning.
        """
        return self._compound(burst.utc_ns, burst.timestamp)

    def bye(self) -> bytes:
        """The end of this sender (RFC 3550 6.6), as a compound packet."""
        return build_rtcp(ReceiverReport(self.ssrc), SourceDescription(self.ssrc, CNAME), Bye((self.ssrc,)))

    @property
    def _timestamp(self) -> int:
        return ((self._pts or 0) + self._offset) & 0xFFFFFFFF

    def _compound(self, utc_ns: UtcNs, timestamp: int) -> bytes:
        report = SenderReport(self.ssrc, utc_ns_to_ntp(utc_ns), timestamp, self.packets, self.octets)
        return build_rtcp(report, SourceDescription(self.ssrc, CNAME))

    def _drift(self) -> float:
        """Seconds that UTC is ahead of the media time sent, from an arbitrary origin."""
        return self._utc_ns / NS - ((self._pts or 0) + self._offset) / self.track.clock_rate

    def _follow(self, unit: AccessUnit) -> None:
        """Keep the timestamps going when the camera's media time began anew: UTC says how long the pause was."""
        rate = unit.track.clock_rate
        if self._pts is not None and not -rate <= unit.pts - self._pts <= MAX_TIMESTAMP_STEP_SECONDS * rate:
            pause = max(0, unit.utc_ns - self._utc_ns) * rate // NS
            self._offset += self._pts + pause - unit.pts
        self._pts, self._utc_ns = unit.pts, unit.utc_ns


class Mount:
    """Serves one camera, live, and is a Presentation for everybody. Reads its feed only while somebody is attached.

    `tracks()` says what the camera carries now; `subscribe()` opens a feed that begins with the last keyframe. Close
    it in the end, or use it as an async context manager. `back` is what it hears, if it does.
    """

    def __init__(
        self,
        name: str,
        tracks: Callable[[], tuple[Track, ...]],
        subscribe: Callable[[], Feed],
        clock: Clock,
        *,
        back: Back | None = None,
    ) -> None:
        self.name = name
        self._description = LIVE if back is None else replace(LIVE, back=back)
        self._tracks = tracks
        self._subscribe = subscribe
        self._clock = clock
        self._receivers: dict[Receiver, None] = {}
        self._fan = Fan()
        self._senders: dict[int, _Sender] = {}
        self._recent: deque[Burst] = deque()
        self._recent_bytes = 0
        self._feed: Feed | None = None
        self._needs_keyframe = False
        """The stream was broken: what comes before the next keyframe cannot be decoded."""
        self._heard_at = clock.monotonic()
        self._owner = TaskOwner(f"mount {name}")

    @property
    def tracks(self) -> tuple[Track, ...]:
        """What the camera carries now, but for codecs that cannot be packetised; empty while it is away."""
        return tuple(track for track in self._tracks() if track.codec is not Codec.UNSUPPORTED)

    @property
    def description(self) -> Description:  # noqa: D102
        return self._description

    @property
    def options(self) -> frozenset[str]:  # noqa: D102
        return frozenset()

    @property
    def receivers(self) -> int:
        """How many are attached."""
        return len(self._receivers)

    @property
    def silent_seconds(self) -> float:
        """How long nothing came; 0.0 while nobody is attached."""
        return self._clock.monotonic() - self._heard_at if self._receivers else 0.0

    def ssrc(self, track_id: int) -> int:  # noqa: D102
        return self._sender(next(track for track in self.tracks if track.id == track_id)).ssrc

    async def play(self, receiver: Receiver, asked: Headers, client: Client) -> Playing:  # noqa: D102
        check_live(asked)
        return self.attach(receiver)

    def attach(self, receiver: Receiver) -> Playing:
        """Begin with the last keyframe; nothing new for who is attached already (RFC 2326 10.5)."""
        if receiver in self._receivers:
            return Playing({})
        if self._feed is None:
            self._begin()
        self._receivers[receiver] = None
        starts = {}
        for track in self.tracks:
            first = next((burst for burst in self._recent if burst.track_id == track.id), None)
            if first is not None:
                starts[track.id] = Start(first.sequence, first.timestamp)
            else:
                starts[track.id] = Start(self._sender(track).sequence, None)
        return Playing(starts, begin=lambda: self._catch_up(receiver))

    def detach(self, receiver: Receiver, why: str) -> None:  # noqa: D102
        self._receivers.pop(receiver, None)
        self._fan.leave(receiver)
        if not self._receivers and self._feed is not None:
            self._feed.close()  # its task then ends by itself
            self._feed = None

    def end(self, why: str) -> None:
        """End every receiver, with a BYE."""
        for receiver in tuple(self._receivers):
            for sender in self._senders.values():
                receiver.report(sender.track.id, sender.bye())
            receiver.end(why)
            self.detach(receiver, why)

    async def close(self) -> None:
        """End every receiver and stop reading."""
        self.end("the camera is gone")
        await self._owner.close()

    # ---- inside

    def _catch_up(self, receiver: Receiver) -> None:
        """Give `receiver` the sender reports and the packets since the last keyframe, so that it starts at once."""
        begun: set[int] = set()
        for burst in self._recent:
            if burst.track_id not in begun:
                begun.add(burst.track_id)
                receiver.report(burst.track_id, self._senders[burst.track_id].report_of(burst))
            receiver.deliver(burst)
        receiver.follow(self._fan)

    def _begin(self) -> None:
        self._forget_recent()
        self._needs_keyframe = False
        self._heard_at = self._clock.monotonic()
        feed = self._feed = self._subscribe()
        for item in feed.take():
            self._handle(item)
        self._owner.start(self._read(feed), name="read")

    async def _read(self, feed: Feed) -> None:
        try:
            async for item in feed:
                if feed is not self._feed:
                    return
                self._handle(item)
        finally:
            feed.close()
        if feed is self._feed:
            self.end("the camera is gone")

    def _handle(self, item: Item) -> None:
        if type(item) is AccessUnit:
            self._send(item)
        elif type(item) is Gap:
            for sender in self._senders.values():
                if item.track_id is None or item.track_id == sender.track.id:
                    sender.skip(item.packets)
            if item.reason is not GapReason.LOSS:
                self._needs_keyframe = True
                self._forget_recent()

    def _send(self, unit: AccessUnit) -> None:
        track = unit.track
        if track.codec is Codec.UNSUPPORTED or not unit.size:
            return
        if self._needs_keyframe and track.kind is TrackKind.VIDEO:
            if not unit.is_keyframe:
                return
            self._needs_keyframe = False
        sender = self._senders.get(track.id)
        if sender is None:
            sender = self._sender(track)
        elif sender.track is not track and not _continues(sender.track, track):
            # What was described is no longer what is sent: whoever reads must ask again.
            self.end("the camera sends something else now")
            self._senders.clear()
            self._forget_recent()
            if self._feed is None:
                return
            sender = self._sender(track)
        try:
            burst = sender.packetise(unit)
        except ValueError as error:
            log.warning("%s: a unit of track %d is not sent: %s", self.name, track.id, error)
            return
        self._remember(burst)
        self._heard_at = now = self._clock.monotonic()
        report = sender.report(now) if sender.is_report_due(now) else None
        if report is not None:
            for receiver in tuple(self._receivers):
                receiver.report(track.id, report)
        # Asked before anything is sent: who joins or leaves meanwhile has these packets.
        others = [receiver for receiver in self._receivers if receiver not in self._fan]
        others += self._fan.send(burst)
        for receiver in others:
            receiver.deliver(burst)

    def _remember(self, burst: Burst) -> None:
        if burst.is_video and burst.is_keyframe:
            self._forget_recent()
        elif not self._recent:
            return  # nothing that a decoder could start with
        self._recent.append(burst)
        self._recent_bytes += burst.size
        if self._recent_bytes > MAX_START_BYTES:
            self._forget_recent()

    def _forget_recent(self) -> None:
        self._recent.clear()
        self._recent_bytes = 0

    def _sender(self, track: Track) -> _Sender:
        return self._senders.setdefault(track.id, _Sender(track))


def check_live(asked: Headers) -> None:
    """Raise RefusalError unless PLAY asks for what comes from now on: whatever it says in normal play time is taken."""
    wanted = asked.get("Range")
    if wanted and not wanted.lower().startswith("npt="):
        raise RefusalError(457)


def _continues(old: Track, new: Track) -> bool:
    """Whether a receiver of `old` understands `new`: parameter sets may change, for they are sent before each keyframe;
    neither the codec nor what only the description tells of sound.
    """
    if (old.kind, old.codec, old.clock_rate) != (new.kind, new.codec, new.clock_rate):
        return False
    return old.kind is not TrackKind.AUDIO or old.parameters == new.parameters
