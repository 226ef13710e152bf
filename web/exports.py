"""Exports: asking for one, following it, and fetching what came of it.

Whoever asked sees an export, and administrators do, as long as they may know of its cameras. Fetching a file takes the
rights that what is in it takes, at that moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from aiohttp import web

from gateway.access.portion import Portion
from gateway.access.rights import Right
from gateway.access.users import Principal
from gateway.base.errors import BadRequestError, NotFoundError
from gateway.base.roles import Role
from gateway.evidence.export import Export, ExportRequest, Kind
from web.body import json_object, moment, no_others
from web.guard import refuse
from web.reasons import reason
from web.routes import Body, Route
from web.schema_forms import ref
from web.schemas import EXPORTS
from web.services import Services, address, principal, services
from web.views import utc

MAX_CAMERAS = 16
MAX_LISTED = 500
_TYPES = {
    ".mp4": "video/mp4",
    ".gpx": "application/gpx+xml",
    ".geojson": "application/geo+json",
    ".json": "application/json",
    ".zip": "application/zip",
}


async def ask(request: web.Request) -> web.Response:
    """`POST /api/exports`: 201, and it is made when its turn comes."""
    values = await json_object(request)
    no_others(values, {"cameras", "from", "to", "kind", "burn_in"})
    cameras = _cameras(values)
    why = await may_export(request, cameras)
    from_ns, to_ns = moment(values, "from"), moment(values, "to")
    if from_ns >= to_ns:
        raise BadRequestError('"from" must lie before "to"', pointer="/from")
    kind, burn_in = _kind(values)
    wanted = ExportRequest(
        cameras, from_ns, to_ns, principal(request).name, address(request), kind, burn_in, reason=why
    )
    return await ordered(request, wanted)


async def may_export(request: web.Request, cameras: Sequence[str]) -> str | None:
    """Refuse who may not export all of these; why they are exported, where that was said.

    Raises:
        RefusedError: one may not, or has to say why.
        NotFoundError: one may not know of a camera.
    """
    parts, who, reasons = services(request), principal(request), []
    for camera in cameras:
        if not parts.authority.may(who, Right.EXPORT, camera):
            await refuse(request, who, Right.EXPORT, camera)
        reasons.append(reason(request, Right.EXPORT, camera))
    return next(filter(None, reasons), None)


async def ordered(request: web.Request, wanted: ExportRequest) -> web.Response:
    """Queue an export, with what whoever asks may have of sound, positions and audit: 201 with it.

    Raises:
        QueueFullError: too many wait already.
        ConflictError: nothing would come of it.
    """
    parts, who = services(request), principal(request)
    portions = {camera: Portion.of(parts.authority.rights(who, camera)) for camera in wanted.cameras}
    export = await parts.exports.ask(
        replace(
            wanted,
            sound=frozenset(camera for camera, portion in portions.items() if portion.sound),
            positions=frozenset(camera for camera, portion in portions.items() if portion.positions),
            audit=wanted.kind is Kind.PACKAGE and parts.authority.may(who, Right.AUDIT),
        )
    )
    headers = {"Location": f"/api/exports/{export.id}"}
    return web.json_response(export_json(export), status=201, headers=headers)


async def list_exports(request: web.Request) -> web.Response:
    """`GET /api/exports`: the newest first."""
    parts, who = services(request), principal(request)
    seen = [export_json(export) for export in parts.exports.all() if may_see(parts, who, export)]
    return web.json_response({"exports": seen[:MAX_LISTED]})


async def show(request: web.Request) -> web.Response:
    """`GET /api/exports/{id}`."""
    return web.json_response(export_json(_export(request)))


async def end(request: web.Request) -> web.Response:
    """`DELETE /api/exports/{id}`: 200 with the export that is cancelled now; 204: it was over, and is removed."""
    export, who = _export(request), principal(request)
    left = await services(request).exports.cancel_or_remove(export.id, actor=who.name, address=address(request))
    return web.Response(status=204) if left is None else web.json_response(export_json(left))


async def fetch(request: web.Request) -> web.StreamResponse:
    """`GET /api/exports/{id}/files/{name}`: with Range and ETag."""
    parts, who, export = services(request), principal(request), _export(request)
    wanted = export.request
    for camera in wanted.cameras:
        needed = Portion(camera in wanted.sound, camera in wanted.positions).rights | {Right.EXPORT}
        for right in sorted(needed - parts.authority.rights(who, camera)):
            await refuse(request, who, right, camera)
    if wanted.audit and not parts.authority.may(who, Right.AUDIT):
        await refuse(request, who, Right.AUDIT, None)
    name = request.match_info["name"]
    path = parts.exports.path(export.id, name)
    if request.method == "GET":
        await parts.exports.fetched(export, name, actor=who.name, address=address(request))
    headers = {
        "Content-Type": _TYPES.get(PurePath(name).suffix, "application/octet-stream"),
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "private, no-cache",  # kept with its ETag, and asked for again: who may fetch it can change
    }
    return web.FileResponse(path, chunk_size=1 << 18, headers=headers)


def may_see(parts: Services, who: Principal, export: Export) -> bool:
    """Whether `who` may know of an export."""
    own = export.request.actor == who.name or who.role is Role.ADMINISTRATOR
    return own and all(parts.authority.sees(who, camera) for camera in export.request.cameras)


def export_json(export: Export) -> dict[str, Any]:
    """An Export of the public surface."""
    wanted = export.request
    return {
        "id": export.id,
        "status": export.status.value,
        "progress": round(export.progress, 3),
        "cameras": list(wanted.cameras),
        "from": utc(wanted.from_ns),
        "to": utc(wanted.to_ns),
        "kind": wanted.kind.value,
        "burn_in": wanted.burn_in,
        "incident": wanted.incident,
        "sound": sorted(wanted.sound),
        "positions": sorted(wanted.positions),
        "reason": wanted.reason,
        "created_by": wanted.actor,
        "created": utc(export.created_ns),
        "finished": utc(export.finished_ns),
        "error": export.error,
        "files": [file.to_json() for file in export.files],
    }


def _export(request: web.Request) -> Export:
    """The export that the request names, to who may see it; to others it is not there."""
    parts, export_id = services(request), request.match_info["id"]
    export = parts.exports.export(export_id)
    if not may_see(parts, principal(request), export):
        raise NotFoundError(f'there is no export "{export_id}"')
    return export


def _cameras(values: dict[str, Any]) -> tuple[str, ...]:
    cameras = values.get("cameras")
    if not isinstance(cameras, list) or not all(isinstance(camera, str) and camera for camera in cameras):
        raise BadRequestError('"cameras" is missing, or no list of cameras\' ids', pointer="/cameras")
    if not 1 <= len(cameras) <= MAX_CAMERAS or len(set(cameras)) < len(cameras):
        raise BadRequestError(f"name 1 to {MAX_CAMERAS} cameras, each once", pointer="/cameras")
    return tuple(cameras)


def _kind(values: dict[str, Any]) -> tuple[Kind, bool]:
    try:
        kind = Kind(values.get("kind", Kind.VIDEO))
    except ValueError:
        raise BadRequestError('"kind" is neither "video" nor "package"', pointer="/kind") from None
    burn_in = values.get("burn_in", False)
    if not isinstance(burn_in, bool):
        raise BadRequestError('"burn_in" is neither true nor false', pointer="/burn_in")
    if burn_in and kind is Kind.PACKAGE:
        raise BadRequestError(
            'a package holds the recordings as they are: ask for "video" to have something burnt in', pointer="/burn_in"
        )
    return kind, burn_in


_EXPORT = Body(schema=ref("Export"))
ROUTES = [
    Route("GET", "/api/exports", list_exports, "List the exports", "exports", answers={200: Body(schema=EXPORTS)}),
    Route(
        "POST",
        "/api/exports",
        ask,
        "Ask for an export",
        "exports",
        takes=Body(schema=ref("NewExport")),
        answers={201: _EXPORT},
    ),
    Route("GET", "/api/exports/{id}", show, "Show one export", "exports", answers={200: _EXPORT}),
    Route(
        "DELETE",
        "/api/exports/{id}",
        end,
        "Cancel an export, or remove one that is over",
        "exports",
        answers={200: _EXPORT, 204: None},
    ),
    Route(
        "GET",
        "/api/exports/{id}/files/{name}",
        fetch,
        "Fetch a file of an export (Range)",
        "exports",
        answers={200: Body("application/octet-stream", {"type": "string", "format": "binary"})},
    ),
]
