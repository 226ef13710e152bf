"""ONVIF over HTTP: the device of all cameras on the gateway's own port, and those of single cameras on ports of theirs.

Only glue belongs here; SOAP, operations and authentication are `onvif_protocol`'s, the devices `gateway.nvr.devices`'s.
Devices ask for credentials themselves: the accounts of NVRs, by HTTP digest or WS-UsernameToken.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import ssl
from collections.abc import Mapping

from aiohttp import web

from gateway.access.audit import Action
from gateway.access.explain import ruling
from gateway.access.rights import Right
from gateway.access.users import Principal
from gateway.base.errors import NotFoundError, RefusedError
from gateway.base.metrics import ONVIF_REQUESTS
from gateway.nvr.devices import Served
from gateway.nvr.profiles import SNAPSHOT_PATH
from gateway.viewing.whep import NotLiveError
from onvif_protocol.authentication import Credentials, SlowedError
from onvif_protocol.device import FAILED, MAX_REQUEST_BYTES, TOO_LONG, Request
from onvif_protocol.soap import CONTENT_TYPE, NotAuthorizedError
from web.guard import guarded
from web.live import CONNECT_SECONDS
from web.moments import THUMBNAILS, Thumbnails
from web.problems import problem, problems
from web.refusals import ServerLog
from web.routes import Body, Route
from web.services import SERVICES, Services, address, services

log = logging.getLogger(__name__)

BODY_SECONDS = 20.0
"""How long a client may take to send its request."""


async def serve(request: web.Request) -> web.Response:
    """`POST /onvif/{service}`: a SOAP request to the device whose port it came to."""
    device = _device(request).device
    body = await _body(request)
    if body is None:
        answer = TOO_LONG
    else:
        asked = Request(
            target=request.raw_path,
            body=body,
            host=request.host,
            authorization=request.headers.get("Authorization", ""),
            scheme=request.scheme,
            method=request.method,
            peer=address(request),
        )
        try:
            answer = await device.handle(asked)
        except Exception:
            log.exception("an ONVIF operation failed")
            answer = FAILED
    ONVIF_REQUESTS.labels(answer.outcome.value).inc()
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body)


async def snapshot(request: web.Request) -> web.Response:
    """`GET /onvif/snapshot/{id}.jpg`: the newest picture of a camera, for an NVR's account."""
    parts, camera_id = services(request), request.match_info["id"]
    _device(request)
    try:
        who = _who(request)
    except SlowedError as error:
        response = problem(429, str(error))
        response.headers["Retry-After"] = str(math.ceil(error.seconds))
        return response
    except NotAuthorizedError:
        who = None
    if who is None:
        response = problem(401, "log in with the account of an NVR")
        del response.headers["WWW-Authenticate"]
        for challenge in parts.onvif.authenticator.challenges(parts.clock.utc_ns()):
            response.headers.add("WWW-Authenticate", challenge)
        return response
    if not parts.authority.sees(who, camera_id):
        raise NotFoundError(f'there is no camera "{camera_id}"')
    camera = parts.fleet.camera(camera_id)
    _check_right(parts, who, camera_id)
    await _note(request, who, camera_id)
    with camera.hold():
        if camera.hub.last_keyframe is None and not await camera.live(CONNECT_SECONDS):
            raise NotLiveError(camera.reason or f"{camera.settings.label} has no picture yet: try again in a moment")
        _check_right(parts, who, camera_id)
        picture, _ = await parts.snapshots.newest(camera.hub, width=None, lines=lambda _: ())
    return web.Response(body=picture, content_type="image/jpeg", headers={"Cache-Control": "no-store"})


_SOAP = Body(CONTENT_TYPE.partition(";")[0], {"type": "string"})
ROUTES = [
    Route(
        "POST",
        "/onvif/{service}",
        serve,
        "Ask the ONVIF device (an NVR's account by HTTP digest or WS-UsernameToken)",
        "onvif",
        takes=_SOAP,
        answers={200: _SOAP},
    ),
    Route(
        "GET",
        SNAPSHOT_PATH + "{id}.jpg",
        snapshot,
        "Show the newest picture to an NVR (its account by HTTP digest)",
        "onvif",
        answers={200: Body("image/jpeg", {"type": "string", "format": "binary"})},
    ),
]


