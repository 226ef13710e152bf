"""Geofences over HTTP: shown to who may know where some of their units are, drawn by who may respond for all of them.

Whoever draws one learns where units are, by its alerts: that takes the right to their positions, too. Of a geofence for
units that one may not see, these are left out of what is shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from aiohttp import web

from gateway.access.authority import Asker
from gateway.access.rights import Right
from gateway.base.errors import BadRequestError, NotFoundError
from gateway.incidents.alert import Grade
from gateway.incidents.geofence import Geofence, Tells
from gateway.incidents.geofence_shapes import parse_shape
from gateway.incidents.geofences import Drawn
from web.body import json_object, member, no_others
from web.guard import refuse
from web.routes import Body, Route
from web.schema_forms import ref
from web.schemas_incidents import GEOFENCE_CHANGE, GEOFENCES, NEW_GEOFENCE
from web.services import Services, address, principal, services
from web.views import utc

MEMBERS = frozenset({"name", "shape", "cameras", "groups", "tells", "grade"})
_DRAWING = (Right.RESPOND, Right.POSITION)


async def geofences(request: web.Request) -> web.Response:
    """`GET /api/geofences`: those that one may see, in the order in which they were drawn."""
    parts, who = services(request), principal(request)
    seen = [geofence for geofence in parts.desk.geofences.all() if may_see(parts, who, geofence)]
    return web.json_response({"geofences": [geofence_json(parts, geofence, who) for geofence in seen]})


async def geofence(request: web.Request) -> web.Response:
    """`GET /api/geofences/{geofence}`."""
    return web.json_response(geofence_json(services(request), _find(request), principal(request)))


async def draw(request: web.Request) -> web.Response:
    """`POST /api/geofences` {name, shape, cameras?, groups?, tells?, grade?}: 201 with the geofence."""
    parts, who = services(request), principal(request)
    values = await json_object(request)
    no_others(values, MEMBERS)
    shape = await asyncio.to_thread(parse_shape, values.get("shape"))
    drawn = _with(parts, who, Drawn(member(values, "name").strip(), shape), values)
    await _check_right(request, drawn.cameras, drawn.groups)
    made = await parts.desk.geofences.add(drawn, by=who.name, address=address(request))
    headers = {"Location": f"/api/geofences/{made.id}"}
    return web.json_response(geofence_json(parts, made, who), status=201, headers=headers)


async def change(request: web.Request) -> web.Response:
    """`PATCH /api/geofences/{geofence}`: what is not given stays. 200 with the geofence as it is now."""
    parts, who, before = services(request), principal(request), _find(request)
    await _check_right(request, before.cameras, before.groups)
    values = await json_object(request)
    no_others(values, MEMBERS)
    drawn = Drawn(before.name, before.shape, before.cameras, before.groups, before.tells, before.grade)
    if "name" in values:
        drawn = replace(drawn, name=member(values, "name").strip())
    if "shape" in values:
        drawn = replace(drawn, shape=await asyncio.to_thread(parse_shape, values["shape"]))
    drawn = _with(parts, who, drawn, values)
    await _check_right(request, drawn.cameras, drawn.groups)
    changed = await parts.desk.geofences.change(before.id, drawn, by=who.name, address=address(request))
    return web.json_response(geofence_json(parts, changed, who))


async def remove(request: web.Request) -> web.Response:
    """`DELETE /api/geofences/{geofence}`: its alerts stay. 204."""
    parts, who, found = services(request), principal(request), _find(request)
    await _check_right(request, found.cameras, found.groups)
    await parts.desk.geofences.remove(found.id, by=who.name, address=address(request))
    return web.Response(status=204)


def may_see(parts: Services, who: Asker, geofence: Geofence) -> bool:
    """Whether somebody may know where one of its units is, privacy modes or not."""
    authority = parts.authority
    return authority.may(who, Right.POSITION) or any(
        Right.POSITION in authority.lasting_rights(who, camera)
        for camera in parts.fleet.cameras
        if geofence.concerns(camera, authority.groups(camera))
    )


def geofence_json(parts: Services, geofence: Geofence, who: Asker) -> dict[str, Any]:
    """A Geofence of the public surface, as somebody may see it who sees it at all."""
    cameras, groups = list(geofence.cameras), list(geofence.groups)
    if not parts.authority.may(who, Right.POSITION):
        seen = [camera for camera in parts.fleet.cameras if parts.authority.sees(who, camera)]
        known = {group for camera in seen for group in parts.authority.groups(camera)}
        cameras, groups = (
            [camera for camera in cameras if camera in seen],
            [group for group in groups if group in known],
        )
    return {
        "id": geofence.id,
        "name": geofence.name,
        "shape": geofence.shape.json,
        "cameras": cameras,
        "groups": groups,
        "tells": geofence.tells.value,
        "grade": geofence.grade.value,
        "created_by": geofence.created_by,
        "created": utc(geofence.created_ns),
        "may": [] if _lacking(parts, who, geofence.cameras, geofence.groups) else ["change"],
    }


def _lacking(
    parts: Services, who: Asker, cameras: Sequence[str], groups: Sequence[str]
) -> tuple[Right, str | None] | None:
    """A right that `who` lacks to draw a geofence for these, and the camera for which (None: for all that are meant);
    None: they may."""
    authority = parts.authority
    for right in _DRAWING:
        if authority.may(who, right):
            continue
        for camera in cameras:
            if right not in authority.lasting_rights(who, camera):
                return right, camera
        if (not cameras and not groups) or any(right not in authority.rights_in(who, "", (group,)) for group in groups):
            return right, None
    return None


async def _check_right(request: web.Request, cameras: Sequence[str], groups: Sequence[str]) -> None:
    """Whoever asks may draw a geofence for these.

    Raises:
        RefusedError: not for all of them.
        NotFoundError: one of the cameras is none that they may know of.
    """
    lacking = _lacking(services(request), principal(request), cameras, groups)
    if lacking is not None:
        await refuse(request, principal(request), *lacking)


def _with(parts: Services, who: Asker, drawn: Drawn, values: dict[str, Any]) -> Drawn:
    """What is drawn, with what the request says of whom it is for and what it tells.

    Raises:
        BadRequestError: a member does not fit, or no camera that `who` sees is in a group.
        NotFoundError: they may not know of a camera.
    """
    seen = [camera for camera in parts.fleet.cameras if parts.authority.sees(who, camera)]
    if "cameras" in values:
        cameras = _names(values, "cameras")
        for camera in cameras:
            if camera not in seen and camera not in drawn.cameras:
                raise NotFoundError(f'there is no camera "{camera[:64]}"')
        drawn = replace(drawn, cameras=cameras)
    if "groups" in values:
        groups = _names(values, "groups")
        known = {group for camera in seen for group in parts.authority.groups(camera)}
        for i, group in enumerate(groups):
            if group not in known and group not in drawn.groups:
                raise BadRequestError(f'no camera is in the group "{group[:64]}"', pointer=f"/groups/{i}")
        drawn = replace(drawn, groups=groups)
    try:
        if "tells" in values:
            drawn = replace(drawn, tells=Tells(member(values, "tells")))
    except ValueError:
        raise BadRequestError(f'"tells" is one of {", ".join(Tells)}', pointer="/tells") from None
    try:
        if "grade" in values:
            drawn = replace(drawn, grade=Grade(member(values, "grade")))
    except ValueError:
        raise BadRequestError(f'"grade" is one of {", ".join(Grade)}', pointer="/grade") from None
    return drawn


def _names(values: dict[str, Any], name: str) -> tuple[str, ...]:
    given = values[name]
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise BadRequestError(f'"{name}" must be a list of texts', pointer=f"/{name}")
    return tuple(dict.fromkeys(given))


def _find(request: web.Request) -> Geofence:
    """The one that the path names, if one may know of it.

    Raises:
        NotFoundError: one may not, or there is none.
    """
    parts, text = services(request), request.match_info["geofence"]
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0
    found = next((one for one in parts.desk.geofences.all() if one.id == number), None)
    if found is None or not may_see(parts, principal(request), found):
        raise NotFoundError(f"there is no geofence {text[:20]}")
    return found


_ALL, _ONE, _SHOWN = "/api/geofences", "/api/geofences/{geofence}", Body(schema=ref("Geofence"))

ROUTES = [
    Route("GET", _ALL, geofences, "List geofences", "geofences", answers={200: Body(schema=GEOFENCES)}),
    Route("POST", _ALL, draw, "Draw a geofence", "geofences", takes=Body(schema=NEW_GEOFENCE), answers={201: _SHOWN}),
    Route("GET", _ONE, geofence, "Show a geofence", "geofences", answers={200: _SHOWN}),
    Route(
        "PATCH",
        _ONE,
        change,
        "Change a geofence",
        "geofences",
        takes=Body(schema=GEOFENCE_CHANGE),
        answers={200: _SHOWN},
    ),
    Route("DELETE", _ONE, remove, "Remove a geofence", "geofences", answers={204: None}),
]
