"""Live media over HTTP: WHEP sessions (draft-ietf-wish-whep-03) and the picture of now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TypedDict

from aiohttp import web

from gateway.access.audit import Action
from gateway.access.explain import ruling
from gateway.access.portion import Portion
from gateway.access.rights import Right
from gateway.access.users import Principal
from gateway.base.errors import BadRequestError, RefusedError, SightlineError
from gateway.base.rfc3339 import format_utc
from gateway.base.settings import IceServer
from gateway.ingest.fleet import Camera
from gateway.media.model import UtcNs
from gateway.media.stamp import Stamp
from gateway.viewing.whep import NotLiveError
from web.body import instant, json_object, member, no_others, text
from web.moments import PICTURE_UTC, QUERY, past, wanted
from web.problems import UnauthorizedError, UnsupportedMediaError
from web.reasons import HEADER, reason
from web.routes import Body, Handler, Route
from web.services import address, principal, services
from web.watching import WATCHING

SDP = "application/sdp"
JSON = "application/json"
FRAGMENT = "application/trickle-ice-sdpfrag"
MAX_OFFER = 64 << 10
MAX_FRAGMENT = 32 << 10
CONNECT_SECONDS = 10.0
"""How long a viewer waits for an on-demand camera to come up."""


class Size(StrEnum):
    """How large a viewer shows a picture."""

    FULL = "full"
    SMALL = "small"
    """The camera's second stream will do, if it has one."""


SLOW = "slow"
"""What a viewer says whose link carries little: it begins with less, and rises."""
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "POST, PATCH, DELETE",
    "Access-Control-Allow-Headers": f"Authorization, Content-Type, If-Match, {HEADER}",
    "Access-Control-Max-Age": "86400",
    "Accept-Post": SDP,
    "Accept-Patch": f"{FRAGMENT}, {JSON}",
}


async def open_session(request: web.Request) -> web.Response:
    """`POST /api/cameras/{id}/whep`: an SDP offer in, 201 with the answer, Location, ETag and ICE servers out."""
    parts, who = services(request), principal(request)
    camera = parts.fleet.camera(request.match_info["id"])
    if request.content_type != SDP:
        raise UnsupportedMediaError(f"send the offer as {SDP}")
    small = _is_small(request.query.get("size", Size.FULL))
    slow = _is_slow(request.query.get("link"))
    offer = await text(request, "the offer", limit=MAX_OFFER)
    view = await parts.views.begin(Action.LIVE_VIEW, **_said(request, camera))
    try:
        with camera.hold():
            if not camera.hub.tracks and not await camera.live(CONNECT_SECONDS):
                raise NotLiveError(camera.reason or f"{camera.settings.label} is not live yet: try again in a moment")
            who, rights = await _still_allowed(request, camera)
            portion = Portion.of(rights)
            session = await parts.whep.create(
                camera.id,
                camera.hub,
                offer,
                owner=who.key,
                hold=camera.hold,
                position=(lambda: camera.fix) if portion.positions else None,
                sound=portion.sound,
                small=small,
                slow=slow,
            )
    except BaseException as error:
        why = str(error) if isinstance(error, SightlineError) else "the request came to nothing"
        parts.views.end(view, f"nothing was shown: {why}", shown=False)
        raise
    request.app[WATCHING].opened(session, who, view)
    headers = {"Location": f"/api/whep/{session.id}", "ETag": f'"{session.ice.etag}"'}
    response = web.Response(status=201, text=session.answer, content_type=SDP, headers=headers)
    for link in links(parts.settings.webrtc.ice_servers):
        response.headers.add("Link", link)
    return response


async def change_session(request: web.Request) -> web.Response:
    """`PATCH /api/whep/{session}`: candidates (204), or new credentials: an ICE restart (200 with ours, new ETag).

    As JSON, which is no part of the draft, {size}: how large the picture is shown from now on (204).
    """
    session = services(request).whep.session(request.match_info["session"], principal(request).key)
    if request.content_type == JSON:
        values = await json_object(request)
        no_others(values, ("size",))
        session.resize(small=_is_small(member(values, "size")))
        return web.Response(status=204)
    if request.content_type != FRAGMENT:
        raise UnsupportedMediaError(f"send candidates or an ICE restart's credentials as {FRAGMENT}, a size as {JSON}")
    fragment = await text(request, "the SDP fragment", limit=MAX_FRAGMENT)
    wanted = request.if_match
    tags = None if wanted is None else {tag.value for tag in wanted if not tag.is_weak}
    answer = session.ice.patch(fragment, tags)
    if answer is None:
        return web.Response(status=204)
    headers = {"ETag": f'"{session.ice.etag}"'}
    return web.Response(text=answer, content_type=FRAGMENT, headers=headers)


def _is_small(size: str) -> bool:
    """Raises BadRequestError when `size` is no Size."""
    try:
        return Size(size) is Size.SMALL
    except ValueError:
        raise BadRequestError(f'"size" is one of {", ".join(Size)}', pointer="/size") from None


def _is_slow(link: str | None) -> bool:
    """Raises BadRequestError when that is nothing that a viewer says of its link."""
    if link not in {None, SLOW}:
        raise BadRequestError(f'"link" is {SLOW}, or left out', pointer="/link")
    return link is not None


async def close_session(request: web.Request) -> web.Response:
    """`DELETE /api/whep/{session}`."""
    await services(request).whep.delete(request.match_info["session"], owner=principal(request).key)
    return web.Response()


async def endpoint(request: web.Request) -> web.Response:
    """`GET /api/cameras/{id}/whep`: nothing to show, as the draft wants it."""
    services(request).fleet.camera(request.match_info["id"])
    return web.Response(status=204)


