"""How the public API and the commands read and write a moment: RFC 3339, UTC, microseconds."""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_NANOSECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", re.ASCII)
_FARTHEST = 2**63 - 1
_EPOCH = dt.datetime(1970, 1, 1)  # naive: the Z is written below


def format_utc(utc_ns: int) -> str:
    """`2026-01-31T12:00:00.250000Z`; what lies below a microsecond is cut off.

    Raises:
        OverflowError: outside the years 1 to 9999.
    """
    seconds, microseconds = divmod(utc_ns // 1000, 1_000_000)
    return f"{_second(seconds)}.{microseconds:06}Z"


@lru_cache(64)
def _second(seconds: int) -> str:
    """Of the present one hundreds are written when hundreds of units say where they are."""
    return (_EPOCH + dt.timedelta(seconds=seconds)).isoformat()


def parse_utc(text: str) -> int:
    """The moment, in nanoseconds since 1970; any offset from UTC will do.

    What 64 bits do not hold, before 1677 and after 2262, becomes the first or last moment that they do.

    Raises:
        ValueError: it is no RFC 3339 time.
    """
    try:
        moment = dt.datetime.fromisoformat(text)
        offset = moment.utcoffset()
        if offset is None:
            raise ValueError
    except ValueError:
        raise ValueError("write a time as in 2026-01-31T12:00:00Z") from None
    since = moment.replace(tzinfo=None) - _EPOCH - offset
    return max(-_FARTHEST, min(_FARTHEST, since // dt.timedelta(microseconds=1) * 1000))


def format_utc_ns(utc_ns: int) -> str:
    """`2026-01-31T12:00:00.250000000Z`: to the nanosecond, for what must be read back as it was.

    Raises:
        OverflowError: outside the years 1 to 9999.
    """
    seconds, ns = divmod(utc_ns, 1_000_000_000)
    return f"{(_EPOCH + dt.timedelta(seconds=seconds)).isoformat()}.{ns:09}Z"


def parse_utc_ns(text: str) -> int:
    """What `format_utc_ns` wrote.

    Raises:
        ValueError: it did not.
    """
    if not _NANOSECONDS.fullmatch(text):
        raise ValueError("write a time as in 2026-01-31T12:00:00.250000000Z")
    since = dt.datetime.fromisoformat(text[:19]) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + int(text[20:29])


def parse_day(text: str) -> tuple[int, int]:
    """A day in UTC, as in 2026-01-31: its first nanosecond, and the next day's.

    Raises:
        ValueError: it is no day.
    """
    try:
        if not _DAY.fullmatch(text):
            raise ValueError
        start_ns = parse_utc(f"{text}T00:00:00Z")
    except ValueError:
        raise ValueError("write a day as in 2026-01-31") from None
    return start_ns, min(_FARTHEST, start_ns + 86_400 * 1_000_000_000)
