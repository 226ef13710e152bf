"""ONVIF metadata documents: what a camera's metadata track says, read safely, and the same written.

Here belongs the XML of ONVIF Streaming 5.1.2.1 (`tt:MetadataStream`) as far as somebody needs it: the position of the
camera itself, in the forms that cameras write it, and the events. How documents travel (RTP, gzip) and what a position
is good for belong elsewhere. Sans-IO: bytes in, values out.

A document comes from the network and is believed nothing: no DTD, no entities, nothing fetched, a limit in bytes before
parsing, and libxml2's own limits (256 levels, 10 MB a text node) left on. Elements are found by local name along their
fixed path, whatever prefix or namespace a camera gives them, so that the location of an *object in the picture*
(`VideoAnalytics/Frame/Object/Appearance/GeoLocation`, `@GeoLocation` of a MetadataConfiguration) can never be taken for
the location of the camera.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias
from xml.sax.saxutils import quoteattr

from lxml import etree

MAX_BYTES = 1 << 20
"""The largest document that is parsed."""

MAX_NOTIFICATIONS = 500
"""How many notifications of one document are read; the rest is named as a problem."""

MAX_PROBLEMS = 20
"""How many problems of one document are named."""

GEOLOCATION_TOPIC = "tns1:Monitoring/GeoLocation"
BATTERY_TOPIC = "tns1:Monitoring/BatteryCapacity"
BATTERY_ITEM = "PercentageRemainingCapacity"
AXIS_GPS_TOPIC = "tnsaxis:CameraApplicationPlatform/GPSData/GPSCoordinates"

_TOPIC_PREFIXES = {
    "http://www.onvif.org/ver10/topics": "tns1",
    "http://www.axis.com/2009/event/topics": "tnsaxis",
}
_NAMESPACES = (
    'xmlns:tt="http://www.onvif.org/ver10/schema" xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2" '
    'xmlns:tns1="http://www.onvif.org/ver10/topics"'
)
_CONCRETE_TOPIC = "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet"

_METRES_PER_SECOND = {
    "m/s": 1.0,
    "mps": 1.0,
    "km/h": 1 / 3.6,
    "kmh": 1 / 3.6,
    "kph": 1 / 3.6,
    "knots": 1852 / 3600,
    "knot": 1852 / 3600,
    "kn": 1852 / 3600,
    "kt": 1852 / 3600,
    "kts": 1852 / 3600,
    "mph": 0.44704,
}

_DATE_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?(?:(Z)|([+-])([0-9]{2}):([0-9]{2}))?"
)

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

_Items: TypeAlias = tuple[tuple[str, str], ...]


class MetadataError(Exception):
    """The document cannot be read at all: too large, not well-formed, with a DTD, or no metadata stream."""


class Carrier(StrEnum):
    """In which form a document says where the camera is."""

    EVENT = "onvif-event"
    """The standard event `tns1:Monitoring/GeoLocation` (ONVIF Core 8.9.11)."""
    MILESTONE = "milestone"
    """`NavigationalData` under `tt:Extension` (Milestone's extension)."""
    AXIS = "axis"
    """The event GPSCoordinates of Axis's application platform."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a camera said it was, WGS 84. None where it said nothing usable. Finite, but not checked for sense."""

    lat: float
    """Degrees, north positive."""
    lon: float
    """Degrees, east positive."""
    carrier: Carrier
    utc_ns: int | None = None
    """Nanoseconds since the Unix epoch by the camera's clock; None when the carrier has no time."""
    elevation_m: float | None = None
    speed_mps: float | None = None
    course_deg: float | None = None
    """Degrees clockwise from north, 0 <= course < 360."""
    accuracy_m: float | None = None
    """Horizontal."""


@dataclass(frozen=True, slots=True)
class Event:
    """One notification (ONVIF Core 9.4). Items are (name, value) as the camera wrote them, without ElementItems."""

    topic: str
    """Concrete topic; the prefixes `tns1` and `tnsaxis` stand for their namespaces, whatever the camera called them."""
    utc_ns: int | None
    operation: str
    """`Initialized`, `Changed`, `Deleted`, or empty."""
    source: _Items
    data: _Items


@dataclass(frozen=True, slots=True)
class MetadataDocument:
    """What one document says. `problems` are sentences about parts that could not be used."""

    positions: tuple[Position, ...] = ()
    events: tuple[Event, ...] = ()
    problems: tuple[str, ...] = ()


# ---- reading


def parse(data: bytes, *, max_bytes: int = MAX_BYTES) -> MetadataDocument:
    """Read one document, in any encoding that XML allows.

    A part that makes no sense (a latitude that is no number) costs only itself and is named in `problems`. The work is
    bounded by `max_bytes`; a document of more than some 64 KiB is better parsed off the event loop.

    Raises:
        MetadataError: nothing of the document can be used.
    """
    if len(data) > max_bytes:
        raise MetadataError(f"a metadata document of {len(data)} bytes, more than the {max_bytes} allowed")
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        # libxml2's own words (in the chained error) speak of its limits and functions.
        raise MetadataError(f"not XML that may be read (line {error.lineno})") from error
    except ValueError as error:
        raise MetadataError("not XML text") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise MetadataError("a metadata document with a DTD")
    name = _local(root)
    if name not in ("MetadataStream", "MetaDataStream"):  # the second is a misspelling seen in the field
        raise MetadataError(f"no metadata stream but <{name[:40]}>")
    return _Reader().read(root)


def read_notifications(notifications: Iterable[etree._Element], others: Collection[str] = ()) -> MetadataDocument:
    """As `parse`, of `wsnt:NotificationMessage` elements that came another way, still in the tree that was parsed.

    Those with a source among `others` are passed over.
    """
    return _Reader(others).read_notifications(notifications)


class _Reader:
    """Collects what the walk over one document finds."""

    def __init__(self, others: Collection[str] = ()) -> None:
        self._others = others
        self._positions: list[Position] = []
        self._events: list[Event] = []
        self._problems: list[str] = []

    def read(self, root: etree._Element) -> MetadataDocument:
        """Walk the children of the root that can hold something of use."""
        for child in root:
            name = _local(child)
            if name == "Event":
                self._notifications(_children(child, "NotificationMessage"))
            elif name == "Extension":
                for navigational_data in _children(child, "NavigationalData"):
                    if len(self._positions) == MAX_NOTIFICATIONS:
                        self._problem(f"more than {MAX_NOTIFICATIONS} positions in one document")
                        break
                    self._milestone(navigational_data)
        return self._document()

    def read_notifications(self, notifications: Iterable[etree._Element]) -> MetadataDocument:
        """Notifications without a document around them."""
        self._notifications(notifications)
        return self._document()

    def _document(self) -> MetadataDocument:
        return MetadataDocument(tuple(self._positions), tuple(self._events), tuple(self._problems))

    def _notifications(self, notifications: Iterable[etree._Element]) -> None:
        for notification in notifications:
            if len(self._events) == MAX_NOTIFICATIONS:
                self._problem(f"more than {MAX_NOTIFICATIONS} notifications in one document")
                break
            self._notification(notification)

    def _notification(self, notification: etree._Element) -> None:
        topic = ""
        message: etree._Element | None = None
        for child in notification:
            name = _local(child)
            if name == "Topic":
                topic = _topic(child)
            elif name == "Message":  # wsnt:Message holds tt:Message
                message = next(_children(child, "Message"), None)
        if not topic or message is None:
            self._problem("a notification without topic or message")
            return
        event = self._event(topic, message)
        if any(value in self._others for _, value in event.source):
            return
        self._events.append(event)
        if event.operation == "Deleted":
            return
        if topic == GEOLOCATION_TOPIC:
            self._geolocation(message, event)
        elif topic == AXIS_GPS_TOPIC:
            self._axis(event)

    def _event(self, topic: str, message: etree._Element) -> Event:
        written = message.get("UtcTime")
        utc_ns: int | None = None
        if written is None:
            self._problem(f"{topic} without UtcTime")
        else:
            try:
                utc_ns = parse_date_time(written)
            except ValueError as error:
                self._problem(f"{topic}: {error}")
        source: _Items = ()
        data: _Items = ()
        for child in message:
            name = _local(child)
            if name == "Source":
                source = _simple_items(child)
            elif name == "Data":
                data = _simple_items(child)
        return Event(topic, utc_ns, message.get("PropertyOperation", ""), source, data)

    def _geolocation(self, message: etree._Element, event: Event) -> None:
        # The form of Source changed in 2020 (from an ElementItem DeviceEntity to a SimpleItem Token); Data did not.
        for data in _children(message, "Data"):
            for item in _children(data, "ElementItem"):
                for location in _children(item, "GeoLocation"):
                    lat = self._coordinate(location.get("lat"), "lat")
                    lon = self._coordinate(location.get("lon"), "lon")
                    if lat is not None and lon is not None:
                        elevation_m = number(location.get("elevation"))
                        self._positions.append(Position(lat, lon, Carrier.EVENT, event.utc_ns, elevation_m))

    def _milestone(self, navigational_data: etree._Element) -> None:
        values = {_local(child): child.text for child in navigational_data}
        lat = self._coordinate(values.get("Latitude"), "Latitude")
        lon = self._coordinate(values.get("Longitude"), "Longitude")
        if lat is None or lon is None:
            return
        self._positions.append(
            Position(
                lat,
                lon,
                Carrier.MILESTONE,
                elevation_m=number(values.get("Altitude")),
                speed_mps=_magnitude(values.get("Speed")),
                course_deg=_course(values.get("Azimuth")),
                accuracy_m=_magnitude(values.get("HorizontalAccuracy")),
            )
        )

    def _axis(self, event: Event) -> None:
        values = dict(event.data)
        lat = self._referenced(values, "Latitude", "NS")
        lon = self._referenced(values, "Longitude", "EW")
        if lat is None or lon is None:
            return
        speed = _magnitude(values.get("Speed"))
        factor = _METRES_PER_SECOND.get(values.get("Speed Unit", "").strip().lower())
        self._positions.append(
            Position(
                lat,
                lon,
                Carrier.AXIS,
                event.utc_ns,
                elevation_m=number(values.get("Altitude")),
                speed_mps=speed * factor if speed is not None and factor is not None else None,
            )
        )

    def _referenced(self, values: dict[str, str], name: str, references: str) -> float | None:
        """A coordinate whose sign stands in an item of its own: `N`, `S`, `E`, `W`, or the word."""
        value = self._coordinate(values.get(name), name)
        if value is None:
            return None
        reference = values.get(f"{name} Reference", "").strip()[:1].upper()
        if not reference:
            return value
        if reference not in references:
            self._problem(f"{name} Reference is {_quoted(values[f'{name} Reference'])}")
            return None
        return -abs(value) if reference == references[1] else value

    def _coordinate(self, text: str | None, name: str) -> float | None:
        value = number(text)
        if value is None:
            self._problem(f"a position without {name}" if text is None else f"{name} is {_quoted(text)}")
        return value

    def _problem(self, sentence: str) -> None:
        if len(self._problems) < MAX_PROBLEMS:
            self._problems.append(sentence)


def _local(element: etree._Element) -> str:
    return element.tag.rpartition("}")[2]


def _children(element: etree._Element, name: str) -> Iterator[etree._Element]:
    return (child for child in element if _local(child) == name)


def _simple_items(element: etree._Element) -> _Items:
    return tuple((item.get("Name", ""), item.get("Value", "")) for item in _children(element, "SimpleItem"))


def _topic(element: etree._Element) -> str:
    """The topic with its first prefix replaced by the conventional one of its namespace.

    A prefix that the camera forgot to declare is left as it is; a namespace without conventional prefix is written
    `{namespace}`.
    """
    text = (element.text or "").strip()
    prefix, colon, rest = text.partition(":")
    if not colon or "/" in prefix:
        return text
    namespace = element.nsmap.get(prefix)
    if namespace is None:
        return text
    conventional = _TOPIC_PREFIXES.get(namespace)
    return f"{{{namespace}}}{rest}" if conventional is None else f"{conventional}:{rest}"


def number(text: str | None) -> float | None:
    """An xs:double that is a finite number, or None. Python's own `1_000` is none."""
    if text is None or "_" in text:
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _magnitude(text: str | None) -> float | None:
    """A number of at least 0: cameras write -1 for unknown."""
    value = number(text)
    return value if value is not None and value >= 0 else None


def _course(text: str | None) -> float | None:
    """Degrees from -180..180, or anything else, into 0 <= course < 360."""
    value = number(text)
    if value is None:
        return None
    course = value % 360.0
    return 0.0 if course == 360.0 else course  # a tiny negative angle rounds up to the full circle


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")


# ---- writing


def event_document(positions: Iterable[Position], *, source: str = "GeoSource_0") -> bytes:
    """The standard form: one `tns1:Monitoring/GeoLocation` event for each position (ONVIF Core 8.9.11).

    `source` is the token of the location source. The form has no room for speed, course and accuracy. Every position
    needs its `utc_ns`.

    Raises:
        ValueError: a position has no `utc_ns`.
    """
    return _document("".join(_event_xml(position, source) for position in positions))


def battery_document(percent: float, utc_ns: int) -> bytes:
    """One `tns1:Monitoring/BatteryCapacity` event: how full the device's battery is, 0 to 100 (ONVIF Core 8.9.6)."""
    item = f'<tt:Data><tt:SimpleItem Name="{BATTERY_ITEM}" Value="{percent!r}"/></tt:Data>'
    return _document(_notification(BATTERY_TOPIC, utc_ns, item))


def navigational_document(position: Position) -> bytes:
    """Milestone's form: it has speed, course and accuracy, and no time."""
    values = {
        "Latitude": position.lat,
        "Longitude": position.lon,
        "Altitude": position.elevation_m,
        "Azimuth": None if position.course_deg is None else (position.course_deg + 180) % 360 - 180,
        "HorizontalAccuracy": position.accuracy_m,
        "Speed": position.speed_mps,
    }
    elements = "".join(f"<{name}>{value!r}</{name}>" for name, value in values.items() if value is not None)
    return _document(
        f'<tt:Extension><NavigationalData version="1.0">{elements}</NavigationalData></tt:Extension>',
    )


def _event_xml(position: Position, source: str) -> str:
    if position.utc_ns is None:
        raise ValueError("an event needs its time")
    elevation = "" if position.elevation_m is None else f' elevation="{position.elevation_m!r}"'
    items = (
        f'<tt:Source><tt:SimpleItem Name="Token" Value={quoteattr(source)}/></tt:Source>'
        f'<tt:Data><tt:ElementItem Name="CurrentLocation">'
        f'<tt:GeoLocation lon="{position.lon!r}" lat="{position.lat!r}"{elevation}/>'
        "</tt:ElementItem></tt:Data>"
    )
    return _notification(GEOLOCATION_TOPIC, position.utc_ns, items)


def _notification(topic: str, utc_ns: int, items: str) -> str:
    return (
        f'<tt:Event><wsnt:NotificationMessage><wsnt:Topic Dialect="{_CONCRETE_TOPIC}">{topic}</wsnt:Topic>'
        f'<wsnt:Message><tt:Message UtcTime="{format_date_time(utc_ns)}" PropertyOperation="Changed">'
        f"{items}</tt:Message></wsnt:Message></wsnt:NotificationMessage></tt:Event>"
    )


def _document(content: str) -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><tt:MetadataStream {_NAMESPACES}>{content}</tt:MetadataStream>'
    ).encode()


