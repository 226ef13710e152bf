"""One RTP stream to one viewer: its header fields, its counters, what it can send again.

Here belongs the state that RTP wants per receiver, and the cheapest way to give it a frame. Frames are cut once for
all viewers and shared. Who gets which frame, and what happens when the socket is full, is decided in `fanout`.
"""

from __future__ import annotations

import secrets
import struct
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import pylibsrtp

from gateway.media.model import UtcNs
from gateway.media.rtcp import SenderReport, SourceDescription, build_rtcp, utc_ns_to_ntp
from gateway.webrtc.rtx import Retransmissions
from gateway.webrtc.tcp import TcpRoute

if TYPE_CHECKING:
    from gateway.webrtc.peer import Peer

HISTORY_FRAMES = 64
"""Frames that can be sent again: two seconds of video."""
RESENDS_PER_REPORT = 500
"""Packets sent again at most between two sender reports, whatever a viewer asks for."""

_OVERHEAD = 58
"""Bytes that a packet has beside its payload on its way: RTP, RTX, the tag of SRTP, UDP and IPv4."""
_HEADER = struct.Struct("!BBHII")
_VERSION, _EXTENSION, _MARKER = 0x80, 0x10, 0x80
_ONE_BYTE_PROFILE = 0xBEDE


class Frame(NamedTuple):
    """One access unit cut into RTP payloads, for every viewer."""

    payloads: Sequence[bytes]
    size: int
    """Bytes of all payloads."""
    marker: bool = True
    """On the last packet: a picture ends there (RFC 6184 5.1). Audio marks the beginning of talk instead."""


class _Sent(NamedTuple):
    sequence: int
    """Of the first packet."""
    timestamp: int
    frame: Frame


