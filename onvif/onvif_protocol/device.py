"""The device's side of ONVIF: takes a request, checks who asks, calls the operation, answers. Transport-neutral.

Here belong the dispatch, the faults of what cannot be dispatched, and the rule of what is open without credentials.
The operations belong to one module per service (`device_management`, `media1`, …), each a table from name to Operation;
what is in no table is refused. HTTP belongs to whoever serves a Device.

Sources: ONVIF Core Specification 5.8 (faults), 5.9.1 (authentication).
"""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol, TypeAlias
from urllib.parse import urlsplit

from onvif_protocol.authentication import Authenticator, Credentials, SlowedError, StaleNonceError
from onvif_protocol.base import Clock
from onvif_protocol.soap import (
    CONTENT_TYPE,
    Element,
    Envelope,
    Fault,
    FaultError,
    NotAuthorizedError,
    SoapError,
    build_envelope,
    build_fault,
    element,
    parse_envelope,
    qname,
)

MAX_REQUEST_BYTES: Final = 256 * 1024
"""No request of any client comes near this."""

_ANONYMOUS: Final = "http://www.w3.org/2005/08/addressing/anonymous"
_FAULT_ACTION: Final = "http://www.w3.org/2005/08/addressing/soap/fault"
"""ONVIF Core 9.9: all faults have this one."""
_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, as far as ONVIF is concerned."""

    target: str
    """Path and query, as the client wrote them."""
    body: bytes
    host: str
    """The Host header: `name` or `name:port`."""
    authorization: str = ""
    """The Authorization header."""
    scheme: str = "http"
    method: str = "POST"
    peer: str = ""
    """The client's address."""

    @property
    def base_url(self) -> str:
        """`scheme://host:port` of the address the request came to: what every XAddr starts with."""
        host = self.host if _HOST.fullmatch(self.host) else "localhost"
        return f"{self.scheme}://{host}"


class Outcome(StrEnum):
    """What came of a request, for metrics."""

    ANSWERED = "answered"
    FAULT = "fault"
    """The operation said no."""
    CHALLENGED = "challenged"
    """It came without credentials, or with a nonce that is too old: how every log-in by HTTP digest begins."""
    REFUSED = "refused"
    """Credentials that do not hold."""
    SLOWED = "slowed"
    """Refused unheard, as too many were wrong before."""
    MALFORMED = "malformed"
    """No SOAP request, or too long."""
    UNSUPPORTED = "unsupported"
    """An operation that is in no table."""
    FAILED = "failed"
    """The fault is ours."""


@dataclass(frozen=True, slots=True)
class Response:
    """The HTTP response. `headers` may repeat a name."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    outcome: Outcome = Outcome.ANSWERED


@dataclass(frozen=True, slots=True)
class Call:
    """What an operation is called with."""

    request: Element
    """The request's body element."""
    base_url: str
    user: str | None
    """None: nobody logged in, the operation is open."""
    target: str = ""
    """Path and query that the request came to: a subscription has its own."""
    peer: str = ""
    """The client's address."""

    @property
    def host(self) -> str:
        """The host of `base_url` without its port, an IPv6 address in brackets."""
        return host_of(self.base_url)


def host_of(base_url: str) -> str:
    """The host of a URL without its port, an IPv6 address in brackets."""
    host = urlsplit(base_url).hostname or "localhost"
    return f"[{host}]" if ":" in host else host


@dataclass(frozen=True, slots=True)
class Operation:
    """What one operation does: the answer's body element, or FaultError."""

    handler: Callable[[Call], Element] | Callable[[Call], Awaitable[Element]]
    open: bool = False
    """Whether it answers without credentials (Core 5.9.1: the access class PRE_AUTH)."""
    prefixes: tuple[str, ...] = ()
    """Those that only occur inside the answer's text, where XML tools cannot see them: `tns1` in a topic."""


Operations: TypeAlias = Mapping[str, Operation]
"""By the request element's name, `{namespace}local`."""


class Service(Protocol):
    """One ONVIF service of a device."""

    @property
    def namespace(self) -> str:
        """The namespace of its WSDL."""

    @property
    def path(self) -> str:
        """Where it is served, `/onvif/…`."""

    @property
    def version(self) -> tuple[int, int]:
        """Major and minor version of its WSDL."""

    def capabilities(self) -> Element:
        """Its `Capabilities` element, for GetServices and GetServiceCapabilities."""

    def operations(self) -> Operations:
        """Its table."""


