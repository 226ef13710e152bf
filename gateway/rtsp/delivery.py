"""How one client gets a Mount's packets: within the RTSP connection or by UDP, and what happens when it is slow.

Here belong the bounds. A client that does not keep up is passed over until it has taken what waits for it, then goes on
at a keyframe; one that takes nothing at all is given up. Nobody else notices either.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from typing import Protocol

from gateway.base.clock import Clock
from gateway.base.supervise import TaskOwner
from gateway.rtsp.fan import Fan
from gateway.rtsp.headers import Pair
from gateway.rtsp.presentation import Burst, Receiver
from gateway.rtsp.protocol import interleaved_header
from gateway.rtsp.sending import Sending
from gateway.rtsp.udp import bind_pair

MAX_WAITING_BYTES = 2 << 20
"""What may wait for one client, beyond what it is given at its start."""
RESUME_BYTES = 256 << 10
"""A client that was passed over goes on when no more than this still waits for it."""
STUCK_SECONDS = 10.0
"""A client that takes nothing for so long is given up."""

PACE_SECONDS = 0.005
PACE_BYTES = 32 << 10
"""Datagrams leave at most this fast, so that a keyframe or a start does not overrun the receiver's socket buffer."""

Address = tuple[str, int]


class Outlet(Protocol):
    """The way to one client. Its calls return at once and never raise."""

    @property
    def waiting(self) -> int:
        """Bytes accepted and not yet handed to the kernel."""

    def send(self, burst: Burst) -> bool:
        """Send the packets of a track; whether nothing waits now. Those of a track that was not set up are none of its
        business."""

    def send_report(self, track_id: int, packet: bytes) -> None:
        """Send an RTCP packet of a track."""

    def join(self, fan: Fan, receiver: Receiver) -> None:
        """Have `fan` send to `receiver`, if it is one that can. Nothing waits now."""

    def close(self) -> None:
        """Send nothing more. Idempotent."""


class InterleavedOutlet:
    """Within the RTSP connection (RFC 2326 10.12)."""

    def __init__(self, sending: Sending) -> None:
        self._sending = sending
        self.channels: dict[int, Pair] = {}
        """Of each track that was set up."""

    @property
    def waiting(self) -> int:  # noqa: D102
        return self._sending.waiting

    def send(self, burst: Burst) -> bool:  # noqa: D102
        pair = self.channels.get(burst.track_id)
        return pair is None or self._sending.send(burst.interleaved(pair[0]))

    def send_report(self, track_id: int, packet: bytes) -> None:  # noqa: D102
        if (pair := self.channels.get(track_id)) is not None:
            self._sending.send(interleaved_header(pair[1], len(packet)) + packet)

    def join(self, fan: Fan, receiver: Receiver) -> None:  # noqa: D102
        fan.join(receiver, self._sending, {track_id: pair[0] for track_id, pair in self.channels.items()})

    def close(self) -> None:  # noqa: D102
        self.channels.clear()


class UdpPorts(asyncio.DatagramProtocol):
    """A pair of ports, an even one for RTP and the next for RTCP, that serve every client of one local address."""

    def __init__(self, on_rtcp: Callable[[Address], None]) -> None:
        self._on_rtcp = on_rtcp
        self.rtp: socket.socket
        """Written to directly, so that nothing waits where it cannot be counted. What comes in is not read: players
        send empty packets here to open a firewall."""
        self.rtcp: asyncio.DatagramTransport
        self.numbers: Pair

    @classmethod
    async def open(cls, host: str, on_rtcp: Callable[[Address], None]) -> UdpPorts:
        """Bind two neighbouring ports of `host`.

        `on_rtcp` is called with the sender's address whenever something comes in on the second.

        Raises:
            OSError: no such pair is to be had.
        """
        ports = cls(on_rtcp)
        ports.rtp, rtcp = bind_pair(host)
        ports.numbers = (ports.rtp.getsockname()[1], rtcp.getsockname()[1])
        ports.rtcp, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: ports, sock=rtcp)
        return ports

    def datagram_received(self, data: bytes, addr: Address) -> None:  # noqa: D102
        self._on_rtcp(addr)

    def close(self) -> None:
        """Release both ports."""
        self.rtp.close()
        self.rtcp.close()


