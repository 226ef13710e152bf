"""gateway.positions: JSON, GPX, GeoJSON and KML, whole and in batches."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.base.rfc3339 import format_utc
from gateway.media.model import NS, Constellation, Fix
from gateway.positions.formats import fix_json, fix_text
from gateway.positions.geojson import collection_text, feature_text, geojson, gone_text
from gateway.positions.gpx import GPX, OWN, TRACK_POINT, gpx
from gateway.positions.kml import GX, KML
from gateway.positions.runs import runs
from gateway.positions.writers import WRITERS

START = 1_767_268_800 * NS  # 2026-01-01T12:00:00Z
FULL = Fix(
    START + 250_000_000,
    51.5007,
    -0.1246,
    35.5,
    1.4,
    270.0,
    4.0,
    (Constellation.GPS, Constellation.GALILEO),
    9,
    "milestone",
    START + 300_000_000,
)


def fix(seconds: float, lon: float = -0.12) -> Fix:
    return Fix(START + round(seconds * NS), 51.5, lon, received_ns=START)


def written(format_: str, batches: Sequence[Sequence[Fix]], name: str = "Unit 12") -> str:
    writer = WRITERS[format_](name)
    return writer.start() + "".join(writer.write(batch) for batch in batches) + writer.end()


FIXES = st.lists(
    st.builds(
        Fix,
        utc_ns=st.integers(START, START + 100 * NS),
        lat=st.floats(-90, 90),
        lon=st.floats(-180, 180),
        altitude_m=st.none() | st.floats(-500, 9000),
        speed_mps=st.none() | st.floats(0, 150),
        course_deg=st.none() | st.floats(0, 359.9),
        accuracy_m=st.none() | st.floats(0, 1000),
        satellites=st.none() | st.integers(0, 60),
        carrier=st.sampled_from(["", "axis", "<&>"]),
        received_ns=st.integers(START, START + 100 * NS),
    ),
    max_size=8,
).map(lambda fixes: sorted(fixes, key=lambda f: f.utc_ns))


# ---- JSON


def test_fix_json() -> None:
    assert fix_json(FULL) == {
        "utc": "2026-01-01T12:00:00.250000Z",
        "lat": 51.5007,
        "lon": -0.1246,
        "altitude_m": 35.5,
        "speed_mps": 1.4,
        "course_deg": 270.0,
        "accuracy_m": 4.0,
        "constellations": ["GPS", "Galileo"],
        "satellites": 9,
        "carrier": "milestone",
        "received_utc": "2026-01-01T12:00:00.300000Z",
    }


def test_fix_json_is_null_where_unknown() -> None:
    bare = fix_json(Fix(START, 51.5, -0.12))
    assert {key for key, value in bare.items() if value is None} == {
        "altitude_m",
        "speed_mps",
        "course_deg",
        "accuracy_m",
        "constellations",
        "satellites",
        "carrier",
        "received_utc",
    }


@settings(max_examples=50, deadline=None)
@given(FIXES, FIXES)
def test_json_in_batches(first: list[Fix], second: list[Fix]) -> None:
    assert json.loads(written("json", [first, [], second])) == {"fixes": [fix_json(f) for f in first + second]}


@pytest.mark.parametrize(
    ("utc_ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (START + 123_456_999, "2026-01-01T12:00:00.123456Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
    ],
)
def test_rfc3339(utc_ns: int, text: str) -> None:
    assert format_utc(utc_ns) == text


# ---- GPX


NS_MAP = {"g": GPX, "t": TRACK_POINT, "s": OWN}


def gpx_tree(text: str) -> etree._Element:
    """Parse, and check what the GPX 1.1 schema demands of what we write: names, order, types, ranges."""
    root = etree.fromstring(text.encode())
    assert root.tag == f"{{{GPX}}}gpx"
    assert root.get("version") == "1.1"
    assert root.get("creator")
    order = ["ele", "time", "src", "sat", "extensions"]
    decimal = re.compile(r"-?[0-9]+(\.[0-9]+)?")
    for point in root.iterfind(".//g:trkpt", NS_MAP):
        assert set(point.attrib) == {"lat", "lon"}
        lat, lon = str(point.get("lat")), str(point.get("lon"))
        assert decimal.fullmatch(lat)
        assert decimal.fullmatch(lon)
        assert -90 <= float(lat) <= 90
        assert -180 <= float(lon) < 180
        names = [etree.QName(child).localname for child in point]
        assert names == sorted(names, key=order.index)
        assert len(names) == len(set(names))
        for name in ("ele", "extensions/t:TrackPointExtension/t:speed", "extensions/s:accuracy"):
            text_ = point.findtext(f"g:{name}", namespaces=NS_MAP)
            assert text_ is None or decimal.fullmatch(text_)
        assert dt.datetime.fromisoformat(str(point.findtext("g:time", namespaces=NS_MAP))).tzinfo is dt.UTC
        for extensions in point.iterfind("g:extensions", NS_MAP):
            assert all(etree.QName(child).namespace != GPX for child in extensions)
    for track in root.iterfind("g:trk", NS_MAP):
        assert [etree.QName(child).localname for child in track][:1] == ["name"]
    return root


def test_gpx() -> None:
    (point,) = gpx_tree(gpx("Unit 12", [FULL]).decode()).iterfind(".//g:trkpt", NS_MAP)
    assert dict(point.attrib) == {"lat": "51.5007", "lon": "-0.1246"}

    def text(path: str) -> str | None:
        return point.findtext(path, namespaces=NS_MAP)

    assert text("g:ele") == "35.5"
    assert text("g:time") == "2026-01-01T12:00:00.250000Z"
    assert text("g:src") == "milestone"
    assert text("g:sat") == "9"
    assert text("g:extensions/t:TrackPointExtension/t:speed") == "1.4"
    assert text("g:extensions/t:TrackPointExtension/t:course") == "270"
    assert text("g:extensions/s:accuracy") == "4"
    assert text("g:extensions/s:constellations") == "GPS Galileo"


def test_gpx_says_nothing_of_what_is_unknown() -> None:
    (point,) = gpx_tree(gpx("Unit 12", [fix(0)]).decode()).iterfind(".//g:trkpt", NS_MAP)
    assert [etree.QName(child).localname for child in point] == ["time"]


def test_gpx_name_is_escaped() -> None:
    root = gpx_tree(gpx('A & B <"Unit">\x00\x1b', []).decode())
    assert root.findtext("g:trk/g:name", namespaces=NS_MAP) == 'A & B <"Unit">'


def test_gpx_segments_end_where_more_than_five_seconds_are_missing() -> None:
    batches = [[fix(0), fix(5), fix(10.001)], [fix(11)], [], [fix(20)]]
    root = gpx_tree(written("gpx", batches))
    segments = [len(segment) for segment in root.iterfind(".//g:trkseg", NS_MAP)]
    assert segments == [2, 2, 1]


@pytest.mark.parametrize("lon", [180.0, 179.99999999999997])
def test_gpx_has_no_longitude_180(lon: float) -> None:
    assert 'lon="-180"' in gpx("x", [fix(0, lon=lon)]).decode()


@settings(max_examples=50, deadline=None)
@given(FIXES, st.integers(0, 8), st.text(st.characters(codec="utf-8"), max_size=10))
def test_gpx_is_valid_whatever_comes(fixes: list[Fix], cut: int, name: str) -> None:
    root = gpx_tree(written("gpx", [fixes[:cut], fixes[cut:]], name))
    points = list(root.iterfind(".//g:trkpt", NS_MAP))
    assert [float(str(p.get("lat"))) for p in points] == pytest.approx([f.lat for f in fixes], abs=1e-9)
    assert written("gpx", [fixes], name) == gpx(name, fixes).decode()


# ---- GeoJSON


def check_geojson(collection: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """What RFC 7946 demands; returns the points and the lines."""
    assert collection["type"] == "FeatureCollection"
    points, lines = [], []
    for feature in collection["features"]:
        assert feature["type"] == "Feature"
        assert isinstance(feature["properties"], dict)
        geometry = feature["geometry"]
        if geometry["type"] == "Point":
            points.append(feature)
            positions = [geometry["coordinates"]]
        else:
            assert geometry["type"] == "LineString"
            lines.append(feature)
            positions = geometry["coordinates"]
            assert len(positions) >= 2
            assert len(feature["properties"]["times"]) == len(positions)
        for position in positions:
            assert 2 <= len(position) <= 3
            assert abs(position[0]) <= 180
            assert abs(position[1]) <= 90
    return points, lines


def test_geojson() -> None:
    points, lines = check_geojson(geojson("Unit 12", [FULL, fix(1)]))
    assert points[0]["geometry"] == {"type": "Point", "coordinates": [-0.1246, 51.5007, 35.5]}
    assert points[0]["properties"]["speed_mps"] == 1.4
    assert points[0]["properties"]["utc"] == "2026-01-01T12:00:00.250000Z"
    assert "lat" not in points[0]["properties"]
    assert lines == [
        {
            "type": "Feature",
            "geometry": {"type": "LineString", "coordinates": [[-0.1246, 51.5007], [-0.12, 51.5]]},
            "properties": {
                "name": "Unit 12",
                "start": "2026-01-01T12:00:00.250000Z",
                "end": "2026-01-01T12:00:01.000000Z",
                "times": ["2026-01-01T12:00:00.250000Z", "2026-01-01T12:00:01.000000Z"],
            },
        }
    ]


def test_geojson_lines_bridge_batches_and_no_gaps() -> None:
    _, lines = check_geojson(json.loads(written("geojson", [[fix(0), fix(1)], [], [fix(2), fix(9)], [fix(30)]])))
    assert [len(line["geometry"]["coordinates"]) for line in lines] == [2, 2]
    assert lines[0]["properties"]["end"] == lines[1]["properties"]["start"]


def test_geojson_lines_are_cut_at_180() -> None:
    fixes = [fix(0, 179.998), fix(1, 179.999), fix(2, -179.999), fix(3, -179.998), fix(4, 179.999)]
    _, lines = check_geojson(geojson("x", fixes))
    assert [line["geometry"]["coordinates"][0][0] for line in lines] == [179.998, -179.999]


@settings(max_examples=50, deadline=None)
@given(FIXES, st.integers(0, 8))
def test_geojson_is_valid_whatever_comes(fixes: list[Fix], cut: int) -> None:
    points, _ = check_geojson(json.loads(written("geojson", [fixes[:cut], fixes[cut:]])))
    assert [p["geometry"]["coordinates"][:2] for p in points] == [[f.lon, f.lat] for f in fixes]
    assert json.loads(written("geojson", [fixes])) == geojson("Unit 12", fixes)


@settings(max_examples=100)
@given(st.builds(lambda fixes: fixes[-1:], FIXES), st.sampled_from([None, float("nan"), float("inf")]))
def test_text_says_what_json_says(fixes: list[Fix], altitude: float | None) -> None:
    for fix in [*fixes, FULL, replace(FULL, altitude_m=altitude), Fix(START, 1, 2)]:
        expected = fix_json(fix)
        if altitude is not None and fix.altitude_m is altitude:
            expected["altitude_m"] = None
        assert list(json.loads(fix_text(fix)).items()) == list(expected.items())
        feature = json.loads(feature_text('unit "12"', "Ünit <12>", fix))
        place = [fix.lon, fix.lat] if expected["altitude_m"] is None else [fix.lon, fix.lat, fix.altitude_m]
        assert feature["geometry"] == {"type": "Point", "coordinates": place}
        assert (feature["type"], feature["id"]) == ("Feature", 'unit "12"')
        named = {key: value for key, value in expected.items() if key not in {"lat", "lon"}}
        assert feature["properties"] == {"name": "Ünit <12>"} | named


def test_a_collection_of_features() -> None:
    text = collection_text([feature_text("a", "A", FULL), gone_text("b")])
    assert json.loads(text)["features"][1] == {"type": "Feature", "id": "b", "geometry": None, "properties": {}}
    assert json.loads(collection_text([])) == {"type": "FeatureCollection", "features": []}


def tracks(text: str) -> list[etree._Element]:
    """The gx:Tracks of a document, each held against what the extension's schema says of one."""
    parser = etree.XMLParser(resolve_entities=False)
    found = list(
        etree.fromstring(text.encode(), parser).iterfind(f".//{{{KML}}}Placemark/{{{GX}}}MultiTrack/{{{GX}}}Track")
    )
    for track in found:
        order = [etree.QName(child).localname for child in track]
        assert order == sorted(order, key=["altitudeMode", "when", "coord", "angles", "ExtendedData"].index)
        moments = order.count("when")
        assert moments == order.count("coord") >= 1
        assert order.count("angles") in {0, moments}
        for array in track.iter(f"{{{GX}}}SimpleArrayData"):
            assert len(array) == moments
    return found


