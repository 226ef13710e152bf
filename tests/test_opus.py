"""A camera's AAC made into Opus, in step with its picture, in a process that may die."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

import av
import numpy as np

from gateway.base.metrics import REGISTRY
from gateway.media.model import (
    NS,
    AccessUnit,
    AudioParameters,
    Codec,
    Gap,
    GapReason,
    Item,
    TimeSource,
    Track,
    TrackKind,
)
from gateway.viewing.opus import Opus
from tests.data import shared
from tests.media_samples import clip
from tests.workshop import Workshop, working

UTC = 1_700_000_000 * NS
BEEP = 1.25
"""Seconds until the only sound there is."""


@lru_cache
def beep(rate: int = 44_100, channels: int = 1, seconds: float = 2.0) -> tuple[AccessUnit, ...]:
    """AAC of silence with a beep of 100 ms, timed as a camera times it: a frame's ticks are those of its first sample.

    The encoder's own delay is taken off, which is where its packets' negative first timestamp comes from.
    """
    encoder = av.CodecContext.create("aac", "w")
    encoder.sample_rate, encoder.format = rate, "fltp"
    encoder.layout = "mono" if channels == 1 else "stereo"
    encoder.time_base = Fraction(1, rate)
    at = np.arange(round(rate * seconds)) / rate
    sound = np.where((at >= BEEP) & (at < BEEP + 0.1), 0.5 * np.sin(2 * np.pi * 1000 * at), 0).astype(np.float32)
    packets = []
    for start in range(0, len(sound) - 1023, 1024):
        samples = np.tile(sound[start : start + 1024], (channels, 1))
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=encoder.layout.name)
        frame.sample_rate, frame.pts = rate, start
        packets += encoder.encode(frame)
    parameters = AudioParameters(rate, channels, bytes(encoder.extradata))
    track = Track(1, TrackKind.AUDIO, Codec.AAC, rate, parameters)
    units = []
    for packet in packets:
        utc_ns, data = UTC + packet.pts * NS // rate, bytes(packet)
        units.append(AccessUnit(track, packet.pts, packet.pts, utc_ns, TimeSource.RTCP, UTC, (data,), size=len(data)))
    return tuple(units)


class Stage(Workshop[Opus]):
    """A camera's Hub and what is made of its sound."""

    def __init__(self) -> None:
        super().__init__(Opus)

    async def publish(self, *items: Item) -> None:
        """Once the worker reads."""
        await self.holds(lambda: self.hub.readers)
        for item in items:
            self.hub.publish(item)


@contextlib.asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    made = Stage()
    async with working(made):
        yield made


def heard(packets: list[AccessUnit]) -> np.ndarray:
    """The samples, 48 000 a second."""
    decoder = av.CodecContext.create("libopus", "r")
    decoder.sample_rate, decoder.layout = 48_000, "mono"
    frames = [frame for unit in packets for frame in decoder.decode(av.Packet(unit.nals[0]))]
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]).astype(np.float64)


async def test_the_sound_is_heard_when_it_was_made() -> None:
    for rate, channels in ((44_100, 1), (48_000, 2), (16_000, 1)):
        async with stage() as s:
            await s.publish(*beep(rate, channels))
            await s.until(lambda s=s: len(s.units) >= 80)
        packets = s.units
        assert packets[0].track == Track(1, TrackKind.AUDIO, Codec.OPUS, 48_000, AudioParameters(48_000, 1))
        assert {b.pts - a.pts for a, b in pairwise(packets)} == {960}
        for unit in packets:
            assert abs(unit.utc_ns - UTC - unit.pts * NS // 48_000) < NS // 1000
            assert unit.time_source is TimeSource.RTCP
        samples = heard(packets)
        loud = np.flatnonzero(np.abs(samples) > 0.25 * np.abs(samples).max())[0]
        assert abs((packets[0].utc_ns - UTC) / NS + loud / 48_000 - BEEP) < 0.012


async def test_a_real_recording_decodes() -> None:
    units = [unit for unit in clip(shared("video/gopro-max-walk.mp4")) if unit.track.kind is TrackKind.AUDIO]
    async with stage() as s:
        await s.publish(*units)
        await s.until(lambda: len(s.units) >= 450)
    samples = heard(s.units)
    assert len(samples) == 960 * len(s.units)
    assert np.abs(samples).max() > 0.01 * (32768 if np.abs(samples).max() > 2 else 1)
    assert max(unit.size for unit in s.units) < 400


async def test_holes_and_new_beginnings_move_the_time_and_garbage_is_counted() -> None:
    gap = Gap(UTC, None, GapReason.DISCONNECTED)
    first = beep()
    later = [replace(unit, pts=unit.pts + 441_000, utc_ns=unit.utc_ns + 10 * NS) for unit in first]
    garbage = replace(first[0], nals=(b"\xff" * 40,), pts=later[-1].pts + 1024)
    async with stage() as s:
        await s.publish(*first)
        await s.until(lambda: len(s.units) >= 80)
        await s.publish(*later, garbage)
        await s.until(lambda: len(s.units) >= 170)
        await s.publish(gap, *first)
        await s.until(lambda: len(s.units) >= 250)
    leap = next(b for a, b in pairwise(s.units) if b.pts - a.pts != 960)
    assert abs(leap.utc_ns - UTC - 10 * NS) < NS // 20
    at = s.items.index(gap)
    assert abs(s.items[at + 1].pts) < 4800
    labels = {"camera": "cam", "what": "sound that cannot be decoded"}
    assert REGISTRY.get_sample_value("sightline_bad_input_total", labels) == 1


async def test_a_worker_that_dies_is_replaced() -> None:
    async with stage() as s:
        await s.publish(*beep())
        await s.until(lambda: len(s.units) >= 50)
        await s.kill()
        seen = len(s.units)
        await s.publish(*beep())
        await s.until(lambda: len(s.units) >= seen + 50)
        assert s.maker.deaths == 1


async def test_sound_that_waited_long_is_left_out() -> None:
    units = beep()
    async with stage() as s:
        await s.publish(*units[:20])
        await s.until(lambda: len(s.units) >= 20)
        s.clock.advance(1)
        await s.publish(*units[20:60], *(replace(unit, received_ns=s.clock.utc_ns()) for unit in units[60:]))
        await s.until(lambda: len(s.units) >= 40)
    (at,) = [n for n, (a, b) in enumerate(pairwise(s.units), 1) if b.pts - a.pts != 960]
    assert s.units[at].utc_ns - UTC >= units[60].utc_ns - UTC - NS // 100
