"""Each rule at its edges: what is cause for an alert, what ends one, and what tells nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.base.alert_settings import AlertRule, Alerts, Grade, Kind
from gateway.incidents.rules.contact import camera_offline, unit_lost
from gateway.incidents.rules.facts import FINE, Facts, Finding, Thresholds, span
from gateway.incidents.rules.health import battery_low, storage_low
from gateway.incidents.rules.movement import Stillness, no_movement
from gateway.incidents.rules.recording import not_recording
from gateway.ingest.fleet import CameraStatus
from gateway.media.model import NS, Fix, UnitHealth

NOW = 1_700_000_000 * NS
USUAL = Thresholds.of(Alerts())
WELL = Facts(
    now_ns=NOW, status=CameraStatus.LIVE, reason=None, was_live=True, absent_s=0.0, fix_s=0.5, position_in_stream=True,
    still_s=0.0, moved=True, health=UnitHealth(NOW, 80.0, False, 90.0, 70.0), recording_due=True, recording=True,
    recording_problem=None, unrecorded_s=0.0, disk_full=False,
)  # fmt: skip
UNKNOWN = replace(WELL, fix_s=None, still_s=None, health=None)
AWAY = (CameraStatus.OFFLINE, CameraStatus.STALE, CameraStatus.CONNECTING)


def health(**more) -> Facts:
    return replace(WELL, health=UnitHealth(NOW - 3 * NS, **more))


@pytest.mark.parametrize("rule", [camera_offline, unit_lost, no_movement, battery_low, storage_low, not_recording])
@pytest.mark.parametrize("raised", [False, True])
def test_what_is_well_is_cause_for_nothing_and_ends_what_was(rule, raised):
    assert rule(WELL, USUAL, raised) is FINE


@pytest.mark.parametrize("rule", [unit_lost, no_movement, battery_low, storage_low])
@pytest.mark.parametrize("raised", [False, True])
def test_what_says_nothing_of_itself_neither_begins_nor_ends(rule, raised):
    assert rule(UNKNOWN, USUAL, raised) is None


@pytest.mark.parametrize("status", AWAY)
def test_a_camera_that_is_not_live_is_offline_after_a_minute(status):
    away = replace(WELL, status=status, reason="The camera did not answer.")
    assert camera_offline(replace(away, absent_s=59.9), USUAL, False) is None
    expected = Finding(NOW - 60 * NS, "No picture for 60 s. The camera did not answer.")
    assert camera_offline(replace(away, absent_s=60.0), USUAL, False) == expected


def test_a_camera_that_the_gateway_just_started_with_has_half_a_minute_at_least():
    soon = replace(USUAL, offline_s=5.0)
    new = replace(WELL, status=CameraStatus.CONNECTING, was_live=False)
    assert camera_offline(replace(new, absent_s=29.9), soon, False) is None
    assert isinstance(camera_offline(replace(new, absent_s=30.0), soon, False), Finding)
    assert isinstance(camera_offline(replace(new, was_live=True, absent_s=5.0), soon, False), Finding)


def test_an_idle_camera_that_connects_on_demand_is_not_offline():
    idle = replace(WELL, status=CameraStatus.DISABLED, absent_s=9000.0)
    assert camera_offline(idle, USUAL, True) is FINE


def test_a_unit_is_lost_when_no_position_comes_for_a_minute_whatever_its_camera_does():
    assert unit_lost(replace(WELL, fix_s=59.9), USUAL, False) is FINE
    lost = unit_lost(replace(WELL, fix_s=60.0), USUAL, False)
    assert lost == Finding(NOW - 60 * NS, "No position for 60 s. Its camera is live.")
    for status in AWAY:
        found = unit_lost(replace(WELL, fix_s=300.0, status=status), USUAL, False)
        assert found == Finding(NOW - 300 * NS, "No position for 5 min. Its camera is not live, either.")


def test_of_an_idle_camera_whose_stream_would_bring_the_position_nobody_can_tell():
    idle = replace(WELL, status=CameraStatus.DISABLED, fix_s=300.0)
    assert unit_lost(idle, USUAL, True) is None
    assert isinstance(unit_lost(replace(idle, position_in_stream=False), USUAL, False), Finding)


def test_a_unit_that_stays_where_it_is_for_five_minutes_does_not_move():
    assert no_movement(replace(WELL, still_s=299.0), USUAL, False) is FINE
    found = no_movement(replace(WELL, still_s=300.0), USUAL, False)
    assert found == Finding(NOW - 300 * NS, "It has not moved for 5 min.")


def test_after_a_restart_a_unit_has_moved_only_when_it_was_seen_to():
    fresh = replace(WELL, still_s=3.0, moved=False)
    assert no_movement(fresh, USUAL, True) is None
    assert no_movement(replace(fresh, moved=True), USUAL, True) is FINE


def fix(second: int, north_m: float = 0.0, **more) -> Fix:
    return Fix(NOW + second * NS, 52.0 + north_m / 111_195, 13.0, **more)


def walked(*fixes: Fix) -> float | None:
    stillness = Stillness()
    for one in fixes:
        stillness.push(one)
    return stillness.seconds


def test_noise_is_no_movement_and_a_walk_is():
    assert walked() is None
    assert walked(fix(0), fix(10, 14), fix(20, -14), fix(30, 3, speed_mps=0.5)) == 30
    assert walked(fix(0), fix(10, 16), fix(20, 17)) == 10
    assert walked(fix(0), fix(10, 2, speed_mps=0.9), fix(20, 3)) == 10


def test_the_worse_a_receiver_says_it_is_the_further_it_may_wander():
    assert walked(fix(0, accuracy_m=40.0), fix(10, 39, accuracy_m=3.0)) == 10
    assert walked(fix(0, accuracy_m=3.0), fix(10, 39, accuracy_m=3.0)) == 0


def test_positions_that_are_late_or_vague_say_nothing():
    assert walked(fix(0), fix(10), fix(5, 500)) == 10
    assert walked(fix(0), fix(10), fix(300, 90, accuracy_m=101.0)) == 10


def test_a_battery_is_low_below_the_threshold_until_it_is_well_above_or_charged():
    found = battery_low(health(battery_percent=14.9), USUAL, False)
    assert found == Finding(NOW - 3 * NS, "The battery has 15 % left.")
    assert battery_low(health(battery_percent=15.0), USUAL, False) is FINE
    assert isinstance(battery_low(health(battery_percent=19.9), USUAL, True), Finding)
    assert battery_low(health(battery_percent=20.0), USUAL, True) is FINE
    assert battery_low(health(battery_percent=3.0, charging=True), USUAL, True) is FINE
    assert battery_low(health(signal_percent=3.0), USUAL, True) is None


def test_a_units_memory_is_low_below_the_threshold_until_it_is_well_above():
    found = storage_low(health(storage_free_percent=9.4), USUAL, False)
    assert found == Finding(NOW - 3 * NS, "The unit's memory has 9 % left.")
    assert storage_low(health(storage_free_percent=10.0), USUAL, False) is FINE
    assert isinstance(storage_low(health(storage_free_percent=14.9), USUAL, True), Finding)
    assert storage_low(health(storage_free_percent=15.0), USUAL, True) is FINE


def test_a_threshold_of_nothing_is_never_reached():
    never = Thresholds.of(Alerts(battery_below=0, storage_below=0))
    assert battery_low(health(battery_percent=0.0), never, False) is FINE
    assert storage_low(health(storage_free_percent=0.0), never, False) is FINE


def test_a_live_camera_that_is_due_must_be_recorded():
    silent = replace(WELL, recording=False)
    assert not_recording(replace(silent, unrecorded_s=14.9), USUAL, False) is None
    found = not_recording(replace(silent, unrecorded_s=15.0), USUAL, False)
    assert found == Finding(NOW - 15 * NS, "The camera is live, and nothing of it is recorded.")
    told = replace(silent, unrecorded_s=15.0, recording_problem="The disk refused a recording: I/O error.")
    assert not_recording(told, USUAL, False) == Finding(NOW - 15 * NS, "The disk refused a recording: I/O error.")


def test_what_is_not_due_need_not_be_recorded_and_of_what_is_not_live_nobody_can_tell():
    silent = replace(WELL, recording=False, unrecorded_s=99.0)
    assert not_recording(replace(silent, recording_due=False), USUAL, True) is FINE
    for status in (*AWAY, CameraStatus.DISABLED):
        assert not_recording(replace(silent, status=status), USUAL, True) is None
    assert not_recording(replace(silent, disk_full=True), USUAL, False) is None  # one alert, not one for each camera


def test_spans_for_people():
    assert (span(60), span(119.4), span(120), span(600)) == ("60 s", "119 s", "2 min", "10 min")


def test_grades_may_be_others_for_some_cameras_and_groups():
    settings = Alerts(
        rule=(
            AlertRule(groups=("alone",), no_movement=Grade.HIGH, battery_low=Grade.OFF),
            AlertRule(groups=("north",), no_movement=Grade.ACTIVITY),
            AlertRule(cameras=("unit-7",), no_movement=Grade.ACTIVITY),
        )
    )
    assert settings.grade(Kind.NO_MOVEMENT, "unit-1", ()) is Grade.OFF
    assert settings.grade(Kind.NO_MOVEMENT, "unit-1", ("north",)) is Grade.ACTIVITY
    assert settings.grade(Kind.NO_MOVEMENT, "unit-1", ("alone", "north")) is Grade.HIGH
    assert settings.grade(Kind.NO_MOVEMENT, "unit-7", ("alone",)) is Grade.ACTIVITY
    assert settings.grade(Kind.BATTERY_LOW, "unit-7", ("alone",)) is Grade.OFF
    assert settings.grade(Kind.SOS, "unit-7", ("alone",)) is Grade.HIGH
    assert settings.grade(Kind.NOT_RECORDING) is Grade.HIGH


@pytest.mark.parametrize("values", [{"sos": "high"}, {"groups": ["north"]}])
def test_a_rule_that_is_for_nobody_or_says_nothing_is_an_error(values):
    with pytest.raises(ValueError, match=r'name "cameras"|says nothing'):
        AlertRule.model_validate(values)


@pytest.mark.parametrize(
    "values", [{"sos": "loud"}, {"unit_lost_after": "soon"}, {"battery_below": 101}, {"sos_events": ["a b"]}, {"x": 1}]
)
def test_settings_that_make_no_sense_are_errors(values):
    with pytest.raises(ValueError, match=next(iter(values))):
        Alerts.model_validate(values)
