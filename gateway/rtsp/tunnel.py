"""RTSP through HTTP (Apple's "Tunnelling RTSP and RTP over HTTP", ONVIF Streaming 5.2.1.4): heads and coding, sans-IO.

A client opens two connections with the same `x-sessioncookie`: a GET, on whose answer everything we send travels as it
is, and a POST, whose body holds all it sends, in base 64. Which connection belongs to which is for `front` to know.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass

MAX_HEAD = 8 << 10
"""Bytes of an HTTP request's line and header fields."""
MAX_COOKIE = 128
MEDIA_TYPE = "application/x-rtsp-tunnelled"

_REQUEST_LINE = re.compile(r"(GET|POST) \S+ HTTP/1\.[01]")
_END = re.compile(rb"\r?\n\r?\n")
_BLANK = bytes.maketrans(b"", b""), b" \t\r\n"
_CODED = re.compile(rb"[A-Za-z0-9+/]+={0,2}")


class TunnelError(Exception):
    """What came is no half of a tunnel. The message is for the client."""


@dataclass(frozen=True, slots=True)
class Half:
    """The head of one of the two requests."""

    sends: bool
    """The POST: the client's bytes come here. Otherwise the GET: ours go there."""
    cookie: str
    rest: bytes
    """What came after the head."""


def could_begin(data: bytes) -> bool:
    """Whether `data`, the first bytes of a connection, begin an HTTP request; RTSP has neither method."""
    return data.startswith((b"GET ", b"POST ")) or b"GET ".startswith(data[:4]) or b"POST ".startswith(data[:5])


def parse_half(data: bytes) -> Half | None:
    """The head at the beginning of `data`; None: there is more to come.

    Raises:
        TunnelError: it is something else, or too long.
    """
    end = _END.search(data, 0, MAX_HEAD)
    if end is None:
        if len(data) >= MAX_HEAD:
            raise TunnelError("the header is too long")
        return None
    line, *fields = data[: end.start()].decode("latin-1").replace("\r\n", "\n").split("\n")
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise TunnelError("this is an RTSP server")
    values = {name.strip().lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    cookie = values.get("x-sessioncookie", "")
    if not 0 < len(cookie) <= MAX_COOKIE:
        raise TunnelError("this is an RTSP server: RTSP through HTTP names an x-sessioncookie")
    return Half(match[1] == "POST", cookie, data[end.end() :])


def accepted() -> bytes:
    """The head of the answer to the GET; what follows has no end, and the POST gets no answer."""
    return (
        f"HTTP/1.0 200 OK\r\nConnection: close\r\nCache-Control: no-store\r\nPragma: no-cache\r\n"
        f"Content-Type: {MEDIA_TYPE}\r\n\r\n"
    ).encode()


def refused(status: str, why: str) -> bytes:
    """A whole answer: `status` is a code and its phrase."""
    body = f"{why}\n".encode()
    return (
        f"HTTP/1.0 {status}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


class Decoder:
    """Base 64 in any portions. Each RTSP message may be coded by itself, so that padding stands between two."""

    def __init__(self) -> None:
        self._left = b""

    def decode(self, data: bytes) -> bytes:
        """The bytes that are whole by now.

        Raises:
            TunnelError: this is not base 64.
        """
        text = self._left + data.translate(*_BLANK)
        usable = len(text) // 4 * 4
        self._left = text[usable:]
        whole = text[:usable]
        parts, at = [], 0
        try:
            while at < len(whole):
                match = _CODED.match(whole, at)
                if match is None:
                    raise TunnelError("what the POST brings is not base 64")
                parts.append(binascii.a2b_base64(match[0], strict_mode=True))
                at = match.end()
        except binascii.Error:
            raise TunnelError("what the POST brings is not base 64") from None
        return b"".join(parts)
