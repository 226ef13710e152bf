"""How the gateway's values look in JSON."""

from __future__ import annotations

from typing import Any

from gateway.access.authority import Asker, Privacy
from gateway.base.rfc3339 import format_utc
from gateway.base.roles import GRANTED, OF_ONE_CAMERA, Right
from gateway.ingest.fleet import Camera
from gateway.media.model import UnitHealth, UtcNs
from gateway.positions.formats import fix_json
from web.services import Services


def utc(ns: UtcNs | None) -> str | None:
    """RFC 3339 in UTC, or null."""
    return None if ns is None else format_utc(ns)


def camera_json(parts: Services, camera: Camera, who: Asker) -> dict[str, Any]:
    """A Camera of the public surface, as `who` may see it: without the right to positions `position` is null."""
    settings, authority = camera.settings, parts.authority
    rights, private = authority.rights(who, camera.id), authority.private(camera.id)
    viewers = parts.whep.viewers(camera.id) + parts.restream.viewers(camera.id)
    return {
        "id": camera.id,
        "name": settings.label,
        "groups": list(settings.groups),
        "status": camera.status.value,
        "reason": camera.reason or parts.recording_problem(camera.id),
        "tracks": [{"kind": track.kind.value, "codec": track.label} for track in camera.hub.tracks],
        "position": fix_json(camera.fix) if Right.POSITION in rights and camera.fix is not None else None,
        "position_reason": camera.position_problem,
        "health": None if camera.health is None else _health_json(camera.health),
        "viewers": viewers,
        "talk": camera.talk is True,
        "talking": parts.talks.talker(camera.id),
        "recording": parts.recording(camera.id),
        "record_on": settings.record_on,
        "recorded_because": parts.on_event.cause(camera.id),
        "retry_utc": utc(camera.retry_ns),
        "video_utc": utc(camera.video_ns),
        "source": camera.origin.value,
        "rights": [right.value for right in GRANTED if right in rights & OF_ONE_CAMERA],
        "watermark": authority.watermark(who, camera.id),
        "reason_needed": authority.reason_needed(who, Right.LIVE, camera.id),
        "watched": viewers if authority.asks(camera.id).tells_wearer else None,
        "private": private is not None and private.hides_stream,
        "privacy": None if private is None else _privacy_json(private),
        "has_privacy": bool(authority.privacy_modes(camera.id)),
    }


def _health_json(health: UnitHealth) -> dict[str, Any]:
    return {
        "utc": utc(health.utc_ns),
        "battery_percent": health.battery_percent,
        "charging": health.charging,
        "signal_percent": health.signal_percent,
        "storage_free_percent": health.storage_free_percent,
        "carrier": health.carrier or None,
    }


def _privacy_json(private: Privacy) -> dict[str, Any]:
    hides = {"position": private.hides_position, "stream": private.hides_stream}
    return {
        "since": utc(private.since_ns),
        "hides": [what for what, hidden in hides.items() if hidden],
        "recording": private.recording,
    }


def settings_json(camera: Camera) -> dict[str, Any]:
    """How a camera is configured, for who may configure it; of the password only whether there is one."""
    settings = camera.settings
    shown = settings.model_dump(mode="json", exclude={"password", "password_file", "id", "name", "groups"})
    return shown | {"has_password": bool(settings.password.get_secret_value())}
