"""What is on disk: positions and recordings of a camera, also of one that was removed since."""

from __future__ import annotations

import json

from aiohttp import web

from gateway.access.audit import Action
from gateway.base.errors import BadRequestError, NotFoundError
from gateway.media.model import UtcNs
from gateway.positions.formats import fix_json
from gateway.positions.geojson import geojson
from gateway.positions.gpx import gpx
from web.body import interval
from web.routes import Body, Route
from web.schemas import FIXES, RECORDINGS
from web.services import address, principal, services
from web.views import utc

_INTERVAL = {"from": "RFC 3339; without it from the beginning", "to": "RFC 3339; without it to the end"}


async def positions(request: web.Request) -> web.Response:
    """`GET /api/cameras/{id}/positions`: every fix of the interval, as JSON, GeoJSON or GPX."""
    parts = services(request)
    camera_id, (start, end) = request.match_info["id"], interval(request)
    form = request.query.get("format", "json")
    if form not in {"json", "geojson", "gpx"}:
        raise BadRequestError(f'there is no format "{form}": use json, geojson or gpx')
    await _audit(request, Action.POSITIONS, camera_id, start, end)
    fixes = await parts.positions.fixes(camera_id, start, end)
    if not fixes:
        await _known(request, camera_id)
    name = parts.fleet.cameras[camera_id].settings.label if camera_id in parts.fleet.cameras else camera_id
    if form == "gpx":
        body, content_type = gpx(name, fixes), "application/gpx+xml"
    elif form == "geojson":
        body, content_type = json.dumps(geojson(name, fixes)).encode(), "application/geo+json"
    else:
        body, content_type = json.dumps({"fixes": [fix_json(fix) for fix in fixes]}).encode(), "application/json"
    response = web.Response(body=body, content_type=content_type)
    if form != "json":
        response.headers["Content-Disposition"] = f'attachment; filename="{camera_id}.{form}"'
    if len(body) > 4096:
        response.enable_compression()
    return response


async def recordings(request: web.Request) -> web.Response:
    """`GET /api/cameras/{id}/recordings`: what there is, and what is missing and why."""
    catalog = services(request).catalog
    camera_id, (start, end) = request.match_info["id"], interval(request)
    await _audit(request, Action.RECORDINGS, camera_id, start, end)
    spans = await catalog.recordings(camera_id, start, end)
    gaps = await catalog.gaps(camera_id, start, end)
    if not spans:
        await _known(request, camera_id)
    body = {
        "recordings": [{"start": utc(span.start_ns), "end": utc(span.end_ns)} for span in spans],
        "gaps": [
            {"start": utc(gap.start_ns), "end": utc(gap.end_ns), "reason": gap.reason, "detail": gap.detail}
            for gap in gaps
        ],
    }
    return web.json_response(body)


async def _known(request: web.Request, camera_id: str) -> None:
    parts = services(request)
    if camera_id not in parts.fleet.cameras and not await parts.catalog.recordings(camera_id, None, None):
        raise NotFoundError(f'there is no camera "{camera_id}", nor anything of it')


async def _audit(request: web.Request, action: Action, camera_id: str, start: UtcNs | None, end: UtcNs | None) -> None:
    await services(request).audit.record(
        action,
        actor=principal(request).name,
        address=address(request),
        camera=camera_id,
        interval={"from": utc(start), "to": utc(end)},
    )


ROUTES = [
    Route(
        "GET",
        "/api/cameras/{id}/positions",
        positions,
        "List where the wearer was",
        "archive",
        query=_INTERVAL | {"format": "json (default), geojson or gpx"},
        answers={200: Body(schema=FIXES)},
    ),
    Route(
        "GET",
        "/api/cameras/{id}/recordings",
        recordings,
        "List what is recorded, and the gaps",
        "archive",
        query=_INTERVAL,
        answers={200: Body(schema=RECORDINGS)},
    ),
]
