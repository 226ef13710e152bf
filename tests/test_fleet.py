"""The fleet: what a camera's status says through failures, silence and changes of settings. The clock is passed in."""

from __future__ import annotations

import asyncio

import pytest

from gateway.base.clock import ManualClock
from gateway.base.errors import CameraError, Fault, NotFoundError
from gateway.base.settings import CameraSettings
from gateway.hub import Start
from gateway.ingest.fleet import HURRY_AFTER, IDLE, LINGER, STALE_AFTER, STALLED_AFTER, CameraStatus, Fleet
from gateway.ingest.registry import Configured, Origin
from gateway.media.model import NS, Fix, Gap, GapReason
from gateway.positions.tracker import Rule


class ScriptedSource:
    """A Source that does what the test says: `end` or `picture`."""

    def __init__(self, camera, clock):
        self.camera = camera
        self.clock = clock
        self.over = asyncio.get_running_loop().create_future()
        self.counted = 0
        self.goodbye = None
        """What the camera still has to answer before the attempt is over."""

    async def run_once(self):
        try:
            raise await self.over
        finally:
            if self.goodbye is not None:
                await self.goodbye

    def fail(self, error):
        if not self.over.done():
            self.over.set_result(error)

    def count(self):
        self.counted += 1

    def request_keyframe(self):
        return False

    def picture(self):
        self.camera.video_arrived(self.clock.utc_ns())


class Bench:
    """A fleet, its clock, and every Source it made."""

    def __init__(self):
        self.clock = ManualClock()
        self.sources = []
        self.fleet = Fleet(self.make, self.clock)

    def make(self, camera):
        self.sources.append(ScriptedSource(camera, self.clock))
        return self.sources[-1]

    async def advance(self, seconds):
        """Let time pass in the fleet's own ticks."""
        while seconds > 0:
            self.clock.advance(min(seconds, 0.5))
            seconds -= 0.5
            await self.settle()

    async def settle(self):
        for _ in range(10):
            await asyncio.sleep(0)

    async def fail(self, fault=Fault.UNREACHABLE, reason="nothing listens"):
        self.sources[-1].fail(CameraError(fault, reason))
        await self.settle()


@pytest.fixture
async def bench():
    bench = Bench()
    task = asyncio.create_task(bench.fleet.run())
    yield bench
    task.cancel()
    await bench.fleet.stop_sources()


def configured(camera_id="a", **more):
    return Configured(CameraSettings(id=camera_id, url="rtsp://h/", **more), Origin.FILE)


async def one(bench, **more):
    bench.fleet.apply([configured(**more)])
    await bench.settle()
    return bench.fleet.camera("a")


async def test_a_camera_is_connecting_until_its_first_picture(bench):
    camera = await one(bench)
    assert (camera.status, camera.reason) == (CameraStatus.CONNECTING, None)
    bench.sources[-1].picture()
    assert camera.status is CameraStatus.LIVE


async def test_the_reason_of_a_failure_stays_through_the_retries(bench):
    camera = await one(bench)
    await bench.fail()
    assert (camera.status, camera.reason) == (CameraStatus.OFFLINE, "nothing listens")
    assert len(bench.sources) == 2, "the first retry is at once"
    await bench.fail()
    assert camera.retry_ns > bench.clock.utc_ns()
    await bench.advance(1.5)
    assert len(bench.sources) == 3
    assert (camera.status, camera.reason) == (CameraStatus.OFFLINE, "nothing listens")
    bench.sources[-1].picture()
    assert (camera.status, camera.reason, camera.retry_ns) == (CameraStatus.LIVE, None, None)


async def test_retries_grow_to_five_seconds_and_after_ten_minutes_to_thirty(bench):
    await one(bench)
    for _ in range(12):
        await bench.fail()
        await bench.advance(5)
    before = len(bench.sources)
    await bench.fail()
    await bench.advance(5)
    assert len(bench.sources) == before + 1
    bench.clock.advance(600)
    pauses = 0.0
    for _ in range(5):
        await bench.fail()
        before = len(bench.sources)
        while len(bench.sources) == before:
            await bench.advance(0.5)
            pauses += 0.5
    assert 5 * 20 < pauses <= 5 * 31


