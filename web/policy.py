"""The policy over HTTP, to be read: what it says, and what follows for somebody. It is written in the settings file."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from gateway.access.explain import explanation, statements, summary
from gateway.access.rights import Right
from gateway.base.errors import BadRequestError
from web.routes import Body, Route
from web.schemas import EXPLANATION, POLICY
from web.services import principal, services


async def read(request: web.Request) -> web.Response:
    """`GET /api/policy`: what holds for who asks, and the whole policy for who may configure, or read the audit.

    To others it would tell of groups and cameras that they may not know of.
    """
    parts, who = services(request), principal(request)
    authority = parts.authority
    whole: list[dict[str, Any]] | None = None
    if authority.may(who, Right.CONFIGURE) or authority.may(who, Right.AUDIT):
        whole = [{"line": statement.line, "says": statement.says} for statement in statements(authority.policy)]
    holds = summary(authority, who, parts.fleet.cameras)
    return web.json_response(
        {
            "reasons": authority.policy.reasons,
            "categories": authority.policy.categories,
            "holds": holds,
            "policy": whole,
        }
    )


async def explain(request: web.Request) -> web.Response:
    """`GET /api/policy/explain?user&camera`: what holds for a user, and why; without a camera in short, over all."""
    parts, name, camera = services(request), request.query.get("user"), request.query.get("camera")
    if not name:
        raise BadRequestError('say whose rights you want explained, as in "?user=ann&camera=unit-12"')
    who = await parts.users.user(name)
    if camera:
        told = explanation(parts.authority, who, parts.fleet.camera(camera).id)
    else:
        told = summary(parts.authority, who, parts.fleet.cameras)
    return web.json_response({"user": who.name, "camera": camera or None, "sentences": told})


ROUTES = [
    Route("GET", "/api/policy", read, "Read the policy", "policy", answers={200: Body(schema=POLICY)}),
    Route(
        "GET",
        "/api/policy/explain",
        explain,
        "Explain what holds for a user and a camera",
        "policy",
        query={"user": "whose rights", "camera": "an id; without it: in short, over all cameras"},
        answers={200: Body(schema=EXPLANATION)},
    ),
]
