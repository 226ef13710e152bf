"""ICE-lite (RFC 8445 2.5): reading and answering a viewer's STUN Binding requests (RFC 8489).

Here belong credentials, authentication and candidates. No I/O: datagrams in, datagrams out. Which peer a datagram is
for, and where its packets go, is decided in `port` and `peer`. Candidates of the other side are never looked at, so
no name is ever resolved.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from aioice import stun

Address: TypeAlias = tuple[str, int]
"""Host and port of a peer, as the socket gives it (IPv4), or the first two members of what it gives (IPv6)."""

_HEADER_SIZE = 20
_COOKIE = stun.COOKIE.to_bytes(4, "big")
_BINDING_REQUEST = b"\x00\x01"
_USERNAME = 0x0006
_MAX_REQUEST = 1200
"""Bytes. A Binding request has about 120; nothing longer is worth an HMAC."""
_ROLE_CONFLICT = 487
_HOST_TYPE_PREFERENCE = 126
_RTP_COMPONENT = 1


@dataclass(frozen=True, slots=True)
class Credentials:
    """The short-term credentials of one side of one session (RFC 8445 5.3)."""

    ufrag: str
    password: str

    @classmethod
    def make(cls) -> Credentials:
        """Fresh ones: 48 bits to be found by, 192 bits that must be known."""
        return cls(secrets.token_hex(6), secrets.token_hex(24))


@dataclass(frozen=True, slots=True)
class BindingRequest:
    """A request whose sender knows the session's password."""

    transaction_id: bytes
    use_candidate: bool
    """The peer nominates the pair that this came by."""
    controlled: bool
    """The peer believes that we control: a lite agent never does (RFC 8445 6.1.1)."""


def is_stun(datagram: bytes) -> bool:
    """Whether this is STUN, among what shares the port (RFC 7983, RFC 8489 5)."""
    return len(datagram) >= _HEADER_SIZE and datagram[0] < 4 and datagram[4:8] == _COOKIE


def addressed_ufrag(datagram: bytes) -> str | None:
    """Whose session a Binding request is for: the part of USERNAME before the colon (RFC 8445 7.2.2).

    Reads nothing else, so that requests to nobody cost next to nothing. None: not a Binding request, or no USERNAME.
    """
    if datagram[:2] != _BINDING_REQUEST or len(datagram) > _MAX_REQUEST:
        return None
    at, end = _HEADER_SIZE, len(datagram) - 4
    while at <= end:
        kind, length = struct.unpack_from("!HH", datagram, at)
        if kind == _USERNAME:
            ours, colon, _ = datagram[at + 4 : at + 4 + length].partition(b":")
            return ours.decode("ascii", "replace") if colon else None
        at += 4 + (length + 3 & ~3)
    return None


def authenticate(datagram: bytes, credentials: Credentials) -> BindingRequest | None:
    """Read a Binding request; None unless FINGERPRINT is there and right and MESSAGE-INTEGRITY knows our password."""
    try:
        message = stun.parse_message(datagram)
    except (ValueError, struct.error, IndexError):
        return None
    if message.message_method is not stun.Method.BINDING or message.message_class is not stun.Class.REQUEST:
        return None
    if "FINGERPRINT" not in message.attributes:
        return None
    if not message.check_message_integrity(credentials.password.encode()):
        return None
    return BindingRequest(
        message.transaction_id, "USE-CANDIDATE" in message.attributes, "ICE-CONTROLLED" in message.attributes
    )


def answer(request: BindingRequest, source: Address, credentials: Credentials) -> bytes:
    """The response to an authenticated request: success with the peer's address as we see it, or 487."""
    attributes: dict[str, object] = {"XOR-MAPPED-ADDRESS": source}
    kind = stun.Class.RESPONSE
    if request.controlled:
        attributes = {"ERROR-CODE": (_ROLE_CONFLICT, "Role Conflict")}
        kind = stun.Class.ERROR
    response = stun.Message(stun.Method.BINDING, kind, request.transaction_id, attributes)
    response.add_message_integrity(credentials.password.encode())
    return bytes(response)


def host_candidates(addresses: Iterable[Address]) -> tuple[str, ...]:
    """The values of `a=candidate` lines for UDP host candidates, best first (RFC 8839 5.1, RFC 8445 5.1.2.1)."""
    return tuple(
        f"{index + 1} {_RTP_COMPONENT} udp {_priority(0xFFFF - index)} {host} {port} typ host"
        for index, (host, port) in enumerate(addresses)
    )


def _priority(local_preference: int) -> int:
    return (_HOST_TYPE_PREFERENCE << 24) + (local_preference << 8) + (256 - _RTP_COMPONENT)