class DatagramOutlet:
    """By UDP, paced."""

    def __init__(self, ports: UdpPorts, host: str, clock: Clock, owner: TaskOwner) -> None:
        self._ports = ports
        self._host = host
        self._clock = clock
        self._owner = owner
        self._pending: deque[tuple[bytes, Address]] = deque()
        self._pending_bytes = 0
        self._budget = float(PACE_BYTES)
        self._filled_at = clock.monotonic()
        self._pumping = False
        self.refused = 0
        """Packets that the kernel did not take."""
        self.client_ports: dict[int, Pair] = {}
        """Of each track that was set up."""

    @property
    def waiting(self) -> int:  # noqa: D102
        return self._pending_bytes

    def send(self, burst: Burst) -> bool:  # noqa: D102
        pair = self.client_ports.get(burst.track_id)
        if pair is None:
            return True
        address = (self._host, pair[0])
        self._pending.extend((packet, address) for packet in burst.packets)
        self._pending_bytes += burst.size
        if not self._pumping:
            self._pump()
            if self._pending:
                self._pumping = True
                self._owner.start(self._keep_pumping(), name=f"pace {self._host}")
        return not self._pending

    def send_report(self, track_id: int, packet: bytes) -> None:  # noqa: D102
        if (pair := self.client_ports.get(track_id)) is not None and not self._ports.rtcp.is_closing():
            self._ports.rtcp.sendto(packet, (self._host, pair[1]))

    def join(self, fan: Fan, receiver: Receiver) -> None:
        """Datagrams are paced: they go to each client by itself."""

    def close(self) -> None:  # noqa: D102
        self.client_ports.clear()
        self._pending.clear()
        self._pending_bytes = 0

    def _pump(self) -> None:
        now = self._clock.monotonic()
        self._budget = min(PACE_BYTES, self._budget + (now - self._filled_at) / PACE_SECONDS * PACE_BYTES)
        self._filled_at = now
        while self._pending and self._budget > 0:
            packet, address = self._pending[0]
            try:
                self._ports.rtp.sendto(packet, address)
            except BlockingIOError:
                return  # the kernel's buffer is full: the next turn tries again
            except OSError:
                self.refused += 1  # no route, or the ports are closed: with UDP, that is a lost packet
            self._pending.popleft()
            self._pending_bytes -= len(packet)
            self._budget -= len(packet)

    async def _keep_pumping(self) -> None:
        try:
            while self._pending:
                await self._clock.sleep(PACE_SECONDS)
                self._pump()
        finally:
            self._pumping = False


class Delivery:
    """One client as a Mount's Receiver: decides what it gets.

    `on_end(why)` is called, once, when nothing will follow; the caller then closes. `on_moved` is called whenever the
    client begins to be passed over.
    """

    def __init__(
        self, outlet: Outlet, clock: Clock, on_end: Callable[[str], None], on_moved: Callable[[], None]
    ) -> None:
        self._outlet = outlet
        self._clock = clock
        self._on_end: Callable[[str], None] | None = on_end
        self._on_moved = on_moved
        self._allowance = MAX_WAITING_BYTES
        self._keeps_up = False
        """It took all that it was sent, and is not waiting for anything."""
        self._needs_keyframe = True
        self._passed_over = False
        self._least = 0
        self._progress_at = 0.0
        self._fan: Fan | None = None

    def follow(self, fan: Fan) -> None:
        """From now on be sent to by `fan` whenever the client keeps up."""
        self._fan = fan

    @property
    def waiting(self) -> int:
        """Bytes that the client has not taken yet."""
        return self._outlet.waiting

    def started(self) -> None:
        """Everything since the last keyframe has been handed over: it may wait, beside the usual."""
        self._allowance = MAX_WAITING_BYTES + self._outlet.waiting

    def deliver(self, burst: Burst) -> None:
        """Send, unless the client is behind."""
        if self._keeps_up:  # as almost all do almost always
            self._keeps_up = self._outlet.send(burst)
            if self._keeps_up and self._fan is not None:
                self._outlet.join(self._fan, self)
            return
        waiting = self._outlet.waiting
        if self._passed_over:
            if waiting > RESUME_BYTES:
                self.check()
                return
            self._passed_over = False
            self._needs_keyframe = True
        elif waiting > self._allowance:
            self._passed_over = True
            self._least, self._progress_at = waiting, self._clock.monotonic()
            self._on_moved()
            return
        if waiting <= RESUME_BYTES:
            self._allowance = MAX_WAITING_BYTES
        if burst.is_video and self._needs_keyframe:
            if not burst.is_keyframe:
                return
            self._needs_keyframe = False
        self._keeps_up = self._outlet.send(burst) and not self._needs_keyframe

    def report(self, track_id: int, packet: bytes) -> None:
        """Send, unless the client is behind."""
        if not self._passed_over:
            self._outlet.send_report(track_id, packet)

    def check(self) -> None:
        """Give up a client that takes nothing."""
        if not self._passed_over:
            return
        waiting, now = self._outlet.waiting, self._clock.monotonic()
        if waiting < self._least:
            self._least, self._progress_at = waiting, now
        elif now - self._progress_at > STUCK_SECONDS:
            self._finish(f"took nothing for {STUCK_SECONDS:.0f} s")

    def end(self, why: str) -> None:
        """Nothing more comes."""
        self._finish(why)

    def _finish(self, reason: str) -> None:
        if self._on_end is not None:
            on_end, self._on_end = self._on_end, None
            on_end(reason)