async def test_a_device_that_says_hello_is_connected_without_waiting_longer(bench):
    await one(bench)
    for _ in range(8):
        await bench.fail()
        await bench.advance(5)
    before = len(bench.sources)
    await bench.fail()
    bench.fleet.device_appeared(["other", "h"])
    await bench.advance(HURRY_AFTER / 2)
    assert len(bench.sources) == before, "a flood of hellos makes no tight loop"
    await bench.advance(HURRY_AFTER)
    bench.fleet.device_appeared(["other"])
    await bench.settle()
    assert len(bench.sources) == before + 1


async def test_somebody_elses_hello_changes_nothing(bench):
    await one(bench)
    for _ in range(8):
        await bench.fail()
        await bench.advance(5)
    before = len(bench.sources)
    await bench.fail()
    await bench.advance(HURRY_AFTER)
    bench.fleet.device_appeared(["other"])
    await bench.advance(1)
    assert len(bench.sources) == before


async def test_a_stream_that_ends_leaves_a_gap_and_is_connecting_again(bench):
    camera = await one(bench)
    with camera.hub.subscribe("test", start=Start.OLDEST) as subscription:
        bench.sources[-1].picture()
        last = bench.clock.utc_ns()
        await bench.fail(Fault.ENDED, "the camera ended the stream")
        assert camera.status is CameraStatus.CONNECTING
        assert subscription.take() == [Gap(last, None, GapReason.DISCONNECTED)]
        await bench.fail()
        assert camera.status is CameraStatus.OFFLINE
        assert subscription.take() == [], "an attempt that showed nothing leaves no second gap"


async def test_a_camera_that_flaps_is_not_retried_in_a_tight_loop(bench):
    await one(bench)
    for _ in range(5):
        bench.sources[-1].picture()
        await bench.fail(Fault.ENDED, "ended")
    assert len(bench.sources) == 2


async def test_silence_makes_it_stale_and_then_starts_again(bench):
    camera = await one(bench)
    bench.sources[-1].picture()
    await bench.advance(STALE_AFTER + 0.5)
    assert camera.status is CameraStatus.STALE
    bench.sources[-1].picture()
    assert camera.status is CameraStatus.LIVE
    await bench.advance(STALLED_AFTER + 1)
    assert len(bench.sources) == 2
    assert "no picture" in camera.reason


async def test_an_attempt_that_never_shows_a_picture_is_not_stale(bench):
    camera = await one(bench)
    await bench.advance(STALE_AFTER + 1)
    assert camera.status is CameraStatus.CONNECTING


async def test_a_camera_without_keyframes_says_so(bench):
    camera = await one(bench)
    bench.sources[-1].picture()
    camera.hub.keyframe_evicted = True
    await bench.advance(0.5)
    assert camera.status is CameraStatus.LIVE
    assert "keyframe interval" in camera.reason


async def test_a_fault_of_the_gateway_in_one_attempt_is_retried_like_any_other(bench, caplog):
    camera = await one(bench)
    bench.sources[-1].over.set_exception(ZeroDivisionError())
    await bench.settle()
    assert camera.status is CameraStatus.OFFLINE
    assert "fault of the gateway" in caplog.text


async def test_an_on_demand_camera_connects_while_somebody_needs_it(bench):
    camera = await one(bench, connect="on_demand", record=False)
    assert (camera.status, camera.reason, bench.sources) == (CameraStatus.DISABLED, IDLE, [])
    with camera.hold():
        await bench.settle()
        assert camera.status is CameraStatus.CONNECTING
        waiter = asyncio.create_task(camera.live(5))
        await bench.settle()
        bench.sources[-1].picture()
        assert await waiter
    await bench.advance(LINGER - 1)
    assert bench.sources[-1].over.done() is False
    await bench.advance(2)
    assert (camera.status, len(bench.sources)) == (CameraStatus.DISABLED, 1)