class Device:
    """Serves one or more services under one authority.

    All of them answer on every path: clients do not agree on which path is whose.
    """

    def __init__(self, services: Sequence[Service], authenticator: Authenticator, clock: Clock) -> None:
        self._authenticator = authenticator
        self._clock = clock
        self._namespaces = {service.namespace for service in services}
        self.operations: dict[str, Operation] = {}
        for service in services:
            self.operations.update(service.operations())

    async def handle(self, request: Request) -> Response:
        """Answer one request. Never raises for what a client sent."""
        if len(request.body) > MAX_REQUEST_BYTES:
            return TOO_LONG
        try:
            envelope = parse_envelope(request.body)
        except SoapError as error:
            fault = Fault("Sender", f"not a SOAP 1.2 request: {error}", ("ter:WellFormed",))
            return _faulty(fault, Outcome.MALFORMED)
        operation = self.operations.get(envelope.name)
        user = None
        if operation is None or not operation.open:
            try:
                user = self._authenticate(request, envelope)
            except SlowedError as error:
                return _slowed(error.seconds)
            except NotAuthorizedError as error:
                return self._not_authorized(request, stale=isinstance(error, StaleNonceError))
            if user is None:
                return self._challenge(Outcome.CHALLENGED, stale=False)
        if operation is None:
            addressing = _addressing(envelope, _FAULT_ACTION)
            return _faulty(self._unknown(envelope.name), Outcome.UNSUPPORTED, addressing=addressing)
        try:
            answer = operation.handler(Call(envelope.body, request.base_url, user, request.target, request.peer))
            body = await answer if isinstance(answer, Awaitable) else answer
        except FaultError as error:
            return _faulty(error.fault, Outcome.FAULT, addressing=_addressing(envelope, _FAULT_ACTION))
        headers = _addressing(envelope, _answer_action(envelope))
        message = build_envelope(body, headers, keep=operation.prefixes)
        return Response(200, (("Content-Type", CONTENT_TYPE),), message)

    def _authenticate(self, request: Request, envelope: Envelope) -> str | None:
        credentials = Credentials(request.method, request.target, request.authorization, envelope.header, request.peer)
        return self._authenticator.authenticate(credentials, self._clock.utc_ns())

    def _unknown(self, name: str) -> Fault:
        """Core 5.8.2.2: what the device's services have but this one not, and what is no service's of the device."""
        if name.partition("}")[0][1:] in self._namespaces:
            return Fault("Receiver", "this operation is not supported", ("ter:ActionNotSupported",))
        return Fault("Sender", "this device has no such operation", ("ter:UnknownAction",))

    def _not_authorized(self, request: Request, *, stale: bool) -> Response:
        """Credentials that do not hold: a 401 for who came with HTTP digest, a fault for who came with a token."""
        if request.authorization:
            return self._challenge(Outcome.CHALLENGED if stale else Outcome.REFUSED, stale=stale)
        return _faulty(_NOT_AUTHORIZED, Outcome.REFUSED)

    def _challenge(self, outcome: Outcome, *, stale: bool) -> Response:
        challenges = self._authenticator.challenges(self._clock.utc_ns(), stale=stale)
        headers = tuple(("WWW-Authenticate", challenge) for challenge in challenges)
        return _faulty(_NOT_AUTHORIZED, outcome, status=401, headers=headers)


_NOT_AUTHORIZED: Final = Fault("Sender", "the sender is not authorized", ("ter:NotAuthorized",))


def _faulty(
    fault: Fault,
    outcome: Outcome,
    *,
    status: int | None = None,
    headers: tuple[tuple[str, str], ...] = (),
    addressing: Sequence[Element] = (),
) -> Response:
    message = build_fault(fault, addressing)
    return Response(status or fault.http_status, (("Content-Type", CONTENT_TYPE), *headers), message, outcome)


def _slowed(seconds: float) -> Response:
    """RFC 6585 4: to try the same at once would only take longer."""
    wait = math.ceil(seconds)
    reason = f"too many wrong passwords: try again in {wait} seconds"
    fault = Fault("Sender", reason, ("ter:NotAuthorized",))
    return _faulty(fault, Outcome.SLOWED, status=429, headers=(("Retry-After", str(wait)),))


TOO_LONG: Final = _faulty(
    Fault("Sender", "the request is too long", ("ter:WellFormed",)), Outcome.MALFORMED, status=413
)
"""For whoever need not read a body to see that."""
FAILED: Final = _faulty(Fault("Receiver", "the device failed on this request", ("ter:Action",)), Outcome.FAILED)
"""For whoever catches what no operation should raise."""


def _addressing(envelope: Envelope, action: str) -> list[Element]:
    """The WS-Addressing headers of an answer (Core 9, WS-Addressing 1.0 Core 3.4), for who sent some.

    Clients that never heard of it get none: some take them for an error.
    """
    if not envelope.header_text("wsa:Action"):
        return []
    message = envelope.header_text("wsa:MessageID")
    relates = [element("wsa:RelatesTo", message)] if message else []
    return [element("wsa:To", _ANONYMOUS), element("wsa:Action", action), *relates]


def _answer_action(envelope: Envelope) -> str:
    """What the WSDLs name the answer to a request of this action."""
    return envelope.header_text("wsa:Action").removesuffix("Request") + "Response"


def invalid_argument(reason: str, subcode: str) -> FaultError:
    """The fault for an argument that does not fit: `ter:InvalidArgVal` and, below it, `subcode`."""
    return FaultError(Fault("Sender", reason, ("ter:InvalidArgVal", subcode)))


def refusing(prefix: str, names: Sequence[str]) -> dict[str, Operation]:
    """A table of operations that devices of this kind have, and that nobody may use here: they would change the gateway
    or restart it. Core 5.8.2.2: `ter:OperationProhibited`.
    """
    return {qname(f"{prefix}:{name}"): Operation(_prohibited) for name in names}


def _prohibited(_: Call) -> Element:
    raise FaultError(Fault("Sender", "nobody may do this over ONVIF", ("ter:OperationProhibited",)))
