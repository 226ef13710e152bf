"""`GET /api/cameras/{id}/trajectory`: the way a unit went, in as few points as a map can show.

Every position, as it came, is `web.archive`'s; which points are enough, `gateway.positions.trajectory` decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from aiohttp import web

from gateway.access.audit import Action
from gateway.access.privacy import bounds
from gateway.access.rights import Right
from gateway.base.errors import BadRequestError
from gateway.media.model import NS, UtcNs
from web.archive import known, note
from web.body import interval
from web.reasons import reason
from web.routes import Body, Route
from web.services import services

if TYPE_CHECKING:
    from gateway.positions.columns import Columns

DEFAULT_POINTS = 2000
MIN_POINTS, MAX_POINTS = 2, 50_000
MAX_NS = 7 * 86_400 * NS
_TIMES = {"type": "array", "items": {"type": "array", "items": {"type": "string", "format": "date-time"}}}
_SPEEDS = {"type": "array", "items": {"type": "array", "items": {"type": ["number", "null"]}}}
SCHEMA = {
    "type": "object",
    "required": ["type", "id", "geometry", "properties"],
    "properties": {
        "type": {"const": "Feature"},
        "id": {"type": "string", "description": "the camera's"},
        "geometry": {
            "type": "object",
            "description": "a MultiLineString (RFC 7946): a line for each run without a break over five seconds",
        },
        "properties": {
            "type": "object",
            "required": [
                "name",
                "start",
                "end",
                "fixes",
                "points",
                "runs_left_out",
                "tolerance_m",
                "times",
                "speeds_mps",
            ],
            "properties": {
                "name": {"type": "string"},
                "start": {"type": ["string", "null"], "format": "date-time"},
                "end": {"type": ["string", "null"], "format": "date-time"},
                "fixes": {"type": "integer", "description": "positions in the interval"},
                "points": {"type": "integer", "description": "those that are here"},
                "runs_left_out": {
                    "type": "integer",
                    "description": "whole runs, evenly, when they were more than points",
                },
                "tolerance_m": {
                    "type": "number",
                    "description": "how far at most what was left out lies from where the line is at its moment",
                },
                "times": {**_TIMES, "description": "of each position of each line"},
                "speeds_mps": {**_SPEEDS, "description": "likewise, as the unit said it"},
            },
        },
    },
}


async def trajectory(request: web.Request) -> web.Response:
    """`GET /api/cameras/{id}/trajectory`: a GeoJSON Feature."""
    parts, camera_id = services(request), request.match_info["id"]
    start, end = _interval(request)
    points = _points(request)
    why = reason(request, Right.POSITION, camera_id)
    # Read while the audit is written; nothing is shown before that is done.
    _, hidden, columns = await asyncio.gather(
        note(request, Action.POSITIONS, camera_id, start, end, why),
        parts.privacy.hidden_positions(camera_id, start, end),
        parts.positions.columns(camera_id, start, end),
    )
    if not any(map(len, columns)):
        await known(request, camera_id)
    label = parts.fleet.label(camera_id)
    text = await asyncio.to_thread(_document, columns, bounds(hidden), points, camera_id, label)
    response = web.Response(text=text, content_type="application/geo+json")
    response.enable_compression()
    return response


def _document(
    columns: Sequence[Columns], hidden: Iterable[tuple[UtcNs, UtcNs | None]], points: int, camera: str, label: str
) -> str:
    # Here, because numpy takes a fifth of a second to load, and a gateway that starts has better things to do.
    from gateway.positions.trajectory import trajectory, trajectory_text

    return trajectory_text(camera, label, trajectory(columns, hidden, points))


def _interval(request: web.Request) -> tuple[UtcNs, UtcNs]:
    start, end = interval(request)
    if start is None or end is None or not 0 < end - start <= MAX_NS:
        raise BadRequestError(f'say "from" and "to", at most {MAX_NS // (86_400 * NS)} days apart')
    return start, end


def _points(request: web.Request) -> int:
    text = request.query.get("points", str(DEFAULT_POINTS))
    points = int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0
    if not MIN_POINTS <= points <= MAX_POINTS:
        raise BadRequestError(f'"points" is a number from {MIN_POINTS} to {MAX_POINTS}')
    return points


ROUTES = [
    Route(
        "GET",
        "/api/cameras/{id}/trajectory",
        trajectory,
        "Show the way a unit went, in as few points as a map can show",
        "archive",
        query={
            "from": "RFC 3339",
            "to": "RFC 3339, at most seven days later",
            "points": f"how many at most, up to {MAX_POINTS}; without it {DEFAULT_POINTS}",
        },
        answers={200: Body("application/geo+json", SCHEMA)},
    )
]
