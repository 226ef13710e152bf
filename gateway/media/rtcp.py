"""RTCP (RFC 3550 section 6, RFC 4585, RFC 5104, REMB): compound packets in both directions.

Here belongs the format alone. What a sender report says about time is in `timeline`; who answers a NACK is for the
senders to know.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from gateway.media.model import NS, UtcNs
from gateway.media.rtp import RtpError

SENDER_REPORT = 200
RECEIVER_REPORT = 201
SOURCE_DESCRIPTION = 202
GOODBYE = 203
TRANSPORT_FEEDBACK = 205
PAYLOAD_FEEDBACK = 206

_GENERIC_NACK = 1
_PLI = 1
_FIR = 4
_APPLICATION_LAYER = 15
_CNAME = 1

_NTP_EPOCH = 2_208_988_800
"""Seconds from 1900 to 1970."""
_BLOCK = struct.Struct("!IIIIII")
_SENDER = struct.Struct("!IQIII")
_SENDER_REPORT = struct.Struct("!BBHIQIII")


def is_rtcp(data: bytes | memoryview) -> bool:
    """Whether a packet on a shared port is RTCP and not RTP (RFC 5761 section 4)."""
    return len(data) >= 8 and 192 <= data[1] <= 223


def ntp_to_utc_ns(ntp: int) -> UtcNs:
    """A 64-bit NTP timestamp (32.32 seconds since 1900) as UTC. Its era ends in 2036; the next is read as such."""
    seconds = ntp >> 32
    if seconds < 1 << 31:
        seconds += 1 << 32  # RFC 4330 section 3: the highest bit clear means the era from 2036 on
    return (seconds - _NTP_EPOCH) * NS + ((ntp & 0xFFFFFFFF) * NS >> 32)


@functools.lru_cache(maxsize=16)  # a hundred viewers of a camera are told of the same moment, one after the other
def utc_ns_to_ntp(utc_ns: UtcNs) -> int:
    """The inverse of `ntp_to_utc_ns`, rounded so that it gives back the same nanosecond."""
    seconds, rest = divmod(utc_ns, NS)
    return ((seconds + _NTP_EPOCH) & 0xFFFFFFFF) << 32 | -(-(rest << 32) // NS)


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What a receiver says about one source (RFC 3550 6.4.1)."""

    ssrc: int
    fraction_lost: int = 0
    """Of 256."""
    lost: int = 0
    """Since the beginning; signed 24 bits."""
    highest_sequence: int = 0
    """Extended to 32 bits."""
    jitter: int = 0
    """In timestamp units."""
    last_sr: int = 0
    """The middle 32 bits of the last sender report's NTP time; 0: none came."""
    delay_since_last_sr: int = 0
    """In 1/65536 s."""


@dataclass(frozen=True, slots=True)
class SenderReport:
    """RFC 3550 6.4.1. `ntp` and `rtp_timestamp` name the same moment."""

    ssrc: int
    ntp: int
    """32.32 seconds since 1900; 0: the sender has no clock."""
    rtp_timestamp: int
    packets: int = 0
    octets: int = 0
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """RFC 3550 6.4.2."""

    ssrc: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """RFC 3550 6.5: the CNAME of one source."""

    ssrc: int
    cname: str


