"""One frame to many viewers: a single pass, without a task or a queue for any of them.

Here belongs what happens when the socket is full and how the loop stays responsive; a faster way to encrypt and send
takes the place of `Outlet.send` in this pass.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gateway.base.clock import Clock
from gateway.webrtc.outlet import Frame, Outlet
from gateway.webrtc.port import Port
from gateway.webrtc.tcp import TcpRoute

FRAME_DEADLINE = 0.02
"""Seconds a pass may wait for room in the socket: well before the next frame is due."""
SLICE = 0.005
"""Seconds after which the pass lets the loop run others."""


class FanOut:
    """Sends frames of one camera over the shared port."""

    def __init__(self, port: Port, clock: Clock) -> None:
        self._port = port
        self._clock = clock
        self._turn = 0
        self.cut_short = 0
        """Frames that a viewer did not get whole because the socket stayed full."""

    async def send(self, frame: Frame, ticks: int, outlets: Sequence[Outlet]) -> list[Outlet]:
        """Give `frame` to each; returns those who did not get all of it.

        The one who comes first changes from frame to frame, so that a full socket does not hit the same viewers always.
        """
        now = self._clock.monotonic
        waited, slice_start = 0.0, now()
        missed: list[Outlet] = []
        self._turn += 1
        turn = self._turn % len(outlets) if outlets else 0
        for outlet in (*outlets[turn:], *outlets[:turn]):
            if outlet.peer.srtp is None:
                continue
            outlet.begin(frame, ticks)
            route = outlet.peer.address
            if isinstance(route, TcpRoute):
                # Who is slow here is slow alone: there is no room to wait for.
                if not outlet.send_by_tcp(route):
                    missed.append(outlet)
                continue
            done = outlet.send()
            while not done and waited < FRAME_DEADLINE:
                start = now()
                room = await self._port.room(FRAME_DEADLINE - waited)
                slice_start = now()
                waited = waited + slice_start - start if room else FRAME_DEADLINE
                done = outlet.send(outlet.sent)
            if not done:
                missed.append(outlet)
            if now() - slice_start > SLICE:
                await asyncio.sleep(0)
                slice_start = now()
        self.cut_short += len(missed)
        return missed
