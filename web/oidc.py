"""Logging in at an OpenID Connect provider: the browser goes there and comes back. A refusal is a page."""

from __future__ import annotations

import html
from typing import Any

from aiohttp import web

from gateway.access.audit import Action
from gateway.access.fetch import IssuerUnreachableError
from gateway.access.oidc import BEGUN_SECONDS
from gateway.base.errors import ConflictError, NotFoundError, RefusedError, SightlineError
from web.refusals import suspect
from web.routes import Body, Route
from web.schemas import PROVIDERS
from web.services import address, services
from web.session import is_secure, set_cookies

COOKIE = "sightline_oidc"
PATH = "/api/session/oidc"
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Sightline</title>
<h1>You are not logged in</h1><p>{why}</p><p><a href="/">Back to the log-in</a></p></html>
"""
_STATUS = {RefusedError: 403, ConflictError: 409, NotFoundError: 404, IssuerUnreachableError: 503}


async def providers(request: web.Request) -> web.Response:
    """`GET /api/session/providers`: where else one can log in; before a log-in the page needs to know."""
    names = services(request).providers.names
    return web.json_response({"providers": [{"name": name, "url": f"{PATH}/{name}"} for name in names]})


async def begin(request: web.Request) -> web.Response:
    """`GET /api/session/oidc/{provider}`: on to the provider."""
    name = request.match_info["provider"]
    try:
        url, kept = await services(request).providers.begin(name, _redirect_uri(request, name))
    except SightlineError as error:
        return await _refused(request, error)
    response = web.Response(status=302, headers={"Location": url})
    # Lax: the way back begins at the provider's site.
    response.set_cookie(
        COOKIE,
        kept,
        path=PATH,
        max_age=BEGUN_SECONDS,
        httponly=True,
        samesite="Lax",
        secure=is_secure(request),
    )
    return response


async def finish(request: web.Request) -> web.Response:
    """`GET /api/session/oidc/{provider}/callback`: back from the provider, on to the page, logged in."""
    parts, name = services(request), request.match_info["provider"]
    agent = request.headers.get("User-Agent", "")
    try:
        vouched = await parts.providers.finish(name, request.cookies.get(COOKIE, ""), request.query)
        key, who = await parts.log_ins.log_in_vouched(vouched, address=address(request), agent=agent)
    except SightlineError as error:
        response = await _refused(request, error)
    else:
        response = web.Response(status=302, headers={"Location": "/"})
        set_cookies(request, response, who, key)
    response.del_cookie(COOKIE, path=PATH)
    return response


def _redirect_uri(request: web.Request, name: str) -> str:
    public = services(request).settings.http.public_url.rstrip("/")
    return f"{public or f'{request.scheme}://{request.host}'}{PATH}/{name}/callback"


async def _refused(request: web.Request, error: SightlineError) -> web.Response:
    """A page that says why, for whoever stands before the browser."""
    status = next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), None)
    if status is None:
        raise error
    await suspect(request, "oidc", action=Action.LOG_IN, why=str(error)[:300])
    return web.Response(status=status, text=_PAGE.format(why=html.escape(str(error))), content_type="text/html")


def _page(code: int) -> dict[int, Any]:
    return {code: None, 403: Body("text/html")}


ROUTES = [
    Route(
        "GET",
        "/api/session/providers",
        providers,
        "List where else one can log in",
        "session",
        answers={200: Body(schema=PROVIDERS)},
    ),
    Route("GET", "/api/session/oidc/{provider}", begin, "Go to log in at a provider", "session", answers=_page(302)),
    Route(
        "GET",
        "/api/session/oidc/{provider}/callback",
        finish,
        "Come back from a provider",
        "session",
        answers=_page(302),
    ),
]
