"""Alerts over HTTP: told to who sees the camera, resolved by who may respond, and a unit's call for help."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from gateway.access.authority import SEEING, Asker
from gateway.access.rights import Right
from gateway.base.errors import BadRequestError, NotFoundError
from gateway.incidents.alert import OF_GEOFENCES, Alert, Grade, Kind
from gateway.incidents.formats import told
from web.body import interval, json_object, member, no_others
from web.guard import refuse
from web.routes import Body, Route
from web.schema_forms import ref
from web.schemas_incidents import ALERTS, RESOLVE, SOS
from web.services import Services, address, principal, services

LIMIT, MAX_LIMIT = 100, 1000
MAX_OPEN = 1000
"""Of the open ones somebody is told at first: those of high priority, and the newest of the others."""
_LARGEST_NUMBER = 2**63 - 1


async def alerts(request: web.Request) -> web.Response:
    """`GET /api/alerts`: of every camera that one may see, newest first; `before` asks for the page after it."""
    parts, who, (start, end) = services(request), principal(request), interval(request)
    camera, kind = request.query.get("camera"), request.query.get("kind")
    if kind and kind not in list(Kind):
        raise BadRequestError(f'there is no kind "{kind[:40]}": use one of {", ".join(Kind)}')
    limit = _number(request, "limit", MAX_LIMIT) or LIMIT
    found = await parts.desk.alerts.search(
        start,
        end,
        cameras=[camera] if camera else _seen(parts, who),
        kind=Kind(kind) if kind else None,
        open_only=request.query.get("open") == "true",
        before_id=_number(request, "before", _LARGEST_NUMBER),
        limit=limit,
    )
    shown = [alert_json(parts, alert, who) for alert in found if may_see(parts, who, alert)]
    return web.json_response({"alerts": shown, "before": found[-1].id if len(found) == limit else None})


async def alert(request: web.Request) -> web.Response:
    """`GET /api/alerts/{alert}`."""
    parts, who = services(request), principal(request)
    return web.json_response(alert_json(parts, await find(request), who))


async def resolve(request: web.Request) -> web.Response:
    """`POST /api/alerts/{alert}/resolve` {word}: somebody has dealt with it. 200 with the alert as it is now."""
    parts, who = services(request), principal(request)
    found = await find(request)
    if not parts.authority.may(who, Right.RESPOND, found.camera):
        await refuse(request, who, Right.RESPOND, found.camera)
    values = await json_object(request)
    no_others(values, {"word"})
    word = member(values, "word")
    resolved = await parts.desk.alerts.resolve(found.id, by=who.name, word=word, address=address(request))
    return web.json_response(alert_json(parts, resolved, who))


async def sos(request: web.Request) -> web.Response:
    """`POST /api/cameras/{id}/sos` {text?}: 201 with the alert; 200 when one was open, which counts this call, too."""
    parts, who = services(request), principal(request)
    values = await json_object(request, optional=True)
    no_others(values, {"text"})
    text = member(values, "text") if "text" in values else ""
    called, new = await parts.desk.sos.call(request.match_info["id"], by=who.name, address=address(request), text=text)
    headers = {"Location": f"/api/alerts/{called.id}"}
    return web.json_response(alert_json(parts, called, who), status=201 if new else 200, headers=headers)


def may_see(parts: Services, who: Asker, alert: Alert) -> bool:
    """Whether somebody is told of an alert: who sees its camera; of the gateway's, who sees all cameras.

    A geofence says where the unit was: that is for who may know it, while a privacy mode hides where it is, too.
    """
    if alert.camera is not None and alert.kind in OF_GEOFENCES:
        return Right.POSITION in parts.authority.lasting_rights(who, alert.camera)
    if alert.camera is not None:
        return parts.authority.sees(who, alert.camera)
    return any(parts.authority.may(who, right) for right in SEEING)


def sees_places(parts: Services, who: Asker, alert: Alert) -> bool:
    """Whether somebody is told where the wearer was."""
    return alert.camera is not None and Right.POSITION in parts.authority.rights(who, alert.camera)


def open_json(parts: Services, who: Asker) -> list[dict[str, Any]]:
    """What is open, as somebody may see it: high priority first, each newest first."""
    seen = [alert for alert in parts.desk.alerts.open() if may_see(parts, who, alert)]
    seen.sort(key=lambda alert: alert.grade is not Grade.HIGH)
    return [alert_json(parts, alert, who) for alert in seen[:MAX_OPEN]]


def alert_json(parts: Services, alert: Alert, who: Asker) -> dict[str, Any]:
    """An alert as somebody may see it."""
    return told(alert, places=sees_places(parts, who, alert))


async def find(request: web.Request) -> Alert:
    """The one that the path names, if one may know of it.

    Raises:
        NotFoundError: one may not, or there is none.
    """
    parts, text = services(request), request.match_info["alert"]
    number = int(text) if text.isdecimal() and len(text) < 19 else 0
    try:
        found = await parts.desk.alerts.find(number)
    except NotFoundError:
        found = None
    if found is None or not may_see(parts, principal(request), found):
        raise NotFoundError(f"there is no alert {text[:20]}")
    return found


def _seen(parts: Services, who: Asker) -> list[str] | None:
    """The cameras of whose alerts one is told; None: of all, also of those that were removed, and of the gateway's."""
    known = list(parts.fleet.cameras)
    seen = [camera for camera in known if parts.authority.sees(who, camera)]
    everything = len(seen) == len(known) and any(parts.authority.may(who, right) for right in SEEING)
    return None if everything else seen


def _number(request: web.Request, name: str, largest: int) -> int | None:
    """A whole number of the query, from 1 to `largest`; None when it is not given.

    Raises:
        BadRequestError: it is something else.
    """
    text = request.query.get(name)
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and 1 <= int(text) <= largest):
        raise BadRequestError(f'"{name}" must be a whole number from 1 to {largest}')
    return int(text)


ROUTES = [
    Route(
        "GET",
        "/api/alerts",
        alerts,
        "List alerts, newest first",
        "alerts",
        query={
            "open": "true: those that nobody has resolved",
            "from": "RFC 3339; those that happened in the interval",
            "to": "RFC 3339",
            "camera": "of this one",
            "kind": "of this one",
            "limit": f"at most so many; {LIMIT}, and not above {MAX_LIMIT}",
            "before": "what the page before has as `before`",
        },
        answers={200: Body(schema=ALERTS)},
    ),
    Route("GET", "/api/alerts/{alert}", alert, "Show an alert", "alerts", answers={200: Body(schema=ref("Alert"))}),
    Route(
        "POST",
        "/api/alerts/{alert}/resolve",
        resolve,
        "Say what came of an alert",
        "alerts",
        takes=Body(schema=RESOLVE),
        answers={200: Body(schema=ref("Alert"))},
    ),
    Route(
        "POST",
        "/api/cameras/{id}/sos",
        sos,
        "Call for the help of a unit",
        "alerts",
        takes=Body(schema=SOS),
        answers={201: Body(schema=ref("Alert")), 200: Body(schema=ref("Alert"))},
    ),
]
