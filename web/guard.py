"""Who may pass: finds out who asks, and holds each route against the table of rights.

A route under `/api/cameras/{id}` is held against the rights for that camera; to who may not know of the camera it is
not there. A cookie is a browser's: its requests that change something must come from our own page (Origin) and carry
the CSRF token. A bearer token is a program's and needs neither. A refusal is audited and counted.
"""

from __future__ import annotations

import hmac
from typing import NoReturn
from urllib.parse import urlsplit

from aiohttp import web

from gateway.access.audit import Action
from gateway.access.explain import ruling
from gateway.access.jwt import BadTokenError
from gateway.access.log_ins import csrf_token
from gateway.access.rights import OF_SOME_CAMERAS, OF_THE_PAST, Right, needed
from gateway.access.users import Principal
from gateway.base.errors import NotFoundError, RefusedError
from gateway.base.metrics import REFUSALS
from web.problems import UnauthorizedError
from web.refusals import suspect
from web.routes import Handler, Route
from web.services import PRINCIPAL, ROUTE, SERVICES, address

COOKIE = "sightline_session"
CSRF_HEADER = "X-CSRF-Token"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def guarded(route: Route) -> Handler:
    """The route's handler behind its right.

    Raises:
        RefusedError: the table of rights does not know the route, so the gateway does not start with it.
    """
    right = needed(route.name)

    async def handler(request: web.Request) -> web.StreamResponse:
        request[ROUTE] = route
        if right is Right.OPEN:
            if route.method not in _SAFE:
                await _check_origin(request, needs_one=False)
            return await route.handler(request)
        principal = await authenticate(request)
        asked = OF_THE_PAST.get(route.name, right) if request.query.get("at") else right
        if not _allowed(request, principal, asked):
            await refuse(request, principal, asked, request.match_info["id"] if route.of_camera else None)
        request[PRINCIPAL] = principal
        return await route.handler(request)

    return handler


def _allowed(request: web.Request, principal: Principal, right: Right) -> bool:
    authority, route = request.app[SERVICES].authority, request[ROUTE]
    if route.of_camera:
        camera = request.match_info["id"]
        if right is Right.LOGGED_IN:
            return authority.may(principal, right) and authority.sees(principal, camera)
        return authority.may(principal, right, camera)
    if route.name in OF_SOME_CAMERAS:
        return authority.may_somewhere(principal, right)
    return authority.may(principal, right)


async def authenticate(request: web.Request) -> Principal:
    """Who asks.

    Raises:
        UnauthorizedError: nobody we know.
        RefusedError: a cookie that was sent along by another site's page.
    """
    log_ins = request.app[SERVICES].log_ins
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme:
        try:
            if scheme.lower() != "bearer":
                raise BadTokenError('only "Authorization: Bearer TOKEN" is understood')
            return await log_ins.by_token(token.strip())
        except (BadTokenError, RefusedError) as error:
            await suspect(request, "token", why=str(error)[:200])
            raise UnauthorizedError(str(error)) from None
    key = request.cookies.get(COOKIE, "")
    principal = await log_ins.by_session(key) if key else None
    if principal is None:
        if key:
            await suspect(request, "session")
        else:
            REFUSALS.labels("no_log_in").inc()
        raise UnauthorizedError("log in first")
    websocket = request.headers.get("Upgrade", "").lower() == "websocket"
    if websocket or request.method not in _SAFE:
        await _check_origin(request, needs_one=websocket)
    if request.method not in _SAFE:
        sent = request.headers.get(CSRF_HEADER, "")
        if not hmac.compare_digest(sent.encode(), csrf_token(key).encode()):
            await suspect(request, "csrf", actor=principal.name)
            raise RefusedError(f"the {CSRF_HEADER} header is missing or wrong: load the page again")
    return principal


async def _check_origin(request: web.Request, *, needs_one: bool) -> None:
    origin = request.headers.get("Origin")
    if origin is None and not needs_one:
        return
    public = request.app[SERVICES].settings.http.public_url
    if origin is not None:
        parts = urlsplit(origin)
        if parts.scheme in {"http", "https"} and parts.netloc == request.host:
            return
        if public and origin == "{0.scheme}://{0.netloc}".format(urlsplit(public)):
            return
    await suspect(request, "origin", origin=str(origin)[:200])
    raise RefusedError(
        f"this request comes from another site's page ({origin}); behind a reverse proxy, set http.public_url"
    )


async def refuse(request: web.Request, principal: Principal, right: Right, camera: str | None) -> NoReturn:
    """Count and audit that `right` is missing, for `camera` or for the whole gateway, and raise what says so.

    Raises:
        RefusedError: always, unless
        NotFoundError: `principal` may not know of the camera.
    """
    REFUSALS.labels("right").inc()
    authority = request.app[SERVICES].authority
    await request.app[SERVICES].tally.refused(
        Action.REFUSAL,
        "right",
        actor=principal.name,
        principal=principal.name,
        address=address(request),
        camera=camera if camera is not None and authority.known(camera) else None,
        asked=f"{request.method} {request.path}"[:200],
        right=right.value,
    )
    if camera is None:
        limit = " for all cameras" if principal.groups and authority.may_somewhere(principal, right) else ""
        raise RefusedError(f"the role {principal.role.value} has no right to this ({right.value}{limit})")
    if not authority.sees(principal, camera):
        raise NotFoundError(f'there is no camera "{camera}"')
    if right is Right.LOGGED_IN:
        raise RefusedError(f"the role {principal.role.value} has no right to this ({right.value})")
    why = ruling(authority, principal, right, camera).why
    raise RefusedError(f"you have no right to this ({right.value}): {why}")
