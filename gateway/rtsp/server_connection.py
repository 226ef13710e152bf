"""The server's end of one RTSP conversation: what each method answers (RFC 2326 10).

Who is connected, and which sessions there are, belongs to `server`; the sockets, and what else may come on them, to
`front`.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from gateway.base.errors import RefusedError, StorageError
from gateway.media.model import NS
from gateway.rtsp import backchannel
from gateway.rtsp.auth import ServerAuthentication, claimed_name
from gateway.rtsp.delivery import DatagramOutlet, InterleavedOutlet
from gateway.rtsp.headers import Pair, RtpInfo, Transport
from gateway.rtsp.headers import Session as SessionField
from gateway.rtsp.hearing import hear_datagrams, hear_within
from gateway.rtsp.presentation import Back, Client, Presentation, RefusalError
from gateway.rtsp.protocol import Connection, Headers, RemoteProtocolError, Request, Response, Role
from gateway.rtsp.sdp import describe
from gateway.rtsp.sending import Sending
from gateway.rtsp.session import Opening, Session

if TYPE_CHECKING:
    from gateway.rtsp.server import Server

log = logging.getLogger(__name__)

MAX_WAITING_REQUESTS = 16
"""Requests that one client may send ahead of their answers."""
MAX_AGENT = 200
"""Characters kept of what a client calls itself."""
METHODS = ("OPTIONS", "DESCRIBE", "SETUP", "PLAY", "PAUSE", "GET_PARAMETER", "SET_PARAMETER", "TEARDOWN")

_TRACK = "trackID="  # how `sdp.describe` names a track's control URL


class ServerConnection:
    """One client: requests are answered in their order, one at a time."""

    def __init__(self, server: Server, sending: Sending, *, tunnelled: bool = False) -> None:
        """A `tunnelled` client is reached through HTTP, and cannot be sent datagrams."""
        self._server = server
        self._sending = sending
        self._parser = Connection(Role.SERVER)
        self._waiting: deque[Request] = deque()
        self._answering = False
        self._can_have_datagrams = not tunnelled and not sending.secure
        self._agent = ""
        self.peer = sending.peer
        """Address and port, for the log."""
        self.seen_at = server.clock.monotonic()
        self._authentication: ServerAuthentication | None = None
        if server.passwords is not None:
            self._authentication = ServerAuthentication(server.realm, server.passwords, allow_basic=sending.secure)
        self.proven = self._authentication is None
        self._user = ""
        """Who logged in last and has not guessed since: they need not ask again whether they may try."""
        """Whether the client has logged in, if it must."""

    def receive(self, data: bytes) -> None:
        """Take what the client sent."""
        self.seen_at = self._server.clock.monotonic()
        try:
            for event in self._parser.receive(data):
                if isinstance(event, Request):
                    self._waiting.append(event)
        except RemoteProtocolError as error:
            self._server.counters.bad_requests += 1
            log.info("RTSP client %s: %s (%s)", self.peer, error.reason, error.where)
            self._sending.write(Response(400).encode())
            self._sending.close()
            return
        if len(self._waiting) > MAX_WAITING_REQUESTS:
            self._server.counters.bad_requests += 1
            self.abort()
        elif self._waiting and not self._answering:
            self._answering = True
            self._server.owner.start(self._answer_all(), name=f"answer {self.peer}")

    def lost(self) -> None:
        """What is sent to the client does not reach it any more."""
        self._waiting.clear()
        self._server.lost(self)

    def close(self) -> None:
        """Close once what was written is sent; at once when the client takes nothing."""
        self._sending.close()

    def abort(self) -> None:
        """Close at once."""
        self._sending.abort()

    # ---- answering

    async def _answer_all(self) -> None:
        try:
            while self._waiting and not self._sending.is_closing:
                await self._answer(self._waiting.popleft())
        finally:
            self._answering = False

    async def _answer(self, request: Request) -> None:
        counters = self._server.counters
        counters.requests += 1
        follow_up: Callable[[], None] | None = None
        try:
            response, follow_up = await self._handle(request)
        except RefusalError as refusal:
            response = refusal.response
        except RefusedError:
            response = Response(403)
        except StorageError as error:
            log.error("RTSP client %s: %s is refused: %s", self.peer, request.method, error)
            response = Response(503, Headers.of({"Retry-After": "5"}))
        except Exception:
            log.exception("RTSP client %s: %s failed", self.peer, request.method)
            response = Response(500)
        if response.status in {400, 405, 501, 505}:
            counters.bad_requests += 1
        fields = [("CSeq", request.headers.get("CSeq"))] if "CSeq" in request.headers else []
        headers = Headers.of([*fields, ("Server", self._server.realm), *response.headers])
        self._sending.write(Response(response.status, headers, response.body).encode())
        if follow_up is not None:
            follow_up()

    async def _handle(self, request: Request) -> tuple[Response, Callable[[], None] | None]:
        """The response, and what to do right after it was written."""
        headers = request.headers
        if request.version != "1.0":
            raise RefusalError(505)
        if not headers.get("CSeq").isdecimal():
            raise RefusalError(400)
        if request.method not in METHODS:
            raise RefusalError(501, {"Public": ", ".join(METHODS)})
        if request.method == "OPTIONS":
            return Response(200, Headers.of({"Public": ", ".join(METHODS)})), None
        self._agent = headers.get("User-Agent", self._agent)[:MAX_AGENT]
        client = Client(self._authenticate(request), self._sending.remote, self._agent)
        match request.method:
            case "DESCRIBE":
                return await self._describe(request, client), None
            case "SETUP":
                return await self._setup(request, client), None
            case "PLAY":
                return await self._play(request, client)
            case "PAUSE":
                session = self._session(request, client)
                session.pause("the client paused it")
                return _of(session), None
            case "TEARDOWN":
                session = self._session(request, client)
                return Response(200), lambda: self._server.end(session, "the client ended it")
            case _:
                return self._parameters(request, client), None

    def _authenticate(self, request: Request) -> str:
        """The user's name, or empty where nobody has to log in."""
        if self._authentication is None:
            return ""
        now, guard = self._server.clock.monotonic(), self._server.guard
        given = request.headers.get("Authorization")
        name = claimed_name(given) if given else ""
        if given and guard is not None and name != self._user:
            seconds = guard.refusal(self._sending.remote, name)
            if seconds is not None:
                self._server.counters.throttled += 1
                guard.failed(self._sending.remote, name)
                raise RefusalError(503, {"Retry-After": str(math.ceil(seconds))})
        verdict = self._authentication.verify(request.method, given, now)
        if verdict.username is not None:
            if not self.proven:
                self.proven = True
                self._server.proven(self)
            if verdict.username != self._user:
                self._user = verdict.username
                if guard is not None:
                    guard.succeeded(self._sending.remote, verdict.username)
            return verdict.username
        if verdict.stale:
            self._server.counters.stale_nonces += 1
        elif given:
            self._server.counters.unauthorized += 1
            self._user = ""
            if guard is not None:
                guard.failed(self._sending.remote, name)
        refusal = RefusalError(401)
        challenges = self._authentication.challenges(now, stale=verdict.stale)
        refusal.response = Response(401, Headers.of([("WWW-Authenticate", challenge) for challenge in challenges]))
        raise refusal

    async def _describe(self, request: Request, client: Client) -> Response:
        accept = request.headers.get("Accept", "application/sdp")
        if not any(kind in accept for kind in ("application/sdp", "application/*", "*/*")):
            raise RefusalError(406)
        path, _ = _split(request.url)
        presentation = await self._find(path, client)
        back = _required_back(request, presentation)
        started = self._server.started_ns // NS
        said = presentation.description
        description = describe(
            presentation.tracks, name=path, session_id=started, ranges=said.ranges, attributes=said.attributes
        )
        if back is not None:
            heard = backchannel.back_media(back.track_id, back.codecs)
            description = replace(description, media=(*description.media, heard))
        body = description.encode()
        base = request.url.partition("?")[0].rstrip("/") + "/"
        return Response(200, Headers.of({"Content-Type": "application/sdp", "Content-Base": base}), body)

    async def _setup(self, request: Request, client: Client) -> Response:
        path, track_id = _split(request.url)
        session = self._session(request, client) if request.headers.get("Session") else None
        if session is not None and session.path != path:
            raise RefusalError(459)
        presentation = await self._find(path, client) if session is None else session.presentation
        back = _required_back(request, presentation)
        tracks = {track.id for track in presentation.tracks}
        if back is not None:
            tracks.add(back.track_id)
        if track_id is None and len(tracks) == 1:
            (track_id,) = tracks
        if track_id is None:
            raise RefusalError(459)
        if track_id not in tracks:
            raise RefusalError(404)
        if session is not None and (session.playing or track_id in session.tracks):
            raise RefusalError(455)
        opening = Opening(path, client.user, presentation)
        for offer in Transport.parse(request.headers.get("Transport")):
            if not offer.unicast or offer.mode not in {"", "PLAY"}:
                continue
            if offer.tcp or (offer.client_port is not None and self._can_have_datagrams):
                chosen, session = await self._carry(offer, track_id, opening, session, back)
                fields = {"Transport": chosen.encode(), "Session": self._field(session)}
                return Response(200, Headers.of(fields))
        raise RefusalError(461)

    async def _carry(
        self, offer: Transport, track_id: int, opening: Opening, session: Session | None, back: Back | None
    ) -> tuple[Transport, Session]:
        """Have `track_id` carried as offered, in `session` or a new one."""
        heard = back if back is not None and back.track_id == track_id else None
        ssrc = opening.presentation.ssrc(track_id) if heard is None else None
        if offer.tcp:
            if session is None:
                session = self._server.open_session(opening, self, InterleavedOutlet(self._sending))
            if not isinstance(session.outlet, InterleavedOutlet) or session.client is not self:
                raise RefusalError(461)
            pair = self._channels(offer.interleaved)
            session.outlet.channels[track_id] = pair
            session.tracks.add(track_id)
            if heard is not None:
                chosen, ending = hear_within(heard, pair, self._parser.routes)
                session.on_end.append(ending)
                return chosen, session
            return Transport(tcp=True, interleaved=pair, ssrc=ssrc, mode="PLAY"), session
        try:
            ports = await self._server.udp_ports(self._sending.local)
        except OSError as error:
            log.warning("RTSP client %s: no UDP ports: %s", self.peer, error)
            raise RefusalError(453) from None
        if session is None:
            outlet = DatagramOutlet(ports, self._sending.remote, self._server.clock, self._server.owner)
            session = self._server.open_session(opening, self, outlet)
        if not isinstance(session.outlet, DatagramOutlet):
            raise RefusalError(461)
        assert offer.client_port is not None
        session.outlet.client_ports[track_id] = offer.client_port
        session.tracks.add(track_id)
        self._server.expect_rtcp((self._sending.remote, offer.client_port[1]), session)
        if heard is not None:
            return await self._hear_datagrams(heard, offer.client_port, session), session
        # The answer names no destination: packets go to where the request came from and nowhere else.
        chosen = Transport(tcp=False, client_port=offer.client_port, server_port=ports.numbers, ssrc=ssrc, mode="PLAY")
        return chosen, session

    async def _hear_datagrams(self, back: Back, client_port: Pair, session: Session) -> Transport:
        def alive() -> None:
            session.seen_at = self._server.clock.monotonic()

        try:
            chosen, ending = await hear_datagrams(back, client_port, self._sending.local, self._sending.remote, alive)
        except OSError as error:
            log.warning("RTSP client %s: no UDP ports: %s", self.peer, error)
            raise RefusalError(453) from None
        session.on_end.append(ending)
        return chosen

    def _channels(self, wanted: Pair | None) -> Pair:
        """The pair of channels asked for, or the next that is free in this connection."""
        used = {
            channel
            for session in self._server.sessions.values()
            if session.client is self and isinstance(session.outlet, InterleavedOutlet)
            for pair in session.outlet.channels.values()
            for channel in pair
        }
        if wanted is not None and not used.intersection(wanted) and wanted[0] != wanted[1]:
            return wanted
        for first in range(0, 256, 2):
            if not used.intersection((first, first + 1)):
                return first, first + 1
        raise RefusalError(453)

    async def _play(self, request: Request, client: Client) -> tuple[Response, Callable[[], None] | None]:
        session = self._session(request, client)
        _required_back(request, session.presentation)
        playing = await session.presentation.play(session.delivery, request.headers, client)
        if self._server.sessions.get(session.id) is not session:
            session.presentation.detach(session.delivery, "the client was gone before it began")
            raise RefusalError(454)
        session.playing = True
        base = request.url.partition("?")[0]
        base = base.rpartition("/" + _TRACK)[0] or base.rstrip("/")
        info = ",".join(
            RtpInfo(f"{base}/{_TRACK}{track}", start.sequence, start.timestamp).encode()
            for track, start in sorted(playing.starts.items())
            if track in session.tracks
        )
        fields = {"Session": self._field(session), **playing.headers}
        if info:
            fields["RTP-Info"] = info

        def begin() -> None:
            playing.begin()
            session.delivery.started()

        return Response(200, Headers.of(fields)), begin

    def _parameters(self, request: Request, client: Client) -> Response:
        """GET_PARAMETER and SET_PARAMETER: a sign of life when empty; there is no parameter to name."""
        if request.headers.get("Session"):
            session = self._session(request, client)
            return Response(451) if request.body else _of(session)
        return Response(451 if request.body else 200)

    async def _find(self, path: str, client: Client) -> Presentation:
        presentation = await self._server.find(path, client)
        if presentation is None:
            raise RefusalError(404)
        if not presentation.tracks:
            raise RefusalError(503, {"Retry-After": "2"})
        return presentation

    def _session(self, request: Request, client: Client) -> Session:
        """The session that is named; somebody else's is none."""
        named = SessionField.parse(request.headers.get("Session"))
        session = self._server.sessions.get(named.id) if named is not None else None
        if session is None or session.user != client.user:
            raise RefusalError(454)
        session.seen_at = self._server.clock.monotonic()
        return session

    def _field(self, session: Session) -> str:
        return SessionField(session.id, self._server.session_seconds).encode()


def _of(session: Session) -> Response:
    return Response(200, Headers.of({"Session": session.id}))


def _required_back(request: Request, presentation: Presentation) -> Back | None:
    """The backchannel, if the client requires it and there is one.

    What the client requires and the presentation does not know is refused (RFC 2326 12.32).
    """
    required = {tag.strip() for tag in request.headers.get("Require").split(",")} - {""}
    back = presentation.description.back
    known = presentation.options if back is None else presentation.options | {backchannel.OPTION}
    if unknown := required - known:
        raise RefusalError(551, {"Unsupported": ", ".join(sorted(unknown))})
    return back if backchannel.OPTION in required else None


def _split(url: str) -> tuple[str, int | None]:
    """The presentation's path, and which track of it is meant."""
    try:
        path = unquote(urlsplit(url).path).strip("/")
    except ValueError:
        raise RefusalError(400) from None
    presentation, slash, last = path.rpartition("/")
    number = last.removeprefix(_TRACK)
    if slash and number != last and number.isdecimal() and len(number) < 4:
        return presentation.strip("/"), int(number)
    return path, None
