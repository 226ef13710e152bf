"""Fixes as GeoJSON (RFC 7946): a Point for each, and a LineString for each run without interruption.

Positions are [longitude, latitude], with the altitude as third number where it is known; a LineString has no altitudes,
because all its positions should have the same number of elements. A run that spans two batches becomes two lines that
share a position, so that no batch waits for the next. A line that crosses 180° is cut there (RFC 7946 3.1.9).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from gateway.base.rfc3339 import format_utc
from gateway.media.model import Fix
from gateway.positions.formats import details_text, fix_json, quoted
from gateway.positions.runs import runs
from gateway.positions.smoothing import Estimate


class GeoJsonWriter:
    """One FeatureCollection. `name` becomes a property of every line."""

    content_type = "application/geo+json"
    extension = "geojson"

    def __init__(self, name: str) -> None:
        self._name = name
        self._first = True
        self._last: Fix | None = None

    def start(self) -> str:
        """What comes before the first batch."""
        return '{"type": "FeatureCollection", "features": ['

    def write(self, fixes: Sequence[Fix]) -> str:
        """A batch, in order of time."""
        if not fixes:
            return ""
        features = _lines(self._name, fixes if self._last is None else [self._last, *fixes])
        features += [_point(fix) for fix in fixes]
        self._last = fixes[-1]
        separator = "\n" if self._first else ",\n"
        self._first = False
        return separator + ",\n".join(json.dumps(feature, allow_nan=False) for feature in features)

    def end(self) -> str:
        """What comes after the last batch."""
        return "]}\n"


def geojson(name: str, fixes: Sequence[Fix]) -> dict[str, Any]:
    """A whole FeatureCollection of Fixes in order of time, ready for `json.dumps`."""
    return {"type": "FeatureCollection", "features": [*_lines(name, fixes), *(_point(fix) for fix in fixes)]}


def feature_text(camera: str, name: str, fix: Fix, shown: Estimate | None = None) -> str:
    """A Feature, compact. Its `id` is the camera's, its properties are `name` and what a Fix says beside its place.

    `shown` draws it somewhere calmer; where it was measured is then the property `measured`.
    """
    altitude = "" if fix.altitude_m is None or not math.isfinite(fix.altitude_m) else f",{fix.altitude_m!r}"
    place, measured = f"{fix.lon!r},{fix.lat!r}", ""
    if shown is not None:
        measured = f'"measured":[{place}],'
        place = f"{round(shown.lon, 7)!r},{round(shown.lat, 7)!r}"
    return (
        f'{{"type":"Feature","id":{quoted(camera)},"geometry":'
        f'{{"type":"Point","coordinates":[{place}{altitude}]}},"properties":'
        f'{{"name":{quoted(name)},{measured}"utc":"{format_utc(fix.utc_ns)}",{details_text(fix)}}}}}'
    )


def gone_text(camera: str) -> str:
    """A Feature without a place (RFC 7946 3.2): nothing is told of this camera any more."""
    return f'{{"type":"Feature","id":{quoted(camera)},"geometry":null,"properties":{{}}}}'


def collection_text(features: Iterable[str]) -> str:
    """A FeatureCollection of what `feature_text` and `gone_text` make."""
    return f'{{"type":"FeatureCollection","features":[{",".join(features)}]}}'


def _point(fix: Fix) -> dict[str, Any]:
    properties = fix_json(fix)
    del properties["lat"], properties["lon"]
    altitude = [] if fix.altitude_m is None else [fix.altitude_m]
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [fix.lon, fix.lat, *altitude]},
        "properties": properties,
    }


def _lines(name: str, fixes: Sequence[Fix]) -> list[dict[str, Any]]:
    return [_line(name, part) for run in runs(fixes) for part in _cut_at_180(run) if len(part) > 1]


def _cut_at_180(run: list[Fix]) -> Iterator[list[Fix]]:
    start = 0
    for i in range(1, len(run)):
        if abs(run[i].lon - run[i - 1].lon) > 180:
            yield run[start:i]
            start = i
    yield run[start:]


def _line(name: str, run: Sequence[Fix]) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": "LineString", "coordinates": [[fix.lon, fix.lat] for fix in run]},
        "properties": {
            "name": name,
            "start": format_utc(run[0].utc_ns),
            "end": format_utc(run[-1].utc_ns),
            "times": [format_utc(fix.utc_ns) for fix in run],
        },
    }
