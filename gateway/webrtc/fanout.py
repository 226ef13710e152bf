"""One frame to many viewers: a single pass, without a task or a queue for any of them.

Here belongs which thread a pass runs in, what happens when the socket is full, and in which order the passes of many
cameras take their turns. What a pass does is in `gateway.webrtc.kernel`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TypeAlias

from gateway.base.clock import Clock
from gateway.base.metrics import FRAMES_CUT, KERNEL_COMPILED
from gateway.base.workers import Threads
from gateway.webrtc.kernel import COMPILED, DONE, FULL, MORE, Frame, fastest, twin
from gateway.webrtc.outlet import Outlet
from gateway.webrtc.port import Port

log = logging.getLogger(__name__)

FRAME_DEADLINE = 0.02
"""Seconds a pass may wait for room in the socket: well before the next frame is due."""
SLICE = 4000 if COMPILED else 1000
"""Packets, about 5 ms: then a pass gives way, if another camera's waits."""
SMALL = 32
"""Packets, about 40 µs: to hand so few over to the thread would take longer than to send them."""

_Group: TypeAlias = tuple[fastest.Pass | twin.Pass, list[Outlet]]


class FanOut:
    """Sends the frames of all cameras over the shared port. All calls from the event loop's thread.

    The passes run in a thread of their own, so that many viewers of one camera delay neither the loop nor what others
    do there. End it with `close`, before the port.
    """

    def __init__(self, port: Port, clock: Clock) -> None:
        self._port = port
        self._clock = clock
        self._thread = Threads("fan-out")
        self._handed_over = 0
        """Calls to the thread; counted here alone."""
        self._returned = 0
        """Of these, those that have ended; counted in the thread alone."""
        self._turn = 0
        self.cut_short = 0
        """Frames that a viewer did not get whole because the socket stayed full."""
        KERNEL_COMPILED.set(COMPILED)
        if not COMPILED:
            log.warning("the kernel that sends to viewers is not compiled: its Python twin takes several times as long")

    async def send(self, frame: Frame, ticks: int, outlets: Sequence[Outlet]) -> list[Outlet]:
        """Give `frame` to each; returns those who did not get all of it.

        The one who comes first changes from frame to frame, so that a full socket does not hit the same viewers always.
        """
        if not outlets:
            return []
        missed: list[Outlet] = []
        self._turn += 1
        turn = self._turn % len(outlets)
        group = [*outlets[turn:], *outlets[:turn]]
        streams = [stream for outlet in group if (stream := outlet.swift) is not None]
        passes: list[_Group]
        if len(streams) == len(group):
            passes = [(fastest.Pass(frame, ticks & 0xFFFFFFFF, streams), group)]
        else:
            passes = self._sort(frame, ticks & 0xFFFFFFFF, group, missed)
        for pass_, group in passes:
            await self._finish(pass_, small=len(group) * len(frame.payloads) <= SMALL)
            missed += [group[place] for place in pass_.settle()]
            self._port.unreachable += pass_.unreachable
        if missed:
            self.cut_short += len(missed)
            FRAMES_CUT.inc(len(missed))
        return missed

    async def close(self) -> None:
        """Wait for the frames that are being sent, and end the thread."""
        await asyncio.to_thread(self._thread.close)

    # ---- inside

    def _sort(self, frame: Frame, ticks: int, outlets: list[Outlet], missed: list[Outlet]) -> list[_Group]:
        """The passes for each kind of stream; those who are reached by TCP have the frame then, or have missed it."""
        groups: tuple[list[Outlet], list[Outlet]] = ([], [])
        streams: tuple[list[fastest.Stream], list[twin.Stream]] = ([], [])
        for outlet in outlets:
            stream = outlet.stream
            if stream is None:
                continue
            if outlet.tcp is not None:
                # Who is slow here is slow alone: there is no room to wait for.
                if not all(outlet.tcp.send(packet) for packet in stream.seal(frame, ticks)):
                    missed.append(outlet)
                continue
            kind = type(stream) is not fastest.Stream
            groups[kind].append(outlet)
            streams[kind].append(stream)
        return [
            (kernel.Pass(frame, ticks, some), group)
            for kernel, some, group in zip((fastest, twin), streams, groups, strict=True)
            if group
        ]

    async def _finish(self, pass_: fastest.Pass | twin.Pass, *, small: bool) -> None:
        now, waited = self._clock.monotonic, 0.0
        while (outcome := await self._go_on(pass_, patient=waited < FRAME_DEADLINE, small=small)) != DONE:
            if outcome == FULL:
                start = now()
                room = await self._port.room(FRAME_DEADLINE - waited)
                waited = waited + now() - start if room else FRAME_DEADLINE

    async def _go_on(self, pass_: fastest.Pass | twin.Pass, *, patient: bool, small: bool) -> int:
        # Here only while the thread is idle: a cipher is used in one thread at a time.
        if small and self._handed_over == self._returned:
            return pass_.run(SLICE, patient)
        self._handed_over += 1
        return await self._thread.run(self._run, pass_, patient)

    def _run(self, pass_: fastest.Pass | twin.Pass, patient: bool) -> int:
        """In the thread."""
        try:
            while (outcome := pass_.run(SLICE, patient)) == MORE and self._handed_over - self._returned == 1:
                pass
            return outcome
        finally:
            self._returned += 1
