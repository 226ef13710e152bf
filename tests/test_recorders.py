"""Which cameras are recorded: begun, ended and watched as settings, cameras and disks change."""

from __future__ import annotations

import asyncio

import pytest

from gateway.base.clock import ManualClock
from gateway.base.errors import ConflictError
from gateway.base.settings import CameraSettings
from gateway.ingest.fleet import CameraStatus, Fleet
from gateway.ingest.registry import Configured, Origin
from gateway.media.model import NS, GapReason
from gateway.recorders import RESTART_SECONDS, WATCH_SECONDS, Recorders
from onvif_protocol.alarms import Alarm
from tests.media_samples import T0, VIDEO, stream


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

    def __init__(self, hub, begin=None):
        self.hub = hub
        self.begin = begin
        self.reached = 0
        self.recording = False
        self.problem = None
        self.reasons = []
        self.over = asyncio.get_running_loop().create_future()

    def stop(self, reason=None, *, at_keyframe=False):
        if not self.over.done():
            self.reasons.append(reason)
            self.reached = self.hub.end
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
        self.cut_off = set()
        self.sound = False
        self.recorders = Recorders(
            self.fleet,
            self.make,
            self.clock,
            private=self.private.__contains__,
            rest=self.rest,
            pre_roll_sound=lambda: self.sound,
        )
        self.recorders.on_changed.append(self.told.append)

    def make(self, hub, begin):
        self.made.append(FakeRecorder(hub, begin))
        return self.made[-1]

    async def rest(self, camera_id, now_ns):
        return camera_id not in self.cut_off

    async def watched(self, seconds):
        """Let time pass, and the recorders be watched."""
        for _ in range(round(seconds / WATCH_SECONDS)):
            self.clock.advance(WATCH_SECONDS)
            await self.settle()

    @property
    def on_record(self):
        return [made for made in self.made if made.recording]

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


# ---- on an event


@pytest.fixture
async def waiting(bench):
    """A camera that records on an event, live, with a minute of pictures behind it."""
    watching = asyncio.create_task(bench.recorders.watch())
    await bench.apply(EVENT)
    unit = bench.fleet.camera("a")
    unit.hub.open((VIDEO,))
    unit.video_arrived(bench.clock.utc_ns())
    bench.clock.set_utc_ns(T0 + 60 * NS)
    for picture in stream(60):
        unit.hub.publish(picture)
    yield bench
    watching.cancel()


EVENT = camera(record_on="event", pre_roll="20s", post_roll="10s")
MOTION = Alarm("motion 1", "motion", True)
STILL = Alarm("motion 1", "motion", False)


def begins(bench, recorder):
    """Seconds after T0 of the picture that a recorder begins with."""
    hub = bench.fleet.camera("a").hub
    return (hub.since(recorder.begin.position)[0].utc_ns - T0) / NS


async def test_nothing_is_recorded_before_something_happens(waiting):
    await waiting.watched(5)
    assert waiting.made == []
    assert waiting.recorders.cause("a") is None
    assert waiting.fleet.camera("a").settings.record  # which keeps it connected


async def test_an_alarm_is_recorded_from_before_it_until_after_it(waiting):
    unit = waiting.fleet.camera("a")
    unit.alarm_arrived(MOTION, T0 + 55 * NS)
    await waiting.settle()
    (recorder,) = waiting.on_record
    assert begins(waiting, recorder) == 35
    assert recorder.begin.sound_from_ns == T0 + 55 * NS
    assert waiting.recorders.cause("a") == "the camera reported motion"
    await waiting.watched(60)
    unit.alarm_arrived(STILL, waiting.clock.utc_ns())
    await waiting.watched(9.5)
    assert recorder.recording
    await waiting.watched(1)
    assert recorder.reasons == [GapReason.IDLE]
    assert not recorder.recording
    assert waiting.recorders.cause("a") is None


async def test_what_is_due_is_said_by_settings_privacy_and_events(waiting):
    assert not waiting.recorders.due("a")
    assert not waiting.recorders.due("nobody")
    waiting.fleet.camera("a").alarm_arrived(MOTION, waiting.clock.utc_ns())
    assert waiting.recorders.due("a")
    waiting.private.add("a")
    assert not waiting.recorders.due("a")
    await waiting.apply(EVENT, camera("b"), camera("c", record=False))
    assert (waiting.recorders.due("b"), waiting.recorders.due("c")) == (True, False)


