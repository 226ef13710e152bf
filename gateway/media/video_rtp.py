"""From RTP packets to access units of video: what H.264 (RFC 6184) and H.265 (RFC 7798) have in common.

Here belong the end of a unit, loss, decoding times and the cutting of NAL units for sending. How a payload holds NAL
units is in `h264_rtp` and `h265_rtp`; when a unit was captured is for `timeline` to say.

An access unit ends at the marker or where the timestamp changes. Some cameras set the marker on every slice. So the
first unit waits for the next timestamp to prove the marker; from then on the marker ends a unit at once. If a slice
later continues a unit that was delivered, the marker is not believed any more within this attempt: units then end at
the timestamp alone, and the Gap says that one was delivered in part.

A unit is delivered complete or not at all: a decoder shows green for the rest of one that was cut. What is dropped is
counted, and a Gap(LOSS) stands before the next unit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import insort
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from enum import Enum, auto

from gateway.media.bits import BitstreamError
from gateway.media.model import AccessUnit, Gap, GapReason, Track, UtcNs, VideoParameters
from gateway.media.rtp import MAX_DROPOUT, RtpPacket
from gateway.media.timeline import Timeline

DEFAULT_MAX_PAYLOAD = 1200
"""Bytes that fit into any path's MTU with IPv6, UDP, SRTP and a header extension."""

MAX_UNIT_BYTES = 16 << 20
"""A picture larger than this is dropped: 4K at the highest quality stays below 8 MB."""
_MAX_REORDER = 16
_CARRIED_NALS = 64
DEFAULT_FRAME_SECONDS = 1 / 25
"""Only shifts the first decoding times, where pictures are reordered and nothing says how long one lasts."""


class Place(Enum):
    """Where a NAL unit stands in its access unit."""

    BEGINS = auto()
    """A picture's first slice."""
    PRECEDES = auto()
    """Delimiter, parameter sets, SEI: belongs to the slice that follows, which may begin a picture or continue one.
    Some senders (GStreamer's among them) repeat the parameter sets before every slice of a keyframe."""
    CONTINUES = auto()
    """A slice that is not the first."""
    TRAILS = auto()
    """Belongs to the slices before it: filler, end of sequence, suffix SEI."""


# Bound once: CPython 3.11 calls a descriptor for each look at a member through its class, several for each packet.
BEGINS, PRECEDES, CONTINUES, TRAILS = Place


class Marker(Enum):
    """What the marker of a camera's packets is worth."""

    UNPROVEN = auto()
    BELIEVED = auto()
    REFUTED = auto()


UNPROVEN, BELIEVED, REFUTED = Marker


class DecodingTimes:
    """Gives pictures that come in decoding order a dts, without delay: it ascends strictly and is at most pts.

    RTP carries none. With a reorder depth of n at most n pictures before one in decoding order follow it in output
    order; so the (n+1)-th largest pts so far is never after the current one, and serves as dts. With n = 0, dts = pts.
    """

    def __init__(self, depth: int, frame_ticks: int) -> None:
        self.depth = depth
        self._frame_ticks = max(1, frame_ticks)
        self._recent: list[int] = []
        """The largest `depth + 1` pts, ascending."""
        self._last = -1 << 63
        self._in_order = False

    def set_depth(self, depth: int) -> None:
        """For pictures from now on: another parameter set is in force."""
        self.depth = depth
        self._in_order = False
        recent = self._recent
        del recent[: max(0, len(recent) - depth - 1)]
        self._pad()

    def assign(self, pts: int) -> tuple[int, int]:
        """The pts and dts of the next picture.

        A picture that comes later than `depth` allows raises `depth`; its own pts, and perhaps those of the next few,
        are then moved up to their dts.
        """
        if self._in_order and pts > self._last:
            self._last = self._recent[0] = pts  # the way of most cameras: nothing is reordered
            return pts, pts
        recent, last = self._recent, self._last
        insort(recent, pts)
        self._pad()
        if len(recent) > self.depth + 1:
            if recent[0] == pts and recent[1] != pts and self.depth < _MAX_REORDER:
                self.depth += 1
            else:
                del recent[0]
        dts = recent[0]
        if dts <= last:
            dts = last + 1
        self._last = dts
        # From now on, the newest pts is all there is to remember, and it was its own dts.
        self._in_order = not self.depth and recent == [dts]
        return max(pts, dts), dts

    def _pad(self) -> None:
        recent = self._recent
        while recent and len(recent) <= self.depth:
            recent.insert(0, recent[0] - self._frame_ticks)


