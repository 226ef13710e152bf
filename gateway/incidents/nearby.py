"""Who is near a place, now or at a moment of the past: units by distance, each with how old its position was then."""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection
from dataclasses import dataclass

from gateway.access.privacy import PrivacyModes
from gateway.base.clock import Clock
from gateway.ingest.fleet import Fleet
from gateway.media.model import NS, Fix, UtcNs
from gateway.positions.geodesy import distance_m
from gateway.positions.store import PositionStore

WITHIN_NS = 60 * NS
"""An older position says no more where a unit is."""


@dataclass(frozen=True, slots=True)
class Near:
    """A unit that is near a place."""

    camera: str
    fix: Fix
    """Its last one, as of the moment asked for."""
    distance_m: float
    age_s: float
    """How old it was then."""


class Nearby:
    """Finds units. Now: from what cameras are known to report; then: from what is kept, in one read for all."""

    def __init__(self, fleet: Fleet, positions: PositionStore, privacy: PrivacyModes, clock: Clock) -> None:
        self._fleet = fleet
        self._positions = positions
        self._privacy = privacy
        self._clock = clock

    async def find(
        self,
        lat: float,
        lon: float,
        at_ns: UtcNs | None,
        cameras: Collection[str],
        *,
        radius_m: float = math.inf,
        limit: int,
    ) -> list[Near]:
        """The nearest of `cameras` at `at_ns` (None: now), at most `limit`, within `radius_m`.

        What a privacy mode hid at the time is left out; who may know of which camera is the caller's to say.

        Raises:
            StorageError: the database refused.
        """
        if at_ns is None:
            return self._now(lat, lon, cameras, radius_m, limit)
        places = await self._positions.places(cameras, at_ns - WITHIN_NS, at_ns)
        distances = {camera: distance_m(lat, lon, *place) for camera, (_, *place) in places.items()}
        nearest: list[Near] = []
        for camera in sorted(distances, key=lambda camera: (distances[camera], camera)):
            if distances[camera] > radius_m or len(nearest) == limit:
                break
            utc_ns = places[camera][0]
            if not await self._privacy.hidden_positions(camera, utc_ns, utc_ns + 1):
                fix = (await self._positions.fixes(camera, utc_ns, utc_ns + 1))[-1]
                nearest.append(Near(camera, fix, distances[camera], (at_ns - utc_ns) / NS))
        return nearest

    def _now(self, lat: float, lon: float, cameras: Collection[str], radius_m: float, limit: int) -> list[Near]:
        now_ns = self._clock.utc_ns()
        known = {camera: self._fleet.cameras[camera].fix for camera in cameras if camera in self._fleet.cameras}
        found = [
            Near(camera, fix, away_m, max(0, now_ns - fix.utc_ns) / NS)
            for camera, fix in known.items()
            if fix is not None
            and now_ns - fix.utc_ns <= WITHIN_NS
            and (away_m := distance_m(lat, lon, fix.lat, fix.lon)) <= radius_m
        ]
        return heapq.nsmallest(limit, found, key=lambda near: (near.distance_m, near.camera))
