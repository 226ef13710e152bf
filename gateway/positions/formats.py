"""How positions are handed out: the JSON of one Fix, and what a Writer of many is.

A Writer takes Fixes in batches, in order of time, so that a month of them can be sent without being held. The JSON one
is here; GPX and GeoJSON have modules of their own, and `writers` lists all three.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol

from gateway.base.rfc3339 import format_utc
from gateway.media.model import Fix


def fix_json(fix: Fix) -> dict[str, Any]:
    """The members of a Fix, null where unknown, ready for `json.dumps`. Times are RFC 3339 to the microsecond."""
    return {
        "utc": format_utc(fix.utc_ns),
        "lat": fix.lat,
        "lon": fix.lon,
        "altitude_m": fix.altitude_m,
        "speed_mps": fix.speed_mps,
        "course_deg": fix.course_deg,
        "accuracy_m": fix.accuracy_m,
        "constellations": [constellation.value for constellation in fix.constellations] or None,
        "satellites": fix.satellites,
        "carrier": fix.carrier or None,
        "received_utc": format_utc(fix.received_ns) if fix.received_ns else None,
    }


class Writer(Protocol):
    """Writes one document: `start`, any number of `write`, `end`; their results, joined, are the document."""

    content_type: str
    """With which it is served (UTF-8)."""
    extension: str
    """Of a file that holds it."""

    def start(self) -> str:
        """What comes before the first batch."""

    def write(self, fixes: Sequence[Fix]) -> str:
        """A batch, in order of time and after the batches before. May be empty."""

    def end(self) -> str:
        """What comes after the last batch."""


class JsonWriter:
    """`{"fixes": [Fix, …]}`."""

    content_type = "application/json"
    extension = "json"

    def __init__(self) -> None:
        self._first = True

    def start(self) -> str:
        """What comes before the first batch."""
        return '{"fixes": ['

    def write(self, fixes: Sequence[Fix]) -> str:
        """A batch, in order of time."""
        if not fixes:
            return ""
        text = ",\n".join(json.dumps(fix_json(fix), allow_nan=False) for fix in fixes)
        separator = "\n" if self._first else ",\n"
        self._first = False
        return separator + text

    def end(self) -> str:
        """What comes after the last batch."""
        return "]}\n"
