"""The one port for every viewer, UDP and TCP: who a datagram is for (RFC 7983), and how datagrams leave.

Here belong the sockets, their counters, and the two ways to find a peer: by the ufrag in a STUN request, and by the
address (or TCP connection) that such a request came from. What peers do with their datagrams is in `peer`.
"""

from __future__ import annotations

import asyncio
import collections
import ipaddress
import logging
import socket
from collections.abc import Iterable
from typing import Any, Protocol, TypeAlias

import ifaddr
from prometheus_client import Counter

from gateway.base.clock import Clock
from gateway.base.metrics import BAD_INPUT, VIEWER_ROUTES
from gateway.base.settings import Address
from gateway.webrtc import ice, stun, tcp
from gateway.webrtc.ice import Credentials
from gateway.webrtc.tcp import TcpRoute

log = logging.getLogger(__name__)

SocketAddress: TypeAlias = tuple[str, int] | tuple[str, int, int, int]
"""As the UDP socket gives and takes it: IPv4, or IPv6 with flow and scope. On a dual-stack socket an IPv4 viewer's is
IPv6, too (`::ffff:192.0.2.1`)."""
Route: TypeAlias = SocketAddress | TcpRoute
"""Where a peer is reached. Only a tuple can be given to the UDP socket; a TcpRoute sends by itself."""

SEND_BUFFER = 8 << 20
"""Bytes asked of the kernel, which grants at most net.core.wmem_max: a keyframe to many viewers at once fits."""
RECEIVE_BUFFER = 1 << 20
CANDIDATES_SECONDS = 5.0
"""How long the machine's addresses are taken to stay: asking costs half a millisecond, and a hundred may join."""
STRANGER_SECONDS = 10.0
"""A TCP connection that no authenticated request came by in this time is closed."""
MAX_STRANGERS = 256
"""TCP connections that have proved nothing yet. One more closes the oldest."""
_MAX_DATAGRAM = 2048
_READS_PER_WAKE = 128
"""After so many datagrams the loop turns to others: a flood delays nobody else."""
_ROUTES_PER_PEER = 16
_ROLE_CONFLICT = 487
_PORT_TRIES = 16
"""How often the system is asked for a number that is free for UDP and TCP."""


class PortPeer(Protocol):
    """What the port asks of a peer."""

    @property
    def credentials(self) -> Credentials:
        """Ours: the ufrag finds the peer, the password authenticates its requests."""

    def bound(self, source: Route, *, nominated: bool) -> None:
        """An authenticated Binding request came from `source`."""

    def dtls_received(self, datagram: bytes) -> None:
        """A DTLS datagram came by one of the peer's routes."""

    def rtcp_received(self, datagram: bytes) -> None:
        """An SRTCP packet came by one of the peer's routes."""

    def rtp_received(self, datagram: bytes) -> None:
        """An SRTP packet came by one of the peer's routes."""


