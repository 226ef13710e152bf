"""Distances on the ground, on a sphere: good to half a percent, which is all that checks and smoothing need."""

from __future__ import annotations

import math

EARTH_RADIUS_M = 6_371_008.8
"""The mean radius of WGS 84."""


def distance_m(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Great-circle distance in metres between two points in degrees (haversine)."""
    phi1, phi2 = math.radians(lat1), math.radians(lat2)
    a = (
        math.sin((phi2 - phi1) / 2) ** 2
        + math.cos(phi1) * math.cos(phi2) * math.sin(math.radians(lon2 - lon1) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_M * math.asin(math.sqrt(min(1.0, a)))


def offset_m(lat0: float, lon0: float, lat: float, lon: float) -> tuple[float, float]:
    """Metres east and north of (lat0, lon0), on the plane that touches there. For a few kilometres; wraps at 180°."""
    east = math.radians((lon - lon0 + 180) % 360 - 180) * math.cos(math.radians(lat0))
    return east * EARTH_RADIUS_M, math.radians(lat - lat0) * EARTH_RADIUS_M


def offset_by(lat0: float, lon0: float, east_m: float, north_m: float) -> tuple[float, float]:
    """The inverse of `offset_m`: latitude and longitude in degrees. Not at the poles themselves."""
    lat = lat0 + math.degrees(north_m / EARTH_RADIUS_M)
    lon = lon0 + math.degrees(east_m / EARTH_RADIUS_M / math.cos(math.radians(lat0)))
    return lat, (lon + 180) % 360 - 180


def bearing_deg(east: float, north: float) -> float:
    """Degrees clockwise from north, 0 <= bearing < 360, of a vector."""
    bearing = math.degrees(math.atan2(east, north)) % 360.0
    return 0.0 if bearing == 360.0 else bearing
