"""Geofences as people keep them, and what becomes of units that cross them: alerts, ends of alerts, restarts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
import pytest_asyncio
from sqlalchemy import select

from gateway.access.audit import Audit
from gateway.access.authority import Authority, Privacy
from gateway.base.alert_settings import Alerts as AlertSettings
from gateway.base.alert_settings import Grade, Kind
from gateway.base.clock import ManualClock
from gateway.base.errors import BadRequestError, ConflictError, NotFoundError, StorageError
from gateway.base.policy import Policy
from gateway.base.settings import CameraSettings
from gateway.incidents import geofences as geofences_module
from gateway.incidents.alerts import Alerts
from gateway.incidents.geofence import Tells
from gateway.incidents.geofence_shapes import parse_shape
from gateway.incidents.geofence_watch import GeofenceWatch
from gateway.incidents.geofences import Drawn, Geofences
from gateway.ingest.fleet import Camera, Fleet
from gateway.ingest.registry import Configured, Origin
from gateway.media.model import NS, Fix
from gateway.positions.formats import fix_json
from gateway.positions.geodesy import offset_by
from gateway.store import tables
from gateway.store.engine import Database, open_catalog

FROM = {"by": "ann", "address": "10.0.0.1"}
LAT, LON = 52.5, 13.4
DEPOT = Drawn("Depot", parse_shape({"type": "Point", "coordinates": [LON, LAT], "radius_m": 200}), grade=Grade.HIGH)


@dataclass
class Desk:
    """Geofences and the watch on them, as a start of the gateway builds them."""

    database: Database
    clock: ManualClock
    audit: Audit
    geofences: Geofences
    alerts: Alerts
    fleet: Fleet
    watch: GeofenceWatch
    authority: Authority

    @property
    def camera(self) -> Camera:
        return self.fleet.camera("unit")

    def go(self, north_m: float, camera: str = "unit", **more) -> Fix:
        """Some seconds later the unit is so far north of the depot's middle."""
        self.clock.advance(20)
        lat, lon = offset_by(LAT, LON, 0, north_m)
        now = self.clock.utc_ns()
        fix = Fix(now, lat, lon, accuracy_m=5, speed_mps=150, received_ns=now, **more)
        assert self.fleet.camera(camera).take_fix(fix) is None
        return fix

    async def open(self) -> list[tuple[Kind, str | None, bool]]:
        """What is open, with whether its cause goes on."""
        await self.watch.flush()
        await self.alerts.flush()
        return [(alert.kind, alert.camera, alert.ended_ns is None) for alert in self.alerts.open()]


@pytest_asyncio.fixture
async def desk(tmp_path):
    database = open_catalog(tmp_path)
    made = await started(database, ManualClock())
    yield made
    await made.fleet.stop_sources()
    database.close()


async def started(database: Database, clock: ManualClock) -> Desk:
    audit = Audit(database, clock)
    alerts = Alerts(database, audit, clock, AlertSettings)
    fleet = Fleet(lambda _: None, clock)
    geofences = Geofences(database, audit, clock)
    authority = Authority(Policy())
    watch = GeofenceWatch(geofences, alerts, fleet, authority, database, clock)
    made = Desk(database, clock, audit, geofences, alerts, fleet, watch, authority)
    await alerts.load()
    await geofences.load()
    await made.watch.load()
    idle = {"url": "rtsp://127.0.0.1:1/s", "connect": "on_demand", "record": False}
    fleet.apply([Configured(CameraSettings(id=name, **idle), Origin.FILE) for name in ("unit", "other")])
    return made


async def test_geofences_are_drawn_changed_and_removed_and_the_audit_has_it(desk):
    told = []
    desk.geofences.on_changed.append(lambda now, was: told.append((was.name if was else None, now.name)))
    desk.geofences.on_removed.append(lambda geofence: told.append(("removed", geofence.name)))
    made = await desk.geofences.add(DEPOT, **FROM)
    assert list(desk.geofences.all()) == [made] == [desk.geofences.find(made.id)]
    assert (made.name, made.shape, made.cameras, made.tells, made.grade, made.created_by) == (
        "Depot", DEPOT.shape, (), Tells.BOTH, Grade.HIGH, "ann",
    )  # fmt: skip
    drawn = Drawn("Yard", DEPOT.shape, groups=("north",), tells=Tells.ENTER)
    changed = await desk.geofences.change(made.id, drawn, **FROM)
    assert (changed.name, changed.groups, changed.created_by) == ("Yard", ("north",), "ann")
    assert await desk.geofences.change(made.id, drawn, **FROM) == changed  # nothing: no row of the audit
    await desk.geofences.remove(made.id, **FROM)
    await desk.geofences.remove(made.id, **FROM)
    assert list(desk.geofences.all()) == []
    assert told == [(None, "Depot"), ("Depot", "Yard"), ("removed", "Yard")]
    rows = [(row.action, row.detail["geofence"], row.detail["name"]) for row in await desk.audit.entries()]
    assert rows == [
        ("geofence_remove", made.id, "Yard"), ("geofence_change", made.id, "Yard"), ("geofence_add", made.id, "Depot"),
    ]  # fmt: skip
    for refused in (desk.geofences.change(made.id, DEPOT, **FROM), asyncio.to_thread(desk.geofences.find, made.id)):
        with pytest.raises(NotFoundError):
            await refused


