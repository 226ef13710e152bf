"""An incident as one evidence package: each camera's own interval, and what was written about it."""

from __future__ import annotations

from aiohttp import web

from gateway.access.rights import Right
from gateway.base.errors import BadRequestError
from gateway.evidence.export import ExportRequest, Kind
from web.body import json_object, no_others, texts
from web.exports import may_export, ordered
from web.incident_views import seen
from web.incidents import seen_one, with_right
from web.routes import Body, Route
from web.schema_forms import ref
from web.schemas_incidents import INCIDENT_EXPORT
from web.services import address, principal, services


async def export(request: web.Request) -> web.Response:
    """`POST /api/incidents/{incident}/export` {cameras}: 201 with the Export. One that is live goes in up to now."""
    parts, who, incident = services(request), principal(request), await seen_one(request)
    values = await json_object(request, optional=True)
    no_others(values, {"cameras"})
    if not values.get("cameras"):
        await with_right(request, Right.EXPORT, incident)
    told = [one.camera for one in seen(parts, who, incident)]
    cameras = tuple(dict.fromkeys(texts(values, "cameras"))) or tuple(told)
    for camera in cameras:
        if camera not in told:
            raise BadRequestError(f'this incident has no camera "{camera[:80]}"', pointer="/cameras")
    why = await may_export(request, cameras)
    spans = incident.spans(cameras, parts.clock.utc_ns())
    wanted = ExportRequest(
        cameras, min(start for start, _ in spans), max(end for _, end in spans), who.name, address(request),
        Kind.PACKAGE, reason=why, spans=spans, incident=incident.id,
    )  # fmt: skip
    return await ordered(request, wanted)


ROUTES = [
    Route(
        "POST",
        "/api/incidents/{incident}/export",
        export,
        "Export an incident as one evidence package",
        "incidents",
        takes=Body(schema=INCIDENT_EXPORT),
        answers={201: Body(schema=ref("Export"))},
    )
]