# ---- xs:dateTime


def parse_date_time(text: str) -> int:
    """Nanoseconds since the Unix epoch of an xs:dateTime (XML Schema part 2, 3.2.7) in the years 1 to 9999.

    Any number of fraction digits (what lies below a nanosecond is cut off), `24:00:00`, `Z` and offsets up to 14 hours;
    without zone it is UTC.

    Raises:
        ValueError: it is none.
    """
    match = _DATE_TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{_quoted(text)} is no xs:dateTime")
    year, month, day, hour, minute, second, fraction, _, sign, offset_hours, offset_minutes = match.groups()
    end_of_day = hour == "24"
    try:
        moment = dt.datetime(
            int(year), int(month), int(day), 0 if end_of_day else int(hour), int(minute), int(second), tzinfo=dt.UTC
        )
    except ValueError as error:
        raise ValueError(f"{_quoted(text)} is no xs:dateTime: {error}") from error
    since_epoch = moment - _EPOCH
    seconds = since_epoch.days * 86400 + since_epoch.seconds
    nanoseconds = int(fraction[:9].ljust(9, "0")) if fraction else 0
    if end_of_day:
        if moment.minute or moment.second or nanoseconds:
            raise ValueError(f"{_quoted(text)} is no xs:dateTime: a day ends at 24:00:00")
        seconds += 86400
    if sign is not None:
        offset = int(offset_hours) * 3600 + int(offset_minutes) * 60
        if int(offset_minutes) > 59 or offset > 14 * 3600:
            raise ValueError(f"{_quoted(text)} is no xs:dateTime: the offset is out of range")
        seconds -= offset if sign == "+" else -offset
    return seconds * 1_000_000_000 + nanoseconds


def format_date_time(utc_ns: int) -> str:
    """The canonical xs:dateTime of a moment, in UTC, to the nanosecond where it has any (`2026-01-31T12:00:00.25Z`).

    Raises:
        ValueError: outside the years 1 to 9999.
    """
    seconds, nanoseconds = divmod(utc_ns, 1_000_000_000)
    try:
        moment = _EPOCH + dt.timedelta(seconds=seconds)
    except OverflowError as error:
        raise ValueError(f"{utc_ns} ns lies outside the years 1 to 9999") from error
    fraction = f".{nanoseconds:09}".rstrip("0") if nanoseconds else ""
    return f"{moment.replace(tzinfo=None).isoformat()}{fraction}Z"
