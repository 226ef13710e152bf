"""Groups of cameras over HTTP. There is nothing to make: a group is there as long as a camera or a user names it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiohttp import web

from gateway.access.rights import Right
from web.routes import Body, Route
from web.schemas import GROUPS
from web.services import principal, services


async def list_groups(request: web.Request) -> web.Response:
    """`GET /api/groups`, by name: of the cameras those that one may see, and no group that has none of them.

    Whoever may configure everything also sees who is limited to a group, even to one that no camera is in.
    """
    parts, who = services(request), principal(request)
    cameras: dict[str, list[str]] = {}
    for camera in parts.fleet.cameras.values():
        if parts.authority.sees(who, camera.id):
            for group in camera.settings.groups:
                cameras.setdefault(group, []).append(camera.id)
    if not parts.authority.may(who, Right.CONFIGURE):
        return _answer({"name": name, "cameras": cameras[name]} for name in sorted(cameras))
    limited: dict[str, list[str]] = {}
    for user in await parts.users.list():
        for group in user.groups:
            limited.setdefault(group, []).append(user.name)
    return _answer(
        {"name": name, "cameras": cameras.get(name, []), "users": limited.get(name, [])}
        for name in sorted(cameras.keys() | limited.keys())
    )


def _answer(groups: Iterable[dict[str, Any]]) -> web.Response:
    return web.json_response({"groups": list(groups)})


_ANSWERS = {200: Body(schema=GROUPS)}
ROUTES = [Route("GET", "/api/groups", list_groups, "List the groups of cameras", "cameras", answers=_ANSWERS)]
