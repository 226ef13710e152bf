"""Groups of cameras over HTTP. There is nothing to make: a group is there as long as a camera or a user names it."""

from __future__ import annotations

from aiohttp import web

from web.routes import Body, Route
from web.schemas import GROUPS
from web.services import principal, services


async def list_groups(request: web.Request) -> web.Response:
    """`GET /api/groups`, by name: of the cameras those that one may see, and no group that has none of them."""
    cameras: dict[str, list[str]] = {}
    parts, who = services(request), principal(request)
    for camera in parts.fleet.cameras.values():
        if not parts.authority.sees(who, camera.id):
            continue
        for group in camera.settings.groups:
            cameras.setdefault(group, []).append(camera.id)
    return web.json_response({"groups": [{"name": name, "cameras": cameras[name]} for name in sorted(cameras)]})


_ANSWERS = {200: Body(schema=GROUPS)}
ROUTES = [Route("GET", "/api/groups", list_groups, "List the groups of cameras", "cameras", answers=_ANSWERS)]
