"""The syntax of single RTSP header fields: Transport, Session, RTP-Info, Public (RFC 2326 12).

Text in, values out, and back. Cameras write these loosely, so parsing takes what it can and leaves out the rest; it
never raises. Authentication's fields belong in `auth`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DEFAULT_TIMEOUT = 60
"""Seconds a session lives without a sign of life when its server does not say (RFC 2326 12.37)."""

Pair = tuple[int, int]
"""Two channels or ports: RTP's, RTCP's."""


@dataclass(frozen=True, slots=True)
class Transport:
    """One way to carry a track (RFC 2326 12.39). None or empty: not said."""

    tcp: bool
    """RTP/AVP/TCP: within the RTSP connection. Otherwise UDP."""
    unicast: bool = True
    interleaved: Pair | None = None
    client_port: Pair | None = None
    server_port: Pair | None = None
    source: str = ""
    destination: str = ""
    ssrc: int | None = None
    mode: str = ""
    """PLAY or RECORD, upper case."""

    @classmethod
    def parse(cls, value: str) -> tuple[Transport, ...]:
        """The transports that a header field offers, best first, without those that are not RTP/AVP."""
        return tuple(filter(None, (_parse_transport(text) for text in value.split(","))))

    def encode(self) -> str:
        """The value of a header field that offers just this."""
        parts = ["RTP/AVP/TCP" if self.tcp else "RTP/AVP", "unicast" if self.unicast else "multicast"]
        for name, pair in (
            ("interleaved", self.interleaved),
            ("client_port", self.client_port),
            ("server_port", self.server_port),
        ):
            if pair is not None:
                parts.append(f"{name}={pair[0]}-{pair[1]}")
        if self.source:
            parts.append(f"source={self.source}")
        if self.destination:
            parts.append(f"destination={self.destination}")
        if self.ssrc is not None:
            parts.append(f"ssrc={self.ssrc:08X}")
        if self.mode:
            parts.append(f'mode="{self.mode}"')
        return ";".join(parts)


def _parse_transport(text: str) -> Transport | None:
    spec, *parameters = (part.strip() for part in text.split(";"))
    if spec.upper() not in ("RTP/AVP", "RTP/AVP/TCP", "RTP/AVP/UDP"):
        return None
    values: dict[str, str] = {}
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        values.setdefault(name.strip().lower(), value.strip().strip('"'))
    ssrc = values.get("ssrc", "").strip().lower().removeprefix("0x")
    return Transport(
        tcp=spec.upper().endswith("/TCP"),
        unicast="multicast" not in values,
        interleaved=_pair(values.get("interleaved", ""), 0xFF),
        client_port=_pair(values.get("client_port", ""), 0xFFFF),
        server_port=_pair(values.get("server_port", ""), 0xFFFF),
        source=values.get("source", ""),
        destination=values.get("destination", ""),
        ssrc=int(ssrc, 16) if re.fullmatch(r"[0-9a-f]{1,8}", ssrc) else None,
        mode=values.get("mode", "").upper(),
    )


def _pair(text: str, largest: int) -> Pair | None:
    match = re.fullmatch(r"([0-9]{1,5})(?:\s*-\s*([0-9]{1,5}))?", text)
    if match is None:
        return None
    first = int(match[1])
    second = int(match[2]) if match[2] else first + 1
    return (first, second) if max(first, second) <= largest else None


@dataclass(frozen=True, slots=True)
class Session:
    """A session and how many seconds it lives without a sign of life (RFC 2326 12.37)."""

    id: str
    timeout: int = DEFAULT_TIMEOUT

    @classmethod
    def parse(cls, value: str) -> Session | None:
        """From a header field; None when it names no session."""
        name, *parameters = (part.strip() for part in value.split(";"))
        if not name:
            return None
        for parameter in parameters:
            if match := re.fullmatch(r"timeout\s*=\s*\"?([0-9]{1,6})\"?", parameter, re.IGNORECASE):
                return cls(name, int(match[1]) or DEFAULT_TIMEOUT)
        return cls(name)

    def encode(self) -> str:
        """The value of a response's header field."""
        return f"{self.id};timeout={self.timeout}"


@dataclass(frozen=True, slots=True)
class RtpInfo:
    """Where a track's packets begin after PLAY (RFC 2326 12.33). A hint only: cameras leave it out or get it wrong."""

    url: str
    """As written: absolute, or relative to the presentation."""
    sequence: int | None = None
    timestamp: int | None = None

    @classmethod
    def parse(cls, value: str) -> tuple[RtpInfo, ...]:
        """From a header field, in its order. URLs may hold commas and semicolons."""
        entries = re.split(r",\s*(?=url\s*=)", value.strip(), flags=re.IGNORECASE)
        return tuple(filter(None, (_parse_rtp_info(entry) for entry in entries)))

    def encode(self) -> str:
        """One entry of a header field; entries are joined by commas."""
        sequence = "" if self.sequence is None else f";seq={self.sequence}"
        timestamp = "" if self.timestamp is None else f";rtptime={self.timestamp}"
        return f"url={self.url}{sequence}{timestamp}"


def _parse_rtp_info(entry: str) -> RtpInfo | None:
    name, _, url = entry.partition("=")
    if name.strip().lower() != "url":
        return None
    values: dict[str, int] = {}
    while True:  # parameters are taken from the end, so that what the URL holds stays the URL's
        rest, semicolon, parameter = url.rpartition(";")
        name, _, value = (part.strip() for part in parameter.partition("="))
        if not semicolon or name.lower() not in ("seq", "rtptime", "ssrc"):
            return RtpInfo(url.strip(), _within(values.get("seq"), 16), _within(values.get("rtptime"), 32))
        if re.fullmatch(r"[0-9]{1,10}", value):
            values[name.lower()] = int(value)
        url = rest


def _within(number: int | None, bits: int) -> int | None:
    return number if number is not None and number >> bits == 0 else None


def public(value: str) -> frozenset[str]:
    """The methods that a Public or Allow field names, upper case."""
    return frozenset(filter(None, (name.strip().upper() for name in value.split(","))))
