"""When a camera is transcoded, and when it is passed on again, under viewers that go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from gateway.base.errors import CameraError, Fault
from gateway.hub import Hub
from gateway.media.model import AccessUnit, Codec
from gateway.viewing.budget import BusyError
from gateway.viewing.original import CALM_SECONDS, CHECK_SECONDS, FIRST_HOLD, KEYFRAME_PATIENCE, Original
from gateway.viewing.playable import plays_for
from gateway.viewing.viewer import Viewer
from tests.viewing_stage import TRACK, Stage, ascends
from tests.webrtc_samples import picture

PYRAMID = (0, 3, 1, 2)
"""Pictures 1 and 2 of four are shown before one that came earlier, and others need them."""
SPARE = CHECK_SECONDS + 2.0
"""Seconds: a look, and the keyframe that is asked for then."""


class Made:
    """A Rendition of what the camera sends, in the order of showing: without the pictures that come late."""

    def __init__(self) -> None:
        self.hub = Hub("cam")
        self.hub.open((TRACK,))
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closed = 0
        self._newest = -1

    def take(self, unit: AccessUnit) -> None:
        if unit.pts > self._newest:
            self._newest = unit.pts
            self.hub.publish(unit)

    async def run(self) -> None:
        await self.ended

    def close(self) -> None:
        self.closed += 1
        self.hub.close()

    def request_keyframe(self) -> None:
        pass


class Camera(Stage):
    """A camera that sends B-pictures when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.broadcast.close()
        self.index = 0
        self.is_full = False
        self.every: list[Made] = []
        self.original: Original

    def make(self) -> Made:
        if self.is_full:
            raise BusyError("cam", 1)
        self.every.append(Made())
        return self.every[-1]

    async def start(self) -> None:
        self.original = Original(
            self.hub,
            self.fanout,
            self.clock,
            codec=Codec.H264,
            make_playable=self.make,
            on_anchor=lambda *anchor: self.anchors.append(anchor),
            on_keyframe=lambda: None,
            request_keyframe=self.ask,
        )
        self.task = asyncio.create_task(self.original.run())
        await self.settle()

    @property
    def is_made(self) -> bool:
        return self.original.made is not None

    def watch(self, name: str) -> Viewer:
        viewer = self.viewer(name)
        self.original.broadcast.add(viewer)
        return viewer

    async def film(self, seconds: float, *, reorders: bool = False, size: int = 3000) -> None:
        """30 pictures a second, a keyframe every two seconds and when one is asked for."""
        asked = self.asked
        for _ in range(round(seconds * 30 / 4)):
            for step in PYRAMID if reorders else range(4):
                key = not step and (self.index % 60 == 0 or self.asked > asked)
                asked = self.asked if key else asked
                await self.send(picture(self.index + step, key=key, track=TRACK, size=size))
            self.index += 4

    async def send(self, unit: AccessUnit) -> None:
        made = self.original.made
        self.hub.publish(replace(unit, received_ns=self.clock.utc_ns()))
        if isinstance(made, Made) and not made.hub.closed:
            made.take(replace(unit, is_keyframe=True, received_ns=self.clock.utc_ns()))
        await self.settle()
        self.clock.advance(1 / 30)


@pytest.fixture
async def camera() -> AsyncIterator[Camera]:
    camera = Camera()
    yield camera
    camera.original.close()
    if camera.task is not None:
        await asyncio.wait({camera.task})
    assert camera.hub.readers == ()
    assert all(made.closed for made in camera.every), "whoever makes something is let go"


async def test_a_camera_that_plays_again_is_passed_on_again(camera: Camera) -> None:
    await camera.start()
    viewer = camera.watch("v")
    await camera.film(2)
    assert not camera.is_made
    await camera.film(2, reorders=True)
    assert camera.is_made
    before = len(camera.pictures("v"))
    await camera.film(CALM_SECONDS - 1)
    assert camera.is_made, "it may be a pause"
    await camera.film(1 + SPARE)
    assert not camera.is_made
    assert camera.original.broadcast.viewers == (viewer,)
    assert camera.hub.readers == ("viewing",)
    await camera.film(1)
    shown = camera.pictures("v")
    assert shown[-1][0] == camera.index - 1, "up to the newest"
    assert ascends([timestamp for _, timestamp in shown[before:]])


async def test_each_relapse_makes_the_wait_longer(camera: Camera) -> None:
    await camera.start()
    camera.watch("v")
    await camera.film(2)
    for hold in (FIRST_HOLD, 2 * FIRST_HOLD):
        await camera.film(1, reorders=True)
        assert camera.is_made
        await camera.film(hold - 2)
        assert camera.is_made
        await camera.film(2 + SPARE)
        assert not camera.is_made
    assert len(camera.every) == 2


async def test_what_is_made_from_the_start_is_left_when_the_camera_plays(camera: Camera) -> None:
    camera.hub.open((replace(TRACK, codec=Codec.H265),))
    await camera.start()
    assert camera.is_made
    camera.hub.open((TRACK,))
    camera.watch("v")
    await camera.film(CALM_SECONDS + SPARE)
    assert not camera.is_made


async def test_a_camera_that_cannot_be_asked_is_passed_on_from_its_last_keyframe(camera: Camera) -> None:
    camera.can_ask = False
    await camera.start()
    camera.watch("v")
    await camera.film(2)
    await camera.film(1, reorders=True)
    await camera.film(CALM_SECONDS + CHECK_SECONDS + 0.5)
    assert not camera.is_made


async def test_a_camera_that_gives_no_keyframe_is_not_waited_for(camera: Camera) -> None:
    await camera.start()
    camera.watch("v")
    await camera.film(2)
    await camera.film(1, reorders=True)
    camera.index += 1  # so that none is a keyframe by its number
    camera.ask = lambda: True  # type: ignore[method-assign]
    camera.original._request_keyframe = camera.ask
    await camera.film(CALM_SECONDS + CHECK_SECONDS + KEYFRAME_PATIENCE + 1)
    assert not camera.is_made


async def test_viewers_are_sent_away_when_there_is_no_room_to_transcode(camera: Camera) -> None:
    await camera.start()
    camera.watch("v")
    await camera.film(2)
    camera.is_full = True
    await camera.film(2, reorders=True)
    assert camera.task is not None
    with pytest.raises(BusyError):
        await camera.task


async def test_what_cannot_be_made_ends_it_with_the_reason(camera: Camera) -> None:
    camera.hub.open((replace(TRACK, codec=Codec.H265),))
    await camera.start()
    camera.every[0].ended.set_exception(CameraError(Fault.BAD_STREAM, "cam sends nonsense."))
    assert camera.task is not None
    with pytest.raises(CameraError, match="nonsense"):
        await camera.task


def test_only_a_stream_that_was_seen_for_long_enough_plays() -> None:
    hub = Hub("cam")
    assert not plays_for(hub, 2, 0)
    hub.open((TRACK,))
    first = picture(0, key=True, track=TRACK).received_ns
    for index in range(90):
        hub.publish(picture(index, key=index == 0, track=TRACK))
        now = first + index * 1_000_000_000 // 30
        assert plays_for(hub, 2, now) == (index >= 30), index
    other = replace(TRACK, codec=Codec.H265)
    hub.publish(picture(90, track=other))
    assert not plays_for(hub, 2, first + 3_000_000_000)
