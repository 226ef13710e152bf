"""WS-Discovery on the network: probing, listening for devices that come and go, answering as a device.

Here belong the sockets and the timing. What the datagrams say is in `discovery_messages`. IPv4 only: cameras
announce their IPv6 addresses, if any, in answers over IPv4 too.

Sources: WS-Discovery (April 2005) 2.4 and appendix I (timing); SOAP-over-UDP (repetition); ONVIF Core 7.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Final, Self, TypeAlias

import ifaddr

from onvif_protocol.base import Clock, ErrorKind, OnvifError
from onvif_protocol.discovery_messages import (
    DEVICE,
    GROUP,
    MAX_DATAGRAM,
    NETWORK_VIDEO_TRANSMITTER,
    PORT,
    Bye,
    DiscoveredDevice,
    Hello,
    Matches,
    Message,
    Probe,
    Resolve,
    Sequencing,
    build_bye,
    build_hello,
    build_probe,
    build_probe_matches,
    build_resolve_matches,
    is_match,
    merge,
    parse,
)
from onvif_protocol.soap import SoapError

_REPEAT_AFTER: Final = 0.25
"""Seconds until a multicast is sent once more; receivers know it by its MessageID."""
_MAX_ANSWER_DELAY: Final = 0.5
"""APP_MAX_DELAY: answers to a multicast wait a random time up to this, so that a thousand devices do not collide."""
_MAX_PENDING_ANSWERS: Final = 64
_Address: TypeAlias = tuple[str, int]
_IP_MULTICAST_ALL: Final = 49
"""Linux: whether a socket also receives groups that only other sockets joined."""


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface with an IPv4 address."""

    name: str
    index: int
    address: str


def find_interfaces(names: Sequence[str]) -> list[Interface]:
    """The interfaces of these names, or every one with an IPv4 address when there are none.

    Raises OnvifError for a name that does not exist or has no IPv4 address.
    """
    found = {
        adapter.name: Interface(adapter.name, adapter.index, str(ip.ip))
        for adapter in ifaddr.get_adapters()
        if adapter.index is not None
        for ip in adapter.ips[::-1]
        if ip.is_IPv4
    }
    missing = [name for name in names if name not in found]
    if missing:
        reason = f"no network interface {missing[0]!r} with an IPv4 address; there are: {', '.join(sorted(found))}"
        raise OnvifError(reason, ErrorKind.INTERFACE)
    return [found[name] for name in names] if names else list(found.values())


@dataclass(slots=True)
class DiscoveryCounters:
    """What came over the network, for metrics."""

    received: int = 0
    ignored: int = 0
    """Datagrams that were no message, too long, or too many to answer."""


