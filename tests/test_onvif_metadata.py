"""onvif_protocol.metadata: every carrier, what is no position of the wearer, hostile documents, xs:dateTime."""

from __future__ import annotations

import contextlib
import datetime as dt
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onvif_protocol.metadata import (
    MAX_BYTES,
    MAX_NOTIFICATIONS,
    MAX_PROBLEMS,
    Carrier,
    MetadataDocument,
    MetadataError,
    Position,
    event_document,
    format_date_time,
    navigational_document,
    parse,
    parse_date_time,
)

NAMESPACES = (
    'xmlns:tt="http://www.onvif.org/ver10/schema" xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2" '
    'xmlns:tns1="http://www.onvif.org/ver10/topics" xmlns:tnsaxis="http://www.axis.com/2009/event/topics"'
)
NOON = 1_767_268_800 * 10**9  # 2026-01-01T12:00:00Z
TOKEN = '<tt:Source><tt:SimpleItem Name="Token" Value="GeoSource_0"/></tt:Source>'


def stream(content: str, *, root: str = "tt:MetadataStream", namespaces: str = NAMESPACES) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?><{root} {namespaces}>{content}</{root}>'.encode()


def event(
    body: str, *, topic: str = "tns1:Monitoring/GeoLocation", message: str = 'UtcTime="2026-01-01T12:00:00Z"'
) -> str:
    return (
        f'<tt:Event><wsnt:NotificationMessage><wsnt:Topic Dialect="x">{topic}</wsnt:Topic><wsnt:Message>'
        f"<tt:Message {message}>{body}</tt:Message></wsnt:Message></wsnt:NotificationMessage></tt:Event>"
    )


def location(attributes: str = 'lon="-0.1246" lat="51.5007" elevation="35.5"') -> str:
    return f'<tt:Data><tt:ElementItem Name="CurrentLocation"><tt:GeoLocation {attributes}/></tt:ElementItem></tt:Data>'


def axis(**items: str) -> bytes:
    written = "".join(f'<tt:SimpleItem Name="{k.replace("_", " ")}" Value="{v}"/>' for k, v in items.items())
    return stream(
        event(f"<tt:Data>{written}</tt:Data>", topic="tnsaxis:CameraApplicationPlatform/GPSData/GPSCoordinates")
    )


def navigational(content: str) -> bytes:
    return stream(f'<tt:Extension><NavigationalData version="1.0">{content}</NavigationalData></tt:Extension>')


# ---- the standard event


def test_standard_event() -> None:
    document = parse(stream(event(TOKEN + location())))
    assert document.positions == (Position(51.5007, -0.1246, Carrier.EVENT, NOON, elevation_m=35.5),)
    assert document.problems == ()
    assert document.events[0].topic == "tns1:Monitoring/GeoLocation"
    assert document.events[0].source == (("Token", "GeoSource_0"),)


def test_standard_event_before_2020() -> None:
    source = '<tt:Source><tt:ElementItem Name="DeviceEntity"><tt:Entity>Camera</tt:Entity></tt:ElementItem></tt:Source>'
    assert parse(stream(event(source + location()))).positions[0].lat == 51.5007


def test_elevation_is_optional() -> None:
    (position,) = parse(stream(event(location('lon="1" lat="2"')))).positions
    assert position == Position(2.0, 1.0, Carrier.EVENT, NOON)


def test_several_notifications_and_events() -> None:
    twice = event(location('lon="1" lat="1"')) + event(location('lon="2" lat="2"'))
    assert [p.lat for p in parse(stream(twice)).positions] == [1.0, 2.0]


@pytest.mark.parametrize("root", ["tt:MetadataStream", "tt:MetaDataStream"])
def test_both_spellings_of_the_root(root: str) -> None:
    assert parse(stream(event(location()), root=root)).positions


