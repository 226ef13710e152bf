"""How the public API writes a moment: RFC 3339, UTC, microseconds."""

from __future__ import annotations

import datetime as dt

_EPOCH = dt.datetime(1970, 1, 1)  # naive: the Z is written below


def format_utc(utc_ns: int) -> str:
    """`2026-01-31T12:00:00.250000Z`; what lies below a microsecond is cut off.

    Raises:
        OverflowError: outside the years 1 to 9999.
    """
    return (_EPOCH + dt.timedelta(microseconds=utc_ns // 1000)).isoformat(timespec="microseconds") + "Z"