def test_kml() -> None:
    (track,) = tracks(written("kml", [[FULL, replace(FULL, utc_ns=START + NS, altitude_m=None, course_deg=None)]]))
    assert [when.text for when in track.iter(f"{{{KML}}}when")] == [
        "2026-01-01T12:00:00.250000Z",
        "2026-01-01T12:00:01.000000Z",
    ]
    assert [c.text for c in track.iter(f"{{{GX}}}coord")] == ["-0.1246 51.5007 35.5", "-0.1246 51.5007 0"]
    assert [a.text for a in track.iter(f"{{{GX}}}angles")] == ["270 0 0", None]
    said = {array.get("name"): [value.text for value in array] for array in track.iter(f"{{{GX}}}SimpleArrayData")}
    assert said == {"speed": ["1.4", "1.4"], "accuracy": ["4", "4"]}


def test_kml_tracks_bridge_batches_and_no_gaps() -> None:
    text = written("kml", [[fix(0), fix(1)], [fix(2)], [], [fix(8), fix(9)]], name='<Unit> & "12"\x0b')
    found = [[when.text[17:19] for when in track.iter(f"{{{KML}}}when")] for track in tracks(text)]
    assert found == [["00", "01"], ["01", "02"], ["08", "09"]]
    root = etree.fromstring(text.encode())
    assert root.findtext(f".//{{{KML}}}Document/{{{KML}}}name") == '<Unit> & "12"'


