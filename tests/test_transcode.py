"""A camera that browsers cannot play, made into one they can, in a process that may die."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache

import av
import numpy as np
import pytest

from gateway.base.clock import ManualClock
from gateway.base.errors import CameraError
from gateway.base.metrics import REGISTRY
from gateway.hub import Hub
from gateway.media import h264, h265
from gateway.media.model import NS, AccessUnit, Codec, Gap, GapReason, TimeSource, Track, TrackKind
from gateway.viewing.budget import Budget, BusyError
from gateway.viewing.decoding import DECODERS, annex_b
from gateway.viewing.transcode import VAIN_DEATHS, VAIN_PICTURES, VAIN_SECONDS, Transcode, VideoSettings
from tests.workshop import Workshop, working

UTC = 1_700_000_000 * NS
SETTINGS = VideoSettings(max_width=1920)


@lru_cache
def filmed(
    codec: Codec = Codec.H264, frames: int = 60, width: int = 320, height: int = 240, gop: int = 60, bframes: int = 3
) -> tuple[AccessUnit, ...]:
    """Pictures with B-pictures that others refer to, 30 a second, each as bright as its number; from UTC on."""
    encoder = av.CodecContext.create("libx264" if codec is Codec.H264 else "libx265", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 90_000), Fraction(30)
    keyint = f"keyint={gop}:min-keyint={gop}"
    if codec is Codec.H264:
        encoder.options = {
            "preset": "ultrafast",
            "x264-params": f"bframes={bframes}:b-pyramid=strict:b-adapt=0:ref=4:scenecut=0:{keyint}",
        }
    else:
        encoder.options = {
            "preset": "ultrafast",
            "x265-params": f"bframes={bframes}:b-adapt=0:{keyint}:log-level=none:repeat-headers=1",
        }
    packets = []
    for index in range(frames):
        luma = np.full((height, width), 40 + 2 * index % 200, np.uint8)
        frame = av.VideoFrame.from_ndarray(np.vstack([luma, np.full((height // 2, width), 128, np.uint8)]), "yuv420p")
        frame.pts = index * 3000
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    parse = h264.video_parameters if codec is Codec.H264 else h265.video_parameters
    units: list[AccessUnit] = []
    track = Track(0, TrackKind.VIDEO, codec, 90_000, parse(()))
    for packet in packets:
        nals = tuple(h264.split_annex_b(bytes(packet)))
        parameters = parse(nals, track.parameters)
        if parameters is not track.parameters:
            track = replace(track, parameters=parameters)
        utc_ns = UTC + packet.pts * NS // 90_000
        size = sum(map(len, nals))
        units.append(
            AccessUnit(track, packet.pts, packet.dts, utc_ns, TimeSource.RTCP, 0, nals, packet.is_keyframe, size)
        )
    return tuple(units)


class Stage(Workshop[Transcode]):
    """A camera's Hub and what is made of its pictures."""

    def __init__(self, settings: VideoSettings, budget: Budget) -> None:
        super().__init__(
            lambda hub, clock: Transcode(hub, clock, settings, work="test", budget=budget, ask_camera=self.ask)
        )
        self.asked = 0

    def ask(self) -> None:
        self.asked += 1

    def publish(self, *units: AccessUnit, pts: int = 0) -> None:
        for unit in units:
            moved = replace(
                unit, pts=unit.pts + pts, utc_ns=unit.utc_ns + pts * NS // 90_000, received_ns=self.clock.utc_ns()
            )
            self.hub.publish(moved)


@contextlib.asynccontextmanager
async def stage(settings: VideoSettings = SETTINGS) -> AsyncIterator[Stage]:
    budget = Budget(1)
    made = Stage(settings, budget)
    async with working(made):
        assert budget.running == 1
        yield made
    assert made.maker.pid is None
    assert budget.running == 0


def undecodable() -> float:
    labels = {"camera": "cam", "what": "picture that cannot be decoded"}
    return REGISTRY.get_sample_value("sightline_bad_input_total", labels) or 0


