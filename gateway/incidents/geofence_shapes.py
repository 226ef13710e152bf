"""The shapes of geofences: read from GeoJSON (RFC 7946), checked, and asked how far a place is from their edge.

Pure: no store, no units, no time. What follows for a unit from a distance is `geofence_judge`'s to say.

A polygon's edges are straight lines in longitude and latitude (RFC 7946 3.1.1). Distances are measured on the plane
that touches the earth at the place asked for: good to a percent for twenty kilometres around it, and best near the
edge, which is where they matter.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeAlias

from gateway.base.errors import BadRequestError
from gateway.positions.geodesy import EARTH_RADIUS_M, distance_m

MAX_POSITIONS = 500
"""Of all rings of a polygon together: near an edge each of them is looked at for each fix."""
LEAST_RADIUS_M, MOST_RADIUS_M = 10.0, 1_000_000.0
LEAST_AREA_M2 = 100.0
"""Receivers are wrong by more than what is smaller than this across."""
_M_PER_DEGREE = math.radians(EARTH_RADIUS_M)

Position: TypeAlias = tuple[float, float]
"""Longitude and latitude in degrees: GeoJSON's order (RFC 7946 3.1.1)."""


@dataclass(frozen=True, slots=True)
class Box:
    """What a shape lies within, in degrees; both edges belong to it."""

    south: float
    west: float
    north: float
    east: float


class Shape(Protocol):
    """What a geofence encloses."""

    @property
    def box(self) -> Box:
        """What it lies within."""

    @property
    def json(self) -> dict[str, Any]:
        """As GeoJSON, as it was read."""

    def depth_m(self, lat: float, lon: float) -> float:
        """Metres from the edge: positive within, negative outside."""


@dataclass(frozen=True)
class Circle:
    """All places within a distance of one: a Point with `radius_m`."""

    lat: float
    lon: float
    radius_m: float

    @cached_property
    def box(self) -> Box:
        """What it lies within: all longitudes where it reaches across 180° or around a pole."""
        angle = self.radius_m / EARTH_RADIUS_M
        south, north = self.lat - math.degrees(angle), self.lat + math.degrees(angle)
        wide = 180.0
        if south > -90 and north < 90:
            wide = math.degrees(math.asin(min(1.0, math.sin(angle) / math.cos(math.radians(self.lat)))))
        west, east = self.lon - wide, self.lon + wide
        if west < -180 or east > 180:
            west, east = -180.0, 180.0
        return Box(max(south, -90.0), west, min(north, 90.0), east)

    @property
    def json(self) -> dict[str, Any]:
        """A Point (RFC 7946 3.1.2) with the foreign member `radius_m`."""
        return {"type": "Point", "coordinates": [self.lon, self.lat], "radius_m": self.radius_m}

    def depth_m(self, lat: float, lon: float) -> float:
        """Metres from the edge: positive within, negative outside."""
        return self.radius_m - distance_m(self.lat, self.lon, lat, lon)


@dataclass(frozen=True)
class Polygon:
    """What its first ring encloses, without what the others do. Each ring ends where it begins."""

    rings: tuple[tuple[Position, ...], ...]

    @cached_property
    def box(self) -> Box:
        """What it lies within."""
        lons, lats = zip(*self.rings[0], strict=True)
        return Box(min(lats), min(lons), max(lats), max(lons))

    @property
    def json(self) -> dict[str, Any]:
        """A Polygon (RFC 7946 3.1.6)."""
        return {"type": "Polygon", "coordinates": [[list(position) for position in ring] for ring in self.rings]}

    def depth_m(self, lat: float, lon: float) -> float:
        """Metres from the nearest edge of any ring: positive within, negative outside.

        Within is what a line to the east crosses an odd number of edges from, whichever way the rings run.
        """
        north_m = _M_PER_DEGREE
        east_m = north_m * math.cos(math.radians(lat))
        within, nearest = False, math.inf
        for x1, y1, x2, y2 in self._edges:
            if (y1 > lat) != (y2 > lat) and lon < (x2 - x1) * (lat - y1) / (y2 - y1) + x1:
                within = not within
            ax, ay = (x1 - lon) * east_m, (y1 - lat) * north_m
            dx, dy = (x2 - x1) * east_m, (y2 - y1) * north_m
            along = -(ax * dx + ay * dy)
            length = dx * dx + dy * dy
            if along > 0 < length:
                share = min(1.0, along / length)
                ax, ay = ax + share * dx, ay + share * dy
            away = ax * ax + ay * ay
            if away < nearest:
                nearest = away
        return math.sqrt(nearest) if within else -math.sqrt(nearest)

    @cached_property
    def _edges(self) -> tuple[tuple[float, float, float, float], ...]:
        return tuple((*a, *b) for ring in self.rings for a, b in itertools.pairwise(ring))


def parse_shape(value: Any, pointer: str = "/shape") -> Shape:
    """The shape that a GeoJSON geometry says: a Polygon, or a Point with the member `radius_m`.

    Rings may run either way round. What crosses the 180th meridian is refused: RFC 7946 3.1.9 has it cut in two there.

    Raises:
        BadRequestError: it is neither, or encloses nothing that could be told; `pointer` is where `value` stands.
    """
    kind = value.get("type") if isinstance(value, dict) else None
    if kind in ("Feature", "FeatureCollection"):  # no set: what has no hash may stand there
        raise BadRequestError(f"send the geometry alone, without the {kind} around it", pointer=pointer)
    if kind == "Point":
        return _circle(value, pointer)
    if kind == "Polygon":
        return _polygon(value.get("coordinates"), f"{pointer}/coordinates")
    raise BadRequestError('the shape is a GeoJSON Polygon, or a Point with "radius_m"', pointer=pointer)


