"""A picture of any moment: which one is shown to whom, what is drawn in, and what the audit says of it.

How it is found and decoded is `gateway.recording.moment`'s business; the picture of now, `web.live`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from aiohttp import web

from gateway.access.audit import Action
from gateway.access.portion import Portion
from gateway.access.privacy import Span
from gateway.access.rights import Right
from gateway.base.errors import BadRequestError, RefusedError
from gateway.base.rfc3339 import format_utc
from gateway.media.model import NS, Fix, UtcNs
from gateway.media.stamp import Stamp
from gateway.recording.moment import THUMBNAIL_WIDTH
from web.playback import OutsideError
from web.reasons import reason
from web.services import Services, address, principal, services
from web.views import utc

PICTURE_UTC = "X-Picture-UTC"
"""When the picture was captured."""
PICTURE = "X-Picture"
"""Which one it is: `exact`, or `nearest keyframe`."""
QUERY = {
    "at": "RFC 3339: a moment of the past; without it, now",
    "width": f"pixels at most; up to {THUMBNAIL_WIDTH} of the past: the nearest keyframe",
    "stamp": "1: with unit, UTC and, with the right to it, position drawn in",
}
MIN_WIDTH, MAX_WIDTH = 16, 8192
FIX_NS = 600 * NS
"""A position older than that is none any more."""
THUMBNAILS_SECONDS = 60.0
"""The audit has a row for the thumbnails that somebody is shown of a camera, and another one after so long."""
MAX_LOOKERS = 10_000


class Thumbnails:
    """Of which thumbnails the audit has a row already: who hovers over a timeline sees dozens in a second."""

    def __init__(self) -> None:
        self._written: dict[tuple[bytes, str, str | None], float] = {}

    def due(self, key: bytes, camera: str, why: str | None, now: float) -> bool:
        """Whether a row has to be written before this one is shown."""
        at = self._written.get((key, camera, why))
        return at is None or now - at >= THUMBNAILS_SECONDS

    def written(self, key: bytes, camera: str, why: str | None, now: float) -> None:
        """A row was."""
        if len(self._written) >= MAX_LOOKERS:
            self._written.clear()  # rows that were due a little later
        self._written[key, camera, why] = now


THUMBNAILS: web.AppKey[Thumbnails] = web.AppKey("thumbnails", Thumbnails)


def wanted(request: web.Request) -> tuple[int | None, bool]:
    """How wide the picture may be, and whether it is stamped.

    Raises:
        BadRequestError: the query does not say so in a way that is understood.
    """
    text, stamp = request.query.get("width", ""), request.query.get("stamp", "0")
    width = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None
    if text and (width is None or not MIN_WIDTH <= width <= MAX_WIDTH):
        raise BadRequestError(f'"width" is a number of pixels from {MIN_WIDTH} to {MAX_WIDTH}')
    if stamp not in {"0", "1"}:
        raise BadRequestError('"stamp" is 0 or 1')
    return width, stamp == "1"


async def past(
    request: web.Request, at_ns: UtcNs, width: int | None, stamped: bool, outside: Sequence[Span] = ()
) -> web.Response:
    """The picture that was to be seen at `at_ns`.

    Raises:
        OutsideError: it lies `outside`: the nearest keyframe can be older.
        RefusedError: a privacy mode hid it.
    """
    parts, camera = services(request), request.match_info["id"]
    why = reason(request, Right.RECORDED, camera)
    thumbnail = width is not None and width <= THUMBNAIL_WIDTH and not stamped
    moment = await parts.moments.find(camera, at_ns, thumbnail=thumbnail)
    utc_ns = moment.utc_ns
    if any(span.covers(utc_ns) for span in outside):
        raise OutsideError("this is outside of what is shown")
    if await parts.privacy.hidden_streams(camera, utc_ns, utc_ns + 1):
        raise RefusedError("the wearer's privacy mode hid this")
    await _note(request, camera, why, at_ns, thumbnail)
    lines = await _stamp(request, camera, utc_ns, moment.exact) if stamped else ()
    picture = await parts.moments.picture(moment, width=width, lines=lines)
    headers = {
        "Cache-Control": "private, max-age=600",
        "Last-Modified": format_datetime(datetime.fromtimestamp(utc_ns // NS, UTC), usegmt=True),
        PICTURE_UTC: format_utc(utc_ns),
        PICTURE: "exact" if moment.exact else "nearest keyframe",
    }
    return web.Response(body=picture, content_type="image/jpeg", headers=headers)


async def _note(request: web.Request, camera: str, why: str | None, at_ns: UtcNs, thumbnail: bool) -> None:
    parts, who, seen = services(request), principal(request), request.app[THUMBNAILS]
    now = parts.clock.monotonic()
    if thumbnail and not seen.due(who.key, camera, why, now):
        return
    detail: dict[str, Any] = {"thumbnails": True} if thumbnail else {}
    await parts.audit.record(
        Action.SNAPSHOT, actor=who.name, address=address(request), camera=camera, reason=why, at=utc(at_ns),
        agent=request.headers.get("User-Agent", "")[:200], **detail,
    )  # fmt: skip
    if thumbnail:
        seen.written(who.key, camera, why, now)


async def _stamp(request: web.Request, camera_id: str, utc_ns: UtcNs, exact: bool) -> tuple[str, ...]:
    parts = services(request)
    camera = parts.fleet.cameras.get(camera_id)
    tells = Portion.of(parts.authority.rights(principal(request), camera_id)).positions and not (
        await parts.privacy.hidden_positions(camera_id, utc_ns, utc_ns + 1)
    )
    fix = await _fix(parts, camera_id, utc_ns) if tells else None
    label = camera_id if camera is None else camera.settings.label
    return Stamp(label, utc_ns, fix, tells_position=tells, note="" if exact else "nearest keyframe").lines()


async def _fix(parts: Services, camera: str, utc_ns: UtcNs) -> Fix | None:
    """Where the wearer was at a moment, so far as that was not hidden."""
    fixes = await parts.positions.fixes(camera, utc_ns - FIX_NS, utc_ns + 1)
    hidden = await parts.privacy.hidden_positions(camera, utc_ns - FIX_NS, utc_ns + 1)
    shown = [fix for fix in fixes if not any(span.covers(fix.utc_ns) for span in hidden)]
    return max(shown, key=lambda fix: fix.utc_ns, default=None)
