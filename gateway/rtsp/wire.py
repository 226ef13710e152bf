"""One RTSP connection of a client: requests out, responses and packets in, until it ends.

Here belong the connection itself, its establishment, and the sentences for what can go wrong with either. What is asked
in which order, and who is logged in, belongs to `client`.
"""

from __future__ import annotations

import asyncio
import functools
import os
import socket
import ssl
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from urllib.parse import unquote, urlsplit

from gateway.base.clock import Clock
from gateway.base.errors import CameraError, Fault
from gateway.rtsp.batches import Batches
from gateway.rtsp.protocol import Connection, Headers, RemoteProtocolError, Request, Response, Role
from gateway.rtsp.sdp import is_rtsp_url, without_userinfo

MAX_ADDRESSES = 4
"""Of those that a host name resolves to, how many are tried."""
_PORTS = {"rtsp": 554, "rtsps": 322}
_ENDINGS = frozenset(("TEARDOWN", "REDIRECT"))
_HARMLESS = frozenset(("OPTIONS", "GET_PARAMETER", "SET_PARAMETER"))

T = TypeVar("T")


async def within(clock: Clock, seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns or raises.

    Raises:
        TimeoutError: it took longer than `seconds` of `clock`, and was cancelled.
    """
    task = asyncio.ensure_future(work)
    timer = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait((task, timer), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise TimeoutError(f"{seconds} s have passed")
    finally:
        task.cancel()
        timer.cancel()
        await asyncio.gather(task, timer, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect, without any secret."""

    url: str
    """As it goes into requests."""
    host: str
    port: int
    tls: bool

    @classmethod
    def parse(cls, url: str) -> tuple[Target, str, str]:
        """The target of an RTSP URL, and the user name and password in it.

        Raises:
            CameraError: SETTINGS; it is no such URL.
        """
        try:
            parts = urlsplit(url.strip())
            host, port = parts.hostname, parts.port
        except ValueError:
            parts, host, port = urlsplit(""), None, None
        if parts.scheme not in _PORTS or not host or port == 0 or not is_rtsp_url(url.strip()):
            raise CameraError(Fault.SETTINGS, "The camera's address is no URL that begins with rtsp:// or rtsps://.")
        target = cls(without_userinfo(url.strip()), host, port or _PORTS[parts.scheme], parts.scheme == "rtsps")
        return target, unquote(parts.username or ""), unquote(parts.password or "")

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Wire(asyncio.Protocol):
    """The bytes of one connection. Packets go to the connection's `routes` as they come, without a task for each."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.connection = Connection(Role.CLIENT)
        self.unrouted = 0
        """Packets on channels that no one asked for."""
        self.stray_responses = 0
        """Responses to nothing that was asked, or too late."""
        self.over: asyncio.Future[CameraError | None] = asyncio.get_running_loop().create_future()
        """Done once the connection is of no more use: why, or None when we ended it."""
        self.where = str(target)
        """Names the connection, for a capture."""
        self.peer_ip = self.local_ip = ""
        self._transport: asyncio.Transport | None = None
        self._batches: Batches | None = None
        self._socket: socket.socket | None = None
        """Our own handle of the connection's socket, while it is read in batches."""
        self._spoke_rtsp = False
        self._cseq = 0
        self._pending: asyncio.Future[Response] | None = None

    # ---- what the client asks for

    async def exchange(self, method: str, url: str, fields: list[tuple[str, str]]) -> Response:
        """Send a request and wait for its response; one at a time.

        Raises:
            CameraError: the connection ended instead.
        """
        if self.over.done():
            raise self._ended()
        self._cseq += 1
        request = Request(method, url, Headers((("CSeq", str(self._cseq)), *fields)))
        pending: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._pending = pending
        try:
            self.write(request.encode())
            return await pending
        finally:
            self._pending = None

    def write(self, data: bytes) -> None:
        """Send `data`, unless the connection has ended."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    @property
    def waiting(self) -> int:
        """Bytes that the camera has not taken yet."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def keep_short(self, size: int) -> None:
        """Let the kernel hold about `size` bytes that the camera has not taken, and no more."""
        if self._transport is not None and (sock := self._transport.get_extra_info("socket")) is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)

    def read_in_batches(self, batches: Batches) -> None:
        """Read through `batches` instead of the transport from now on. TLS goes on as it is."""
        if self.target.tls or self._transport is None or self.over.done():
            return
        self._transport.pause_reading()
        self._batches = batches
        self._socket = socket.socket(fileno=os.dup(self._transport.get_extra_info("socket").fileno()))
        batches.add(self._socket, self.data_received, self.connection_lost)

    def finish(self, error: CameraError | None) -> None:
        """End the connection at once; nothing is handed on any more. The first call counts."""
        if self.over.done():
            return
        self.over.set_result(error)
        if self._socket is not None and self._batches is not None:
            self._batches.remove(self._socket)
            self._socket.close()
        self.connection.routes[:] = [None] * 256
        if self._pending is not None and not self._pending.done():
            self._pending.set_exception(self._ended())
        if self._transport is not None:
            self._transport.abort()

    def error(self, fault: Fault, reason: str) -> CameraError:
        """An error of this connection."""
        return CameraError(fault, reason, where=self.where)

    def _ended(self) -> CameraError:
        return self.over.result() or self.error(Fault.ENDED, "The connection to the camera was closed.")

    # ---- what the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102
        self._transport = cast("asyncio.Transport", transport)
        peer, local = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        self.peer_ip, self.local_ip = peer[0], local[0]
        self.where = f"{peer[0]}:{peer[1]} (from port {local[1]})"
        if self.over.done():
            self._transport.abort()

    def data_received(self, data: bytes) -> None:  # noqa: D102
        try:
            for event in self.connection.receive(data):
                if isinstance(event, tuple):
                    self.unrouted += 1
                else:
                    self._message(event)
        except RemoteProtocolError as error:
            self.where = f"{self.where} {error.where}"
            if self._spoke_rtsp:
                self.finish(self.error(Fault.BAD_STREAM, f"The camera broke off RTSP: {error.reason}."))
            else:
                text = f"What answers on port {self.target.port} does not speak RTSP: {error.reason}."
                self.finish(self.error(Fault.NOT_RTSP, text))
        except CameraError as error:
            self.finish(error)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: D102
        if isinstance(exc, ssl.SSLError):
            self.finish(self.error(Fault.TLS, f"The encrypted connection broke: {exc.reason or 'unknown reason'}."))
        elif isinstance(exc, TimeoutError):
            self.finish(self.error(Fault.TIMEOUT, "The camera no longer answers on the connection."))
        elif self.connection.incomplete:
            self.finish(self.error(Fault.ENDED, "The camera closed the connection in the middle of a message."))
        else:
            self.finish(self.error(Fault.ENDED, "The camera closed the connection."))

    def _message(self, message: Request | Response) -> None:
        self._spoke_rtsp = True
        if isinstance(message, Request):
            self._answer(message)
            return
        if message.status < 200:
            return
        cseq = message.headers.get("CSeq")
        if self._pending is None or self._pending.done() or (cseq.isdecimal() and int(cseq) != self._cseq):
            self.stray_responses += 1  # without a CSeq, as some cameras answer, it can only be the one we wait for
        else:
            self._pending.set_result(message)

    def _answer(self, request: Request) -> None:
        """Cameras ask little: whether we are there, or that we go."""
        known = request.method in _HARMLESS or request.method in _ENDINGS
        cseq = request.headers.get("CSeq")
        fields = [("CSeq", cseq)] if cseq else []
        self.write(Response(200 if known else 501, Headers(tuple(fields))).encode())
        if request.method in _ENDINGS:
            self.finish(self.error(Fault.ENDED, f"The camera ended the session ({request.method})."))


