"""gateway.positions: what the tracker refuses, how it recovers, and what smoothing makes of it."""

from __future__ import annotations

import logging
import math
import random
from dataclasses import replace

import pytest

from gateway.base.metrics import REGISTRY
from gateway.media.model import NS, Fix
from gateway.positions.from_metadata import fixes
from gateway.positions.geodesy import bearing_deg, distance_m, offset_by, offset_m
from gateway.positions.smoothing import Smoother
from gateway.positions.tracker import RECOVERY_FIXES, STALE_AFTER_S, Rule, Tracker, can_follow
from onvif_protocol.metadata import Carrier, MetadataDocument, Position

NOW = 1_767_268_800 * NS
LAT, LON = 51.5007, -0.1246


def fix(seconds: float = 0.0, east_m: float = 0.0, north_m: float = 0.0, **values: float | None) -> Fix:
    lat, lon = offset_by(LAT, LON, east_m, north_m)
    utc_ns = NOW + round(seconds * NS)
    return replace(Fix(utc_ns, lat, lon, carrier="milestone", received_ns=utc_ns), **values)  # type: ignore[arg-type]


@pytest.fixture
def tracker() -> Tracker:
    return Tracker("unit-12")


# ---- the rules


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        (fix(lat=90.001), Rule.OUT_OF_RANGE),
        (fix(lat=-91.0), Rule.OUT_OF_RANGE),
        (fix(lon=180.001), Rule.OUT_OF_RANGE),
        (fix(lon=-999.0), Rule.OUT_OF_RANGE),
        (fix(lat=math.nan), Rule.OUT_OF_RANGE),
        (fix(lon=math.inf), Rule.OUT_OF_RANGE),
        (fix(lat=0.0, lon=0.0), Rule.ZERO),
        (fix(lat=-0.0, lon=0.0), Rule.ZERO),
        (fix(86_401), Rule.CLOCK),
        (fix(-86_401), Rule.CLOCK),
        (fix(-NOW / NS), Rule.CLOCK),
        (fix(speed_mps=150.1), Rule.SPEED),
        (fix(speed_mps=math.nan), Rule.SPEED),
    ],
)
def test_refused(tracker: Tracker, bad: Fix, rule: Rule) -> None:
    assert tracker.push(bad, NOW) is rule
    assert tracker.last is None
    assert tracker.refused == {rule: 1}


@pytest.mark.parametrize(
    "good",
    [
        fix(),
        fix(lat=90.0, lon=180.0),
        fix(lat=-90.0, lon=-180.0),
        fix(lat=0.0, lon=6.6),
        fix(lat=5.5, lon=0.0),
        fix(86_399),
        fix(-86_399),
        fix(speed_mps=150.0, accuracy_m=math.inf),
    ],
)
def test_accepted_as_it_came(tracker: Tracker, good: Fix) -> None:
    assert tracker.push(good, NOW) is None
    assert tracker.last is good


def test_what_is_refused_is_counted_by_rule() -> None:
    labels = {"camera": "counted", "rule": "zero"}
    before = REGISTRY.get_sample_value("sightline_fixes_refused_total", labels) or 0
    tracker = Tracker("counted")
    tracker.push(fix(lat=0.0, lon=0.0), NOW)
    tracker.push(fix(), NOW)
    assert REGISTRY.get_sample_value("sightline_fixes_refused_total", labels) == before + 1
    assert REGISTRY.get_sample_value("sightline_fixes_total", {"camera": "counted", "carrier": "milestone"}) == 1


