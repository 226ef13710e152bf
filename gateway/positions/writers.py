"""The formats of `GET /api/cameras/{id}/positions?format=…`, by name."""

from __future__ import annotations

from collections.abc import Callable

from gateway.positions.formats import JsonWriter, Writer
from gateway.positions.geojson import GeoJsonWriter
from gateway.positions.gpx import GpxWriter
from gateway.positions.kml import KmlWriter

WRITERS: dict[str, Callable[[str], Writer]] = {
    "json": lambda _name: JsonWriter(),
    "geojson": GeoJsonWriter,
    "gpx": GpxWriter,
    "kml": KmlWriter,
}
"""Makes a Writer, given the camera's name."""
