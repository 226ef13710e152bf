"""RTSP/1.0 messages and the parser of one connection's incoming bytes, for both roles (RFC 2326).

Here belongs how requests, responses and interleaved frames look on the wire. No I/O, no time, and no opinion about
what a message means: sessions live in `client` and `server`, the syntax of single header fields in `headers`.

Rules of the parser:

- Bytes may come in any portions; the events are the same.
- Lines may end in CRLF or LF alone, names of header fields may have any case, folded lines are joined, lines without a
  colon are passed over: real cameras do all of this.
- Empty lines between messages are passed over (RFC 2326 4.1).
- A client whose camera writes junk between two interleaved frames finds the next frame again (`skipped` counts the
  bytes), once it has said in `channels` which channels to look for. Everything else that is not RTSP ends the
  connection with a RemoteProtocolError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TypeAlias

from gateway.base.errors import SightlineError
from gateway.media.kernel import split_frames

MAX_HEADER = 16 << 10
"""Bytes of start line and header fields together."""
MAX_BODY = 64 << 10
"""Bytes of a body: a generous SDP."""
MAX_SKIPPED = 256 << 10
"""Bytes of junk in a row before the connection is given up."""

_DOLLAR = 0x24
_HEADER_END = re.compile(rb"\n\r?\n")
_STATUS_LINE = re.compile(r"RTSP/(\d\.\d) +(\d{3})(?: +(.*))?")
_REQUEST_LINE = re.compile(r"([A-Z_]+) +(\S|\S.*\S) +RTSP/(\d\.\d)")
_METHOD = re.compile(rb"[A-Z_]{1,32}(?: |\Z)")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FROM_SERVERS = (
    b"RTSP/",
    b"OPTIONS ",
    b"ANNOUNCE ",
    b"REDIRECT ",
    b"TEARDOWN ",
    b"GET_PARAMETER ",
    b"SET_PARAMETER ",
)
_LONGEST_START = max(map(len, _FROM_SERVERS))

REASONS: Mapping[int, str] = {
    100: "Continue",
    200: "OK",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    413: "Request Entity Too Large",
    451: "Parameter Not Understood",
    453: "Not Enough Bandwidth",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    457: "Invalid Range",
    459: "Aggregate Operation Not Allowed",
    460: "Only Aggregate Operation Allowed",
    461: "Unsupported Transport",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "RTSP Version Not Supported",
    551: "Option not supported",
}
"""The usual phrase of each status code (RFC 2326 7.1.1)."""


class RemoteProtocolError(SightlineError):
    """The other side sent something that is not RTSP, or too much of it. The connection is of no further use.

    `reason` is a sentence; `offset` is the byte of the connection, from 0, where the offending part begins.
    """

    def __init__(self, reason: str, *, offset: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.offset = offset

    @property
    def where(self) -> str:
        """The place within the connection, to be found in a capture."""
        return f"byte {self.offset}"


class Role(Enum):
    """Which side of the connection is ours."""

    CLIENT = "client"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class Headers:
    """Header fields in the order they were written; names compare without case."""

    fields: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, fields: Mapping[str, str] | Iterable[tuple[str, str]]) -> Headers:
        """From a mapping, or from pairs when a name occurs more than once."""
        return cls(tuple(fields.items() if isinstance(fields, Mapping) else fields))

    def get(self, name: str, default: str = "") -> str:
        """The first value of `name`, without white space around it."""
        wanted = name.lower()
        return next((value for key, value in self.fields if key.lower() == wanted), default)

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of `name`, in order."""
        wanted = name.lower()
        return tuple(value for key, value in self.fields if key.lower() == wanted)

    def __contains__(self, name: str) -> bool:
        wanted = name.lower()
        return any(key.lower() == wanted for key, _ in self.fields)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.fields)

    def replaced(self, name: str, value: str) -> Headers:
        """A copy in which `name` occurs once, last, with `value`."""
        wanted = name.lower()
        return Headers((*(pair for pair in self.fields if pair[0].lower() != wanted), (name, value)))


@dataclass(frozen=True, slots=True)
class Request:
    """A request (RFC 2326 6). `url` is `*` or absolute, as written, and may hold what the sender forgot to quote."""

    method: str
    url: str
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""
    version: str = "1.0"

    def encode(self) -> bytes:
        """The bytes to send. Content-Length is added when there is a body.

        Raises:
            ValueError: the method, the URL or a header field holds what would end its line.
        """
        return _encode(f"{self.method} {self.url} RTSP/{self.version}", self.headers, self.body)


@dataclass(frozen=True, slots=True)
class Response:
    """A response (RFC 2326 7)."""

    status: int
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""
    reason: str = ""
    """Empty: `encode` writes the usual one."""

    def encode(self) -> bytes:
        """The bytes to send. Content-Length is added when there is a body.

        Raises:
            ValueError: the reason or a header field holds what would end its line.
        """
        reason = self.reason or REASONS.get(self.status, "Unknown")
        return _encode(f"RTSP/1.0 {self.status} {reason}", self.headers, self.body)


