"""The RTSP server: clients ask for a presentation and get its packets (RFC 2326).

Here belong who is connected, which sessions there are, and how many of either there may be. What comes on a connection
is sorted in `front`, what each method answers stands in `server_connection`, what can be served in `presentation`, how
its packets reach one client in `delivery`; syntax, digests and descriptions are sans-IO neighbours. Who may see what is
asked of `find`, `passwords` and `guard`, which the composition root gives.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.base.clock import Clock
from gateway.base.descriptors import limit
from gateway.base.supervise import TaskOwner
from gateway.rtsp.auth import PasswordLookup
from gateway.rtsp.delivery import Address, UdpPorts
from gateway.rtsp.front import Front
from gateway.rtsp.presentation import Client, Presentation, RefusalError
from gateway.rtsp.server_connection import ServerConnection
from gateway.rtsp.session import Opening, Outlets, Session

log = logging.getLogger(__name__)

SESSION_SECONDS = 60
"""How long a session lives without a sign of life (RFC 2326 12.37), and a connection without a session."""
SWEEP_SECONDS = 5.0
TLS_SECONDS = 5.0
"""For a client's handshake, before which nobody is there to be counted."""
STOPS = "the gateway stops"
STRANGER_SECONDS = 20.0
"""How long a connection may stay on which nobody has logged in."""
MAX_CONNECTIONS = 2000
BACKLOG = 512
"""Connections that wait to be accepted: NVRs come all at once when they or the gateway start."""
SHARE_OF_DESCRIPTORS = 4
"""Each connection has two, and all together no more than half of those there are: recording goes before."""
MAX_STRANGERS = 500
"""Connections on which nobody has logged in: with one more, the oldest of them goes. So they cannot take all places."""
MAX_SESSIONS = 2000
MAX_SESSIONS_OF_A_CLIENT = 32
"""On one connection."""

Find = Callable[[str, Client], Awaitable[Presentation | None]]
"""(path without its leading slash, who asks) -> what to serve; None: there is nothing.

May raise RefusedError, RefusalError."""


class Guard(Protocol):
    """Slows the guessing of passwords. Addresses are those of connections, names what a client says."""

    def refusal(self, address: str, name: str) -> float | None:
        """For how many more seconds no try counts; None: it may try."""

    def failed(self, address: str, name: str) -> None:
        """A wrong password, no such user, or a try at a time of `refusal`."""

    def succeeded(self, address: str, name: str) -> None:
        """Somebody logged in. Called once for each connection."""


@dataclass(slots=True)
class Counters:
    """What happened since the start."""

    connections: int = 0
    rejected_connections: int = 0
    """There was no room, or they made none for who came after."""
    requests: int = 0
    bad_requests: int = 0
    bad_tunnels: int = 0
    unauthorized: int = 0
    """Wrong user names or passwords."""
    throttled: int = 0
    """Tries that came too soon after wrong ones."""
    stale_nonces: int = 0
    """Right answers to a challenge of another connection, of long ago, or given before: replayed, mostly."""
    sessions: int = 0
    rejected_sessions: int = 0
    timeouts: int = 0
    moved: int = 0
    """Times a slow client was passed over."""
    ended: int = 0
    """Clients given up, or let go as the camera was gone."""