async def test_only_what_changed_is_touched(bench):
    added, changed, removed = [], [], []
    bench.fleet.on_added.append(added.append)
    bench.fleet.on_changed.append(changed.append)
    bench.fleet.on_removed.append(removed.append)
    bench.fleet.apply([configured("a"), configured("b"), configured("c")])
    await bench.settle()
    a, b = bench.fleet.camera("a"), bench.fleet.camera("b")
    assert len(bench.sources) == 3
    bench.fleet.apply([configured("a"), configured("b", name="Bee", groups=["north"], record=False)])
    await bench.settle()
    assert len(bench.sources) == 3, "a new name, other groups and no more recording need no new connection"
    assert [c.id for c in changed[-1:]] == ["b"]
    assert bench.fleet.camera("b") is b
    assert [c.id for c in removed] == ["c"]
    bench.fleet.apply([configured("a", transport="udp"), configured("b", name="Bee")])
    await bench.settle()
    assert len(bench.sources) == 4
    assert bench.fleet.camera("a") is a
    assert not a.hub.closed
    with pytest.raises(NotFoundError, match='no camera "c"'):
        bench.fleet.camera("c")


async def test_a_changed_camera_connects_anew_once_the_old_connection_has_ended(bench):
    camera = await one(bench)
    with camera.hub.subscribe("test", start=Start.OLDEST) as subscription:
        bench.sources[-1].picture()
        last = bench.clock.utc_ns()
        goodbye = bench.sources[-1].goodbye = asyncio.get_running_loop().create_future()
        for password in ("new", "newer"):
            bench.fleet.apply([configured(password=password)])
            assert camera.settings.password.get_secret_value() == password, "it holds at once"
            await bench.settle()
            assert (len(bench.sources), camera.status) == (1, CameraStatus.CONNECTING), "one connection at a time"
        goodbye.set_result(None)
        await bench.settle()
        assert len(bench.sources) == 2
        assert subscription.take() == [Gap(last, None, GapReason.DISCONNECTED)], "never a silent hole"
        bench.sources[-1].picture()
        assert camera.status is CameraStatus.LIVE


async def test_a_camera_that_comes_back_at_once_waits_for_the_old_connection_too(bench):
    gone = await one(bench)
    goodbye = bench.sources[-1].goodbye = asyncio.get_running_loop().create_future()
    bench.fleet.apply([])
    assert gone.hub.closed
    back = await one(bench)
    assert back is not gone
    assert len(bench.sources) == 1
    goodbye.set_result(None)
    await bench.settle()
    assert [source.camera for source in bench.sources] == [gone, back]


async def test_one_camera_that_is_slow_to_say_goodbye_holds_up_no_other(bench):
    bench.fleet.apply([configured("a"), configured("b")])
    await bench.settle()
    for source in bench.sources:
        source.goodbye = asyncio.get_running_loop().create_future()
    bench.fleet.apply([configured("a", password="new"), configured("b", password="new")])
    bench.sources[1].goodbye.set_result(None)
    await bench.settle()
    assert [source.camera.id for source in bench.sources] == ["a", "b", "b"]
    bench.sources[0].goodbye.set_result(None)


async def test_what_a_unit_sends_late_is_kept_and_moves_nobody(bench):
    camera = await one(bench, position="http")
    live, late = [], []
    bench.fleet.on_fix.append(lambda _, fix: live.append(fix))
    bench.fleet.on_late_fix.append(lambda _, fix: late.append(fix))
    now = bench.clock.utc_ns()
    newest = fix_at(now)
    assert camera.take_kept_fix(newest) is None
    kept = [fix_at(now - (60 - second) * NS, 52 + second * 1e-5) for second in range(60)]
    assert [camera.take_kept_fix(fix) for fix in kept] == [None] * 60
    assert (live, late, camera.fix) == ([newest], kept, newest)
    assert camera.take_kept_fix(newest) is Rule.DUPLICATE, "its answer was lost, so the phone sends it again"
    assert camera.take_kept_fix(kept[-1]) is Rule.DUPLICATE
    far = fix_at(now - NS, 52.9)
    assert camera.take_kept_fix(far) is Rule.JUMP, "late ones are judged, too"
    assert (len(late), camera.position_problem) == (60, None)


async def test_a_clock_that_was_far_ahead_does_not_make_all_that_follows_late(bench):
    camera = await one(bench, position="http")
    now = bench.clock.utc_ns()
    assert camera.take_kept_fix(fix_at(now + 3600 * NS)) is None
    right = fix_at(now)
    assert camera.take_kept_fix(right) is None
    assert camera.fix is right


def fix_at(utc_ns, lat=52.0):
    return Fix(utc_ns, lat, 13.0, speed_mps=1.0, accuracy_m=5.0, carrier="osmand", received_ns=utc_ns)
