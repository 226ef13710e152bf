"""How a viewer is brought to the live edge: at first, after it lost its place, and where the link is slow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from gateway.hub import Hub
from gateway.media.model import Codec
from gateway.viewing.broadcast import BURST_RATE, MOST_PLACES, Broadcast
from gateway.viewing.link import CATCH_UP
from gateway.viewing.rate import Rate
from gateway.viewing.viewer import Answer, Phase
from gateway.webrtc.fanout import FanOut
from tests.viewing_stage import TRACK, Stage, ascends
from tests.webrtc_samples import FRAME_TICKS, picture

RATE = 30 * 3000 * 8
"""Bits a second of the pictures here."""


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    await stage.run()
    yield stage
    assert stage.task is not None
    stage.task.cancel()
    await asyncio.gather(stage.task, return_exceptions=True)


async def film(stage: Stage, first: int, last: int, *, gop: int = 1000, size: int = 3000) -> None:
    """Pictures as a camera sends them, 30 a second."""
    for index in range(first, last):
        await stage.publish(picture(index, key=index % gop == 0, track=TRACK, size=size))
        stage.clock.advance(1 / 30)


async def test_the_rate_is_that_of_the_last_seconds(stage: Stage) -> None:
    assert stage.broadcast.rate == 0
    await film(stage, 0, 10)
    assert stage.broadcast.rate == 0, "too little to tell"
    await film(stage, 10, 150)
    assert stage.broadcast.rate == pytest.approx(RATE, rel=0.02)
    await film(stage, 150, 250, size=6000)
    assert stage.broadcast.rate == pytest.approx(2 * RATE, rel=0.02)


async def test_a_clock_that_is_set_back_costs_the_rate_two_seconds(stage: Stage) -> None:
    rate = Rate()
    for index in (*range(1000, 1100), *range(90)):
        rate.add(picture(index, track=TRACK))
    assert rate.bits_per_second == pytest.approx(RATE, rel=0.02)
    rate.add(picture(0, track=TRACK))
    assert rate.bits_per_second == 0


async def test_large_pictures_are_paced_by_their_bits(stage: Stage) -> None:
    await film(stage, 0, 90, size=36_000)
    stage.join("v")
    await stage.pass_time(0.1)
    sent = sum(len(packet.payload) for packet in stage.packets("v"))
    assert sent * 8 == pytest.approx(BURST_RATE * 0.1, rel=0.1)
    await stage.pass_time(0.2)
    assert [index for index, _ in stage.pictures("v")] == list(range(90))


async def test_a_crowd_gets_each_picture_in_one_pass(stage: Stage) -> None:
    await film(stage, 0, 60)
    names = [f"v{number}" for number in range(8)]
    viewers = [stage.join(name) for name in names]
    turns = stage.fanout.turns
    await stage.pass_time(0.2)
    assert stage.fanout.turns - turns == 60
    for index in range(60, 75):
        await stage.publish(picture(index, track=TRACK))
        await stage.pass_time(1 / 30)
    assert {viewer.phase for viewer in viewers} == {Phase.LIVE}
    assert all([index for index, _ in stage.pictures(name)] == list(range(75)) for name in names)


async def test_who_comes_when_too_many_places_are_served_waits_for_one_to_be_free(stage: Stage) -> None:
    await film(stage, 0, 90)
    names = [f"v{number:02d}" for number in range(MOST_PLACES + 4)]
    for name in names:
        stage.join(name)
        await stage.pass_time(0.002)
    assert [bool(stage.pictures(name)) for name in names] == [True] * MOST_PLACES + [False] * 4
    for index in range(90, 105):
        await stage.publish(picture(index, track=TRACK))
        await stage.pass_time(1 / 30)
    assert all([index for index, _ in stage.pictures(name)] == list(range(105)) for name in names)


async def test_a_link_that_loses_gets_the_start_at_the_streams_pace(stage: Stage) -> None:
    stage.can_ask = False
    await film(stage, 0, 90)
    viewer = stage.join("v")
    await stage.pass_time(0.01)
    before = len(stage.pictures("v"))
    viewer.link.asked_again(20, RATE, stage.clock.monotonic())
    await stage.pass_time(0.4)
    gained = len(stage.pictures("v")) - before
    assert gained == pytest.approx(0.4 * 30 * CATCH_UP, abs=5)


async def test_a_link_that_loses_gets_a_new_keyframe_where_the_start_would_take_long(stage: Stage) -> None:
    await film(stage, 0, 120)
    viewer = stage.join("v")
    await stage.pass_time(0.01)
    viewer.link.asked_again(20, RATE, stage.clock.monotonic())
    await stage.pass_time(0.01)
    assert (viewer.phase, stage.asked) == (Phase.WAITING, 1)
    got = len(stage.pictures("v"))
    await stage.publish(picture(120, track=TRACK), picture(121, key=True, track=TRACK), picture(122, track=TRACK))
    assert [index for index, _ in stage.pictures("v")][got:] == [121, 122]
    assert ascends([timestamp for _, timestamp in stage.pictures("v")])


async def test_a_short_start_is_finished_even_on_a_link_that_loses(stage: Stage) -> None:
    await film(stage, 0, 20)
    viewer = stage.join("v")
    await stage.pass_time(0.004)
    viewer.link.asked_again(20, RATE, stage.clock.monotonic())
    await film(stage, 20, 60)
    assert stage.asked == 0
    assert viewer.phase is Phase.LIVE
    assert [index for index, _ in stage.pictures("v")] == list(range(60))


async def test_who_lost_its_place_is_started_anew_from_a_fresh_keyframe(stage: Stage) -> None:
    await film(stage, 0, 60)
    viewer = stage.join("v")
    await stage.pass_time(0.2)
    await film(stage, 60, 95, gop=90)
    got = len(stage.pictures("v"))
    assert stage.broadcast.refresh(viewer) is Answer.RING
    assert stage.broadcast.refresh(viewer) is Answer.COMING
    await stage.pass_time(0.02)
    await film(stage, 95, 97)
    assert [index for index, _ in stage.pictures("v")][got:] == [90, 91, 92, 93, 94, 95, 96]
    assert viewer.phase is Phase.LIVE
    timestamps = [timestamp for _, timestamp in stage.pictures("v")]
    assert ascends(timestamps), "what comes again comes later"
    assert max((b - a) % 2**32 for a, b in pairwise(timestamps[got - 1 :])) <= 2 * FRAME_TICKS
    assert stage.broadcast.refresh(viewer) is Answer.COMING, "once a second"
    assert stage.asked == 0


async def test_an_old_keyframe_is_no_answer_where_the_camera_gives_a_new_one(stage: Stage) -> None:
    await film(stage, 0, 50)
    viewer = stage.join("v")
    await stage.pass_time(0.2)
    await film(stage, 50, 60)
    got = len(stage.pictures("v"))
    for _ in range(5):
        assert stage.broadcast.refresh(viewer) is Answer.CAMERA
    assert stage.asked == 1
    await film(stage, 60, 63)
    assert [index for index, _ in stage.pictures("v")][got:] == [60, 61, 62]
    stage.can_ask = False
    stage.clock.advance(1)
    assert stage.broadcast.refresh(viewer) is Answer.RING, "better than nothing"
    await stage.pass_time(0.1)
    assert [index for index, _ in stage.pictures("v")][got + 3 :] == list(range(63))


async def test_who_can_take_no_more_gets_keyframes_alone_until_it_can(stage: Stage) -> None:
    await film(stage, 0, 50)
    viewer = stage.join("v")
    await stage.pass_time(0.2)
    await film(stage, 50, 60, gop=30)
    got = len(stage.pictures("v"))
    stage.broadcast.thin(viewer)
    await film(stage, 60, 125, gop=30)
    assert [index for index, _ in stage.pictures("v")][got:] == [60, 90, 120]
    stage.broadcast.thicken(viewer)
    assert stage.asked == 1
    await film(stage, 125, 127)
    await film(stage, 150, 153, gop=30)
    assert [index for index, _ in stage.pictures("v")][got + 3 :] == [150, 151, 152]
    assert ascends([timestamp for _, timestamp in stage.pictures("v")])


async def test_a_viewer_that_waits_is_told_so(stage: Stage) -> None:
    viewer = stage.join("v")
    assert stage.broadcast.refresh(viewer) is Answer.CAMERA
    stage.can_ask = False
    stage.clock.advance(1)
    assert stage.broadcast.refresh(viewer) is Answer.NONE


async def test_time_goes_on_for_who_comes_from_another_stream_of_the_camera(stage: Stage) -> None:
    await film(stage, 0, 60)
    viewer = stage.join("v", Codec.PCMU)
    await stage.pass_time(0.2)
    await film(stage, 60, 66)
    small = Hub("cam")
    other = Broadcast(
        small,
        FanOut(stage.port, stage.clock),
        stage.clock,
        on_anchor=lambda *anchor: stage.anchors.append(anchor),
        request_keyframe=lambda: True,
        like=stage.broadcast,
    )
    running = asyncio.create_task(other.run())
    small.open((TRACK,))
    for index in (64, 65):  # it is later than the original, and has another origin
        small.publish(picture(index, key=index == 64, track=TRACK, origin=7_000_000, size=400))
    await stage.settle()
    stage.broadcast.remove(viewer)
    other.add(viewer)
    await stage.pass_time(0.02)
    for index in range(66, 72):
        small.publish(picture(index, track=TRACK, origin=7_000_000, size=400))
        await stage.settle()
        stage.clock.advance(1 / 30)
    pictures = stage.pictures("v")[66:]
    assert [index for index, _ in pictures] == list(range(64, 72))
    timestamps = [timestamp for _, timestamp in stage.pictures("v")]
    assert ascends(timestamps)
    assert (timestamps[-1] - timestamps[65]) % 2**32 == 6 * FRAME_TICKS, "the same moment, the same timestamp"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
