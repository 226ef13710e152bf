"""Who wore a camera, over HTTP: the assignments of one camera, and a search by the wearer's name."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from aiohttp import web

from gateway.access.audit import Action
from gateway.access.rights import Right
from gateway.base.errors import BadRequestError, NotFoundError
from gateway.base.rfc3339 import parse_utc
from gateway.media.model import UtcNs
from gateway.recording.assignments import Assignment, recorded
from web.body import interval, json_object, member, no_others
from web.reasons import reason
from web.routes import Body, Route
from web.schema_forms import ref
from web.schemas import ASSIGNMENT_CHANGE, ASSIGNMENTS, NEW_ASSIGNMENT, WEARERS
from web.services import address, principal, services
from web.views import utc


async def of_camera(request: web.Request) -> web.Response:
    """`GET /api/cameras/{id}/assignments`: by start; also of a camera that was removed since."""
    parts, camera, (start, end) = services(request), request.match_info["id"], interval(request)
    found = await parts.assignments.of(camera, start, end)
    if not found and camera not in parts.fleet.cameras and not await parts.assignments.of(camera):
        raise NotFoundError(f'there is no camera "{camera}", nor anybody who wore it')
    return web.json_response({"assignments": [assignment_json(one) for one in found]})


async def assign(request: web.Request) -> web.Response:
    """`POST /api/cameras/{id}/assignments` {wearer, from, to}: without `from` now, without `to` open."""
    parts, values = services(request), await json_object(request)
    no_others(values, {"wearer", "from", "to"})
    camera = parts.fleet.camera(request.match_info["id"])
    began = _moment(values, "from")
    made = await parts.assignments.assign(
        camera.id,
        member(values, "wearer"),
        parts.clock.utc_ns() if began is None else began,
        _moment(values, "to"),
        by=principal(request).name,
        address=address(request),
    )
    headers = {"Location": f"/api/cameras/{camera.id}/assignments/{made.id}"}
    return web.json_response(assignment_json(made), status=201, headers=headers)


async def change(request: web.Request) -> web.Response:
    """`PATCH /api/cameras/{id}/assignments/{assignment}`: end it, or correct what was said; the rest stays."""
    parts, values = services(request), await json_object(request)
    no_others(values, {"wearer", "from", "to"})
    changed = await parts.assignments.change(
        request.match_info["id"],
        _number(request.match_info["assignment"]),
        wearer=member(values, "wearer") if "wearer" in values else None,
        from_ns=_moment(values, "from"),
        to_ns=_moment(values, "to") if "to" in values else ...,
        by=principal(request).name,
        address=address(request),
    )
    return web.json_response(assignment_json(changed))


async def wearers(request: web.Request) -> web.Response:
    """`GET /api/wearers?name=`: of the cameras whose recordings one may see, who wore them and what is recorded."""
    parts, who, name = services(request), principal(request), request.query.get("name", "")
    found = [
        one for one in await parts.assignments.search(name) if parts.authority.may(who, Right.RECORDED, one.camera)
    ]
    cameras = sorted({one.camera for one in found})
    reasons = {reason(request, Right.RECORDED, camera) for camera in cameras} - {None}
    await parts.audit.record(
        Action.WEARERS,
        actor=who.name,
        address=address(request),
        reason=next(iter(reasons), None),
        asked=name,
        cameras=cameras,
    )
    body = [
        {"wearer": wearer, "assignments": [await _with_recordings(request, one) for one in worn]}
        for wearer, worn in groupby(found, key=lambda one: one.wearer)
    ]
    return web.json_response({"wearers": body})


def assignment_json(one: Assignment) -> dict[str, Any]:
    """As it is told everywhere."""
    return {"id": one.id, "wearer": one.wearer, "from": utc(one.start_ns), "to": utc(one.end_ns)}


async def _with_recordings(request: web.Request, one: Assignment) -> dict[str, Any]:
    """With its camera, and what of the interval is recorded."""
    spans = await recorded(services(request).catalog, one)
    recordings = [{"start": utc(span.start_ns), "end": utc(span.end_ns)} for span in spans]
    return assignment_json(one) | {"camera": one.camera, "recordings": recordings}


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 15:
        raise NotFoundError(f'there is no assignment "{text}"')
    return int(text)


def _moment(values: dict[str, Any], name: str) -> UtcNs | None:
    """The member `name` as a time; None when it is null or not there."""
    if values.get(name) is None:
        return None
    try:
        return parse_utc(member(values, name))
    except ValueError as error:
        raise BadRequestError(f'"{name}": {error}', pointer=f"/{name}") from None


_OF = "/api/cameras/{id}/assignments"
ROUTES = [
    Route(
        "GET",
        _OF,
        of_camera,
        "List who wore the camera",
        "archive",
        query={"from": "RFC 3339; without it from the beginning", "to": "RFC 3339; without it to the end"},
        answers={200: Body(schema=ASSIGNMENTS)},
    ),
    Route(
        "POST",
        _OF,
        assign,
        "Say who wears or wore the camera; who did before stops then",
        "archive",
        takes=Body(schema=NEW_ASSIGNMENT),
        answers={201: Body(schema=ref("Assignment"))},
    ),
    Route(
        "PATCH",
        f"{_OF}/{{assignment}}",
        change,
        "End an assignment, or correct it",
        "archive",
        takes=Body(schema=ASSIGNMENT_CHANGE),
        answers={200: Body(schema=ref("Assignment"))},
    ),
    Route(
        "GET",
        "/api/wearers",
        wearers,
        "Find recordings by who wore the camera",
        "archive",
        query={"name": "part of the name; without it everybody"},
        answers={200: Body(schema=WEARERS)},
    ),
]
