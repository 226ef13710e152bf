"""Talking to a camera from the browser: WHIP (RFC 9725).

Here belong the routes; who talks right now is `web.talking`, what becomes of the sound `gateway.viewing.talk`. The
audit has each talk with its begin, its end and how long it was. What is said is not recorded by the gateway itself:
where the camera records sound, its own microphone hears what its loudspeaker says.
"""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from gateway.access.audit import Action
from gateway.access.rights import Right
from gateway.access.users import Principal
from gateway.base.errors import ConflictError, RefusedError, SightlineError
from gateway.base.metrics import TALKS_REFUSED
from gateway.ingest.fleet import Camera
from gateway.ingest.talkback import open_backchannel
from gateway.media.model import Codec
from gateway.rtsp.backchannel import NoBackchannelError
from gateway.rtsp.client import RtspClient
from gateway.viewing.talk import Talk, TalkingError
from gateway.viewing.whep import NotLiveError
from web.body import text
from web.live import CONNECT_SECONDS, MAX_OFFER, SDP, links
from web.problems import UnauthorizedError, UnsupportedMediaError
from web.routes import Body, Route
from web.services import Services, address, principal, services
from web.talking import TALKING, hindrance


async def begin_talk(request: web.Request) -> web.Response:
    """`POST /api/cameras/{id}/talk`: an SDP offer that sends sound in, 201 with answer, Location and ICE servers out.

    With `take_over=true` whoever talks to the camera now is cut off, for who may configure it.
    """
    parts, who = services(request), principal(request)
    camera = parts.fleet.camera(request.match_info["id"])
    if request.content_type != SDP:
        raise UnsupportedMediaError(f"send the offer as {SDP}")
    offer = await text(request, "the offer", limit=MAX_OFFER)
    take_over = request.query.get("take_over") == "true"
    if take_over and not parts.authority.may(who, Right.CONFIGURE, camera.id):
        raise RefusedError("only who may configure this camera may take over from somebody else")
    talker = parts.talks.talker(camera.id)
    try:
        _check(parts, who, camera)
        if talker is not None and not take_over:
            raise TalkingError(talker)
    except SightlineError as error:
        TALKS_REFUSED.labels(camera.id, _why(error)).inc()
        raise
    noted = await parts.views.begin(
        Action.TALK,
        actor=who.name,
        address=address(request),
        camera=camera.id,
        agent=request.headers.get("User-Agent", "")[:200],
        **({"taken_over_from": talker} if talker is not None else {}),
    )
    try:
        talk = await _open(request, camera, offer, take_over=take_over)
    except BaseException as error:
        why = str(error) if isinstance(error, SightlineError) else "the request came to nothing"
        TALKS_REFUSED.labels(camera.id, _why(error)).inc()
        parts.views.end(noted, f"nothing was said: {why}", shown=False)
        raise
    request.app[TALKING].opened(talk, who, noted)
    request.app[TALKING].rights_changed()  # much may have changed while the camera was reached
    response = web.Response(
        status=201, text=talk.answer, content_type=SDP, headers={"Location": f"/api/talk/{talk.id}"}
    )
    for link in links(parts.settings.webrtc.ice_servers):
        response.headers.add("Link", link)
    return response


async def _open(request: web.Request, camera: Camera, offer: str, *, take_over: bool) -> Talk:
    parts, who = services(request), principal(request)

    async def open_line(laws: Sequence[Codec]) -> RtspClient:
        try:
            return await open_backchannel(camera, laws, parts.clock)
        except NoBackchannelError:
            camera.set_talk(False)
            raise

    with camera.hold():
        if not camera.hub.tracks and not await camera.live(CONNECT_SECONDS):
            raise NotLiveError(camera.reason or f"{camera.settings.label} is not live yet: try again in a moment")
        if (await parts.log_ins.holding([who.key])).get(who.key) is None:
            raise UnauthorizedError("the log-in has ended")
        return await parts.talks.create(
            camera.id,
            offer,
            open_line,
            owner=who.key,
            name=who.name,
            hold=camera.hold,
            take_over=take_over,
        )


async def end_talk(request: web.Request) -> web.Response:
    """`DELETE /api/talk/{session}`."""
    parts = services(request)
    talk = parts.talks.talk(request.match_info["session"], principal(request).key)
    await parts.talks.end(talk, talk.why_ended)
    return web.Response()


def _check(parts: Services, who: Principal, camera: Camera) -> None:
    if (why := hindrance(parts, who, camera.id)) is not None:
        raise RefusedError(why)
    if camera.talk is False:
        label = camera.settings.label
        raise ConflictError(f"{label} cannot be talked to: the camera has no backchannel that takes G.711")


def _why(error: BaseException) -> str:
    """A label for the metrics."""
    kinds: tuple[tuple[type[BaseException], str], ...] = (
        (TalkingError, "somebody talks"),
        (NoBackchannelError, "no backchannel"),
        (RefusedError, "no right"),
        (ConflictError, "no backchannel"),
    )
    return next((label for kind, label in kinds if isinstance(error, kind)), "failed")


_SDP = Body(SDP, {"type": "string"})
ROUTES = [
    Route(
        "POST",
        "/api/cameras/{id}/talk",
        begin_talk,
        "Talk to a camera (WHIP); one speaker at a time",
        "live",
        query={"take_over": "true: cut off whoever talks now, for who may configure the camera"},
        takes=_SDP,
        answers={201: _SDP},
    ),
    Route("DELETE", "/api/talk/{session}", end_talk, "End a talk", "live", answers={200: None}),
]
