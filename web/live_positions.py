"""`WS /api/positions/live`: where the units are, as GeoJSON (RFC 7946), for programs that draw maps.

Every message is a FeatureCollection. The first has each camera whose position the asker may know and that has said one,
those that follow what has come since, four times a second. A Feature's `id` is the camera's; the newest one of an id
counts. One without a geometry says that nothing is told of that camera any more: a privacy mode began, a right ended,
the camera was removed. Fixes are the raw ones, all of them, in the order they came.

With `smooth=1` units are drawn where a filter thinks they are, for receivers wander while people stand still; what was
measured stays beside it, and only that is kept.

A socket that does not read is closed with 1013; when it comes back it is told everything anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from gateway.access.rights import Right
from gateway.access.users import Principal
from gateway.base.errors import BadRequestError
from gateway.ingest.fleet import Camera
from gateway.media.model import Fix
from gateway.positions.geojson import collection_text, feature_text, gone_text
from gateway.positions.smoothing import Estimate, Smoother
from web.routes import Route
from web.services import Services
from web.sockets import NO_RIGHT, Audience, Reader, Together, follow

TOGETHER_SECONDS = 0.25
MAX_NAMED = 1000
"""So many cameras, or groups, may be asked for by name."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a socket is for."""

    cameras: frozenset[str]
    """Empty: all."""
    groups: frozenset[str]
    """Empty: all."""
    smooth: bool


class Follower(Reader):
    """One socket's queue, whose it is, and what was asked for."""

    def __init__(self, who: Principal, asked: Asked) -> None:
        super().__init__(who)
        self.asked = asked
        self.places: set[str] = set()
        """Whose positions it is told."""

    def wants(self, camera: Camera) -> bool:
        """Whether it asked for this camera."""
        asked = self.asked
        named = not asked.cameras or camera.id in asked.cameras
        return named and (not asked.groups or not asked.groups.isdisjoint(camera.settings.groups))


class LivePositions(Audience[Follower]):
    """Tells every open socket where the units are. All calls from the event loop's thread."""

    def __init__(self, parts: Services) -> None:
        super().__init__()
        self._parts = parts
        self._fixes = Together(TOGETHER_SECONDS, self._tell)
        self._smoothed: dict[str, tuple[Smoother, Estimate]] = {}
        """Of each camera, while somebody asks for that."""
        parts.fleet.on_fix.append(self.fix)
        parts.fleet.on_added.append(self._look_at)
        parts.fleet.on_changed.append(self._look_at)
        parts.fleet.on_removed.append(self._removed)

    def open(self, who: Principal, asked: Asked) -> Follower:
        """A new socket's queue, with where everyone is already in it."""
        follower = Follower(who, asked)
        follower.places = self._places(follower)
        follower.send(collection_text(self._newest(follower, follower.places)))
        self._readers.add(follower)
        return follower

    def discard(self, follower: Follower) -> None:
        """The socket has ended."""
        super().discard(follower)
        if not self._smooths:
            self._smoothed.clear()

    def close(self) -> None:
        """The gateway is stopping."""
        self._fixes.close()
        super().close()

    def rights_changed(self) -> None:
        """Show nobody any longer what they may not see, and what they may see from now on."""
        for follower in self._readers:
            if not self._parts.authority.may_somewhere(follower.who, Right.POSITION):
                follower.close(NO_RIGHT)
                continue
            before, follower.places = follower.places, self._places(follower)
            told = [gone_text(camera) for camera in sorted(before - follower.places)]
            told += self._newest(follower, follower.places - before)
            if told:
                follower.send(collection_text(told))

    def fix(self, camera: Camera, fix: Fix) -> None:
        """A position was accepted."""
        if not self._readers:
            return
        raw = smooth = feature_text(camera.id, camera.settings.label, fix)
        if self._smooths:
            known = self._smoothed.get(camera.id)
            smoother = Smoother() if known is None else known[0]
            shown = smoother.update(fix)
            self._smoothed[camera.id] = smoother, shown
            smooth = feature_text(camera.id, camera.settings.label, fix, shown)
        self._fixes.add((camera.id, raw, smooth))

    # ---- inside

    @property
    def _smooths(self) -> bool:
        """Whether somebody asks for smooth places."""
        return any(follower.asked.smooth for follower in self._readers)

    def _tell(self, features: list[tuple[str, str, str]]) -> None:
        """Those who see the same get the same message, written once."""
        messages: dict[tuple[str, ...], str] = {}
        for follower in self._readers:
            smooth, places = follower.asked.smooth, follower.places
            mine = tuple([smoothed if smooth else raw for camera, raw, smoothed in features if camera in places])
            if not mine:
                continue
            if mine not in messages:
                messages[mine] = collection_text(mine)
            follower.send(messages[mine])

    def _places(self, follower: Follower) -> set[str]:
        return {camera.id for camera in self._parts.fleet.cameras.values() if self._may(follower, camera)}

    def _may(self, follower: Follower, camera: Camera) -> bool:
        return follower.wants(camera) and self._parts.authority.may(follower.who, Right.POSITION, camera.id)

    def _newest(self, follower: Follower, cameras: Iterable[str]) -> list[str]:
        told = []
        for camera in (self._parts.fleet.cameras[camera] for camera in sorted(cameras)):
            if camera.fix is not None:
                known = self._smoothed.get(camera.id) if follower.asked.smooth else None
                told.append(feature_text(camera.id, camera.settings.label, camera.fix, known and known[1]))
        return told

    def _look_at(self, camera: Camera) -> None:
        """It is new, or its groups may have changed."""
        for follower in self._readers:
            if (may := self._may(follower, camera)) == (camera.id in follower.places):
                continue
            if may:
                follower.places.add(camera.id)
                if told := self._newest(follower, [camera.id]):
                    follower.send(collection_text(told))
            else:
                self._forget(follower, camera)

    def _removed(self, camera: Camera) -> None:
        self._smoothed.pop(camera.id, None)
        for follower in self._readers:
            if camera.id in follower.places:
                self._forget(follower, camera)

    def _forget(self, follower: Follower, camera: Camera) -> None:
        follower.places.discard(camera.id)
        follower.send(collection_text([gone_text(camera.id)]))


LIVE_POSITIONS: web.AppKey[LivePositions] = web.AppKey("live_positions", LivePositions)


async def live_positions(request: web.Request) -> web.WebSocketResponse:
    """`GET /api/positions/live`, upgraded."""
    hub = request.app[LIVE_POSITIONS]
    asked = Asked(_named(request, "cameras"), _named(request, "groups"), request.query.get("smooth") == "1")
    detail: dict[str, Any] = {"positions": True}
    detail |= {key: sorted(named) for key, named in (("cameras", asked.cameras), ("groups", asked.groups)) if named}
    return await follow(request, hub, lambda who: hub.open(who, asked), **detail)


def _named(request: web.Request, key: str) -> frozenset[str]:
    """The names in the query: `cameras=a,b`, or several times `cameras=a`.

    Raises:
        BadRequestError: there are too many.
    """
    names = frozenset(name for text in request.query.getall(key, []) for name in text.split(",") if name)
    if len(names) > MAX_NAMED:
        raise BadRequestError(f'"{key}" names more than {MAX_NAMED}')
    return names


ROUTES = [
    Route(
        "GET",
        "/api/positions/live",
        live_positions,
        "Follow where the units are, as GeoJSON (WebSocket)",
        "events",
        query={
            "cameras": "ids, with commas between them; without it, all",
            "groups": "of cameras, likewise",
            "smooth": "1: drawn calmer, with what was measured beside it",
        },
        answers={101: None},
    )
]