@pytest.mark.parametrize("name", ["", " Depot", "two\nlines", "x" * 101])
def test_a_name_is_printable(name):
    with pytest.raises(BadRequestError) as refused:
        Drawn(name, DEPOT.shape)
    assert refused.value.pointer == "/name"


async def test_there_is_an_end_to_how_many(desk, monkeypatch):
    monkeypatch.setattr(geofences_module, "MAX_GEOFENCES", 1)
    await desk.geofences.add(DEPOT, **FROM)
    with pytest.raises(ConflictError, match="remove one"):
        await desk.geofences.add(DEPOT, **FROM)


async def test_what_another_process_changes_is_told_after_the_next_look(desk):
    other = await started(desk.database, desk.clock)
    made = await other.geofences.add(DEPOT, **FROM)
    assert list(desk.geofences.all()) == []
    await desk.geofences.load()
    assert list(desk.geofences.all()) == [made]
    await other.fleet.stop_sources()


async def test_entering_and_leaving_raise_alerts_and_each_ends_the_other(desk):
    made = await desk.geofences.add(DEPOT, **FROM)
    desk.go(1000)
    entered = desk.go(100)
    assert await desk.open() == [(Kind.GEOFENCE_ENTER, "unit", True)]
    (alert,) = desk.alerts.open()
    assert (alert.text, alert.grade, alert.utc_ns) == ("Entered Depot", Grade.HIGH, entered.utc_ns)
    assert alert.detail == {"geofence": {"id": made.id, "name": "Depot"}, "fix": fix_json(entered)}
    desk.go(1000)
    assert await desk.open() == [(Kind.GEOFENCE_LEAVE, "unit", True), (Kind.GEOFENCE_ENTER, "unit", False)]
    desk.go(100)
    assert await desk.open() == [(Kind.GEOFENCE_LEAVE, "unit", False), (Kind.GEOFENCE_ENTER, "unit", True)]
    assert desk.alerts.open()[1].detail["count"] == 2


async def test_a_geofence_tells_what_it_is_asked_to_with_its_own_grade(desk):
    drawn = Drawn("Depot", DEPOT.shape, cameras=("unit",), tells=Tells.LEAVE, grade=Grade.ACTIVITY)
    await desk.geofences.add(drawn, **FROM)
    for camera in ("unit", "other"):
        desk.go(1000, camera)
        desk.go(100, camera)
    assert await desk.open() == []
    desk.go(1000)
    desk.go(1000, "other")
    assert await desk.open() == [(Kind.GEOFENCE_LEAVE, "unit", True)]
    assert desk.alerts.open()[0].grade is Grade.ACTIVITY


async def test_groups_may_change_while_units_move(desk):
    await desk.geofences.add(Drawn("Depot", DEPOT.shape, groups=("north",)), **FROM)
    desk.go(1000)
    desk.go(100)
    assert await desk.open() == []
    desk.authority.update(cameras={"unit": ("north",)})
    desk.go(100)  # where it is when it comes to be watched is no crossing
    assert await desk.open() == []
    desk.go(1000)
    assert await desk.open() == [(Kind.GEOFENCE_LEAVE, "unit", True)]


async def test_what_happens_while_the_gateway_is_down_is_told_after_the_start_and_nothing_twice(desk):
    await desk.geofences.add(DEPOT, **FROM)
    desk.go(1000)
    desk.go(100)
    desk.go(1000, "other")
    await desk.open()
    again = await started(desk.database, desk.clock)
    again.go(101)
    again.go(1000, "other")
    assert await again.open() == [(Kind.GEOFENCE_ENTER, "unit", True)]
    third = await started(desk.database, desk.clock)
    left = third.go(1000)
    third.go(100, "other")
    assert [kind for kind, *_ in await third.open()] == [Kind.GEOFENCE_ENTER, Kind.GEOFENCE_LEAVE, Kind.GEOFENCE_ENTER]
    assert [alert.utc_ns for alert in third.alerts.open() if alert.kind is Kind.GEOFENCE_LEAVE] == [left.utc_ns]
    for one in (again, third):
        await one.fleet.stop_sources()


