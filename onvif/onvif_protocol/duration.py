"""xs:duration, as requests give it (XML Schema part 2, 3.2.6). Sans-IO."""

from __future__ import annotations

import re
from typing import Final

_DURATION: Final = re.compile(
    r"(-)?P(?=[\dT])(?:(\d{1,6})Y)?(?:(\d{1,6})M)?(?:(\d{1,6})D)?"
    r"(?:T(?=\d)(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?",
    re.ASCII,
)
_SECONDS: Final = (365 * 86400, 30 * 86400, 86400, 3600, 60, 1)
"""A year and a month have no length of their own; nobody means theirs exactly."""


def parse_duration(text: str) -> float:
    """Seconds; negative ones after a minus sign.

    Raises:
        ValueError: it is no duration.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text[:40]!r} is no duration, as in PT60S")
    sign, *parts = match.groups()
    seconds = sum(float(part) * each for part, each in zip(parts, _SECONDS, strict=True) if part)
    return -seconds if sign else seconds


def format_duration(seconds: float) -> str:
    """In seconds, to the millisecond."""
    return f"PT{round(seconds, 3):.12g}S"