def test_any_prefix() -> None:
    renamed = stream(event(location())).replace(b"tt:", b"o:").replace(b":tt=", b":o=")
    renamed = renamed.replace(b"tns1:", b"topic:").replace(b":tns1=", b":topic=")
    renamed = renamed.replace(b"wsnt:", b"n:").replace(b":wsnt=", b":n=")
    document = parse(renamed)
    assert document.positions[0].lat == 51.5007
    assert document.events[0].topic == "tns1:Monitoring/GeoLocation"


def test_default_namespace() -> None:
    plain = stream(event(location())).replace(b"tt:", b"").replace(b"xmlns:tt=", b"xmlns=")
    assert parse(plain).positions[0].lon == -0.1246


def test_topic_prefix_that_was_never_declared() -> None:
    forgotten = NAMESPACES.replace('xmlns:tns1="http://www.onvif.org/ver10/topics"', "")
    assert parse(stream(event(location()), namespaces=forgotten)).positions


def test_topic_of_another_namespace_is_another_topic() -> None:
    other = NAMESPACES.replace("http://www.onvif.org/ver10/topics", "http://example.org/topics")
    document = parse(stream(event(location()), namespaces=other))
    assert document.positions == ()
    assert document.events[0].topic == "{http://example.org/topics}Monitoring/GeoLocation"


def test_topic_with_white_space() -> None:
    assert parse(stream(event(location(), topic="\n  tns1:Monitoring/GeoLocation\n "))).positions


def test_utf16_with_byte_order_mark() -> None:
    text = stream(event(location())).decode().replace("UTF-8", "UTF-16")
    assert parse(text.encode("utf-16")).positions[0].lat == 51.5007


def test_deleted_location_is_no_position() -> None:
    document = parse(stream(event(location(), message='UtcTime="2026-01-01T12:00:00Z" PropertyOperation="Deleted"')))
    assert document.positions == ()
    assert document.events[0].operation == "Deleted"


@pytest.mark.parametrize(
    ("message", "problem"), [('UtcTime="noon"', "'noon' is no xs:dateTime"), ("", "without UtcTime")]
)
def test_event_without_usable_time_keeps_its_position(message: str, problem: str) -> None:
    document = parse(stream(event(location(), message=message)))
    assert document.positions[0].utc_ns is None
    assert problem in document.problems[0]


@pytest.mark.parametrize(
    "attributes",
    ['lat="51.5"', 'lon="1"', 'lat="NaN" lon="1"', 'lat="INF" lon="1"', 'lat="51,5" lon="1"', 'lat="1_0" lon="1"', ""],
)
def test_unusable_coordinates_cost_only_themselves(attributes: str) -> None:
    document = parse(stream(event(location(attributes)) + event(location())))
    assert [p.lat for p in document.positions] == [51.5007]
    assert document.problems


def test_other_events_are_kept_as_events() -> None:
    body = (
        '<tt:Source><tt:SimpleItem Name="InputToken" Value="SOS"/></tt:Source>'
        '<tt:Data><tt:SimpleItem Name="LogicalState" Value="true"/></tt:Data>'
    )
    document = parse(
        stream(
            event(
                body,
                topic="tns1:Device/Trigger/DigitalInput",
                message='UtcTime="2026-01-01T12:00:00Z" PropertyOperation="Changed"',
            )
        )
    )
    assert document.positions == ()
    (trigger,) = document.events
    assert (trigger.topic, trigger.utc_ns, trigger.operation) == ("tns1:Device/Trigger/DigitalInput", NOON, "Changed")
    assert (trigger.source, trigger.data) == ((("InputToken", "SOS"),), (("LogicalState", "true"),))


def test_notification_without_message_is_named() -> None:
    document = parse(stream("<tt:Event><wsnt:NotificationMessage/></tt:Event>"))
    assert document.problems == ("a notification without topic or message",)


# ---- Milestone


