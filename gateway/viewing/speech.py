"""What one person says, on its way from a browser to a camera: RTP packets in, RTP packets out.

Here belongs repacketising: order, lateness, the law of G.711, and numbers of our own. Sans-IO: time is an argument.
Nothing is queued but the few packets that wait for one that was overtaken: what comes late is dropped, since sound that
is played late delays all that follows.
"""

from __future__ import annotations

import random
from collections import Counter

from gateway.media.g711 import SAMPLE_RATE, convert
from gateway.media.model import NS, Codec, UtcNs
from gateway.media.rtcp import Bye, ReceiverReport, SenderReport, SourceDescription, build_rtcp, utc_ns_to_ntp
from gateway.media.rtp import Reorder, RtpError, RtpPacket, build_rtp, parse_rtp

MAX_PAYLOAD = 960
"""Bytes, 120 ms of G.711. Browsers send 160."""
REORDER_PACKETS = 4
REORDER_NS = 60_000_000
LATE_NS = 400_000_000
"""A packet that took so much longer than the quickest is dropped."""
PATIENCE_NS = NS
"""When all packets have been late for so long, the way has become longer: they are taken again."""
_DRIFT = 500
"""Clocks of sound cards are off by less than a 500th: the quickest way is believed to grow by as much."""
_LEAP = 2 * SAMPLE_RATE
"""A timestamp that leaps further is a new origin, and not a pause."""
_CNAME = "sightline"


class Speech:
    """One stream. `accepts` is the payload type and `spoken` the law of what comes, `payload_type` and `heard` of what
    goes out.
    """

    def __init__(self, accepts: int, spoken: Codec, payload_type: int, heard: Codec) -> None:
        self.ssrc = random.getrandbits(32)
        self.packets = 0
        """Made for the camera."""
        self.octets = 0
        self.dropped: Counter[str] = Counter()
        """Packets of the speaker that were not passed on, by why."""
        self._accepts, self._spoken = accepts, spoken
        self._payload_type, self._heard = payload_type, heard
        self._reorder = Reorder(REORDER_PACKETS, REORDER_NS)
        self._sequence = random.getrandbits(16)
        self._timestamp = random.getrandbits(32)
        """Of the last packet made."""
        self._last: RtpPacket | None = None
        self._last_ns = 0
        self._sounded = 0
        """Samples since the first packet, by the speaker's timestamps."""
        self._quickest_ns: int | None = None
        """Least of arrival minus media time, lately."""
        self._late_since_ns: int | None = None
        self._begins = True

    @property
    def lost(self) -> int:
        """Packets that never came."""
        return self._reorder.lost

    def push(self, data: bytes, now_ns: UtcNs) -> list[bytes]:
        """Take what the speaker sent; the packets that are due for the camera. Never raises."""
        try:
            packet = parse_rtp(data)
        except RtpError:
            self.dropped["unreadable"] += 1
            return []
        if packet.payload_type != self._accepts or not 0 < len(packet.payload) <= MAX_PAYLOAD:
            self.dropped["foreign"] += 1
            return []
        due = self._reorder.push(packet, now_ns)
        return [made for arrived, at_ns in due if (made := self._pass_on(arrived, at_ns, now_ns)) is not None]

    def report(self, utc_ns: UtcNs) -> bytes:
        """A sender report (RFC 3550 6.4.1) of what was said so far."""
        since = max(0, utc_ns - self._last_ns) * SAMPLE_RATE // NS if self._last is not None else 0
        timestamp = (self._timestamp + min(since, _LEAP)) & 0xFFFFFFFF
        report = SenderReport(self.ssrc, utc_ns_to_ntp(utc_ns), timestamp, self.packets & 0xFFFFFFFF, self.octets)
        return build_rtcp(report, SourceDescription(self.ssrc, _CNAME))

    def bye(self) -> bytes:
        """The end of it (RFC 3550 6.6)."""
        return build_rtcp(ReceiverReport(self.ssrc), SourceDescription(self.ssrc, _CNAME), Bye((self.ssrc,)))

    def _pass_on(self, packet: RtpPacket, at_ns: UtcNs, now_ns: UtcNs) -> bytes | None:
        step = self._step(packet, at_ns)
        self._sounded += step
        self._timestamp = (self._timestamp + step) & 0xFFFFFFFF
        if self._last is not None and step > 2 * len(self._last.payload):
            self._begins = True
        self._last, self._last_ns = packet, at_ns
        if self._is_late(now_ns, step):
            self.dropped["late"] += 1
            self._begins = True
            return None
        payload = convert(packet.payload, self._spoken, self._heard)
        self._sequence = (self._sequence + 1) & 0xFFFF
        self.packets += 1
        self.octets = (self.octets + len(payload)) & 0xFFFFFFFF
        # The first packet after a pause bears the marker (RFC 3551 4.1).
        marker, self._begins = self._begins, False
        return build_rtp(RtpPacket(self._sequence, self._timestamp, marker, self._payload_type, self.ssrc, payload))

    def _step(self, packet: RtpPacket, at_ns: UtcNs) -> int:
        """Samples since the last packet: by its timestamps, or by its arrival when those began anew."""
        last = self._last
        if last is None:
            return 0
        step = (packet.timestamp - last.timestamp) & 0xFFFFFFFF
        if packet.ssrc == last.ssrc and step <= _LEAP:
            return step
        return max(len(last.payload), (at_ns - self._last_ns) * SAMPLE_RATE // NS)

    def _is_late(self, now_ns: UtcNs, step: int) -> bool:
        took_ns = now_ns - self._sounded * NS // SAMPLE_RATE
        if self._quickest_ns is None:
            self._quickest_ns = took_ns
        self._quickest_ns = min(took_ns, self._quickest_ns + step * NS // SAMPLE_RATE // _DRIFT)
        if took_ns - self._quickest_ns <= LATE_NS:
            self._late_since_ns = None
            return False
        if self._late_since_ns is None:
            self._late_since_ns = now_ns
        if now_ns - self._late_since_ns > PATIENCE_NS:
            self._quickest_ns, self._late_since_ns = took_ns, None
            return False
        return True
