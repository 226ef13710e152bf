"""Live media over HTTP: WHEP sessions (draft-ietf-wish-whep) and the picture of now."""

from __future__ import annotations

from aiohttp import web

from gateway.access.audit import Action
from gateway.base.errors import BadRequestError, ConflictError
from gateway.viewing.whep import NoCodecError
from web.body import instant
from web.problems import UnprocessableError, UnsupportedMediaError
from web.routes import Body, Route
from web.services import address, principal, services

SDP = "application/sdp"
MAX_OFFER = 64 << 10
CONNECT_SECONDS = 10.0
"""How long a viewer waits for an on-demand camera to come up."""
_CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Location, ETag"}
_PREFLIGHT = _CORS | {
    "Access-Control-Allow-Methods": "POST, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "86400",
}


async def open_session(request: web.Request) -> web.Response:
    """`POST /api/cameras/{id}/whep`: an SDP offer in, 201 with the answer and the session's Location out."""
    parts, who = services(request), principal(request)
    camera = parts.fleet.camera(request.match_info["id"])
    if request.content_type != SDP:
        raise UnsupportedMediaError(f"send the offer as {SDP}")
    raw = await request.content.read(MAX_OFFER + 1)
    if len(raw) > MAX_OFFER:
        raise BadRequestError(f"the offer is larger than {MAX_OFFER >> 10} KiB")
    try:
        offer = raw.decode()
    except UnicodeDecodeError:
        raise BadRequestError("the offer is not UTF-8 text") from None
    await parts.audit.record(
        Action.LIVE_VIEW, actor=who.name, address=address(request), camera=camera.id, agent=_agent(request)
    )
    with camera.hold():
        if not camera.hub.tracks and not await camera.live(CONNECT_SECONDS):
            raise ConflictError(camera.reason or f"{camera.settings.label} is not live yet: try again in a moment")
        try:
            session = await parts.whep.create(camera.id, camera.hub, offer, owner=who.key, hold=camera.hold)
        except NoCodecError as error:
            raise UnprocessableError(str(error)) from error
    headers = _CORS | {"Location": f"/api/whep/{session.id}", "ETag": f'"{session.etag}"'}
    return web.Response(status=201, text=session.answer, content_type=SDP, headers=headers)


async def close_session(request: web.Request) -> web.Response:
    """`DELETE /api/whep/{session}`."""
    await services(request).whep.delete(request.match_info["session"], owner=principal(request).key)
    return web.Response(headers=_CORS)


async def preflight(_: web.Request) -> web.Response:
    """`OPTIONS`: a player on another site may use a bearer token here; cookies are never shared with one."""
    return web.Response(status=204, headers=_PREFLIGHT)


async def snapshot(request: web.Request) -> web.Response:
    """`GET /api/cameras/{id}/snapshot.jpg`: the newest picture as a JPEG."""
    parts, who = services(request), principal(request)
    camera = parts.fleet.camera(request.match_info["id"])
    if instant(request, "at") is not None:
        raise BadRequestError('snapshots of the past are not served yet: leave "at" out for the picture of now')
    await parts.audit.record(
        Action.SNAPSHOT, actor=who.name, address=address(request), camera=camera.id, agent=_agent(request)
    )
    with camera.hold():
        if camera.hub.last_keyframe is None and not await camera.live(CONNECT_SECONDS):
            raise ConflictError(camera.reason or f"{camera.settings.label} has no picture yet: try again in a moment")
        picture = await parts.snapshots.newest(camera.hub)
    return web.Response(body=picture, content_type="image/jpeg", headers={"Cache-Control": "no-store"})


def _agent(request: web.Request) -> str:
    return request.headers.get("User-Agent", "")[:200]


_SDP = Body(SDP, {"type": "string"})
ROUTES = [
    Route(
        "POST",
        "/api/cameras/{id}/whep",
        open_session,
        "Watch a camera live (WHEP)",
        "live",
        takes=_SDP,
        answers={201: _SDP},
    ),
    Route("OPTIONS", "/api/cameras/{id}/whep", preflight, "Answer a CORS preflight", "live", answers={204: None}),
    Route("DELETE", "/api/whep/{session}", close_session, "End a WHEP session", "live"),
    Route("OPTIONS", "/api/whep/{session}", preflight, "Answer a CORS preflight", "live", answers={204: None}),
    Route(
        "GET",
        "/api/cameras/{id}/snapshot.jpg",
        snapshot,
        "Show the newest picture",
        "live",
        answers={200: Body("image/jpeg", {"type": "string", "format": "binary"})},
    ),
]
