"""Open sessions and tokens over HTTP: one's own, and everybody's for administrators. Opening one is in web.session."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from gateway.access.log_ins import Session, Token, log_in_id
from gateway.access.rights import Right
from gateway.base.duration import parse_duration
from gateway.base.errors import BadRequestError, NotFoundError, RefusedError
from web.body import json_object, member, no_others
from web.routes import Body, Route
from web.schema_forms import ref
from web.schemas import SESSIONS, TOKENS
from web.services import address, principal, services
from web.views import utc


async def list_sessions(request: web.Request) -> web.Response:
    """`GET /api/sessions`: one's own; `?user=NAME` for administrators, and `?user=*` for those of all users."""
    found = await services(request).log_ins.sessions(_whose(request))
    return web.json_response({"sessions": [_session(session, principal(request).key) for session in found]})


async def end_session(request: web.Request) -> web.Response:
    """`DELETE /api/sessions/{id}`: it ends at once, with what it watches."""
    log_ins, session_id = services(request).log_ins, request.match_info["id"]
    _check_owner(request, "session", session_id, await log_ins.sessions())
    await log_ins.end_session(session_id, actor=principal(request).name, address=address(request))
    return web.Response(status=204)


async def list_tokens(request: web.Request) -> web.Response:
    """`GET /api/tokens`: one's own; `?user=NAME` for administrators, and `?user=*` for those of all users."""
    found = await services(request).log_ins.tokens(_whose(request))
    return web.json_response({"tokens": [_token(token, principal(request).key) for token in found]})


async def create_token(request: web.Request) -> web.Response:
    """`POST /api/tokens` {name, user, expires}: 201 with the Token, and the token itself in this answer alone."""
    parts, who = services(request), principal(request)
    values = await json_object(request)
    no_others(values, {"name", "user", "expires"})
    name, user = member(values, "name"), member(values, "user")
    try:
        lifetime = parse_duration(member(values, "expires")) if values.get("expires") is not None else None
    except ValueError as error:
        raise BadRequestError(f'"expires": {error}', pointer="/expires") from None
    token = await parts.log_ins.create_token(name, user, lifetime=lifetime, actor=who.name, address=address(request))
    made = await parts.log_ins.token(token)
    return web.json_response(_token(made, who.key) | {"token": token}, status=201)


async def revoke_token(request: web.Request) -> web.Response:
    """`DELETE /api/tokens/{id}`: it ends at once, with what it watches."""
    log_ins, token_id = services(request).log_ins, request.match_info["id"]
    _check_owner(request, "token", token_id, await log_ins.tokens())
    await log_ins.revoke_token(token_id, actor=principal(request).name, address=address(request))
    return web.Response(status=204)


def _whose(request: web.Request) -> str | None:
    """Whose log-ins are asked for; None: everybody's."""
    who, asked = principal(request), request.query.get("user")
    if asked is None or asked == who.name:
        return who.name
    if not services(request).authority.may(who, Right.CONFIGURE):
        raise RefusedError("only administrators see what others have open")
    return None if asked == "*" else asked


def _check_owner(request: web.Request, what: str, named: str, among: list[Any]) -> None:
    """Raises NotFoundError unless it is there and the asker's own, or the asker an administrator."""
    who = principal(request)
    owner = next((one.user for one in among if one.id == named), None)
    if owner == who.name:
        return
    if owner is None or not services(request).authority.may(who, Right.CONFIGURE):
        raise NotFoundError(f'there is no {what} "{named}"')


def _session(session: Session, asking: bytes) -> dict[str, Any]:
    return {
        "id": session.id,
        "user": session.user,
        "method": session.method,
        "address": session.address,
        "agent": session.agent,
        "created_utc": utc(session.created_ns),
        "seen_utc": utc(session.seen_ns),
        "expires_utc": utc(session.expires_ns),
        "current": session.id == log_in_id(asking),
    }


def _token(token: Token, asking: bytes) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "user": token.user,
        "created_utc": utc(token.created_ns),
        "seen_utc": utc(token.seen_ns),
        "expires_utc": utc(token.expires_ns),
        "current": token.id == log_in_id(asking),
    }


_USER = {"user": "whose, for administrators; *: everybody's"}
ROUTES = [
    Route(
        "GET",
        "/api/sessions",
        list_sessions,
        "List the open sessions",
        "accounts",
        query=_USER,
        answers={200: Body(schema=SESSIONS)},
    ),
    Route("DELETE", "/api/sessions/{id}", end_session, "End a session", "accounts", answers={204: None}),
    Route(
        "GET",
        "/api/tokens",
        list_tokens,
        "List the tokens",
        "accounts",
        query=_USER,
        answers={200: Body(schema=TOKENS)},
    ),
    Route(
        "POST",
        "/api/tokens",
        create_token,
        "Make a token",
        "accounts",
        takes=Body(schema=ref("NewToken")),
        answers={201: Body(schema=ref("Token"))},
    ),
    Route("DELETE", "/api/tokens/{id}", revoke_token, "Revoke a token", "accounts", answers={204: None}),
]
