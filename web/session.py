"""Logging in and out: a password becomes an HttpOnly cookie and a CSRF token."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from gateway.access.authority import Authority
from gateway.access.browsers import KNOWN_SECONDS
from gateway.access.log_ins import SESSION_SECONDS, csrf_token
from gateway.access.users import Principal
from gateway.base.roles import GRANTED
from web.body import json_object, member, no_others
from web.guard import COOKIE
from web.problems import UnauthorizedError
from web.routes import Body, Route
from web.schemas import LOG_IN, PASSWORD_CHANGE, SESSION
from web.services import address, principal, services

BROWSER_COOKIE = "sightline_browser"


async def log_in(request: web.Request) -> web.Response:
    """`POST /api/session` {username, password}."""
    values = await json_object(request)
    key, found = await services(request).log_ins.log_in(
        member(values, "username"),
        member(values, "password"),
        address=address(request),
        agent=request.headers.get("User-Agent", ""),
        proof=request.cookies.get(BROWSER_COOKIE, ""),
    )
    response = web.json_response(_session_json(services(request).authority, found, key))
    set_cookies(request, response, found, key)
    return response


def is_secure(request: web.Request) -> bool:
    """Whether the browser speaks TLS, with us or with the proxy before us."""
    return services(request).settings.http.public_url.startswith("https:") or request.secure


def set_cookies(request: web.Request, response: web.Response, who: Principal, key: str) -> None:
    """Give the browser its session, and the proof that `who` has logged in here."""
    parts, secure = services(request), is_secure(request)
    response.set_cookie(COOKIE, key, max_age=SESSION_SECONDS, httponly=True, samesite="Strict", secure=secure)
    response.set_cookie(
        BROWSER_COOKIE,
        parts.browsers.proof(who.name),
        path="/api/session",
        max_age=KNOWN_SECONDS,
        httponly=True,
        samesite="Strict",
        secure=secure,
    )


async def current(request: web.Request) -> web.Response:
    """`GET /api/session`: who is logged in, and the CSRF token again after a reload of the page."""
    return web.json_response(
        _session_json(services(request).authority, principal(request), request.cookies.get(COOKIE, ""))
    )


async def log_out(request: web.Request) -> web.Response:
    """`DELETE /api/session`."""
    who = principal(request)
    if who.by_token:
        raise UnauthorizedError("a token is no session: there is nothing to log out of")
    await services(request).log_ins.log_out(who, address=address(request))
    response = web.Response(status=204)
    response.del_cookie(COOKIE)
    return response


async def change_password(request: web.Request) -> web.Response:
    """`PUT /api/session/password` {old, new}: ends one's other sessions."""
    values, who = await json_object(request), principal(request)
    no_others(values, {"old", "new"})
    old, new = member(values, "old"), member(values, "new")
    await services(request).log_ins.change_password(who, old, new, address=address(request))
    return web.Response(status=204)


def _session_json(authority: Authority, who: Principal, key: str) -> dict[str, Any]:
    return {
        "user": {
            "name": who.name,
            "role": who.role.value,
            "groups": list(who.groups),
            "cameras": list(who.cameras),
            "rights": [right.value for right in GRANTED if authority.may_somewhere(who, right)],
            "everywhere": [right.value for right in GRANTED if authority.may(who, right)],
        },
        "csrf": None if who.by_token else csrf_token(key),
    }


ROUTES = [
    Route(
        "POST",
        "/api/session",
        log_in,
        "Log in",
        "session",
        takes=Body(schema=LOG_IN),
        answers={200: Body(schema=SESSION)},
    ),
    Route("GET", "/api/session", current, "Say who is logged in", "session", answers={200: Body(schema=SESSION)}),
    Route("DELETE", "/api/session", log_out, "Log out", "session", answers={204: None}),
    Route(
        "PUT",
        "/api/session/password",
        change_password,
        "Change one's password",
        "session",
        takes=Body(schema=PASSWORD_CHANGE),
        answers={204: None},
    ),
]
