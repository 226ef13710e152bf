"""RTP packets (RFC 3550 section 5): parsing, building, and putting them in order.

Here belong the header and the sequence number. RTCP is in `rtcp`, what timestamps mean in `timeline`, what payloads
mean in the depacketizers.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from gateway.base.errors import SightlineError

HEADER_SIZE = 12

_HEADER = struct.Struct("!BBHII")
_unpack = _HEADER.unpack_from

MAX_DROPOUT = 3000
"""A leap ahead of more than this many packets is a restart, not loss (RFC 3550 appendix A.1)."""
REORDER_WINDOW = 64
"""Packets held back at most where the network may change their order."""
_MAX_MISORDER = 100
"""A packet further behind than this is a restart, not a late one (RFC 3550 appendix A.1)."""


class RtpError(SightlineError):
    """These bytes are no RTP or RTCP packet."""


class RtpPacket(NamedTuple):
    """One packet without padding, contributing sources and header extension."""

    sequence: int
    timestamp: int
    marker: bool
    payload_type: int
    ssrc: int
    payload: bytes


_new = tuple.__new__  # what RtpPacket's own constructor calls, in half of its time

Arrival: TypeAlias = tuple[RtpPacket, int]
"""A packet, and the gateway's UTC in nanoseconds when it came."""


def parse_rtp(data: bytes | bytearray | memoryview) -> RtpPacket:
    """Read one packet; the payload is copied out of `data` (RFC 3550 5.1, 5.3.1).

    Raises:
        RtpError: too short for what its header announces, or not version 2.
    """
    try:
        first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    except struct.error:
        raise RtpError(f"an RTP packet of {len(data)} bytes is shorter than its header") from None
    if first == 0x80:
        return RtpPacket(sequence, timestamp, second > 127, second & 127, ssrc, bytes(data[HEADER_SIZE:]))
    if first >> 6 != 2:
        raise RtpError(f"RTP version {first >> 6}, not 2")
    start, end = HEADER_SIZE + 4 * (first & 15), len(data)
    if first & 0x10:
        if start + 4 > end:
            raise RtpError("an RTP header extension reaches beyond its packet")
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    if first & 0x20:
        # Padding of 0 or of more than there is: some cameras set the bit and pad nothing. The length then counts the
        # payload as it stands, since throwing the packet away would cost a picture.
        padding = data[end - 1]
        if 0 < padding <= end - start:
            end -= padding
    if start > end:
        raise RtpError("an RTP header reaches beyond its packet")
    return RtpPacket(sequence, timestamp, second > 127, second & 127, ssrc, bytes(data[start:end]))


def build_header(packet_type: int, sequence: int, timestamp: int, ssrc: int, *, marker: bool = False) -> bytes:
    """Twelve bytes; `sequence` and `timestamp` are taken modulo their width."""
    return _HEADER.pack(
        0x80, packet_type | (0x80 if marker else 0), sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc & 0xFFFFFFFF
    )


def build_packets(
    payloads: Sequence[bytes], packet_type: int, sequence: int, timestamp: int, ssrc: int
) -> tuple[bytes, ...]:
    """The packets of one access unit, whose first is number `sequence`; the last one bears the marker (RFC 6184 5.1).

    As `build_header`, for many at a time. `timestamp` and `ssrc` have 32 bits.
    """
    pack, last = _HEADER.pack, len(payloads) - 1
    packets = [
        pack(0x80, packet_type, sequence + i & 0xFFFF, timestamp, ssrc) + payload for i, payload in enumerate(payloads)
    ]
    packets[-1] = pack(0x80, packet_type | 0x80, sequence + last & 0xFFFF, timestamp, ssrc) + payloads[-1]
    return tuple(packets)


def build_rtp(packet: RtpPacket) -> bytes:
    """The bytes of a packet without extension or padding."""
    sequence, timestamp, marker, payload_type, ssrc, payload = packet
    return build_header(payload_type, sequence, timestamp, ssrc, marker=marker) + payload