@dataclass(frozen=True, slots=True)
class Bye:
    """RFC 3550 6.6: these sources have ended."""

    ssrcs: tuple[int, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Nack:
    """RFC 4585 6.2.1: these packets are missing. At most 17 sequence numbers for each entry on the wire."""

    sender_ssrc: int
    media_ssrc: int
    sequences: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PictureLossIndication:
    """RFC 4585 6.3.1: the receiver needs a keyframe."""

    sender_ssrc: int
    media_ssrc: int


@dataclass(frozen=True, slots=True)
class FullIntraRequest:
    """RFC 5104 4.3.1: as a PLI, for several sources; a repeated command number is the same request."""

    sender_ssrc: int
    requests: tuple[tuple[int, int], ...]
    """SSRC of the media sender, command sequence number."""


@dataclass(frozen=True, slots=True)
class BitrateEstimate:
    """REMB (draft-alvestrand-rmcat-remb 2.2): what the receiver believes to get through."""

    sender_ssrc: int
    bitrate: int
    """Bits a second, for all of `ssrcs` together."""
    ssrcs: tuple[int, ...]


RtcpPacket: TypeAlias = (
    SenderReport
    | ReceiverReport
    | SourceDescription
    | Bye
    | Nack
    | PictureLossIndication
    | FullIntraRequest
    | BitrateEstimate
)


def parse_rtcp(data: bytes | memoryview) -> tuple[RtcpPacket, ...]:
    """The packets of a compound that are known here; others are passed over.

    What follows a packet that cannot be read is given up, what precedes it is kept: cameras append garbage.

    Raises:
        RtpError: not even the first packet's header can be read.
    """
    data = bytes(data)
    if len(data) < 4 or data[0] >> 6 != 2 or not 192 <= data[1] <= 223:
        raise RtpError(f"{len(data)} bytes that are no RTCP packet")
    packets: list[RtcpPacket] = []
    at = 0
    while at + 4 <= len(data) and data[at] >> 6 == 2:
        count, packet_type = data[at] & 31, data[at + 1]
        end = at + 4 + 4 * int.from_bytes(data[at + 2 : at + 4], "big")
        if end > len(data):
            break
        body = data[at + 4 : end]
        if data[at] & 0x20 and body and 0 < body[-1] <= len(body):
            body = body[: -body[-1]]
        try:
            packets += _parse_body(packet_type, count, body)
        except struct.error:
            break
        at = end
    return tuple(packets)


def _parse_body(packet_type: int, count: int, body: bytes) -> Iterable[RtcpPacket]:
    """Raises struct.error when `body` is too short for its type."""
    if packet_type == SENDER_REPORT:
        ssrc, ntp, timestamp, packets, octets = _SENDER.unpack_from(body)
        return (SenderReport(ssrc, ntp, timestamp, packets, octets, _parse_blocks(body[_SENDER.size :], count)),)
    if packet_type == RECEIVER_REPORT:
        (ssrc,) = struct.unpack_from("!I", body)
        return (ReceiverReport(ssrc, _parse_blocks(body[4:], count)),)
    if packet_type == SOURCE_DESCRIPTION:
        return _parse_descriptions(body, count)
    if packet_type == GOODBYE:
        ssrcs = struct.unpack_from(f"!{count}I", body)
        text = body[4 * count :]
        return (Bye(ssrcs, text[1 : 1 + text[0]].decode("utf-8", "replace") if text else ""),)
    if packet_type in {TRANSPORT_FEEDBACK, PAYLOAD_FEEDBACK}:
        sender, media = struct.unpack_from("!II", body)
        return _parse_feedback(packet_type, count, sender, media, body[8:])
    return ()


def _parse_blocks(data: bytes, count: int) -> tuple[ReportBlock, ...]:
    """As many of `count` as are there."""
    blocks = []
    for at in range(0, min(count, len(data) // _BLOCK.size) * _BLOCK.size, _BLOCK.size):
        ssrc, loss, highest, jitter, last_sr, delay = _BLOCK.unpack_from(data, at)
        lost = loss & 0xFFFFFF
        if lost >= 1 << 23:
            lost -= 1 << 24
        blocks.append(ReportBlock(ssrc, loss >> 24, lost, highest, jitter, last_sr, delay))
    return tuple(blocks)


def _parse_descriptions(body: bytes, count: int) -> Iterable[RtcpPacket]:
    at = 0
    for _ in range(count):
        (ssrc,) = struct.unpack_from("!I", body, at)
        start = at
        at += 4
        while at + 2 <= len(body) and body[at]:
            length = body[at + 1]
            if body[at] == _CNAME:
                yield SourceDescription(ssrc, body[at + 2 : at + 2 + length].decode("utf-8", "replace"))
            at += 2 + length
        at = start + (at - start) // 4 * 4 + 4  # at least one zero byte, then to the next 32-bit boundary


def _parse_feedback(packet_type: int, kind: int, sender: int, media: int, data: bytes) -> Iterable[RtcpPacket]:
    if packet_type == TRANSPORT_FEEDBACK:
        if kind == _GENERIC_NACK:
            sequences = []
            for pid, mask in struct.iter_unpack("!HH", data[: len(data) // 4 * 4]):
                sequences.append(pid)
                sequences += [(pid + 1 + bit) & 0xFFFF for bit in range(16) if mask >> bit & 1]
            yield Nack(sender, media, tuple(sequences))
    elif kind == _PLI:
        yield PictureLossIndication(sender, media)
    elif kind == _FIR:
        yield FullIntraRequest(
            sender, tuple((s, n) for s, n in struct.iter_unpack("!IB3x", data[: len(data) // 8 * 8]))
        )
    elif kind == _APPLICATION_LAYER and data[:4] == b"REMB":
        number, estimate = struct.unpack_from("!B3s", data, 4)
        value = int.from_bytes(estimate, "big")
        bitrate = (value & 0x3FFFF) << (value >> 18)
        yield BitrateEstimate(sender, bitrate, struct.unpack_from(f"!{number}I", data, 8))


def build_rtcp(*packets: RtcpPacket) -> bytes:
    """A compound packet. RFC 3550 6.1 wants a report first; that is the caller's to keep, as is
    the limit of 31 blocks or sources in one packet.
    """
    return b"".join(_build(packet) for packet in packets)


def build_sender_report(ssrc: int, ntp: int, rtp_timestamp: int, packets: int, octets: int) -> bytes:
    """What `build_rtcp` makes of a SenderReport without blocks, for those who tell a crowd: thirty times as fast."""
    counts = packets & 0xFFFFFFFF, octets & 0xFFFFFFFF
    return _SENDER_REPORT.pack(0x80, SENDER_REPORT, 6, ssrc, ntp, rtp_timestamp & 0xFFFFFFFF, *counts)


def _build(packet: RtcpPacket) -> bytes:
    match packet:
        case SenderReport():
            sender = (packet.ssrc, packet.ntp, packet.rtp_timestamp & 0xFFFFFFFF)
            body = _SENDER.pack(*sender, packet.packets & 0xFFFFFFFF, packet.octets & 0xFFFFFFFF)
            return _frame(SENDER_REPORT, len(packet.blocks), body + _build_blocks(packet.blocks))
        case ReceiverReport():
            body = struct.pack("!I", packet.ssrc) + _build_blocks(packet.blocks)
            return _frame(RECEIVER_REPORT, len(packet.blocks), body)
        case SourceDescription():
            name = packet.cname.encode()[:255]
            body = struct.pack("!IBB", packet.ssrc, _CNAME, len(name)) + name
            return _frame(SOURCE_DESCRIPTION, 1, body + bytes(4 - len(body) % 4))
        case Bye():
            body = struct.pack(f"!{len(packet.ssrcs)}I", *packet.ssrcs)
            if packet.reason:
                reason = packet.reason.encode()[:255]
                body += bytes([len(reason)]) + reason
            return _frame(GOODBYE, len(packet.ssrcs), body + bytes(-len(body) % 4))
        case Nack():
            head = struct.pack("!II", packet.sender_ssrc, packet.media_ssrc)
            return _frame(TRANSPORT_FEEDBACK, _GENERIC_NACK, head + _build_nack(packet.sequences))
        case PictureLossIndication():
            return _frame(PAYLOAD_FEEDBACK, _PLI, struct.pack("!II", packet.sender_ssrc, packet.media_ssrc))
        case FullIntraRequest():
            entries = b"".join(struct.pack("!IB3x", ssrc, number & 0xFF) for ssrc, number in packet.requests)
            return _frame(PAYLOAD_FEEDBACK, _FIR, struct.pack("!II", packet.sender_ssrc, 0) + entries)
        case BitrateEstimate():
            exponent = max(0, packet.bitrate.bit_length() - 18)
            estimate = exponent << 18 | packet.bitrate >> exponent
            head = struct.pack("!II4sB", packet.sender_ssrc, 0, b"REMB", len(packet.ssrcs))
            ssrcs = struct.pack(f"!{len(packet.ssrcs)}I", *packet.ssrcs)
            return _frame(PAYLOAD_FEEDBACK, _APPLICATION_LAYER, head + estimate.to_bytes(3, "big") + ssrcs)


def _frame(packet_type: int, count: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 0x80 | count, packet_type, len(body) // 4) + body


def _build_blocks(blocks: tuple[ReportBlock, ...]) -> bytes:
    return b"".join(
        _BLOCK.pack(
            b.ssrc,
            b.fraction_lost << 24 | b.lost & 0xFFFFFF,
            b.highest_sequence,
            b.jitter,
            b.last_sr,
            b.delay_since_last_sr,
        )
        for b in blocks
    )


def _build_nack(sequences: tuple[int, ...]) -> bytes:
    entries: list[list[int]] = []
    for sequence in sequences:
        after = (sequence - entries[-1][0] - 1) & 0xFFFF if entries else 16
        if after < 16:
            entries[-1][1] |= 1 << after
        else:
            entries.append([sequence, 0])
    return b"".join(struct.pack("!HH", pid, mask) for pid, mask in entries)
