"""What is on disk: positions and recordings of a camera, also of one that was removed since."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web

from gateway.access.audit import Action
from gateway.access.privacy import Span, shown
from gateway.access.rights import Right
from gateway.base.errors import BadRequestError, NotFoundError
from gateway.media.model import Fix, UtcNs
from gateway.positions.writers import WRITERS
from web.body import interval
from web.reasons import reason
from web.routes import Body, Route
from web.schemas import FIXES, RECORDINGS
from web.services import address, principal, services
from web.views import utc

_INTERVAL = {"from": "RFC 3339; without it from the beginning", "to": "RFC 3339; without it to the end"}


async def positions(request: web.Request) -> web.StreamResponse:
    """`GET /api/cameras/{id}/positions`: every fix of the interval, sent as it is read."""
    return await send_positions(request, *interval(request))


async def send_positions(request: web.Request, start: UtcNs | None, end: UtcNs | None) -> web.StreamResponse:
    """The fixes in [start, end) of the camera that the path names, in the form that the query asks for."""
    parts, camera_id = services(request), request.match_info["id"]
    form = request.query.get("format", "json")
    if form not in WRITERS:
        raise BadRequestError(f'there is no format "{form}": use {", ".join(WRITERS)}')
    await note(request, Action.POSITIONS, camera_id, start, end, reason(request, Right.POSITION, camera_id))
    hidden = await parts.privacy.hidden_positions(camera_id, start, end)
    batches = _shown(parts.positions.batches(camera_id, start, end), hidden)
    # Read before the answer begins: what goes wrong then still gets a status of its own.
    first: list[Fix] = await anext(batches, [])
    if not first:
        await known(request, camera_id)
    camera = parts.fleet.cameras.get(camera_id)
    writer = WRITERS[form](camera_id if camera is None else camera.settings.label)
    response = web.StreamResponse(headers={"Content-Type": f"{writer.content_type}; charset=utf-8"})
    if form != "json":
        response.headers["Content-Disposition"] = f'attachment; filename="{camera_id}.{writer.extension}"'
    response.enable_compression()
    await response.prepare(request)
    await response.write((writer.start() + writer.write(first)).encode())
    async for batch in batches:
        await response.write(writer.write(batch).encode())
    await response.write_eof(writer.end().encode())
    return response


async def recordings(request: web.Request) -> web.Response:
    """`GET /api/cameras/{id}/recordings`: what there is, and what is missing and why."""
    catalog = services(request).catalog
    camera_id, (start, end) = request.match_info["id"], interval(request)
    why = reason(request, Right.RECORDED, camera_id)
    await note(request, Action.RECORDINGS, camera_id, start, end, why)
    spans = await catalog.recordings(camera_id, start, end)
    gaps = await catalog.gaps(camera_id, start, end)
    if not spans:
        await known(request, camera_id)
    body = {
        "recordings": [{"start": utc(span.start_ns), "end": utc(span.end_ns)} for span in spans],
        "gaps": [
            {"start": utc(gap.start_ns), "end": utc(gap.end_ns), "reason": gap.reason, "detail": gap.detail}
            for gap in gaps
        ],
    }
    return web.json_response(body)


async def _shown(batches: AsyncIterator[list[Fix]], hidden: list[Span]) -> AsyncIterator[list[Fix]]:
    """Without what the wearer's privacy mode hid at the time."""
    async for batch in batches:
        yield shown(batch, hidden)


async def known(request: web.Request, camera_id: str) -> None:
    """Raise NotFoundError where there is no such camera, nor anything of it."""
    parts = services(request)
    if camera_id not in parts.fleet.cameras and not await parts.catalog.recordings(camera_id, None, None):
        raise NotFoundError(f'there is no camera "{camera_id}", nor anything of it')


async def note(
    request: web.Request, action: Action, camera_id: str, start: UtcNs | None, end: UtcNs | None, why: str | None
) -> None:
    """Write into the audit, before it is shown, that somebody is shown an interval of a camera."""
    await services(request).audit.record(
        action,
        actor=principal(request).name,
        address=address(request),
        camera=camera_id,
        reason=why,
        interval={"from": utc(start), "to": utc(end)},
    )


ROUTES = [
    Route(
        "GET",
        "/api/cameras/{id}/positions",
        positions,
        "List where the wearer was",
        "archive",
        query=_INTERVAL | {"format": "json (default), geojson, gpx or kml"},
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
