"""An anchor: one signed hash over the heads of all chains at a moment, as a line of JSON. Sans-IO.

A line is canonical JSON (RFC 8785): `{"heads":{chain: head, …},"key":…,"rfc3161":…,"root":…,"signature":…,"utc":…}`.
`root` is the Merkle root over `heads`; the signature is over the SHA-256 of `{"root":…,"utc":…}`; `rfc3161` is null or
the Base64 of a TimeStampResp (RFC 3161 2.4.2) whose imprint is the root. When anchors are made and where they go is
`gateway.ledger.anchors`'s business.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.base.rfc3339 import format_utc_ns, parse_utc_ns
from gateway.ledger import merkle
from gateway.ledger.chain import Head, canonical
from gateway.ledger.keys import PublicKeys, Signature, Signer

ANCHORS_FILE = "anchors.jsonl"
CAMERA = "camera/"
"""Before a camera's id this is the name of its ledger among the heads."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """One line."""

    utc_ns: int
    root: bytes
    heads: Mapping[str, Head]
    """By chain: `camera/unit-12`, `audit`."""
    signature: Signature
    token: bytes | None
    """A TimeStampResp, DER; None: nobody else has stamped it."""

    def line(self) -> bytes:
        """As it stands in the file, with its end."""
        value = {
            "heads": _texts(self.heads),
            "key": self.signature.key,
            "rfc3161": None if self.token is None else b64encode(self.token).decode(),
            "root": self.root.hex(),
            "signature": b64encode(self.signature.value).decode(),
            "utc": format_utc_ns(self.utc_ns),
        }
        return canonical(value) + b"\n"

    def fault(self, keys: PublicKeys) -> str | None:
        """What does not hold about it by itself, as a sentence; None: nothing. The token is not looked at."""
        if merkle.root(merkle.leaves_of(_texts(self.heads))) != self.root:
            return "its root is not that of its heads"
        if not keys.holds(self.signature, statement(self.root, self.utc_ns)):
            return "no known key signed it as it is"
        return None


def make(heads: Mapping[str, Head], utc_ns: int, signer: Signer, token: bytes | None) -> Anchor:
    """The anchor of these heads.

    Raises:
        OSError: the signing key cannot be read.
    """
    root = merkle.root(merkle.leaves_of(_texts(heads)))
    return Anchor(utc_ns, root, heads, signer.sign(statement(root, utc_ns)), token)


def parse(line: bytes) -> Anchor:
    """A line without its end.

    Raises:
        ValueError: it is none.
    """
    try:
        value: dict[str, Any] = json.loads(line)
        token = value["rfc3161"]
        anchor = Anchor(
            parse_utc_ns(value["utc"]),
            bytes.fromhex(value["root"]),
            {str(chain): Head.parse(head) for chain, head in value["heads"].items()},
            Signature(str(value["key"]), b64decode(value["signature"], validate=True)),
            None if token is None else b64decode(token, validate=True),
        )
        if anchor.line() != line + b"\n":
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError("it is no anchor") from None
    return anchor


def statement(root: bytes, utc_ns: int) -> bytes:
    """What the signature is over."""
    return hashlib.sha256(canonical({"root": root.hex(), "utc": format_utc_ns(utc_ns)})).digest()


def hashed_last(heads: Mapping[str, Head]) -> bytes:
    """The bytes whose SHA-256 is the root of these heads."""
    return merkle.hashed_last(merkle.leaves_of(_texts(heads)))


def _texts(heads: Mapping[str, Head]) -> dict[str, str]:
    return {chain: str(head) for chain, head in heads.items()}