class VideoDepacketizer(ABC):
    """Push packets in the order of their sequence numbers, then pull until None.

    Counters, all since the beginning: `lost` packets, `dropped_units` and `dropped_bytes` of units that were not
    complete, `malformed` and `unsupported` payloads.
    """

    # Without slots, an object of more than 30 attributes has a dictionary that CPython cannot look into at once.
    __slots__ = (
        "_after_loss", "_damaged", "_delivered", "_expected", "_first_received_ns", "_fragments", "_fragments_size",
        "_has_slice", "_held", "_holding", "_hole", "_hole_detail", "_hole_packets", "_hole_units", "_kinds",
        "_last_utc_ns", "_marked", "_marker", "_nals", "_ready", "_received_ns", "_sets", "_size", "_ssrc", "_times",
        "_timestamp", "dropped_bytes", "dropped_units", "lost", "malformed", "timeline", "track", "unsupported",
    )  # fmt: skip

    def __init__(self, track: Track, timeline: Timeline) -> None:
        if not isinstance(track.parameters, VideoParameters):
            raise TypeError(f"track {track.id} carries no video")
        self.track = track
        self.timeline = timeline
        self.lost = 0
        self.dropped_units = 0
        self.dropped_bytes = 0
        self.malformed = 0
        self.unsupported = 0
        frame_ticks = round(track.clock_rate * self._frame_seconds(track.parameters))
        self._times = DecodingTimes(track.parameters.reorder_depth, frame_ticks)
        self._ready: deque[AccessUnit | Gap] = deque()
        self._marker = UNPROVEN
        self._expected = -1
        self._ssrc = -1
        # What is known about missing media since the last unit delivered.
        self._last_utc_ns: UtcNs | None = None
        self._hole = False
        self._hole_packets = 0
        self._hole_units = 0
        self._hole_detail = ""
        self._after_loss = True
        # The unit being assembled.
        self._timestamp = -1
        self._first_received_ns = 0
        self._received_ns = 0
        self._nals: list[bytes] = []
        self._size = 0
        self._kinds = 0
        self._fragments: list[bytes] = []
        self._fragments_size = 0
        self._has_slice = False
        self._damaged = False
        self._marked = False
        self._delivered = False
        self._sets: list[bytes] = []
        # What came after a slice and goes with the next one.
        self._holding = False
        self._held: list[tuple[bytes, int, bool]] = []

    # ---- the caller's side

    def push(self, packet: RtpPacket, received_ns: UtcNs) -> None:
        """Take the next packet. Never raises because of what it holds."""
        sequence, timestamp, marker, _, ssrc, payload = packet
        if sequence != self._expected:
            self._discontinuity(sequence, ssrc)
        self._expected = sequence + 1 & 0xFFFF
        if timestamp != self._timestamp:
            self._next_timestamp(timestamp, received_ns)
        self._received_ns = received_ns
        self._unpack(payload)
        if marker:
            self._end_of_marker()

    def pull(self) -> AccessUnit | Gap | None:
        """The next item, or None."""
        return self._ready.popleft() if self._ready else None

    def flush(self) -> None:
        """The stream has ended: what is complete becomes ready."""
        self._finish_fragments()
        if self._has_slice or self._damaged:
            if self._marker is BELIEVED and not self._marked:
                self._damaged = True
            self._deliver()

    # ---- what a codec says

    @abstractmethod
    def _unpack(self, payload: bytes) -> None:
        """Take the NAL units out of a payload: `_enter` before each, then `_add` or fragments."""

    @abstractmethod
    def _take(self, nal: bytes) -> None:
        """Take a whole NAL unit: `_enter`, then `_complete`."""

    @abstractmethod
    def _complete(self, nal: bytes) -> None:
        """Take a NAL unit that was put together from fragments."""

    @abstractmethod
    def _learn(self, sets: list[bytes], old: VideoParameters) -> VideoParameters:
        """`old` brought up to date; may raise BitstreamError."""

    @abstractmethod
    def _is_keyframe(self, pts: int, nals: Sequence[bytes], kinds: int) -> bool:
        """Whether decoding can start with the unit of these NAL units; bit n of `kinds` is set for each type n."""

    @abstractmethod
    def _frame_seconds(self, parameters: VideoParameters) -> float:
        """How long a picture lasts, roughly."""

    # ---- for the codec to call

    def _enter(self, place: Place) -> bool:
        """Announce a NAL unit. False: it belongs nowhere and is to be dropped."""
        if place is PRECEDES:
            self._holding = self._has_slice or self._delivered
            return True
        self._holding = False
        if self._after_loss:
            self._after_loss = False
            if place is not BEGINS:
                self._damaged = True
        if place is BEGINS:
            if self._has_slice:
                self._deliver()
            if self._delivered:
                self._delivered = False
                self._first_received_ns = self._received_ns
        elif self._delivered:
            if place is CONTINUES:
                self._refute_marker()
                self._held.clear()
            return False
        elif self._marked and place is CONTINUES:
            self._marker = REFUTED
        if self._held and place is not TRAILS:
            self._take_held()
        return True

    def _add(self, nal: bytes, kind: int, *, is_slice: bool, is_set: bool) -> None:
        """Append a whole NAL unit to the access unit, or keep it for the slice that follows."""
        if self._holding and not is_slice:
            if len(self._held) < _CARRIED_NALS:
                self._held.append((nal, kind, is_set))
            else:
                self.dropped_bytes += len(nal)
            return
        self._size += len(nal)
        if self._size > MAX_UNIT_BYTES:
            self._damage(0)
        if self._damaged and self._nals:
            self.dropped_bytes += sum(map(len, self._nals))
            self._nals = []
        self._nals.append(nal)
        self._kinds |= 1 << kind
        if is_slice:
            self._has_slice = True
        elif is_set and len(self._sets) < _CARRIED_NALS:
            self._sets.append(nal)

    def _take_aggregate(self, payload: bytes, header: int) -> None:
        """Take the NAL units that follow `header` bytes, each after its length in two (RFC 6184 5.7.1, 7798 4.4.2)."""
        at, end = header, len(payload)
        while at + 2 < end:
            size = payload[at] << 8 | payload[at + 1]
            if size == 0 or at + 2 + size > end:
                break
            self._take(payload[at + 2 : at + 2 + size])
            at += 2 + size
        if at < end or at == header:
            self._spoil(payload[at:])

    def _take_held(self) -> None:
        """What was kept goes into the unit of the slice that comes now."""
        held, self._held = self._held, []
        for nal, kind, is_set in held:
            self._add(nal, kind, is_slice=False, is_set=is_set)

    def _begin_fragments(self, header: bytes, part: bytes) -> None:
        """A NAL unit begins that comes in fragments."""
        self._fragments = [header, part]
        self._fragments_size = len(part)

    def _fragment(self, part: bytes) -> None:
        """Append the next part of a NAL unit that comes in fragments; one without beginning damages the unit."""
        self._fragments_size += len(part)
        if self._fragments and self._fragments_size <= MAX_UNIT_BYTES:
            self._fragments.append(part)
        else:
            self._damage(len(part))

    def _finish_fragments(self) -> None:
        """The NAL unit in fragments ends here; some cameras forget to say so."""
        if self._fragments:
            nal = b"".join(self._fragments)
            self._fragments = []
            self._complete(nal)

    def _spoil(self, payload: bytes) -> None:
        """These bytes cannot be read as what they should be."""
        self.malformed += 1
        self._damage(len(payload))

    def _damage(self, size: int) -> None:
        """The unit is incomplete: `size` bytes were of no use."""
        self._drop_fragments()
        self.dropped_bytes += size
        if not self._delivered:
            self._damaged = True

    # ---- inside

    def _drop_fragments(self) -> None:
        if self._fragments:
            self.dropped_bytes += sum(map(len, self._fragments))
            self._fragments = []

    def _discontinuity(self, sequence: int, ssrc: int) -> None:
        if self._expected >= 0:
            ahead = (sequence - self._expected) & 0xFFFF
            if ssrc != self._ssrc or ahead > MAX_DROPOUT:
                self._hole_detail = "the camera began a new stream"
            else:
                self.lost += ahead
                self._hole_packets += ahead
            self._hole = True
            self._after_loss = True
            if self._has_slice or self._fragments:
                self._damaged = True
            self._drop_fragments()
        self._ssrc = ssrc

    def _next_timestamp(self, timestamp: int, received_ns: UtcNs) -> None:
        if self._fragments:
            self._finish_fragments()
        if self._has_slice or self._damaged:
            if self._marked and self._marker is UNPROVEN:
                self._marker = BELIEVED
            self._deliver()
        # Parameter sets, SEI or a delimiter that came under a timestamp of their own go with the next picture.
        elif len(self._nals) > _CARRIED_NALS:
            self._clear()
        self._timestamp = timestamp
        self._first_received_ns = received_ns
        self._delivered = self._holding = False
        if self._held:
            self._take_held()

    def _end_of_marker(self) -> None:
        if self._fragments:
            self._finish_fragments()
        if self._has_slice:
            self._marked = True
            if self._marker is BELIEVED:
                self._deliver()

    def _refute_marker(self) -> None:
        """A slice continues a unit that was delivered."""
        if self._marker is not REFUTED:
            self._marker = REFUTED
            self.dropped_units += 1
            self._hole = True
            self._hole_detail = "the camera marks the end of a picture in its middle; one was delivered in part"

    def _clear(self) -> None:
        self._nals = []
        self._size = 0
        self._kinds = 0
        self._has_slice = False
        self._damaged = False
        self._marked = False

    def _deliver(self) -> None:
        """Hand out the unit if it is complete; either way it is over."""
        if self._sets:
            self._update_parameters()
        if self._damaged:
            self.dropped_units += 1
            self.dropped_bytes += sum(map(len, self._nals))
            self._hole = True
            self._hole_units += 1
        else:
            unit = self._unit(
                self._timestamp, self._first_received_ns, self._received_ns, self._nals, self._kinds, self._size
            )
            if unit is not None:
                self._ready.append(unit)
        self._clear()
        self._delivered = True

    def _unit(
        self, timestamp: int, first_received_ns: UtcNs, received_ns: UtcNs, nals: list[bytes], kinds: int, size: int
    ) -> AccessUnit | None:
        """The unit of these NAL units; None: it is ready, after what must be told before it."""
        times, timeline = self._times, self.timeline
        pts, utc_ns, source = timeline.stamp(timestamp, first_received_ns)
        depth = times.depth
        pts, dts = times.assign(pts)
        if times.depth != depth:
            self._replace_parameters(reorder_depth=times.depth)
        keyframe = self._is_keyframe(pts, nals, kinds)
        unit = AccessUnit(self.track, pts, dts, utc_ns, source, received_ns, tuple(nals), keyframe, size)
        if timeline.jump is None and not self._hole:
            self._last_utc_ns = utc_ns
            return unit
        if (jump := timeline.take_jump()) is not None:
            self._ready.append(jump)
        if self._hole:
            self._tell_hole(utc_ns)
        self._ready.append(unit)
        self._last_utc_ns = utc_ns
        return None

    def _tell_hole(self, utc_ns: UtcNs) -> None:
        """A Gap from the last unit delivered to this one; before the first there is nothing to miss."""
        if self._last_utc_ns is not None:
            detail = self._hole_detail
            if not detail and self._hole_units:
                detail = f"{self._hole_units} incomplete pictures dropped"
            end_ns = max(self._last_utc_ns, utc_ns)
            self._ready.append(
                Gap(self._last_utc_ns, end_ns, GapReason.LOSS, self.track.id, self._hole_packets, detail)
            )
        self._hole = False
        self._hole_packets = self._hole_units = 0
        self._hole_detail = ""

    def _update_parameters(self) -> None:
        sets, self._sets = self._sets, []
        old = self.track.parameters
        assert isinstance(old, VideoParameters)
        try:
            new = self._learn(sets, old)
        except BitstreamError:
            self.malformed += 1
            return
        if new is not old:
            self.track = replace(self.track, parameters=new)
            if new.reorder_depth != self._times.depth:
                self._times.set_depth(new.reorder_depth)

    def _replace_parameters(self, *, reorder_depth: int) -> None:
        assert isinstance(self.track.parameters, VideoParameters)
        self.track = replace(self.track, parameters=replace(self.track.parameters, reorder_depth=reorder_depth))


def fragments(nal: bytes, start: int, limit: int, *, first: bytes, middle: bytes, last: bytes) -> list[bytes]:
    """Cut what `nal` has from `start` on into the fewest pieces of at most `limit` bytes, two at least; each behind the
    header for its place. All are equal but the last, which is not longer: so the kernel can send them as one segmented
    datagram (UDP_SEGMENT).
    """
    length = len(nal) - start
    size = -(-length // -(-length // limit))
    pieces = [middle + nal[at : at + size] for at in range(start, len(nal), size)]
    pieces[0] = first + pieces[0][len(middle) :]
    pieces[-1] = last + pieces[-1][len(middle) :]
    return pieces
