"""Who watches a camera, and how well: for whoever looks after the gateway, not for the viewers themselves."""

from __future__ import annotations

from dataclasses import asdict

from aiohttp import web

from web.routes import Body, Route
from web.schemas import VIEWERS
from web.services import services


async def list_viewers(request: web.Request) -> web.Response:
    """`GET /api/cameras/{id}/viewers`: what their reports say, oldest session first; no names and no session ids."""
    parts = services(request)
    camera = parts.fleet.camera(request.match_info["id"])
    sessions = (session for session in parts.whep.sessions if session.camera_id == camera.id)
    shown = [asdict(stats) for session in sessions if (stats := session.stats) is not None]
    return web.json_response({"viewers": shown})


ROUTES = [
    Route(
        "GET",
        "/api/cameras/{id}/viewers",
        list_viewers,
        "Show how well a camera's viewers are served",
        "live",
        answers={200: Body(schema=VIEWERS)},
    )
]