def test_milestone() -> None:
    document = parse(
        navigational(
            "<Latitude>-33.8568</Latitude><Longitude>151.2153</Longitude><Altitude>12.5</Altitude><Azimuth>-90</Azimuth>"
            "<HorizontalAccuracy>4.0</HorizontalAccuracy><VerticalAccuracy>9</VerticalAccuracy><Speed>1.4</Speed>"
            "<GeodeticSystem>WGS84</GeodeticSystem>"
        )
    )
    assert document.positions == (
        Position(
            -33.8568,
            151.2153,
            Carrier.MILESTONE,
            None,
            elevation_m=12.5,
            speed_mps=1.4,
            course_deg=270.0,
            accuracy_m=4.0,
        ),
    )


@pytest.mark.parametrize(
    ("azimuth", "course"),
    [
        ("-180", 180.0),
        ("180", 180.0),
        ("-0.5", 359.5),
        ("0", 0.0),
        ("90", 90.0),
        ("360", 0.0),
        ("-1e-30", 0.0),
        ("x", None),
    ],
)
def test_milestone_azimuth(azimuth: str, course: float | None) -> None:
    content = f"<Latitude>1</Latitude><Longitude>2</Longitude><Azimuth>{azimuth}</Azimuth>"
    assert parse(navigational(content)).positions[0].course_deg == course


def test_milestone_unknown_values() -> None:
    content = "<Latitude>1</Latitude><Longitude>2</Longitude><Speed>-1</Speed><HorizontalAccuracy/>"
    (position,) = parse(navigational(content)).positions
    assert (position.speed_mps, position.accuracy_m, position.elevation_m) == (None, None, None)


def test_milestone_without_longitude() -> None:
    document = parse(navigational("<Latitude>1</Latitude>"))
    assert document == MetadataDocument(problems=("a position without Longitude",))


# ---- Axis


def test_axis() -> None:
    document = parse(
        axis(
            Latitude="33.8568",
            Latitude_Reference="S",
            Longitude="70.6",
            Longitude_Reference="W",
            Speed="36",
            Speed_Unit="km/h",
            Altitude="520",
        )
    )
    (position,) = document.positions
    assert (position.lat, position.lon, position.carrier, position.utc_ns) == (-33.8568, -70.6, Carrier.AXIS, NOON)
    assert position.speed_mps == pytest.approx(10.0)
    assert position.elevation_m == 520.0


@pytest.mark.parametrize(
    ("unit", "metres"),
    [("m/s", 10.0), ("km/h", 2.7778), ("knots", 5.1444), ("mph", 4.4704), ("KM/H", 2.7778), ("furlongs", None)],
)
def test_axis_speed_units(unit: str, metres: float | None) -> None:
    (position,) = parse(axis(Latitude="1", Longitude="1", Speed="10", Speed_Unit=unit)).positions
    assert position.speed_mps == (None if metres is None else pytest.approx(metres, abs=1e-3))


def test_axis_without_unit_says_no_speed() -> None:
    assert parse(axis(Latitude="1", Longitude="1", Speed="10")).positions[0].speed_mps is None


@pytest.mark.parametrize(
    ("reference", "lat"), [("N", 33.5), ("n", 33.5), ("North", 33.5), ("S", -33.5), ("South", -33.5), ("", 33.5)]
)
def test_axis_references(reference: str, lat: float) -> None:
    (position,) = parse(axis(Latitude="33.5", Latitude_Reference=reference, Longitude="1")).positions
    assert position.lat == lat


def test_axis_negative_southern_latitude_stays_south() -> None:
    assert parse(axis(Latitude="-33.5", Latitude_Reference="S", Longitude="1")).positions[0].lat == -33.5


def test_axis_senseless_reference() -> None:
    document = parse(axis(Latitude="33.5", Latitude_Reference="up", Longitude="1"))
    assert document.positions == ()
    assert document.problems == ("Latitude Reference is 'up'",)


# ---- what is not the wearer


