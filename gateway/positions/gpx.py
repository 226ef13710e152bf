"""Fixes as GPX 1.1 (topografix.com/GPX/1/1): one track, a segment for each run without interruption.

Speed and course stand in Garmin's TrackPointExtension v2, which most programs read; what GPX has no place for stands in
an extension of our own.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from gateway.base.rfc3339 import format_utc
from gateway.media.model import Fix
from gateway.positions.runs import follows

GPX = "http://www.topografix.com/GPX/1/1"
TRACK_POINT = "http://www.garmin.com/xmlschemas/TrackPointExtension/v2"
OWN = "urn:sightline:gpx:1"


class GpxWriter:
    """One GPX document. `name` becomes the track's name."""

    content_type = "application/gpx+xml"
    extension = "gpx"

    def __init__(self, name: str) -> None:
        self._name = name
        self._last: Fix | None = None

    def start(self) -> str:
        """What comes before the first batch."""
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<gpx version="1.1" creator="Sightline" xmlns="{GPX}" '
            f'xmlns:gpxtpx="{TRACK_POINT}" xmlns:sightline="{OWN}">\n'
            f"<trk>\n<name>{escape(without_controls(self._name))}</name>\n"
        )

    def write(self, fixes: Sequence[Fix]) -> str:
        """A batch, in order of time."""
        parts = []
        for fix in fixes:
            if self._last is None:
                parts.append("<trkseg>\n")
            elif not follows(self._last, fix):
                parts.append("</trkseg>\n<trkseg>\n")
            parts.append(_track_point(fix))
            self._last = fix
        return "".join(parts)

    def end(self) -> str:
        """What comes after the last batch."""
        return ("" if self._last is None else "</trkseg>\n") + "</trk>\n</gpx>\n"


def gpx(name: str, fixes: Sequence[Fix]) -> bytes:
    """A whole document of Fixes in order of time, UTF-8."""
    writer = GpxWriter(name)
    return (writer.start() + writer.write(fixes) + writer.end()).encode()


def _track_point(fix: Fix) -> str:
    # The order of the elements is fixed by the schema (wptType). Its longitudes end just below 180.
    lon = decimal(fix.lon)
    lon = "-180" if lon == "180" else lon  # also what only rounding makes 180
    parts = [f'<trkpt lat="{decimal(fix.lat)}" lon="{lon}">']
    if fix.altitude_m is not None:
        parts.append(f"<ele>{decimal(fix.altitude_m)}</ele>")
    parts.append(f"<time>{format_utc(fix.utc_ns)}</time>")
    if fix.carrier:
        parts.append(f"<src>{escape(fix.carrier)}</src>")
    if fix.satellites is not None:
        parts.append(f"<sat>{fix.satellites}</sat>")
    extensions = []
    if fix.speed_mps is not None or fix.course_deg is not None:
        speed = "" if fix.speed_mps is None else f"<gpxtpx:speed>{decimal(fix.speed_mps)}</gpxtpx:speed>"
        course = "" if fix.course_deg is None else f"<gpxtpx:course>{decimal(fix.course_deg)}</gpxtpx:course>"
        extensions.append(f"<gpxtpx:TrackPointExtension>{speed}{course}</gpxtpx:TrackPointExtension>")
    if fix.accuracy_m is not None:
        extensions.append(f"<sightline:accuracy>{decimal(fix.accuracy_m)}</sightline:accuracy>")
    if fix.constellations:
        names = " ".join(constellation.value for constellation in fix.constellations)
        extensions.append(f"<sightline:constellations>{names}</sightline:constellations>")
    if extensions:
        parts.append(f"<extensions>{''.join(extensions)}</extensions>")
    parts.append("</trkpt>\n")
    return "".join(parts)


def decimal(value: float) -> str:
    """An xs:decimal, which has no exponent: nine places are a tenth of a millimetre in degrees."""
    return f"{value:.9f}".rstrip("0").rstrip(".")


def without_controls(text: str) -> str:
    """XML 1.0 has no way to write most control characters and surrogates."""
    return "".join(c for c in text if c.isprintable())