def test_refusals_are_logged_once_a_minute_with_their_number(
    tracker: Tracker, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        for second in range(0, 61, 1):
            tracker.push(fix(second, lat=0.0, lon=0.0), NOW + second * NS)
    assert len(caplog.records) == 2
    assert "unit-12" in caplog.text
    assert "zero 60" in caplog.records[1].message


# ---- duplicates, order


def test_duplicates_are_dropped_without_a_log(tracker: Tracker, caplog: pytest.LogCaptureFixture) -> None:
    assert tracker.push(fix(), NOW) is None
    assert tracker.push(fix(received_ns=NOW + NS), NOW) is Rule.DUPLICATE
    assert tracker.push(fix(1.0), NOW) is None  # at the same place later: standing still
    assert tracker.push(fix(), NOW) is Rule.DUPLICATE
    assert not caplog.records


def test_out_of_order_is_kept_but_not_the_newest(tracker: Tracker) -> None:
    tracker.push(fix(2.0, east_m=2), NOW)
    assert tracker.push(fix(1.0, east_m=1), NOW) is None
    assert tracker.last == fix(2.0, east_m=2)


def test_a_camera_whose_clock_is_set_back_goes_on(tracker: Tracker) -> None:
    tracker.push(fix(3600), NOW)
    assert tracker.push(fix(1), NOW) is None
    assert tracker.last == fix(1)


# ---- jumps


def test_jump_is_refused(tracker: Tracker) -> None:
    tracker.push(fix(speed_mps=1.4, accuracy_m=4.0), NOW)
    assert tracker.push(fix(0.5, east_m=300, speed_mps=1.4, accuracy_m=4.0), NOW) is Rule.JUMP
    assert tracker.push(fix(1.0, east_m=1.4, speed_mps=1.4, accuracy_m=4.0), NOW) is None


def test_jump_without_speed_is_refused_beyond_150_mps(tracker: Tracker) -> None:
    tracker.push(fix(), NOW)
    assert tracker.push(fix(1.0, east_m=1000), NOW) is Rule.JUMP


@pytest.mark.parametrize(
    ("earlier", "later", "explained"),
    [
        (fix(), fix(1.0, east_m=200), True),  # no speed known: 150 m/s and 60 m of error
        (fix(), fix(1.0, east_m=220), False),
        (fix(speed_mps=30.0), fix(2.0, east_m=60, speed_mps=30.0), True),  # a car
        (fix(speed_mps=0.0, accuracy_m=5.0), fix(0.5, east_m=25, speed_mps=0.0, accuracy_m=5.0), True),
        (fix(speed_mps=0.0, accuracy_m=5.0), fix(0.5, east_m=60, speed_mps=0.0, accuracy_m=5.0), False),
        (fix(speed_mps=0.0, accuracy_m=50.0), fix(0.5, east_m=60, speed_mps=0.0, accuracy_m=5.0), True),
        (fix(speed_mps=0.0), fix(60.0, east_m=1500, speed_mps=0.0), True),  # drove through a tunnel
        (fix(), fix(0.0, east_m=50), True),  # a clock of whole seconds
        (fix(1.0), fix(0.0, east_m=100), True),  # in either order
        (fix(lon=179.9999), fix(1.0, lon=-179.9999), True),
    ],
)
def test_can_follow(earlier: Fix, later: Fix, explained: bool) -> None:
    assert can_follow(earlier, later) is explained


def test_one_wrong_fix_does_not_lock_the_right_ones_out(tracker: Tracker) -> None:
    tracker.push(fix(speed_mps=1.0), NOW)  # wrong: the rest is 5 km away
    verdicts = [tracker.push(fix(i / 2, east_m=5000 + i / 2, speed_mps=1.0), NOW) for i in range(1, 9)]
    assert verdicts == [Rule.JUMP] * (RECOVERY_FIXES - 1) + [None] * (9 - RECOVERY_FIXES)


def test_scattered_wrong_fixes_are_never_believed(tracker: Tracker) -> None:
    generator = random.Random(1)
    tracker.push(fix(speed_mps=1.0), NOW)
    for i in range(1, 40):
        east_m = 5000 + i * 3000 + generator.uniform(-500, 500)
        assert tracker.push(fix(i / 2, east_m=east_m, speed_mps=1.0), NOW) is Rule.JUMP


def test_the_same_wrong_fix_repeated_is_no_series(tracker: Tracker) -> None:
    tracker.push(fix(speed_mps=1.0), NOW)
    assert {tracker.push(fix(1.0, east_m=5000, speed_mps=1.0), NOW) for _ in range(20)} == {Rule.JUMP}


def test_a_right_fix_in_between_starts_the_count_anew(tracker: Tracker) -> None:
    tracker.push(fix(speed_mps=1.0), NOW)
    for i in range(1, 30):
        away = i % RECOVERY_FIXES != 0
        rule = tracker.push(fix(i / 2, east_m=5000 if away else 0, speed_mps=1.0), NOW)
        assert rule is (Rule.JUMP if away else None)


# ---- age


def test_age_and_staleness(tracker: Tracker) -> None:
    assert tracker.age_s(NOW) is None
    assert tracker.is_stale(NOW)
    tracker.push(fix(-3600, received_ns=NOW), NOW)  # the camera's clock is an hour late: its fix is new all the same
    assert tracker.age_s(NOW + 2 * NS) == 2.0
    assert not tracker.is_stale(NOW + 2 * NS)
    assert tracker.is_stale(NOW + round((STALE_AFTER_S + 0.1) * NS))
    assert tracker.age_s(NOW - NS) == 0.0


# ---- from the metadata document


def test_fixes_of_a_document() -> None:
    event = Position(51.5, -0.1, Carrier.EVENT, utc_ns=NOW - NS, elevation_m=35.0)
    moving = Position(51.5, -0.1, Carrier.MILESTONE, speed_mps=0.5, course_deg=90.0, accuracy_m=4.0)
    assert fixes(MetadataDocument((event, moving)), utc_ns=NOW, received_ns=NOW + 1) == [
        Fix(NOW - NS, 51.5, -0.1, altitude_m=35.0, carrier="onvif-event", received_ns=NOW + 1),
        Fix(
            NOW,
            51.5,
            -0.1,
            speed_mps=0.5,
            course_deg=90.0,
            accuracy_m=4.0,
            carrier="milestone",
            received_ns=NOW + 1,
        ),
    ]


@pytest.mark.parametrize(("speed", "course"), [(0.49, None), (0.0, None), (0.5, 90.0), (None, 90.0)])
def test_no_course_below_half_a_metre_a_second(speed: float | None, course: float | None) -> None:
    position = Position(51.5, -0.1, Carrier.MILESTONE, speed_mps=speed, course_deg=90.0)
    (result,) = fixes(MetadataDocument((position,)), utc_ns=NOW, received_ns=NOW)
    assert (result.speed_mps, result.course_deg) == (speed, course)


# ---- geodesy


def test_distance() -> None:
    # Big Ben to the Eiffel Tower is 340.6 km on the ellipsoid.
    assert distance_m(51.500729, -0.124625, 48.858370, 2.294481) == pytest.approx(340_600, rel=5e-3)
    assert distance_m(0, 179.999, 0, -179.999) == pytest.approx(222.4, rel=1e-3)
    assert distance_m(90, 0, 90, 120) == pytest.approx(0, abs=1e-6)
    assert distance_m(0, 0, 0, 180) == pytest.approx(math.pi * 6_371_008.8)


@pytest.mark.parametrize(("lat", "lon"), [(51.5, -0.12), (-33.8, 179.9999), (0.0, -180.0), (78.2, 15.6)])
def test_offset_round_trip(lat: float, lon: float) -> None:
    there = offset_by(lat, lon, 30.0, -40.0)
    assert offset_m(lat, lon, *there) == pytest.approx((30.0, -40.0), abs=1e-6)
    assert distance_m(lat, lon, *there) == pytest.approx(50.0, abs=1e-3)


@pytest.mark.parametrize(
    ("east", "north", "bearing"), [(0, 1, 0), (1, 0, 90), (0, -1, 180), (-1, 0, 270), (-1e-20, 1, 0)]
)
def test_bearing(east: float, north: float, bearing: float) -> None:
    assert bearing_deg(east, north) == bearing


# ---- smoothing


def walk(seed: int, seconds: int, sigma_m: float) -> list[tuple[Fix, float]]:
    """East at 1.4 m/s, twice a second: noisy fixes, and how far east the walker really was."""
    generator = random.Random(seed)
    result = []
    for i in range(seconds * 2):
        east_m = 0.7 * i
        noisy = fix(i / 2, east_m + generator.gauss(0, sigma_m), generator.gauss(0, sigma_m), accuracy_m=sigma_m)
        result.append((noisy, east_m))
    return result


def test_smoothing_halves_the_noise_and_finds_speed_and_course() -> None:
    smoother = Smoother()
    raw, smooth = [], []
    for noisy, east_m in walk(7, 120, 5.0):
        estimate = smoother.update(noisy)
        truth = offset_by(LAT, LON, east_m, 0)
        raw.append(distance_m(noisy.lat, noisy.lon, *truth))
        smooth.append(distance_m(estimate.lat, estimate.lon, *truth))
    assert sum(smooth[20:]) < 0.6 * sum(raw[20:])


def test_smoothing_derives_speed_and_course() -> None:
    smoother = Smoother()
    for noisy, _ in walk(7, 60, 0.1):
        estimate = smoother.update(noisy)
    assert estimate.speed_mps == pytest.approx(1.4, abs=0.5)
    assert estimate.course_deg == pytest.approx(90, abs=25)


def test_standing_still_has_no_course() -> None:
    smoother = Smoother()
    for i in range(60):
        estimate = smoother.update(fix(i / 2))
    assert estimate.speed_mps < 0.5
    assert estimate.course_deg is None


def test_an_outlier_is_gated_and_a_move_is_followed() -> None:
    smoother = Smoother()
    for i in range(20):
        smoother.update(fix(i / 2, accuracy_m=3.0))
    outlier = smoother.update(fix(10.0, east_m=80, accuracy_m=3.0))
    assert distance_m(outlier.lat, outlier.lon, LAT, LON) < 2
    smoother.update(fix(10.5, east_m=80, accuracy_m=3.0))
    moved = smoother.update(fix(11.0, east_m=80, accuracy_m=3.0))
    assert distance_m(moved.lat, moved.lon, *offset_by(LAT, LON, 80, 0)) < 1


def test_nothing_is_predicted_across_more_than_five_seconds() -> None:
    smoother = Smoother()
    smoother.update(fix(speed_mps=10.0, course_deg=90.0))
    after = smoother.update(fix(5.1, east_m=20))
    assert (after.lat, after.lon, after.speed_mps) == (fix(5.1, east_m=20).lat, fix(5.1, east_m=20).lon, 0.0)


def test_an_older_fix_changes_nothing() -> None:
    smoother = Smoother()
    newest = smoother.update(fix(1.0, speed_mps=2.0, course_deg=0.0))
    assert smoother.update(fix(0.5, east_m=30)) == newest
    assert (newest.speed_mps, newest.course_deg) == (2.0, 0.0)


def test_a_camera_that_promises_no_error_at_all() -> None:
    smoother = Smoother()
    smoother.update(fix(accuracy_m=0.0))
    assert smoother.update(fix(0.0, accuracy_m=0.0)).sigma_m > 0