async def test_a_kill_between_the_alert_and_its_side_tells_once(desk):
    await desk.geofences.add(DEPOT, **FROM)
    desk.go(1000)
    await desk.open()
    desk.go(100)
    crossing = desk.watch._crossings[0]
    await desk.watch._tell(crossing)  # and no side is written: the process is gone
    again = await started(desk.database, desk.clock)
    again.go(100)
    assert await again.open() == [(Kind.GEOFENCE_ENTER, "unit", True)]
    assert again.alerts.open()[0].detail["count"] == 2
    await again.fleet.stop_sources()


async def test_nobody_looks_while_a_privacy_mode_hides_where_the_wearer_is(desk):
    await desk.geofences.add(DEPOT, **FROM)
    desk.go(1000)
    desk.authority.update(private={"unit": Privacy(0, hides_position=True, hides_stream=False, recording=True)})
    desk.go(100)
    assert await desk.open() == []
    desk.authority.update(private={})
    desk.go(100)
    assert await desk.open() == [(Kind.GEOFENCE_ENTER, "unit", True)]


async def test_a_fix_that_comes_late_moves_nobody(desk):
    await desk.geofences.add(DEPOT, **FROM)
    desk.go(1000)
    newest = desk.go(1000)
    late = Fix(newest.utc_ns - NS // 2, LAT, LON, accuracy_m=5, speed_mps=150, received_ns=newest.utc_ns)
    desk.camera.take_kept_fix(late)
    desk.camera.fix_arrived(late)
    assert await desk.open() == []


async def test_removing_a_geofence_ends_the_cause_of_its_alerts_and_of_no_others(desk):
    made = await desk.geofences.add(DEPOT, **FROM)
    await desk.geofences.add(Drawn("Yard", DEPOT.shape), **FROM)
    desk.go(1000)
    desk.go(100)
    await desk.open()
    await desk.geofences.remove(made.id, **FROM)
    assert await desk.open() == [(Kind.GEOFENCE_ENTER, "unit", True), (Kind.GEOFENCE_ENTER, "unit", False)]
    desk.go(1000)
    assert (await desk.open())[0] == (Kind.GEOFENCE_LEAVE, "unit", True)


async def test_a_removed_camera_leaves_no_side(desk):
    await desk.geofences.add(DEPOT, **FROM)
    desk.go(100)
    await desk.open()
    sides = select(tables.geofence_sides.c.camera, tables.geofence_sides.c.inside)
    assert [tuple(row) for row in await desk.database.read(lambda c: c.execute(sides).all())] == [("unit", True)]
    desk.fleet.apply([])
    await desk.open()
    assert await desk.database.read(lambda c: c.execute(sides).all()) == []


async def test_a_database_that_refuses_delays_an_alert_and_loses_none(desk, monkeypatch):
    await desk.geofences.add(DEPOT, **FROM)
    desk.go(1000)
    await desk.open()
    running = [asyncio.create_task(desk.watch.run()), asyncio.create_task(desk.alerts.run())]
    write, refusals = Database.write, []

    async def refuse(*_):
        refusals.append(1)
        raise StorageError("the disk is full")

    monkeypatch.setattr(Database, "write", refuse)
    desk.go(100)
    while len(refusals) < 3:
        await asyncio.sleep(0)
        desk.clock.advance(0.3)
    monkeypatch.setattr(Database, "write", write)
    while not desk.alerts.open():
        await asyncio.sleep(0.001)
        desk.clock.advance(0.3)
    assert desk.alerts.open()[0].detail.get("count", 1) == 1
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def test_a_crossing_is_told_at_once_by_the_task_that_runs(desk):
    await desk.geofences.add(DEPOT, **FROM)
    desk.go(1000)
    running = asyncio.create_task(desk.watch.run())
    told = asyncio.Event()
    desk.alerts.on_changed.append(lambda _: told.set())
    desk.go(100)
    async with asyncio.timeout(5):
        await told.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_side_of_a_geofence_that_somebody_removes_meanwhile_stops_nothing(desk):
    made = await desk.geofences.add(DEPOT, **FROM)
    other = await started(desk.database, desk.clock)
    await other.geofences.remove(made.id, **FROM)
    desk.go(100)
    with pytest.raises(StorageError):
        await desk.watch.flush()
    await desk.geofences.load()
    await desk.watch.flush()
    await other.fleet.stop_sources()
