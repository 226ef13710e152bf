"""A unit calls for help: an alert, a bookmark on its timeline, and its recording set off where it records on an event.

Here belong the ways in which a call comes: somebody presses a button (the page's, a phone's), or the camera tells an
event that the settings take for one. Which events those are, `onvif_protocol.alarms` finds out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from gateway.access.authority import Authority
from gateway.base.clock import Clock
from gateway.base.errors import BadRequestError, ConflictError, SightlineError
from gateway.base.supervise import TaskOwner
from gateway.incidents.alert import Alert, Kind
from gateway.incidents.alerts import Alerts
from gateway.incidents.where import where
from gateway.ingest.fleet import Camera, Fleet
from gateway.recording.bookmarks import Bookmarks

log = logging.getLogger(__name__)

MAX_TEXT = 200
"""Characters of what a caller says."""
BOOKMARK = "SOS"
BY = "sos"
"""Who set the bookmark and asked for the recording, when the camera called by itself."""


class Sos:
    """Takes the calls of all units."""

    def __init__(
        self,
        alerts: Alerts,
        fleet: Fleet,
        bookmarks: Bookmarks,
        authority: Authority,
        clock: Clock,
        record: Callable[[str, str], None],
    ) -> None:
        """`record` has a camera (by id) recorded that records on an event, on behalf of somebody (by name)."""
        self._alerts = alerts
        self._fleet = fleet
        self._bookmarks = bookmarks
        self._authority = authority
        self._clock = clock
        self._record = record
        self._tasks = TaskOwner("sos")

    async def call(self, camera_id: str, *, by: str, address: str, text: str = "") -> tuple[Alert, bool]:
        """Somebody calls for the help of a unit, or its wearer by another device. On disk and told when this returns.

        Returns the alert, and whether it is a new one: while one is open a call is counted there.

        Raises:
            NotFoundError: there is no such camera.
            BadRequestError: the text is too long, or has what cannot be shown.
            ConflictError: the settings have such alerts off.
            StorageError: it could not be written yet; the gateway tries again by itself.
        """
        camera, text = self._fleet.camera(camera_id), " ".join(text.split())
        if len(text) > MAX_TEXT or not text.isprintable():
            raise BadRequestError(f"say it in at most {MAX_TEXT} printable characters", pointer="/text")
        now_ns = self._clock.utc_ns()
        known = {alert.id for alert in self._alerts.open()}
        alert = await self._alerts.raise_(
            Kind.SOS,
            camera.id,
            utc_ns=now_ns,
            text=text or "SOS",
            detail=where(camera, self._authority, now_ns) | {"through": "call"},
            by=by,
            address=address,
        )
        if alert is None:
            raise ConflictError('alerts of this kind are off: see "sos" in the section [alerts] of the settings')
        new = alert.id not in known
        if new:
            self._follow(camera, alert, by, address)
        return alert, new

    # ---- inside

    def _follow(self, camera: Camera, alert: Alert, by: str, address: str) -> None:
        """Do what a new call sets off. None of it holds up the alert, or undoes it when it fails."""
        try:
            self._record(camera.id, by)
        except ConflictError as error:
            log.debug("no recording set off: %s", error)  # always recorded, or never
        self._tasks.start(self._mark(alert, by, address), name=f"bookmark {camera.id}")

    async def _mark(self, alert: Alert, by: str, address: str) -> None:
        assert alert.camera is not None
        try:
            await self._bookmarks.add(alert.camera, alert.utc_ns, BOOKMARK, by=by, address=address)
        except SightlineError as error:
            log.error("no bookmark for the SOS of %s: %s", alert.camera, error)

    async def close(self) -> None:
        """Wait for what is under way."""
        await self._tasks.join()
