"""Append-only chains: rows of which none can be changed, removed, slipped in or moved without its showing.

Entry n of a chain has a body, a JSON object, and a link: the SHA-256 of the canonical JSON (RFC 8785)

    {"body": …, "previous": "the link of entry n-1 in hexadecimal", "sequence": n}

Entries count from 1, and what precedes the first is 32 zero bytes. Whoever keeps a chain stores bodies, numbers and
links as suits it, and the chain's `Head` (number and link of the newest entry) beside them: without it nobody sees that
the end was cut off. A chain proves nothing against somebody who can write it anew from a place on, head and all:
that takes a head, or a signature over one, kept where that somebody cannot reach.

What the entries of a chain say belongs to who keeps it: `gateway.access.audit` for who did what.
"""

from __future__ import annotations

import hashlib
from binascii import hexlify
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from json.encoder import encode_basestring
from typing import Any

import rfc8785


@dataclass(frozen=True, slots=True)
class Head:
    """An entry of a chain: its number and its link. Written `17:9f86d0…`."""

    sequence: int
    sha256: bytes

    def __str__(self) -> str:
        return f"{self.sequence}:{self.sha256.hex()}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """The head that `str` wrote.

        Raises:
            ValueError: it did not.
        """
        number, _, link_hex = text.partition(":")
        head = cls(int(number), bytes.fromhex(link_hex))
        if head.sequence < 0 or len(head.sha256) != hashlib.sha256().digest_size:
            raise ValueError(f"{text} is no head of a chain")
        return head


START = Head(0, bytes(32))
"""What precedes the first entry."""


def canonical(value: Mapping[str, Any]) -> bytes:
    """Canonical JSON (RFC 8785).

    Raises:
        ValueError: it is no I-JSON (RFC 7493): a lone surrogate, NaN, an integer beyond 2**53 - 1, a key that is no
            string.
    """
    try:
        return rfc8785.dumps(dict(value))
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise ValueError(f"this cannot be written as canonical JSON: {error}") from error


canonical_text: Callable[[str], str] = encode_basestring
"""A JSON string as RFC 8785 3.2.2.2 writes it, quotes and all: for who composes a body of known members.

rfc8785 is written in Python and takes 50 µs for a small object, which is too long for a day of 333,000 of them. Both
escape the same characters in the same way.
"""


def link(previous: Head, body: bytes) -> Head:
    """The entry that follows `previous`. `body` is canonical JSON."""
    sequence = previous.sequence + 1
    return Head(sequence, _digest(body, previous.sha256, sequence))


def _digest(body: bytes, previous: bytes, sequence: int) -> bytes:
    # The members stand in the order of their names, so the whole is canonical when the body is.
    return hashlib.sha256(b'{"body":%b,"previous":"%b","sequence":%d}' % (body, hexlify(previous), sequence)).digest()


# ---- proof


class Fault(StrEnum):
    """Why a chain does not hold."""

    CHANGED = "changed"
    """The entry's link is not that of its body, number and predecessor: it was changed, moved, or slipped in."""
    MISSING = "missing"
    ADDED = "added"
    """It stands beyond the head."""
    UNREADABLE = "unreadable"
    """What lies in its place is no row."""
    UNSIGNED = "unsigned"
    """It should carry the signature of a known key, and does not."""


@dataclass(frozen=True, slots=True)
class Break:
    """The first entry of a chain that does not hold."""

    sequence: int
    fault: Fault

    def __str__(self) -> str:
        match self.fault:
            case Fault.CHANGED:
                return f"row {self.sequence} does not hold: it was changed, put in another's place, or slipped in"
            case Fault.MISSING:
                return f"row {self.sequence} is missing"
            case Fault.ADDED:
                return f"row {self.sequence} was added past the end of the chain"
            case Fault.UNREADABLE:
                return f"row {self.sequence} cannot be read: what lies in its place is no row"
            case Fault.UNSIGNED:
                return f"row {self.sequence} does not hold: no known key signed it as it is"


class Verifier:
    """Follows a chain from the entry after `start`, which is taken on trust; sans-IO."""

    def __init__(self, start: Head = START) -> None:
        self._sequence, self._sha256 = start.sequence, start.sha256

    @property
    def reached(self) -> Head:
        """The last entry that holds."""
        return Head(self._sequence, self._sha256)

    def follow(self, sequence: int, body: bytes, sha256: bytes) -> Break | None:
        """Hold the next entry, by number, against the chain; None when it fits. `body` is canonical JSON."""
        expected = self._sequence + 1
        if sequence != expected:
            return Break(expected, Fault.MISSING)
        digest = _digest(body, self._sha256, expected)
        if sha256 != digest:
            return Break(expected, Fault.CHANGED)
        self._sequence, self._sha256 = expected, digest
        return None
