"""A whole gateway with a minute and a half of recordings that NVRs may see, for tests in and out of the process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.base.settings import CameraSettings
from gateway.media.model import GapReason
from tests.media_samples import PCMU, VIDEO, stream
from tests.recording_rig import CAMERA, gap, rig
from tests.running import Running, running
from tests.test_playback import g711, tone

IDLE = CameraSettings(id=CAMERA, name="Unit 12", url="rtsp://127.0.0.1:1/s", connect="on_demand", record=False)
OTHER = CameraSettings(id="unit-7", url="rtsp://127.0.0.1:1/s", connect="on_demand", record=False)
RATE = 10
"""Pictures a second; a keyframe each second."""


@asynccontextmanager
async def archive(folder: Path, pictures: Any = None, **sections: Any) -> AsyncIterator[Running]:
    """Thirty seconds with sound and metadata, nothing for half a minute, and ten more, from T0 on; two cameras."""
    first = [*(pictures or stream(30, rate=RATE, gop=RATE)), *g711(tone(30), received=0.3)]
    video = next(unit.track for unit in first if unit.track.kind is VIDEO.kind)
    async with rig(folder) as recording:
        tracks = dict.fromkeys(unit.track for unit in first)
        recording.hub.open((video, *(track for track in tracks if track is not video)))
        await recording.play(sorted(first, key=lambda u: u.received_ns))
        if pictures is None:
            recording.hub.publish(gap(30, GapReason.DISCONNECTED))
            later = [*stream(10, start=60, rate=RATE, gop=RATE), *g711(tone(10), 60, received=0.3)]
            await recording.play(sorted(later, key=lambda u: u.received_ns))
        await recording.close()
    async with running(folder, IDLE, OTHER, **sections) as gateway:
        yield gateway


__all__ = ["CAMERA", "IDLE", "OTHER", "PCMU", "RATE", "archive"]
