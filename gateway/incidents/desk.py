"""What a control room works with, built in one place: alerts, whoever raises or tells of them, and incidents.

`gateway.departments.casework` hands over what belongs to other packages; what is made here knows each other by plain
calls.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from gateway.access.audit import Audit
from gateway.access.authority import Authority
from gateway.access.privacy import PrivacyModes
from gateway.access.tally import Tally
from gateway.base.alert_settings import Alerts as AlertSettings
from gateway.base.clock import Clock
from gateway.base.duration import parse_duration
from gateway.base.errors import StorageError
from gateway.base.settings import Settings
from gateway.incidents.alerts import Alerts
from gateway.incidents.geofence_watch import GeofenceWatch
from gateway.incidents.geofences import Geofences
from gateway.incidents.incidents import Incidents
from gateway.incidents.nearby import Nearby
from gateway.incidents.old_alerts import OldAlerts
from gateway.incidents.outbox import Outbox
from gateway.incidents.shares import Shares
from gateway.incidents.sos import Sos
from gateway.incidents.watch import RecordingState, Watch
from gateway.ingest.fleet import Fleet
from gateway.media.model import UtcNs
from gateway.positions.store import PositionStore
from gateway.recording.bookmarks import Bookmarks
from gateway.recording.holds import Holds
from gateway.store.engine import Database

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeskParts:
    """What the desk needs of the rest of the gateway."""

    database: Database
    audit: Audit
    tally: Tally
    authority: Authority
    clock: Clock
    fleet: Fleet
    bookmarks: Bookmarks
    holds: Holds
    positions: PositionStore
    believed_ns: Callable[[], UtcNs]
    """The UTC by which what is kept grows old."""
    privacy: PrivacyModes
    settings: Callable[[], AlertSettings]
    """Those that hold now."""
    page: Callable[[], str]
    """Where people reach the page; empty when the settings do not say."""
    recording: RecordingState
    record: Callable[[str, str], None]
    """Has a camera (by id) recorded that records on an event, on behalf of somebody; raises ConflictError when it is
    always recorded, or never."""


class Desk:
    """All of it. Make it before the fleet has cameras; `load` it, run its `work`, and `close` it last."""

    def __init__(self, parts: DeskParts) -> None:
        self.alerts = Alerts(parts.database, parts.audit, parts.clock, parts.settings, groups=parts.authority.groups)
        self.sos = Sos(self.alerts, parts.fleet, parts.bookmarks, parts.authority, parts.clock, parts.record)
        self.geofences = Geofences(parts.database, parts.audit, parts.clock)
        self.geofence_watch = GeofenceWatch(
            self.geofences, self.alerts, parts.fleet, parts.authority, parts.database, parts.clock
        )
        self.outbox = Outbox(
            parts.database,
            parts.clock,
            groups=parts.authority.groups,
            label=parts.fleet.label,
            page=parts.page,
        )
        self.alerts.outgoing.append(self.outbox.write)
        self.alerts.on_changed.append(self.outbox.alert_changed)
        self._settings = parts.settings
        self.watch = Watch(self.alerts, parts.fleet, parts.authority, parts.recording, parts.clock, parts.settings)

        self.old_alerts = OldAlerts(
            parts.database, parts.audit, parts.clock, lambda: parse_duration(parts.settings().keep), parts.believed_ns
        )
        self.incidents = Incidents(parts.database, parts.holds, parts.audit, parts.clock, parts.record)
        self.shares = Shares(parts.database, parts.audit, parts.tally, parts.clock)
        self.nearby = Nearby(parts.fleet, parts.positions, parts.privacy, parts.clock)

    async def load(self) -> None:
        """Know what the database has.

        Raises:
            StorageError: it refused.
        """
        await self.alerts.load()
        await self.geofences.load()
        await self.geofence_watch.load()
        (await self.outbox.prepare(self._settings()))()

    async def prepare(self, settings: Settings) -> Callable[[], None]:
        """For settings that change: make what they take; what is returned lets it take effect.

        Raises:
            SettingsError: something that they name cannot be read.
        """
        return await self.outbox.prepare(settings.alerts)

    @property
    def work(self) -> tuple[tuple[str, Callable[[], Coroutine[Any, Any, None]]], ...]:
        """What runs as long as the gateway does, with its name."""
        return (
            ("alerts", self.alerts.run),
            ("watch", self.watch.run),
            ("old alerts", self.old_alerts.run),
            ("geofences", self.geofence_watch.run),
            ("outbox", self.outbox.run),
        )

    async def close(self) -> None:
        """Write what waits. Call it when nothing else runs any more."""
        await self.sos.close()
        await self.outbox.close()
        await self.geofence_watch.flush()
        try:
            await self.alerts.flush()
        except StorageError as error:
            log.error("the last alerts were not written: %s", error)
