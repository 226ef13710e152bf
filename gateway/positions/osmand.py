"""What a phone reports over HTTP in the form of OsmAnd and Traccar Client: where it is, its battery, an alarm.

Three forms come of it (traccar.org/osmand, and the sources of both apps): parameters of the query or of a form
(OsmAnd; Traccar Client before 9.0), and JSON in the form of the location library that Traccar Client has used since.
After a lost link the apps send what they kept, one report after the other or, that library, many in a list.

Reading them belongs here; who may send one, and whether it is believed, does not. Sans-IO: text and bytes in, values
out. A part that makes no sense costs only itself; a report without a place still says how the phone is.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from gateway.base.rfc3339 import parse_utc
from gateway.media.model import NS, Fix, UnitHealth, UtcNs
from gateway.positions.receivers import KNOT_MPS, METRES_PER_HDOP, NO_DOP, course_of

CARRIER = "osmand"
MAX_REPORTS = 5_000
"""Of one request: more than a night of what a phone keeps at one a minute, and than a request has room for."""
MAX_PARAMETERS = 100

_MAX_SECONDS = 1 << 31
"""A number above it counts milliseconds: so does Traccar's own server."""
_FARTHEST = (1 << 63) - 1
"""As `parse_utc` has it: further on there is no time."""
_JSON_TYPES = ("application/json", "text/json")
_TRUE = {"true", "1"}
_FALSE = {"false", "0"}
_TEXT = 200
_DIGITS = re.compile(r"\d{1,12}(?:\.\d{1,9})?|\d{13}", re.ASCII)
"""Up to the year 2286 in milliseconds."""


class ReportError(Exception):
    """The request is no report, or none that can be read; says what is wrong, for whoever set the app up."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a phone says at one moment."""

    device: str | None
    """As which device it sends; None: it does not say."""
    fix: Fix | None = None
    """Finite, but not checked for sense. None: it has no place to tell, or `problem` says why it cannot be used."""
    health: UnitHealth | None = None
    alarm: str | None = None
    """What its user raised: `sos`, where the app has a button for that."""
    problem: str | None = None


def parse(query: str, content_type: str, body: bytes, received_ns: UtcNs) -> list[Report]:
    """The reports of one request, in their order; at least one.

    `query` is the part of the URL after the `?`; `content_type` that of the body. A report that does not say when it
    was is of `received_ns`.

    Raises:
        ReportError: there is none in it.
    """
    if body and (content_type.partition(";")[0].strip().lower() in _JSON_TYPES or body.lstrip()[:1] in {b"{", b"["}):
        return _from_json(body, received_ns)
    try:
        # As Traccar's server: the body counts where the URL says nothing. Either may be percent-encoded UTF-8.
        pairs = parse_qsl(query or body.decode(), max_num_fields=MAX_PARAMETERS)
    except (UnicodeDecodeError, ValueError):
        raise ReportError("the report is neither JSON nor parameters that can be read") from None
    if not pairs:
        raise ReportError("the report is empty: it takes at least lat and lon")
    return [_from_parameters(dict(pairs), received_ns)]


# ---- parameters


def _from_parameters(values: Mapping[str, str], received_ns: UtcNs) -> Report:
    """`speed` is in knots, as Traccar Client sends it; `speed_mps` in m/s, for OsmAnd, which knows nothing else."""
    device = values.get("id") or values.get("deviceid")
    problem: str | None = None
    utc_ns = received_ns
    try:
        if "timestamp" in values:
            utc_ns = _moment(values["timestamp"])
    except ValueError as error:
        problem = str(error)
    health = _health(
        utc_ns if problem is None else received_ns,
        battery_percent=_number(values.get("batt")),
        charging=_flag(values.get("charge")),
        more=values,
    )
    lat, lon = values.get("lat"), values.get("lon")
    if lat is None and lon is None and "location" in values:
        lat, _, lon = values["location"].partition(",")
    knots = _magnitude(values.get("speed"))
    speed_mps = _magnitude(values.get("speed_mps"))
    dop = _magnitude(values.get("hdop"))
    if _flag(values.get("valid")) is False or (dop is not None and dop >= NO_DOP):
        problem = problem or "the phone says that it has no fix"
    accuracy_m = _magnitude(values.get("accuracy"))
    if accuracy_m is None and dop is not None:
        accuracy_m = dop * METRES_PER_HDOP
    return _report(
        device,
        health,
        values.get("alarm"),
        problem,
        received_ns,
        utc_ns=utc_ns,
        lat=lat,
        lon=lon,
        altitude_m=_number(values.get("altitude")),
        speed_mps=knots * KNOT_MPS if speed_mps is None and knots is not None else speed_mps,
        course_deg=_course(values.get("bearing", values.get("heading"))),
        accuracy_m=accuracy_m,
    )


# ---- JSON


