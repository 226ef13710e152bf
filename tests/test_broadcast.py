"""Which viewer gets which picture, when, and with which timestamp."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import pytest

from gateway.media.model import NS, AccessUnit, Codec, Gap, GapReason, TimeSource, Track
from gateway.media.rtp import parse_rtp
from gateway.viewing.viewer import Phase
from gateway.webrtc.tcp import TcpRoute
from tests.viewing_stage import TRACK, Stage, ascends
from tests.webrtc_samples import FRAME_NS, FRAME_TICKS, UTC, picture, video_track


@pytest.fixture
async def stage():
    stage = Stage()
    yield stage
    if stage.task is not None:
        stage.task.cancel()
        await asyncio.gather(stage.task, return_exceptions=True)
    assert stage.hub.readers == ()


async def test_a_new_viewer_starts_at_once_and_ends_live(stage: Stage) -> None:
    await stage.run()
    for index in range(45):
        await stage.publish(picture(index, key=index % 30 == 0, track=TRACK))
        stage.clock.advance(1 / 30)
    viewer = stage.join("v")
    for tick in range(1, 8):
        await stage.settle()
        assert len(stage.pictures("v")) == 2 * tick, "two pictures every 2 ms"
        stage.clock.advance(0.002)
    await stage.pass_time(0.01)
    assert [index for index, _ in stage.pictures("v")] == list(range(30, 45))
    for index in range(45, 48):
        stage.clock.advance(1 / 30)
        await stage.publish(picture(index, track=TRACK))
        await stage.pass_time(0.002)
    assert viewer.phase is Phase.LIVE
    pictures = stage.pictures("v")
    assert [index for index, _ in pictures] == list(range(30, 48))
    timestamps = [timestamp for _, timestamp in pictures]
    assert ascends(timestamps)
    burst = [(b - a) % 2**32 for a, b in pairwise(timestamps[:15])]
    assert burst == [90] * 14
    assert (timestamps[16] - timestamps[15], timestamps[17] - timestamps[16]) == (FRAME_TICKS, FRAME_TICKS)
    # The burst's clock runs like the wall's: the picture that was newest at the join is shown as if it were 14 ms old.
    assert (timestamps[15] - timestamps[0]) % 2**32 == FRAME_TICKS
    sequences = [packet.sequence for packet in stage.packets("v")]
    assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
    assert TRACK.parameters.sps in stage.packets("v")[0].payload, "parameter sets stand before the keyframe"


async def test_viewers_have_their_own_origins_and_share_the_pictures(stage: Stage) -> None:
    await stage.run()
    await stage.publish(picture(0, key=True, track=TRACK))
    stage.join("a")
    stage.join("b")
    await stage.publish(*(picture(index, track=TRACK) for index in range(1, 4)))
    await stage.pass_time(0.01)
    a, b = stage.pictures("a"), stage.pictures("b")
    assert [index for index, _ in a] == [index for index, _ in b] == [0, 1, 2, 3]
    assert stage.packets("a")[0].ssrc != stage.packets("b")[0].ssrc
    assert len({(x - y) % 2**32 for (_, x), (_, y) in zip(a, b, strict=True)}) == 1


async def test_the_first_viewer_of_a_silent_camera_still_gets_its_last_pictures(stage: Stage) -> None:
    await stage.publish(*(picture(index, key=index == 0, track=TRACK) for index in range(5)))
    stage.task = None
    stage.broadcast._subscription.close()
    stage.broadcast = stage.new_broadcast()
    await stage.run()
    stage.join("v")
    await stage.pass_time(0.02)
    assert [index for index, _ in stage.pictures("v")] == [0, 1, 2, 3, 4]


async def test_anchors_tell_the_moment_of_each_picture(stage: Stage) -> None:
    await stage.run()
    await stage.publish(picture(0, key=True, track=TRACK))
    stage.join("v")
    for index in range(1, 200):
        stage.clock.advance(1 / 30)
        await stage.publish(picture(index, track=TRACK))
        await stage.settle()
    timestamps = dict(stage.pictures("v"))
    assert len(stage.anchors) >= 2, "after the start, and every five seconds"
    for session, rtp, utc_ns in stage.anchors:
        assert session == "v"
        assert timestamps[(utc_ns - UTC) // FRAME_NS] == rtp
    before = len(stage.anchors)
    late = picture(200, track=TRACK)
    jumped = AccessUnit(
        TRACK, late.pts, late.dts, late.utc_ns + 3600 * NS, TimeSource.RTCP, 0, late.nals, False, late.size
    )
    await stage.publish(jumped)
    assert len(stage.anchors) == before + 1, "the camera's clock jumped"
    assert stage.anchors[-1][2] == jumped.utc_ns


async def test_a_reconnecting_camera_is_one_stream_to_its_viewers(stage: Stage) -> None:
    await stage.run()
    await stage.publish(picture(0, key=True, track=TRACK))
    viewer = stage.join("v")
    await stage.pass_time(0.01)
    await stage.publish(*(picture(index, track=TRACK) for index in range(1, 5)))
    await stage.publish(Gap(UTC, None, GapReason.DISCONNECTED))
    assert viewer.phase is Phase.WAITING
    again = video_track()
    stage.hub.open((again,))
    await stage.publish(picture(90, track=again, origin=-(10**9)))
    assert [index for index, _ in stage.pictures("v")] == [0, 1, 2, 3, 4]
    await stage.publish(*(picture(index, key=index == 91, track=again, origin=-(10**9)) for index in range(91, 94)))
    pictures = stage.pictures("v")
    assert [index for index, _ in pictures] == [0, 1, 2, 3, 4, 91, 92, 93]
    assert ascends([timestamp for _, timestamp in pictures])
    assert (pictures[5][1] - pictures[4][1]) % 2**32 == pytest.approx(87 * FRAME_TICKS, abs=FRAME_TICKS)
    sequences = [packet.sequence for packet in stage.packets("v")]
    assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))


async def test_timestamps_that_begin_anew_without_a_gap_leap_for_nobody(stage: Stage) -> None:
    await stage.run()
    await stage.publish(picture(0, key=True, track=TRACK))
    stage.join("v")
    await stage.pass_time(0.01)
    for origin in (0, 10**12, -(10**12)):
        start = {0: 1, 10**12: 5, -(10**12): 9}[origin]
        await stage.publish(*(picture(index, track=TRACK, origin=origin) for index in range(start, start + 4)))
    timestamps = [timestamp for _, timestamp in stage.pictures("v")]
    assert len(timestamps) == 13
    assert all(0 < (b - a) % 2**32 < 90_000 for a, b in pairwise(timestamps))


async def test_a_broadcast_that_fell_behind_resumes_at_the_newest_keyframe(stage: Stage) -> None:
    await stage.run()
    await stage.publish(picture(0, key=True, track=TRACK))
    stage.join("v")
    await stage.pass_time(0.01)
    await stage.publish(*(picture(index, key=index == 80, track=TRACK) for index in range(1, 90)))
    assert [index for index, _ in stage.pictures("v")] == [0, *range(80, 90)]


async def test_lost_packets_ask_for_a_keyframe_and_the_picture_goes_on(stage: Stage) -> None:
    await stage.run()
    await stage.publish(picture(0, key=True, track=TRACK))
    stage.join("v")
    await stage.pass_time(0.01)
    for index in range(1, 11):
        await stage.publish(Gap(UTC, UTC, GapReason.LOSS, 0, 3), picture(index, track=TRACK))
    assert len(stage.pictures("v")) == 11
    assert stage.asked == 1, "once a second at most"
    stage.clock.advance(1.0)
    await stage.publish(Gap(UTC, UTC, GapReason.LOSS, 0, 3), Gap(UTC, UTC, GapReason.LOSS, 1, 3))
    assert stage.asked == 2


async def test_b_pictures_that_no_other_needs_are_dropped(stage: Stage) -> None:
    await stage.run()
    await stage.publish(picture(0, key=True, track=TRACK))
    stage.join("v")
    await stage.pass_time(0.01)
    # Decoding order of I P B b: the second B is a reference. A non-reference picture in order is kept.
    for index, reference in ((3, True), (1, False), (2, True), (4, False)):
        await stage.publish(picture(index, track=TRACK, reference=reference))
    assert [index for index, _ in stage.pictures("v")] == [0, 3, 2, 4]
    late = stage.join("late")
    await stage.pass_time(0.02)
    await stage.publish(picture(5, track=TRACK))
    assert [index for index, _ in stage.pictures("late")] == [0, 3, 2, 4, 5]
    assert late.phase is Phase.LIVE


async def test_b_pictures_that_others_need_end_it_and_a_slip_of_the_cameras_clock_does_not(stage: Stage) -> None:
    await stage.run()
    order = (0, 2, 1, 3, 4, 6, 5, 7)
    await stage.publish(*(picture(index, key=index == 0, track=TRACK) for index in order))
    assert not stage.task.done()
    await stage.publish(picture(9, track=TRACK), picture(8, track=TRACK))
    assert await stage.task == "the camera sends pictures in another order than they are shown"
    assert stage.broadcast.is_unplayable


async def test_h265_goes_out_as_it_is_to_those_who_play_it(stage: Stage) -> None:
    track = video_track(codec=Codec.H265)
    stage.broadcast.close()
    stage.hub.open((track,))
    stage.broadcast = stage.new_broadcast(Codec.H265)
    await stage.run()
    stage.join("v")
    key, following = b"\x26\x01" + bytes(20), b"\x02\x01" + bytes(20)  # IDR_W_RADL, TRAIL_R
    for index, nal in enumerate((key, following)):
        unit = picture(index, key=index == 0, track=track)
        await stage.publish(replace(unit, nals=(nal,), size=len(nal)))
        await stage.pass_time(0.004)
    packets = stage.packets("v")
    assert key in packets[0].payload
    assert packets[-1].payload == following
    await stage.publish(picture(2, key=True, track=TRACK))
    assert await stage.task == "the camera now sends H264"


async def test_without_a_keyframe_one_is_asked_for_and_waited_for(stage: Stage) -> None:
    await stage.run()
    await stage.publish(picture(1, track=TRACK))
    viewer = stage.join("v")
    stage.join("w")
    assert stage.asked == 1
    await stage.publish(picture(2, track=TRACK))
    assert viewer.phase is Phase.WAITING
    await stage.publish(picture(3, key=True, track=TRACK), picture(4, track=TRACK))
    assert [index for index, _ in stage.pictures("v")] == [3, 4]
    assert stage.anchors[0][2] == UTC + 3 * FRAME_NS


async def test_a_full_socket_costs_those_it_hits_one_picture_and_hits_others_next_time(stage: Stage) -> None:
    await stage.run()
    await stage.publish(picture(0, key=True, track=TRACK, size=400))
    viewers = [stage.join(name) for name in "abcd"]
    await stage.pass_time(0.01)
    stage.port.udp.capacity = 2
    await stage.publish(picture(1, track=TRACK, size=400))
    stage.port.udp.capacity = None
    waiting = {viewer.session_id for viewer in viewers if viewer.phase is Phase.WAITING}
    assert len(waiting) == 2
    await stage.publish(picture(2, track=TRACK, size=400))
    for viewer in viewers:
        expected = [0] if viewer.session_id in waiting else [0, 1, 2]
        assert [index for index, _ in stage.pictures(viewer.session_id)] == expected
    await stage.publish(picture(3, key=True, track=TRACK, size=400))
    assert all(viewer.phase is Phase.LIVE for viewer in viewers)
    stage.port.udp.capacity = 2
    await stage.publish(picture(4, track=TRACK, size=400))
    assert {viewer.session_id for viewer in viewers if viewer.phase is Phase.WAITING} != waiting


async def test_a_picture_cut_short_can_be_asked_for_again_byte_for_byte(stage: Stage) -> None:
    await stage.run()
    await stage.publish(picture(0, key=True, track=TRACK, size=400))
    viewer = stage.join("v")
    await stage.pass_time(0.01)
    stage.port.udp.capacity = 1
    await stage.publish(picture(1, track=TRACK, size=5000))
    stage.port.udp.capacity = None
    sent = stage.packets("v")[-1]
    missing = [(sent.sequence + n) & 0xFFFF for n in range(6)]
    viewer.video.resend([*missing, (sent.sequence + 20_000) & 0xFFFF])
    again = [parse_rtp(datagram) for datagram in stage.port.signalled[stage.addresses["v"]] if datagram[1] & 0x7F == 96]
    assert again[0] == sent
    assert [packet.sequence for packet in again] == missing[:5]
    assert again[-1].marker


async def test_who_leaves_gets_nothing_more(stage: Stage) -> None:
    await stage.run()
    await stage.publish(picture(0, key=True, track=TRACK))
    viewer = stage.join("v")
    await stage.pass_time(0.01)
    stage.broadcast.remove(viewer)
    stage.broadcast.remove(viewer)
    await stage.publish(picture(1, track=TRACK))
    assert [index for index, _ in stage.pictures("v")] == [0]


async def test_a_burst_that_the_ring_outruns_starts_again_at_the_newest_keyframe(stage: Stage) -> None:
    stage.hub.cap_bytes = 20_000
    await stage.run()
    await stage.publish(picture(0, key=True, track=TRACK, size=2000), picture(1, track=TRACK, size=2000))
    viewer = stage.join("v")
    await stage.publish(*(picture(index, key=index == 6, track=TRACK, size=3000) for index in range(2, 10)))
    await stage.pass_time(0.05)
    indexes = [index for index, _ in stage.pictures("v")]
    assert indexes[-4:] == [6, 7, 8, 9]
    assert viewer.phase is Phase.LIVE
    assert ascends([timestamp for _, timestamp in stage.pictures("v")])


async def test_who_is_still_starting_at_a_keyframe_is_live_with_it(stage: Stage) -> None:
    """A crowd on a machine that is too slow to bring it to the live edge would wait for ever."""
    await stage.run()
    await stage.publish(*(picture(index, key=index == 0, track=TRACK) for index in range(60)))
    viewer = stage.join("v")
    await stage.pass_time(0.01)
    assert viewer.phase is Phase.STARTING
    await stage.publish(*(picture(index, key=index == 60, track=TRACK) for index in range(60, 63)))
    assert viewer.phase is Phase.LIVE
    got = [index for index, _ in stage.pictures("v")]
    assert got[-3:] == [60, 61, 62]
    assert got[:-3] == list(range(len(got) - 3))
    assert len(got) < 63
    assert ascends([timestamp for _, timestamp in stage.pictures("v")])


async def test_it_ends_with_the_camera(stage: Stage) -> None:
    await stage.run()
    stage.hub.close()
    assert stage.task is not None
    assert await stage.task == "the camera was removed"


async def test_it_ends_when_browsers_cannot_play_the_camera_any_more(stage: Stage) -> None:
    await stage.run()
    changed: Track = video_track(codec=Codec.H265)
    stage.hub.open((changed,))
    await stage.publish(picture(0, key=True, track=changed))
    assert stage.task is not None
    assert await stage.task == "the camera now sends H265"


async def test_a_burst_that_is_held_up_catches_up_a_little_at_a_time(stage: Stage) -> None:
    await stage.run()
    await stage.publish(*(picture(index, key=index == 0, track=TRACK) for index in range(60)))
    stage.join("v")
    await stage.settle()
    counts = []
    for _ in range(3):
        before = len(stage.pictures("v"))
        stage.clock.advance(0.1)
        await stage.settle()
        counts.append(len(stage.pictures("v")) - before)
    assert counts == [6, 6, 6]


async def test_who_does_not_read_waits_for_the_next_keyframe_and_asks_none_of_the_camera(stage: Stage) -> None:
    stage.hub.publish(picture(0, key=True, track=TRACK))
    await stage.run()
    stage.join("reads")
    deaf = stage.viewer("deaf")
    deaf.video.peer.address = TcpRoute(SimpleNamespace())  # not connected: takes nothing
    deaf.video.aim()
    stage.broadcast.add(deaf)
    await stage.pass_time(0.05)
    for index in range(1, 90):
        await stage.publish(picture(index, key=index % 30 == 0, track=TRACK))
        stage.clock.advance(1 / 30)
    assert stage.asked == 0
    assert deaf.phase is Phase.WAITING
    assert [index for index, _ in stage.pictures("reads")] == list(range(90))
