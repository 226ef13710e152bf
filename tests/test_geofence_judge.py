"""Who crossed which geofence: noise along the edge, late fixes, restarts, and units that come and go."""

from __future__ import annotations

import math
import random

import pytest

from gateway.base.alert_settings import Grade
from gateway.incidents.geofence import Geofence, Tells
from gateway.incidents.geofence_judge import Judge, Side
from gateway.incidents.geofence_shapes import parse_shape
from gateway.media.model import NS, Fix
from gateway.positions.geodesy import offset_by

LAT, LON = 52.5, 13.4
START = 1_700_000_000 * NS


def square(side_m):
    """Its western edge goes through LON, its middle lies at LAT."""
    half = side_m / 2
    corners = [
        offset_by(LAT, LON, east, north) for east, north in ((0, -half), (side_m, -half), (side_m, half), (0, half))
    ]
    return parse_shape({"type": "Polygon", "coordinates": [[[lon, lat] for lat, lon in [*corners, corners[0]]]]})


def geofence(number=1, shape=None, cameras=(), groups=()):
    return Geofence(
        number, f"fence {number}", shape or square(400), cameras, groups, Tells.BOTH, Grade.HIGH, "ann", START
    )


def fix(east_m, second, *, north_m=0.0, accuracy_m=5.0, received=None):
    lat, lon = offset_by(LAT, LON, east_m, north_m)
    utc_ns = START + round(second * NS)
    return Fix(
        utc_ns, lat, lon, accuracy_m=accuracy_m, received_ns=utc_ns if received is None else START + received * NS
    )


def judge(*geofences, groups=lambda _: ()):
    made = Judge(lambda geofence, camera: geofence.concerns(camera, groups(camera)))
    made.apply(geofences or [geofence()])
    return made


def told(judge_, fixes, camera="unit"):
    """Crossings as ("in" or "out", second)."""
    crossings = [crossing for one in fixes for crossing in judge_.push(camera, one)]
    return [("in" if crossing.entered else "out", (crossing.fix.utc_ns - START) / NS) for crossing in crossings]


def test_a_unit_that_walks_in_and_out_is_told_once_each_with_the_first_fix_on_the_other_side():
    there = [fix(-50 + 1.4 * t, t) for t in range(120)]  # a hundred metres and more inside
    back = [fix(-50 + 1.4 * (240 - t), t) for t in range(120, 260)]
    assert told(judge(), there + back) == [("in", 36.0), ("out", 205.0)]


def test_the_first_fix_decides_where_a_unit_is_without_telling():
    made = judge()
    assert told(made, [fix(100, 0), fix(101, 1)]) == []
    assert made.take_decided() == {(1, "unit"): Side(True, START)}
    assert told(made, [fix(-100, 2)]) == [("out", 2.0)]
    assert made.take_decided() == {(1, "unit"): Side(False, START + 2 * NS)}
    assert made.take_decided() == {}


def test_one_fix_far_on_the_other_side_is_enough():
    assert told(judge(), [fix(-100, 0), fix(26, 1)]) == [("in", 1.0)]
    assert told(judge(), [fix(-100, 0), fix(26, 1, accuracy_m=6.0)]) == []  # not as sure


def test_three_in_a_row_are_enough_when_each_is_likely_and_one_of_the_old_side_begins_anew():
    assert told(judge(), [fix(-100, 0), fix(16, 1), fix(16, 2)]) == []
    assert told(judge(), [fix(-100, 0), fix(16, 1), fix(16, 2), fix(16, 3)]) == [("in", 1.0)]
    assert told(judge(), [fix(-100, 0), fix(16, 1), fix(16, 2), fix(-1, 3), fix(16, 4), fix(16, 5)]) == []


def test_a_receiver_that_does_not_say_how_exact_it_is_needs_more():
    vague = [fix(-100, 0), *(fix(25, t, accuracy_m=None) for t in range(1, 20))]
    assert told(judge(), vague) == []
    assert told(judge(), [*vague, fix(55, 20, accuracy_m=None)]) == [("in", 1.0)]


def test_a_geofence_hardly_wider_than_the_error_is_entered_by_who_stays():
    small = judge(geofence(shape=square(20)))
    assert told(small, [fix(-100, 0), *(fix(10, t, accuracy_m=20.0) for t in range(1, 121))]) == []
    assert told(small, [fix(10, 121, accuracy_m=20.0)]) == [("in", 1.0)]


@pytest.mark.parametrize("seed", range(3))
def test_noise_along_the_edge_tells_nothing(seed):
    noise = random.Random(seed)
    edge = [fix(noise.gauss(0, 5), t, north_m=100 * math.sin(t / 200)) for t in range(3600)]
    assert told(judge(), edge) == []


