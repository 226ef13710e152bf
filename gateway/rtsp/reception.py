"""What a client keeps of a track while its packets pass through, and what it tells the camera about them.

Sans-IO: packets in, RTCP receiver reports out. Order, time and content of the packets are for `gateway.media`.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.media.rtcp import ReceiverReport, ReportBlock, SourceDescription, build_rtcp

Sink = Callable[[int, list[bytes]], None]
"""Takes the track's place among the session's tracks, and the packets that came in a row."""

_MAX_LOST = (1 << 23) - 1


class Reception:
    """One track's packets on their way in: `rtp` and `rtcp` are called with them and hand them on."""

    __slots__ = ("_counted", "_highest", "_index", "_last", "_lost", "_rtcp", "_rtp", "_ssrc", "received")

    def __init__(self, index: int, rtp: Sink, rtcp: Sink) -> None:
        self.received = 0
        """RTP packets, of whatever content."""
        self._index = index
        self._rtp = rtp
        self._rtcp = rtcp
        self._last = b""
        self._ssrc = -1
        self._highest = 0
        self._counted = 0
        self._lost = 0

    def rtp(self, packets: list[bytes]) -> None:
        """RTP packets came, one at least."""
        self.received += len(packets)
        self._last = packets[-1]
        self._rtp(self._index, packets)

    def rtcp(self, packets: list[bytes]) -> None:
        """RTCP packets came."""
        self._rtcp(self._index, packets)

    def report(self, our_ssrc: int) -> bytes:
        """A receiver report with our CNAME (RFC 3550 6.4.2), to be sent every few seconds.

        Sequence numbers are looked at here and not for each packet, so fewer than 65536 may come in between; what was
        lost before the first report is not known. The camera's own reports are not echoed: no one needs the round trip.
        """
        blocks = (self._block(),) if len(self._last) >= 12 else ()
        return build_rtcp(ReceiverReport(our_ssrc, blocks), SourceDescription(our_ssrc, "sightline"))

    def _block(self) -> ReportBlock:
        sequence, ssrc = int.from_bytes(self._last[2:4], "big"), int.from_bytes(self._last[8:12], "big")
        fraction = 0
        if ssrc != self._ssrc:
            self._ssrc, self._highest, self._lost = ssrc, sequence, 0
        elif advanced := (sequence - self._highest) & 0xFFFF:
            lost = max(0, advanced - (self.received - self._counted))
            fraction = min(255, lost * 256 // advanced)
            self._highest += advanced
            self._lost = min(_MAX_LOST, self._lost + lost)
        self._counted = self.received
        return ReportBlock(ssrc, fraction, self._lost, self._highest & 0xFFFFFFFF)
