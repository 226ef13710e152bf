"""Holds over HTTP: placed by who may export, released by who placed them or may configure."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from gateway.access.rights import Right
from gateway.base.errors import BadRequestError, NotFoundError
from gateway.recording.holds import Hold
from web.body import interval, json_object, member, moment, moment_or_none, no_others
from web.guard import refuse
from web.reasons import HEADER, checked, reason
from web.routes import Body, Route
from web.schema_forms import ref
from web.schemas import HOLDS, NEW_HOLD
from web.services import address, principal, services
from web.views import utc

_RELEASED = {"released": "true: those that do not hold any more, too"}
_INTERVAL = {"from": "RFC 3339; those that touch the interval", "to": "RFC 3339"}


async def all_holds(request: web.Request) -> web.Response:
    """`GET /api/holds`: of every camera whose recordings one may see."""
    parts, who = services(request), principal(request)
    holds = await parts.keeping.holds.of(None, released=_released(request))
    seen = [hold for hold in holds if parts.authority.may(who, Right.RECORDED, hold.camera)]
    return web.json_response({"holds": [hold_json(hold) for hold in seen]})


async def holds(request: web.Request) -> web.Response:
    """`GET /api/cameras/{id}/holds`: those that touch the interval."""
    camera_id, (start, end) = request.match_info["id"], interval(request)
    found = await services(request).keeping.holds.of(camera_id, start, end, released=_released(request))
    if not found:
        await _known(request, camera_id)
    return web.json_response({"holds": [hold_json(hold) for hold in found]})


async def place(request: web.Request) -> web.Response:
    """`POST /api/cameras/{id}/holds` {from, to, category, reason}: what is recorded then is kept; 201 with the hold."""
    parts, camera_id = services(request), request.match_info["id"]
    values = await json_object(request)
    no_others(values, {"from", "to", "category", "reason"})
    start_ns = moment(values, "from")
    end_ns = moment_or_none(values, "to")
    category = None if values.get("category") is None else member(values, "category")
    known = parts.authority.policy.categories
    if category is not None and category not in known:
        offered = f"it has {', '.join(known)}" if known else "write [[policy.retention]] in the settings file"
        raise BadRequestError(f'the policy has no category "{category}": {offered}', pointer="/category")
    why = checked(member(values, "reason"))
    await _known(request, camera_id)
    hold = await parts.keeping.holds.place(
        camera_id,
        start_ns,
        end_ns,
        category=category,
        reason=why,
        by=principal(request).name,
        address=address(request),
    )
    return web.json_response(hold_json(hold), status=201)


async def release(request: web.Request) -> web.Response:
    """`DELETE /api/cameras/{id}/holds/{hold}`, saying why: the rules decide again. 200 with the hold as it is now."""
    parts, camera_id, who = services(request), request.match_info["id"], principal(request)
    number = request.match_info["hold"]
    hold = await parts.keeping.holds.find(int(number)) if number.isdecimal() and len(number) < 19 else None
    if hold is None or hold.camera != camera_id:
        raise NotFoundError(f"there is no hold {number[:20]} of {camera_id}")
    if hold.placed_by != who.name and not parts.authority.may(who, Right.CONFIGURE, camera_id):
        await refuse(request, who, Right.CONFIGURE, camera_id)
    why = reason(request, Right.EXPORT, camera_id)
    if why is None:
        raise BadRequestError(f"say in the header {HEADER} why it is released")
    released = await parts.keeping.holds.release(hold.id, by=who.name, reason=why, address=address(request))
    return web.json_response(hold_json(released))


def hold_json(hold: Hold) -> dict[str, Any]:
    """A hold of the public surface."""
    return {
        "id": hold.id,
        "camera": hold.camera,
        "from": utc(hold.start_ns),
        "to": utc(hold.end_ns),
        "category": hold.category,
        "reason": hold.reason,
        "placed_by": hold.placed_by,
        "placed": utc(hold.placed_ns),
        "released_by": hold.released_by,
        "released": utc(hold.released_ns),
    }


async def _known(request: web.Request, camera_id: str) -> None:
    """There is such a camera, or something of one that was removed.

    Raises:
        NotFoundError: neither.
    """
    parts = services(request)
    if not parts.authority.known(camera_id) and not await parts.catalog.recordings(camera_id, None, None):
        raise NotFoundError(f'there is no camera "{camera_id}", nor anything of it')


def _released(request: web.Request) -> bool:
    return request.query.get("released") == "true"


ROUTES = [
    Route(
        "GET",
        "/api/holds",
        all_holds,
        "List what is kept from deletion, of all cameras",
        "archive",
        query=_RELEASED,
        answers={200: Body(schema=HOLDS)},
    ),
    Route(
        "GET",
        "/api/cameras/{id}/holds",
        holds,
        "List what is kept from deletion",
        "archive",
        query=_INTERVAL | _RELEASED,
        answers={200: Body(schema=HOLDS)},
    ),
    Route(
        "POST",
        "/api/cameras/{id}/holds",
        place,
        "Keep what is recorded in an interval from deletion",
        "archive",
        takes=Body(schema=NEW_HOLD),
        answers={201: Body(schema=ref("Hold"))},
    ),
    Route(
        "DELETE",
        "/api/cameras/{id}/holds/{hold}",
        release,
        "Release a hold",
        "archive",
        answers={200: Body(schema=ref("Hold"))},
    ),
]
