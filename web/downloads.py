"""An interval of the past as one file to take away: `video.mp4`, with Range, made while it is sent.

What is in the file is decided here, by who asks; how it is made, in `gateway.recording.download`.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from urllib.parse import quote

from aiohttp import web

from gateway.access.explain import ruling
from gateway.access.portion import Portion
from gateway.access.privacy import bounds
from gateway.access.rights import Right
from gateway.base.errors import BadRequestError, RefusedError, SightlineError
from gateway.media.model import NS, UtcNs
from gateway.recording.clip import Selection
from gateway.recording.download import Download
from web.body import interval
from web.download_views import DOWNLOADS, Fetching, Request
from web.reasons import reason
from web.routes import Body, Route
from web.services import Services, address, principal, services

log = logging.getLogger(__name__)

MAX_HOURS = 48
"""What one file spans at most: to know its length, a few bytes of each of its Segments are read."""
BEFORE_NS = 600 * NS
"""From how much earlier a file may hold something, so that decoding can start: a keyframe is not far."""
STUCK_SECONDS = 60.0
"""A client that takes nothing for so long is let go; it can go on where it was."""
LOOK_SECONDS = 1.0
"""How often is looked whether the log-in still holds."""


async def video(request: web.Request) -> web.StreamResponse:
    """`GET /api/cameras/{id}/video.mp4`: what was recorded from `from` to `to`, in one file.

    The ETag also says how much of the interval was recorded when it was given: with it in `If-Range`, one goes on with
    that file, although more has been recorded since.
    """
    parts, camera = services(request), request.match_info["id"]
    from_ns, to_ns = _interval(request)
    why = reason(request, Right.EXPORT, camera)
    portion = Portion.of(parts.authority.rights(principal(request), camera))
    download = await parts.clips.download(
        camera, from_ns, to_ns, await _selection(parts, camera, portion, from_ns, to_ns)
    )
    download, start, end = await _range(request, download)
    whole = (start, end) == (0, download.size)
    headers = {
        "Content-Type": "video/mp4",
        "Content-Length": str(end - start),
        "Content-Disposition": _disposition(parts, camera, download.clip.start_ns),
        "Accept-Ranges": "bytes",
        "ETag": f'"{download.tag}"',
    }
    if not whole:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{download.size}"
    response = web.StreamResponse(status=200 if whole else 206, headers=headers)
    if request.method == "HEAD":  # it shows nothing, and so is no view
        await response.prepare(request)
        return response
    who = principal(request)
    fetching = Fetching(who.key, who.name, address(request), camera, from_ns, to_ns, why, portion)
    async with request.app[DOWNLOADS].request(fetching, start, end, download.size) as fetched:
        await _send(request, response, fetched, download, portion)
    return response


async def _send(
    request: web.Request, response: web.StreamResponse, fetched: Request, download: Download, portion: Portion
) -> None:
    """Send the bytes that were asked for, as long as whoever asked may have them.

    Raises:
        SightlineError: nothing can be sent.
    """
    parts, camera = services(request), download.clip.camera
    try:
        looked = parts.clock.monotonic()
        async for block in parts.clips.blocks(download, fetched.start, fetched.end):
            if parts.clock.monotonic() - looked >= LOOK_SECONDS or not fetched.sent:
                looked = parts.clock.monotonic()
                await _still_allowed(request, camera, portion.rights | {Right.EXPORT})
            if not fetched.sent:
                await response.prepare(request)
            async with asyncio.timeout(STUCK_SECONDS):
                await response.write(block)
            fetched.sent += len(block)
        await response.write_eof()
        fetched.ended = "all of it was sent"
    except (SightlineError, TimeoutError) as error:
        fetched.failed = isinstance(error, SightlineError)
        fetched.ended = str(error) or "the client took nothing any more"
        if not fetched.sent:
            raise
        # The answer has begun: all that is left is not to let it look complete.
        log.info("camera %s: a download is cut off: %s", camera, fetched.ended)
        if request.transport is not None:
            request.transport.abort()


async def _selection(parts: Services, camera: str, portion: Portion, from_ns: UtcNs, to_ns: UtcNs) -> Selection:
    before_ns = from_ns - BEFORE_NS
    return Selection(
        portion.sound,
        portion.positions,
        bounds(await parts.privacy.hidden_positions(camera, before_ns, to_ns)),
        bounds(await parts.privacy.hidden_streams(camera, before_ns, to_ns)),
    )


async def _range(request: web.Request, download: Download) -> tuple[Download, int, int]:
    """Which bytes of which file are wanted (RFC 9110 14.2): from and to. Of several ranges the whole file is sent.

    Raises:
        HTTPRequestRangeNotSatisfiable: none of these bytes are in it.
    """
    wanted = request.headers.get("If-Range", "").strip()
    if wanted:
        before = await services(request).clips.earlier(download, wanted.strip('"'))
        if before is None:
            return download, 0, download.size
        download = before
    try:
        asked = request.http_range
    except ValueError:
        return download, 0, download.size  # another unit, several ranges, or none: RFC 9110 14.2 lets us ignore it
    if asked.start is None and asked.stop is None:
        return download, 0, download.size
    start, end, _ = slice(asked.start, asked.stop).indices(download.size)
    if start >= end:
        raise web.HTTPRequestRangeNotSatisfiable(headers={"Content-Range": f"bytes */{download.size}"})
    return download, start, end


async def _still_allowed(request: web.Request, camera: str, given: frozenset[Right]) -> None:
    parts, key = services(request), principal(request).key
    who = (await parts.log_ins.holding([key])).get(key)
    if who is None:
        raise RefusedError("the log-in has ended")
    if lost := given - parts.authority.rights(who, camera):
        right = Right.EXPORT if Right.EXPORT in lost else min(lost)
        raise RefusedError(
            f"you have no right to this any more ({right.value}): {ruling(parts.authority, who, right, camera).why}"
        )


def _disposition(parts: Services, camera_id: str, start_ns: UtcNs) -> str:
    """A file name with the unit and when it begins (RFC 6266 4): in ASCII, and as it is."""
    begin = f"{datetime.fromtimestamp(start_ns // NS, UTC):%Y%m%dT%H%M%SZ}.mp4"
    label = parts.fleet.label(camera_id)
    return f"attachment; filename=\"{camera_id}-{begin}\"; filename*=UTF-8''{quote(f'{label} {begin}', safe='')}"


def _interval(request: web.Request) -> tuple[UtcNs, UtcNs]:
    start, end = interval(request)
    if start is None or end is None:
        raise BadRequestError('say "from" when and "to" when, as in 2026-01-31T12:00:00Z')
    if not 0 < end - start <= MAX_HOURS * 3600 * NS:
        raise BadRequestError(f'"to" must lie after "from", by {MAX_HOURS} hours at most: export more')
    return start, end


_MP4 = Body("video/mp4", {"type": "string", "format": "binary"})

ROUTES = [
    Route(
        "GET",
        "/api/cameras/{id}/video.mp4",
        video,
        "Download what is recorded in one file",
        "archive",
        query={"from": "RFC 3339", "to": f"RFC 3339, at most {MAX_HOURS} hours later; what is recorded by now counts"},
        answers={200: _MP4, 206: _MP4},
    )
]
