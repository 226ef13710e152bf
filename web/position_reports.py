"""Positions that phones report (`/api/report/{key}`), and the keys that they do it with.

Apps know an address and no log-in, so the key in the path is all there is: it names the camera, and a report that says
it is of another is refused. What an app is answered decides whether it sends the same again: with 200 it does not, even
where a rule refused the place; with anything else it keeps what it has and tries later.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from gateway.access.audit import Action
from gateway.access.position_keys import PositionKey
from gateway.access.throttle import Throttle, Try
from gateway.base.clock import Clock
from gateway.base.errors import BadRequestError, ConflictError, NotFoundError, RefusedError
from gateway.base.metrics import BAD_INPUT
from gateway.ingest.fleet import REFUSED_FIX, Camera
from gateway.media.model import UtcNs
from gateway.positions import osmand
from gateway.positions.phone_apps import REPORT_PATH, osmand_template, report_address, traccar_link
from gateway.positions.tracker import Rule
from web.problems import problem
from web.refusals import suspect
from web.routes import Body, Route
from web.schema_forms import TIME, TIME_OR_NULL, object_of
from web.services import Services, address, principal, services
from web.views import utc

MAX_BYTES = 256 << 10
"""Of a request: some thousand reports. One is 300 bytes."""
BODY_SECONDS = 20.0
REPORTS_A_SECOND = 20.0
BURST = 600.0
"""Reports that one key may send at once; what is sent beyond it waits on the phone."""
SOS = "sos"
"""The alarm that Traccar Client's shortcut "Send SOS" reports."""
_BYTES_A_REPORT = 256
_TOLD = 20
"""Of the refused reports of one request those that are told one by one."""


@dataclass(slots=True)
class _Allowance:
    """How many reports a key has left, as of a moment (monotonic seconds). Below 0: a large request is paid off."""

    left: float
    at: float


class Reports:
    """How much each camera's phone has sent, so that a flood of one costs the others nothing."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._throttle = Throttle(clock)
        self._allowances: dict[str, _Allowance] = {}
        """By camera: as many as there are keys."""

    def wait(self, camera: str) -> float:
        """Seconds until another request of this camera's phone is read; 0: now."""
        allowance = self._now(camera)
        return max(0.0, (1 - allowance.left) / REPORTS_A_SECOND)

    def spend(self, camera: str, reports: float) -> None:
        """Count what was read."""
        self._now(camera).left -= reports

    async def hold(self, source: str) -> None:
        """Keep a refusal back: apps try again at once."""
        await self._throttle.hold(Try("position key", source))

    def _now(self, camera: str) -> _Allowance:
        now = self._clock.monotonic()
        allowance = self._allowances.setdefault(camera, _Allowance(BURST, now))
        allowance.left = min(BURST, allowance.left + (now - allowance.at) * REPORTS_A_SECOND)
        allowance.at = now
        return allowance


REPORTS: web.AppKey[Reports] = web.AppKey("reports", Reports)


async def report(request: web.Request) -> web.Response:
    """`GET, POST /api/report/{key}`: 200 with what was taken and what was refused, and why."""
    parts, reports = services(request), request.app[REPORTS]
    camera = await _camera(request)
    if (wait := reports.wait(camera.id)) > 0:
        return await _too_many(request, camera, wait)
    body = await _body(request)
    now_ns = parts.clock.utc_ns()
    try:
        said = osmand.parse(request.query_string, request.content_type if body else "", body, now_ns)
    except osmand.ReportError as error:
        reports.spend(camera.id, 1 + len(body) / _BYTES_A_REPORT)
        BAD_INPUT.labels(camera.id, "position_report").inc()
        raise BadRequestError(str(error)) from None
    reports.spend(camera.id, max(len(said), len(body) / _BYTES_A_REPORT))
    for device in {one.device for one in said}:
        if device is not None and device.strip().lower() != camera.id.lower():  # ids differ in more than case
            await _refuse_device(request, camera, device)
    parts.position_keys.used(camera.id)
    taken = _taken(camera, said)
    if any(one.alarm is not None and one.alarm.lower() == SOS for one in said):
        await _call_for_help(request, camera)
    return web.json_response(taken)


