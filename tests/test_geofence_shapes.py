"""Shapes of geofences: what is read and what is refused, and distances held against slow and exact references."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from gateway.base.errors import BadRequestError
from gateway.incidents.geofence_shapes import MAX_POSITIONS, Circle, Polygon, parse_shape
from gateway.positions.geodesy import distance_m, offset_by

SQUARE = [[13.40, 52.50], [13.42, 52.50], [13.42, 52.51], [13.40, 52.51], [13.40, 52.50]]
HOLE = [[13.405, 52.503], [13.405, 52.507], [13.415, 52.507], [13.415, 52.503], [13.405, 52.503]]


def polygon(*rings):
    return {"type": "Polygon", "coordinates": list(rings)}


def test_what_lies_within_a_ring_and_in_none_of_its_holes_is_inside():
    shape = parse_shape(polygon(SQUARE, HOLE))
    assert shape.depth_m(52.502, 13.410) == pytest.approx(111.2, rel=0.01)  # to the hole
    assert shape.depth_m(52.505, 13.410) == pytest.approx(-222.4, rel=0.01)  # in its middle
    assert shape.depth_m(52.509, 13.401) == pytest.approx(67.7, rel=0.01)  # to the western edge
    assert shape.depth_m(52.520, 13.410) == pytest.approx(-1112, rel=0.01)
    assert shape.depth_m(52.520, 13.440) == pytest.approx(-math.hypot(1112, 1353), rel=0.01)  # to a corner


def test_rings_may_run_either_way_round_and_positions_may_have_an_altitude():
    other = parse_shape(polygon([[*position, 34.5] for position in reversed(SQUARE)], HOLE[::-1]))
    for place in ((52.502, 13.410), (52.505, 13.410), (52.52, 13.41)):
        assert other.depth_m(*place) == pytest.approx(parse_shape(polygon(SQUARE, HOLE)).depth_m(*place))


def test_a_shape_says_the_geojson_that_it_was_read_from():
    for value in (polygon(SQUARE, HOLE), {"type": "Point", "coordinates": [13.4, 52.5], "radius_m": 250.0}):
        assert parse_shape(value).json == value
        assert parse_shape(parse_shape(value).json) == parse_shape(value)


@pytest.mark.parametrize(("lat", "lon"), [(52.5, 13.4), (0.0, 180.0), (-17.5, -179.999), (89.9999, 0.0), (-90.0, 7.0)])
def test_a_circle_is_round_wherever_it_lies(lat, lon):
    circle = parse_shape({"type": "Point", "coordinates": [lon, lat], "radius_m": 500})
    box = circle.box
    for bearing in range(0, 360, 15):
        for away, expected in ((499.0, 1.0), (501.0, -1.0)):
            there = destination(lat, lon, math.radians(bearing), away)
            assert circle.depth_m(*there) == pytest.approx(expected, abs=0.01)
            if expected > 0:
                assert box.south <= there[0] <= box.north
                assert box.west <= there[1] <= box.east


@pytest.mark.parametrize(
    ("value", "pointer", "says"),
    [
        (None, "/shape", "Polygon"),
        ([], "/shape", "Polygon"),
        ({"type": "LineString", "coordinates": SQUARE}, "/shape", "Polygon"),
        ({"type": "Feature", "geometry": polygon(SQUARE)}, "/shape", "geometry alone"),
        ({"type": "Point", "coordinates": [13.4, 52.5]}, "/shape/radius_m", "radius_m"),
        ({"type": "Point", "coordinates": [13.4, 52.5], "radius_m": True}, "/shape/radius_m", "radius_m"),
        ({"type": "Point", "coordinates": [13.4, 52.5], "radius_m": float("nan")}, "/shape/radius_m", "radius_m"),
        ({"type": "Point", "coordinates": [13.4, 52.5], "radius_m": 10**400}, "/shape/radius_m", "radius_m"),
        ({"type": "Point", "coordinates": [13.4, 52.5], "radius_m": 1}, "/shape/radius_m", "10 to 1000000"),
        ({"type": "Point", "coordinates": [52.5], "radius_m": 100}, "/shape/coordinates", "[longitude, latitude]"),
        ({"type": "Point", "coordinates": [1e400, 0], "radius_m": 100}, "/shape/coordinates", "[longitude, latitude]"),
        ({"type": "Point", "coordinates": [13.4, 152.5], "radius_m": 9e5}, "/shape/coordinates", "is nowhere"),
        ({"type": "Polygon"}, "/shape/coordinates", "rings"),
        (polygon(), "/shape/coordinates", "rings"),
        (polygon(7), "/shape/coordinates/0", "four positions"),
        (polygon(SQUARE[:3]), "/shape/coordinates/0", "four positions"),
        (polygon(SQUARE[:4]), "/shape/coordinates/0", "first position at the end"),
        (polygon([*SQUARE[:2], "x", *SQUARE[3:]]), "/shape/coordinates/0/2", "[longitude, latitude]"),
        (polygon([*SQUARE[:2], ["13", "52"], *SQUARE[3:]]), "/shape/coordinates/0/2", "[longitude, latitude]"),
        (polygon([[179, 1], [-179, 1], [-179, 2], [179, 2], [179, 1]]), "/shape/coordinates/0", "180th meridian"),
        (polygon([[13, 52], [13, 52], [13, 52], [13, 52]]), "/shape/coordinates/0", "square metres"),
        (polygon([[13, 52], [14, 53], [14, 52], [13, 53], [13, 52]]), "/shape/coordinates", "cross each other"),
        (polygon(SQUARE, [[x + 1, y] for x, y in HOLE]), "/shape/coordinates/1", "is a hole"),
        (polygon(SQUARE, [[x + 0.01, y] for x, y in HOLE]), "/shape/coordinates", "cross each other"),
        (polygon([[13.4, 52.5]] * (MAX_POSITIONS + 1)), "/shape/coordinates", f"{MAX_POSITIONS} positions"),
    ],
)
def test_what_is_no_shape_is_refused_and_the_member_at_fault_named(value, pointer, says):
    with pytest.raises(BadRequestError) as refused:
        parse_shape(value)
    assert says in str(refused.value)
    assert refused.value.pointer == pointer


def test_where_edges_cross_is_told():
    with pytest.raises(BadRequestError, match=r"near 52\.500000, 13\.500000"):
        parse_shape(polygon([[13, 52], [14, 53], [14, 52], [13, 53], [13, 52]]))


def test_holes_may_touch_the_outer_ring_in_a_corner():
    touching = [[13.40, 52.505], [13.41, 52.507], [13.41, 52.503], [13.40, 52.505]]
    assert parse_shape(polygon(SQUARE, touching)).depth_m(52.505, 13.409) < 0


@st.composite
def stars(draw):
    """A ring around a place that no line from it meets twice, and points near it; some with a hole of the same form."""
    lat0, lon0 = draw(st.floats(-75, 75)), draw(st.floats(-170, 170))
    size_m = draw(st.sampled_from([30.0, 800.0, 9000.0]))
    count = draw(st.integers(3, 14))
    angles = sorted(draw(st.lists(st.integers(0, 359), min_size=count, max_size=count, unique=True)))
    assume(all((b - a) % 360 < 170 for a, b in zip(angles, [*angles[1:], angles[0]], strict=True)))
    radii = draw(st.lists(st.floats(0.3, 1.0), min_size=count, max_size=count))

    def ring(scale):
        places = [
            offset_by(
                lat0,
                lon0,
                scale * size_m * r * math.cos(math.radians(a)),
                scale * size_m * r * math.sin(math.radians(a)),
            )
            for a, r in zip(angles, radii, strict=True)
        ]
        return [[lon, lat] for lat, lon in [*places, places[0]]]

    rings = [ring(1.0), *([ring(0.4)] if draw(st.booleans()) else [])]
    points = [
        offset_by(lat0, lon0, size_m * draw(st.floats(-1.3, 1.3)), size_m * draw(st.floats(-1.3, 1.3)))
        for _ in range(4)
    ]
    return polygon(*rings), points


@given(stars())
@example((polygon(SQUARE, HOLE), [(52.5, 13.41), (52.51, 13.42), (52.505, 13.405)]))
@settings(max_examples=40, deadline=None)
def test_within_and_how_far_are_as_exact_arithmetic_and_many_points_have_it(case):
    value, points = case
    shape = parse_shape(value)
    for lat, lon in points:
        depth_m = shape.depth_m(lat, lon)
        nearest_m = min(
            distance_m(lat, lon, y1 + (y2 - y1) * i / 60, x1 + (x2 - x1) * i / 60)
            for ring in value["coordinates"]
            for (x1, y1), (x2, y2) in itertools.pairwise(ring)
            for i in range(61)
        )
        longest_m = max(
            distance_m(y1, x1, y2, x2)
            for ring in value["coordinates"]
            for (x1, y1), (x2, y2) in itertools.pairwise(ring)
        )
        # A point of the sixty may lie half a step from the nearest one.
        assert abs(depth_m) <= nearest_m * 1.01 + 0.01
        assert abs(depth_m) >= nearest_m * 0.99 - longest_m / 120 - 0.01
        if abs(depth_m) > 1e-6:
            assert (depth_m > 0) == exactly_inside(value["coordinates"], lat, lon)
        box = shape.box
        if depth_m > 0:
            assert box.south <= lat <= box.north
            assert box.west <= lon <= box.east


def exactly_inside(rings, lat, lon):
    """Even-odd rule in rational numbers, with a ray to the north: not the way it is done in the code."""
    x, y = Fraction(lon), Fraction(lat)
    within = False
    for ring in rings:
        for (x1, y1), (x2, y2) in itertools.pairwise([(Fraction(a), Fraction(b)) for a, b in ring]):
            if (x1 > x) != (x2 > x) and y < y1 + (y2 - y1) * (x - x1) / (x2 - x1):
                within = not within
    return within


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.sampled_from(["type", "coordinates", "radius_m"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(ANYTHING, st.sampled_from(["Point", "Polygon", None]))
@settings(max_examples=50, deadline=None)
def test_anything_else_is_refused_in_a_sentence(value, kind):
    if isinstance(value, dict) and kind:
        value["type"] = kind
    try:
        shape = parse_shape(value)
    except BadRequestError as error:
        refusal = str(error)
        assert refusal
    else:
        assert isinstance(shape, Circle | Polygon)


def destination(lat, lon, bearing, metres):
    """Where one is after so many metres on a great circle."""
    angle, phi = metres / 6_371_008.8, math.radians(lat)
    phi2 = math.asin(math.sin(phi) * math.cos(angle) + math.cos(phi) * math.sin(angle) * math.cos(bearing))
    dlon = math.atan2(
        math.sin(bearing) * math.sin(angle) * math.cos(phi), math.cos(angle) - math.sin(phi) * math.sin(phi2)
    )
    return math.degrees(phi2), (lon + math.degrees(dlon) + 180) % 360 - 180
