"""A unit calls for help: an alert, a bookmark on its timeline, and its recording set off where it records on an event.

Here belong the ways in which a call comes: somebody presses a button (the page's, a phone's), or the camera tells an
event that the settings take for one; `onvif_protocol.alarms` finds those. When a call is over, only people can tell: a
button that is let go says nothing, so that such an alert has no end but the word it is resolved with.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable

from gateway.access.authority import Authority
from gateway.base.clock import Clock
from gateway.base.errors import BadRequestError, ConflictError, SightlineError
from gateway.base.supervise import TaskOwner
from gateway.incidents.alert import Alert, Kind, subject_of
from gateway.incidents.alerts import Alerts
from gateway.incidents.where import where
from gateway.ingest.fleet import Camera, Fleet
from gateway.media.model import NS, UtcNs
from gateway.recording.bookmarks import Bookmarks
from onvif_protocol.alarms import Alarm

log = logging.getLogger(__name__)

MAX_TEXT = 200
"""Characters of what a caller says."""
MAX_BUTTONS = 32
"""Of one camera, of which is remembered that they are pressed."""
LATE_NS = 60 * NS
"""A call that says it was longer ago, or is to come, is dated by a clock that is wrong."""
BOOKMARK = "SOS"
UNASKED = "an SOS"
"""Who sets the bookmark and asks for the recording when the camera called by itself."""


class Sos:
    """Takes the calls of all units. Make it before the fleet has cameras."""

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
        self._pressed: defaultdict[str, set[str]] = defaultdict(set)
        """Of each camera, the sources of calls that it has told to be active."""
        self._tasks = TaskOwner("sos")
        fleet.on_alarm.append(self._heard)
        fleet.on_removed.append(self._removed)

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
        new = self._raise(camera, self._clock.utc_ns(), text or "SOS", {"through": "call"}, by, address)
        alert = await self._alerts.written(subject_of(Kind.SOS, camera.id))
        if alert is None:
            raise ConflictError('alerts of this kind are off: see "sos" in the section [alerts] of the settings')
        return alert, new

    def is_open(self, camera_id: str) -> bool:
        """Whether a unit has called for help, and nobody has resolved that."""
        return self._alerts.is_open(subject_of(Kind.SOS, camera_id))

    async def close(self) -> None:
        """Wait for what is under way."""
        await self._tasks.join()

    # ---- inside

    def _heard(self, camera: Camera, alarm: Alarm, utc_ns: UtcNs) -> None:
        """What a camera says itself. Called for each event of this kind, maybe a thousand times a second."""
        if not alarm.emergency or self._fleet.cameras.get(camera.id) is not camera:
            return  # of one that was removed the last words may still come
        pressed = self._pressed[camera.id]
        if alarm.active is False:
            pressed.discard(alarm.key)
            return
        if alarm.key in pressed and not alarm.news:
            return  # still, as it says after each connection
        if alarm.active and len(pressed) < MAX_BUTTONS:
            pressed.add(alarm.key)
        now_ns = self._clock.utc_ns()
        at_ns = utc_ns if abs(now_ns - utc_ns) <= LATE_NS else now_ns
        detail = {"through": "camera", "event": alarm.topic}
        self._raise(camera, at_ns, f"SOS: the camera reported {alarm.what}.", detail, None, "")

    def _removed(self, camera: Camera) -> None:
        self._pressed.pop(camera.id, None)

    def _raise(
        self, camera: Camera, utc_ns: UtcNs, text: str, detail: dict[str, str], by: str | None, address: str
    ) -> bool:
        """Raise the alert, and set off what follows from a new one. Whether it is new."""
        known = self._alerts.goes_on(subject_of(Kind.SOS, camera.id))
        place = {} if known else where(camera, self._authority, utc_ns)
        new = self._alerts.raise_soon(
            Kind.SOS, camera.id, utc_ns=utc_ns, text=text, detail=place | detail, by=by, address=address
        )
        if new:
            try:
                self._record(camera.id, by or UNASKED)
            except ConflictError as error:
                log.debug("the SOS of %s sets off no recording: %s", camera.id, error)
            self._tasks.start(self._mark(camera.id, utc_ns, by or UNASKED, address), name=f"bookmark {camera.id}")
        return new

    async def _mark(self, camera: str, utc_ns: UtcNs, by: str, address: str) -> None:
        """Set the bookmark, once the alert itself is on disk."""
        try:
            await self._alerts.written(subject_of(Kind.SOS, camera))
            await self._bookmarks.add(camera, utc_ns, BOOKMARK, by=by, address=address)
        except SightlineError as error:
            log.error("no bookmark for the SOS of %s: %s", camera, error)
