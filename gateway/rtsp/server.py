"""The RTSP server: clients ask for a presentation and get its packets (RFC 2326).

Here belong who is connected and which sessions there are. What each method answers stands in `server_connection`, what
a presentation is in `mount`, how its packets reach one client in `delivery`; syntax, digests and descriptions are
sans-IO neighbours. Who may see what is asked of `find` and `passwords`, which the composition root gives.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.base.clock import Clock
from gateway.base.supervise import TaskOwner
from gateway.rtsp.auth import PasswordLookup
from gateway.rtsp.delivery import Address, DatagramOutlet, Delivery, InterleavedOutlet, UdpPorts
from gateway.rtsp.mount import Presentation
from gateway.rtsp.server_connection import RefusalError, ServerConnection

log = logging.getLogger(__name__)

SESSION_SECONDS = 60
"""How long a session lives without a sign of life (RFC 2326 12.37), and a connection without a session."""
SWEEP_SECONDS = 5.0
MAX_CONNECTIONS = 1000
MAX_SESSIONS = 1000
Outlets = InterleavedOutlet | DatagramOutlet

Find = Callable[[str, str], Awaitable[Presentation | None]]
"""(path without its leading slash, user name or empty) -> what to serve; None: there is nothing.

May raise RefusedError."""


@dataclass(slots=True)
class Counters:
    """What happened since the start."""

    connections: int = 0
    rejected_connections: int = 0
    requests: int = 0
    bad_requests: int = 0
    unauthorized: int = 0
    sessions: int = 0
    timeouts: int = 0
    moved: int = 0
    """Times a slow client was passed over."""
    ended: int = 0
    """Clients given up, or let go as the camera was gone."""


class Server:
    """Serves presentations to any number of clients.

    `find` names what is under a path; without `passwords` no one has to log in. Close it in the end.
    """

    def __init__(
        self,
        find: Find,
        clock: Clock,
        *,
        passwords: PasswordLookup | None = None,
        realm: str = "Sightline",
        session_seconds: int = SESSION_SECONDS,
    ) -> None:
        self.find = find
        self.clock = clock
        self.passwords = passwords
        self.realm = realm
        self.session_seconds = session_seconds
        self.started_ns = clock.utc_ns()
        self.counters = Counters()
        self.owner = TaskOwner("RTSP server")
        self.sessions: dict[str, Session] = {}
        self._connections: set[ServerConnection] = set()
        self._listeners: list[asyncio.Server] = []
        self._udp: dict[str, UdpPorts] = {}
        self._by_rtcp: dict[Address, Session] = {}
        self._sweeping = False

    async def listen(self, host: str, port: int = 0, *, tls: ssl.SSLContext | None = None) -> int:
        """Accept connections on `host`, as RTSPS when `tls` is given; the port, which 0 lets the kernel choose.

        Raises:
            OSError: the address cannot be had.
        """
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(lambda: ServerConnection(self), host, port, ssl=tls)
        self._listeners.append(listener)
        if not self._sweeping:
            self._sweeping = True
            self.owner.start(self._sweep(), name="sweep")
        bound: int = listener.sockets[0].getsockname()[1]
        return bound

    async def close(self) -> None:
        """Stop accepting, end every session and connection."""
        for listener in self._listeners:
            listener.close()
        for session in tuple(self.sessions.values()):
            self.end(session)
        for client in tuple(self._connections):
            client.abort()
        await self.owner.close()
        for listener in self._listeners:
            await listener.wait_closed()
        for ports in self._udp.values():
            ports.close()

    # ---- for the connections

    def admit(self, client: ServerConnection) -> bool:
        """Whether there is room for another connection."""
        self.counters.connections += 1
        if len(self._connections) >= MAX_CONNECTIONS:
            self.counters.rejected_connections += 1
            return False
        self._connections.add(client)
        return True

    def forget(self, client: ServerConnection) -> None:
        """A connection is gone: so are its sessions, but for those that play by UDP."""
        self._connections.discard(client)
        for session in tuple(self.sessions.values()):
            if session.client is client and (session.is_interleaved or not session.playing):
                self.end(session)

    def open_session(self, presentation: Presentation, client: ServerConnection, outlet: Outlets) -> Session:
        """A new session for what `client` sets up."""
        if len(self.sessions) >= MAX_SESSIONS:
            raise RefusalError(503)
        session = Session(secrets.token_hex(8), presentation, client, outlet, self)
        self.sessions[session.id] = session
        self.counters.sessions += 1
        return session

    async def udp_ports(self, host: str) -> UdpPorts:
        """The pair of ports of a local address; OSError when none is to be had."""
        ports = self._udp.get(host)
        if ports is None:
            ports = await UdpPorts.open(host, self._heard_rtcp)
            if host in self._udp:  # another connection was quicker
                ports.close()
            ports = self._udp.setdefault(host, ports)
        return ports

    def expect_rtcp(self, address: Address, session: Session) -> None:
        """Receiver reports from `address` keep `session` alive."""
        self._by_rtcp[address] = session

    def end(self, session: Session) -> None:
        """Stop sending and forget the session. Idempotent."""
        if self.sessions.pop(session.id, None) is None:
            return
        session.pause()
        session.outlet.close()
        self.counters.moved += session.delivery.moved
        self._by_rtcp = {address: other for address, other in self._by_rtcp.items() if other is not session}

    # ---- inside

    def _heard_rtcp(self, address: Address) -> None:
        session = self._by_rtcp.get((address[0], address[1]))
        if session is not None:
            session.seen_at = self.clock.monotonic()

    async def _sweep(self) -> None:
        while True:
            await self.clock.sleep(SWEEP_SECONDS)
            oldest = self.clock.monotonic() - self.session_seconds
            for session in tuple(self.sessions.values()):
                # Within the connection TCP itself tells whether the client lives: it takes what it is sent.
                session.delivery.check()
                if session.seen_at < oldest and not (session.is_interleaved and session.playing):
                    self.counters.timeouts += 1
                    self.end(session)
            busy = {session.client for session in self.sessions.values()}
            for client in tuple(self._connections - busy):
                if client.seen_at < oldest:
                    self.counters.timeouts += 1
                    client.abort()


class Session:
    """What one client set up (RFC 2326 3.4)."""

    def __init__(
        self, name: str, presentation: Presentation, client: ServerConnection, outlet: Outlets, server: Server
    ) -> None:
        self.id = name
        self.presentation = presentation
        self.client = client
        self.outlet = outlet
        self.playing = False
        self.seen_at = server.clock.monotonic()
        self.tracks: set[int] = set()
        self._server = server
        self.delivery = Delivery(outlet, server.clock, self._ended)

    @property
    def is_interleaved(self) -> bool:
        """Whether the packets travel within the RTSP connection."""
        return isinstance(self.outlet, InterleavedOutlet)

    def pause(self) -> None:
        """Stop sending."""
        self.playing = False
        self.presentation.detach(self.delivery)

    def _ended(self, reason: str) -> None:
        log.info("RTSP session %s of %s ends: %s", self.id, self.client.peer, reason)
        self._server.counters.ended += 1
        self._server.end(self)
        self.client.close()
