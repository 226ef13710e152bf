"""Cameras over HTTP: list, add, change, remove, find on the network."""

from __future__ import annotations

from aiohttp import web

from gateway.access.audit import Action
from gateway.access.rights import Right
from gateway.base.errors import RefusedError
from gateway.ingest.registry import camera_settings
from web.body import json_object
from web.routes import Body, Route
from web.schema_forms import ref
from web.schemas import CAMERAS, DEVICES
from web.services import address, principal, services
from web.views import camera_json, settings_json


async def list_cameras(request: web.Request) -> web.Response:
    """`GET /api/cameras`."""
    parts, who = services(request), principal(request)
    seen = (camera for camera in parts.fleet.cameras.values() if parts.authority.sees(who, camera.id))
    return web.json_response({"cameras": [camera_json(parts, camera, who) for camera in seen]})


async def get_camera(request: web.Request) -> web.Response:
    """`GET /api/cameras/{id}`."""
    return _camera(request, request.match_info["id"])


async def add_camera(request: web.Request) -> web.Response:
    """`POST /api/cameras`: 201 with the Camera, which is connecting."""
    parts = services(request)
    settings = camera_settings(await json_object(request))
    keeps_within(request, settings.id, settings.groups)
    await parts.registry.add(settings, actor=principal(request).name, address=address(request))
    await parts.reconcile()
    response = _camera(request, settings.id)
    response.set_status(201)
    response.headers["Location"] = f"/api/cameras/{settings.id}"
    return response


async def change_camera(request: web.Request) -> web.Response:
    """`PATCH /api/cameras/{id}`: the members that are given change, the others stay."""
    parts, camera_id = services(request), request.match_info["id"]
    changes = await json_object(request)
    if "groups" in changes:
        keeps_within(request, camera_id, camera_settings(_ANY_CAMERA | {"groups": changes["groups"]}).groups)
    await parts.registry.change(camera_id, changes, actor=principal(request).name, address=address(request))
    await parts.reconcile()
    return _camera(request, camera_id)


async def remove_camera(request: web.Request) -> web.Response:
    """`DELETE /api/cameras/{id}`: its recordings and positions stay."""
    parts, camera_id = services(request), request.match_info["id"]
    await parts.registry.remove(camera_id, actor=principal(request).name, address=address(request))
    await parts.reconcile()
    return web.Response(status=204)


async def discover(request: web.Request) -> web.Response:
    """`POST /api/discovery`: what answers a WS-Discovery probe; takes about three seconds."""
    parts, who = services(request), principal(request)
    await parts.audit.record(Action.DISCOVERY, actor=who.name, address=address(request))
    found = await parts.finder.find()
    seen = [camera for camera in parts.fleet.cameras.values() if parts.authority.sees(who, camera.id)]
    used = {camera.settings.onvif: camera.id for camera in seen if camera.settings.onvif}
    devices = [
        {
            "endpoint": device.endpoint,
            "onvif": device.onvif,
            "name": device.name,
            "model": device.model,
            "location": device.location,
            "address": device.address,
            "camera": used.get(device.onvif),
        }
        for device in found
    ]
    return web.json_response({"devices": devices})


def _camera(request: web.Request, camera_id: str) -> web.Response:
    parts, who = services(request), principal(request)
    camera = parts.fleet.camera(camera_id)
    shown = camera_json(parts, camera, who)
    if parts.authority.may(who, Right.CONFIGURE, camera_id):
        shown["settings"] = settings_json(camera)
    return web.json_response(shown)


def keeps_within(request: web.Request, camera: str, groups: tuple[str, ...]) -> None:
    """Raises RefusedError where `camera`, once in `groups`, would be one that who asks may not configure."""
    who = principal(request)
    if Right.CONFIGURE not in services(request).authority.rights_in(who, camera, groups):
        raise RefusedError("name a group of cameras that you may configure: you would lose this one otherwise")


_ANY_CAMERA = {"id": "any", "url": "rtsp://any/"}
"""To have groups checked as those of a camera."""
_CAMERA = Body(schema=ref("Camera"))
ROUTES = [
    Route("GET", "/api/cameras", list_cameras, "List the cameras", "cameras", answers={200: Body(schema=CAMERAS)}),
    Route(
        "POST",
        "/api/cameras",
        add_camera,
        "Add a camera",
        "cameras",
        takes=Body(schema=ref("NewCamera")),
        answers={201: _CAMERA},
    ),
    Route("GET", "/api/cameras/{id}", get_camera, "Show one camera", "cameras", answers={200: _CAMERA}),
    Route(
        "PATCH",
        "/api/cameras/{id}",
        change_camera,
        "Change a camera's settings",
        "cameras",
        takes=Body(schema=ref("CameraChange")),
        answers={200: _CAMERA},
    ),
    Route("DELETE", "/api/cameras/{id}", remove_camera, "Remove a camera", "cameras", answers={204: None}),
    Route(
        "POST",
        "/api/discovery",
        discover,
        "Find ONVIF devices on the network",
        "cameras",
        answers={200: Body(schema=DEVICES)},
    ),
]