def test_location_of_an_object_in_the_picture_is_not_the_wearer() -> None:
    frame = (
        '<tt:VideoAnalytics><tt:Frame UtcTime="2026-01-01T12:00:00Z"><tt:Object ObjectId="1"><tt:Appearance>'
        '<tt:GeoLocation lon="5" lat="6"/></tt:Appearance></tt:Object></tt:Frame></tt:VideoAnalytics>'
    )
    assert parse(stream(frame)) == MetadataDocument()
    assert [p.lat for p in parse(stream(frame + event(location()))).positions] == [51.5007]


def test_geolocation_elsewhere_is_not_the_wearer() -> None:
    body = '<tt:Data><tt:ElementItem Name="Object"><tt:GeoLocation lon="5" lat="6"/></tt:ElementItem></tt:Data>'
    rule = event(body, topic="tns1:RuleEngine/ObjectDetector/Object")
    configuration = (
        '<tt:MetadataConfiguration GeoLocation="true"><tt:GeoLocation lon="5" lat="6"/></tt:MetadataConfiguration>'
    )
    data = "<NavigationalData><Latitude>1</Latitude><Longitude>1</Longitude></NavigationalData>"
    loose = f'<tt:GeoLocation lon="5" lat="6"/>{data}'
    assert parse(stream(rule + configuration + loose)).positions == ()


# ---- hostile documents


def test_too_large_is_refused_before_parsing() -> None:
    with pytest.raises(MetadataError, match="20000000 bytes"):
        parse(b"<" * 20_000_000)
    with pytest.raises(MetadataError, match="more than the 10 allowed"):
        parse(stream(""), max_bytes=10)
    filler = MAX_BYTES - len(stream(""))
    assert parse(stream(" " * filler)) == MetadataDocument()


LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
LONG = f'<!ENTITY a "{"a" * 50_000}">'
BOMBS = {
    "billion laughs": f'<!DOCTYPE x [<!ENTITY l0 "lol">{LAUGHS}]><MetadataStream>&l9;</MetadataStream>',
    "billion laughs in an attribute": f'<!DOCTYPE x [<!ENTITY l0 "lol">{LAUGHS}]><MetadataStream a="&l9;"/>',
    "quadratic blow-up": f"<!DOCTYPE x [{LONG}]><MetadataStream>{'&a;' * 50_000}</MetadataStream>",
    "quadratic blow-up in an attribute": f'<!DOCTYPE x [{LONG}]><MetadataStream a="{"&a;" * 50_000}"/>',
    "external entity": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><MetadataStream>&e;</MetadataStream>',
    "parameter entity": '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]><MetadataStream/>',
    "external DTD": '<!DOCTYPE MetadataStream SYSTEM "http://127.0.0.1:9/x.dtd"><MetadataStream/>',
    "harmless DTD": "<!DOCTYPE MetadataStream><MetadataStream/>",
    "undeclared entity": "<MetadataStream>&nbsp;</MetadataStream>",
    "deep nesting": f"<MetadataStream>{'<a>' * 100_000}",
    "closed deep nesting": f"<MetadataStream>{'<a>' * 1000}{'</a>' * 1000}</MetadataStream>",
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.timeout(10)
def test_bombs(name: str) -> None:
    with pytest.raises(MetadataError):
        parse(BOMBS[name].encode())


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\0" * 100,
        b"hello",
        b"<MetadataStream>",
        b"<MetadataStream></wrong>",
        b'<?xml version="1.0" encoding="klingon"?><MetadataStream/>',
        b"<MetadataStream>\xff\xfe</MetadataStream>",
        b"\x80\x61\x00\x01binary rtp",
        b"<a:MetadataStream/>",
        b"<soap:Envelope xmlns:soap='http://www.w3.org/2003/05/soap-envelope'/>",
    ],
)
def test_garbage(garbage: bytes) -> None:
    with pytest.raises(MetadataError):
        parse(garbage)


