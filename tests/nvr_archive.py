"""A whole gateway with a minute and a half of recordings that NVRs may see, for tests in and out of the process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.base.settings import CameraSettings
from gateway.media.model import AccessUnit, GapReason
from tests.media_samples import stream
from tests.recording_rig import CAMERA, gap, rig
from tests.running import Running, running
from tests.test_playback import g711, tone

IDLE = CameraSettings(id=CAMERA, name="Unit 12", url="rtsp://127.0.0.1:1/s", connect="on_demand", record=False)
OTHER = CameraSettings(id="unit-7", url="rtsp://127.0.0.1:1/s", connect="on_demand", record=False)
RATE = 10
"""Pictures a second; a keyframe each second."""


@asynccontextmanager
async def archive(folder: Path, units: Sequence[AccessUnit] = (), **sections: Any) -> AsyncIterator[Running]:
    """Thirty seconds with sound and metadata, nothing for half a minute, and ten more, from T0 on; or other `units`.
    There are two cameras.
    """
    async with rig(folder) as recording:
        first = units or [*stream(30, rate=RATE, gop=RATE), *g711(tone(30), received=0.3)]
        recording.hub.open(tuple(dict.fromkeys(unit.track for unit in first)))
        await recording.play(sorted(first, key=lambda u: u.received_ns))
        if not units:
            recording.hub.publish(gap(30, GapReason.DISCONNECTED))
            later = [*stream(10, start=60, rate=RATE, gop=RATE), *g711(tone(10), 60, received=0.3)]
            await recording.play(sorted(later, key=lambda u: u.received_ns))
        await recording.close()
    async with running(folder, IDLE, OTHER, **sections) as gateway:
        yield gateway
