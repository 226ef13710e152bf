"""The settings file over HTTP: read it again, and what of it waits for the next start. It is not changed from here."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from gateway.live_settings import Reading
from web.routes import Body, Route
from web.schemas import SETTINGS
from web.services import address, principal, services
from web.views import utc


async def pending(request: web.Request) -> web.Response:
    """`GET /api/settings/pending`: what came of reading the settings last."""
    return web.json_response(_reading_json(services(request).live.last))


async def reload(request: web.Request) -> web.Response:
    """`POST /api/settings/reload`: as SIGHUP does; 409 when the settings do not hold, and nothing has changed."""
    reading = await services(request).live.reload(actor=principal(request).name, address=address(request))
    return web.json_response(_reading_json(reading))


def _reading_json(reading: Reading) -> dict[str, Any]:
    return {
        "read_utc": utc(reading.utc_ns),
        "problem": reading.problem,
        "applied": [difference.json() for difference in reading.applied],
        "pending": [difference.json() for difference in reading.pending],
    }


_ANSWERS = {200: Body(schema=SETTINGS)}
ROUTES = [
    Route(
        "GET", "/api/settings/pending", pending, "Show what waits for the next start", "operations", answers=_ANSWERS
    ),
    Route("POST", "/api/settings/reload", reload, "Read the settings file again", "operations", answers=_ANSWERS),
]
