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
    known = {one.camera: one for one in seen(parts, who, incident)}
    cameras = list(dict.fromkeys(texts(values, "cameras"))) or list(known)
    for camera in cameras:
        if camera not in known:
            raise BadRequestError(f'this incident has no camera "{camera[:80]}"', pointer="/cameras")
    why = await may_export(request, cameras)
    now, chosen = parts.clock.utc_ns(), [known[camera] for camera in cameras]
    spans = [(one.start_ns, max(one.start_ns + 1, now if one.end_ns is None else one.end_ns)) for one in chosen]
    wanted = ExportRequest(
        tuple(one.camera for one in chosen), min(start for start, _ in spans), max(end for _, end in spans),
        who.name, address(request), Kind.PACKAGE, reason=why, spans=tuple(spans), incident=incident.id,
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
