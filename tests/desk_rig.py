"""A desk over a fleet whose cameras do what a test says: nothing connects, time stands still until it is advanced."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.access.audit import Audit
from gateway.access.authority import Authority
from gateway.base.alert_settings import Alerts as AlertSettings
from gateway.base.clock import ManualClock
from gateway.base.errors import CameraError, ConflictError
from gateway.base.policy import Policy
from gateway.base.settings import CameraSettings
from gateway.incidents.alert import Alert
from gateway.incidents.alerts import Alerts
from gateway.incidents.sos import Sos
from gateway.ingest.fleet import Camera, Fleet
from gateway.ingest.registry import Configured, Origin
from gateway.recording.bookmarks import Bookmarks
from gateway.store.engine import open_catalog


class Idle:
    """A Source that waits: the test says how the camera is."""

    async def run_once(self) -> None:
        await asyncio.Event().wait()

    def fail(self, error: CameraError) -> None:
        pass

    def count(self) -> None:
        pass

    def request_keyframe(self) -> bool:
        return False


@dataclass
class Rig:
    """What alerts are raised from."""

    folder: Path
    clock: ManualClock = field(default_factory=ManualClock)
    settings: list[AlertSettings] = field(default_factory=lambda: [AlertSettings()])
    """What the file says: its last item."""
    told: list[Alert] = field(default_factory=list)
    recorded: list[tuple[str, str]] = field(default_factory=list)
    """Which cameras were to be recorded, and on whose behalf."""

    def __post_init__(self) -> None:
        self.fleet = Fleet(lambda _: Idle(), self.clock)
        self.authority = Authority(Policy())
        self.database = open_catalog(self.folder)
        self.audit = Audit(self.database, self.clock)
        self.bookmarks = Bookmarks(self.database, self.audit, self.clock)
        self.alerts = Alerts(self.database, self.audit, self.clock, lambda: self.settings[-1])
        self.alerts.on_changed.append(self.told.append)
        self.sos = Sos(self.alerts, self.fleet, self.bookmarks, self.authority, self.clock, self.record)

    def record(self, camera: str, by: str) -> None:
        if self.fleet.camera(camera).settings.record_on != "event":
            raise ConflictError(f"{camera} is always recorded")
        self.recorded.append((camera, by))

    def apply(self, *cameras: CameraSettings) -> None:
        self.fleet.apply(Configured(camera, Origin.DATABASE) for camera in cameras)
        self.authority.update(cameras={camera.id: camera.groups for camera in cameras})

    def camera(self, camera_id: str = "unit-1") -> Camera:
        return self.fleet.camera(camera_id)

    async def close(self) -> None:
        await self.fleet.stop_sources()
        await self.sos.close()
        self.database.close()


def unit(camera_id: str = "unit-1", **more: Any) -> CameraSettings:
    return CameraSettings.model_validate({"id": camera_id, "url": "rtsp://h/"} | more)
