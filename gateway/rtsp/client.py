"""The RTSP client: one session with one camera, from its URL to its packets (RFC 2326).

    async with await RtspClient.open(url, username="op", password="secret", clock=clock) as session:
        ...                          # session.tracks says what will come
        await session.play(receiver)  # packets go to the receiver from now on
        await session.wait_closed()   # raises what ended it

With `backchannel` the session is one for talking: what is set up is sent by us (`send`), and nothing else is asked for.

Here belongs the order of requests, logging in, keeping the session alive. One attempt only: nothing here is retried but
what the protocol itself asks for. Bytes and failures of the connection are in `wire`; what packets hold is for
`gateway.media`. Every failure is a CameraError whose reason is a sentence for a person and whose `where` names the
connection; neither ever holds a password.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Literal, Protocol
from urllib.parse import urljoin

from gateway.base.clock import Clock
from gateway.base.errors import CameraError, Fault
from gateway.base.supervise import TaskOwner
from gateway.media.model import Codec, TrackKind
from gateway.rtsp import backchannel as back
from gateway.rtsp.auth import AuthenticationError, ClientAuthentication
from gateway.rtsp.batches import Batches
from gateway.rtsp.headers import Pair, RtpInfo, Session, Transport, public
from gateway.rtsp.protocol import REASONS, Response, interleaved_header
from gateway.rtsp.reception import Reception
from gateway.rtsp.sdp import (
    SdpError,
    SessionDescription,
    TrackDescription,
    aggregate_url,
    base_url,
    control_url,
    tracks,
)
from gateway.rtsp.udp import PortPair
from gateway.rtsp.wire import Target, Wire, dial, within

USER_AGENT = "Sightline"
MAX_REDIRECTS = 3
MAX_LOGINS = 3
"""How often one request is sent again because its nonce was too old."""
REPORT_SECONDS = 5.0
"""How often each track's RTCP receiver report is sent: some cameras drop a session without."""
MAX_ALIVE_SECONDS = 30.0
"""The keep-alive is sent at least so often, for the sake of NAT tables on the way."""
MAX_WAITING = 64 << 10
"""Bytes that a camera may leave untaken before no more reports are sent to it."""
MAX_SOUND_WAITING = 4 << 10
"""Bytes of sound that a camera may leave untaken, half a second of G.711: what is said after that is not sent."""
SOUND_BUFFER = 8 << 10
"""Asked of the kernel for a connection that carries sound to a camera: what waits there is old when it arrives."""

_METHOD_UNKNOWN = frozenset((405, 501, 551))


class Receiver(Protocol):
    """Takes what a session brings, in the event loop's thread and at once. `index` is the place in `session.tracks`.

    Packets come in lists: those that arrived in a row, one at least. They are routed by channel or port, never by SSRC,
    and may come before `play` returns. A CameraError raised by `rtp` or `rtcp` ends the session with it.
    """

    def rtp(self, index: int, packets: list[bytes], /) -> None:
        """RTP packets, or what a camera takes for such."""

    def rtcp(self, index: int, packets: list[bytes], /) -> None:
        """RTCP compound packets. A BYE in them ends nothing here."""

    def end(self, error: CameraError, /) -> None:
        """The session that played has ended, and not because we closed it. Called once at most; nothing follows."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds of the clock."""

    connect: float = 5.0
    reply: float = 10.0
    teardown: float = 1.0


Choose = Callable[[Sequence[TrackDescription]], Sequence[TrackDescription]]
"""Of the tracks on offer, those to set up. May raise CameraError."""


def choose_supported(offered: Sequence[TrackDescription]) -> list[TrackDescription]:
    """Every track of a known codec.

    Raises:
        CameraError: NO_VIDEO; says what there is instead.
    """
    chosen = [description for description in offered if description.track.codec is not Codec.UNSUPPORTED]
    if not any(description.track.kind is TrackKind.VIDEO for description in chosen):
        names = ", ".join(f"{d.track.kind.value} ({d.track.name})" for d in offered)
        raise CameraError(Fault.NO_VIDEO, f"The camera offers no H.264 or H.265 video, only {names or 'nothing'}.")
    return chosen


