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
        moment_ns = self._clock.utc_ns() if at_ns is None else at_ns
        fixes = self._now(cameras, moment_ns) if at_ns is None else await self._then(cameras, at_ns)
        found = [
            Near(camera, fix, away_m, max(0, moment_ns - fix.utc_ns) / NS)
            for camera, fix in fixes.items()
            if (away_m := distance_m(lat, lon, fix.lat, fix.lon)) <= radius_m
        ]
        if at_ns is None:
            return heapq.nsmallest(limit, found, key=_distance)
        nearest: list[Near] = []
        for one in sorted(found, key=_distance):
            if not await self._privacy.hidden_positions(one.camera, one.fix.utc_ns, one.fix.utc_ns + 1):
                nearest.append(one)
            if len(nearest) == limit:
                break
        return nearest

    def _now(self, cameras: Collection[str], now_ns: UtcNs) -> dict[str, Fix]:
        return {
            camera: fix
            for camera in cameras
            if (known := self._fleet.cameras.get(camera)) is not None
            and (fix := known.fix) is not None
            and now_ns - fix.utc_ns <= WITHIN_NS
        }

    async def _then(self, cameras: Collection[str], at_ns: UtcNs) -> dict[str, Fix]:
        return await self._positions.newest(cameras, at_ns - WITHIN_NS, at_ns)


def _distance(one: Near) -> tuple[float, str]:
    return one.distance_m, one.camera
