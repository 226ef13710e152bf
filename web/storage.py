"""How full the disk of the recordings is, and how long that goes well, over HTTP."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from gateway.recording.forecast import NEVER
from gateway.recording.keeping import CameraStorage, Keeping, StorageReport
from web.routes import Body, Route
from web.schemas import STORAGE
from web.services import services
from web.views import utc


async def storage(request: web.Request) -> web.Response:
    """`GET /api/storage`: the disk now, the cameras as of the last minute."""
    return web.json_response(_report_json(await services(request).keeping.report()))


def disk_json(keeping: Keeping) -> dict[str, Any]:
    """What is told as it happens."""
    space = keeping.space.space
    return {
        "level": keeping.space.level.value,
        "free": None if space is None else space.free,
        "total": None if space is None else space.total,
        "warnings": keeping.warnings(),
    }


def _report_json(report: StorageReport) -> dict[str, Any]:
    space = report.space
    return {
        "disk": None
        if space is None
        else {
            "total": space.total,
            "free": space.free,
            "keep_free": report.limits.keep,
            "warn_free": report.limits.warn,
        },
        "level": report.level.value,
        "bytes": sum(camera.usage.bytes for camera in report.cameras),
        "bytes_a_day": round(sum(camera.usage.bytes_a_day for camera in report.cameras)),
        "full_days": _days(report.full_days),
        "warnings": list(report.warnings),
        "cameras": [_camera_json(camera) for camera in report.cameras],
    }


def _camera_json(camera: CameraStorage) -> dict[str, Any]:
    usage = camera.usage
    return {
        "camera": usage.camera,
        "bytes": usage.bytes,
        "bytes_a_day": round(usage.bytes_a_day),
        "from": utc(usage.oldest_ns),
        "to": utc(usage.newest_ns),
        "retention_days": _days(camera.retention_days),
        "keep_days": _days(camera.keep_days),
        "max_bytes": camera.max_bytes,
    }


def _days(days: float) -> float | None:
    return None if days == NEVER else round(days, 2)


ROUTES = [
    Route(
        "GET",
        "/api/storage",
        storage,
        "Show how full the disk is, by camera, and until when it lasts",
        "archive",
        answers={200: Body(schema=STORAGE)},
    )
]