class Port:
    """All calls from the event loop's thread. Made by `open_port`; call `listen_tcp` before viewers are told of it."""

    def __init__(self, sock: socket.socket, clock: Clock, public_addresses: Iterable[Address] = ()) -> None:
        self.refused: collections.Counter[str] = collections.Counter()
        """Datagrams and connections that were dropped, by what was wrong with them."""
        self._counters: dict[str, Counter] = {}
        """Of `/metrics`, for each of these: finding one costs as much as refusing."""
        self.unreachable = 0
        """Datagrams that the system refused to route."""
        self.udp = sock
        """The UDP socket, for the packet path to send by."""
        self._clock = clock
        self._public_addresses = tuple(public_addresses)
        self._loop = asyncio.get_running_loop()
        self._server: asyncio.Server | None = None
        self._strangers: dict[TcpRoute, float] = {}
        """Connections that have proved nothing, the oldest first, and when they came."""
        self._sessions: dict[str, tuple[PortPeer, Credentials]] = {}
        """By our ufrag."""
        self._credentials: dict[PortPeer, list[Credentials]] = {}
        """Those in use, and after an ICE restart the new ones until they are used."""
        self._by_route: dict[Route, PortPeer] = {}
        self._routes: dict[PortPeer, list[Route]] = {}
        self._candidates: tuple[str, ...] = ()
        self._candidates_until = float("-inf")
        self._room: asyncio.Future[None] | None = None
        self._loop.add_reader(sock.fileno(), self._readable)

    async def listen_tcp(self, sock: socket.socket) -> None:
        """Serve viewers that come by TCP on `sock`, which is bound to the same number."""
        self._server = await self._loop.create_server(lambda: TcpRoute(self), sock=sock)

    @property
    def address(self) -> Address:
        """Where the port listens, with the number the system chose."""
        host, port = self.udp.getsockname()[:2]
        return Address(host, port)

    def candidates(self) -> tuple[str, ...]:
        """Where viewers can reach the port: the address listened on, or all of the machine's, and the public ones."""
        now = self._clock.monotonic()
        if now >= self._candidates_until:
            self._candidates_until = now + CANDIDATES_SECONDS
            self._candidates = self._find_candidates()
        return self._candidates

    def publish(self, public_addresses: Iterable[Address]) -> None:
        """Tell viewers that come from now on of these addresses, beside its own."""
        self._public_addresses = tuple(public_addresses)
        self._candidates_until = float("-inf")

    def add(self, peer: PortPeer) -> None:
        """Let `peer` be found by its ufrag."""
        self._routes[peer] = []
        self._credentials[peer] = []
        self.renew(peer)

    def renew(self, peer: PortPeer) -> None:
        """After an ICE restart: let `peer` be found by its new credentials, and by the old ones until those are used.

        Of several restarts only the last counts (draft-ietf-wish-whep 4.4.3). Nothing happens for a peer that has gone.
        """
        held = self._credentials.get(peer)
        if held is None:
            return
        for unused in held[1:]:
            del self._sessions[unused.ufrag]
        held[1:] = [peer.credentials]
        self._sessions[peer.credentials.ufrag] = (peer, peer.credentials)

    def remove(self, peer: PortPeer) -> None:
        """Forget `peer` and its routes; its TCP connections are closed. Idempotent."""
        for credentials in self._credentials.pop(peer, ()):
            self._sessions.pop(credentials.ufrag, None)
        for route in self._routes.pop(peer, ()):
            self._forget(route, peer)

    @property
    def peers(self) -> int:
        """How many can be found."""
        return len(self._routes)

    @property
    def routes(self) -> int:
        """How many addresses and connections of peers are known, and connections of strangers open."""
        return len(self._by_route) + len(self._strangers)

    def send(self, datagram: bytes, route: Route) -> None:
        """Send what may be lost: signalling and reports, which both ends repeat."""
        if isinstance(route, TcpRoute):
            route.send(datagram)
            return
        try:
            self.udp.sendto(datagram, route)
        except BlockingIOError:
            self._refuse("send buffer full")
        except OSError:
            self.unreachable += 1

    async def room(self, seconds: float) -> bool:
        """Wait until the socket takes datagrams again; False when it does not within `seconds`."""
        if self._room is None:
            self._room = self._loop.create_future()
            self._loop.add_writer(self.udp.fileno(), self._has_room)
        timer = asyncio.ensure_future(self._clock.sleep(seconds))
        room = self._room
        try:
            await asyncio.wait({room, timer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
        return room.done()

    def expire(self) -> None:
        """Close TCP connections that proved nothing in time, and count the others. Call this every second or so."""
        latest = self._clock.monotonic() - STRANGER_SECONDS
        for route in [route for route, since in self._strangers.items() if since <= latest]:
            self._turn_away(route, "TCP connection that proved nothing")
        by_tcp = sum(isinstance(route, TcpRoute) for route in self._by_route)
        VIEWER_ROUTES.labels("tcp").set(by_tcp)
        VIEWER_ROUTES.labels("udp").set(len(self._by_route) - by_tcp)

    def close(self) -> None:
        """Stop listening. The peers' tasks are their owners' to end."""
        if self._server is not None:
            self._server.close()
        for route in (*self._strangers, *self._by_route):
            if isinstance(route, TcpRoute):
                route.close()
        if self.udp.fileno() >= 0:
            self._loop.remove_reader(self.udp.fileno())
            self._loop.remove_writer(self.udp.fileno())
            self.udp.close()
        if self._room is not None:
            self._room.cancel()

    # ---- inside

    def _find_candidates(self) -> tuple[str, ...]:
        host, port = self.address.host, self.address.port
        listened = ipaddress.ip_address(host)
        hosts = own_addresses(ipv6=listened.version == 6) if listened.is_unspecified else [host]
        public = ((address.host, address.port or port) for address in self._public_addresses)
        return ice.host_candidates(dict.fromkeys([*((h, port) for h in hosts), *public]))

    def _has_room(self) -> None:
        self._loop.remove_writer(self.udp.fileno())
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        self._room = None

    def _readable(self) -> None:
        receive = self.udp.recvfrom
        for _ in range(_READS_PER_WAKE):
            try:
                datagram, source = receive(_MAX_DATAGRAM)
            except BlockingIOError:
                return
            except OSError:
                self.unreachable += 1
                continue
            self._received(datagram, source)

    def _received(self, datagram: bytes, source: Route) -> None:
        if stun.is_stun(datagram):
            self._stun(datagram, source)
            return
        peer = self._by_route.get(source)
        if peer is None or not datagram:
            self._refuse("datagram of a stranger")
        elif 20 <= datagram[0] <= 63:
            peer.dtls_received(datagram)
        elif 128 <= datagram[0] <= 191 and len(datagram) > 1:
            if 192 <= datagram[1] <= 223:
                peer.rtcp_received(datagram)
            else:
                peer.rtp_received(datagram)
        else:
            self._refuse("datagram of no known kind")

    def _stun(self, datagram: bytes, source: Route) -> None:
        request = stun.read_request(datagram)
        if request is None:
            self._refuse("STUN that is no Binding request")
            return
        session = self._sessions.get(request.ufrag)
        if session is None:
            self._refuse("STUN for no session")
            return
        peer, credentials = session
        if not stun.authenticate(datagram, request, credentials.password):
            self._refuse("STUN with bad credentials")
            return
        if request.controlled:
            self.send(stun.error(request, _ROLE_CONFLICT, "Role Conflict", credentials.password), source)
            return
        self._settle(peer, credentials)
        self._remember(source, peer)
        peer.bound(source, nominated=request.use_candidate)
        host, number = source.remote if isinstance(source, TcpRoute) else source[:2]
        self.send(stun.success(request, ice.plain_host(host), number, credentials.password), source)

    def _settle(self, peer: PortPeer, used: Credentials) -> None:
        """Once new credentials are used, the old ones are worth nothing."""
        held = self._credentials[peer]
        if held[0] is not used:
            del self._sessions[held.pop(0).ufrag]

    def _remember(self, source: Route, peer: PortPeer) -> None:
        if self._by_route.get(source) is peer:
            return
        if isinstance(source, TcpRoute):
            self._strangers.pop(source, None)
        self._by_route[source] = peer
        routes = self._routes[peer]
        routes.append(source)
        if len(routes) > _ROUTES_PER_PEER:
            self._forget(routes.pop(0), peer)

    def _forget(self, route: Route, peer: PortPeer) -> None:
        if self._by_route.get(route) is peer:
            del self._by_route[route]
            if isinstance(route, TcpRoute):
                route.close()

    # ---- what a TcpRoute calls

    def tcp_connected(self, route: TcpRoute) -> None:
        """See `tcp.TcpOwner`."""
        if len(self._strangers) >= MAX_STRANGERS:
            self._turn_away(next(iter(self._strangers)), "TCP connection too many")
        self._strangers[route] = self._clock.monotonic()

    def tcp_received(self, datagram: bytes, route: TcpRoute) -> None:
        """See `tcp.TcpOwner`."""
        self._received(datagram, route)

    def tcp_refused(self) -> None:
        """See `tcp.TcpOwner`."""
        self._refuse("TCP stream that is not framed")

    def tcp_lost(self, route: TcpRoute) -> None:
        """See `tcp.TcpOwner`."""
        self._strangers.pop(route, None)
        peer = self._by_route.pop(route, None)
        if peer is not None:
            self._routes[peer].remove(route)

    def _turn_away(self, route: TcpRoute, why: str) -> None:
        del self._strangers[route]
        route.close()
        self._refuse(why)

    def _refuse(self, what: str) -> None:
        self.refused[what] += 1
        counter = self._counters.get(what)
        if counter is None:
            counter = self._counters[what] = BAD_INPUT.labels("", what)
        counter.inc()


def own_addresses(*, ipv6: bool) -> list[str]:
    """The machine's addresses that others can reach: IPv4, and IPv6 if wanted; the loopback's when there are no others.

    Link-local ones are left out: a viewer would have to know by which of its own interfaces.
    """
    found = [
        ipaddress.ip_address(ip.ip if isinstance(ip.ip, str) else ip.ip[0])
        for adapter in ifaddr.get_adapters()
        for ip in adapter.ips
        if ipv6 or ip.is_IPv4
    ]
    usable = [str(address) for address in found if not (address.is_loopback or address.is_link_local)]
    return usable or (["127.0.0.1", "::1"] if ipv6 else ["127.0.0.1"])


async def open_port(listen: Address, clock: Clock, public_addresses: Iterable[Address] = ()) -> Port:
    """Bind the sockets and start reading. `[::]` is IPv6 and IPv4 at once, `0.0.0.0` is IPv4 alone.

    A public address with port 0 is reached by the number that is listened on.

    Raises:
        OSError: the address cannot be had, for UDP or for TCP.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(listen.host, listen.port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = found[0]
    for tries_left in reversed(range(_PORT_TRIES)):
        udp = _udp_socket(family, address)
        try:
            stream = _tcp_socket(family, udp.getsockname())
            break
        except OSError:
            udp.close()
            if listen.port or not tries_left:
                raise
    granted = udp.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) // 2  # Linux reports twice what it grants
    if granted < SEND_BUFFER:
        log.info("the send buffer has %d KiB; sysctl net.core.wmem_max=%d allows more", granted >> 10, SEND_BUFFER)
    port = Port(udp, clock, public_addresses)
    await port.listen_tcp(stream)
    return port


def _udp_socket(family: int, address: Any) -> socket.socket:
    return _bound(
        socket.socket(family, socket.SOCK_DGRAM),
        address,
        (socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER),
        (socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER),
    )


def _tcp_socket(family: int, address: Any) -> socket.socket:
    # Accepted sockets inherit the send buffer.
    return _bound(
        socket.socket(family, socket.SOCK_STREAM),
        address,
        (socket.SOL_SOCKET, socket.SO_REUSEADDR, 1),
        (socket.SOL_SOCKET, socket.SO_SNDBUF, tcp.SEND_BUFFER),
    )


def _bound(sock: socket.socket, address: Any, *options: tuple[int, int, int]) -> socket.socket:
    try:
        sock.setblocking(False)
        for option in options:
            sock.setsockopt(*option)
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock
