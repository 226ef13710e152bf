"""`WS /api/events`: camera status, fixes and stream anchors, as they happen.

A socket first gets the full state, then changes; of each camera what its user may see, and nothing of those that they
may not know of. When rights change it gets the full state again. Each has a bounded queue: one that does not read is
closed and gets the full state again when it comes back, so nobody waits for it and nothing is wrong on its page. Who
sends `{"type": "ping", "id": N}` is answered with a pong of that id and the gateway's time: how long the way takes. A
socket whose log-in no longer holds is closed with code 4401, one whose user lost the right to any log-in with 4403.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, TypeAlias

from aiohttp import web

from gateway.access.authority import Asks, Privacy
from gateway.access.rights import Right
from gateway.access.users import Principal
from gateway.base.rfc3339 import format_utc
from gateway.evidence.export import Export
from gateway.incidents.alert import Alert
from gateway.incidents.formats import told
from gateway.incidents.geofence import Geofence
from gateway.incidents.incident import Incident
from gateway.ingest.fleet import Camera
from gateway.media.model import Fix, UtcNs
from gateway.positions.formats import fix_text, quoted
from gateway.viewing.renditions import Quality, Trouble
from web.alerts import may_see as may_see_alert
from web.alerts import open_json, sees_places
from web.exports import export_json, may_see
from web.geofences import geofence_json
from web.geofences import may_see as may_see_geofence
from web.incident_views import incident_json, seen
from web.routes import Route
from web.services import Services, services
from web.sockets import NO_RIGHT, Audience, Reader, Together, follow
from web.storage import disk_json
from web.views import camera_json

PING_SECONDS = 10.0
PONG_SECONDS = 0.5
"""Between two answers to one socket's pings."""
SETTLE_SECONDS = 0.1
"""Changes of one camera within this time are told once."""
TOGETHER_SECONDS = 0.1
"""Fixes within this time go in one message to those who ask for that."""

_AT_BEST = (Quality.ORIGINAL, None)
"""What a viewer sees of whom nothing is told."""

Look: TypeAlias = tuple[frozenset[Right], Asks, Privacy | None]
"""What the look of a camera depends on beside the camera itself: rights, what the policy asks, privacy."""


class Listener(Reader):
    """One socket's queue, and what it was told of."""

    def __init__(self, who: Principal, *, together: bool) -> None:
        super().__init__(who)
        self.together = together
        """Whether it takes many fixes in one message."""
        self.seen: dict[str, Look] = {}
        """The cameras that it was told of, as they looked to it."""
        self.next_pong = 0.0
        """By the monotonic clock."""
        self.places: set[str] = set()
        """Those of them whose position it may know: asked for each fix and socket."""

    def saw(self, camera: str, look: Look) -> None:
        """It is told of this camera."""
        self.seen[camera] = look
        if Right.POSITION in look[0]:
            self.places.add(camera)


