"""UDP ports that receivers send their positions to: one socket for all cameras that name the same address.

Whose a datagram is, is told by its sender alone: the protocol knows no log-in. A port reads so many datagrams a second
and leaves the rest to the kernel, which drops what it has no room for, so that a flood costs little.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from gateway.base.clock import Clock
from gateway.base.errors import CameraError, Fault
from gateway.base.metrics import POSITION_DATAGRAMS_REFUSED
from gateway.base.settings import Address
from gateway.ingest.nmea_inlet import NmeaInlet

DATAGRAMS_PER_SECOND = 2000.0
DATAGRAMS_PER_CAMERA = 200.0
"""Of each camera beyond the first: some receivers send each sentence by itself."""
BURST = 6000.0
TURN = 64
"""Datagrams read before others have their turn in the loop."""

_RECEIVE_BUFFER = 4 << 20
_LARGEST = 65_535
_MAX_ROUTES = 1024
_COUNT_EVERY = 1.0
_SO_MEMINFO = 55  # Linux 4.12; not in the socket module
_MEMINFO_DROPS = 8

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Member:
    """A camera at a port: `networks` are those its receiver may send from; (): from anywhere."""

    inlet: NmeaInlet
    networks: tuple[Network, ...]


class UdpPort:
    """One bound socket. Made and closed by UdpPorts."""

    def __init__(self, address: Address, sock: socket.socket, clock: Clock) -> None:
        self.number: int = sock.getsockname()[1]
        self._label = f"udp://{address.host}:{self.number}"
        self._socket = sock
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._members: list[Member] = []
        self._routes: dict[str, NmeaInlet | None] = {}
        self._buffer = bytearray(_LARGEST)
        self._view = memoryview(self._buffer)
        self._allowance = BURST
        self._filled_at = self._counted_at = clock.monotonic()
        self.datagrams = 0
        """How many were read."""
        self._refused = 0
        self._stranger = ""
        """Who sent the last of those."""
        self._dropped = 0
        self._reading = False
        self._read(True)

    @property
    def members(self) -> list[str]:
        """The cameras whose receivers send here."""
        return [member.inlet.camera.id for member in self._members]

    @property
    def reading(self) -> bool:
        """Whether it reads; else it pauses because of a flood."""
        return self._reading

    @contextlib.contextmanager
    def member(self, member: Member) -> Iterator[None]:
        """Take its datagrams for as long as the context lasts.

        Raises:
            CameraError: they could not be told from those of a camera that is there already.
        """
        for other in self._members:
            if _overlap(member.networks, other.networks):
                raise CameraError(
                    Fault.SETTINGS,
                    f"{other.inlet.camera.settings.label} takes what comes to UDP port {self.number} from the same "
                    'addresses: give each a port of its own, or name the address of each in "position_from".',
                )
        self._members.append(member)
        self._routes.clear()
        try:
            yield
        finally:
            self._members.remove(member)
            self._routes.clear()

    def tick(self, now: float) -> None:
        """Read on after a pause, and once a second count."""
        rate = DATAGRAMS_PER_SECOND + DATAGRAMS_PER_CAMERA * (len(self._members) - 1)
        self._allowance = min(BURST, self._allowance + (now - self._filled_at) * rate)
        self._filled_at = now
        self._read(self._allowance > 0)
        if now - self._counted_at >= _COUNT_EVERY:
            self._counted_at = now
            self._count()

    def close(self) -> None:
        """Give the port back."""
        self._read(False)
        self._count()
        self._socket.close()

    def _read(self, on: bool) -> None:
        if on and not self._reading:
            self._loop.add_reader(self._socket, self._readable)
        elif self._reading and not on:
            self._loop.remove_reader(self._socket)
        self._reading = on

    def _readable(self) -> None:
        for _ in range(TURN):
            if self._allowance <= 0:
                self._read(False)
                return
            try:
                length, sender = self._socket.recvfrom_into(self._buffer)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:  # an error that a router sent about something else
                return
            self._allowance -= 1
            self.datagrams += 1
            host: str = sender[0]
            inlet = self._routes[host] if host in self._routes else self._route(host)
            if inlet is None:
                self._refused += 1
                self._stranger = host
            else:
                inlet.feed(bytes(self._view[:length]))

    def _route(self, host: str) -> NmeaInlet | None:
        """Whose receiver that is."""
        if len(self._routes) >= _MAX_ROUTES:
            self._routes.clear()
        address = ipaddress.ip_address(host.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        inlet = None
        for member in self._members:
            if not member.networks or any(address in network for network in member.networks):
                inlet = member.inlet
        self._routes[host] = inlet
        return inlet

    def _count(self) -> None:
        if self._refused:
            POSITION_DATAGRAMS_REFUSED.labels(self._label, "sender").inc(self._refused)
            self._refused = 0
            for member in self._members:
                member.inlet.strange(self._stranger)
        dropped = _drops(self._socket)
        if dropped != self._dropped:
            POSITION_DATAGRAMS_REFUSED.labels(self._label, "flood").inc((dropped - self._dropped) % (1 << 32))
            self._dropped = dropped


class UdpPorts:
    """The ports that are bound, by the address that the settings name."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.open: dict[Address, UdpPort] = {}
        """Those that cameras use now."""

    @contextlib.asynccontextmanager
    async def joined(self, address: Address, member: Member) -> AsyncIterator[UdpPort]:
        """Have the datagrams of `member` that come to `address`, for as long as the context lasts.

        Raises:
            CameraError: the port cannot be had, or not be shared.
        """
        family, where = await _resolve(address)
        port = self.open.get(address)
        if port is None:
            port = self.open[address] = UdpPort(address, _bind(family, where, address), self._clock)
        try:
            with port.member(member):
                yield port
        finally:
            if not port.members:
                del self.open[address]
                port.close()

    def tick(self, now: float) -> None:
        """See `UdpPort.tick`."""
        for port in self.open.values():
            port.tick(now)


async def _resolve(address: Address) -> tuple[int, tuple[str, int]]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(address.host, address.port, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise CameraError(
            Fault.SETTINGS, f'"position" names {address.host}, which is no address to listen on.'
        ) from error
    family, _, _, _, where = found[0]
    return family, (str(where[0]), int(where[1]))


def _bind(family: int, where: tuple[str, int], address: Address) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        sock.bind(where)
    except OSError as error:
        sock.close()
        raise CameraError(Fault.SETTINGS, _why_not(error, address)) from error
    return sock


def _why_not(error: OSError, address: Address) -> str:
    if error.errno == errno.EADDRINUSE:
        return f'UDP port {address.port} is taken by another program: end it, or write another port into "position".'
    if error.errno == errno.EADDRNOTAVAIL:
        return f'This machine has no address {address.host} to listen on: write "udp://0.0.0.0:{address.port}".'
    if error.errno == errno.EACCES:
        return f"The gateway may not listen on UDP port {address.port}: write one from 1024 on."
    return f"UDP port {address.port} cannot be listened on: {error.strerror}."


def _overlap(networks: tuple[Network, ...], others: tuple[Network, ...]) -> bool:
    if not networks or not others:
        return True
    return any(one.version == other.version and one.overlaps(other) for one in networks for other in others)


def _drops(sock: socket.socket) -> int:
    """How many datagrams the kernel has dropped for want of room; 0 where it does not say."""
    try:
        words = struct.unpack("9I", sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36))
    except (OSError, struct.error):
        return 0
    return int(words[_MEMINFO_DROPS])
