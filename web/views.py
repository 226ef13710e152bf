"""How the gateway's values look in JSON."""

from __future__ import annotations

from typing import Any

from gateway.base.rfc3339 import format_utc
from gateway.ingest.fleet import Camera
from gateway.media.model import UtcNs
from gateway.positions.formats import fix_json
from web.services import Services


def utc(ns: UtcNs | None) -> str | None:
    """RFC 3339 in UTC, or null."""
    return None if ns is None else format_utc(ns)


def camera_json(parts: Services, camera: Camera, *, with_position: bool) -> dict[str, Any]:
    """A Camera of the public surface. Without the right to positions `position` is null."""
    settings = camera.settings
    return {
        "id": camera.id,
        "name": settings.label,
        "groups": list(settings.groups),
        "status": camera.status.value,
        "reason": camera.reason or parts.recording_problem(camera.id),
        "tracks": [{"kind": track.kind.value, "codec": track.label} for track in camera.hub.tracks],
        "position": fix_json(camera.fix) if with_position and camera.fix is not None else None,
        "viewers": parts.whep.viewers(camera.id),
        "recording": parts.recording(camera.id),
        "retry_utc": utc(camera.retry_ns),
        "video_utc": utc(camera.video_ns),
        "source": camera.origin.value,
    }


def settings_json(camera: Camera) -> dict[str, Any]:
    """How a camera is configured, for who may configure it; of the password only whether there is one."""
    settings = camera.settings
    shown = settings.model_dump(mode="json", exclude={"password", "password_file", "id", "name", "groups"})
    return shown | {"has_password": bool(settings.password.get_secret_value())}