class Events(Audience[Listener]):
    """Tells every open socket what happens. All calls from the event loop's thread."""

    def __init__(self, parts: Services) -> None:
        super().__init__()
        self._parts = parts
        self._changed: dict[str, Camera] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._fixes = Together(TOGETHER_SECONDS, self._tell_fixes)
        parts.fleet.on_added.append(self.camera_changed)
        parts.fleet.on_changed.append(self.camera_changed)
        parts.fleet.on_removed.append(self.camera_removed)
        parts.fleet.on_fix.append(self.fix)
        parts.whep.on_anchor.append(self.anchor)
        parts.whep.on_quality.append(self.quality)
        parts.whep.on_viewers.append(self.camera_touched)
        parts.restream.on_viewers.append(self.camera_touched)
        parts.talks.on_changed.append(self.camera_touched)
        parts.keeping.on_changed.append(self.storage)
        parts.exports.on_changed.append(self.export)
        parts.exports.on_removed.append(self.export_removed)
        parts.desk.alerts.on_changed.append(self.alert)
        parts.desk.geofences.on_changed.append(self.geofence)
        parts.desk.geofences.on_removed.append(self.geofence_removed)
        parts.desk.incidents.on_changed.append(self.incident)
        parts.desk.incidents.on_removed.append(self.incident_removed)

    def open(self, who: Principal, *, together: bool) -> Listener:
        """A new socket's listener, the full state already in its queue. `together`: many fixes come as one message."""
        listener = Listener(who, together=together)
        parts = self._parts
        self._send_state(listener)
        for session in parts.whep.sessions:
            place = session.place
            if session.owner == who.key and place is not None and (place.quality, place.trouble) != _AT_BEST:
                listener.send(_quality(session.id, place.quality, place.trouble))
        self._readers.add(listener)
        return listener

    def close(self) -> None:
        """The gateway is stopping."""
        if self._timer is not None:
            self._timer.cancel()
        self._fixes.close()
        super().close()

    def rights_changed(self) -> None:
        """Tell those anew for whom it makes a difference."""
        for listener in self._readers:
            if not self._parts.authority.may(listener.who, Right.LOGGED_IN):
                listener.close(NO_RIGHT)
            elif self._seen_by(listener) != listener.seen:
                self._send_state(listener)

    @property
    def log_ins(self) -> set[bytes]:
        """The log-ins of the open sockets."""
        return {listener.who.key for listener in self._readers}

    # ---- what happens

    def camera_changed(self, camera: Camera) -> None:
        """Tell it once things have settled: a camera that connects changes several times in a moment."""
        self._changed[camera.id] = camera
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SETTLE_SECONDS, self._tell_changed)

    def camera_touched(self, camera_id: str) -> None:
        """What others do with a camera changed: its viewers, its recorder."""
        if (camera := self._parts.fleet.cameras.get(camera_id)) is not None:
            self.camera_changed(camera)

    def camera_removed(self, camera: Camera) -> None:
        """Tell that it is gone."""
        self._changed.pop(camera.id, None)
        for listener in list(self._readers):
            listener.places.discard(camera.id)
            if listener.seen.pop(camera.id, None) is not None:
                listener.send(_message("removed", id=camera.id))

    def fix(self, camera: Camera, fix: Fix) -> None:
        """Tell a position to who may know it."""
        if not self._readers:
            return
        told = f'"camera":{quoted(camera.id)},"fix":{fix_text(fix)}}}'
        self._fixes.add((camera.id, f"{{{told}"))
        message = f'{{"type":"fix",{told}'
        for listener in list(self._readers):
            if not listener.together and camera.id in listener.places:
                listener.send(message)

    def anchor(self, owner: bytes, session: str, rtp: int, utc_ns: UtcNs) -> None:
        """Tell a viewer which moment an RTP timestamp of its session is."""
        self._tell_owner(owner, _message("anchor", session=session, rtp=rtp, utc=format_utc(utc_ns)))

    def quality(self, owner: bytes, session: str, quality: Quality, trouble: Trouble | None) -> None:
        """Tell a viewer which stream of the camera it sees, and what keeps it from the best."""
        self._tell_owner(owner, _quality(session, quality, trouble))

    def ended(self, owner: bytes, session: str, camera: str, right: Right, why: str) -> None:
        """Tell a viewer that its session is ended from here: which right it had needed, and why that does not hold."""
        self._tell_owner(owner, _message("ended", session=session, camera=camera, right=right, reason=why))

    def talk_ended(self, owner: bytes, session: str, camera: str, why: str) -> None:
        """Tell who talked that it is over, and why: what they say is not heard any more."""
        self._tell_owner(owner, _message("talk_ended", session=session, camera=camera, reason=why))

    def export(self, export: Export) -> None:
        """Tell how far an export is to who may see it."""
        self._tell_of(export, _message("export", **export_json(export)))

    def export_removed(self, export: Export) -> None:
        """Tell that an export is gone."""
        self._tell_of(export, _message("export_removed", id=export.id))

    def alert(self, alert: Alert) -> None:
        """Tell what became of an alert to who sees its camera."""
        parts, messages = self._parts, dict[bool, str]()
        for listener in list(self._readers):
            if not may_see_alert(parts, listener.who, alert):
                continue
            places = sees_places(parts, listener.who, alert)
            if places not in messages:
                messages[places] = _message("alert", alert=told(alert, places=places))
            listener.send(messages[places])

    def incident(self, incident: Incident) -> None:
        """Tell what becomes of an incident to who sees it, with what they see of it."""
        for listener in list(self._readers):
            if seen(self._parts, listener.who, incident):
                listener.send(_message("incident", incident=incident_json(self._parts, incident, listener.who)))

    def incident_removed(self, incident: Incident) -> None:
        """Tell that an incident is gone."""
        for listener in list(self._readers):
            if seen(self._parts, listener.who, incident):
                listener.send(_message("incident_removed", id=incident.id))

    def geofence(self, geofence: Geofence, before: Geofence | None) -> None:
        """Tell what a geofence is now to who may see it; that it is gone, to who did before."""
        for listener in list(self._readers):
            if may_see_geofence(self._parts, listener.who, geofence):
                listener.send(_message("geofence", geofence=geofence_json(self._parts, geofence, listener.who)))
            elif before is not None and may_see_geofence(self._parts, listener.who, before):
                listener.send(_message("geofence_removed", id=geofence.id))

    def geofence_removed(self, geofence: Geofence) -> None:
        """Tell that a geofence is gone."""
        for listener in list(self._readers):
            if may_see_geofence(self._parts, listener.who, geofence):
                listener.send(_message("geofence_removed", id=geofence.id))

    def storage(self) -> None:
        """Tell how full the disk is, when that changes much."""
        for listener in list(self._readers):
            self._tell_storage(listener)

    # ---- inside

    def _tell_fixes(self, fixes: list[tuple[str, str]]) -> None:
        """Tell what came within a moment; those who see the same get the same message, written once."""
        messages: dict[tuple[str, ...], str] = {}
        for listener in list(self._readers):
            if not listener.together:
                continue
            mine = tuple([text for camera, text in fixes if camera in listener.places])
            if not mine:
                continue
            if mine not in messages:
                messages[mine] = f'{{"type":"fixes","fixes":[{",".join(mine)}]}}'
            listener.send(messages[mine])

    def _tell_storage(self, listener: Listener) -> None:
        if self._parts.authority.may(listener.who, Right.METRICS):
            listener.send(_message("storage", **disk_json(self._parts.keeping)))

    def _tell_of(self, export: Export, message: str) -> None:
        for listener in list(self._readers):
            if may_see(self._parts, listener.who, export):
                listener.send(message)

    def _look(self, listener: Listener, camera: str) -> Look:
        authority = self._parts.authority
        return authority.rights(listener.who, camera), authority.asks(camera), authority.private(camera)

    def _seen_by(self, listener: Listener) -> dict[str, Look]:
        """The cameras that a socket may know of, each with what its look depends on beside the camera itself."""
        cameras = self._parts.fleet.cameras
        return {c: self._look(listener, c) for c in cameras if self._parts.authority.sees(listener.who, c)}

    def _send_state(self, listener: Listener) -> None:
        parts = self._parts
        listener.seen.clear()
        listener.places.clear()
        for camera, look in self._seen_by(listener).items():
            listener.saw(camera, look)
        cameras = [camera_json(parts, parts.fleet.cameras[camera], listener.who) for camera in listener.seen]
        alerts = open_json(parts, listener.who)
        listener.send(_message("state", utc=format_utc(parts.clock.utc_ns()), cameras=cameras, alerts=alerts))
        self._tell_storage(listener)

    def _tell_owner(self, owner: bytes, message: str) -> None:
        for listener in list(self._readers):
            if listener.who.key == owner:
                listener.send(message)

    def _tell_changed(self) -> None:
        self._timer = None
        changed, self._changed = self._changed, {}
        authority = self._parts.authority
        for camera in changed.values():
            told: dict[frozenset[Right], str] = {}  # it looks the same to all who have the same rights
            for listener in list(self._readers):
                if not authority.sees(listener.who, camera.id):
                    continue
                rights = authority.rights(listener.who, camera.id)
                if rights not in told:
                    told[rights] = _message("camera", camera=camera_json(self._parts, camera, listener.who))
                if camera.id not in listener.seen:
                    listener.saw(camera.id, self._look(listener, camera.id))
                listener.send(told[rights])


EVENTS: web.AppKey[Events] = web.AppKey("events", Events)


async def events(request: web.Request) -> web.WebSocketResponse:
    """`GET /api/events`, upgraded."""
    hub, parts = request.app[EVENTS], services(request)
    together = request.query.get("fixes") == "together"
    return await follow(
        request,
        hub,
        lambda who: hub.open(who, together=together),
        beside=lambda listener: _ping(listener, parts),
        heard=lambda listener, said: _pong(listener, said, parts),
    )


async def _ping(listener: Listener, parts: Services) -> None:
    while True:
        await parts.clock.sleep(PING_SECONDS)
        listener.send(_message("ping", utc=format_utc(parts.clock.utc_ns())))


def _pong(listener: Listener, said: str, parts: Services) -> None:
    """Answer a ping; anything else has no meaning."""
    try:
        message = json.loads(said)
    except (ValueError, RecursionError):
        return
    if not isinstance(message, dict) or message.get("type") != "ping" or type(message.get("id")) is not int:
        return
    now = parts.clock.monotonic()
    if now >= listener.next_pong:  # one that asks faster is answered less often
        listener.next_pong = now + PONG_SECONDS
        listener.send(_message("pong", id=message["id"], utc=format_utc(parts.clock.utc_ns())))


def _quality(session: str, quality: Quality, trouble: Trouble | None) -> str:
    return _message("quality", session=session, quality=quality, trouble=trouble)


def _message(kind: str, /, **members: Any) -> str:
    return json.dumps({"type": kind, **members}, separators=(",", ":"))


ROUTES = [
    Route(
        "GET",
        "/api/events",
        events,
        "Follow what happens (WebSocket)",
        "events",
        query={"fixes": "together: many in one message, a few times a second; without it, a message for each"},
        answers={101: None},
    )
]
