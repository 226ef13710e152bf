"""What an incident begins as, opened from an alert, a unit, a place or a time: its title, cameras and beginning.

Whether they may open it with these cameras is asked by `web.incidents`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gateway.access.rights import Right
from gateway.access.users import Principal
from gateway.base.errors import BadRequestError, NotFoundError
from gateway.incidents.alert import Alert
from gateway.incidents.incident import MAX_TITLE, Opening
from gateway.media.model import NS, UtcNs
from web.alerts import may_see
from web.body import member, no_others
from web.nearby import number, place_of
from web.services import Services

BEFORE_NS = 300 * NS
"""What happens is mostly noticed a little later: so much earlier an incident begins, unless somebody says otherwise."""
RADIUS_M, MAX_RADIUS_M = 500.0, 20_000.0


async def opening_from(
    parts: Services,
    who: Principal,
    origin: dict[str, Any],
    cameras: list[str],
    start: UtcNs | None,
    end: UtcNs | None,
) -> Opening:
    """An opening from `origin`, with `cameras` besides those that follow from it.

    Raises:
        BadRequestError: it is no origin, or there is no camera.
        NotFoundError: there is no such alert.
    """
    now = parts.clock.utc_ns()
    kept: dict[str, Any] = {}
    when = start if start is not None else end if end is not None else now
    if "alert" in origin:
        no_others(origin, {"alert"})
        alert = await alert_of(parts, who, origin)
        when = alert.utc_ns if start is None else start
        kept, title, first = {"alert": alert.id}, alert.text, [alert.camera] if alert.camera else []
    elif "camera" in origin:
        no_others(origin, {"camera"})
        camera = member(origin, "camera")
        kept, title, first = {"camera": camera}, parts.fleet.label(camera), [camera]
    elif origin:
        kept, title, first = await _of_place(parts, who, origin, None if when == now else when)
    else:
        title, first = f"{datetime.fromtimestamp(when // NS, UTC):%Y-%m-%d %H:%M} UTC", []
    chosen = tuple(dict.fromkeys([*first, *cameras]))
    if not chosen:
        where = (
            f"nobody for whom you may respond was within {kept['radius_m']:g} m then: " if "radius_m" in kept else ""
        )
        raise BadRequestError(f"{where}name one camera at least", pointer="/cameras")
    begins = min(when, now) - BEFORE_NS if start is None else start
    return Opening(" ".join(title.split())[:MAX_TITLE], chosen, begins, end, None, (), kept)


async def alert_of(parts: Services, who: Principal, values: dict[str, Any]) -> Alert:
    """The alert that the member `alert` names, if `who` may know of it.

    Raises:
        BadRequestError: it is no number.
        NotFoundError: they may not, or there is none.
    """
    given = values.get("alert")
    if not isinstance(given, int) or isinstance(given, bool) or not 0 < given < 1 << 63:
        raise BadRequestError('"alert" is the number of an alert', pointer="/alert")
    found = await parts.desk.alerts.find(given)
    if not may_see(parts, who, found):
        raise NotFoundError(f"there is no alert {given}")
    return found


async def _of_place(
    parts: Services, who: Principal, origin: dict[str, Any], at_ns: UtcNs | None
) -> tuple[dict[str, Any], str, list[str]]:
    """Origin, title and the units that were there: those for which `who` may respond."""
    no_others(origin, {"lat", "lon", "radius_m"})
    lat, lon = number(origin, "lat", 90), number(origin, "lon", 180)
    radius_m = number(origin, "radius_m", MAX_RADIUS_M) if "radius_m" in origin else RADIUS_M
    near = await place_of(parts, who, lat, lon, at_ns, radius_m=radius_m)
    responding = [one.camera for one in near if parts.authority.may(who, Right.RESPOND, one.camera)]
    return {"lat": lat, "lon": lon, "radius_m": radius_m}, f"{lat:.5f}, {lon:.5f}", responding
