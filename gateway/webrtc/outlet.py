"""One RTP stream to one viewer: its header fields, its reports, what is sent again.

Here belongs what RTP wants per receiver beside its packets, which are the kernel's (`gateway.webrtc.kernel`). Who gets
which frame, and what happens when the socket is full, is decided in `fanout`.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gateway.media.model import UtcNs
from gateway.media.rtcp import SourceDescription, build_rtcp, build_sender_report, utc_ns_to_ntp
from gateway.webrtc.kernel import Frame, fastest, twin
from gateway.webrtc.rtx import Retransmissions
from gateway.webrtc.srtp import SrtpError
from gateway.webrtc.tcp import TcpRoute

if TYPE_CHECKING:
    from gateway.webrtc.peer import Peer

__all__ = ["RESENDS_PER_REPORT", "Frame", "Outlet"]

RESENDS_PER_REPORT = 500
"""Packets sent again at most between two sender reports, whatever a viewer asks for."""

_OVERHEAD = 58
"""Bytes that a packet has beside its payload on its way: RTP, RTX, the tag of SRTP, UDP and IPv4."""
_ONE_BYTE_PROFILE = 0xBEDE


class Outlet:
    """`clock_rate` is that of the RTP timestamps; `ticks` arguments count it and may have any number of bits.

    All calls from the event loop's thread.
    """

    def __init__(
        self,
        peer: Peer,
        *,
        payload_type: int,
        clock_rate: int,
        cname: str,
        playout_delay: int | None = None,
        rtx: Retransmissions | None = None,
    ) -> None:
        self.peer = peer
        self.ssrc = secrets.randbelow(0xFFFF_FFFE) + 1
        self.clock_rate = clock_rate
        self.rtx = rtx
        """How lost packets are sent again; None: as they were."""
        self.stream: fastest.Stream | twin.Stream | None = None
        """The packets, while there are keys to encrypt them with."""
        self.swift: fastest.Stream | None = None
        """The same, if the fastest kernel sends them by the port's UDP socket, as it nearly always does."""
        self.tcp: TcpRoute | None = None
        """The connection that they go by, if not by that socket."""
        self.resent = 0
        self._worth_from = 0
        """Which packet is the first that is sent again when asked for, counted as `stream.next` is."""
        self._payload_type = payload_type
        self._extension = b"" if playout_delay is None else _no_playout_delay(playout_delay)
        self._offset = secrets.randbits(32)
        self._description = build_rtcp(SourceDescription(self.ssrc, cname))
        self._resends_left = RESENDS_PER_REPORT

    @property
    def packets(self) -> int:
        """How many were numbered."""
        return 0 if self.stream is None else self.stream.packets

    def rtp_timestamp(self, ticks: int) -> int:
        """What this viewer sees for `ticks`."""
        return (ticks + self._offset) & 0xFFFFFFFF

    def open(self) -> None:
        """The peer has keys: begin the stream."""
        assert self.peer.srtp is not None
        # Below half of the range, so that the first packets do not wrap before the viewer knows the roll-over count.
        sequence = secrets.randbelow(0x8000)
        self.stream = self.peer.srtp.stream(self.ssrc, self._payload_type, sequence, self._offset, self._extension)
        self.aim()

    def aim(self) -> None:
        """The peer may have moved: send where it is now."""
        route = self.peer.address
        self.tcp = route if isinstance(route, TcpRoute) else None
        self.swift = self.stream if self.tcp is None and isinstance(self.stream, fastest.Stream) else None
        if self.stream is not None and route is not None and not isinstance(route, TcpRoute):
            self.stream.aim(self.peer.port.udp, route)

    def close(self) -> None:
        """Send nothing more, and let go of keys and history."""
        self.stream = self.swift = None

    @property
    def next_sequence(self) -> int:
        """Of the next packet."""
        return 0 if self.stream is None else self.stream.next & 0xFFFF

    def forget(self) -> None:
        """What was sent until now is not worth sending again: a keyframe follows."""
        self._worth_from = 0 if self.stream is None else self.stream.next

    def resend(self, sequences: Sequence[int]) -> None:
        """Send packets again: as the viewer's retransmission stream where it has one, else byte for byte, since
        anything else would use an SRTP nonce twice (RFC 3711 9.1).
        """
        route = self.peer.address
        if route is None:
            return
        for sequence in sequences[: self._resends_left]:
            packet = self._again(sequence)
            if packet is not None:
                self.peer.port.send(packet, route)
                self.resent += 1
                self._resends_left -= 1

    def repeat(self, size: int) -> int:
        """Send the newest packets again, about `size` bytes of them, though nobody asked: how many bytes have left.

        To the viewer they are known already; what they tell is how long the link takes for them.
        """
        sequences: list[int] = []
        total, stream = 0, self.stream
        while stream is not None and total < size and len(sequences) < self._resends_left:
            sequence = (stream.next - 1 - len(sequences)) & 0xFFFF
            found = stream.find(sequence)
            if found is None:
                break
            sequences.append(sequence)
            total += len(found[1]) + _OVERHEAD
        before = self.resent
        self.resend(sequences[::-1])
        sent, self.resent = self.resent - before, before
        return total * sent // len(sequences) if sequences else 0

    def report(self, utc_ns: UtcNs, ticks: int) -> None:
        """Send a sender report: `ticks` was captured at `utc_ns` (RFC 3550 6.4.1)."""
        self._resends_left = RESENDS_PER_REPORT
        srtp, address, stream = self.peer.srtp, self.peer.address, self.stream
        if srtp is None or address is None or stream is None or not stream.packets:
            return
        timestamp = self.rtp_timestamp(ticks)
        report = build_sender_report(self.ssrc, utc_ns_to_ntp(utc_ns), timestamp, stream.packets, stream.octets)
        self.peer.port.send(srtp.protect_rtcp(report + self._description), address)

    def _again(self, sequence: int) -> bytes | None:
        srtp, stream = self.peer.srtp, self.stream
        if srtp is None or stream is None:
            return None
        if stream.next - (stream.next - sequence & 0xFFFF) < self._worth_from:
            return None
        if self.rtx is None:
            try:
                return stream.again(sequence)
            except SrtpError:
                return None  # the viewer has given it up too
        found = stream.find(sequence)
        if found is None:
            return None
        timestamp, payload, marker = found
        return srtp.protect(self.rtx.packet(sequence, timestamp, payload, marker=marker))


def _no_playout_delay(extension_id: int) -> bytes:
    """The playout-delay header extension saying 0 ms at least and at most, in RFC 8285's one-byte form."""
    return struct.pack("!HHB3x", _ONE_BYTE_PROFILE, 1, extension_id << 4 | 2)
