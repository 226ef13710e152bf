"""The timeline of one camera over HTTP, and the bookmarks that people set on it."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from gateway.access.audit import Action
from gateway.access.rights import Right
from gateway.base.errors import BadRequestError, NotFoundError
from gateway.base.rfc3339 import parse_utc
from gateway.recording.bookmarks import Bookmark
from gateway.recording.rows import Span
from web.alerts import alert_json, may_see
from web.assignments import assignment_json
from web.body import interval, json_object, member, no_others
from web.guard import refuse
from web.holds import hold_json
from web.reasons import reason
from web.routes import Body, Route
from web.schema_forms import ref
from web.schemas import BOOKMARKS, NEW_BOOKMARK, TIMELINE
from web.services import address, principal, services
from web.views import utc

MAX_ALERTS = 1000
"""Of an interval: the newest."""


async def timeline(request: web.Request) -> web.Response:
    """`GET /api/cameras/{id}/timeline`: what there is in the interval, and what is missing, hidden, deleted, noted."""
    parts, camera, (start, end) = services(request), request.match_info["id"], interval(request)
    if start is None or end is None or start == end:
        raise BadRequestError('say "from" when to when ("to"), as in 2026-01-31T12:00:00Z')
    why = reason(request, Right.RECORDED, camera)
    await parts.audit.record(
        Action.RECORDINGS,
        actor=principal(request).name,
        address=address(request),
        camera=camera,
        reason=why,
        interval={"from": utc(start), "to": utc(end)},
    )
    parts.moments.prepare()  # who looks at a timeline hovers over it next
    found = await parts.timelines.of(camera, start, end)
    if found.first_ns is None and not parts.authority.known(camera):
        raise NotFoundError(f'there is no camera "{camera}", nor anything of it')
    holds = await parts.keeping.holds.of(camera, start, end)
    assignments = await parts.assignments.of(camera, start, end)
    who, alerts = principal(request), await parts.desk.alerts.search(start, end, cameras=[camera], limit=MAX_ALERTS)
    body = {
        "recordings": [_span_json(span) for span in found.recordings],
        "imported": [_span_json(span) for span in found.imported],
        "gaps": [
            {
                "start": utc(gaps.start_ns),
                "end": utc(gaps.end_ns),
                "reason": gaps.missing.reason,
                "detail": gaps.missing.detail,
                "track": None if gaps.missing.kind is None else gaps.missing.kind.value,
                "count": gaps.count,
            }
            for gaps in found.gaps
        ],
        "privacy": [
            {
                "start": utc(hidden.start_ns),
                "end": utc(hidden.end_ns),
                "hides": [what for what, is_so in (("position", hidden.position), ("stream", hidden.stream)) if is_so],
            }
            for hidden in found.privacy
        ],
        "bookmarks": [bookmark_json(bookmark) for bookmark in found.bookmarks],
        "alerts": [alert_json(parts, alert, who) for alert in reversed(alerts) if may_see(parts, who, alert)],
        "holds": [hold_json(hold) for hold in holds],
        "assignments": [assignment_json(assignment) for assignment in assignments],
        "deleted": [
            {
                "start": utc(deleted.start_ns),
                "end": utc(deleted.end_ns),
                "deleted": utc(deleted.deleted_ns),
                "rule": deleted.rule,
            }
            for deleted in found.deleted
        ],
        "first": utc(found.first_ns),
        "last": utc(found.last_ns),
    }
    return web.json_response(body)


async def bookmarks(request: web.Request) -> web.Response:
    """`GET /api/cameras/{id}/bookmarks`: by time."""
    camera, (start, end) = request.match_info["id"], interval(request)
    found = await services(request).bookmarks.of(camera, start, end)
    if not found:
        await _known(request, camera)
    return web.json_response({"bookmarks": [bookmark_json(bookmark) for bookmark in found]})


async def add(request: web.Request) -> web.Response:
    """`POST /api/cameras/{id}/bookmarks` {utc, text}: 201 with the bookmark."""
    parts, camera = services(request), request.match_info["id"]
    values = await json_object(request)
    no_others(values, {"utc", "text"})
    try:
        at = parse_utc(member(values, "utc"))
    except ValueError:
        raise BadRequestError('"utc" must be a time as in 2026-01-31T12:00:00Z', pointer="/utc") from None
    await _known(request, camera)
    who = principal(request).name
    made = await parts.bookmarks.add(camera, at, member(values, "text"), by=who, address=address(request))
    headers = {"Location": f"/api/cameras/{camera}/bookmarks/{made.id}"}
    return web.json_response(bookmark_json(made), status=201, headers=headers)


async def remove(request: web.Request) -> web.Response:
    """`DELETE /api/cameras/{id}/bookmarks/{bookmark}`: by who set it, or may configure the camera."""
    parts, camera, who = services(request), request.match_info["id"], principal(request)
    number = request.match_info["bookmark"]
    if not (number.isascii() and number.isdigit() and len(number) < 16):
        raise NotFoundError(f"there is no bookmark {number[:20]} of {camera}")
    bookmark = await parts.bookmarks.find(camera, int(number))
    if bookmark.created_by != who.name and not parts.authority.may(who, Right.CONFIGURE, camera):
        await refuse(request, who, Right.CONFIGURE, camera)
    await parts.bookmarks.remove(bookmark, by=who.name, address=address(request))
    return web.Response(status=204)


def bookmark_json(bookmark: Bookmark) -> dict[str, Any]:
    """As it is told everywhere."""
    return {
        "id": bookmark.id,
        "utc": utc(bookmark.utc_ns),
        "text": bookmark.text,
        "created_by": bookmark.created_by,
        "created": utc(bookmark.created_ns),
    }


def _span_json(span: Span) -> dict[str, Any]:
    return {"start": utc(span.start_ns), "end": utc(span.end_ns)}


async def _known(request: web.Request, camera: str) -> None:
    """There is such a camera, or something of one that was removed."""
    parts = services(request)
    if not parts.authority.known(camera) and not await parts.catalog.recordings(camera, None, None):
        raise NotFoundError(f'there is no camera "{camera}", nor anything of it')


_BOOKMARKS, _INTERVAL = "/api/cameras/{id}/bookmarks", {"from": "RFC 3339", "to": "RFC 3339"}

ROUTES = [
    Route(
        "GET",
        "/api/cameras/{id}/timeline",
        timeline,
        "Show what there is of an interval",
        "archive",
        query=_INTERVAL,
        answers={200: Body(schema=TIMELINE)},
    ),
    Route(
        "GET",
        _BOOKMARKS,
        bookmarks,
        "List bookmarks",
        "archive",
        query=_INTERVAL,
        answers={200: Body(schema=BOOKMARKS)},
    ),
    Route(
        "POST",
        _BOOKMARKS,
        add,
        "Set a bookmark",
        "archive",
        takes=Body(schema=NEW_BOOKMARK),
        answers={201: Body(schema=ref("Bookmark"))},
    ),
    Route("DELETE", f"{_BOOKMARKS}/{{bookmark}}", remove, "Remove a bookmark", "archive", answers={204: None}),
]
