"""The formats in which positions are handed out (`GET /api/cameras/{id}/positions?format=…`).

A Writer takes Fixes in batches, in order of time, so that a month of them can be sent without being held. What each
format looks like is its own module's matter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from gateway.media.model import Fix
from gateway.positions.fix_json import JsonWriter
from gateway.positions.geojson import GeoJsonWriter
from gateway.positions.gpx import GpxWriter


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


WRITERS: dict[str, Callable[[str], Writer]] = {
    "json": lambda _name: JsonWriter(),
    "geojson": GeoJsonWriter,
    "gpx": GpxWriter,
}
"""By the value of `format`: makes a Writer, given the camera's name."""


def document(format_: str, name: str, fixes: Sequence[Fix]) -> str:
    """A whole document at once.

    Raises:
        KeyError: no such format; `WRITERS` has them.
    """
    writer = WRITERS[format_](name)
    return writer.start() + writer.write(fixes) + writer.end()
