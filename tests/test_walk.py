"""Walks through recordings: every picture once, in either direction, over holes, and on with what is being recorded."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.media.fmp4_samples import read_header
from gateway.media.model import NS, GapReason, TrackKind
from gateway.recording.footage import FootageFinder
from gateway.recording.units import read_units, recorded_tracks
from gateway.recording.walk import Walk
from tests.media_samples import T0, stream
from tests.recording_rig import CAMERA, gap, rig


def pictures(files, step):
    """When the pictures of a step were captured, in seconds after T0."""
    with files.reader(step.piece.path) as read_at:
        header = read_header(read_at, step.piece.size)
        units = read_units(read_at, header, step.start, step.end, recorded_tracks(header))
    video = [one.unit for one in units if one.unit.track.kind is TrackKind.VIDEO]
    return [round((unit.utc_ns - T0) / NS, 3) for unit in video]


def walk(recording, hidden=()):
    async def spans(from_ns, to_ns):
        return [(T0 + start * NS, T0 + end * NS) for start, end in hidden]

    finder = FootageFinder(recording.catalog, recording.disk, recording.threads)
    return Walk(CAMERA, recording.catalog, finder.find, spans)


async def forward(recording, start=0.0, end=1e6, **more):
    steps = walk(recording, **more).forward(T0 + round(start * NS), T0 + round(end * NS))
    return [step async for step in steps if step is not None]


async def recorded(recording, *parts):
    """Record pictures, ten a second with a keyframe each second, of these seconds: from and to."""
    for start, end in parts:
        if start:
            recording.hub.publish(gap(recording.clock.utc_ns() / NS - T0 / NS, GapReason.DISCONNECTED))
        await recording.play(stream(end - start, start=start, rate=10, gop=10))


async def test_it_goes_on_with_what_is_being_recorded(tmp_path: Path):
    async with rig(tmp_path) as recording:
        await recorded(recording, (0, 9.95))
        steps = walk(recording).forward(T0, None)
        seen = []
        async for step in steps:
            if step is None:
                break
            assert (step.ends, step.last) == (False, False)
            seen += pictures(recording.disk, step)
        assert seen == [n / 10 for n in range(len(seen))]
        before = len(seen)
        await recording.play(stream(70, start=10, rate=10, gop=10))  # into the next file
        async for step in steps:
            if step is None:
                break
            seen += pictures(recording.disk, step)
        assert len(seen) > before + 650
        assert seen == [n / 10 for n in range(len(seen))]
        await recording.close()
        last = [step async for step in _until_nothing(steps)]
        for step in last:
            seen += pictures(recording.disk, step)
        assert seen == [n / 10 for n in range(800)]
        assert (last[-1].ends, last[-1].last) == (True, True)


async def _until_nothing(steps):
    async for step in steps:
        if step is None:
            return
        yield step


async def test_what_is_missing_is_told_either_way(tmp_path: Path):
    async with rig(tmp_path) as recording:
        await recorded(recording, (0, 10), (700, 708))  # further apart than is asked for at once
        await recording.close()
        steps = await forward(recording)
        assert [pictures(recording.disk, step)[-1] for step in steps if step.ends] == [9.9, 707.9]
        assert [step.last for step in steps] == [False] * (len(steps) - 1) + [True]
        back = [step async for step in walk(recording).backward(T0 + 705 * NS, None)]
        assert [pictures(recording.disk, step)[0] for step in back if step.ends] == [700, 0]
        assert [step.last for step in back] == [False] * (len(back) - 1) + [True]
        assert {step.start for step in back} <= {step.start for step in steps}


async def test_what_is_hidden_is_passed_over(tmp_path: Path):
    async with rig(tmp_path) as recording:
        await recorded(recording, (0, 30))
        await recording.close()
        steps = await forward(recording, hidden=[(9, 10)])
        seen = [at for step in steps for at in pictures(recording.disk, step)]
        assert not [at for at in seen if 9 <= at < 10]
        assert seen[0] == 0
        assert seen[-1] == 29.9
        assert sum(step.ends for step in steps) == 2


async def test_nothing_is_recorded(tmp_path: Path):
    async with rig(tmp_path) as recording:
        await recording.close()
        assert await forward(recording) == []
        assert [step async for step in walk(recording).backward(T0, None)] == []


@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_every_picture_comes_once_whatever_was_recorded(data, tmp_path_factory):
    lengths = data.draw(st.lists(st.tuples(st.integers(1, 12), st.integers(3, 400)), min_size=1, max_size=4))
    parts, at = [], 0
    for length, pause in lengths:
        parts.append((at, at + length))
        at += length + pause
    start = data.draw(st.integers(0, at))

    async def check():
        async with rig(tmp_path_factory.mktemp("walk")) as recording:
            await recorded(recording, *parts)
            await recording.close()
            steps = await forward(recording)
            every = [at for step in steps for at in pictures(recording.disk, step)]
            assert every == [start + n / 10 for start, end in parts for n in range((end - start) * 10)]
            later = [at for step in await forward(recording, start) for at in pictures(recording.disk, step)]
            assert later == every[len(every) - len(later) :]
            assert all(at in later for at in every if at >= start)
            back = [step async for step in walk(recording).backward(T0 + start * NS, None)]
            earlier = [pictures(recording.disk, step) for step in back]
            known = [at for part in reversed(earlier) for at in part]
            assert known == every[: len(known)]
            assert all(at in known for at in every if at <= start)

    asyncio.run(check())