def test_endless_notifications_are_bounded_and_named() -> None:
    document = parse(stream(event(location()) * (MAX_NOTIFICATIONS + 50)))
    assert len(document.positions) == MAX_NOTIFICATIONS
    assert "notifications in one document" in document.problems[0]
    one = "<NavigationalData><Latitude>1</Latitude><Longitude>1</Longitude></NavigationalData>"
    document = parse(stream(f"<tt:Extension>{one * (MAX_NOTIFICATIONS + 1)}</tt:Extension>"))
    assert len(document.positions) == MAX_NOTIFICATIONS
    assert len(document.problems) == 1


def test_endless_problems_are_bounded_and_short() -> None:
    document = parse(stream(event(location(f'lat="{"x" * 1000}" lon="1"')) * 100))
    assert len(document.problems) == MAX_PROBLEMS
    assert all(len(problem) < 100 for problem in document.problems)


def test_comments_and_instructions_are_passed_over() -> None:
    assert parse(stream(f"<?x y?><!-- no -->{event('<!-- no --><?x y?>' + location())}")).positions


FRAGMENTS = st.sampled_from(
    [
        event(TOKEN + location()),
        event("", topic=""),
        event(location('lat="999" lon="-1e300"')),
        navigational("<Latitude>1e400</Latitude>").decode(),
        "<tt:Event>",
        "</tt:Event>",
        "<wsnt:NotificationMessage><wsnt:Topic/><wsnt:Message/></wsnt:NotificationMessage>",
        "<tt:Extension><NavigationalData><Latitude><a/></Latitude></NavigationalData></tt:Extension>",
        "<![CDATA[ ]]>",
        "<?pi?>",
        "&amp;",
        "\x00",
    ]
)


PARTS = st.lists(st.one_of(FRAGMENTS, st.text(st.characters(codec="utf-8"), max_size=20)), max_size=6).map("".join)


@settings(max_examples=100, deadline=None)
@given(st.one_of(st.binary(max_size=300), PARTS.map(str.encode), PARTS.map(stream)))
def test_never_another_exception(data: bytes) -> None:
    try:
        document = parse(data)
    except MetadataError:
        return
    assert all(math.isfinite(p.lat) and math.isfinite(p.lon) for p in document.positions)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_damaged_documents(data: st.DataObject) -> None:
    damaged = bytearray(stream(event(TOKEN + location())))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    del damaged[data.draw(st.integers(0, len(damaged))) :]
    with contextlib.suppress(MetadataError):
        parse(bytes(damaged))


# ---- writing


COORDINATE = st.floats(-180, 180, allow_nan=False)
POSITIONS = st.builds(
    Position,
    lat=st.floats(-90, 90),
    lon=COORDINATE,
    carrier=st.just(Carrier.EVENT),
    utc_ns=st.integers(0, 4_000_000_000 * 10**9),
    elevation_m=st.none() | st.floats(-500, 9000),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(POSITIONS, max_size=3), st.text(st.characters(exclude_categories=("C",)), max_size=10))
def test_event_document_round_trip(positions: list[Position], source: str) -> None:
    document = parse(event_document(positions, source=source))
    assert document.positions == tuple(positions)
    assert document.problems == ()
    assert all(e.source == (("Token", source),) and e.operation == "Changed" for e in document.events)


def test_event_document_needs_time() -> None:
    with pytest.raises(ValueError, match="time"):
        event_document([Position(1.0, 2.0, Carrier.EVENT)])


@settings(max_examples=50, deadline=None)
@given(
    st.builds(
        Position,
        lat=st.floats(-90, 90),
        lon=COORDINATE,
        carrier=st.just(Carrier.MILESTONE),
        elevation_m=st.none() | st.floats(-500, 9000),
        speed_mps=st.none() | st.floats(0, 60),
        course_deg=st.none() | st.integers(0, 359).map(float),
        accuracy_m=st.none() | st.floats(0, 100),
    )
)
def test_navigational_document_round_trip(position: Position) -> None:
    assert parse(navigational_document(position)).positions == (position,)


# ---- xs:dateTime


