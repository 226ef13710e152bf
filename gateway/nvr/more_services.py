"""The services of an ONVIF device that tell of events and recordings, made for each device.

What they say on the wire is `onvif_protocol`'s, what they tell of `happenings`' and `recordings`'.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.base.clock import Clock
from gateway.base.metrics import ONVIF_SUBSCRIPTIONS
from gateway.base.supervise import TaskOwner
from gateway.nvr.consumers import HttpConsumers
from gateway.nvr.happenings import Happenings
from gateway.nvr.recordings import Recordings
from gateway.rtsp.server import SESSION_SECONDS
from onvif_protocol.device import Service
from onvif_protocol.event_service import EventService
from onvif_protocol.recording_control import RecordingControl
from onvif_protocol.replay import ReplayService
from onvif_protocol.search import SearchService
from onvif_protocol.subscriptions import Fate


class MoreServices:
    """Makes them. Close it when the devices are closed."""

    def __init__(self, happenings: Happenings, recordings: Recordings, consumers: HttpConsumers, clock: Clock) -> None:
        self._happenings = happenings
        self._recordings = recordings
        self._consumers = consumers
        self._clock = clock
        self._tasks = TaskOwner("onvif events")

    def __call__(self, camera: str | None) -> Sequence[Service]:
        """Those of the device of one camera; None: of all."""
        model = self._recordings.of(camera)
        return [
            EventService(self._happenings.of(camera), self._consumers, self._clock, self._tasks, _count),
            SearchService(model, self._clock),
            RecordingControl(model),
            ReplayService(model, SESSION_SECONDS),
        ]

    async def close(self) -> None:
        """Push no more events."""
        await self._tasks.close()


def _count(fate: Fate) -> None:
    ONVIF_SUBSCRIPTIONS.labels(fate.value).inc()