@settings(max_examples=50)
@given(FIXES, st.integers(0, 8))
def test_kml_is_valid_whatever_comes(fixes: list[Fix], cut: int) -> None:
    times = [w.text for t in tracks(written("kml", [fixes[:cut], fixes[cut:]])) for w in t.iter(f"{{{KML}}}when")]
    assert set(times) == {format_utc(each.utc_ns) for each in fixes}


@pytest.mark.parametrize("format_", WRITERS)
def test_nothing_at_all_is_a_document_too(format_: str) -> None:
    text = written(format_, [[]])
    if format_ == "gpx":
        assert list(gpx_tree(text).iterfind(".//g:trkseg", NS_MAP)) == []
    elif format_ == "kml":
        assert tracks(text) == []
    else:
        assert list(json.loads(text).values())[-1] == []


def test_writers_name_their_media_types() -> None:
    types = {name: (writer("x").content_type, writer("x").extension) for name, writer in WRITERS.items()}
    assert types == {
        "json": ("application/json", "json"),
        "geojson": ("application/geo+json", "geojson"),
        "gpx": ("application/gpx+xml", "gpx"),
        "kml": ("application/vnd.google-earth.kml+xml", "kml"),
    }


def test_runs() -> None:
    assert [len(run) for run in runs([fix(0), fix(5), fix(10), fix(15.1)])] == [3, 1]
    assert list(runs([])) == []