def test_noise_that_comes_and_goes_slowly_tells_little():
    noise, drift, made, crossings = random.Random(7), 0.0, judge(), []
    for t in range(2 * 3600):
        drift = drift * math.exp(-1 / 30) + noise.gauss(0, 5) * math.sqrt(1 - math.exp(-2 / 30))
        crossings += told(made, [fix(drift, t)])
    assert len(crossings) <= 6, crossings  # in two hours on the edge itself


def test_fixes_from_before_the_newest_say_nothing():
    made = judge()
    assert told(made, [fix(-100, 100), fix(100, 40), fix(100, 99.9), fix(100, 100)]) == []
    assert told(made, [fix(-100, 101), fix(100, 102)]) == [("in", 102.0)]


def test_after_a_clock_was_set_back_the_side_is_taken_anew_and_nothing_told():
    made = judge()
    assert told(made, [fix(-100, 4000)]) == []
    back = [fix(100, t, received=4001 + t) for t in range(120)]  # an hour and more before
    assert told(made, back) == []
    assert told(made, [fix(-100, 130, received=4131)]) == [("out", 130.0)]


def test_a_restart_neither_repeats_nor_misses():
    before = judge(geofence(1), geofence(2, square(200)))
    assert told(before, [fix(-100, 0), fix(300, 10)]) == [("in", 10.0)]
    sides = before.take_decided()
    assert sides == {(1, "unit"): Side(True, START + 10 * NS), (2, "unit"): Side(False, START)}

    same = judge(geofence(1), geofence(2, square(200)))
    same.remember(sides)
    assert told(same, [fix(300, 20), fix(301, 21)]) == []
    gone = judge(geofence(1), geofence(2, square(200)))
    gone.remember(sides)
    assert told(gone, [fix(300, 9), fix(-100, 30)]) == [("out", 30.0)]
    came = judge(geofence(1), geofence(2, square(200)))
    came.remember(sides)
    assert told(came, [fix(100, 30)]) == [("in", 30.0)]  # the second one


def test_a_changed_shape_begins_anew_and_a_changed_name_does_not():
    made = judge()
    told(made, [fix(100, 0)])
    made.take_decided()
    made.apply([Geofence(1, "other", square(400), (), (), Tells.ENTER, Grade.ACTIVITY, "ann", START)])
    assert made.take_decided() == {}
    assert told(made, [fix(-100, 1)]) == [("out", 1.0)]
    made.take_decided()
    made.apply([geofence(shape=square(1000))])
    assert made.take_decided() == {(1, "unit"): None}
    assert told(made, [fix(600, 2)]) == []
    assert made.take_decided() == {(1, "unit"): Side(True, START + 2 * NS)}
    made.apply([])
    assert made.take_decided() == {(1, "unit"): None}
    assert told(made, [fix(-600, 3)]) == []


def test_units_are_judged_by_the_geofences_that_are_for_them():
    groups = {"north-1": ["north"], "north-2": ["north", "bikes"], "south-1": ["south"]}
    made = judge(geofence(1, groups=("north",)), geofence(2, cameras=("south-1",)), groups=lambda c: groups.get(c, ()))
    for camera, expected in (("north-1", {1}), ("north-2", {1}), ("south-1", {2}), ("other", set())):
        made.push(camera, fix(-100, 0))
        assert {crossing.geofence.id for crossing in made.push(camera, fix(100, 1))} == expected
    made.take_decided()
    groups["north-1"] = []
    made.look_again()
    assert made.push("north-1", fix(-100, 2)) == []
    assert made.take_decided() == {(1, "north-1"): None}


def test_a_camera_that_is_removed_is_forgotten():
    made = judge()
    told(made, [fix(100, 0)])
    made.take_decided()
    made.forget("unit")
    made.forget("never seen")
    assert made.take_decided() == {(1, "unit"): None}
    assert told(made, [fix(-100, 1)]) == []


def test_a_jump_over_the_whole_geofence_leaves_it():
    made = judge()
    assert told(made, [fix(100, 0), fix(100, 1), fix(101, 2), fix(40_000, 3)]) == [("out", 3.0)]


def test_deep_inside_edges_are_not_measured_for_each_fix(monkeypatch):
    shape, measured = square(4000), []
    depth_m = type(shape).depth_m
    monkeypatch.setattr(type(shape), "depth_m", lambda *place: measured.append(place) or depth_m(*place))
    made = judge(geofence(shape=shape))
    assert told(made, [fix(500 + 1.4 * t, t) for t in range(600)]) == []
    assert len(measured) < 10
    assert told(made, [fix(-30, 600)]) == [("out", 600.0)]
