"""Having a camera recorded that records on an event."""

from __future__ import annotations

from aiohttp import web

from gateway.access.audit import Action
from gateway.base.errors import BadRequestError
from web.body import json_object, member, no_others
from web.reasons import checked
from web.routes import Body, Route
from web.schema_forms import ref
from web.schemas import RECORDING_REQUEST
from web.services import address, principal, services
from web.views import camera_json


async def request_recording(request: web.Request) -> web.Response:
    """`POST /api/cameras/{id}/recording` {on, reason}: it is recorded until somebody says `on`: false; 200, the Camera.

    What the camera's own alarms set off goes on, and so does the post-roll.
    """
    parts, who = services(request), principal(request)
    camera = parts.fleet.camera(request.match_info["id"])
    values = await json_object(request)
    no_others(values, {"on", "reason"})
    on = values.get("on")
    if not isinstance(on, bool):
        raise BadRequestError('"on" is missing, or neither true nor false', pointer="/on")
    why = checked(member(values, "reason"))
    parts.on_event.check_request(camera.id)
    await parts.audit.record(
        Action.TRIGGER, actor=who.name, address=address(request), camera=camera.id, reason=why, on=on
    )
    parts.on_event.request(camera.id, on, by=who.name)
    return web.json_response(camera_json(parts, camera, who))


ROUTES = [
    Route(
        "POST",
        "/api/cameras/{id}/recording",
        request_recording,
        "Have a camera recorded that records on an event",
        "cameras",
        takes=Body(schema=RECORDING_REQUEST),
        answers={200: Body(schema=ref("Camera"))},
    )
]
