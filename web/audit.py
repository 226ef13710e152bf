"""The audit over HTTP, for auditors: search it, take it along as CSV, have it proved. Reading it is audited, too."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

from aiohttp import web

from gateway.access.audit import Action, Entry
from gateway.access.audit_chain import Verdict, verify
from gateway.access.audit_search import MAX_PAGE, PAGE, Query, entry_json, pages, search
from gateway.base.csv_cells import csv_lines
from gateway.base.errors import BadRequestError, ConflictError
from gateway.base.rfc3339 import parse_day
from web.body import interval
from web.routes import Body, Route
from web.schemas import AUDIT_PAGE, VERDICT
from web.services import address, principal, services

COLUMNS = ("id", "utc", "actor", "action", "outcome", "camera", "address", "reason", "detail")
_PROVING = web.AppKey("proving", asyncio.Lock)


async def find(request: web.Request) -> web.Response:
    """`GET /api/audit`: a page of the rows that fit, newest first, and where to go on (`before`)."""
    query = replace(_query(request), before=_number(request, "before"), limit=_number(request, "limit") or PAGE)
    await _audit(request, Action.AUDIT_SEARCH)
    found = await search(services(request).audit.database, query)
    more = found[-1].id if len(found) == query.limit else None
    return web.json_response({"rows": [entry_json(entry) for entry in found], "before": more})


async def take_along(request: web.Request) -> web.StreamResponse:
    """`GET /api/audit.csv`: all rows that fit, newest first, sent as they are read."""
    query = _query(request)
    await _audit(request, Action.AUDIT_EXPORT)
    found = pages(services(request).audit.database, query)
    # Read before the answer begins: what goes wrong then still gets a status of its own.
    first: list[Entry] = await anext(found, [])
    response = web.StreamResponse(
        headers={
            "Content-Type": "text/csv; charset=utf-8; header=present",
            "Content-Disposition": 'attachment; filename="audit.csv"',
        }
    )
    response.enable_compression()
    await response.prepare(request)
    await response.write(csv_lines([COLUMNS, *map(_cells, first)]).encode())
    async for page in found:
        await response.write(csv_lines(map(_cells, page)).encode())
    await response.write_eof()
    return response


async def prove(request: web.Request) -> web.Response:
    """`GET /api/audit/verify?day=2026-01-31`: whether the rows of a day (UTC) are as they were written."""
    try:
        start_ns, end_ns = parse_day(request.query.get("day", ""))
    except ValueError as error:
        raise BadRequestError(f'"day": {error}') from None
    proving = request.app[_PROVING]
    if proving.locked():
        raise ConflictError("another proof is under way: it takes some seconds, then try again")
    async with proving:
        await _audit(request, Action.AUDIT_VERIFY)
        verdict = await verify(services(request).audit.database, start_ns, end_ns)
    return web.json_response({"day": request.query["day"], **_verdict(verdict)})


def _query(request: web.Request) -> Query:
    start_ns, end_ns = interval(request)
    actor, camera, action, outcome = (
        request.query.get(name) or None for name in ("actor", "camera", "action", "outcome")
    )
    return Query(start_ns, end_ns, actor, camera, action, outcome)


def _number(request: web.Request, name: str) -> int | None:
    text = request.query.get(name)
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise BadRequestError(f'"{name}" must be a number')
    return int(text)


async def _audit(request: web.Request, action: Action) -> None:
    asked = {name: value[:200] for name, value in request.query.items()}
    await services(request).audit.record(action, actor=principal(request).name, address=address(request), asked=asked)


def _cells(entry: Entry) -> list[object]:
    shown = entry_json(entry)
    return [json.dumps(shown[name], ensure_ascii=False) if name == "detail" else shown[name] for name in COLUMNS]


def _verdict(verdict: Verdict) -> dict[str, Any]:
    broken = verdict.broken
    return {
        "holds": broken is None,
        "first": verdict.first,
        "last": verdict.last,
        "broken": None
        if broken is None
        else {"row": broken.sequence, "fault": broken.fault.value, "detail": str(broken)},
        "head": str(verdict.head),
    }


def prepare(app: web.Application) -> None:
    """What these routes keep from one request to the next."""
    app[_PROVING] = asyncio.Lock()


_NARROWED = {
    "from": "RFC 3339; without it from the first",
    "to": "RFC 3339, not included; without it to the newest",
    "actor": "who",
    "camera": "its id",
    "action": "what was done",
    "outcome": "done, refused or ended",
}

ROUTES = [
    Route(
        "GET",
        "/api/audit",
        find,
        "Search the audit",
        "audit",
        query=_NARROWED
        | {"before": "the page after the one that named it", "limit": f"1 to {MAX_PAGE} rows (default: {PAGE})"},
        answers={200: Body(schema=AUDIT_PAGE)},
    ),
    Route(
        "GET",
        "/api/audit.csv",
        take_along,
        "Take rows of the audit along",
        "audit",
        query=_NARROWED,
        answers={200: Body("text/csv", {"type": "string"})},
    ),
    Route(
        "GET",
        "/api/audit/verify",
        prove,
        "Prove that a day of the audit is as it was written",
        "audit",
        query={"day": "as in 2026-01-31, in UTC"},
        answers={200: Body(schema=VERDICT)},
    ),
]
