"""What the administrator of an NVR needs: where the gateway listens for NVRs, and which of them are there now.

The accounts themselves are users (`web.accounts`); the protocols are `gateway.nvr` and `web.onvif`.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from gateway.access.audit import Action
from gateway.access.nvr_accounts import Seen
from gateway.base.errors import NotFoundError
from gateway.nvr.readers import Reader
from web.routes import Body, Route
from web.schemas import NVR
from web.services import Services, address, principal, services
from web.views import utc

MAX_SEEN = 100
ENDED = "an administrator ended it"


async def show(request: web.Request) -> web.Response:
    """`GET /api/nvr`: the ports, who reads, and who was here: the last first."""
    parts = services(request)
    return web.json_response(
        {
            "rtsp": {"port": parts.restream.port, "tls_port": parts.restream.tls_port},
            "onvif": {"devices": parts.settings.onvif.devices, "ports": dict(parts.onvif.ports)},
            "readers": [_reader_json(reader) for reader in _readers(parts)],
            "seen": [_seen_json(seen) for seen in parts.nvr_accounts.seen()[:MAX_SEEN]],
        }
    )


async def end(request: web.Request) -> web.Response:
    """`DELETE /api/nvr/readers/{id}`: its NVR may come again, as long as its account holds."""
    parts, text = services(request), request.match_info["id"]
    found = next((reader for reader in _readers(parts) if str(reader.id) == text), None)
    if found is None:
        raise NotFoundError("it does not read any more")
    await parts.audit.record(
        Action.SESSION_END,
        actor=principal(request).name,
        address=address(request),
        camera=found.camera,
        user=found.account,
        through="rtsp",
        view=found.id,
    )
    (parts.replays if found.recorded else parts.restream).end(found.id, ENDED)
    return web.Response(status=204)


def _readers(parts: Services) -> list[Reader]:
    return [*parts.restream.readers(), *parts.replays.readers()]


def _reader_json(reader: Reader) -> dict[str, Any]:
    return {
        "id": str(reader.id),
        "account": reader.account,
        "address": reader.address,
        "agent": reader.agent,
        "camera": reader.camera,
        "recorded": reader.recorded,
        "sound": reader.portion.sound,
        "positions": reader.portion.positions,
        "since_utc": utc(reader.since_ns),
    }


def _seen_json(seen: Seen) -> dict[str, Any]:
    return {"account": seen.name, "address": seen.address, "service": seen.service, "utc": utc(seen.utc_ns)}


ROUTES = [
    Route("GET", "/api/nvr", show, "Tell where NVRs connect, and which do", "nvr", answers={200: Body(schema=NVR)}),
    Route("DELETE", "/api/nvr/readers/{id}", end, "End what an NVR reads", "nvr", answers={204: None}),
]