class Outlet:
    """`clock_rate` is that of the RTP timestamps; `ticks` arguments count it and may have any number of bits."""

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
        self.packets = 0
        self.octets = 0
        self.sent = 0
        """How many packets of the frame begun last have been given to the socket."""
        self.resent = 0
        self._payload_type = payload_type
        self._cname = cname
        self._first_byte = _VERSION if playout_delay is None else _VERSION | _EXTENSION
        self._extension = b"" if playout_delay is None else _no_playout_delay(playout_delay)
        # Below half of the range, so that the first packets do not wrap before SRTP knows the roll-over count.
        self._sequence = secrets.randbelow(0x8000)
        self._offset = secrets.randbits(32)
        self._history: deque[_Sent] = deque(maxlen=HISTORY_FRAMES)
        self._resends_left = RESENDS_PER_REPORT

    def rtp_timestamp(self, ticks: int) -> int:
        """What this viewer sees for `ticks`."""
        return (ticks + self._offset) & 0xFFFFFFFF

    def begin(self, frame: Frame, ticks: int) -> None:
        """Number the packets of `frame`. What of it is not sent afterwards is loss to the viewer, who can ask again."""
        count = len(frame.payloads)
        self._history.append(_Sent(self._sequence, self.rtp_timestamp(ticks), frame))
        self._sequence = (self._sequence + count) & 0xFFFF
        self.packets += count
        self.octets += frame.size

    def send(self, start: int = 0) -> bool:
        """Send the frame begun last, from its packet `start`; see `sent` for how far it came. False: socket full."""
        peer = self.peer
        address, srtp, port = peer.address, peer.srtp, peer.port
        frame_start, timestamp, frame = self._history[-1]
        payloads = frame.payloads
        if address is None or srtp is None or isinstance(address, TcpRoute):
            self.sent = len(payloads)
            return True
        pack, protect, sendto, ssrc, extension = _HEADER.pack, srtp.protect, port.sendto, self.ssrc, self._extension
        first_byte, payload_type, last = self._first_byte, self._payload_type, len(payloads) - 1
        last_type = payload_type | _MARKER if frame.marker else payload_type
        at = start
        try:
            for at in range(start, last + 1):
                second_byte = last_type if at == last else payload_type
                header = pack(first_byte, second_byte, (frame_start + at) & 0xFFFF, timestamp, ssrc)
                sendto(protect(header + extension + payloads[at]), address)
        except BlockingIOError:
            self.sent = at
            return False
        except OSError:
            # No route, perhaps while the viewer's network changes: it will say where it is, or its consent expires.
            port.unreachable += 1
        self.sent = last + 1
        return True

    def send_by_tcp(self, route: TcpRoute) -> bool:
        """Send the frame begun last to a viewer that is reached by TCP. False: it reads too slowly, and gets a part."""
        srtp = self.peer.srtp
        if srtp is None:
            return True
        start, timestamp, frame = self._history[-1]
        last = len(frame.payloads) - 1
        for at, payload in enumerate(frame.payloads):
            marker = _MARKER if frame.marker and at == last else 0
            sequence = (start + at) & 0xFFFF
            header = _HEADER.pack(self._first_byte, self._payload_type | marker, sequence, timestamp, self.ssrc)
            if not route.send(srtp.protect(header + self._extension + payload)):
                return False
        return True

    def resend(self, sequences: Sequence[int]) -> None:
        """Send packets again: as the viewer's retransmission stream where it has one, else byte for byte, since
        anything else would use an SRTP nonce twice (RFC 3711 9.1).
        """
        srtp, address = self.peer.srtp, self.peer.address
        if srtp is None or address is None:
            return
        for sequence in sequences[: self._resends_left]:
            for start, timestamp, frame in reversed(self._history):
                at = (sequence - start) & 0xFFFF
                if at >= len(frame.payloads):
                    continue
                marker = frame.marker and at == len(frame.payloads) - 1
                if self.rtx is not None:
                    packet = srtp.protect(self.rtx.packet(sequence, timestamp, frame.payloads[at], marker=marker))
                else:
                    second_byte = self._payload_type | _MARKER if marker else self._payload_type
                    header = _HEADER.pack(self._first_byte, second_byte, sequence, timestamp, self.ssrc)
                    try:
                        packet = srtp.protect(header + self._extension + frame.payloads[at])
                    except pylibsrtp.Error:
                        break  # further back than SRTP's window: the viewer has given it up too
                self.peer.port.send(packet, address)
                self.resent += 1
                self._resends_left -= 1
                break

    def repeat(self, size: int) -> int:
        """Send the newest packets again, about `size` bytes of them, though nobody asked: how many bytes have left.

        To the viewer they are known already; what they tell is how long the link takes for them.
        """
        sequences: list[int] = []
        total = 0
        for start, _, frame in reversed(self._history):
            if total >= size or len(sequences) >= self._resends_left:
                break
            sequences += [(start + at) & 0xFFFF for at in range(len(frame.payloads))]
            total += frame.size + len(frame.payloads) * _OVERHEAD
        before = self.resent
        self.resend(sequences)
        sent, self.resent = self.resent - before, before
        return total * sent // len(sequences) if sequences else 0

    def report(self, utc_ns: UtcNs, ticks: int) -> None:
        """Send a sender report: `ticks` was captured at `utc_ns` (RFC 3550 6.4.1)."""
        self._resends_left = RESENDS_PER_REPORT
        srtp, address = self.peer.srtp, self.peer.address
        if srtp is None or address is None or not self.packets:
            return
        timestamp = self.rtp_timestamp(ticks)
        report = SenderReport(self.ssrc, utc_ns_to_ntp(utc_ns), timestamp, self.packets, self.octets)
        compound = build_rtcp(report, SourceDescription(self.ssrc, self._cname))
        self.peer.port.send(srtp.protect_rtcp(compound), address)


def _no_playout_delay(extension_id: int) -> bytes:
    """The playout-delay header extension saying 0 ms at least and at most, in RFC 8285's one-byte form."""
    return struct.pack("!HHB3x", _ONE_BYTE_PROFILE, 1, extension_id << 4 | 2)
