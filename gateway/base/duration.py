"""Spans of time as people write them: `90s`, `15m`, `12h`, `30d`, `2w`."""

from __future__ import annotations

import re

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_FORM = re.compile(r"([1-9][0-9]{0,8})([smhdw])")


def parse_duration(text: str) -> int:
    """Seconds.

    Raises:
        ValueError: `text` is no span of time; says what to write.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(f'write a span of time as in "30d", "12h" or "15m" instead of "{text[:40]}"')
    return int(found[1]) * SECONDS[found[2]]