async def _call_for_help(request: web.Request, camera: Camera) -> None:
    """The wearer pressed the app's SOS; where, the reports with it have told."""
    who = {"by": f"phone:{camera.id}", "address": address(request)}
    with contextlib.suppress(ConflictError):  # such alerts are off: no reason for the phone to call again
        await services(request).desk.sos.call(camera.id, **who, text="SOS from the wearer's phone")


def _taken(camera: Camera, said: list[osmand.Report]) -> dict[str, Any]:
    """Take the reports, the oldest first: after a lost link they may come in any order."""
    accepted, refused, counted = 0, [], Counter[str]()
    for one in sorted(said, key=lambda one: 0 if one.fix is None else one.fix.utc_ns):
        if one.health is not None:
            camera.health_arrived(one.health)
        if one.problem is not None:
            counted["unreadable"] += 1
            refused.append({"utc": None, "rule": "unreadable", "reason": one.problem})
            BAD_INPUT.labels(camera.id, "position_report").inc()
        elif one.fix is not None:
            rule = camera.take_kept_fix(one.fix)
            # A report that came twice is one whose answer was lost: the phone need not worry about it.
            if rule is None or rule is Rule.DUPLICATE:
                accepted += 1
            else:
                counted[rule.value] += 1
                why = REFUSED_FIX.get(rule, rule.value)
                refused.append({"utc": utc(one.fix.utc_ns), "rule": rule.value, "reason": why})
    return {"camera": camera.id, "accepted": accepted, "counts": dict(counted), "refused": refused[:_TOLD]}


async def _camera(request: web.Request) -> Camera:
    """The camera that the key in the path reports for.

    Raises:
        NotFoundError: the key is nobody's.
        ConflictError: that camera's position comes from elsewhere.
    """
    parts = services(request)
    camera_id = parts.position_keys.camera(request.match_info["key"])
    camera = None if camera_id is None else parts.fleet.cameras.get(camera_id)
    if camera is None:
        await suspect(request, "position_key")
        await request.app[REPORTS].hold(address(request))
        raise NotFoundError("this position key is not known: ask for the address to report to again")
    if camera.settings.position != "http":
        raise ConflictError(
            f'the position of {camera.id} comes from "{camera.settings.position}": set "position" of it to "http"'
        )
    return camera


async def _too_many(request: web.Request, camera: Camera, wait: float) -> web.Response:
    """Refuse unread what comes too fast, slowly."""
    BAD_INPUT.labels(camera.id, "report_flood").inc()
    await _note(request, camera, "position_flood")
    await request.app[REPORTS].hold(f"camera {camera.id}")
    response = problem(429, f"more than {REPORTS_A_SECOND:.0f} reports a second: what is left comes later")
    response.headers["Retry-After"] = str(math.ceil(wait))
    response.force_close()
    return response


async def _refuse_device(request: web.Request, camera: Camera, device: str) -> None:
    """A key was made for one unit, and whoever has it says to be another.

    Raises:
        RefusedError: always.
    """
    BAD_INPUT.labels(camera.id, "report_of_another").inc()
    await _note(request, camera, "position_device", said=device)
    raise RefusedError(f'this key reports for "{camera.id}": set that as the device identifier, not "{device[:40]}"')


async def _note(request: web.Request, camera: Camera, kind: str, **detail: str) -> None:
    actor = f"phone:{camera.id}"
    await services(request).tally.refused(
        Action.REFUSAL, kind, actor=actor, principal=actor, address=address(request), camera=camera.id, **detail
    )


async def _body(request: web.Request) -> bytes:
    body = bytearray()
    too_long = request.content_length is not None and request.content_length > MAX_BYTES
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while not too_long and (more := await request.content.readany()):
                body += more
                too_long = len(body) > MAX_BYTES
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="the report did not come to its end") from None
    if too_long:
        raise web.HTTPRequestEntityTooLarge(
            MAX_BYTES, request.content_length or len(body), text=f"a report takes at most {MAX_BYTES >> 10} KiB"
        )
    return bytes(body)


# ---- the keys


async def show_key(request: web.Request) -> web.Response:
    """`GET /api/cameras/{id}/position-key`: when it was made and by whom; the key itself is shown once."""
    camera = services(request).fleet.camera(request.match_info["id"])
    key = services(request).position_keys.of(camera.id)
    if key is None:
        raise NotFoundError(f'camera "{camera.id}" has no position key')
    return web.json_response(key_json(key, services(request).position_keys.used_ns(camera.id)))