async def session_open(request: web.Request) -> web.Response:
    """`GET /api/whep/{session}`: nothing to show, but it is there."""
    services(request).whep.session(request.match_info["session"], principal(request).key)
    return web.Response(status=204)


async def preflight(_: web.Request) -> web.Response:
    """`OPTIONS`: a player on another site may use a bearer token here; cookies are never shared with one."""
    return web.Response(headers=_PREFLIGHT)


def links(servers: Iterable[IceServer]) -> Iterable[str]:
    """The values of the Link headers that name STUN and TURN servers (draft-ietf-wish-whep 4.7, RFC 9725 4.6)."""
    for server in servers:
        secret = ""
        if server.username:
            username, credential = map(_quoted, (server.username, server.credential.get_secret_value()))
            secret = f'; username={username}; credential={credential}; credential-type="password"'
        for url in server.urls:
            yield f'<{url}>; rel="ice-server"{secret}'


def _quoted(value: str) -> str:
    """A quoted-string (RFC 9110 5.6.4)."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


async def snapshot(request: web.Request) -> web.Response:
    """`GET /api/cameras/{id}/snapshot.jpg`: the newest picture as a JPEG; with `at` one of the past."""
    parts = services(request)
    width, stamped = wanted(request)
    if (at_ns := instant(request, "at")) is not None:
        return await past(request, at_ns, width, stamped)
    camera = parts.fleet.camera(request.match_info["id"])
    await parts.audit.record(Action.SNAPSHOT, **_said(request, camera))
    with camera.hold():
        if camera.hub.last_keyframe is None and not await camera.live(CONNECT_SECONDS):
            raise NotLiveError(camera.reason or f"{camera.settings.label} has no picture yet: try again in a moment")
        _, rights = await _still_allowed(request, camera)
        positions = Portion.of(rights).positions

        def lines(utc_ns: UtcNs) -> tuple[str, ...]:
            stamp = Stamp(camera.settings.label, utc_ns, camera.fix, tells_position=positions)
            return stamp.lines() if stamped else ()

        picture, utc_ns = await parts.snapshots.newest(camera.hub, width=width, lines=lines)
    headers = {"Cache-Control": "no-store", PICTURE_UTC: format_utc(utc_ns)}
    return web.Response(body=picture, content_type="image/jpeg", headers=headers)


async def _still_allowed(request: web.Request, camera: Camera) -> tuple[Principal, frozenset[Right]]:
    """Who asks, and what they may do with `camera`, as it is now: much can change while a camera is waited for.

    Raises:
        UnauthorizedError: the log-in does not hold any more.
        RefusedError: the right to see the camera live does not.
    """
    parts, key = services(request), principal(request).key
    who = (await parts.log_ins.holding([key])).get(key)
    if who is None:
        raise UnauthorizedError("the log-in has ended")
    rights = parts.authority.rights(who, camera.id)
    if Right.LIVE not in rights:
        why = ruling(parts.authority, who, Right.LIVE, camera.id).why
        raise RefusedError(f"you have no right to this any more (live): {why}")
    return who, rights


class _Said(TypedDict):
    actor: str
    address: str
    camera: str
    reason: str | None
    agent: str


def _said(request: web.Request, camera: Camera) -> _Said:
    """What the audit says of who is about to see `camera`. When it cannot be written, nothing is shown."""
    return {
        "actor": principal(request).name,
        "address": address(request),
        "camera": camera.id,
        "reason": reason(request, Right.LIVE, camera.id),
        "agent": request.headers.get("User-Agent", "")[:200],
    }


_SDP, _FRAGMENT = Body(SDP, {"type": "string"}), Body(FRAGMENT, {"type": "string"})
_ENDPOINT, _SESSION = "/api/cameras/{id}/whep", "/api/whep/{session}"


def _whep(
    method: str,
    path: str,
    handler: Handler,
    summary: str,
    answers: Mapping[int, Body | None],
    takes: Body | None = None,
    query: Mapping[str, str] | None = None,
) -> Route:
    return Route(
        method, path, handler, summary, "live", query=query or {}, takes=takes, answers=answers, cross_origin=True
    )


ROUTES = [
    _whep(
        "POST",
        _ENDPOINT,
        open_session,
        "Watch a camera live (WHEP)",
        {201: _SDP},
        takes=_SDP,
        query={
            "size": "small: the camera's second stream will do, if it has one; full, or nothing: it will not",
            "link": "slow: begin with what takes little, and rise as the link allows",
        },
    ),
    _whep("GET", _ENDPOINT, endpoint, "Say that a camera can be watched by WHEP", {204: None}),
    _whep("OPTIONS", _ENDPOINT, preflight, "Answer a CORS preflight", {200: None}),
    _whep(
        "PATCH",
        _SESSION,
        change_session,
        "Add candidates to a WHEP session, or restart its ICE; as JSON, say how large it is shown",
        {200: _FRAGMENT, 204: None},
        takes=_FRAGMENT,
    ),
    _whep("GET", _SESSION, session_open, "Say that a WHEP session is open", {204: None}),
    _whep("DELETE", _SESSION, close_session, "End a WHEP session", {200: None}),
    _whep("OPTIONS", _SESSION, preflight, "Answer a CORS preflight", {200: None}),
    Route(
        "GET",
        "/api/cameras/{id}/snapshot.jpg",
        snapshot,
        "Show the newest picture, or one of the past",
        "live",
        query=QUERY,
        answers={200: Body("image/jpeg", {"type": "string", "format": "binary"})},
    ),
]
