"""Where positions are sent: `[[positions.cot]]`, one for each place that takes Cursor on Target."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, model_validator

from gateway.base.section import Groups, Section

COT_TYPE = re.compile(r"a(-[A-Za-z.]){2}(-[A-Za-z0-9]+)*")
"""An atom of the type tree: affiliation, then where, then what it is (MIL-STD-2525)."""


def _cot_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        fine = parts.scheme in {"udp", "tcp", "tls"} and bool(parts.hostname) and bool(parts.port)
        fine = fine and not (parts.username or parts.path or parts.query or parts.fragment)
    except ValueError:
        fine = False
    if not fine:
        raise ValueError('write "udp://239.2.3.1:6969", "tcp://10.1.2.3:8087" or "tls://tak.example:8089"')
    return text


def _cot_type(text: str) -> str:
    if not COT_TYPE.fullmatch(text):
        raise ValueError(f'write a type of CoT as in "a-f-G-U-C" instead of "{text[:40]}"')
    return text


class CotTarget(Section):
    """A TAK server or a multicast group that is told where the units are."""

    url: Annotated[str, AfterValidator(_cot_url)]
    groups: Groups = ()
    """Of cameras; none: all."""
    type: Annotated[str, AfterValidator(_cot_type)] = "a-f-G-U-C"
    """By default an atom, friendly, on the ground, a unit, combat: what TAK's own clients call a person on foot."""
    certificate: Path | None = None
    """PEM, of the client: what a TAK server knows us by."""
    key: Path | None = None
    ca: Path | None = None
    """PEM, of those who vouch for the server; without it the system's."""
    server_name: str = ""
    """The name in the server's certificate, where that is not the one in `url`."""

    @property
    def address(self) -> SplitResult:
        """`url`, in parts."""
        return urlsplit(self.url)

    @property
    def is_multicast(self) -> bool:
        """Whether it is a group, not one host."""
        try:
            return ipaddress.ip_address(self.address.hostname or "").is_multicast
        except ValueError:
            return False

    @model_validator(mode="after")
    def _tls_only(self) -> CotTarget:
        if (self.certificate is None) != (self.key is None):
            raise ValueError('a client\'s certificate needs both "certificate" and "key"')
        if self.address.scheme != "tls" and (self.certificate or self.ca or self.server_name):
            raise ValueError('"certificate", "key", "ca" and "server_name" are for "tls://" only')
        if self.is_multicast and self.address.scheme != "udp":
            raise ValueError('a multicast group takes "udp://" only')
        return self


class Positions(Section):
    """Where positions are sent beside those who ask for them."""

    cot: tuple[CotTarget, ...] = ()

    @model_validator(mode="after")
    def _each_once(self) -> Positions:
        urls = [target.url for target in self.cot]
        if len(set(urls)) != len(urls):
            raise ValueError("two of positions.cot have the same url")
        return self
