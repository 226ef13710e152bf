"""Playing the past over HTTP: an HLS playlist of any interval, and the media that it names.

What is shown when, and to whom, is decided here; how it is made, in `gateway.recording.playback`.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterable, Sequence

from aiohttp import web

from gateway.access.portion import Portion
from gateway.access.privacy import Span
from gateway.access.rights import Right
from gateway.base.errors import BadRequestError, NotFoundError, RefusedError, SightlineError
from gateway.media.model import NS, TrackKind, UtcNs
from gateway.recording.chunks import Chunk
from gateway.recording.playback.playlist import CONTENT_TYPE, GAP_NAME, Shape
from web.body import interval
from web.reasons import reason
from web.routes import Body, Route
from web.services import address, principal, services
from web.tickets import TICKETS, Showing, Ticket

log = logging.getLogger(__name__)

MAX_HOURS = 48
"""What one playlist spans at most: some 43 000 chunks."""
SETTLING_NS = 2 * NS
"""So long after the end of an interval all of it is on disk."""
STUCK_SECONDS = 60.0
"""A client that takes nothing for so long is let go."""
_CHUNK = re.compile(r"(\d{1,15})-(\d{1,12})\.m4s", re.ASCII)
_TRACKS = {"video": True, "all": False}


class OutsideError(RefusedError):
    """It is of a time that is not shown."""


async def playlist(request: web.Request) -> web.Response:
    """`GET /api/cameras/{id}/playlist.m3u8`: a media playlist (RFC 8216) of what was recorded in the interval."""
    return await play(request, *_interval(request))


async def play(request: web.Request, from_ns: UtcNs, to_ns: UtcNs, outside: Sequence[Span] = ()) -> web.Response:
    """The playlist of an interval, without what touches `outside`."""
    parts, who, camera = services(request), principal(request), request.match_info["id"]
    video_only = _video_only(request)
    showing = Showing(
        camera, from_ns, to_ns, video_only, reason(request, Right.RECORDED, camera), address(request),
        request.headers.get("User-Agent", "")[:200],
    )  # fmt: skip
    shape = Shape.VOD
    if to_ns + SETTLING_NS > parts.clock.utc_ns():
        shape = Shape.GROWING
    elif request.app[TICKETS].was_told_more_follows(who, showing):
        shape = Shape.GROWN
    footage = await parts.archive.footage(camera, from_ns, to_ns)
    hidden = [*await parts.privacy.hidden_streams(camera, from_ns, to_ns), *outside]
    sound = (
        not video_only
        and Portion.of(parts.authority.rights(who, camera)).sound
        # What follows may have sound, and then what came before must have had it, too.
        and (shape is not Shape.VOD or any(piece.has(TrackKind.AUDIO) for piece in footage.pieces))
    )
    if not footage.pieces:
        raise NotFoundError("nothing is recorded in this interval" + (" yet" if shape is Shape.GROWING else ""))
    ticket = await request.app[TICKETS].issue(who, showing, sound=sound, more_follows=shape is Shape.GROWING)
    text = await parts.playback.playlist(footage, hidden, f"ticket={ticket.text}", shape)
    return web.Response(text=text, content_type=CONTENT_TYPE)


async def media(request: web.Request) -> web.StreamResponse:
    """`GET /api/cameras/{id}/media/{segment}/{part}`: what a playlist names: an init segment, or a chunk."""
    return await send(request)


async def send(request: web.Request, outside: Sequence[Span] = ()) -> web.StreamResponse:
    """The piece of media that the path names.

    Raises:
        OutsideError: it is a chunk that touches `outside`.
        RefusedError: the ticket is for something else, or a privacy mode hid this.
    """
    parts, who, camera = services(request), principal(request), request.match_info["id"]
    name, part = request.match_info["segment"], request.match_info["part"]
    if name == GAP_NAME:
        # Players that know EXT-X-GAP do not ask. GStreamer's (1.22) do, and end at an error; after no bytes they go on.
        return web.Response(content_type="video/mp4")
    ticket = await request.app[TICKETS].use(request.query.get("ticket", ""), who, camera)
    if part == "init.mp4":
        piece = await parts.playback.piece(camera, name)
        _within(ticket, piece.chunks)
        data, content_type = await parts.playback.init(piece, with_sound=ticket.sound)
        return web.Response(body=data, headers={"Content-Type": content_type})
    numbers = _CHUNK.fullmatch(part)
    if numbers is None:
        raise NotFoundError(f'there is no "{part}": a playlist names what there is')
    place = await parts.playback.place(camera, name, int(numbers[1]), int(numbers[2]))
    chunk = place.chunk
    _within(ticket, [chunk])
    if any(chunk.overlaps(span.start_ns, span.end_ns) for span in outside):
        raise OutsideError("this is outside of what is shown")
    hidden = await parts.privacy.hidden_streams(camera, chunk.start_ns, None)
    if any(chunk.overlaps(span.start_ns, span.end_ns) for span in hidden):
        raise RefusedError("the wearer's privacy mode hid this")
    made = await parts.playback.chunk(place, with_sound=ticket.sound)
    response = web.StreamResponse(headers={"Content-Type": "video/mp4", "Content-Length": str(made.size)})
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    try:
        async for block in parts.playback.blocks(made):
            if ticket.ended is not None:
                raise RefusedError(ticket.ended)
            async with asyncio.timeout(STUCK_SECONDS):
                await response.write(block)
    except (SightlineError, TimeoutError) as error:
        # The answer has begun: all that is left is not to let it look complete.
        log.info("camera %s: a chunk that was being fetched is cut off: %s", camera, error or "its client is stuck")
        if request.transport is not None:
            request.transport.abort()
        return response
    await response.write_eof()
    return response


def _interval(request: web.Request) -> tuple[UtcNs, UtcNs]:
    start, end = interval(request)
    if start is None:
        raise BadRequestError('say "from" when to play, as in 2026-01-31T12:00:00Z')
    most = start + MAX_HOURS * 3600 * NS
    if end is not None and end > most:
        raise BadRequestError(f"a playlist spans at most {MAX_HOURS} hours: ask for the rest separately")
    if end == start:
        raise BadRequestError('"to" must lie after "from"')
    return start, most if end is None else end


def _video_only(request: web.Request) -> bool:
    tracks = request.query.get("tracks", "all")
    if tracks not in _TRACKS:
        raise BadRequestError(f'"tracks" is one of {", ".join(_TRACKS)}')
    return _TRACKS[tracks]


def _within(ticket: Ticket, chunks: Iterable[Chunk]) -> None:
    showing = ticket.showing
    if not any(chunk.overlaps(showing.from_ns, showing.to_ns) for chunk in chunks):
        raise RefusedError("this ticket is for another interval: load its playlist")


_M3U8, _MP4 = Body(CONTENT_TYPE, {"type": "string"}), Body("video/mp4", {"type": "string", "format": "binary"})

ROUTES = [
    Route(
        "GET",
        "/api/cameras/{id}/playlist.m3u8",
        playlist,
        "Play what is recorded (HLS media playlist, fMP4)",
        "archive",
        query={
            "from": "RFC 3339",
            "to": f"RFC 3339; at most {MAX_HOURS} hours later; while it lies ahead, the playlist grows",
            "tracks": "all (default) or video",
        },
        answers={200: _M3U8},
    ),
    Route(
        "GET",
        "/api/cameras/{id}/media/{segment}/{part}",
        media,
        "Fetch a piece of media that a playlist names",
        "archive",
        query={"ticket": "as in the playlist"},
        answers={200: _MP4},
    ),
]