class RtspClient:
    """One session. Made by `open`; close it in the end, or use it as an asynchronous context manager."""

    def __init__(
        self,
        wire: Wire,
        authentication: ClientAuthentication,
        *,
        clock: Clock,
        udp: bool,
        timeouts: Timeouts,
        backchannel: bool = False,
    ) -> None:
        self.tracks: tuple[TrackDescription, ...] = ()
        """Those chosen of the camera's; `track.id` is the place in this tuple."""
        self.refused: dict[int, str] = {}
        """Tracks other than video that the camera offered and then would not set up: the place, and its answer."""
        self.rtp_info: dict[int, RtpInfo] = {}
        """What the camera said of where each track begins. A hint only."""
        self._wire = wire
        self._authentication = authentication
        self._clock = clock
        self._udp = udp
        self._timeouts = timeouts
        self._required = (("Require", back.OPTION),) if backchannel else ()
        """Of DESCRIBE, SETUP and PLAY."""
        self._url = wire.target.url
        self._base = self._url
        self._aggregate = self._url
        self._methods: frozenset[str] = frozenset()
        self._session: Session | None = None
        self._receptions: dict[int, Reception] = {}
        self._rtp_channels: dict[int, int] = {}
        self._rtcp_channels: dict[int, int] = {}
        self._ports: dict[int, PortPair] = {}
        self._our_ssrc = random.getrandbits(32)
        self._tasks = TaskOwner(f"RTSP {wire.where}")

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        username: str = "",
        password: str = "",
        transport: Literal["tcp", "udp"] = "tcp",
        clock: Clock,
        allow_basic: bool = False,
        tls_verify: bool = True,
        choose: Choose = choose_supported,
        batches: Batches | None = None,
        timeouts: Timeouts = Timeouts(),
        backchannel: bool = False,
    ) -> RtspClient:
        """Connect, log in and ask what the camera sends, following a few redirects.

        A user name in the URL counts when none is given. `allow_basic`: send the password in clear text, if the camera
        wants it so, even without encryption. `tls_verify`: rtsps only to a camera whose certificate is trusted.
        `batches`: read the connection through these, where many are read. `backchannel`: ask what can be sent to the
        camera, not what it sends; `choose` then takes one of `backchannel.back_tracks`.

        Raises:
            CameraError: it did not come to that; NoBackchannelError: the camera cannot be talked to.
        """
        target, url_username, url_password = Target.parse(url)
        if not username:
            username, password = url_username, url_password
        for _ in range(MAX_REDIRECTS + 1):
            if target.tls and transport == "udp":
                raise CameraError(
                    Fault.SETTINGS,
                    "An rtsps camera sends within its connection: set transport = tcp.",
                    where=str(target),
                )
            try:
                wire = await within(clock, timeouts.connect, dial(target, tls_verify=tls_verify))
            except TimeoutError:
                reason = f"{target.host} does not answer on port {target.port}."
                raise CameraError(Fault.TIMEOUT, reason, where=str(target)) from None
            if batches is not None:
                wire.read_in_batches(batches)
            authentication = ClientAuthentication(username, password, allow_basic=allow_basic or target.tls)
            session = cls(
                wire,
                authentication,
                clock=clock,
                udp=transport == "udp",
                timeouts=timeouts,
                backchannel=backchannel,
            )
            try:
                location = await session._describe(choose)
            except BaseException:
                wire.finish(None)
                raise
            if not location:
                return session
            wire.finish(None)
            target, _, _ = Target.parse(urljoin(target.url, location))
        raise CameraError(
            Fault.REFUSED, f"The camera redirected us more than {MAX_REDIRECTS} times.", where=str(target)
        )

    async def __aenter__(self) -> RtspClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def where(self) -> str:
        """Names the connection, for a log or a capture."""
        return self._wire.where

    @property
    def peer_ip(self) -> str:
        """The camera's IP address."""
        return self._wire.peer_ip

    @property
    def local_ip(self) -> str:
        """Ours, toward the camera."""
        return self._wire.local_ip

    @property
    def skipped_bytes(self) -> int:
        """Junk passed over between frames."""
        return self._wire.connection.skipped

    @property
    def foreign_packets(self) -> int:
        """Packets dropped because they came on unknown channels or from unknown addresses."""
        return self._wire.unrouted + sum(pair.foreign for pair in self._ports.values())

    async def play(self, receiver: Receiver) -> None:
        """Set up every track and start them; then keep the session alive.

        Raises:
            CameraError: the camera would not, or the connection ended.
        """
        for index in range(len(self.tracks)):
            await self._set_up(index, receiver)
        response = await self._ask("PLAY", self._aggregate, ("Range", "npt=0.000-"), *self._required)
        self._check(response, "PLAY")
        self._note_rtp_info(response.headers.get("RTP-Info"))
        self._wire.over.add_done_callback(lambda over: _tell(receiver, over.result()))
        self._tasks.start(self._keep_alive(), name="keep-alive")
        if self._required:
            self._wire.keep_short(SOUND_BUFFER)
        else:
            self._tasks.start(self._report(), name="reports")

    def send(self, packet: bytes) -> bool:
        """Send an RTP packet to the camera's backchannel; False: it was dropped, as the camera takes nothing now."""
        return self._send(packet, 0)

    def send_report(self, packet: bytes) -> bool:
        """Send an RTCP packet beside it."""
        return self._send(packet, 1)

    def _send(self, packet: bytes, which: int) -> bool:
        """`which`: 0 for RTP, 1 for RTCP."""
        if (pair := self._ports.get(0)) is not None:
            return pair.send(packet) if which == 0 else pair.report(packet)
        if self._wire.over.done() or 0 not in self._rtcp_channels or self._wire.waiting > MAX_SOUND_WAITING:
            return False
        channel = (self._rtcp_channels if which else self._rtp_channels)[0]
        self._wire.write(interleaved_header(channel, len(packet)) + packet)
        return True

    async def wait_closed(self) -> None:
        """Return once the session was closed by us.

        Raises:
            CameraError: it ended otherwise.
        """
        error = await asyncio.shield(self._wire.over)
        if error is not None:
            raise error

    async def close(self) -> None:
        """Tell the camera, if it can still be told, and end the connection. Idempotent."""
        try:
            await self._tasks.close()
            if self._receptions and not self._wire.over.done():
                await within(self._clock, self._timeouts.teardown, self._ask("TEARDOWN", self._aggregate))
        except (CameraError, TimeoutError):
            pass  # it is gone, which is what we wanted
        finally:
            self._wire.finish(None)
            for pair in self._ports.values():
                pair.close()

    # ---- the steps

    async def _describe(self, choose: Choose) -> str:
        """OPTIONS and DESCRIBE; where the camera redirects us to, if it does."""
        response = await self._ask("OPTIONS", self._url)
        if response.status == 200:
            self._methods = public(response.headers.get("Public"))
        response = await self._ask("DESCRIBE", self._url, ("Accept", "application/sdp"), *self._required)
        if response.status == 551 and self._required:
            reason = "The camera has no backchannel (551 Option not supported): it cannot be talked to."
            raise back.NoBackchannelError(reason, where=self.where)
        if 300 <= response.status < 400 and response.headers.get("Location"):
            return response.headers.get("Location")
        self._check(response, "DESCRIBE")
        try:
            description = SessionDescription.parse(response.body)
        except SdpError as error:
            raise self._wire.error(Fault.BAD_SDP, f"The camera does not describe its stream: {error}.") from None
        headers = response.headers
        self._base = base_url(self._url, headers.get("Content-Base"), headers.get("Content-Location"))
        self._aggregate = aggregate_url(description, self._base)
        try:
            read = back.back_tracks if self._required else tracks
            chosen = choose(read(description, self._base))
        except CameraError as error:
            error.where = error.where or self.where
            raise
        # Ids are places in the tuple, also when some were left out.
        self.tracks = tuple(
            replace(described, track=replace(described.track, id=place)) for place, described in enumerate(chosen)
        )
        return ""

    async def _set_up(self, index: int, receiver: Receiver) -> None:
        described = self.tracks[index]
        reception = Reception(index, receiver.rtp, receiver.rtcp)
        if self._udp:
            offer = await self._open_ports(index, reception)
        else:
            offer = Transport(tcp=True, interleaved=(2 * index, 2 * index + 1))
        response = await self._ask("SETUP", described.control, ("Transport", offer.encode()), *self._required)
        if response.status != 200 and described.track.kind is not TrackKind.VIDEO and not self._required:
            self.refused[index] = _status(response)
            return
        if response.status == 461:
            way, other = ("udp", "tcp") if self._udp else ("tcp", "udp")
            reason = f"The camera does not send by {way.upper()}: set transport = {other} for it."
            raise self._wire.error(Fault.REFUSED, reason)
        self._check(response, "SETUP")
        self._session = Session.parse(response.headers.get("Session")) or self._session
        answers = Transport.parse(response.headers.get("Transport"))
        answer = answers[0] if answers else offer
        if answer.tcp is not offer.tcp or not answer.unicast:
            raise self._wire.error(Fault.REFUSED, "The camera chose a transport that it was not offered.")
        if self._udp:
            if self._required and not answer.server_port:
                raise self._wire.error(Fault.REFUSED, "The camera does not say by which UDP port it takes sound.")
            self._ports[index].connect(self._wire.peer_ip, answer.server_port, answer.source, knock=not self._required)
        else:
            self._route(index, answer.interleaved or (2 * index, 2 * index + 1), reception)
        self._receptions[index] = reception

    async def _open_ports(self, index: int, reception: Reception) -> Transport:
        try:
            pair = await PortPair.open(self._wire.local_ip, reception.rtp, reception.rtcp)
        except OSError as error:
            reason = f"No UDP ports can be opened to receive on: {error.strerror}."
            raise self._wire.error(Fault.UNREACHABLE, reason) from None
        self._ports[index] = pair
        return Transport(tcp=False, client_port=pair.numbers)

    def _route(self, index: int, channels: Pair, reception: Reception) -> None:
        routes = self._wire.connection.routes
        if any(routes[channel] is not None for channel in channels):
            raise self._wire.error(Fault.BAD_STREAM, "The camera sends two tracks on one channel.")
        routes[channels[0]], routes[channels[1]] = reception.rtp, reception.rtcp
        self._rtp_channels[index], self._rtcp_channels[index] = channels
        self._wire.connection.channels |= set(channels)

    def _note_rtp_info(self, value: str) -> None:
        for info in RtpInfo.parse(value):
            url = control_url(info.url, self._base)
            for index, described in enumerate(self.tracks):
                if described.control == url:
                    self.rtp_info[index] = info

    # ---- while it plays

    async def _keep_alive(self) -> None:
        lifetime = self._session.timeout if self._session is not None else Session("").timeout
        method = "GET_PARAMETER" if "GET_PARAMETER" in self._methods else "OPTIONS"
        while True:
            await self._clock.sleep(min(lifetime / 2, MAX_ALIVE_SECONDS))
            try:
                response = await self._ask(method, self._aggregate)
            except CameraError as error:
                if error.fault is Fault.TIMEOUT:
                    continue  # some cameras never answer this; whether media still comes is for the receiver to see
                self._wire.finish(error)
                return
            if response.status == 454:
                self._wire.finish(self._wire.error(Fault.ENDED, "The camera has forgotten the session."))
                return
            if response.status in _METHOD_UNKNOWN:
                method = "OPTIONS"

    async def _report(self) -> None:
        while True:
            await self._clock.sleep(REPORT_SECONDS)
            for index, reception in self._receptions.items():
                packet = reception.report(self._our_ssrc)
                if index in self._ports:
                    self._ports[index].report(packet)
                elif self._wire.waiting < MAX_WAITING:
                    self._wire.write(interleaved_header(self._rtcp_channels[index], len(packet)) + packet)

    # ---- requests

    async def _ask(self, method: str, url: str, *fields: tuple[str, str]) -> Response:
        """Send a request, logging in as often as it takes; whatever answer that brings.

        Raises:
            CameraError: no answer came, or the log-in is refused.
        """
        for _ in range(MAX_LOGINS + 1):
            sent = [("User-Agent", USER_AGENT), *fields]
            if self._session is not None:
                sent.append(("Session", self._session.id))
            if (authorization := self._authentication.authorization(method, url)) is not None:
                sent.append(("Authorization", authorization))
            try:
                response = await within(self._clock, self._timeouts.reply, self._wire.exchange(method, url, sent))
            except TimeoutError:
                reason = f"The camera accepts the connection but does not answer {method}."
                raise self._wire.error(Fault.TIMEOUT, reason) from None
            except ValueError:
                # A URL or a nonce with a line break in it: the camera's description or challenge is to blame.
                reason = f"The camera's own words make {method} impossible to write."
                raise self._wire.error(Fault.BAD_STREAM, reason) from None
            if response.status != 401:
                self._authentication.accepted()
                return response
            try:
                self._authentication.challenged(response.headers.all("WWW-Authenticate"))
            except AuthenticationError as error:
                raise self._wire.error(Fault.AUTHENTICATION, _sentence(str(error))) from None
        raise self._wire.error(Fault.AUTHENTICATION, "The camera calls every log-in out of date.")

    def _check(self, response: Response, method: str) -> None:
        """Raise what a response other than 200 means to a person."""
        status = response.status
        if status == 200:
            return
        if status == 404:
            raise self._wire.error(Fault.REFUSED, "The camera has no stream under this URL (404 Not Found).")
        if status == 403:
            raise self._wire.error(Fault.AUTHENTICATION, "The camera forbids this user its stream (403 Forbidden).")
        if status in {453, 503}:
            raise self._wire.error(Fault.REFUSED, f"The camera serves no further viewer ({_status(response)}).")
        raise self._wire.error(Fault.REFUSED, f"The camera answers {method} with {_status(response)}.")


def _tell(receiver: Receiver, error: CameraError | None) -> None:
    if error is not None:
        receiver.end(error)


def _status(response: Response) -> str:
    reason = response.reason or REASONS.get(response.status, "")
    return f"{response.status} {reason[:60]}".strip()


def _sentence(text: str) -> str:
    """`text` with a capital letter and a full stop."""
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
