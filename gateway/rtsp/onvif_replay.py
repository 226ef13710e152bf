"""ONVIF's way to play recordings by RTSP: what PLAY asks for, and what each access unit says of itself. Sans-IO.

Here belong the header fields (Range in absolute time, Scale, Rate-Control, Frames) and the RTP header extension. What
is recorded, and when it is sent, belongs to whoever plays.

Sources: ONVIF Streaming Specification 6; RFC 2326 3.6 (npt), 3.7 (clock), 12.29 (Range), 12.34 (Scale).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias

from gateway.media.model import NS, UtcNs
from gateway.media.rtcp import utc_ns_to_ntp
from gateway.rtsp.presentation import RefusalError
from gateway.rtsp.protocol import Headers

OPTION: Final = "onvif-replay"
"""What a client may require (Streaming 6.4)."""
MAX_SCALE: Final = 64.0
"""Faster than this nothing is played; who wants less of the pictures asks for intra ones."""

LAST_NS: Final = 9 * 10**18
"""In the year 2255: it fits 64 bits."""
EXTENSION_BYTES: Final = 16
"""Of the RTP header extension with its own header."""

_UTC: Final = re.compile(r"(\d{8}T\d{6})(?:\.(\d{1,9}))?Z", re.ASCII)
_SECONDS: Final = re.compile(r"(?:(\d{1,6}):([0-5]?\d):)?(\d{1,9}(?:\.\d{1,9})?)", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class UtcRange:
    """Absolute times; backwards when the end is the earlier one. None: where it was, and as far as there is."""

    start_ns: UtcNs | None
    end_ns: UtcNs | None


@dataclass(frozen=True, slots=True)
class NptRange:
    """Times in seconds from the beginning of what is played. None: where it was, and as far as there is."""

    start: float | None
    end: float | None


Range: TypeAlias = UtcRange | NptRange


@dataclass(frozen=True, slots=True)
class Asked:
    """What a PLAY asks for."""

    range: Range | None
    """None: to go on."""
    scale: float
    """How fast, backwards when negative. Without `paced`, 1.0 or -1.0."""
    paced: bool
    """Rate-Control: the server sends in the time of playing; False: as fast as the client takes it."""
    intra: bool
    """Only pictures that need no others."""
    intra_ns: int
    """At least so much time of the recording between two of them."""
    cseq: int
    """The low byte of the request's CSeq: the extension repeats it."""
    onvif: bool
    """The client knows this extension of RTSP, and not just RTSP."""


def parse_play(asked: Headers) -> Asked:
    """What the header fields of PLAY ask for.

    Raises:
        RefusalError: 400 for what cannot be read, 457 for another unit of time, 451 for frames that are not offered.
    """
    paced = asked.get("Rate-Control", "yes").lower() != "no"
    scale = _scale(asked.get("Scale", "1"))
    if not paced:
        scale = math.copysign(1.0, scale)
    intra, intra_ns = _frames(asked.get("Frames", "all").lower())
    text = asked.get("Range")
    cseq = asked.get("CSeq", "0")
    return Asked(
        range=parse_range(text) if text else None,
        scale=scale,
        paced=paced,
        intra=intra,
        intra_ns=intra_ns,
        cseq=int(cseq) & 0xFF if cseq.isdecimal() and cseq.isascii() else 0,
        onvif=OPTION in asked.get("Require") or not paced,
    )


def parse_range(text: str) -> Range:
    """A Range header's value, without its `time` parameter.

    Raises:
        RefusalError: 400 for what cannot be read, 457 for other units.
    """
    unit, equals, values = text.partition(";")[0].strip().partition("=")
    start, dash, end = (part.strip() for part in values.partition("-"))
    if not equals or not dash:
        raise RefusalError(400)
    try:
        match unit.strip().lower():
            case "clock":
                return UtcRange(parse_utc(start) if start else None, parse_utc(end) if end else None)
            case "npt":
                return NptRange(_seconds(start), _seconds(end))
    except ValueError:
        raise RefusalError(400) from None
    raise RefusalError(457)


def format_range(start_ns: UtcNs, end_ns: UtcNs | None) -> str:
    """A Range header's value in absolute time."""
    return f"clock={format_utc(start_ns)}-{'' if end_ns is None else format_utc(end_ns)}"


def parse_utc(text: str) -> UtcNs:
    """`20260131T120000.5Z` (RFC 2326 3.7). What lies before 1970 means its beginning, what lies after 2255 its end.

    Raises:
        ValueError: it is none.
    """
    match = _UTC.fullmatch(text)
    if match is None:
        raise ValueError("no UTC as in 20260131T120000Z")
    since = datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC) - _EPOCH
    utc_ns = (since.days * 86_400 + since.seconds) * NS + int((match[2] or "").ljust(9, "0"))
    return max(0, min(utc_ns, LAST_NS))


def format_utc(utc_ns: UtcNs) -> str:
    """`20260131T120000.500Z`, to the millisecond, or to the nanosecond where there is more."""
    seconds, rest = divmod(utc_ns, NS)
    fraction = f"{rest:09}"
    if fraction.endswith("000000"):
        fraction = fraction[:3]
    return f"{datetime.fromtimestamp(seconds, UTC):%Y%m%dT%H%M%S}.{fraction}Z"


def extension(
    utc_ns: UtcNs,
    cseq: int,
    *,
    clean: bool = False,
    end: bool = False,
    discontinuity: bool = False,
    terminal: bool = False,
) -> bytes:
    """The RTP header extension of an access unit's first packet (Streaming 6.3): when it was captured, and the bits

    C (decoding can start here), E (a gap follows, or nothing), D (it does not follow what was sent before it) and
    T (there is nothing more to come).
    """
    bits = clean << 7 | end << 6 | discontinuity << 5 | terminal << 4
    return b"\xab\xac\x00\x03" + utc_ns_to_ntp(utc_ns).to_bytes(8, "big") + bytes((bits, cseq & 0xFF, 0, 0))


def with_extension(packet: bytes, extended: bytes) -> bytes:
    """An RTP packet without contributing sources (RFC 3550 5.1), with a header extension."""
    return bytes((packet[0] | 0x10,)) + packet[1:12] + extended + packet[12:]


def _scale(text: str) -> float:
    try:
        scale = float(text)
    except ValueError:
        raise RefusalError(400) from None
    if not math.isfinite(scale) or scale == 0 or "_" in text:
        raise RefusalError(400)
    return math.copysign(min(abs(scale), MAX_SCALE), scale)


def _frames(text: str) -> tuple[bool, int]:
    """Whether intra ones only, and the least nanoseconds between two."""
    kind, slash, interval = text.partition("/")
    match kind.strip():
        case "all" if not slash:
            return False, 0
        case "intra" if not slash:
            return True, 0
        case "intra" if interval.isdecimal() and interval.isascii() and len(interval) < 10:
            return True, int(interval) * 1_000_000
    raise RefusalError(451)


def _seconds(text: str) -> float | None:
    if text in {"", "now"}:
        return None
    match = _SECONDS.fullmatch(text)
    if match is None:
        raise ValueError("no normal play time")
    return int(match[1] or 0) * 3600 + int(match[2] or 0) * 60 + float(match[3])
