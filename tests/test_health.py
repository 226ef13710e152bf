"""How a unit is: what is known of it, and how often that is told."""

from __future__ import annotations

import asyncio

import pytest

from gateway.base.clock import ManualClock
from gateway.base.settings import CameraSettings
from gateway.ingest.fleet import Fleet
from gateway.ingest.health import TOLD_AGAIN, TOLD_EVERY, HealthBoard
from gateway.ingest.registry import Configured, Origin
from gateway.media.model import NS, UnitHealth
from gateway.positions.from_metadata import health
from gateway.simulator.battery import battery_percent
from onvif_protocol.metadata import BATTERY_ITEM, BATTERY_TOPIC, Event, MetadataDocument, battery_document, parse
from tests.restream_rig import METADATA, Source, live
from tests.running import running

NOW = 1_790_000_000 * NS


def test_what_a_report_does_not_say_stays_as_it_was():
    board = HealthBoard()
    board.push(UnitHealth(NOW, battery_percent=80.0, charging=False, carrier="osmand"), NOW)
    board.push(UnitHealth(NOW + NS, signal_percent=60.0, storage_free_percent=5.0, carrier="other"), NOW + NS)
    assert board.now == UnitHealth(NOW + NS, 80.0, False, 60.0, 5.0, "other")
    board.push(UnitHealth(NOW + 2 * NS, battery_percent=0.0, charging=True), NOW + 2 * NS)
    assert board.now == UnitHealth(NOW + 2 * NS, 0.0, True, 60.0, 5.0, ""), "0 % is a value, too"


def test_an_older_report_says_only_what_was_not_known():
    board = HealthBoard()
    board.push(UnitHealth(NOW, battery_percent=80.0), NOW)
    assert board.push(UnitHealth(NOW - 60 * NS, battery_percent=90.0, signal_percent=10.0), NOW) == UnitHealth(
        NOW, battery_percent=80.0, signal_percent=10.0
    )


def test_a_report_of_the_future_does_not_lock_the_next_ones_out():
    board = HealthBoard()
    board.push(UnitHealth(NOW + 3600 * NS, battery_percent=99.0), NOW)
    assert board.push(UnitHealth(NOW + NS, battery_percent=12.0), NOW + NS).battery_percent == 12.0


def test_it_is_told_at_most_once_in_ten_seconds_and_then_the_newest():
    board = HealthBoard()
    assert not board.due(0.0), "nothing is known"
    told = []
    for second in range(100):
        board.push(UnitHealth(NOW + second * NS, battery_percent=90.0 - second), NOW + second * NS)
        if board.due(float(second)):
            told.append(second)
    assert told == list(range(0, 100, int(TOLD_EVERY)))


def test_what_trembles_or_stays_is_told_once_a_minute_and_silence_never():
    board = HealthBoard()
    told = []
    for second in range(130):
        board.push(UnitHealth(NOW + second * NS, battery_percent=80 + second % 2 / 10), NOW + second * NS)
        if board.due(float(second)):
            told.append(second)
    assert told == [0, int(TOLD_AGAIN), int(2 * TOLD_AGAIN)]
    assert board.due(200.0), "what came since is told once more"
    assert not board.due(1000.0)


async def test_the_fleet_tells_each_report_and_the_page_of_it_now_and_then():
    clock = ManualClock()
    fleet = Fleet(lambda camera: _Never(), clock)
    reports, changes = [], []
    fleet.on_health.append(lambda camera, health: reports.append((camera.id, health)))
    fleet.apply([Configured(CameraSettings(id="a", url="rtsp://h/"), Origin.FILE)])
    task = asyncio.create_task(fleet.run())
    await _settle()
    fleet.on_changed.append(lambda camera: changes.append(camera.health))
    camera = fleet.camera("a")
    assert camera.health is None
    for battery in (50.0, 40.0, 30.0):
        camera.health_arrived(UnitHealth(clock.utc_ns(), battery_percent=battery))
        clock.advance(0.5)
        await _settle()
    assert [health.battery_percent for _, health in reports] == [50.0, 40.0, 30.0]
    assert [health.battery_percent for health in changes] == [50.0]
    for _ in range(20):
        clock.advance(0.5)
        await _settle()
    assert [health.battery_percent for health in changes] == [50.0, 30.0]
    task.cancel()
    await fleet.stop_sources()


# ---- by ONVIF


def event(value: str, *, topic: str = BATTERY_TOPIC, operation: str = "Changed", utc_ns: int | None = NOW) -> Event:
    return Event(topic, utc_ns, operation, (), ((BATTERY_ITEM, value),))


def test_the_battery_of_a_camera_is_a_standard_event():
    said = UnitHealth(NOW, battery_percent=41.5, carrier="onvif-event")
    assert health(parse(battery_document(41.5, NOW)), utc_ns=NOW + NS) == said
    two = MetadataDocument(events=(event("90"), event("41.5"), event("1", topic="tns1:Monitoring/ProcessorUsage")))
    assert health(two, utc_ns=NOW) == said, "the last one counts"
    undated = MetadataDocument(events=(event("41.5", utc_ns=None),))
    assert health(undated, utc_ns=NOW) == said


@pytest.mark.parametrize("value", ["", "full", "NaN", "-1", "101", "1e999"])
def test_a_charge_that_cannot_be_is_none(value):
    assert health(MetadataDocument(events=(event(value),)), utc_ns=NOW) is None
    assert health(MetadataDocument(events=(event("50", operation="Deleted"),)), utc_ns=NOW) is None
    assert health(MetadataDocument(), utc_ns=NOW) is None


async def test_a_camera_that_tells_its_battery_shows_it_whatever_brings_its_position(tmp_path):
    source = Source()
    await source.start()
    async with running(tmp_path, source.settings(position="http")) as gateway:
        await live(gateway, source)
        camera = gateway.fleet.camera("cam")
        source.publish(METADATA, battery_document(12.5, source.publish(key=True).utc_ns))
        async with asyncio.timeout(20):
            while camera.health is None:
                await asyncio.sleep(0.01)
        shown = (await gateway.client().get("/api/cameras/cam"))["health"]
        assert (shown["battery_percent"], shown["charging"], shown["carrier"]) == (12.5, None, "onvif-event")
    await source.stop()


def test_the_batteries_of_the_demo_fall_and_are_changed():
    falling = [battery_percent(2, minute * 60) for minute in range(300)]
    assert falling[:3] == [18.0, 17.5, 17.0]
    assert min(falling) >= 6.0
    assert max(falling) > 95.0
    assert len({battery_percent(seed, 0) for seed in range(4)}) == 4


class _Never:
    """A Source that never gets anywhere."""

    async def run_once(self):
        await asyncio.get_running_loop().create_future()

    def count(self):
        pass


async def _settle():
    for _ in range(10):
        await asyncio.sleep(0)
