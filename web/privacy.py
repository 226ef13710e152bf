"""The wearer's privacy mode over HTTP."""

from __future__ import annotations

from aiohttp import web

from gateway.base.errors import BadRequestError
from web.body import json_object, member, no_others
from web.reasons import checked
from web.routes import Body, Route
from web.schema_forms import ref
from web.schemas import PRIVACY_CHANGE
from web.services import address, principal, services
from web.views import camera_json


async def switch(request: web.Request) -> web.Response:
    """`PUT /api/cameras/{id}/privacy` {on, reason}: what it hides is hidden when this is answered with the Camera."""
    parts, who = services(request), principal(request)
    camera = parts.fleet.camera(request.match_info["id"])
    values = await json_object(request)
    no_others(values, {"on", "reason"})
    on = values.get("on")
    if not isinstance(on, bool):
        raise BadRequestError('"on" is missing, or neither true nor false', pointer="/on")
    why = checked(member(values, "reason"))
    await parts.privacy.switch(camera.id, on, reason=why, actor=who.name, address=address(request))
    return web.json_response(camera_json(parts, camera, who))


ROUTES = [
    Route(
        "PUT",
        "/api/cameras/{id}/privacy",
        switch,
        "Switch the wearer's privacy mode",
        "cameras",
        takes=Body(schema=PRIVACY_CHANGE),
        answers={200: Body(schema=ref("Camera"))},
    )
]
