"""Who hears a camera, and with which timestamps."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from gateway.base.supervise import TaskOwner
from gateway.media.model import NS, AccessUnit, Codec, TimeSource, Track
from gateway.viewing.sound import Sound
from gateway.viewing.viewer import Viewer
from gateway.webrtc.fanout import FanOut
from tests.test_opus import beep
from tests.viewing_stage import SOUND, TRACK, Stage
from tests.webrtc_samples import UTC, picture


def samples(at: int, data: bytes, track: Track = SOUND) -> AccessUnit:
    return AccessUnit(track, at, at, UTC + at * NS // 8000, TimeSource.RTCP, UTC, (data,), True, len(data))


class Hall(Stage):
    """A Stage with sound."""

    def __init__(self) -> None:
        super().__init__()
        self.tasks = TaskOwner("hall")
        self.sound = Sound(self.hub, FanOut(self.port, self.clock), self.clock, self.tasks)

    def join(self, name: str, audio: Codec | None = None) -> Viewer:
        viewer = super().join(name, audio)
        self.sound.add(viewer)
        return viewer


@pytest.fixture
async def hall():
    hall = Hall()
    await hall.run()
    await hall.publish(picture(0, key=True, track=TRACK))
    yield hall
    hall.task.cancel()
    await asyncio.gather(hall.task, return_exceptions=True)
    await hall.tasks.close()
    assert hall.hub.readers == ()


async def test_sound_goes_to_those_who_are_live_and_can_play_it(hall: Hall) -> None:
    hall.join("deaf")
    assert not hall.tasks.running, "who hears nothing costs nothing"
    hears = hall.join("hears", Codec.PCMU)
    hall.join("other law", Codec.PCMA)
    await hall.publish(samples(0, b"too early"))
    assert hall.packets("hears", payload_type=0) == []
    await hall.pass_time(0.01)
    data = bytes(range(256)) * 5
    await hall.publish(samples(800, data))
    packets = hall.packets("hears", payload_type=0)
    assert b"".join(packet.payload for packet in packets) == data
    assert (packets[1].timestamp - packets[0].timestamp) % 2**32 == len(packets[0].payload)
    assert not any(packet.marker for packet in packets)
    assert hall.packets("deaf", payload_type=0) == hall.packets("other law", payload_type=0) == []
    hall.sound.remove(hears)
    hall.sound.remove(hears)
    await hall.publish(samples(3000, data))
    assert len(hall.packets("hears", payload_type=0)) == len(packets)


async def test_aac_is_heard_as_opus_only_while_somebody_listens(hall: Hall) -> None:
    viewer = hall.join("hears", Codec.OPUS)
    await hall.pass_time(0.01)
    async with asyncio.timeout(20):
        while "opus" not in hall.hub.readers:
            await asyncio.sleep(0.01)
    units = beep()
    for unit in units:
        hall.hub.publish(unit)
    async with asyncio.timeout(20):
        while len(hall.packets("hears", payload_type=0)) < 80:
            await asyncio.sleep(0.01)
    packets = hall.packets("hears", payload_type=0)
    steps = {(b.timestamp - a.timestamp) % 2**32 for a, b in itertools.pairwise(packets)}
    assert steps == {960}, "20 ms of 48 kHz"
    hall.sound.remove(viewer)
    async with asyncio.timeout(20):
        while hall.tasks.running:
            await asyncio.sleep(0.01)
    assert "opus" not in hall.hub.readers
