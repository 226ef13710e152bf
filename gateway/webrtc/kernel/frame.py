"""One access unit cut into RTP payloads, for every viewer: what both kernels are given.

Here belongs what is the same for all viewers of a frame and computed once. Numbers, keys and sockets are the kernels'.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

MAX_SEGMENTS = 64
"""Datagrams in one call at most (UDP_MAX_SEGMENTS of older kernels)."""
MAX_RUN_BYTES = 65_000
"""In one call at most: what is segmented must first fit one datagram."""
MAX_OVERHEAD = 12 + 64 + 16
"""Bytes that a packet has beside its payload at most: RTP header, its extension, tag."""


class Frame(NamedTuple):
    """Made by `Frame.of`. Both kernels read the members by their place."""

    payloads: tuple[bytes, ...]
    runs: tuple[int, ...]
    """Where each run of payloads ends that the system can cut itself: all of one size, but the last may be shorter."""
    size: int
    """Bytes of all payloads."""
    marker: bool
    """On the last packet: a picture ends there (RFC 6184 5.1). Audio marks the beginning of talk instead."""

    @classmethod
    def of(cls, payloads: Iterable[bytes], *, marker: bool = True) -> Frame:
        """The frame of these payloads, in their order.

        Raises:
            ValueError: there is one that no datagram could carry.
        """
        pieces = tuple(payloads)
        sizes = tuple(map(len, pieces))
        if max(sizes, default=0) + MAX_OVERHEAD > MAX_RUN_BYTES:
            raise ValueError("a payload does not fit a datagram")
        return cls(pieces, tuple(_runs(sizes)), sum(sizes), marker)


def _runs(sizes: tuple[int, ...]) -> Iterable[int]:
    start, end = 0, len(sizes)
    while start < end:
        size = sizes[start]
        limit = min(end, start + MAX_SEGMENTS, start + MAX_RUN_BYTES // (size + MAX_OVERHEAD))
        at = start + 1
        while at < limit and sizes[at] == size:
            at += 1
        if at < limit and sizes[at] < size:
            at += 1
        yield at
        start = at