@pytest.mark.parametrize(
    ("text", "utc_ns"),
    [
        ("2026-01-01T12:00:00Z", NOON),
        ("2026-01-01T12:00:00", NOON),
        (" 2026-01-01T12:00:00Z\n", NOON),
        ("2026-01-01T12:00:00.5Z", NOON + 500_000_000),
        ("2026-01-01T12:00:00.123456789Z", NOON + 123_456_789),
        ("2026-01-01T12:00:00.1234567899999Z", NOON + 123_456_789),
        ("2026-01-01T13:30:00+01:30", NOON),
        ("2026-01-01T07:00:00-05:00", NOON),
        ("2026-01-02T02:00:00+14:00", NOON),
        ("2026-01-01T12:00:00-00:00", NOON),
        ("2025-12-31T24:00:00Z", NOON - 12 * 3600 * 10**9),
        ("1969-12-31T23:59:59.999Z", -1_000_000),
        ("2024-02-29T00:00:00Z", 1_709_164_800 * 10**9),
    ],
)
def test_date_time(text: str, utc_ns: int) -> None:
    assert parse_date_time(text) == utc_ns


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-01",
        "2026-01-01 12:00:00Z",
        "2026-1-1T12:00:00Z",
        "2026-13-01T12:00:00Z",
        "2026-02-29T12:00:00Z",
        "0000-01-01T00:00:00Z",
        "2026-01-01T25:00:00Z",
        "2026-01-01T24:00:01Z",
        "2026-01-01T24:00:00.1Z",
        "2026-01-01T12:60:00Z",
        "2026-01-01T12:00:60Z",
        "2026-01-01T12:00:00.Z",
        "2026-01-01T12:00:00+1:00",
        "2026-01-01T12:00:00+15:00",
        "2026-01-01T12:00:00+01:60",
        "2026-01-01T12:00:00z",
        "٢٠٢٦-01-01T12:00:00Z",
        "12026-01-01T12:00:00Z",
    ],
)
def test_no_date_time(text: str) -> None:
    with pytest.raises(ValueError, match="xs:dateTime"):
        parse_date_time(text)


@settings(max_examples=100)
@given(st.datetimes(timezones=st.just(dt.UTC)), st.integers(0, 999))
def test_date_time_round_trip(moment: dt.datetime, nanoseconds: int) -> None:
    since = moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    utc_ns = (since.days * 86400 + since.seconds) * 10**9 + since.microseconds * 1000 + nanoseconds
    assert parse_date_time(format_date_time(utc_ns)) == utc_ns


def test_format_date_time() -> None:
    assert format_date_time(NOON) == "2026-01-01T12:00:00Z"
    assert format_date_time(NOON + 250_000_000) == "2026-01-01T12:00:00.25Z"
    with pytest.raises(ValueError, match="years 1 to 9999"):
        format_date_time(10**21)


# ---- a writer that is not ours


def camera_document() -> Any:
    """gstcam's own `document` and `position`, without starting GStreamer."""
    from tests.data import tool

    source = tool("gstcam.py").read_text()
    start, end = source.index("NS = ("), source.index("class Camera")
    namespace: dict[str, Any] = {"dt": dt, "math": math}
    exec(compile(source[start:end], "gstcam.py", "exec"), namespace)
    return namespace


@pytest.mark.parametrize("carrier", ["event", "milestone", "axis"])
def test_documents_of_gstcam(carrier: str) -> None:
    camera = camera_document()
    for t in (1_767_268_800.0, 1_767_268_900.25):
        lat, lon, altitude, speed, course = camera["position"](t)
        (position,) = parse(camera["document"](carrier, t)).positions
        assert (position.lat, position.lon) == pytest.approx((lat, lon), abs=1e-7)
        assert position.elevation_m == altitude
        assert position.utc_ns == (None if carrier == "milestone" else round(t * 1000) * 10**6)
        if carrier != "event":
            assert position.speed_mps == pytest.approx(speed)
        if carrier == "milestone":
            assert position.course_deg == pytest.approx(course, abs=0.06)
