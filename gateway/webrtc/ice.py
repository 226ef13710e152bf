"""ICE-lite (RFC 8445 2.5): the credentials of a session, and the candidates that its answer names.

Here belongs what the two sides tell each other of ICE. No I/O. Requests are read in `stun`, and find their peer in
`port`. Candidates of the other side are never looked at, so no name is ever resolved.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

HostPort: TypeAlias = tuple[str, int]
"""An IP address and a port."""

_UDP_TYPE_PREFERENCE = 126
_TCP_TYPE_PREFERENCE = 90
"""Of host candidates. TCP delivers late what UDP would lose, so it comes after all of UDP (RFC 6544 4.2)."""
_PASSIVE = 4 << 13
"""The direction preference of a passive TCP host candidate, the upper bits of its local preference (RFC 6544 4.2)."""
_LOWEST_PREFERENCE = 0x1FFF
_RTP_COMPONENT = 1


@dataclass(frozen=True, slots=True)
class Credentials:
    """The short-term credentials of one side of one ICE session (RFC 8445 5.3)."""

    ufrag: str
    password: str

    @classmethod
    def make(cls) -> Credentials:
        """Fresh ones: 48 bits to be found by, 192 bits that must be known."""
        return cls(secrets.token_hex(6), secrets.token_hex(24))


def host_candidates(addresses: Iterable[HostPort]) -> tuple[str, ...]:
    """The values of `a=candidate` lines for `addresses`, best first: all by UDP, then all by TCP.

    RFC 8839 5.1, RFC 8445 5.1.2.1; `tcptype passive` is RFC 6544 4.5. At most 8192 addresses.
    """
    udp, tcp = [], []
    for index, (host, port) in enumerate(addresses):
        best = _priority(_UDP_TYPE_PREFERENCE, 0xFFFF - index)
        udp.append(f"{2 * index + 1} {_RTP_COMPONENT} udp {best} {host} {port} typ host")
        best = _priority(_TCP_TYPE_PREFERENCE, _PASSIVE + _LOWEST_PREFERENCE - index)
        tcp.append(f"{2 * index + 2} {_RTP_COMPONENT} tcp {best} {host} {port} typ host tcptype passive")
    return (*udp, *tcp)


def plain_host(host: str) -> str:
    """`host` as its owner knows it: an IPv4 address that a dual-stack socket shows as IPv6 is IPv4 again."""
    if not host.startswith("::ffff:"):
        return host
    mapped = ipaddress.IPv6Address(host.partition("%")[0]).ipv4_mapped
    return host if mapped is None else str(mapped)


def _priority(type_preference: int, local_preference: int) -> int:
    return (type_preference << 24) + (local_preference << 8) + (256 - _RTP_COMPONENT)
