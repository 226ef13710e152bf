"""Recordings of two seconds, published again and again as a camera would send them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from gateway.base.clock import SystemClock
from gateway.hub import Hub
from gateway.media.model import NS, AccessUnit

SECONDS = 2
Reel: TypeAlias = tuple[AccessUnit, ...]


async def film(hub: Hub, reels: Callable[[], Sequence[Reel]]) -> None:
    """Publish what `reels` says at the beginning of each two seconds, each unit when it is due. Never returns."""
    clock = SystemClock()
    start, start_ns, turn = clock.monotonic(), clock.utc_ns(), 0
    while True:
        due = []
        for unit in (unit for reel in reels() for unit in reel):
            rate = unit.track.clock_rate
            pts, dts = (ticks + turn * SECONDS * rate for ticks in (unit.pts, unit.dts))
            due.append((dts / rate, replace(unit, pts=pts, dts=dts, utc_ns=start_ns + pts * NS // rate)))
        for at, unit in sorted(due, key=lambda pair: pair[0]):
            await asyncio.sleep(start + at - clock.monotonic())
            hub.publish(replace(unit, received_ns=clock.utc_ns()))
        turn += 1