def _circle(value: dict[str, Any], pointer: str) -> Circle:
    lon, lat = _position(value.get("coordinates"), f"{pointer}/coordinates")
    radius_m: Any = value.get("radius_m")
    if not _is_number(radius_m) or not LEAST_RADIUS_M <= radius_m <= MOST_RADIUS_M:
        raise BadRequestError(
            f'a Point needs "radius_m", {LEAST_RADIUS_M:.0f} to {MOST_RADIUS_M:.0f} metres',
            pointer=f"{pointer}/radius_m",
        )
    return Circle(lat, lon, float(radius_m))


def _polygon(coordinates: Any, pointer: str) -> Polygon:
    if not isinstance(coordinates, list) or not coordinates:
        raise BadRequestError("a Polygon has a list of rings", pointer=pointer)
    if sum(len(ring) for ring in coordinates if isinstance(ring, list)) > MAX_POSITIONS:
        raise BadRequestError(f"a geofence has {MAX_POSITIONS} positions at most: draw it more simply", pointer=pointer)
    polygon = Polygon(tuple(_ring(ring, f"{pointer}/{i}") for i, ring in enumerate(coordinates)))
    outer, *holes = polygon.rings
    if (where := _crossing(polygon.rings)) is not None:
        lon, lat = where
        raise BadRequestError(f"its edges cross each other near {lat:.6f}, {lon:.6f}", pointer=pointer)
    if _area_m2(outer) < LEAST_AREA_M2:
        raise BadRequestError(f"it encloses less than {LEAST_AREA_M2:.0f} square metres", pointer=f"{pointer}/0")
    within = Polygon((outer,))
    for i, hole in enumerate(holes, start=1):
        if not any(within.depth_m(lat, lon) > 0 for lon, lat in hole):
            raise BadRequestError(
                "the first ring is the outer one; each other is a hole in it", pointer=f"{pointer}/{i}"
            )
    return polygon


def _ring(value: Any, pointer: str) -> tuple[Position, ...]:
    if not isinstance(value, list) or len(value) < 4:
        raise BadRequestError("a ring has four positions or more, the last the same as the first", pointer=pointer)
    ring = tuple(_position(position, f"{pointer}/{i}") for i, position in enumerate(value))
    if ring[0] != ring[-1]:
        raise BadRequestError("a ring ends where it begins: repeat its first position at the end", pointer=pointer)
    for (lon1, _), (lon2, _) in itertools.pairwise(ring):
        if abs(lon2 - lon1) > 180:
            raise BadRequestError(
                "it crosses the 180th meridian: make two geofences of it that meet there (RFC 7946 3.1.9)",
                pointer=pointer,
            )
    return ring


def _position(value: Any, pointer: str) -> Position:
    if not isinstance(value, list) or not 2 <= len(value) <= 3 or not all(map(_is_number, value)):
        raise BadRequestError("a position is [longitude, latitude] in degrees", pointer=pointer)
    lon, lat = float(value[0]), float(value[1])
    if not (abs(lon) <= 180 and abs(lat) <= 90):
        raise BadRequestError(
            f"longitude {lon:g}, latitude {lat:g} is nowhere: a position is [longitude, latitude] in degrees",
            pointer=pointer,
        )
    return lon, lat


def _is_number(value: Any) -> bool:
    # Compared, not asked whether it is finite: JSON has integers that no float can hold.
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e9 < value < 1e9


def _area_m2(ring: Sequence[Position]) -> float:
    """What a ring encloses, roughly: on a plane, by the shoelace formula."""
    east_m = _M_PER_DEGREE * math.cos(math.radians(sum(lat for _, lat in ring) / len(ring)))
    lon0, lat0 = ring[0]
    plane = [((lon - lon0) * east_m, (lat - lat0) * _M_PER_DEGREE) for lon, lat in ring]
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in itertools.pairwise(plane))) / 2


def _crossing(rings: Sequence[Sequence[Position]]) -> Position | None:
    """Where two edges cross, if any do; that they touch or share an end is no crossing."""
    edges = sorted(_from_the_west(rings))
    for i, (a, b) in enumerate(edges):
        for c, d in edges[i + 1 :]:
            if c[0] > b[0]:
                break  # it and those after it begin east of where this one ends
            if _turn(a, b, c) * _turn(a, b, d) < 0 and _turn(c, d, a) * _turn(c, d, b) < 0:
                share = _turn(c, d, a) / (_turn(c, d, a) - _turn(c, d, b))
                return a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])
    return None


def _from_the_west(rings: Sequence[Sequence[Position]]) -> Iterator[tuple[Position, Position]]:
    for ring in rings:
        for a, b in itertools.pairwise(ring):
            yield min(a, b), max(a, b)


def _turn(a: Position, b: Position, c: Position) -> float:
    """Positive where c lies to the left of the way from a to b, negative to the right, zero on it."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