class Reorder:
    """Puts the packets of one track in the order of their sequence numbers, and counts those that never came.

    What it gives out strictly ascends (modulo 65536) until a restart; a hole means loss, for the depacketizer to see.
    `window` packets at most are held back while one is missing, none longer than `hold_ns`. Over TCP nothing arrives
    out of order: give `window=0`, and each packet comes out at once.

    A packet of another SSRC, or far away in sequence, is kept aside until its successor comes (RFC 3550 appendix A.1):
    two in a row are a camera that restarted its stream, one alone is a stray.
    """

    def __init__(self, window: int = REORDER_WINDOW, hold_ns: int = 100_000_000) -> None:
        self._window = window
        self._hold_ns = hold_ns
        self._ssrc = -1
        self._next = -1
        self._cycles = 0
        self._held: dict[int, Arrival] = {}
        self._candidate: Arrival | None = None
        self.received = 0
        """Packets given out."""
        self.lost = 0
        """Packets that never came, or too late."""
        self.duplicates = 0
        """Packets that came twice, or after they had been given up."""
        self.strays = 0
        """Packets of a foreign SSRC or sequence that nothing followed."""
        self.restarts = 0
        """Times the stream began anew with another SSRC or sequence."""

    @property
    def ssrc(self) -> int | None:
        """Of the stream being received; None before the first packet."""
        return self._ssrc if self._ssrc >= 0 else None

    @property
    def highest(self) -> int:
        """Extended highest sequence number received (RFC 3550 6.4.1); 0 before the first packet."""
        return max(0, (self._cycles << 16) + self._next - 1)

    def push(self, packet: RtpPacket, received_ns: int) -> list[Arrival]:
        """Take one packet; give those whose turn has come, each with its own arrival."""
        sequence = packet.sequence
        if self._next < 0:
            self._ssrc = packet.ssrc
            self._advance(sequence)
            return [(packet, received_ns)]
        ahead = (sequence - self._next) & 0xFFFF
        if packet.ssrc != self._ssrc or MAX_DROPOUT < ahead < 0x10000 - _MAX_MISORDER:
            return self._consider_restart(packet, received_ns)
        if ahead >= 0x8000 or sequence in self._held:
            self.duplicates += 1
            return self._release(received_ns)
        self._held[sequence] = (packet, received_ns)
        return self._release(received_ns)

    def poll(self, now_ns: int) -> list[Arrival]:
        """Give up what has been waited for longer than `hold_ns`; call this when nothing came for a while."""
        return self._release(now_ns)

    def flush(self) -> list[Arrival]:
        """Give out all that is held: the stream has ended."""
        released: list[Arrival] = []
        while self._held:
            self._skip(released)
        return released

    def _advance(self, sequence: int) -> None:
        self.received += 1
        self._next = sequence + 1
        if sequence == 0xFFFF:
            self._next = 0
            self._cycles += 1

    def _consider_restart(self, packet: RtpPacket, received_ns: int) -> list[Arrival]:
        candidate = self._candidate
        self._candidate = (packet, received_ns)
        if candidate is None:
            return []
        first = candidate[0]
        if first.ssrc != packet.ssrc or packet.sequence != (first.sequence + 1) & 0xFFFF:
            self.strays += 1
            return []
        released = self.flush()
        self.restarts += 1
        self._candidate = None
        self._ssrc = packet.ssrc
        self._cycles = 0
        for arrival in (candidate, (packet, received_ns)):
            self._advance(arrival[0].sequence)
            released.append(arrival)
        return released

    def _release(self, now_ns: int) -> list[Arrival]:
        """Give out the run that is due, skipping holes that were waited for long enough."""
        released: list[Arrival] = []
        self._run(released)
        while self._held and (
            len(self._held) > self._window or now_ns - min(at for _, at in self._held.values()) > self._hold_ns
        ):
            self._skip(released)
        return released

    def _run(self, released: list[Arrival]) -> None:
        while (arrival := self._held.pop(self._next, None)) is not None:
            self._advance(arrival[0].sequence)
            released.append(arrival)

    def _skip(self, released: list[Arrival]) -> None:
        ahead = min((sequence - self._next) & 0xFFFF for sequence in self._held)
        self.lost += ahead
        target = self._next + ahead
        self._cycles += target >> 16
        self._next = target & 0xFFFF
        self._run(released)


class RtpReceiver(Reorder):
    """The packets of one track, from the bytes of the network to their order.

    What cannot be read or carries another payload type is dropped and counted.
    """

    def __init__(self, payload_type: int, window: int = REORDER_WINDOW, hold_ns: int = 100_000_000) -> None:
        super().__init__(window, hold_ns)
        self.payload_type = payload_type
        self.bytes = 0
        """Payload bytes of the right type."""
        self.unreadable = 0
        """What was no RTP packet."""
        self.foreign = 0
        """Packets of another payload type."""

    @property
    def due(self) -> tuple[int, int] | None:
        """SSRC and sequence number of the packet that comes next; None: nothing came yet, or some are held back."""
        return None if self._held or self._next < 0 else (self._ssrc, self._next)

    def took(self, packets: int, payload_bytes: int) -> None:
        """Note plain packets, from the one that was due on, that were taken past `receive` (see `track_receiver`)."""
        self._next += packets
        self.received += packets
        self.bytes += payload_bytes

    def receive(self, packets: list[bytes], received_ns: int) -> list[Arrival]:
        """Take what came at `received_ns`; give the packets whose turn has come."""
        arrivals: list[Arrival] = []
        payload_type, in_order, size = self.payload_type, 0, 0
        for data in packets:
            try:
                first, second, sequence, timestamp, ssrc = _unpack(data)
            except struct.error:
                self.unreadable += 1
                continue
            if (
                first == 0x80
                and second & 127 == payload_type
                and sequence == self._next != 0xFFFF
                and ssrc == self._ssrc
                and not self._held
            ):
                # The way of nearly every packet: plain, of our type and in its turn.
                self._next = sequence + 1
                in_order += 1
                payload = data[HEADER_SIZE:]
                size += len(payload)
                packet = _new(RtpPacket, (sequence, timestamp, second > 127, payload_type, ssrc, payload))
                arrivals.append((packet, received_ns))
            else:
                arrivals += self._receive_slowly(data, received_ns)
        self.received += in_order
        self.bytes += size
        return arrivals

    def _receive_slowly(self, data: bytes, received_ns: int) -> list[Arrival]:
        try:
            packet = parse_rtp(data)
        except RtpError:
            self.unreadable += 1
            return []
        if packet.payload_type != self.payload_type:
            self.foreign += 1
            return []
        self.bytes += len(packet.payload)
        return self.push(packet, received_ns)
