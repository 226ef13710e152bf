"""A Fix as Cursor on Target (CoT 2.0, MITRE 09-4937): the event that TAK clients and servers draw on their maps.

No clock and no socket: bytes out of values. How they are sent is `gateway.cot_feeds`' work.
"""

from __future__ import annotations

import math
from functools import lru_cache
from xml.sax.saxutils import escape, quoteattr

from gateway.base.rfc3339 import format_utc
from gateway.media.model import NS, Fix
from gateway.positions.gpx import decimal, without_controls

STALE_NS = 30 * NS
"""So long after its moment a position is no longer drawn as present."""
UNKNOWN = "9999999.0"
"""Of heights and errors."""


def event(camera: str, name: str, kind: str, fix: Fix) -> bytes:
    """One event, without XML declaration: `kind` is its CoT type, `name` the callsign that maps show.

    The uid is made of the camera's id, and so the same for ever. `how` is m-g: said by a machine, of GNSS. `ce` is one
    sigma, as a Fix's accuracy is. The height is what the receiver says, above whatever it counts from, so its error is
    unknown. A track is there with a speed or a course.
    """
    at, stale = format_utc(fix.utc_ns), format_utc(fix.utc_ns + STALE_NS)
    course, speed = _attribute("course", fix.course_deg), _attribute("speed", fix.speed_mps)
    track = f"<track{course}{speed}/>" if course or speed else ""
    return (
        f'<event version="2.0" uid={_uid(camera)} type={quoteattr(kind)} time="{at}" start="{at}" stale="{stale}" '
        f'how="m-g"><point lat="{decimal(fix.lat)}" lon="{decimal(fix.lon)}" hae="{_known(fix.altitude_m)}" '
        f'ce="{_known(fix.accuracy_m)}" le="{UNKNOWN}"/><detail>{_contact(name)}{track}'
        f"{_remarks(camera, fix.carrier)}</detail></event>"
    ).encode()


def _known(value: float | None) -> str:
    return UNKNOWN if value is None or not math.isfinite(value) else decimal(value)


def _attribute(name: str, value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else f' {name}="{decimal(value)}"'


@lru_cache(4096)
def _uid(camera: str) -> str:
    return quoteattr(f"sightline.{camera}")


@lru_cache(4096)
def _contact(name: str) -> str:
    return f"<contact callsign={quoteattr(without_controls(name))}/>"


@lru_cache(4096)
def _remarks(camera: str, carrier: str) -> str:
    return f"<remarks>{escape(f'Body-worn camera {camera}' + (f', by {carrier}' if carrier else ''))}</remarks>"
