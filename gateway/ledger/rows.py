"""One row of a camera's ledger: how it is written, and how it is read back to the last byte. Sans-IO.

A line of the file is canonical JSON (RFC 8785): `{"body":…,"link":…,"sequence":…}`, and with a signature
`{"body":…,"key":…,"link":…,"sequence":…,"signature":…}`. Every byte of it matters: what is spelt in another way than
it was written (capital hexadecimal, the unused bits at the end of Base64) is no row. Which rows follow one another is
`gateway.ledger.chain`'s business, where they lie `gateway.ledger.journal`'s, and what the kinds mean is in
docs/evidence.md.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.base.rfc3339 import format_utc_ns
from gateway.ledger.chain import Head, canonical, canonical_text
from gateway.ledger.keys import Signature

FRAGMENT = "fragment"
"""The one kind of row that is not signed: there is one a second."""
KEY = "key"
"""In this row the key that signed so far names the one that signs from the next row on."""

_ENVELOPE = rb'"link":"([0-9a-f]{64})","sequence":([1-9][0-9]{0,15})'
_UNSIGNED = re.compile(rb'\{"body":(\{.*\}),' + _ENVELOPE + rb"\}")
_SIGNED = re.compile(
    rb'\{"body":(\{.*\}),"key":"([0-9a-f]{16})",' + _ENVELOPE + rb',"signature":"([A-Za-z0-9+/]{86}==)"\}'
)


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it was written."""

    sequence: int
    canonical: bytes
    """The body as it stands in the file: what its link was made of."""
    body: Mapping[str, Any]
    sha256: bytes
    """Its link, as it says; whether that holds, `gateway.ledger.proof` finds out."""
    signature: Signature | None

    @property
    def kind(self) -> str:
        """What it tells of."""
        return str(self.body.get("kind", ""))

    @property
    def head(self) -> Head:
        """The chain's head when this was its newest row."""
        return Head(self.sequence, self.sha256)


def parse(line: bytes) -> Row:
    """A line without its end.

    Raises:
        ValueError: it is no row.
    """
    signature = None
    if (found := _SIGNED.fullmatch(line)) is not None:
        body, key, link, sequence, text = found.groups()
        raw = b64decode(text)
        if b64encode(raw) != text:
            raise ValueError("its signature is spelt in another way than it was written")
        signature = Signature(key.decode(), raw)
    elif (found := _UNSIGNED.fullmatch(line)) is not None:
        body, link, sequence = found.groups()
    else:
        raise ValueError("it is no row of a ledger")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("its body is not JSON") from None
    return Row(int(sequence), body, value, bytes.fromhex(link.decode()), signature)


def unsigned_line(body: bytes, head: Head) -> bytes:
    """The line of a row, `head` being its own number and link."""
    return b'{"body":%b,"link":"%b","sequence":%d}\n' % (body, head.sha256.hex().encode(), head.sequence)


def signed_line(body: bytes, head: Head, signature: Signature) -> bytes:
    """The line of a row that is signed."""
    return b'{"body":%b,"key":"%b","link":"%b","sequence":%d,"signature":"%b"}\n' % (
        body, signature.key.encode(), head.sha256.hex().encode(), head.sequence, b64encode(signature.value),
    )  # fmt: skip


def fragment_body(camera: str, utc_ns: int, row: Mapping[str, Any]) -> bytes:
    """The canonical body of a `fragment` row, composed by hand: rfc8785 takes a hundred times as long."""
    # In the order of the members' names; hexadecimal digits and times need no escapes.
    return (
        f'{{"bytes":{row["bytes"]:d},"camera":{canonical_text(camera)},"file":{canonical_text(row["file"])},'
        f'"kind":"fragment","sha256":"{row["sha256"]}","to":"{row["to"]}","utc":"{format_utc_ns(utc_ns)}"}}'
    ).encode()


def signed_body(camera: str, utc_ns: int, clock: Mapping[str, Any], row: Mapping[str, Any]) -> bytes:
    """The canonical body of any other row.

    Raises:
        ValueError: what it tells is no I-JSON.
    """
    return canonical({**row, "camera": camera, "utc": format_utc_ns(utc_ns), "clock": dict(clock)})
