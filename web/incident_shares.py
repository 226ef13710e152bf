"""Shares of an incident over HTTP: made, listed and revoked by who may export all of it; opened, in `web.visits`."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from gateway.access.rights import Right
from gateway.base.errors import BadRequestError, NotFoundError
from gateway.incidents.incident import Incident
from gateway.incidents.share import Share
from web.body import json_object, member, moment_or_none, no_others
from web.exports import may_export
from web.incidents import by, seen_one, with_right
from web.routes import Body, Route
from web.schema_forms import ref
from web.schemas_incidents import NEW_SHARE, SHARES
from web.services import Services, services
from web.views import utc


async def shares(request: web.Request) -> web.Response:
    """`GET /api/incidents/{incident}/shares`: the newest first, with those that have ended; never their keys."""
    incident = await _exportable(request)
    found = await services(request).desk.shares.of(incident.id)
    return web.json_response({"shares": [share_json(services(request), share) for share in found]})


async def make(request: web.Request) -> web.Response:
    """`POST /api/incidents/{incident}/shares` {recipient, expires, sound, positions}: 201 with its URL, told once."""
    parts, incident = services(request), await _exportable(request)
    why = await may_export(request, [one.camera for one in incident.cameras])
    values = await json_object(request)
    no_others(values, {"recipient", "expires", "sound", "positions"})
    made, key = await parts.desk.shares.make(
        incident.id,
        member(values, "recipient"),
        by(request),
        expires_ns=moment_or_none(values, "expires"),
        sound=_flag(values, "sound"),
        positions=_flag(values, "positions"),
        reason=why,
    )
    base = parts.settings.http.public_url.rstrip("/") or f"{request.scheme}://{request.host}"
    # After the #: no browser sends it to anybody, and so no log has it.
    return web.json_response(share_json(parts, made) | {"url": f"{base}/#/share/{key}"}, status=201)


async def revoke(request: web.Request) -> web.Response:
    """`DELETE /api/incidents/{incident}/shares/{share}`: it ends at once. 200 with the share as it is now."""
    parts, incident = services(request), await _exportable(request)
    text = request.match_info["share"]
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise NotFoundError(f"incident {incident.id} has no share {text[:20]}")
    return web.json_response(share_json(parts, await parts.desk.shares.revoke(incident.id, int(text), by(request))))


def share_json(parts: Services, share: Share) -> dict[str, Any]:
    """A share of the public surface."""
    return {
        "id": share.id,
        "incident": share.incident,
        "recipient": share.recipient,
        "sound": share.sound,
        "positions": share.positions,
        "created_by": share.created_by,
        "created": utc(share.created_ns),
        "expires": utc(share.expires_ns),
        "revoked_by": share.revoked_by,
        "revoked": utc(share.revoked_ns),
        "ended": share.ended(parts.clock.utc_ns()),
    }


async def _exportable(request: web.Request) -> Incident:
    """The incident that the path names, for who may export all of it.

    Raises:
        NotFoundError: one may not know of it, or there is none.
        RefusedError: one may not export all of it.
    """
    incident = await seen_one(request)
    await with_right(request, Right.EXPORT, incident)
    return incident


def _flag(values: dict[str, Any], name: str) -> bool:
    value = values.get(name, False)
    if not isinstance(value, bool):
        raise BadRequestError(f'"{name}" is neither true nor false', pointer=f"/{name}")
    return value


_SHARES = "/api/incidents/{incident}/shares"
ROUTES = [
    Route("GET", _SHARES, shares, "List the shares of an incident", "incidents", answers={200: Body(schema=SHARES)}),
    Route(
        "POST",
        _SHARES,
        make,
        "Share an incident by a link",
        "incidents",
        takes=Body(schema=NEW_SHARE),
        answers={201: Body(schema=ref("Share"))},
    ),
    Route(
        "DELETE",
        f"{_SHARES}/{{share}}",
        revoke,
        "Revoke a share",
        "incidents",
        answers={200: Body(schema=ref("Share"))},
    ),
]