Interleaved: TypeAlias = tuple[int, bytes]
"""(channel, packet): one RTP or RTCP packet (RFC 2326 10.12) that no route took."""

Route: TypeAlias = Callable[[list[bytes]], None]
"""Takes the packets that came in a row on one channel; at least one."""

Event: TypeAlias = Request | Response | Interleaved


def interleaved_header(channel: int, length: int) -> bytes:
    """The four bytes that precede a packet of `length` bytes on `channel` (RFC 2326 10.12).

    Raises:
        ValueError: the channel is not within 0..255 or the length not within 0..65535.
    """
    if not (0 <= channel <= 0xFF and 0 <= length <= 0xFFFF):
        raise ValueError(f"no interleaved frame holds {length} bytes on channel {channel}")
    return bytes((_DOLLAR, channel, length >> 8, length & 0xFF))


def _encode(start: str, headers: Headers, body: bytes) -> bytes:
    lines = [start]
    for name, value in headers:
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"not a name of a header field: {name!r}")
        lines.append(f"{name}: {value}")
    if body and "Content-Length" not in headers:
        lines.append(f"Content-Length: {len(body)}")
    for line in lines:
        if "\r" in line or "\n" in line:
            raise ValueError("a line of an RTSP message cannot hold a line break")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body


@dataclass(frozen=True, slots=True)
class _Head:
    """A message whose body is still to come."""

    message: Request | Response
    body_length: int