async def make_key(request: web.Request) -> web.Response:
    """`POST /api/cameras/{id}/position-key`: 201 with the key, shown this once, and what goes into the apps."""
    parts = services(request)
    camera = parts.fleet.camera(request.match_info["id"])
    key = await parts.position_keys.make(camera.id, actor=principal(request).name, address=address(request))
    reported_to = report_address(_base(parts, request), key)
    made = {
        "key": key,
        "url": reported_to,
        "traccar_client": traccar_link(reported_to, camera.id),
        "osmand": osmand_template(reported_to, camera.id),
    }
    return web.json_response(made, status=201, headers={"Cache-Control": "no-store"})


async def revoke_key(request: web.Request) -> web.Response:
    """`DELETE /api/cameras/{id}/position-key`: what is sent with it is refused from now on."""
    parts = services(request)
    camera = parts.fleet.camera(request.match_info["id"])
    await parts.position_keys.revoke(camera.id, actor=principal(request).name, address=address(request))
    return web.Response(status=204)


def key_json(key: PositionKey, used_ns: UtcNs | None) -> dict[str, Any]:
    """What is told of a key; `used_ns`: when a phone reported with it last."""
    return {"created_by": key.created_by, "created": utc(key.created_ns), "used": utc(used_ns)}


def _base(parts: Services, request: web.Request) -> str:
    return parts.settings.http.public_url or f"{request.scheme}://{request.host}"


_TEXT = {"type": "string"}
_TAKEN = {
    "type": "object",
    "required": ["camera", "accepted", "counts", "refused"],
    "properties": {
        "camera": _TEXT,
        "accepted": {"type": "integer", "description": "positions that are believed, or were sent before"},
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}, "description": "refused, by rule"},
        "refused": {
            "type": "array",
            "description": f"the first {_TOLD} of them",
            "items": {
                "type": "object",
                "required": ["utc", "rule", "reason"],
                "properties": {
                    "utc": {"type": ["string", "null"], "format": "date-time"},
                    "rule": _TEXT,
                    "reason": _TEXT,
                },
            },
        },
    },
}
KEY = object_of(
    ["created_by", "created", "used"],
    created_by=_TEXT,
    created=TIME,
    used={**TIME_OR_NULL, "description": "when a phone reported with it last; null: not since the start"},
)
_MADE = {
    "type": "object",
    "required": ["key", "url", "traccar_client", "osmand"],
    "properties": {
        "key": {"type": "string", "description": "shown this once"},
        "url": {"type": "string", "description": "the server's address, for apps that take one"},
        "traccar_client": {"type": "string", "description": "Traccar Client sets itself up by this, as a QR code"},
        "osmand": {"type": "string", "description": "OsmAnd's web address for online tracking"},
    },
}
_SAID = {
    "id": "the camera's id, or nothing",
    "lat": "degrees",
    "lon": "degrees",
    "timestamp": "seconds or milliseconds since 1970, or RFC 3339; default: now",
    "accuracy": "metres",
    "hdop": "where there is no accuracy",
    "altitude": "metres",
    "speed": "knots",
    "speed_mps": "metres a second",
    "bearing": "degrees",
    "batt": "percent",
    "charge": "true or false",
    "signal": "percent",
    "storage_free": "percent",
}
_PATH = REPORT_PATH + "{key}"
_KEY_PATH = "/api/cameras/{id}/position-key"
_ANSWERS = {200: Body(schema=_TAKEN)}
ROUTES = [
    Route("GET", _PATH, report, "Report a position (the key proves the unit)", "positions", _SAID, answers=_ANSWERS),
    Route(
        "POST",
        _PATH,
        report,
        "Report positions, in the JSON of Traccar Client or as parameters (the key proves the unit)",
        "positions",
        _SAID,
        takes=Body(),
        answers=_ANSWERS,
    ),
    Route(
        "GET", _KEY_PATH, show_key, "Show since when a phone may report", "positions", answers={200: Body(schema=KEY)}
    ),
    Route(
        "POST", _KEY_PATH, make_key, "Make the key a phone reports with", "positions", answers={201: Body(schema=_MADE)}
    ),
    Route("DELETE", _KEY_PATH, revoke_key, "Revoke the key a phone reports with", "positions", answers={204: None}),
]
