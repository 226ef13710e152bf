"""Which cameras are recorded: begun, ended and watched as settings, cameras and disks change."""

from __future__ import annotations

import asyncio

import pytest

from gateway.base.clock import ManualClock
from gateway.base.settings import CameraSettings
from gateway.ingest.fleet import Fleet
from gateway.ingest.registry import Configured, Origin
from gateway.media.model import GapReason
from gateway.recorders import RESTART_SECONDS, WATCH_SECONDS, Recorders


class Idle:
    """A Source that never gets anywhere."""

    async def run_once(self):
        await asyncio.get_running_loop().create_future()

    def fail(self, error):
        pass

    def count(self):
        pass

    def request_keyframe(self):
        return False


class FakeRecorder:
    """Records until its Hub closes, `stop` is called, or the test makes it fail."""

    def __init__(self, hub):
        self.hub = hub
        self.recording = False
        self.problem = None
        self.reasons = []
        self.over = asyncio.get_running_loop().create_future()

    def stop(self, reason=None):
        self.reasons.append(reason)
        self.over.set_result(None)

    async def run(self):
        self.recording = True
        try:
            with self.hub.subscribe("recorder") as subscription:
                reading = asyncio.ensure_future(anext(aiter(subscription), None))
                await asyncio.wait({reading, self.over}, return_when=asyncio.FIRST_COMPLETED)
                reading.cancel()
                if self.over.done():
                    self.over.result()
        finally:
            self.recording = False


class Bench:
    def __init__(self):
        self.clock = ManualClock()
        self.made = []
        self.told = []
        self.fleet = Fleet(lambda _: Idle(), self.clock)
        self.private = set()
        self.recorders = Recorders(self.fleet, self.make, self.clock, private=self.private.__contains__)
        self.recorders.on_changed.append(self.told.append)

    def make(self, hub):
        self.made.append(FakeRecorder(hub))
        return self.made[-1]

    async def apply(self, *cameras):
        self.fleet.apply([Configured(settings, Origin.FILE) for settings in cameras])
        await self.settle()

    async def settle(self):
        for _ in range(10):
            await asyncio.sleep(0)


@pytest.fixture
async def bench():
    bench = Bench()
    yield bench
    await bench.fleet.stop_sources()
    bench.fleet.close_hubs()
    await bench.recorders.finish()


def camera(camera_id="a", **more):
    return CameraSettings(id=camera_id, url="rtsp://h/", **more)


async def test_only_cameras_that_should_be_recorded_are(bench):
    await bench.apply(camera("a"), camera("b", record=False))
    assert (bench.recorders.recording("a"), bench.recorders.recording("b")) == (True, False)
    assert len(bench.made) == 1


async def test_the_setting_takes_effect_at_once_and_the_gap_says_why(bench):
    await bench.apply(camera())
    await bench.apply(camera(record=False))
    assert bench.made[0].reasons == [GapReason.DISABLED]
    assert not bench.recorders.recording("a")
    await bench.apply(camera(record=True))
    assert bench.recorders.recording("a")
    assert len(bench.made) == 2


async def test_switched_off_and_on_in_a_moment_it_records_again(bench):
    await bench.apply(camera())
    bench.fleet.apply([Configured(camera(record=False), Origin.FILE)])
    bench.fleet.apply([Configured(camera(record=True), Origin.FILE)])
    await bench.settle()
    assert bench.recorders.recording("a")
    assert len(bench.made) == 2


async def test_a_removed_camera_ends_its_recorder(bench):
    await bench.apply(camera())
    await bench.apply()
    assert not bench.recorders.recording("a")
    assert len(bench.made) == 1


async def test_a_camera_that_comes_back_at_once_is_recorded_again(bench):
    await bench.apply(camera())
    bench.fleet.apply([])
    await bench.apply(camera())
    assert bench.recorders.recording("a")
    assert len(bench.made) == 2


async def test_a_recorder_that_fails_is_started_again(bench, caplog):
    await bench.apply(camera())
    bench.made[0].over.set_exception(ZeroDivisionError())
    await bench.settle()
    assert not bench.recorders.recording("a")
    assert "started again" in caplog.text
    bench.clock.advance(RESTART_SECONDS)
    await bench.settle()
    assert bench.recorders.recording("a")


async def test_changes_are_told(bench):
    watching = asyncio.create_task(bench.recorders.watch())
    await bench.apply(camera())
    for problem in (None, "The disk is full.", "The disk is full."):
        bench.made[0].problem = problem
        bench.clock.advance(WATCH_SECONDS)
        await bench.settle()
    watching.cancel()
    assert bench.told == ["a", "a"]
    assert bench.recorders.problem("a") == "The disk is full."


async def test_closing_the_hubs_ends_all(bench):
    await bench.apply(camera("a"), camera("b"))
    await bench.fleet.stop_sources()
    bench.fleet.close_hubs()
    await bench.recorders.finish()
    assert not any(recorder.recording for recorder in bench.made)


async def test_privacy_mode_ends_a_recording_and_its_end_begins_another(bench):
    await bench.apply(camera())
    bench.private.add("a")
    bench.recorders.look()
    await bench.settle()
    assert bench.made[0].reasons == [GapReason.PRIVACY]
    assert not bench.recorders.recording("a")
    bench.private.clear()
    bench.recorders.look()
    await bench.settle()
    assert bench.recorders.recording("a")
    assert len(bench.made) == 2
