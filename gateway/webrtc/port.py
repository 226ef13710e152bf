"""The one UDP socket for every viewer: who a datagram is for (RFC 7983), and how datagrams leave.

Here belong the socket, its counters, and the two ways to find a peer: by the ufrag in a STUN request, and by the
address that such a request came from. What peers do with their datagrams is in `peer`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections import Counter
from collections.abc import Iterable
from typing import Protocol, TypeAlias

from aioice.ice import get_host_addresses

from gateway.base.clock import Clock
from gateway.base.metrics import BAD_INPUT
from gateway.base.settings import Address
from gateway.webrtc import ice
from gateway.webrtc.ice import Credentials

log = logging.getLogger(__name__)

SocketAddress: TypeAlias = tuple[str, int] | tuple[str, int, int, int]
"""As the socket gives and takes it: IPv4, or IPv6 with flow and scope."""

SEND_BUFFER = 8 << 20
"""Bytes asked of the kernel, which grants at most net.core.wmem_max: a keyframe to many viewers at once fits."""
RECEIVE_BUFFER = 1 << 20
_MAX_DATAGRAM = 2048
_READS_PER_WAKE = 128
"""After so many datagrams the loop turns to others: a flood delays nobody else."""
_ADDRESSES_PER_PEER = 16


class PortPeer(Protocol):
    """What the port asks of a peer."""

    @property
    def credentials(self) -> Credentials:
        """Ours: the ufrag finds the peer, the password authenticates its requests."""

    def bound(self, source: SocketAddress, *, nominated: bool) -> None:
        """An authenticated Binding request came from `source`."""

    def dtls_received(self, datagram: bytes) -> None:
        """A DTLS datagram came from one of the peer's addresses."""

    def rtcp_received(self, datagram: bytes) -> None:
        """An SRTCP packet came from one of the peer's addresses."""


class Port:
    """All calls from the event loop's thread. Made by `open_port`."""

    def __init__(self, sock: socket.socket, clock: Clock, public_addresses: Iterable[str] = ()) -> None:
        self.refused: Counter[str] = Counter()
        """Datagrams that were dropped, by what was wrong with them."""
        self.unreachable = 0
        """Datagrams that the system refused to route."""
        self.sendto = sock.sendto
        """The socket's own, for the packet path. Raises BlockingIOError when its buffer is full."""
        self._socket = sock
        self._clock = clock
        self._public_addresses = tuple(public_addresses)
        self._loop = asyncio.get_running_loop()
        self._peers: dict[str, PortPeer] = {}
        self._by_address: dict[SocketAddress, PortPeer] = {}
        self._addresses: dict[PortPeer, list[SocketAddress]] = {}
        self._room: asyncio.Future[None] | None = None
        self._loop.add_reader(sock.fileno(), self._readable)

    @property
    def address(self) -> Address:
        """Where the port listens, with the number the system chose."""
        host, port = self._socket.getsockname()[:2]
        return Address(host, port)

    def candidates(self) -> tuple[str, ...]:
        """Where viewers can reach the port: the address listened on, or all of the machine's, and the public ones."""
        host, port = self.address.host, self.address.port
        listened = ipaddress.ip_address(host)
        hosts = [host]
        if listened.is_unspecified:
            own = get_host_addresses(use_ipv4=listened.version == 4, use_ipv6=listened.version == 6)
            hosts = [h for h in own if not ipaddress.ip_address(h).is_link_local]
            hosts = hosts or ["127.0.0.1" if listened.version == 4 else "::1"]
        return ice.host_candidates((h, port) for h in dict.fromkeys([*hosts, *self._public_addresses]))

    def add(self, peer: PortPeer) -> None:
        """Let `peer` be found by its ufrag."""
        self._peers[peer.credentials.ufrag] = peer
        self._addresses[peer] = []

    def remove(self, peer: PortPeer) -> None:
        """Forget `peer` and its addresses. Idempotent."""
        self._peers.pop(peer.credentials.ufrag, None)
        for address in self._addresses.pop(peer, ()):
            if self._by_address.get(address) is peer:
                del self._by_address[address]

    @property
    def peers(self) -> int:
        """How many can be found."""
        return len(self._peers)

    def send(self, datagram: bytes, address: SocketAddress) -> None:
        """Send what may be lost: signalling and reports, which both ends repeat."""
        try:
            self.sendto(datagram, address)
        except BlockingIOError:
            self._refuse("send buffer full")
        except OSError:
            self.unreachable += 1

    async def room(self, seconds: float) -> bool:
        """Wait until the socket takes datagrams again; False when it does not within `seconds`."""
        if self._room is None:
            self._room = self._loop.create_future()
            self._loop.add_writer(self._socket.fileno(), self._has_room)
        timer = asyncio.ensure_future(self._clock.sleep(seconds))
        room = self._room
        try:
            await asyncio.wait({room, timer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
        return room.done()

    def close(self) -> None:
        """Stop listening. The peers' tasks are their owners' to end."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._loop.remove_writer(self._socket.fileno())
            self._socket.close()
        if self._room is not None:
            self._room.cancel()

    # ---- inside

    def _has_room(self) -> None:
        self._loop.remove_writer(self._socket.fileno())
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        self._room = None

    def _readable(self) -> None:
        receive = self._socket.recvfrom
        for _ in range(_READS_PER_WAKE):
            try:
                datagram, source = receive(_MAX_DATAGRAM)
            except BlockingIOError:
                return
            except OSError:
                self.unreachable += 1
                continue
            self._received(datagram, source)

    def _received(self, datagram: bytes, source: SocketAddress) -> None:
        if ice.is_stun(datagram):
            self._stun(datagram, source)
            return
        peer = self._by_address.get(source)
        if peer is None or not datagram:
            self._refuse("datagram of a stranger")
        elif 20 <= datagram[0] <= 63:
            peer.dtls_received(datagram)
        elif 128 <= datagram[0] <= 191 and len(datagram) > 1 and 192 <= datagram[1] <= 223:
            peer.rtcp_received(datagram)
        else:
            self._refuse("datagram of no known kind")

    def _stun(self, datagram: bytes, source: SocketAddress) -> None:
        ufrag = ice.addressed_ufrag(datagram)
        peer = self._peers.get(ufrag) if ufrag is not None else None
        if peer is None:
            self._refuse("STUN for no session")
            return
        request = ice.authenticate(datagram, peer.credentials)
        if request is None:
            self._refuse("STUN with bad credentials")
            return
        if not request.controlled:
            self._remember(source, peer)
            peer.bound(source, nominated=request.use_candidate)
        self.send(ice.answer(request, source[:2], peer.credentials), source)

    def _remember(self, source: SocketAddress, peer: PortPeer) -> None:
        if self._by_address.get(source) is peer:
            return
        self._by_address[source] = peer
        addresses = self._addresses[peer]
        addresses.append(source)
        if len(addresses) > _ADDRESSES_PER_PEER:
            oldest = addresses.pop(0)
            if self._by_address.get(oldest) is peer:
                del self._by_address[oldest]

    def _refuse(self, what: str) -> None:
        self.refused[what] += 1
        BAD_INPUT.labels("", what).inc()


async def open_port(listen: Address, clock: Clock, public_addresses: Iterable[str] = ()) -> Port:
    """Bind the socket and start reading.

    Raises:
        OSError: the address cannot be had.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(listen.host, listen.port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    granted = sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) // 2  # Linux reports twice what it grants
    if granted < SEND_BUFFER:
        log.info("the send buffer has %d KiB; sysctl net.core.wmem_max=%d allows more", granted >> 10, SEND_BUFFER)
    return Port(sock, clock, public_addresses)
