"""Every unit as who looks after the devices sees it: what made it, how it does, what is stored of it, and why not.

What anybody else sees of a camera is `camera_json`, which comes with the events; this is asked for now and then.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from gateway.access.rights import Right
from gateway.ingest.advice import ADVICE
from gateway.ingest.fleet import Camera, CameraStatus
from gateway.media.model import NS, TrackKind, VideoParameters
from gateway.recording.usage import CameraUsage
from web.position_reports import KEY, key_json
from web.routes import Body, Route
from web.schema_forms import NUMBER, TEXT, TEXT_OR_NULL, TIME, TIME_OR_NULL, list_of, object_of, or_null
from web.services import Services, principal, services
from web.views import utc


async def fleet(request: web.Request) -> web.Response:
    """`GET /api/fleet`: the cameras that one may configure; their use of the disk as of the last minute."""
    parts, who = services(request), principal(request)
    usages = {storage.usage.camera: storage.usage for storage in (await parts.keeping.report()).cameras}
    cameras = [
        camera for camera in parts.fleet.cameras.values() if parts.authority.may(who, Right.CONFIGURE, camera.id)
    ]
    return web.json_response({"units": [_unit_json(parts, camera, usages.get(camera.id)) for camera in cameras]})


def _unit_json(parts: Services, camera: Camera, usage: CameraUsage | None) -> dict[str, Any]:
    settings, device, intake = camera.settings, camera.device, camera.intake
    live = camera.status in {CameraStatus.LIVE, CameraStatus.STALE}
    key = parts.position_keys.of(camera.id)
    return {
        "camera": camera.id,
        "since": utc(camera.since_ns),
        "advice": None if live or camera.fault is None else ADVICE[camera.fault],
        "address": urlsplit(settings.onvif or settings.url or "").netloc,
        "transport": settings.transport,
        "device": None
        if device is None
        else {
            "manufacturer": device.manufacturer,
            "model": device.model,
            "firmware": device.firmware,
            "serial": device.serial,
            "hardware": device.hardware_id,
        },
        "clock_skew_s": None if camera.clock_skew_ns is None else round(camera.clock_skew_ns / NS, 1),
        "bits_per_second": None if not live or intake.bits_per_second is None else round(intake.bits_per_second),
        "lost_percent": None if not live or intake.lost_percent is None else round(intake.lost_percent, 3),
        "video": _video_json(camera),
        "record": settings.record,
        "not_recorded": parts.on_event.why_not(camera.id),
        "recorded_to": None if usage is None else utc(usage.newest_ns),
        "bytes": 0 if usage is None else usage.bytes,
        "bytes_a_day": 0 if usage is None else round(usage.bytes_a_day),
        "position": settings.position,
        "position_key": None if key is None else key_json(key, parts.position_keys.used_ns(camera.id)),
    }


def _video_json(camera: Camera) -> dict[str, Any] | None:
    for track in camera.hub.tracks:
        if track.kind is TrackKind.VIDEO:
            sized = track.parameters if isinstance(track.parameters, VideoParameters) else VideoParameters()
            return {"codec": track.label, "width": sized.width or None, "height": sized.height or None}
    return None


_PIXELS = {"type": ["integer", "null"]}
_DEVICE = object_of(
    ["manufacturer", "model", "firmware", "serial", "hardware"],
    manufacturer=TEXT,
    model=TEXT,
    firmware=TEXT,
    serial=TEXT,
    hardware=TEXT,
)
_UNITS = list_of(
    "units",
    object_of(
        ["camera", "since", "device", "not_recorded", "bytes"],
        camera={**TEXT, "description": "its id"},
        since={**TIME, "description": "since when its status is what it is"},
        advice={**TEXT_OR_NULL, "description": "what to do about its reason"},
        address={**TEXT, "description": "host, and port where it is named"},
        transport={"enum": ["tcp", "udp"]},
        device={**or_null(_DEVICE), "description": "as it said last by ONVIF; null: it has not since the start"},
        clock_skew_s={**NUMBER, "description": "how far its clock was ahead then"},
        bits_per_second={**NUMBER, "description": "of all its tracks, over the last half minute"},
        lost_percent={**NUMBER, "description": "of its packets, over the last half minute"},
        video=or_null(object_of(["codec", "width", "height"], codec=TEXT, width=_PIXELS, height=_PIXELS)),
        record={"type": "boolean", "description": "whether its settings have it recorded"},
        not_recorded={**TEXT_OR_NULL, "description": "why it is not recorded now; null: it is"},
        recorded_to={**TIME_OR_NULL, "description": "until when finished files reach"},
        bytes={"type": "integer", "description": "of finished files"},
        bytes_a_day={"type": "integer"},
        position={**TEXT, "description": "where its position comes from, as the settings say"},
        position_key={**or_null(KEY), "description": "what a phone reports its position with"},
    ),
)
ROUTES = [
    Route(
        "GET",
        "/api/fleet",
        fleet,
        "Show how the devices do: firmware, clock, bit rate, recording, storage",
        "cameras",
        answers={200: Body(schema=_UNITS)},
    )
]
