"""What phones report over HTTP: the forms that OsmAnd and Traccar Client send, and what must not come of others."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.base.rfc3339 import format_utc
from gateway.media.model import NS, Fix, UnitHealth
from gateway.positions.osmand import CARRIER, MAX_REPORTS, Report, ReportError, parse

NOW = 1_790_000_000 * NS
JSON = "application/json"


def one(query="", content_type="", body=b""):
    (report,) = parse(query, content_type, body, NOW)
    return report


def located(**more):
    """What Traccar Client 9 sends: the form of its location library, with its template of members."""
    coords = {"latitude": 52.5, "longitude": 13.25, "accuracy": 4.8, "speed": 1.5, "heading": 271.0, "altitude": 40.5}
    coords |= more.pop("coords", {})
    location = {
        "timestamp": "2026-09-21T14:13:19.500Z",
        "coords": coords,
        "is_moving": True,
        "odometer": 12.3,
        "event": "motionchange",
        "battery": {"level": 0.42, "is_charging": False},
        "activity": {"type": "walking"},
        "extras": {},
        "_": "&id=unit-12&lat=52.5&lon=13.25&timestamp=2026-09-21T14:13:19.500Z&",
    } | more
    return {"location": location, "device_id": "unit-12"}


def sent(document):
    return one("", "application/json; charset=utf-8", json.dumps(document).encode())


def test_the_query_of_traccar_client():
    query = (
        "id=unit-12&timestamp=1789999999&lat=52.5&lon=13.25&speed=2.0&bearing=90.0&altitude=40.5&accuracy=3.5&batt=87.0"
    )
    assert one(query) == Report(
        "unit-12",
        Fix(1_789_999_999 * NS, 52.5, 13.25, 40.5, 2.0 * 1852 / 3600, 90.0, 3.5, carrier=CARRIER, received_ns=NOW),
        UnitHealth(1_789_999_999 * NS, battery_percent=87.0, carrier=CARRIER),
    )
    assert one("", "application/x-www-form-urlencoded", query.encode()) == one(query)
    assert one(f"{query}&alarm=sos&charge=true").alarm == "sos"
    assert one(f"{query}&charge=true").health.charging is True


def test_the_web_address_of_osmand_has_metres_a_second_and_milliseconds():
    query = "lat=52.5&lon=13.25&timestamp=1789999999250&accuracy=7.0&altitude=40.5&speed_mps=1.25&bearing=359.5"
    assert one(query) == Report(
        None, Fix(1_789_999_999_250_000_000, 52.5, 13.25, 40.5, 1.25, 359.5, 7.0, carrier=CARRIER, received_ns=NOW)
    )


def test_the_json_of_traccar_client():
    moment = NOW - NS // 2
    assert sent(located()) == Report(
        "unit-12",
        Fix(moment, 52.5, 13.25, 40.5, 1.5, 271.0, 4.8, carrier=CARRIER, received_ns=NOW),
        UnitHealth(moment, battery_percent=42.0, charging=False, carrier=CARRIER),
    )


def test_minus_one_is_unknown():
    report = sent(located(coords={"speed": -1, "heading": -1, "accuracy": -1}, battery={"level": -1}))
    assert (report.fix.speed_mps, report.fix.course_deg, report.fix.accuracy_m) == (None, None, None)
    assert report.health is None


def test_its_sos_comes_among_the_extras():
    assert sent(located(extras={"alarm": "sos"})).alarm == "sos"


def test_what_was_kept_comes_in_a_list():
    kept = [located(timestamp=f"2026-09-21T14:1{minute}:00Z")["location"] for minute in range(3)]
    lists = {"location": kept, "device_id": "unit-12"}, [{"location": one, "device_id": "unit-12"} for one in kept]
    for document in lists:
        reports = parse("", JSON, json.dumps(document).encode(), NOW)
        assert [report.device for report in reports] == ["unit-12"] * 3
        assert [report.fix.utc_ns // (60 * NS) % 60 for report in reports] == [10, 11, 12]
    assert [report.device for report in parse("", JSON, json.dumps(kept).encode(), NOW)] == [None] * 3


@pytest.mark.parametrize(
    "text",
    [
        "1789999999",
        "1789999999.0",
        "1789999999000",
        "2026-09-21T14:13:19Z",
        "2026-09-21T16:13:19 02:00",
        "2026-09-21 14:13:19",
    ],
)
def test_the_ways_to_say_when(text):
    assert one(f"lat=1&lon=2&timestamp={text}").fix.utc_ns == NOW - NS


@pytest.mark.parametrize("text", ["9999999999999", "999999999999", "9999-12-31T00:00:00Z", "0001-01-01 00:00:00"])
def test_a_time_beyond_all_others_is_one_that_can_be_told(text):
    assert format_utc(one(f"lat=1&lon=2&timestamp={text}").fix.utc_ns)


def test_a_report_that_does_not_say_when_is_of_its_arrival():
    assert one("lat=1&lon=2").fix.utc_ns == NOW


@pytest.mark.parametrize(
    "text", ["", "soon", "17.9e8", "99999999999999", "99999999999999999999", "２０２６", "2026-13-01T00:00:00Z"]
)
def test_a_time_that_cannot_be_read_costs_the_place_alone(text):
    report = one(urlencode({"lat": "1", "lon": "2", "batt": "50", "timestamp": text or "-"}))
    assert report.fix is None
    assert "timestamp" in report.problem
    assert report.health == UnitHealth(NOW, battery_percent=50.0, carrier=CARRIER)


@pytest.mark.parametrize("value", ["NaN", "inf", "-Infinity", "1_000", "", "north", "0x10"])
def test_a_coordinate_that_is_no_number(value):
    report = one(urlencode({"id": "unit-12", "lat": value or " ", "lon": "2"}))
    assert (report.device, report.fix, report.problem) == ("unit-12", None, "lat is no number")


def test_nan_in_json_is_no_number_either():
    body = json.dumps(located(coords={"longitude": float("nan"), "speed": float("inf")})).encode()
    report = one("", JSON, body)
    assert (report.fix, report.problem) == (None, "lon is no number")
    huge = json.dumps(located()).replace("52.5", "1" + "0" * 400, 1).encode()
    assert one("", JSON, huge).problem == "lat is no number"
    assert sent(located(coords={"latitude": True})).problem == "lat is no number"


def test_numbers_that_make_no_sense_are_left_out_and_the_place_stays():
    report = one("lat=1&lon=2&speed=-3&bearing=400&accuracy=nan&batt=250&altitude=high")
    assert report.fix == Fix(NOW, 1.0, 2.0, carrier=CARRIER, received_ns=NOW)
    assert report.health is None


def test_out_of_range_is_the_trackers_business():
    assert one("lat=95&lon=200").fix.lat == 95.0


def test_no_fix_is_said_in_two_ways():
    for said in ("valid=false", "valid=0", "hdop=99.99"):
        report = one(f"lat=1&lon=2&batt=5&{said}")
        assert (report.fix, report.problem) == (None, "the phone says that it has no fix")
        assert report.health.battery_percent == 5.0


def test_the_accuracy_is_estimated_where_only_a_dilution_is_known():
    assert one("lat=1&lon=2&hdop=1.2").fix.accuracy_m == pytest.approx(6.0)
    assert one("lat=1&lon=2&hdop=1.2&accuracy=3").fix.accuracy_m == 3.0


def test_a_heartbeat_without_a_place_is_no_problem():
    assert one("id=unit-12&batt=50") == Report("unit-12", health=UnitHealth(NOW, battery_percent=50.0, carrier=CARRIER))


def test_an_app_of_ones_own_can_tell_signal_and_storage():
    said = UnitHealth(NOW, signal_percent=60.0, storage_free_percent=7.5, carrier=CARRIER)
    assert one("signal=60&storage_free=7.5").health == said
    assert sent({"location": {"coords": {}, "extras": {"signal": 60, "storage_free": 7.5}}}).health == said
    assert one("lat=1&lon=2&signal=-70&storage_free=NaN").health is None


def test_no_course_while_it_stands():
    assert one("lat=1&lon=2&speed_mps=0.2&bearing=90").fix.course_deg is None
    assert one("lat=1&lon=2&speed_mps=0.6&bearing=360").fix.course_deg == 0.0


@pytest.mark.parametrize(
    ("query", "content_type", "body"),
    [
        ("", "", b""),
        ("", JSON, b"{"),
        ("", JSON, b"[]"),
        ("", JSON, b"null"),
        ("", JSON, b'{"location": 5}'),
        ("", JSON, b"[" * 100_000),
        ("", JSON, b'{"location": {"coords": {"latitude": ' + b"1" * 5000 + b"}}}"),
        ("", "text/plain", b"\xff\xfe"),
        ("&".join(f"a{i}=1" for i in range(1000)), "", b""),
    ],
)
def test_what_is_no_report(query, content_type, body):
    with pytest.raises(ReportError):
        parse(query, content_type, body, NOW)


def test_a_list_has_an_end():
    body = json.dumps({"location": [{"coords": {}}] * (MAX_REPORTS + 1)}).encode()
    with pytest.raises(ReportError, match="more than"):
        parse("", JSON, body, NOW)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200), st.binary(max_size=200), st.sampled_from([JSON, "", "application/x-www-form-urlencoded"]))
def test_whatever_comes_is_a_report_or_an_error(query, body, content_type):
    try:
        reports = parse(query, content_type, body, NOW)
    except ReportError:
        return
    assert reports


_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10)
_VALUES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner), max_leaves=5
)
_NAMES = st.sampled_from(
    ["latitude", "longitude", "speed", "heading", "accuracy", "altitude", "level", "is_charging", "alarm"]
)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["timestamp", "coords", "battery", "extras"]), st.dictionaries(_NAMES, _VALUES) | _VALUES
    )
)
def test_members_of_any_type_do_no_harm(location):
    try:
        reports = parse("", JSON, json.dumps({"location": location, "device_id": 7}).encode(), NOW)
    except ReportError:
        return
    for report in reports:
        assert report.device == "7"
        assert report.fix is None or abs(report.fix.lat) < float("inf")