class Connection:
    """The incoming half of one RTSP connection: bytes in, events out.

    Packets on a channel that has a route are no events: they go there as they are met, in order with the events, and
    as many at once as came in a row. Hundreds come each second, from each camera.
    """

    def __init__(self, role: Role, *, max_header: int = MAX_HEADER, max_body: int = MAX_BODY) -> None:
        self.role = role
        self.channels: frozenset[int] = frozenset()
        """Clients: the channels that SETUP agreed on. Frames on others are handed out all the same; these are what
        the parser looks for after junk. Empty: junk is an error."""
        self.routes: list[Route | None] = [None] * 256
        """Who takes the packets of each channel. What a route raises comes out of `receive`."""
        self.skipped = 0
        """Bytes of junk passed over."""
        self.ignored_lines = 0
        """Header lines passed over because they hold no colon."""
        self._max_header = max_header
        self._max_body = max_body
        self._data = b""
        self._start = 0  # of what is not consumed yet
        self._base = 0  # the connection's byte that lies at the data's byte 0
        self._scanned = 0  # bytes after _start in which no end of the header was found
        self._head: _Head | None = None
        self._lost = False  # among junk
        self._junk = 0  # bytes skipped since then
        self._slow = False  # _lost, or within a body: a dollar sign begins no frame
        self._error: RemoteProtocolError | None = None

    def receive(self, data: bytes) -> Iterable[Event]:
        """Take the next bytes: packets go to their routes, up to the first event; the rest happens while the events
        are iterated over. Exhaust them before the next call, unless the connection is to be dropped.

        Raises:
            RemoteProtocolError: while iterating, after the events that precede the offending bytes; then always.
        """
        if self._error is not None:
            raise self._error
        start = self._start
        self._base += start
        # What is left of the last read is mostly nothing, and never more than one frame or message.
        self._data = self._data[start:] + data if start < len(self._data) else data
        self._start = 0
        return () if self._pass_on() else self._events()  # almost nothing that ever comes is an event

    @property
    def incomplete(self) -> bool:
        """Whether a message or frame has begun and not ended: at the end of the connection, it was cut off."""
        return self._start < len(self._data) or self._head is not None

    # ---- inside

    def _pass_on(self) -> bool:
        """Hand packets to their routes, up to what has none; whether more bytes are needed before anything else."""
        data, start = self._data, self._start
        while start < len(data):
            if data[start] != _DOLLAR or self._slow:
                return False
            channel, packets, stop = split_frames(data, start)
            if not packets:
                return True
            route = self.routes[channel]
            if route is None:
                return False
            self._start = start = stop
            route(packets)
        return True

    def _events(self) -> Iterator[Event]:
        """From what is no packet with a route on."""
        done = False
        while not done:
            start = self._start
            if self._data[start] == _DOLLAR and not self._slow:
                channel, packets, self._start = split_frames(self._data, start)
                for packet in packets:
                    yield channel, packet
            elif (message := self._message()) is not None:
                yield message
            elif self._start == start:
                return
            done = self._pass_on()

    def _message(self) -> Request | Response | None:
        """Take one message, or pass over what is none. None and no progress: more bytes are needed."""
        if self._lost:
            self._resync()
            return None
        if self._head is None:
            if self._data[self._start] in b"\r\n":
                self._start += 1
                return None
            begins = self._begins_message()
            if begins is False:
                self._lose()
            if not begins or not self._read_head():
                return None
        head = self._head
        assert head is not None
        stop = self._start + head.body_length
        if stop > len(self._data):
            return None
        body = self._data[self._start : stop]
        self._start, self._head, self._slow = stop, None, False
        return replace(head.message, body=body) if body else head.message

    def _begins_message(self) -> bool | None:
        """Whether the bytes at the start look like a message; None: too few to tell."""
        if self.role is Role.SERVER:
            head = self._data[self._start : self._start + 33]
            match = _METHOD.match(head)
            if match is None:
                return False
            return True if match[0].endswith(b" ") else (None if len(head) < 33 else False)
        head = self._data[self._start : self._start + _LONGEST_START]
        if head.startswith(_FROM_SERVERS):
            return True
        return None if any(start.startswith(head) for start in _FROM_SERVERS) else False

    def _read_head(self) -> bool:
        """Parse start line and header fields into `_head` if they are all there."""
        limit = self._start + self._max_header
        match = _HEADER_END.search(self._data, self._start + max(0, self._scanned - 2), limit)
        if match is None:
            self._scanned = len(self._data) - self._start
            if self._scanned >= self._max_header:
                raise self._fail(f"the header of a message is longer than {self._max_header} bytes")
            return False
        text = self._data[self._start : match.start()].decode("utf-8", "surrogateescape")
        self._head = self._parse_head(text)
        self._start, self._scanned, self._slow = match.end(), 0, True
        return True

    def _parse_head(self, text: str) -> _Head:
        start, *lines = text.replace("\r\n", "\n").replace("\r", " ").split("\n")
        fields: list[tuple[str, str]] = []
        for line in lines:
            if line[:1] in (" ", "\t") and fields:
                name, value = fields[-1]
                fields[-1] = (name, f"{value} {line.strip()}".strip())
                continue
            name, colon, value = line.partition(":")
            if colon and name.strip():
                fields.append((name.strip(), value.strip()))
            elif line.strip():
                self.ignored_lines += 1
        headers = Headers(tuple(fields))
        length = self._body_length(headers)
        start = start.strip()
        if match := _STATUS_LINE.fullmatch(start):
            if self.role is Role.SERVER:
                raise self._fail("a response to no request")
            return _Head(Response(int(match[2]), headers, reason=match[3] or ""), length)
        if match := _REQUEST_LINE.fullmatch(start):
            return _Head(Request(match[1], match[2], headers, version=match[3]), length)
        raise self._fail(f"not RTSP: a message begins with {_quote(start)}")

    def _body_length(self, headers: Headers) -> int:
        lengths = set(headers.all("Content-Length"))
        if not lengths:
            return 0
        text = lengths.pop()
        if lengths or not re.fullmatch(r"[0-9]{1,12}", text):
            raise self._fail("the Content-Length of a message is not one number")
        if int(text) > self._max_body:
            raise self._fail(f"the body of a message is {int(text)} bytes long: more than {self._max_body}")
        return int(text)

    def _lose(self) -> None:
        """What comes next is neither frame nor message."""
        if self.role is Role.SERVER or not self.channels:
            sample = self._data[self._start : self._start + 32]
            raise self._fail(f"not RTSP: {_quote(sample.decode('latin-1'))} instead of a message")
        self._lost = self._slow = True
        self._junk = 0
        self._resync()

    def _resync(self) -> None:
        """Pass over junk, up to what looks like a frame or a message again.

        A frame is believed on a known channel, if it is long enough for RTCP and holds version 2 of RTP or RTCP.
        """
        channels = b"".join(re.escape(bytes((channel,))) for channel in sorted(self.channels))
        likely = re.compile(rb"\$[" + channels + rb"](?:[^\x00].|\x00[\x08-\xff])[\x80-\xbf]|RTSP/1\.", re.DOTALL)
        limit = self._start + MAX_SKIPPED - self._junk
        match = likely.search(self._data, self._start, len(self._data))
        if match is not None and match.start() < limit:
            stop = match.start()
            self._lost = self._slow = False
        else:
            stop = min(limit, max(self._start, len(self._data) - 6))  # the longest beginning of what is looked for
        self.skipped += stop - self._start
        self._junk += stop - self._start
        self._start = stop
        if self._lost and self._junk >= MAX_SKIPPED:
            raise self._fail(f"{self._junk} bytes in a row are neither interleaved frames nor messages")

    def _fail(self, reason: str) -> RemoteProtocolError:
        self._error = RemoteProtocolError(reason, offset=self._base + self._start)
        return self._error


def _quote(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")