def decoded(units: list[AccessUnit]) -> list[av.VideoFrame]:
    decoder = av.CodecContext.create(DECODERS[units[0].track.codec], "r")
    frames: list[av.VideoFrame] = []
    for unit in units:
        packet = av.Packet(annex_b(unit))
        packet.pts = unit.pts
        frames += decoder.decode(packet)
    return frames + decoder.decode(None)


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
async def test_pictures_in_any_order_come_out_in_the_order_of_showing_with_their_own_times(codec: Codec) -> None:
    units = filmed(codec)
    assert units[0].track.parameters.reorder_depth >= 2
    async with stage() as s:
        s.publish(*units)
        await s.until(lambda: len(s.units) >= 50)
    pictures = s.units
    assert [unit.pts for unit in pictures] == [index * 3000 for index in range(len(pictures))]
    assert all(unit.utc_ns == UTC + unit.pts * NS // 90_000 for unit in pictures)
    assert {unit.time_source for unit in pictures} == {TimeSource.RTCP}
    track = pictures[0].track
    assert (track.codec, track.parameters.width, track.parameters.height) == (Codec.H264, 320, 240)
    assert (track.parameters.sps[1], track.parameters.sps[2] & 0x40) == (66, 0x40), "constrained baseline"
    assert pictures[0].is_keyframe
    frames = decoded(pictures)
    assert [frame.pts for frame in frames] == [unit.pts for unit in pictures]
    for index, frame in enumerate(frames):
        assert abs(frame.to_ndarray(format="gray").mean() - (40 + 2 * index - 16) * 255 / 219) < 8


async def test_for_players_of_h265_a_smaller_picture_is_made_in_h265() -> None:
    async with stage(replace(SETTINGS, max_width=160, kbps=400, max_fps=15, codec="hevc")) as s:
        s.publish(*filmed(Codec.H265))
        await s.until(lambda: len(s.units) >= 20)
        s.maker.request_keyframe()
        s.publish(*filmed(Codec.H265), pts=2 * 90_000)
        await s.until(lambda: len(s.units) >= 50)
    assert [unit.pts for unit in s.units] == [index * 6000 for index in range(len(s.units))], "each at once, in order"
    track = s.units[0].track
    assert (track.codec, track.parameters.width, track.parameters.height) == (Codec.H265, 160, 120)
    assert track.parameters.reorder_depth == 0
    assert h265.parse_sps(track.parameters.sps).profile_idc == 1
    assert s.units[0].is_keyframe
    assert any(unit.is_keyframe for unit in s.units[20:40]), "one was asked for"
    frames = decoded(s.units)
    assert [(frame.pts, frame.width) for frame in frames] == [(unit.pts, 160) for unit in s.units]


async def test_what_cannot_be_decoded_is_given_up_with_a_reason() -> None:
    budget = Budget(1)
    shop = Stage(SETTINGS, budget)
    good = filmed()[0]
    shop.hub.open((good.track,))
    async with working(shop) as task:
        before = undecodable()
        garbage = replace(good, nals=(b"\x65garbage",))
        shop.publish(*(replace(garbage, pts=index * 3000, is_keyframe=not index) for index in range(VAIN_PICTURES)))
        await shop.holds(lambda: undecodable() >= before + VAIN_PICTURES)
        assert not task.done(), "it may be an accident"
        shop.clock.advance(VAIN_SECONDS)
        shop.publish(replace(garbage, pts=VAIN_PICTURES * 3000, is_keyframe=False))
        with pytest.raises(CameraError, match=r"cam sends H264 that cannot be decoded: set its encoder to H\.264"):
            await asyncio.wait_for(task, 20)
    assert budget.running == 0


async def test_a_stream_that_ends_each_worker_is_given_up() -> None:
    shop = Stage(SETTINGS, Budget(1))
    shop.hub.open((filmed()[0].track,))
    async with working(shop) as task:
        for death in range(VAIN_DEATHS):
            await shop.holds(lambda: shop.maker.pid is not None and shop.hub.readers)
            os.kill(shop.maker.pid, signal.SIGSTOP)
            shop.publish(filmed()[0], pts=death * 3000)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            await shop.kill()
            shop.clock.advance(1)
        with pytest.raises(CameraError, match="cannot be decoded"):
            await asyncio.wait_for(task, 20)


async def test_a_place_is_given_back_by_one_that_never_ran() -> None:
    budget, hub = Budget(1), Hub("cam")

    def make() -> Transcode:
        return Transcode(hub, ManualClock(), SETTINGS, work="test", budget=budget, ask_camera=lambda: None)

    first = make()
    with pytest.raises(BusyError, match=r'makes 1 transcodes already.*"webrtc\.max_transcodes"') as refused:
        make()
    assert refused.value.retry_after == 10
    first.close()
    first.close()
    assert budget.running == 0
    make().close()


async def test_wide_pictures_are_made_smaller_and_no_more_come_than_are_wanted() -> None:
    async with stage(VideoSettings(max_width=160, kbps=400, max_fps=15)) as s:
        s.publish(*filmed())
        await s.until(lambda: len(s.units) >= 25)
    parameters = s.units[0].track.parameters
    assert (parameters.width, parameters.height) == (160, 120)
    assert [unit.pts for unit in s.units] == [index * 6000 for index in range(len(s.units))]


async def test_a_keyframe_comes_every_two_seconds_and_when_one_is_asked_for() -> None:
    async with stage() as s:
        for second in range(0, 8, 2):
            s.publish(*filmed(), pts=second * 90_000)
            due = 30 * second + 50
            await s.until(lambda due=due: len(s.units) >= due)
        await s.until(lambda: len(s.units) >= 235)
        assert [unit.pts // 90_000 for unit in s.units if unit.is_keyframe] == [0, 2, 4, 6]
        s.maker.request_keyframe()
        s.publish(*filmed(), pts=8 * 90_000)
        await s.until(lambda: len(s.units) >= 240)
        assert any(unit.is_keyframe for unit in s.units[235:240]), "at once, not with the camera's next one"


async def test_a_camera_whose_picture_changes_size_or_codec_goes_on() -> None:
    async with stage() as s:
        s.publish(*filmed())
        await s.until(lambda: s.units)
        s.publish(*filmed(width=480, height=272), pts=2 * 90_000)
        s.publish(*filmed(Codec.H265), pts=4 * 90_000)
        await s.until(lambda: len(s.units) >= 170)
    sizes = [(unit.track.parameters.width, unit.pts // 180_000) for unit in s.units]
    assert set(sizes) == {(320, 0), (480, 1), (320, 2)}
    assert len({id(unit.track) for unit in s.units}) == 3
    assert [frame.width for frame in decoded(s.units)] == [width for width, _ in sizes]


async def test_a_worker_that_dies_is_replaced_and_the_picture_comes_back() -> None:
    async with stage() as s:
        s.publish(*filmed())
        await s.until(lambda: len(s.units) >= 20)
        await s.kill()
        seen = len(s.units)
        s.publish(*filmed(), pts=2 * 90_000)
        await s.until(lambda: s.units[-1].pts >= 3 * 90_000)
        assert any(unit.is_keyframe for unit in s.units[seen:])
        assert s.maker.deaths == 1


async def test_what_is_late_is_not_shown_but_the_newest_picture_is() -> None:
    async with stage() as s:
        s.publish(*filmed(frames=60))
        s.clock.advance(3)
        await s.until(lambda: s.units)
        s.publish(*filmed(), pts=2 * 90_000)
        await s.until(lambda: len(s.units) >= 40)
    late = [unit for unit in s.units if unit.pts < 2 * 90_000]
    assert 1 <= len(late) <= 6, "the last one that was there, and what the decoder held back"
    assert late[0].is_keyframe
    assert len(decoded(s.units)) == len(s.units)


async def test_a_camera_that_begins_anew_is_told_of_in_order() -> None:
    gap = Gap(UTC, None, GapReason.DISCONNECTED)
    async with stage() as s:
        s.publish(*filmed())
        await s.until(lambda: s.units)
        s.hub.publish(gap)
        s.publish(*filmed(), pts=-90_000)
        await s.until(lambda: len(s.units) >= 110)
    at = s.items.index(gap)
    assert at == 60, "what the decoder held back comes before the gap"
    assert s.units[at].is_keyframe
    assert s.units[at].pts == -90_000


async def test_lost_packets_have_the_camera_asked_once_a_second_and_garbage_is_counted() -> None:
    before = undecodable()
    async with stage() as s:
        s.publish(*filmed()[:20])
        await s.until(lambda: len(s.units) >= 17)  # the decoder holds the others back
        assert s.asked == 1, "at the start"
        s.clock.advance(1)
        for _ in range(3):
            s.hub.publish(Gap(UTC, UTC, GapReason.LOSS, 0, 3))
            s.hub.publish(Gap(UTC, UTC, GapReason.LOSS, 5, 3))
        garbage = replace(filmed()[0], nals=(b"\x65garbage",), pts=20 * 3000, is_keyframe=False)
        s.publish(garbage, *filmed(), pts=21 * 3000)
        await s.until(lambda: len(s.units) >= 60)
        assert s.asked == 2
    assert undecodable() == before + 1


async def test_of_what_is_late_nothing_before_the_newest_keyframe_is_decoded() -> None:
    async with stage() as s:
        s.publish(*filmed())
        await s.until(lambda: s.units)
        os.kill(s.maker.pid, signal.SIGSTOP)
        s.publish(*filmed(), pts=2 * 90_000)
        s.publish(*filmed(), pts=4 * 90_000)
        s.clock.advance(0.5)
        s.publish(*filmed(), pts=6 * 90_000)
        os.kill(s.maker.pid, signal.SIGCONT)
        await s.until(lambda: s.units[-1].pts >= 7 * 90_000)
    skipped = [unit.pts / 90_000 for unit in s.units if 2.2 < unit.pts / 90_000 < 6]
    assert not skipped
    assert 6 * 90_000 in [unit.pts for unit in s.units]
    assert len(decoded(s.units)) == len(s.units)


async def test_a_worker_that_hangs_is_replaced() -> None:
    async with stage() as s:
        s.publish(*filmed())
        await s.until(lambda: len(s.units) >= 50)
        stuck = s.maker.pid
        os.kill(stuck, signal.SIGSTOP)
        s.publish(*filmed(), pts=2 * 90_000)
        async with asyncio.timeout(10):
            while not s.maker.deaths:
                await asyncio.sleep(0.01)
                s.clock.advance(1)
        s.publish(*filmed(), pts=4 * 90_000)
        await s.until(lambda: s.units[-1].pts >= 5 * 90_000)
        assert s.maker.pid != stuck
