"""How positions are handed out: the JSON of one Fix, and what a Writer of many is.

A Writer takes Fixes in batches, in order of time, so that a month of them can be sent without being held. The JSON one
is here; GPX, GeoJSON and KML have modules of their own, and `writers` lists them all.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol

from gateway.base.rfc3339 import format_utc
from gateway.media.model import Constellation, Fix


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


def fix_text(fix: Fix) -> str:
    """`fix_json` as compact JSON, composed by hand: hundreds are sent each second. What is no number becomes null."""
    return f'{{"utc":"{format_utc(fix.utc_ns)}","lat":{fix.lat!r},"lon":{fix.lon!r},{details_text(fix)}}}'


def details_text(fix: Fix) -> str:
    """The members of `fix_text` after time and place, without braces."""
    received = f'"{format_utc(fix.received_ns)}"' if fix.received_ns else "null"
    return (
        f'"altitude_m":{_number(fix.altitude_m)},"speed_mps":{_number(fix.speed_mps)},'
        f'"course_deg":{_number(fix.course_deg)},"accuracy_m":{_number(fix.accuracy_m)},'
        f'"constellations":{_names(fix.constellations)},"satellites":{_number(fix.satellites)},'
        f'"carrier":{quoted(fix.carrier) if fix.carrier else "null"},"received_utc":{received}'
    )


@lru_cache(4096)
def quoted(text: str) -> str:
    """A JSON string. For what is written again and again: ids, names, carriers."""
    return json.dumps(text)


def _number(value: float | None) -> str:
    return "null" if value is None or not math.isfinite(value) else repr(value)


@lru_cache(256)
def _names(constellations: tuple[Constellation, ...]) -> str:
    return json.dumps([constellation.value for constellation in constellations] or None, separators=(",", ":"))


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
        text = ",\n".join(map(fix_text, fixes))
        separator = "\n" if self._first else ",\n"
        self._first = False
        return separator + text

    def end(self) -> str:
        """What comes after the last batch."""
        return "]}\n"
