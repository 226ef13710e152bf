"""What a share shows to somebody without an account: the incident, and its cameras' recordings within their intervals.

Each request is held against the share and the incident as they are at that moment. What lies outside, of another
camera or of another time, is refused and audited. What is shown is made by the same handlers as for everybody else,
which see a Visitor; the audit names them by the share's number and recipient.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

from aiohttp import web

from gateway.access.privacy import Span
from gateway.access.rights import Right
from gateway.base.errors import BadRequestError, NotFoundError, RefusedError
from gateway.incidents.incident import IncidentCamera
from gateway.incidents.share import Visit
from gateway.media.model import NS, UtcNs
from web import moments, playback
from web.archive import send_positions
from web.body import instant, interval, json_object, member, no_others
from web.playback import MAX_HOURS, OutsideError
from web.reasons import SAID
from web.routes import Body, Handler, Route
from web.schema_forms import ref
from web.schemas import FIXES
from web.schemas_incidents import SHARE_KEY
from web.services import PRINCIPAL, Services, address, services
from web.session import is_secure
from web.views import utc

COOKIE, PATH = "sightline_share", "/api/share"
MAX_KEY = 100
"""Characters: those of ours have 43."""
_BEGINNING: UtcNs = -(1 << 62)
_NO_TIME = "this time is not in what was shared with you"
_NO_CAMERA = "this camera is not in what was shared with you"

Shown = Callable[[web.Request, Visit], Awaitable[web.StreamResponse]]


async def come(request: web.Request) -> web.Response:
    """`POST /api/share` {key}: the cookie that the other calls need, and what they show."""
    parts, values = services(request), await json_object(request)
    no_others(values, {"key"})
    key = member(values, "key")[:MAX_KEY]
    agent = request.headers.get("User-Agent", "")
    visit = await parts.desk.shares.open(key, address=address(request), agent=agent)
    response = web.json_response(_shared_json(parts, visit))
    lasts = max(1, (visit.share.expires_ns - parts.clock.utc_ns()) // NS)
    response.set_cookie(
        COOKIE, key, path=PATH, max_age=lasts, httponly=True, samesite="Strict", secure=is_secure(request)
    )
    return response


def _visiting(shown: Shown) -> Handler:
    """Let visitors through who have the cookie of a share that holds.

    Raises:
        RefusedError: there is no cookie.
        NotFoundError, GoneError: of no share, or of one that has ended.
    """

    async def handler(request: web.Request) -> web.StreamResponse:
        key = request.cookies.get(COOKIE, "")
        if not key:
            raise RefusedError("open the link that you were sent")
        asked = f"{request.method} {request.path}"
        visit = await services(request).desk.shares.visit(key[:MAX_KEY], address=address(request), asked=asked)
        request[PRINCIPAL], request[SAID] = visit.visitor, visit.share.why
        return await shown(request, visit)

    return handler


async def _incident(request: web.Request, visit: Visit) -> web.StreamResponse:
    """`GET /api/share/incident`: what it is now, for as long as it grows."""
    parts = services(request)
    await parts.desk.shares.note_look(visit, address=address(request), agent=request.headers.get("User-Agent", ""))
    return web.json_response(_shared_json(parts, visit))


async def _playlist(request: web.Request, visit: Visit) -> web.StreamResponse:
    """`GET /api/share/cameras/{id}/playlist.m3u8`: without `from` and `to`, of all that there is."""
    one = await _camera(request, visit, Right.RECORDED)
    start, end = interval(request)
    if start is not None or end is not None:
        await _within(request, visit, one, start, end)
    begins = one.start_ns if start is None else start
    most = begins + MAX_HOURS * 3600 * NS
    ends = most if end is None and one.end_ns is None else one.end_ns if end is None else end
    return await playback.play(request, begins, min(most, ends or most), _outside(one))


async def _media(request: web.Request, visit: Visit) -> web.StreamResponse:
    """`GET /api/share/cameras/{id}/media/{segment}/{part}`: what a playlist names."""
    one = await _camera(request, visit, Right.RECORDED)
    try:
        return await playback.send(request, _outside(one))
    except OutsideError:
        await _refuse(request, visit, "share_time", _NO_TIME, camera=one.camera)


async def _positions(request: web.Request, visit: Visit) -> web.StreamResponse:
    """`GET /api/share/cameras/{id}/positions`: without `from` and `to`, all of the interval."""
    one = await _camera(request, visit, Right.POSITION)
    start, end = interval(request)
    await _within(request, visit, one, start, end)
    return await send_positions(request, one.start_ns if start is None else start, one.end_ns if end is None else end)


async def _picture(request: web.Request, visit: Visit) -> web.StreamResponse:
    """`GET /api/share/cameras/{id}/snapshot.jpg`: the picture of a moment of the interval."""
    one = await _camera(request, visit, Right.RECORDED)
    at_ns = instant(request, "at")
    if at_ns is None:
        raise BadRequestError('say "at" which moment, as in 2026-01-31T12:00:00Z')
    await _within(request, visit, one, at_ns, at_ns + 1)
    try:
        return await moments.past(request, at_ns, *moments.wanted(request), _outside(one))
    except OutsideError:
        await _refuse(request, visit, "share_time", _NO_TIME, camera=one.camera)


# ---- what is in a share


async def _camera(request: web.Request, visit: Visit, right: Right) -> IncidentCamera:
    """The camera that the path names, of which the share gives `right` now.

    Raises:
        NotFoundError: it is not in the share.
        RefusedError: the share does not give this of it.
    """
    camera = request.match_info["id"]
    one, rights = visit.incident.camera(camera), services(request).authority.rights(visit.visitor, camera)
    if one is None or not rights:
        await _refuse(request, visit, "share_camera", _NO_CAMERA, asked_camera=camera)
    if right not in rights:
        await _refuse(request, visit, "share_right", "this was not shared with you", camera=camera)
    return one


async def _within(
    request: web.Request, visit: Visit, one: IncidentCamera, start: UtcNs | None, end: UtcNs | None
) -> None:
    """Refuse unless [start, end) belongs to a camera's interval; None: where that begins or ends.

    Raises:
        RefusedError: it does not, at least in part.
    """
    begins = one.start_ns if start is None else start
    ends = one.end_ns if end is None else end
    if begins < one.start_ns or (
        one.end_ns is not None and (ends is None or ends > one.end_ns or begins >= one.end_ns)
    ):
        await _refuse(request, visit, "share_time", _NO_TIME, camera=one.camera)


async def _refuse(
    request: web.Request, visit: Visit, kind: str, why: str, *, camera: str | None = None, asked_camera: str = ""
) -> NoReturn:
    """Say in the audit that nothing was shown, and raise what says so."""
    asked = f"{request.method} {request.path_qs}"
    await services(request).desk.shares.refused(visit.share, kind, address=address(request), asked=asked, camera=camera)
    if asked_camera:
        raise NotFoundError(why)
    raise RefusedError(why)


def _outside(one: IncidentCamera) -> list[Span]:
    """The time that a share of this does not show. A chunk that reaches into it is not shown either."""
    before = Span(_BEGINNING, one.start_ns)
    return [before] if one.end_ns is None else [before, Span(one.end_ns, None)]


def _shared_json(parts: Services, visit: Visit) -> dict[str, Any]:
    """What a visitor is told: of the incident its title and time, of its cameras those that they are shown."""
    share, incident, authority = visit.share, visit.incident, parts.authority
    return {
        "share": {
            "id": share.id,
            "recipient": share.recipient,
            "sound": share.sound,
            "positions": share.positions,
            "expires": utc(share.expires_ns),
        },
        "incident": {
            "title": incident.title,
            "from": utc(incident.start_ns),
            "to": utc(incident.end_ns),
            "live": incident.end_ns is None,
            "cameras": [
                {
                    "camera": one.camera,
                    "name": parts.fleet.label(one.camera),
                    "from": utc(one.start_ns),
                    "to": utc(one.end_ns),
                    "rights": sorted(right.value for right in rights),
                    "watermark": share.recipient if authority.watermark(visit.visitor, one.camera) else None,
                }
                for one in incident.cameras
                if (rights := authority.rights(visit.visitor, one.camera))
            ],
        },
    }


_OF_CAMERA = f"{PATH}/cameras/{{id}}"
_INTERVAL = {"from": "RFC 3339, within what was shared; without it, its beginning", "to": "RFC 3339; its end"}
_SHARED = Body(schema=ref("SharedIncident"))
ROUTES = [
    Route("POST", PATH, come, "Open a share", "shares", takes=Body(schema=SHARE_KEY), answers={200: _SHARED}),
    Route("GET", f"{PATH}/incident", _visiting(_incident), "Show what was shared", "shares", answers={200: _SHARED}),
    Route(
        "GET",
        f"{_OF_CAMERA}/playlist.m3u8",
        _visiting(_playlist),
        "Play what was shared (HLS media playlist, fMP4)",
        "shares",
        query=_INTERVAL | {"tracks": "all (default) or video"},
        answers={200: Body("application/vnd.apple.mpegurl", {"type": "string"})},
    ),
    Route(
        "GET",
        f"{_OF_CAMERA}/media/{{segment}}/{{part}}",
        _visiting(_media),
        "Fetch a piece of media that such a playlist names",
        "shares",
        query={"ticket": "as in the playlist"},
        answers={200: Body("video/mp4", {"type": "string", "format": "binary"})},
    ),
    Route(
        "GET",
        f"{_OF_CAMERA}/positions",
        _visiting(_positions),
        "List where the wearer was, within what was shared",
        "shares",
        query=_INTERVAL | {"format": "json (default), geojson, gpx or kml"},
        answers={200: Body(schema=FIXES)},
    ),
    Route(
        "GET",
        f"{_OF_CAMERA}/snapshot.jpg",
        _visiting(_picture),
        "Fetch a picture of what was shared",
        "shares",
        query=moments.QUERY,
        answers={200: Body("image/jpeg", {"type": "string", "format": "binary"})},
    ),
]
