"""STUN Binding requests and their answers (RFC 8489), as a lite agent of ICE needs them (RFC 8445 7.3).

Here belongs the layout of the messages, and nothing else of STUN: we ask nobody. Bytes in, bytes out. Reading refuses
what is cheapest to refuse first, because anybody can send to the port; who the requests are for is decided in `port`.
"""

from __future__ import annotations

import hmac
import ipaddress
import struct
from binascii import crc32
from dataclasses import dataclass

MAX_REQUEST = 1200
"""Bytes. A Binding request has about 120; nothing longer is worth an HMAC."""

_COOKIE = b"\x21\x12\xa4\x42"
_COOKIE_NUMBER = 0x2112A442
_HEADER = struct.Struct("!HH4s12s")
_ATTRIBUTE = struct.Struct("!HH")
_FINGERPRINT_VALUE = struct.Struct("!I")
_FINGERPRINT_XOR = 0x5354554E

_BINDING_REQUEST, _BINDING_SUCCESS, _BINDING_ERROR = 0x0001, 0x0101, 0x0111
_USERNAME, _MESSAGE_INTEGRITY, _ERROR_CODE, _XOR_MAPPED_ADDRESS = 0x0006, 0x0008, 0x0009, 0x0020
_USE_CANDIDATE, _FINGERPRINT, _ICE_CONTROLLED = 0x0025, 0x8028, 0x8029
_INTEGRITY_SIZE, _FINGERPRINT_SIZE = 24, 8
"""Attributes, with their headers."""


@dataclass(frozen=True, slots=True)
class BindingRequest:
    """A well-formed request, whose sender has still to prove that it knows the password."""

    transaction_id: bytes
    ufrag: str
    """Whose session it is for: the part of USERNAME before the colon (RFC 8445 7.2.2)."""
    use_candidate: bool
    """The peer nominates the pair that this came by."""
    controlled: bool
    """The peer believes that we control: a lite agent never does (RFC 8445 6.1.1)."""
    integrity_at: int
    """Where MESSAGE-INTEGRITY begins."""


def is_stun(datagram: bytes) -> bool:
    """Whether this is STUN, among what shares the port (RFC 7983, RFC 8489 5)."""
    return len(datagram) >= _HEADER.size and datagram[0] < 4 and datagram[4:8] == _COOKIE


def read_request(datagram: bytes) -> BindingRequest | None:
    """Read a Binding request; None unless it has USERNAME, MESSAGE-INTEGRITY, and a FINGERPRINT at its end.

    FINGERPRINT is not compared: see `authenticate`. What stands behind MESSAGE-INTEGRITY is not signed, and passed over
    (RFC 8489 14.5). Attributes that nobody here knows are passed over, too.
    """
    end = len(datagram) - _FINGERPRINT_SIZE
    if not _HEADER.size <= end <= MAX_REQUEST:
        return None
    kind, length, _, transaction_id = _HEADER.unpack_from(datagram)
    if kind != _BINDING_REQUEST or length != len(datagram) - _HEADER.size:
        return None
    if _ATTRIBUTE.unpack_from(datagram, end) != (_FINGERPRINT, 4):
        return None
    ufrag: str | None = None
    use_candidate = controlled = False
    at = _HEADER.size
    while at < end:
        kind, length = _ATTRIBUTE.unpack_from(datagram, at)
        if kind == _MESSAGE_INTEGRITY:
            if ufrag is None or length != _INTEGRITY_SIZE - 4 or at + _INTEGRITY_SIZE > end:
                return None
            return BindingRequest(transaction_id, ufrag, use_candidate, controlled, at)
        if kind == _USERNAME:
            ours, colon, _ = datagram[at + 4 : at + 4 + length].partition(b":")
            ufrag = ours.decode("ascii", "replace") if colon else None
        elif kind == _USE_CANDIDATE:
            use_candidate = True
        elif kind == _ICE_CONTROLLED:
            controlled = True
        at += 4 + (length + 3 & ~3)
    return None


def authenticate(datagram: bytes, request: BindingRequest, password: str) -> bool:
    """Whether FINGERPRINT is right, which is cheap to tell, and MESSAGE-INTEGRITY knows our password."""
    (fingerprint,) = _FINGERPRINT_VALUE.unpack_from(datagram, len(datagram) - 4)
    if crc32(datagram[:-_FINGERPRINT_SIZE]) ^ _FINGERPRINT_XOR != fingerprint:
        return False
    at = request.integrity_at
    return hmac.compare_digest(datagram[at + 4 : at + _INTEGRITY_SIZE], _integrity(datagram[:at], password))


def success(request: BindingRequest, host: str, port: int, password: str) -> bytes:
    """The response that tells the peer its address as we see it: an IPv4 or IPv6 address, perhaps with a scope."""
    number = int(address := ipaddress.ip_address(host))
    if address.version == 4:
        family, mapped = 1, (number ^ _COOKIE_NUMBER).to_bytes(4, "big")
    else:
        family, mapped = 2, (number ^ int.from_bytes(_COOKIE + request.transaction_id, "big")).to_bytes(16, "big")
    value = struct.pack("!BBH", 0, family, port ^ _COOKIE_NUMBER >> 16) + mapped
    return _response(_BINDING_SUCCESS, request, _ATTRIBUTE.pack(_XOR_MAPPED_ADDRESS, len(value)) + value, password)


def error(request: BindingRequest, code: int, reason: str, password: str) -> bytes:
    """An error response. `reason` is ASCII."""
    value = struct.pack("!HBB", 0, code // 100, code % 100) + reason.encode("ascii")
    padding = bytes(-len(value) % 4)
    attribute = _ATTRIBUTE.pack(_ERROR_CODE, len(value)) + value + padding
    return _response(_BINDING_ERROR, request, attribute, password)


def _response(kind: int, request: BindingRequest, attribute: bytes, password: str) -> bytes:
    """A signed message with one attribute of its own."""
    length = len(attribute) + _INTEGRITY_SIZE + _FINGERPRINT_SIZE
    unsigned = _HEADER.pack(kind, length, _COOKIE, request.transaction_id) + attribute
    integrity = _ATTRIBUTE.pack(_MESSAGE_INTEGRITY, _INTEGRITY_SIZE - 4) + _integrity(unsigned, password)
    signed = unsigned + integrity
    fingerprint = _FINGERPRINT_VALUE.pack(crc32(signed) ^ _FINGERPRINT_XOR)
    return signed + _ATTRIBUTE.pack(_FINGERPRINT, 4) + fingerprint


def _integrity(unsigned: bytes, password: str) -> bytes:
    """HMAC-SHA1 over a message up to MESSAGE-INTEGRITY, its length counted as if that were the end (RFC 8489 14.5)."""
    length = len(unsigned) - _HEADER.size + _INTEGRITY_SIZE
    return hmac.digest(password.encode(), unsigned[:2] + length.to_bytes(2, "big") + unsigned[4:], "sha1")
