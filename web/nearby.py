"""Who is nearby, over HTTP: units by distance from a place or from a unit, now or at a moment of the past."""

from __future__ import annotations

import math
from typing import Any

from aiohttp import web

from gateway.access.audit import Action
from gateway.access.rights import Right
from gateway.access.users import Principal
from gateway.base.errors import BadRequestError, ConflictError
from gateway.incidents.nearby import Near
from gateway.media.model import UtcNs
from gateway.positions.formats import fix_json
from web.body import instant, whole_number
from web.guard import refuse
from web.routes import Body, Route
from web.schemas_incidents import NEARBY
from web.services import Services, address, principal, services
from web.views import utc

LIMIT, MAX_LIMIT = 20, 500


async def nearby(request: web.Request) -> web.Response:
    """`GET /api/nearby`: of the units whose position one may know, the nearest first."""
    parts, who = services(request), principal(request)
    at_ns = instant(request, "at")
    limit = whole_number(request, "limit", MAX_LIMIT) or LIMIT
    radius_m = math.inf
    if "radius_m" in request.query:
        radius_m = number({"radius_m": _float(request, "radius_m")}, "radius_m", math.inf)
    camera = request.query.get("camera")
    if camera is not None:
        if not parts.authority.may(who, Right.POSITION, camera):
            await refuse(request, who, Right.POSITION, camera)
        lat, lon = await _where(parts, camera, at_ns)
    else:
        lat, lon = (number({name: _float(request, name)}, name, most) for name, most in (("lat", 90), ("lon", 180)))
    found = await place_of(parts, who, lat, lon, at_ns, radius_m=radius_m, limit=limit)
    units = [one for one in found if one.camera != camera]
    await parts.audit.record(
        Action.NEARBY, actor=who.name, address=address(request), camera=camera, lat=lat, lon=lon, at=utc(at_ns),
        units=[one.camera for one in units],
    )  # fmt: skip
    shown = [
        {
            "camera": one.camera,
            "name": parts.fleet.label(one.camera),
            "distance_m": round(one.distance_m, 1),
            "age_s": round(one.age_s, 1),
            "fix": fix_json(one.fix),
        }
        for one in units
    ]
    told_ns = parts.clock.utc_ns() if at_ns is None else at_ns
    return web.json_response({"utc": utc(told_ns), "lat": lat, "lon": lon, "units": shown})


async def place_of(
    parts: Services,
    who: Principal,
    lat: float,
    lon: float,
    at_ns: UtcNs | None,
    *,
    radius_m: float = math.inf,
    limit: int = MAX_LIMIT,
) -> list[Near]:
    """The units near a place, of those whose position `who` may know."""
    cameras = [camera for camera in parts.fleet.cameras if parts.authority.may(who, Right.POSITION, camera)]
    return await parts.desk.nearby.find(lat, lon, at_ns, cameras, radius_m=radius_m, limit=limit)


def number(values: dict[str, Any], name: str, most: float) -> float:
    """The member `name`: a number from -`most` to `most`.

    Raises:
        BadRequestError: it is missing, or something else.
    """
    value = values.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not -most <= value <= most:
        raise BadRequestError(f'"{name}" must be a number from {-most:g} to {most:g}', pointer=f"/{name}")
    return float(value)


def _float(request: web.Request, name: str) -> float | None:
    """The query parameter `name` as a number; None when it is none."""
    try:
        return float(request.query.get(name, ""))
    except ValueError:
        return None


async def _where(parts: Services, camera: str, at_ns: UtcNs | None) -> tuple[float, float]:
    """Where a unit is or was.

    Raises:
        ConflictError: nobody knows.
    """
    found = await parts.desk.nearby.find(0, 0, at_ns, [camera], limit=1)
    if not found:
        raise ConflictError(f"it is not known where {camera} {'is' if at_ns is None else 'was then'}: name a place")
    return found[0].fix.lat, found[0].fix.lon


ROUTES = [
    Route(
        "GET",
        "/api/nearby",
        nearby,
        "Say who is near a place",
        "incidents",
        query={
            "lat": "degrees, with lon",
            "lon": "degrees",
            "camera": "instead of a place: near this unit",
            "at": "RFC 3339: at that moment; without it, now",
            "radius_m": "metres, at most so far away",
            "limit": f"at most so many; {LIMIT}, and not above {MAX_LIMIT}",
        },
        answers={200: Body(schema=NEARBY)},
    ),
]