class _Port(asyncio.DatagramProtocol):
    """One socket on one interface: gives every message that can be understood to `on_message`."""

    def __init__(
        self, interface: Interface, counters: DiscoveryCounters, on_message: Callable[[_Port, Message, _Address], None]
    ) -> None:
        self.interface = interface
        self._counters = counters
        self._on_message = on_message
        self._transport: asyncio.DatagramTransport | None = None

    @classmethod
    async def open(
        cls,
        interface: Interface,
        counters: DiscoveryCounters,
        on_message: Callable[[_Port, Message, _Address], None],
        *,
        group: tuple[str, int] | None,
    ) -> _Port:
        """A socket for answers (`group` None), or one that hears what is sent to `group` on this interface only."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            address = socket.inet_aton(interface.address)
            by_index = struct.pack("@4s4si", socket.inet_aton(GROUP), address, interface.index)  # struct ip_mreqn
            if group is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                sock.bind(group)
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, by_index)
                if hasattr(socket, "SO_BINDTODEVICE"):
                    sock.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
            else:
                sock.bind((interface.address, 0))
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, by_index)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
            loop = asyncio.get_running_loop()
            port = cls(interface, counters, on_message)
            port._transport, _ = await loop.create_datagram_endpoint(lambda: port, sock=sock)
        except OSError as error:
            sock.close()
            reason = f"discovery cannot use the network interface {interface.name}: {error.strerror or error}"
            raise OnvifError(reason, ErrorKind.INTERFACE) from None
        return port

    def datagram_received(self, data: bytes, addr: _Address) -> None:
        self._counters.received += 1
        try:
            if len(data) > MAX_DATAGRAM:
                raise SoapError("longer than SOAP-over-UDP allows")
            message = parse(data, addr[0])
        except SoapError:
            self._counters.ignored += 1
            return
        self._on_message(self, message, addr)

    def error_received(self, exc: Exception) -> None:
        """An ICMP error: nobody is there. UDP promises no more."""

    def send(self, datagram: bytes, to: _Address) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(datagram, to)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _new_id() -> str:
    return f"urn:uuid:{uuid.uuid4()}"


async def probe(
    interfaces: Sequence[str],
    timeout: float,
    *,
    clock: Clock,
    limit: int = 1000,
    group: tuple[str, int] = (GROUP, PORT),
    counters: DiscoveryCounters | None = None,
) -> list[DiscoveredDevice]:
    """The ONVIF devices that answer within `timeout` seconds, one entry per endpoint, in the order they answered.

    Asks for `dn:NetworkVideoTransmitter` and for `tds:Device`, on each of `interfaces` (empty: all). Returns early
    once `limit` have answered. Raises OnvifError when an interface cannot be used.
    """
    found: dict[str, DiscoveredDevice] = {}
    enough = asyncio.Event()

    def on_message(_: _Port, message: Message, __: _Address) -> None:
        # RelatesTo is not compared: cameras get it wrong, and this port is known only to those that were asked.
        if isinstance(message, Matches):
            for device in message.devices:
                if device.endpoint in found or len(found) < limit:
                    found[device.endpoint] = merge(found.get(device.endpoint), device)
            if len(found) >= limit:
                enough.set()

    ports: list[_Port] = []
    try:
        for interface in find_interfaces(interfaces):
            ports.append(await _Port.open(interface, counters or DiscoveryCounters(), on_message, group=None))
        datagrams = [build_probe(Probe(_new_id(), (wanted,))) for wanted in (NETWORK_VIDEO_TRANSMITTER, DEVICE)]
        async with asyncio.TaskGroup() as tasks:
            sender = tasks.create_task(_send_twice(ports, datagrams, group, clock), name="discovery probe")
            waiter = tasks.create_task(enough.wait(), name="discovery limit")
            timer = tasks.create_task(clock.sleep(timeout), name="discovery timeout")
            await asyncio.wait((waiter, timer), return_when=asyncio.FIRST_COMPLETED)
            for task in (sender, waiter, timer):
                task.cancel()
    finally:
        for port in ports:
            port.close()
    return list(found.values())


async def _send_twice(ports: Sequence[_Port], datagrams: Sequence[bytes], to: _Address, clock: Clock) -> None:
    for attempt in range(2):
        if attempt:
            await clock.sleep(_REPEAT_AFTER)
        for port in ports:
            for datagram in datagrams:
                port.send(datagram, to)


class _Recent:
    """The last MessageIDs, to drop the repetitions that SOAP-over-UDP sends."""

    def __init__(self, capacity: int = 1024) -> None:
        self._seen: OrderedDict[tuple[int, str], None] = OrderedDict()
        self._capacity = capacity

    def is_new(self, interface: Interface, message_id: str) -> bool:
        """Whether it was not heard on this interface yet: who asks on two of them wants the answers of both."""
        key = (interface.index, message_id)
        if message_id and key in self._seen:
            return False
        self._seen[key] = None
        if len(self._seen) > self._capacity:
            self._seen.popitem(last=False)
        return True


class Listener:
    """Hears devices come and go. An async context manager; calls `on_announcement` once per message and
    interface, in the loop."""

    def __init__(
        self,
        interfaces: Sequence[str],
        on_announcement: Callable[[Hello | Bye], None],
        *,
        group: tuple[str, int] = (GROUP, PORT),
    ) -> None:
        self.counters = DiscoveryCounters()
        self._interfaces = interfaces
        self._on_announcement = on_announcement
        self._group = group
        self._ports: list[_Port] = []
        self._recent = _Recent()

    async def __aenter__(self) -> Self:
        try:
            for interface in find_interfaces(self._interfaces):
                port = await _Port.open(interface, self.counters, self._heard, group=self._group)
                self._ports.append(port)
        except OnvifError:
            self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        for port in self._ports:
            port.close()

    def _heard(self, port: _Port, message: Message, _: _Address) -> None:
        if isinstance(message, Hello | Bye) and self._recent.is_new(port.interface, message.message_id):
            self._on_announcement(message)


@dataclass(frozen=True, slots=True)
class Target:
    """A device that a Responder answers for.

    Its XAddr is `{scheme}://{host}:{port}{path}`; without `host`, the address of the interface it was asked on.
    """

    endpoint: str
    port: int
    scopes: tuple[str, ...]
    host: str = ""
    path: str = "/onvif/device_service"
    types: tuple[str, ...] = (NETWORK_VIDEO_TRANSMITTER, DEVICE)
    metadata_version: int = 1
    """Grows when anything else of it changes."""
    scheme: str = "http"

    def on(self, interface: Interface) -> DiscoveredDevice:
        """How it presents itself on `interface`."""
        xaddr = f"{self.scheme}://{self.host or interface.address}:{self.port}{self.path}"
        return DiscoveredDevice(
            self.endpoint, (xaddr,), self.scopes, self.types, self.metadata_version, interface.address
        )


class Responder:
    """The device side: Hello when it is entered, Bye when it is left, answers to Probe and Resolve in between.

    An async context manager. At most 64 answers wait at a time; further questions are ignored and counted.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        interfaces: Sequence[str],
        *,
        clock: Clock,
        max_delay: float = _MAX_ANSWER_DELAY,
        group: tuple[str, int] = (GROUP, PORT),
    ) -> None:
        self.counters = DiscoveryCounters()
        self._targets = {target.endpoint: target for target in targets}
        self._interfaces = interfaces
        self._clock = clock
        self._max_delay = max_delay
        self._group = group
        self._ports: list[_Port] = []
        self._recent = _Recent()
        self._answers: set[asyncio.Task[None]] = set()
        self._instance = clock.utc_ns() // 1_000_000_000
        self._number = 0

    async def __aenter__(self) -> Self:
        try:
            for interface in find_interfaces(self._interfaces):
                port = await _Port.open(interface, self.counters, self._asked, group=self._group)
                self._ports.append(port)
        except OnvifError:
            self._close()
            raise
        self._hello(self._targets.values())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        answers = list(self._answers)
        for answer in answers:
            answer.cancel()
        await asyncio.gather(*answers, return_exceptions=True)
        self._bye(self._targets)
        self._close()

    def update(self, targets: Iterable[Target]) -> None:
        """Answer for these from now on: Hello of those that are new or say something else than before, Bye of the
        others. Only between entering and leaving.
        """
        before, self._targets = self._targets, {}
        for target in targets:
            known = before.get(target.endpoint)
            version = target.metadata_version if known is None else known.metadata_version
            if known is not None and replace(target, metadata_version=version) != known:
                version += 1
            self._targets[target.endpoint] = replace(target, metadata_version=version)
        self._bye(before.keys() - self._targets.keys())
        self._hello(target for target in self._targets.values() if before.get(target.endpoint) != target)

    def _hello(self, targets: Iterable[Target]) -> None:
        for target in targets:
            for port in self._ports:
                hello = Hello(_new_id(), target.on(port.interface))
                port.send(build_hello(hello, self._next()), self._group)

    def _bye(self, endpoints: Iterable[str]) -> None:
        for endpoint in endpoints:
            for port in self._ports:
                port.send(build_bye(Bye(_new_id(), endpoint), self._next()), self._group)

    def _close(self) -> None:
        for port in self._ports:
            port.close()

    def _next(self) -> Sequencing:
        self._number += 1
        return Sequencing(self._instance, self._number)

    def _asked(self, port: _Port, message: Message, asker: _Address) -> None:
        if not isinstance(message, Probe | Resolve) or not self._recent.is_new(port.interface, message.message_id):
            return
        devices = [target.on(port.interface) for target in self._targets.values()]
        if isinstance(message, Probe):
            chosen = [device for device in devices if is_match(device, message)]
            build = build_probe_matches
        else:
            chosen = [device for device in devices if device.endpoint == message.endpoint]
            build = build_resolve_matches
        if not chosen:
            return
        if len(self._answers) >= _MAX_PENDING_ANSWERS:
            self.counters.ignored += 1
            return
        # One datagram per device: together they could outgrow it.
        answers = [build(Matches(_new_id(), message.message_id, (device,)), self._next()) for device in chosen]
        task = asyncio.create_task(self._answer(port, answers, asker), name="discovery answer")
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    async def _answer(self, port: _Port, datagrams: Sequence[bytes], asker: _Address) -> None:
        if self._max_delay:
            await self._clock.sleep(random.uniform(0, self._max_delay))
        for datagram in datagrams:
            port.send(datagram, asker)
