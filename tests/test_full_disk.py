"""A disk that stalls for five seconds, one that is full for a minute: viewers lose nothing, what is lost is a gap."""

from __future__ import annotations

import asyncio
import itertools

from gateway.hub import Lag, Start
from gateway.media.model import AccessUnit, GapReason
from gateway.recording.recorder import LOOK_SECONDS
from tests.media_samples import VIDEO, stream
from tests.recording_rig import CAMERA, frames, rig


class Viewer:
    """Reads the Hub as soon as anything comes."""

    def __init__(self, hub) -> None:
        self.seen: list[AccessUnit] = []
        self.late = 0
        self._hub = hub
        self._subscription = hub.subscribe("viewer", start=Start.LIVE, lag=Lag.VIEWER)
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async for item in self._subscription:
            if isinstance(item, AccessUnit) and item.track is VIDEO:
                self.seen.append(item)
                self.late += self._subscription.position < self._hub.end

    async def end(self) -> None:
        self._subscription.close()
        await asyncio.gather(self._task, return_exceptions=True)


async def play(recording, units) -> None:
    """Publish `units` as their time comes, and look in between, whether or not the disk answers."""
    for unit in units:
        while recording.clock.utc_ns() + LOOK_SECONDS * 1e9 <= unit.received_ns:
            recording.clock.advance(LOOK_SECONDS)
            await asyncio.sleep(0)
        recording.hub.publish(unit)
        await asyncio.sleep(0)


async def test_a_stall_of_five_seconds_costs_nothing(tmp_path):
    units = stream(30)
    async with rig(tmp_path) as recording:
        viewer = Viewer(recording.hub)
        await asyncio.sleep(0)
        await recording.play(units[:320])
        recording.disk.may_write.clear()
        await play(recording, units[320:480])
        recording.disk.may_write.set()
        await recording.play(units[480:])
        await recording.close()
        await viewer.end()
        pictures = [unit for unit in units if unit.track is VIDEO]
        assert viewer.seen == pictures
        assert viewer.late == 0
        assert await recording.spans() == [(0, 30)]
        assert await recording.gaps() == []
        assert sum(len(frames(path)) for path in recording.disk.paths()) == len(pictures)


async def test_a_minute_without_room_is_a_gap_and_recording_goes_on(tmp_path):
    units = stream(120)
    async with rig(tmp_path) as recording:
        viewer = Viewer(recording.hub)
        await asyncio.sleep(0)
        await recording.play(units[:640])  # 20 s
        recording.disk.free = 0
        await recording.play(units[640:2560])  # 60 s
        recording.disk.free = None
        await recording.play(units[2560:])
        await recording.close()
        await viewer.end()
        assert viewer.seen == [unit for unit in units if unit.track is VIDEO]
        assert viewer.late == 0
        spans, gaps = await recording.spans(), await recording.gaps()
        assert {reason for _, _, reason in gaps} == {GapReason.DISK}
        # Together they are all of the time; the ring, and what was taken from it, kept most of the minute.
        assert [(end, start) for (_, end), (start, _) in itertools.pairwise(spans)] == [gap[:2] for gap in gaps]
        assert (spans[0][0], spans[-1][1]) == (0, 120)
        assert 0 < sum(end - start for start, end, _ in gaps) < 31
        details = [gap.detail for gap in await recording.catalog.gaps(CAMERA, None, None)]
        assert details[0] == "The disk is full."