class OnvifSites:
    """The ports of the devices of single cameras, all served by one application. See `gateway.nvr.devices.Sites`."""

    def __init__(self, parts: Services, host: str, context: ssl.SSLContext | None, server_log: ServerLog) -> None:
        """They listen on `host`, with TLS when there is a `context`."""
        self._host = host
        self._context = context
        self._sites: dict[str, tuple[int, web.TCPSite]] = {}
        self._cameras: dict[int, str] = {}
        """By the port that is listened on."""
        self._told: set[tuple[str, int]] = set()
        """Ports that could not be had, as the log says."""
        app = web.Application(middlewares=[problems], client_max_size=MAX_REQUEST_BYTES)
        app[SERVICES] = parts
        app[THUMBNAILS] = Thumbnails()
        app[CAMERAS] = self._cameras
        for route in ROUTES:
            app.router.add_route(route.method, route.path, guarded(route))
        self._runner = web.AppRunner(
            app, access_log=None, logger=server_log, handle_signals=False, shutdown_timeout=2.0
        )

    async def serve(self, ports: Mapping[str, int]) -> Mapping[str, int]:
        """Listen for each camera on its port, and for no other; the ports of those that could be had."""
        if self._runner.server is None:
            await self._runner.setup()
        for camera, (port, site) in list(self._sites.items()):
            if ports.get(camera) != port:
                del self._sites[camera]
                await site.stop()
        for camera, port in ports.items():
            if camera not in self._sites:
                await self._open(camera, port)
        self._cameras.clear()
        for camera, (_, site) in self._sites.items():
            self._cameras[site.port] = camera
        return {camera: bound for bound, camera in self._cameras.items()}

    async def close(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _open(self, camera: str, port: int) -> None:
        site = web.TCPSite(self._runner, self._host, port, reuse_address=True, ssl_context=self._context)
        try:
            await site.start()
        except OSError as error:
            if (camera, port) not in self._told:
                self._told.add((camera, port))
                log.error("the ONVIF device of %s cannot listen on port %d: %s", camera, port, error.strerror or error)
            with contextlib.suppress(RuntimeError):
                await site.stop()
            return
        self._told.discard((camera, port))
        self._sites[camera] = port, site


CAMERAS: web.AppKey[dict[int, str]] = web.AppKey("cameras", dict)
"""Of an application that serves single cameras: which camera, by the port that a request came to."""


def _device(request: web.Request) -> Served:
    """The device that a request came to.

    Raises:
        NotFoundError: there is none here.
    """
    devices, cameras = services(request).onvif, request.app.get(CAMERAS)
    if cameras is None:
        found = devices.whole
    else:
        local = request.get_extra_info("sockname")
        found = devices.single.get(cameras.get(local[1] if local else 0, ""))
    if found is None:
        raise NotFoundError("there is no ONVIF device at this port: see onvif.devices in the settings")
    return found


async def _body(request: web.Request) -> bytes | None:
    """The body of a request; None: it is longer than any that is understood."""
    if request.content_length is not None and request.content_length > MAX_REQUEST_BYTES:
        return None
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while len(body) <= MAX_REQUEST_BYTES and (more := await request.content.readany()):
                body += more
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="the request did not come to its end") from None
    return bytes(body) if len(body) <= MAX_REQUEST_BYTES else None


def _who(request: web.Request) -> Principal | None:
    """Who asks for something that is not SOAP; None: they did not say. Raises NotAuthorizedError."""
    parts = services(request)
    authorization = request.headers.get("Authorization", "")
    credentials = Credentials(request.method, request.raw_path, authorization, None, address(request))
    user = parts.onvif.authenticator.authenticate(credentials, parts.clock.utc_ns())
    return None if user is None else parts.nvr_accounts.principal(user)


def _check_right(parts: Services, who: Principal, camera: str) -> None:
    now = parts.nvr_accounts.holding(who)
    if now is None or Right.LIVE not in parts.authority.rights(now, camera):
        why = ruling(parts.authority, who, Right.LIVE, camera).why
        raise RefusedError(f"you have no right to this (live): {why}")


async def _note(request: web.Request, who: Principal, camera: str) -> None:
    """Have the audit say who is shown pictures of that camera, once a minute: some NVRs ask for one each second."""
    parts, seen = services(request), request.app[THUMBNAILS]
    now = parts.clock.monotonic()
    if seen.due(who.key, camera, None, now):
        agent = request.headers.get("User-Agent", "")[:200]
        await parts.audit.record(
            Action.SNAPSHOT, actor=who.name, address=address(request), camera=camera, agent=agent, through="onvif"
        )
        seen.written(who.key, camera, None, now)