async def test_what_happens_during_the_post_roll_prolongs_it(waiting):
    unit = waiting.fleet.camera("a")
    for _ in range(3):
        unit.alarm_arrived(MOTION, waiting.clock.utc_ns())
        unit.alarm_arrived(STILL, waiting.clock.utc_ns())
        await waiting.watched(9)
    assert len(waiting.made) == 1
    assert waiting.made[0].recording


async def test_what_was_recorded_is_not_recorded_twice(waiting):
    unit = waiting.fleet.camera("a")
    moment = Alarm("button", "an alarm", None)
    unit.alarm_arrived(moment, waiting.clock.utc_ns())
    await waiting.watched(11)
    end = unit.hub.end
    for picture in stream(2, start=60):
        unit.hub.publish(picture)
    unit.alarm_arrived(moment, waiting.clock.utc_ns())
    await waiting.settle()
    assert [recorder.reasons for recorder in waiting.made] == [[GapReason.IDLE], []]
    assert waiting.made[1].begin.position == end


async def test_sound_of_before_is_recorded_where_the_policy_says_so(waiting):
    waiting.sound = True
    waiting.recorders.request("a", True, by="ann")
    assert waiting.made[0].begin.sound_from_ns is None


async def test_a_request_lasts_until_it_is_taken_back(waiting):
    waiting.recorders.request("a", True, by="ann")
    await waiting.watched(60)
    assert waiting.recorders.recording("a")
    assert waiting.recorders.cause("a") == "ann asked for it"
    waiting.recorders.request("a", False, by="bob")
    await waiting.watched(11)
    assert not waiting.recorders.recording("a")


async def test_alarms_of_a_camera_that_is_gone_end_and_requests_do_not(waiting):
    unit = waiting.fleet.camera("a")
    unit.alarm_arrived(MOTION, waiting.clock.utc_ns())
    unit.set_status(CameraStatus.OFFLINE, "as a test wants it")
    await waiting.watched(11)
    assert not waiting.recorders.recording("a")
    waiting.recorders.request("a", True, by="ann")
    await waiting.watched(20)
    assert waiting.recorders.recording("a")


async def test_an_alarm_that_is_dated_wildly_is_dated_anew(waiting):
    unit = waiting.fleet.camera("a")
    unit.alarm_arrived(MOTION, T0 - 3600 * NS)
    assert waiting.made[0].begin.sound_from_ns == T0 + 60 * NS


async def test_what_the_stop_of_the_gateway_cut_off_goes_on(bench):
    bench.cut_off.add("a")
    await bench.apply(EVENT)
    assert bench.recorders.recording("a")
    assert bench.recorders.cause("a") == "it was being recorded when the gateway stopped"


async def test_settings_change_while_it_waits(waiting):
    hub = waiting.fleet.camera("a").hub
    assert hub.min_ns == 30 * NS
    await waiting.apply(camera(record_on="event", pre_roll="2m"))
    assert hub.min_ns == 125 * NS
    await waiting.apply(camera())
    assert hub.min_ns == 30 * NS
    assert waiting.recorders.recording("a")
    await waiting.apply(EVENT)
    assert waiting.made[0].reasons == [GapReason.IDLE]


async def test_requests_that_are_of_no_use_are_refused(waiting):
    for settings, said in (
        (camera(), "always recorded"),
        (camera(record_on="event", record=False), "is not recorded"),
        (EVENT, "privacy mode"),
    ):
        await waiting.apply(settings)
        waiting.private.add("a")
        with pytest.raises(ConflictError, match=said):
            waiting.recorders.request("a", True, by="ann")


async def test_a_pre_roll_that_does_not_fit_into_memory_is_told(waiting):
    unit = waiting.fleet.camera("a")
    assert waiting.recorders.problem("a") is None
    unit.hub.cap_bytes = 64 << 10
    for picture in stream(30, start=60, size=2000):
        unit.hub.publish(picture)
    assert "Of the pre-roll of 20s only 1 s fit into memory" in waiting.recorders.problem("a")
