"""Access units as RTP packets, and what a depacketizer makes of packets: for the tests of the depacketizers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gateway.media.depacketize import Depacketizer
from gateway.media.model import NS, AccessUnit, Gap
from gateway.media.rtp import RtpPacket

T0 = 1_760_000_000 * NS
CLOCK_RATE = 90000


def packets(
    units: Sequence[Sequence[bytes]], *, sequence: int = 0, step: int = 3000, timestamps: Sequence[int] | None = None
) -> list[RtpPacket]:
    """`units`: the payloads of each unit. The marker stands on each one's last packet."""
    out: list[RtpPacket] = []
    for number, payloads in enumerate(units):
        timestamp = timestamps[number] if timestamps else number * step
        for place, payload in enumerate(payloads, 1):
            last = place == len(payloads)
            out.append(RtpPacket((sequence + len(out)) & 0xFFFF, timestamp & 0xFFFFFFFF, last, 96, 1, payload))
    return out


def feed(depacketizer: Depacketizer, stream: Iterable[RtpPacket], *, rate: int = CLOCK_RATE) -> list[AccessUnit | Gap]:
    """Everything that comes out; each packet arrives when its timestamp says."""
    items: list[AccessUnit | Gap] = []
    for packet in stream:
        depacketizer.push(packet, T0 + packet.timestamp * NS // rate)
        items += drain(depacketizer)
    return items


def drain(depacketizer: Depacketizer) -> list[AccessUnit | Gap]:
    """All that is ready."""
    items = []
    while (item := depacketizer.pull()) is not None:
        items.append(item)
    return items


def units(items: Iterable[AccessUnit | Gap]) -> list[AccessUnit]:
    return [item for item in items if isinstance(item, AccessUnit)]


def gaps(items: Iterable[AccessUnit | Gap]) -> list[Gap]:
    return [item for item in items if isinstance(item, Gap)]
