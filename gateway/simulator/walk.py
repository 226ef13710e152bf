"""Where a simulated unit walks: a round through Westminster, as a GNSS receiver would report it.

Only geometry belongs here. A fix is a function of the walk's seed and of time: tests can ask where a unit was at any
moment, and two runs agree.
"""

from __future__ import annotations

import bisect
import itertools
import math
from dataclasses import dataclass

from gateway.media.model import NS, Constellation, Fix, UtcNs

Point = tuple[float, float]
"""Latitude and longitude in degrees."""

METRES_PER_DEGREE = 111_320.0

ROUTES: tuple[tuple[Point, ...], ...] = (
    # Parliament Square, Whitehall, Trafalgar Square, Horse Guards Road, Great George Street
    (
        (51.50085, -0.12650),
        (51.50175, -0.12615),
        (51.50330, -0.12600),
        (51.50490, -0.12640),
        (51.50610, -0.12685),
        (51.50690, -0.12760),
        (51.50660, -0.12880),
        (51.50560, -0.12960),
        (51.50400, -0.12935),
        (51.50250, -0.12925),
        (51.50105, -0.12945),
        (51.50095, -0.12790),
    ),
    # Westminster Bridge, Victoria Embankment, Northumberland Avenue, Whitehall Place, Bridge Street
    (
        (51.50105, -0.12420),
        (51.50260, -0.12365),
        (51.50420, -0.12320),
        (51.50560, -0.12275),
        (51.50640, -0.12310),
        (51.50695, -0.12500),
        (51.50580, -0.12560),
        (51.50470, -0.12540),
        (51.50320, -0.12550),
        (51.50190, -0.12570),
        (51.50115, -0.12560),
    ),
    # round St James's Park: Birdcage Walk, Spur Road, The Mall, Horse Guards Parade
    (
        (51.50090, -0.13000),
        (51.50050, -0.13350),
        (51.50020, -0.13620),
        (51.50080, -0.13980),
        (51.50180, -0.14060),
        (51.50260, -0.13960),
        (51.50380, -0.13660),
        (51.50500, -0.13330),
        (51.50600, -0.13010),
        (51.50450, -0.12960),
        (51.50270, -0.12940),
    ),
    # Broad Sanctuary, Victoria Street, Buckingham Gate, Petty France, Tothill Street
    (
        (51.49990, -0.12870),
        (51.49930, -0.13050),
        (51.49860, -0.13330),
        (51.49790, -0.13640),
        (51.49850, -0.13770),
        (51.49950, -0.13830),
        (51.50000, -0.13560),
        (51.49985, -0.13330),
        (51.50010, -0.13090),
        (51.50030, -0.12930),
    ),
)

_CORNER_METRES = 4.0
"""How far before and after a corner the course turns."""
_STRIDE_PERIODS = (41.0, 17.0)
"""Seconds over which the pace changes."""
_NOISE_PERIODS = (73.0, 29.0, 11.0)
"""Seconds over which the receiver's error wanders."""


@dataclass(frozen=True, slots=True)
class Truth:
    """Where the unit really is."""

    lat: float
    lon: float
    speed_mps: float
    course_deg: float


class Walk:
    """One unit's endless round. `seed` chooses the route, the direction, where on it the unit is, and the noise.

    `pace` in metres a second; `noise_m` is the receiver's error, one sigma in each direction.
    """

    def __init__(self, seed: int, *, pace: float = 1.4, noise_m: float = 0.8) -> None:
        route = ROUTES[seed % len(ROUTES)]
        if seed // len(ROUTES) % 2:
            route = route[::-1]
        self.noise_m = noise_m
        self._pace = pace
        self._lat0, self._lon0 = route[0]
        self._lon_scale = METRES_PER_DEGREE * math.cos(math.radians(self._lat0))
        self._corners = [self._metres(point) for point in (*route, route[0])]
        legs = [math.dist(a, b) for a, b in itertools.pairwise(self._corners)]
        self._distances = [0.0, *itertools.accumulate(legs)]
        self._start = seed * 137.0
        self._phase = seed * 0.7

    def truth(self, utc_ns: UtcNs) -> Truth:
        """Where the unit is at `utc_ns`, without the receiver's error."""
        seconds = utc_ns / NS
        metres = self._start + self._pace * seconds
        speed = self._pace
        for period in _STRIDE_PERIODS:
            omega = math.tau / period
            metres += 0.1 * self._pace / omega * math.sin(omega * seconds + self._phase)
            speed += 0.1 * self._pace * math.cos(omega * seconds + self._phase)
        east, north = self._at(metres)
        before, after = self._at(metres - _CORNER_METRES), self._at(metres + _CORNER_METRES)
        course = math.degrees(math.atan2(after[0] - before[0], after[1] - before[1])) % 360
        return Truth(self._lat0 + north / METRES_PER_DEGREE, self._lon0 + east / self._lon_scale, speed, course)

    def fix(self, utc_ns: UtcNs) -> Fix:
        """What the receiver reports at `utc_ns`: the error wanders over seconds, as a real one's does."""
        truth = self.truth(utc_ns)
        seconds = utc_ns / NS
        east = north = 0.0
        for i, period in enumerate(_NOISE_PERIODS):
            # Three sines of this amplitude have together the variance of noise_m squared.
            amplitude = self.noise_m * math.sqrt(2 / len(_NOISE_PERIODS))
            east += amplitude * math.sin(math.tau * seconds / period + self._phase + i)
            north += amplitude * math.cos(math.tau * seconds / (period * 1.3) + self._phase + 2 * i)
        return Fix(
            utc_ns=utc_ns,
            lat=round(truth.lat + north / METRES_PER_DEGREE, 7),
            lon=round(truth.lon + east / self._lon_scale, 7),
            altitude_m=round(12.0 + 2.0 * math.sin(math.tau * seconds / 301), 1),
            speed_mps=round(truth.speed_mps, 2),
            course_deg=round(truth.course_deg, 1) % 360,
            accuracy_m=round(2 * self.noise_m + 1.5 + 0.5 * math.sin(math.tau * seconds / 97), 1),
            constellations=(Constellation.GPS, Constellation.GALILEO),
            satellites=14 + round(3 * math.sin(math.tau * seconds / 131)),
        )

    def distance_from_route(self, lat: float, lon: float) -> float:
        """Metres from a place to the nearest point of the route."""
        point = self._metres((lat, lon))
        return min(_distance(point, a, b) for a, b in itertools.pairwise(self._corners))

    def _metres(self, point: Point) -> tuple[float, float]:
        """East and north of the route's first corner."""
        return (point[1] - self._lon0) * self._lon_scale, (point[0] - self._lat0) * METRES_PER_DEGREE

    def _at(self, metres: float) -> tuple[float, float]:
        metres %= self._distances[-1]
        leg = min(bisect.bisect_right(self._distances, metres), len(self._distances) - 1) - 1
        part = (metres - self._distances[leg]) / (self._distances[leg + 1] - self._distances[leg])
        a, b = self._corners[leg], self._corners[leg + 1]
        return a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1])


def _distance(point: tuple[float, float], a: tuple[float, float], b: tuple[float, float]) -> float:
    """From `point` to the line from `a` to `b`."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    part = ((point[0] - a[0]) * dx + (point[1] - a[1]) * dy) / (dx * dx + dy * dy)
    part = min(1.0, max(0.0, part))
    return math.hypot(point[0] - a[0] - part * dx, point[1] - a[1] - part * dy)