class Server:
    """Serves presentations to any number of clients.

    `find` names what is under a path; without `passwords` no one has to log in, without `guard` they may guess at them.
    Close it in the end.
    """

    def __init__(
        self,
        find: Find,
        clock: Clock,
        *,
        passwords: PasswordLookup | None = None,
        guard: Guard | None = None,
        realm: str = "Sightline",
        session_seconds: int = SESSION_SECONDS,
    ) -> None:
        self.find = find
        self.clock = clock
        self.passwords = passwords
        self.guard = guard
        self.realm = realm
        self.session_seconds = session_seconds
        self.started_ns = clock.utc_ns()
        self.counters = Counters()
        self.owner = TaskOwner("RTSP server")
        self.sessions: dict[str, Session] = {}
        self.tunnels: dict[tuple[str, str], ServerConnection] = {}
        """Those whose GET is open, by the client's address and its cookie."""
        self._fronts: set[Front] = set()
        self._strangers: dict[Front, None] = {}
        """Those on which nobody has logged in, oldest first."""
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
        patience = None if tls is None else TLS_SECONDS
        listener = await loop.create_server(
            lambda: Front(self), host, port, ssl=tls, ssl_handshake_timeout=patience, backlog=BACKLOG
        )
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
            self.end(session, STOPS)
        for front in tuple(self._fronts):
            front.abort()
        await self.owner.close()
        for listener in self._listeners:
            await listener.wait_closed()
        for ports in self._udp.values():
            ports.close()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._fronts)

    # ---- for the connections

    def admit(self, front: Front) -> bool:
        """Whether there is room for another connection."""
        self.counters.connections += 1
        if len(self._fronts) >= min(MAX_CONNECTIONS, limit() // SHARE_OF_DESCRIPTORS):
            self.counters.rejected_connections += 1
            return False
        if len(self._strangers) >= MAX_STRANGERS:
            self.counters.rejected_connections += 1
            oldest = next(iter(self._strangers))
            del self._strangers[oldest]
            oldest.abort()
        self._fronts.add(front)
        self._strangers[front] = None
        return True

    def proven(self, client: ServerConnection) -> None:
        """Somebody has logged in."""
        for front in [front for front in self._strangers if front.client is client]:
            del self._strangers[front]

    def forget(self, front: Front) -> None:
        """A connection is gone."""
        self._fronts.discard(front)
        self._strangers.pop(front, None)

    def lost(self, client: ServerConnection) -> None:
        """A client is gone: so are its sessions, but for those that play by UDP."""
        for session in tuple(self.sessions.values()):
            if session.client is client and (session.is_interleaved or not session.playing):
                self.end(session, "the client is gone")
        for key in [key for key, other in self.tunnels.items() if other is client]:
            del self.tunnels[key]
            for front in [front for front in self._fronts if front.client is client]:
                front.abort()

    def open_session(self, opening: Opening, client: ServerConnection, outlet: Outlets) -> Session:
        """A new session for what `client` sets up."""
        mine = sum(session.client is client for session in self.sessions.values())
        if len(self.sessions) >= MAX_SESSIONS or mine >= MAX_SESSIONS_OF_A_CLIENT:
            self.counters.rejected_sessions += 1
            raise RefusalError(453)
        session = Session(secrets.token_hex(8), opening, client, outlet, self.clock, self._moved, self._ended)
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

    def end(self, session: Session, why: str) -> None:
        """Stop sending and forget the session; `why` is a clause. Idempotent."""
        if self.sessions.pop(session.id, None) is None:
            return
        session.pause(why)
        session.outlet.close()
        for ending in session.on_end:
            ending()
        self._by_rtcp = {address: other for address, other in self._by_rtcp.items() if other is not session}

    # ---- inside

    def _moved(self) -> None:
        self.counters.moved += 1

    def _ended(self, session: Session, why: str) -> None:
        log.info("RTSP session %s of %s ends: %s", session.id, session.client.peer, why)
        self.counters.ended += 1
        self.end(session, why)
        session.client.close()

    def _heard_rtcp(self, address: Address) -> None:
        session = self._by_rtcp.get((address[0], address[1]))
        if session is not None:
            session.seen_at = self.clock.monotonic()

    async def _sweep(self) -> None:
        while True:
            await self.clock.sleep(SWEEP_SECONDS)
            now = self.clock.monotonic()
            oldest = now - self.session_seconds
            for session in tuple(self.sessions.values()):
                # Within the connection TCP itself tells whether the client lives: it takes what it is sent.
                session.delivery.check()
                if session.seen_at < oldest and not (session.is_interleaved and session.playing):
                    self.counters.timeouts += 1
                    self.end(session, "the client was silent")
            busy = {session.client for session in self.sessions.values()}
            for front in tuple(self._fronts):
                stranger = front in self._strangers and front.since < now - STRANGER_SECONDS
                if stranger or (front.client not in busy and front.seen_at < oldest):
                    self.counters.timeouts += 1
                    front.abort()