def _from_json(body: bytes, received_ns: UtcNs) -> list[Report]:
    try:
        value = json.loads(body, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        raise ReportError("the report is not JSON that can be read") from None
    reports: list[Report] = []
    for device, location in _locations(value):
        if len(reports) == MAX_REPORTS:
            raise ReportError(f"more than {MAX_REPORTS} reports in one request")
        reports.append(_from_location(device, location, received_ns))
    if not reports:
        raise ReportError('the JSON holds no report: it takes {"location": {"coords": {"latitude", "longitude"}}}')
    return reports


def _locations(value: Any) -> Iterator[tuple[str | None, Mapping[str, Any]]]:
    """The locations, each with its device: one, a list of them, or a list of documents that each hold one."""
    for document in value if isinstance(value, list) else [value]:
        if not isinstance(document, dict):
            continue
        held = document.get("location", document)
        device = _text(document.get("device_id"))
        for location in held if isinstance(held, list) else [held]:
            if isinstance(location, dict) and ("coords" in location or "battery" in location):
                yield device, location


def _from_location(device: str | None, location: Mapping[str, Any], received_ns: UtcNs) -> Report:
    """`coords` is in degrees, metres and m/s, −1 where it is unknown; `battery.level` from 0 to 1."""
    coords, battery, extras = (_object(location.get(name)) for name in ("coords", "battery", "extras"))
    problem: str | None = None
    utc_ns = received_ns
    try:
        if location.get("timestamp") is not None:
            utc_ns = _moment(str(location["timestamp"]))
    except ValueError as error:
        problem = str(error)
    level = _magnitude(battery.get("level"))
    charging = battery.get("is_charging")
    health = _health(
        utc_ns if problem is None else received_ns,
        battery_percent=None if level is None else level * 100,
        charging=charging if isinstance(charging, bool) else None,
        more=extras,
    )
    return _report(
        device,
        health,
        extras.get("alarm", location.get("alarm")),
        problem,
        received_ns,
        utc_ns=utc_ns,
        lat=coords.get("latitude"),
        lon=coords.get("longitude"),
        altitude_m=_number(coords.get("altitude")),
        speed_mps=_magnitude(coords.get("speed")),
        course_deg=_course(coords.get("heading")),
        accuracy_m=_magnitude(coords.get("accuracy")),
    )


# ---- both


def _report(
    device: str | None,
    health: UnitHealth | None,
    alarm: object,
    problem: str | None,
    received_ns: UtcNs,
    *,
    utc_ns: UtcNs,
    lat: object,
    lon: object,
    altitude_m: float | None,
    speed_mps: float | None,
    course_deg: float | None,
    accuracy_m: float | None,
) -> Report:
    fix: Fix | None = None
    if problem is None and not (lat is None and lon is None and health is not None):
        latitude, longitude = _number(lat), _number(lon)
        if latitude is None or longitude is None:
            problem = f"{'lat' if latitude is None else 'lon'} is no number"
        else:
            fix = Fix(
                utc_ns=utc_ns,
                lat=latitude,
                lon=longitude,
                altitude_m=altitude_m,
                speed_mps=speed_mps,
                course_deg=course_of(course_deg, speed_mps),
                accuracy_m=accuracy_m,
                carrier=CARRIER,
                received_ns=received_ns,
            )
    return Report(_text(device), fix, health, _text(alarm), problem)


def _health(
    utc_ns: UtcNs, *, battery_percent: float | None, charging: bool | None, more: Mapping[str, object]
) -> UnitHealth | None:
    """None where nothing is said. `signal` and `storage_free` are words of ours, for whoever writes an app."""
    said = UnitHealth(
        utc_ns,
        battery_percent=_percent(battery_percent),
        charging=charging,
        signal_percent=_percent(more.get("signal")),
        storage_free_percent=_percent(more.get("storage_free")),
        carrier=CARRIER,
    )
    return None if said == UnitHealth(utc_ns, carrier=CARRIER) else said


def _moment(text: str) -> UtcNs:
    """Seconds or milliseconds since 1970, RFC 3339, or date and time in UTC with a space between.

    Raises:
        ValueError: none of these.
    """
    text = text.strip()
    if _DIGITS.fullmatch(text):
        seconds, _, fraction = text.partition(".")
        if int(seconds) >= _MAX_SECONDS:
            return min(int(seconds) * 1_000_000, _FARTHEST)
        return int(seconds) * NS + int(fraction.ljust(9, "0"))
    try:
        if "T" in text:
            return parse_utc(text.replace(" ", "+"))  # a "+" that was not escaped in a URL arrives as a space
        return parse_utc(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).isoformat())
    except ValueError:
        raise ValueError("timestamp is neither seconds or milliseconds since 1970 nor a time") from None


def _number(value: object) -> float | None:
    """A finite number, from JSON or written out, or None. Python's own `1_000` is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str) or (isinstance(value, str) and "_" in value):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _magnitude(value: object) -> float | None:
    """A number of at least 0: −1 stands for unknown."""
    number = _number(value)
    return number if number is not None and number >= 0 else None


def _percent(value: object) -> float | None:
    number = _magnitude(value)
    return None if number is None or number > 100 else number


def _course(value: object) -> float | None:
    """Degrees clockwise from north; −1 stands for unknown."""
    degrees = _magnitude(value)
    return None if degrees is None or degrees > 360 else degrees % 360.0


def _flag(text: str | None) -> bool | None:
    word = (text or "").strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None


def _text(value: object) -> str | None:
    """A text as it was sent, cut where nobody would read on; a number where an app writes one."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        return str(value)[:_TEXT] or None
    except ValueError:  # an integer of more digits than Python writes
        return None


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
