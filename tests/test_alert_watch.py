"""The watch over all cameras: what it raises and ends, what a restart changes, and what it costs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest_asyncio

from gateway.access.authority import Privacy
from gateway.base.alert_settings import Alerts as AlertSettings
from gateway.incidents.alert import Alert, Grade, Kind
from gateway.incidents.watch import TURNS, RecordingState, Watch
from gateway.ingest.fleet import CameraStatus
from gateway.media.model import Fix, UnitHealth
from gateway.positions.formats import fix_json
from tests.desk_rig import Rig, unit


@dataclass
class Watched(Rig):
    """A rig whose cameras are watched, from the moment that it is made."""

    due: set[str] = field(default_factory=set)
    recording: set[str] = field(default_factory=set)
    full: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        state = RecordingState(
            self.due.__contains__, self.recording.__contains__, lambda _: "The disk refused.", lambda: self.full
        )
        self.watch = Watch(self.alerts, self.fleet, self.authority, state, self.clock, lambda: self.settings[-1])

    async def look(self, seconds: float = 0.0) -> dict[str, Alert]:
        """Let time pass and have all looked at; what is open then, by subject."""
        self.clock.advance(seconds)
        for turn in range(TURNS):
            self.watch.look(turn)
        await self.alerts.flush()
        return {alert.subject: alert for alert in self.alerts.open()}

    def goes_live(self, camera: str = "unit-1") -> None:
        self.camera(camera).video_arrived(self.clock.utc_ns())

    def moves_to(self, north: float, camera: str = "unit-1") -> Fix:
        now = self.clock.utc_ns()
        fix = Fix(now, 52.0 + north / 111_195, 13.0, received_ns=now)
        assert self.camera(camera).take_fix(fix) is None
        return fix


@pytest_asyncio.fixture
async def rig(tmp_path) -> AsyncIterator[Watched]:
    rig = Watched(tmp_path)
    rig.apply(unit(), unit("unit-2"))
    yield rig
    await rig.close()


async def restarted(rig: Watched, *cameras: str) -> Watched:
    """The gateway on the same data, some time later, with these cameras."""
    await rig.close()
    rig.clock.advance(100)
    later = Watched(rig.folder, rig.clock)
    await later.alerts.load()
    later.apply(*(unit(camera) for camera in cameras))
    later.watch._end_of_removed()
    return later


async def test_a_camera_goes_offline_and_comes_back(rig):
    rig.goes_live()
    rig.goes_live("unit-2")
    assert await rig.look() == {}
    rig.camera().set_status(CameraStatus.OFFLINE, "The camera did not answer.")
    gone_ns = rig.clock.utc_ns()
    assert await rig.look(59) == {}
    found = (await rig.look(1))["camera_offline:unit-1"]
    assert (found.kind, found.grade, found.camera, found.utc_ns) == (
        Kind.CAMERA_OFFLINE, Grade.ACTIVITY, "unit-1", gone_ns,
    )  # fmt: skip
    assert found.text == "No picture for 60 s. The camera did not answer."
    await rig.look(300)
    rig.goes_live()
    ended = (await rig.look(1))["camera_offline:unit-1"]
    assert (ended.id, ended.ended_ns, ended.resolved_ns) == (found.id, rig.clock.utc_ns(), None)
    assert len(await rig.alerts.search()) == 1


async def test_positions_stop_while_the_picture_goes_on(rig):
    rig.goes_live()
    fix = rig.moves_to(0)
    found = (await rig.look(60))["unit_lost:unit-1"]
    assert found.text == "No position for 60 s. Its camera is live."
    assert (found.detail["fix"], found.detail["fix_age_s"]) == (fix_json(fix), 60)
    rig.moves_to(10)
    assert (await rig.look(1))["unit_lost:unit-1"].ended_ns == rig.clock.utc_ns()


async def test_a_unit_lies_still_where_somebody_wants_to_know(rig):
    rig.settings.append(AlertSettings(no_movement=Grade.HIGH, unit_lost=Grade.OFF))
    rig.goes_live()
    await rig.look()
    for _ in range(5):
        rig.moves_to(3)
        opened = await rig.look(60)
    assert "no_movement:unit-1" not in opened
    rig.moves_to(3)
    found = (await rig.look())["no_movement:unit-1"]
    assert (found.grade, found.text) == (Grade.HIGH, "It has not moved for 5 min.")
    rig.clock.advance(20)
    rig.moves_to(40)
    assert (await rig.look())["no_movement:unit-1"].ended_ns == rig.clock.utc_ns()


async def test_nothing_is_raised_that_is_off(rig):
    rig.settings.append(AlertSettings(camera_offline=Grade.OFF))
    await rig.look(600)
    assert await rig.alerts.search() == []


async def test_a_battery_runs_low_and_is_charged(rig):
    rig.goes_live()
    rig.camera().health_arrived(UnitHealth(rig.clock.utc_ns(), battery_percent=14.0, storage_free_percent=2.0))
    assert set(await rig.look(1)) == {"battery_low:unit-1", "storage_low:unit-1"}
    rig.camera().health_arrived(UnitHealth(rig.clock.utc_ns(), charging=True))
    opened = await rig.look(1)
    assert opened["battery_low:unit-1"].ended_ns == rig.clock.utc_ns()
    assert opened["storage_low:unit-1"].ended_ns is None


async def test_a_live_camera_that_should_be_recorded_is_not(rig):
    rig.goes_live()
    rig.due.add("unit-1")
    assert await rig.look() == {}
    assert await rig.look(14) == {}
    found = (await rig.look(1))["not_recording:unit-1"]
    assert (found.grade, found.text) == (Grade.HIGH, "The disk refused.")
    rig.recording.add("unit-1")
    assert (await rig.look(1))["not_recording:unit-1"].ended_ns is not None


async def test_a_full_disk_is_one_alert_about_the_gateway(rig):
    rig.goes_live()
    rig.goes_live("unit-2")
    rig.due.update(("unit-1", "unit-2"))
    rig.full = True
    assert set(await rig.look(30)) == {"not_recording:"}
    assert rig.alerts.open()[0].camera is None
    rig.full = False
    rig.recording.update(rig.due)
    assert (await rig.look(1))["not_recording:"].ended_ns == rig.clock.utc_ns()


async def test_a_position_that_is_hidden_is_not_in_what_is_raised_meanwhile(rig):
    rig.goes_live()
    rig.moves_to(0)
    rig.authority.update(private={"unit-1": Privacy(0, hides_position=True, hides_stream=False, recording=True)})
    assert (await rig.look(60))["unit_lost:unit-1"].detail == {}


async def test_what_a_removed_camera_was_cause_for_has_ended(rig):
    await rig.look(60)
    rig.apply(unit("unit-2"))
    opened = await rig.look(1)
    assert opened["camera_offline:unit-1"].ended_ns is not None
    assert opened["camera_offline:unit-2"].ended_ns is None


async def test_a_camera_that_was_removed_may_still_say_goodbye(rig):
    gone, now = rig.camera(), rig.clock.utc_ns()
    rig.apply(unit("unit-2"))
    assert gone.take_fix(Fix(now, 52.0, 13.0, received_ns=now)) is None
    gone.set_status(CameraStatus.OFFLINE, "The camera ended the stream.")
    assert "unit_lost:unit-1" not in await rig.look(600)


async def test_a_restart_raises_nothing_twice_and_ends_what_is_over(rig):
    before = await rig.look(60)
    assert set(before) == {"camera_offline:unit-1", "camera_offline:unit-2"}
    known = before["camera_offline:unit-2"]
    await rig.alerts.resolve(known.id, by="ann", word="at the dock", address="")
    later = await restarted(rig, "unit-1", "unit-2", "unit-3")
    try:
        later.goes_live("unit-3")
        opened = await later.look(1)
        assert opened["camera_offline:unit-1"] == before["camera_offline:unit-1"]  # nobody can tell yet
        assert len(await later.alerts.search()) == 2
        await later.look(90)  # both are still away, and known to be
        assert [alert.id for alert in await later.alerts.search()] == [known.id, before["camera_offline:unit-1"].id]
        later.goes_live("unit-1")
        later.goes_live("unit-2")
        await later.look(1)
        ends = {alert.camera: alert.ended_ns for alert in await later.alerts.search()}
        assert ends == {"unit-1": later.clock.utc_ns(), "unit-2": later.clock.utc_ns()}
    finally:
        await later.close()


async def test_a_restart_ends_what_cameras_were_cause_for_that_are_gone(rig):
    await rig.look(60)
    later = await restarted(rig, "unit-2")
    try:
        opened = await later.look(1)
        assert opened["camera_offline:unit-1"].ended_ns is not None
        assert opened["camera_offline:unit-2"].ended_ns is None
    finally:
        await later.close()


async def test_looking_at_a_fleet_reads_and_writes_nothing(rig):
    rig.apply(*(unit(f"unit-{number}") for number in range(500)))
    asked = []
    read, write = rig.database.read, rig.database.write
    rig.database.read = rig.database.write = asked.append
    rig.clock.advance(600)
    for turn in range(TURNS):
        rig.watch.look(turn)
    assert asked == []
    rig.database.read, rig.database.write = read, write
    assert len(await rig.look()) == 500
