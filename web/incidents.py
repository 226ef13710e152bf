"""Incidents over HTTP: opened, written about, closed and let go by who may respond for their cameras.

`web.incident_views` says who sees what of one. Exports and shares of incidents are `web.incident_exports`' and
`web.incident_shares`' business.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from gateway.access.rights import Right
from gateway.base.errors import BadRequestError, NotFoundError, RefusedError
from gateway.incidents.incident import Incident, Opening
from gateway.incidents.incident_rows import Word
from gateway.incidents.incident_steps import By
from web.body import interval, json_object, member, moment, moment_or_none, no_others, texts, whole_number
from web.guard import refuse
from web.incident_openings import alert_of, opening_from
from web.incident_views import LOOKING, incident_json, lacking, note_json, seen
from web.reasons import HEADER, checked, reason
from web.routes import Body, Route
from web.schema_forms import ref
from web.schemas_incidents import (
    CAMERA_CHANGE,
    INCIDENT_CHANGE,
    INCIDENTS,
    LINK,
    NEW_CAMERA,
    NEW_INCIDENT,
    NEW_NOTE,
    NOTES,
)
from web.services import Services, address, principal, services

LIMIT, MAX_LIMIT = 100, 500
_PAGE = 200
_LONGEST_SEARCH, _MOST_WORDS = 200, 8
_LARGEST = 2**63 - 1


async def incidents(request: web.Request) -> web.Response:
    """`GET /api/incidents`: those that one sees, the newest first."""
    parts, who, (start, end) = services(request), principal(request), interval(request)
    limit = whole_number(request, "limit", MAX_LIMIT) or LIMIT
    before = whole_number(request, "before", _LARGEST)
    words, is_open = _words(request), _is_open(request)
    shown: list[Incident] = []
    while len(shown) < limit:
        page = await parts.desk.incidents.search(
            camera=request.query.get("camera"), from_ns=start, to_ns=end,
            is_open=is_open, words=words, before_id=before, limit=_PAGE,
        )  # fmt: skip
        shown += [incident for incident in page if seen(parts, who, incident)]
        if len(page) < _PAGE:
            break
        before = page[-1].id
    return web.json_response({"incidents": [incident_json(parts, incident, who) for incident in shown[:limit]]})


async def show(request: web.Request) -> web.Response:
    """`GET /api/incidents/{incident}`."""
    return _answer(request, await seen_one(request))


async def open_one(request: web.Request) -> web.Response:
    """`POST /api/incidents`: from an alert, a unit, a place or a time; 201, and its recordings are on hold."""
    parts, who = services(request), principal(request)
    values = await json_object(request)
    no_others(values, {"title", "origin", "cameras", "from", "to", "category", "tags"})
    origin = values.get("origin") or {}
    if not isinstance(origin, dict):
        raise BadRequestError('"origin" is an object', pointer="/origin")
    start, end = moment_or_none(values, "from"), moment_or_none(values, "to")
    opening = await opening_from(parts, who, origin, texts(values, "cameras"), start, end)
    for camera in opening.cameras:
        await _may_respond(request, camera)
    title = member(values, "title") if values.get("title") else opening.title
    made = await parts.desk.incidents.open(
        Opening(
            title, opening.cameras, opening.start_ns, opening.end_ns, category(parts, values),
            tuple(texts(values, "tags")), opening.origin,
        ),
        by(request),
    )  # fmt: skip
    response = _answer(request, made, status=201)
    response.headers["Location"] = f"/api/incidents/{made.id}"
    return response


async def change(request: web.Request) -> web.Response:
    """`PATCH /api/incidents/{incident}` {title, tags, category}: what is not named stays."""
    parts = services(request)
    values = await json_object(request)
    no_others(values, {"title", "tags", "category"})
    incident = await _changeable(request, everything="category" in values)
    changed = await parts.desk.incidents.change(
        incident.id,
        by(request),
        title=member(values, "title") if "title" in values else None,
        tags=texts(values, "tags") if "tags" in values else None,
        category=category(parts, values),
        keep_category="category" not in values,
    )
    return _answer(request, changed)


async def close(request: web.Request) -> web.Response:
    """`POST /api/incidents/{incident}/close`: it ends now, unless it has; its recordings stay on hold."""
    incident = await _changeable(request, everything=True)
    no_others(await json_object(request, optional=True), ())
    return _answer(request, await services(request).desk.incidents.close(incident.id, by(request)))


async def reopen(request: web.Request) -> web.Response:
    """`POST /api/incidents/{incident}/reopen`: what ended by closing it grows on."""
    incident = await _changeable(request, everything=True)
    no_others(await json_object(request, optional=True), ())
    return _answer(request, await services(request).desk.incidents.reopen(incident.id, by(request)))


async def remove(request: web.Request) -> web.Response:
    """`DELETE /api/incidents/{incident}`, saying why: by who added its cameras, or may configure them."""
    incident = await _changeable(request, everything=True)
    for one in incident.cameras:
        await _may_let_go(request, incident, one.camera)
    why = _reason(request, incident.cameras[0].camera)
    await services(request).desk.incidents.remove(incident.id, by(request), reason=why)
    return web.Response(status=204)


# ---- its cameras


async def add_camera(request: web.Request) -> web.Response:
    """`POST /api/incidents/{incident}/cameras` {camera, from, to}: 201 with the incident."""
    incident = await seen_one(request)
    values = await json_object(request)
    no_others(values, {"camera", "from", "to"})
    camera = member(values, "camera")
    await _may_respond(request, camera)
    changed = await services(request).desk.incidents.add_camera(
        incident.id, camera, by(request),
        start_ns=moment_or_none(values, "from"), end_ns=moment_or_none(values, "to"),
    )  # fmt: skip
    return _answer(request, changed, status=201)


async def change_camera(request: web.Request) -> web.Response:
    """`PATCH /api/incidents/{incident}/cameras/{camera}` {from, to, reason}: a null "to" has it end with the incident.

    To leave out what was in it takes a reason, and the right to let it go.
    """
    incident, camera = await seen_one(request), request.match_info["camera"]
    await _may_respond(request, camera)
    values = await json_object(request)
    no_others(values, {"from", "to", "reason"})
    why = None if values.get("reason") is None else checked(member(values, "reason"))
    if why is not None:
        await _may_let_go(request, incident, camera)
    changed = await services(request).desk.incidents.change_camera(
        incident.id,
        camera,
        by(request),
        start_ns=moment(values, "from") if "from" in values else None,
        end_ns=moment_or_none(values, "to"),
        follow="to" in values and values["to"] is None,
        reason=why,
    )
    return _answer(request, changed)


async def remove_camera(request: web.Request) -> web.Response:
    """`DELETE /api/incidents/{incident}/cameras/{camera}`, saying why: by who added it, or may configure it."""
    incident, camera = await seen_one(request), request.match_info["camera"]
    await _may_respond(request, camera)
    await _may_let_go(request, incident, camera)
    why = _reason(request, camera)
    changed = await services(request).desk.incidents.remove_camera(incident.id, camera, by(request), reason=why)
    return _answer(request, changed)


# ---- what belongs to it


async def link(request: web.Request) -> web.Response:
    """`POST /api/incidents/{incident}/alerts` {alert}: it belongs to the incident. 200 with the incident."""
    parts, incident = services(request), await _changeable(request)
    values = await json_object(request)
    no_others(values, {"alert"})
    alert = await alert_of(parts, principal(request), values)
    return _answer(request, await parts.desk.incidents.link(incident.id, alert.id, by(request)))


async def notes(request: web.Request) -> web.Response:
    """`GET /api/incidents/{incident}/notes`: by the moments that they are about."""
    incident = await seen_one(request)
    found = await services(request).desk.incidents.notes(incident.id)
    return web.json_response({"notes": [note_json(note) for note in found]})


async def add_note(request: web.Request) -> web.Response:
    """`POST /api/incidents/{incident}/notes` {text, utc}: 201 with the note; also on one that is closed."""
    incident = await _changeable(request)
    values = await json_object(request)
    no_others(values, {"text", "utc"})
    note = await services(request).desk.incidents.add_note(
        incident.id, moment_or_none(values, "utc"), member(values, "text"), by(request)
    )
    return web.json_response(note_json(note), status=201)


# ---- for other routes about incidents


async def seen_one(request: web.Request) -> Incident:
    """The incident that the path names, if one may know of it.

    Raises:
        NotFoundError: one may not, or there is none.
    """
    parts, text = services(request), request.match_info["incident"]
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0
    try:
        found = await parts.desk.incidents.find(number)
    except NotFoundError:
        found = None
    if found is None or not seen(parts, principal(request), found):
        raise NotFoundError(f"there is no incident {text[:20]}")
    return found


async def with_right(request: web.Request, right: Right, incident: Incident) -> None:
    """Refuse unless whoever asks has `right` for all cameras of an incident.

    Raises:
        RefusedError: they do not.
    """
    parts, who = services(request), principal(request)
    told = {one.camera for one in seen(parts, who, incident)}
    for camera in sorted(lacking(parts, who, right, incident), key=lambda camera: camera not in told):
        if camera in told:
            await refuse(request, who, right, camera)
        raise RefusedError(f"this incident has cameras for which you have no right to this ({right.value})")


def by(request: web.Request) -> By:
    """Who asks, for the audit."""
    return By(principal(request).name, address(request))


def category(parts: Services, values: dict[str, Any]) -> str | None:
    """The member `category`.

    Raises:
        BadRequestError: the policy has no such category.
    """
    if values.get("category") is None:
        return None
    name, known = member(values, "category"), parts.authority.policy.categories
    if name not in known:
        offered = f"it has {', '.join(known)}" if known else "write [[policy.retention]] in the settings file"
        raise BadRequestError(f'the policy has no category "{name[:64]}": {offered}', pointer="/category")
    return name


# ---- inside


def _words(request: web.Request) -> list[Word]:
    """What is looked for: each word, with those cameras of whoever asks that it names.

    Raises:
        BadRequestError: it is too much.
    """
    parts, who, text = services(request), principal(request), request.query.get("q", "")
    words = text.lower().split()
    if len(text) > _LONGEST_SEARCH or len(words) > _MOST_WORDS:
        raise BadRequestError(f'"q" has at most {_MOST_WORDS} words and {_LONGEST_SEARCH} letters')
    names = {
        camera: f"{camera} {parts.fleet.label(camera)}".lower()
        for camera in (parts.fleet.cameras if words else ())
        if not LOOKING.isdisjoint(parts.authority.lasting_rights(who, camera))
    }
    return [Word(word, [camera for camera, name in names.items() if word in name]) for word in words]


def _is_open(request: web.Request) -> bool | None:
    text = request.query.get("open", "")
    if text not in {"", "true", "false"}:
        raise BadRequestError('"open" is true or false')
    return None if text == "" else text == "true"


async def _changeable(request: web.Request, *, everything: bool = False) -> Incident:
    """The incident that the path names, for who may respond for one of its cameras, or `everything`: for all of them.

    Raises:
        NotFoundError: one may not know of it, or there is none.
        RefusedError: one may not respond.
    """
    parts, who, incident = services(request), principal(request), await seen_one(request)
    if everything or len(lacking(parts, who, Right.RESPOND, incident)) == len(incident.cameras):
        await with_right(request, Right.RESPOND, incident)
    return incident


async def _may_respond(request: web.Request, camera: str) -> None:
    """Refuse unless whoever asks may respond for `camera`, and there is such a camera, or something of it.

    Raises:
        RefusedError: they may not.
        NotFoundError: there is neither.
    """
    parts, who = services(request), principal(request)
    if not parts.authority.may(who, Right.RESPOND, camera):
        await refuse(request, who, Right.RESPOND, camera)
    if not parts.authority.known(camera) and not await parts.catalog.recordings(camera, None, None):
        raise NotFoundError(f'there is no camera "{camera[:80]}", nor anything of it')


async def _may_let_go(request: web.Request, incident: Incident, camera: str) -> None:
    """Refuse who has neither put a camera into an incident nor may configure it: its recordings could be deleted then.

    Raises:
        RefusedError: they may not.
    """
    parts, who, one = services(request), principal(request), incident.camera(camera)
    if one is not None and one.added_by != who.name and not parts.authority.may(who, Right.CONFIGURE, camera):
        await refuse(request, who, Right.CONFIGURE, camera)


def _reason(request: web.Request, camera: str) -> str:
    why = reason(request, Right.RESPOND, camera)
    if why is None:
        raise BadRequestError(f"say in the header {HEADER} why the recordings are needed no more")
    return why


def _answer(request: web.Request, incident: Incident, status: int = 200) -> web.Response:
    return web.json_response(incident_json(services(request), incident, principal(request)), status=status)


_ONE, _TEXT = "/api/incidents/{incident}", {"reason": f"why, or in the header {HEADER}"}
_INCIDENT = {200: Body(schema=ref("Incident"))}
_MADE = {201: Body(schema=ref("Incident"))}
ROUTES = [
    Route(
        "GET",
        "/api/incidents",
        incidents,
        "List incidents, newest first",
        "incidents",
        query={
            "q": "with each of these words in title, tags, notes, or the name of a camera that one sees",
            "open": "true: those that nobody has closed; false: the others",
            "camera": "with this one",
            "from": "RFC 3339; those that touch the interval",
            "to": "RFC 3339",
            "limit": f"at most so many; {LIMIT}, and not above {MAX_LIMIT}",
            "before": "numbered below this one",
        },
        answers={200: Body(schema=INCIDENTS)},
    ),
    Route(
        "POST",
        "/api/incidents",
        open_one,
        "Open an incident",
        "incidents",
        takes=Body(schema=NEW_INCIDENT),
        answers=_MADE,
    ),
    Route("GET", _ONE, show, "Show an incident", "incidents", answers=_INCIDENT),
    Route(
        "PATCH", _ONE, change, "Change an incident", "incidents", takes=Body(schema=INCIDENT_CHANGE), answers=_INCIDENT
    ),
    Route("DELETE", _ONE, remove, "Delete an incident", "incidents", query=_TEXT, answers={204: None}),
    Route("POST", f"{_ONE}/close", close, "Close an incident", "incidents", answers=_INCIDENT),
    Route("POST", f"{_ONE}/reopen", reopen, "Reopen an incident", "incidents", answers=_INCIDENT),
    Route(
        "POST",
        f"{_ONE}/cameras",
        add_camera,
        "Take another camera into an incident",
        "incidents",
        takes=Body(schema=NEW_CAMERA),
        answers=_MADE,
    ),
    Route(
        "PATCH",
        f"{_ONE}/cameras/{{camera}}",
        change_camera,
        "Change when a camera's part of an incident begins and ends",
        "incidents",
        takes=Body(schema=CAMERA_CHANGE),
        answers=_INCIDENT,
    ),
    Route(
        "DELETE",
        f"{_ONE}/cameras/{{camera}}",
        remove_camera,
        "Take a camera out of an incident",
        "incidents",
        query=_TEXT,
        answers=_INCIDENT,
    ),
    Route(
        "POST",
        f"{_ONE}/alerts",
        link,
        "Say that an alert belongs to an incident",
        "incidents",
        takes=Body(schema=LINK),
        answers=_INCIDENT,
    ),
    Route(
        "GET",
        f"{_ONE}/notes",
        notes,
        "List what was written on an incident",
        "incidents",
        answers={200: Body(schema=NOTES)},
    ),
    Route(
        "POST",
        f"{_ONE}/notes",
        add_note,
        "Write on an incident",
        "incidents",
        takes=Body(schema=NEW_NOTE),
        answers={201: Body(schema=ref("IncidentNote"))},
    ),
]
