"""Fixes as KML 2.2 (OGC 07-147r2) with Google's extensions of it (gx): a track for each run without interruption.

A gx:Track has the moments first and then the places, so a run is written in pieces of one batch; two pieces share a
position, as lines in GeoJSON do. Programs play it along their time line. Altitudes are metres above the geoid or the
ellipsoid, whatever the receiver says, so that they are not drawn: tracks are clamped to the ground. What KML has no
place for, but for speed and accuracy, is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from xml.sax.saxutils import escape

from gateway.base.rfc3339 import format_utc
from gateway.media.model import Fix
from gateway.positions.gpx import decimal, without_controls
from gateway.positions.runs import follows, runs

KML = "http://www.opengis.net/kml/2.2"
GX = "http://www.google.com/kml/ext/2.2"

_COLUMNS: tuple[tuple[str, str, Callable[[Fix], float | None]], ...] = (
    ("speed", "Speed (m/s)", lambda fix: fix.speed_mps),
    ("accuracy", "Accuracy (m)", lambda fix: fix.accuracy_m),
)


class KmlWriter:
    """One KML document. `name` becomes its name and that of its placemark."""

    content_type = "application/vnd.google-earth.kml+xml"
    extension = "kml"

    def __init__(self, name: str) -> None:
        self._name = name
        self._last: Fix | None = None

    def start(self) -> str:
        """What comes before the first batch."""
        name = escape(without_controls(self._name))
        fields = "".join(
            f'<gx:SimpleArrayField name="{key}" type="float"><displayName>{label}</displayName></gx:SimpleArrayField>\n'
            for key, label, _ in _COLUMNS
        )
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="{KML}" xmlns:gx="{GX}">\n'
            f"<Document>\n<name>{name}</name>\n"
            '<Style id="way"><IconStyle><scale>0.6</scale></IconStyle>'
            "<LineStyle><color>ffff7f00</color><width>3</width></LineStyle></Style>\n"
            f'<Schema id="said">\n{fields}</Schema>\n'
            f"<Placemark>\n<name>{name}</name>\n<styleUrl>#way</styleUrl>\n<gx:MultiTrack>\n"
        )

    def write(self, fixes: Sequence[Fix]) -> str:
        """A batch, in order of time."""
        if not fixes:
            return ""
        before, self._last = self._last, fixes[-1]
        joined = [before, *fixes] if before is not None and follows(before, fixes[0]) else fixes
        return "".join(_track(run) for run in runs(joined))

    def end(self) -> str:
        """What comes after the last batch."""
        return "</gx:MultiTrack>\n</Placemark>\n</Document>\n</kml>\n"


def _track(run: Sequence[Fix]) -> str:
    parts = ["<gx:Track>\n<altitudeMode>clampToGround</altitudeMode>\n"]
    parts += [f"<when>{format_utc(fix.utc_ns)}</when>\n" for fix in run]
    parts += [f"<gx:coord>{_coordinates(fix)}</gx:coord>\n" for fix in run]
    if any(fix.course_deg is not None for fix in run):
        # One for each moment or none at all; empty where unknown.
        parts += [f"<gx:angles>{_angles(fix)}</gx:angles>\n" for fix in run]
    parts.append('<ExtendedData><SchemaData schemaUrl="#said">\n')
    for key, _, of in _COLUMNS:
        values = "".join(f"<gx:value>{_text(of(fix))}</gx:value>" for fix in run)
        parts.append(f'<gx:SimpleArrayData name="{key}">{values}</gx:SimpleArrayData>\n')
    parts.append("</SchemaData></ExtendedData>\n</gx:Track>\n")
    return "".join(parts)


def _coordinates(fix: Fix) -> str:
    """Longitude, latitude, altitude: all three, with blanks between them."""
    return f"{decimal(fix.lon)} {decimal(fix.lat)} {_text(fix.altitude_m) or '0'}"


def _angles(fix: Fix) -> str:
    """Heading, tilt and roll."""
    return "" if fix.course_deg is None else f"{decimal(fix.course_deg)} 0 0"


def _text(value: float | None) -> str:
    return "" if value is None else decimal(value)