async def dial(target: Target, *, tls_verify: bool) -> Wire:
    """Connect to the first of the host's addresses that answers.

    Raises:
        CameraError: UNREACHABLE or TLS.
    """
    loop = asyncio.get_running_loop()
    where = str(target)
    try:
        found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise CameraError(Fault.UNREACHABLE, f"The name {target.host} is not known here.", where=where) from None
    addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))[:MAX_ADDRESSES]
    failure: OSError = OSError("it has no address")
    for address in addresses:
        try:
            _, wire = await loop.create_connection(
                lambda: Wire(target),
                address,
                target.port,
                ssl=_tls_context(tls_verify) if target.tls else None,
                server_hostname=target.host if target.tls else None,
            )
            return wire
        except OSError as error:
            failure = error
    raise _unreachable(target, failure) from None


def _unreachable(target: Target, failure: OSError) -> CameraError:
    where = str(target)
    if isinstance(failure, ssl.SSLCertVerificationError):
        reason = (
            f"The camera's certificate is not trusted ({failure.verify_message}): install one that is, "
            "or set tls_verify = false for this camera."
        )
        return CameraError(Fault.TLS, reason, where=where)
    refused = isinstance(failure, ConnectionRefusedError)
    if isinstance(failure, ssl.SSLError) or (target.tls and isinstance(failure, ConnectionError) and not refused):
        return CameraError(
            Fault.TLS, f"Port {target.port} of {target.host} does not speak TLS, or not as we do.", where=where
        )
    if refused:
        return CameraError(Fault.UNREACHABLE, f"Nothing listens on port {target.port} of {target.host}.", where=where)
    why = failure.strerror or str(failure) or "the connection was closed"
    return CameraError(Fault.UNREACHABLE, f"{target.host} cannot be reached: {why}.", where=where)


@functools.cache
def _tls_context(verify: bool) -> ssl.SSLContext:
    """Loading the certificate authorities takes milliseconds, so once."""
    if verify:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
