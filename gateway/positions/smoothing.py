"""A calmer position for display: a constant-velocity Kalman filter with a gate.

Never stored and never exported: raw Fixes are the evidence. An Estimate is a type of its own, so that a derived speed
or course cannot be taken for one that a camera said.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from gateway.media.model import NS, Fix, UtcNs
from gateway.positions.geodesy import bearing_deg, offset_by, offset_m
from gateway.positions.receivers import course_of

MAX_PREDICTION_S = 5.0
"""Nothing is interpolated across more than this: the filter starts anew."""

GATE = 13.8
"""Squared Mahalanobis distance with two degrees of freedom that one measurement in a thousand exceeds."""

MAX_GATED = 3
"""After so many measurements in a row outside the gate the filter was wrong, not they."""

_DEFAULT_SIGMA_M = 5.0
_LEAST_SIGMA_M = 1.0
_ACCELERATION_DENSITY = 1.0  # m²/s³: a person who starts, stops and turns
_UNKNOWN_SPEED_SIGMA_MPS = 5.0
_KNOWN_SPEED_SIGMA_MPS = 1.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """Where a unit probably is, and how it moves."""

    utc_ns: UtcNs
    lat: float
    lon: float
    speed_mps: float
    course_deg: float | None
    """None below 0.5 m/s."""
    sigma_m: float


class Smoother:
    """The filter of one camera.

    The state is east, north and their rates in metres from an anchor that moves along. Both axes have the same noise,
    so that one 2×2 covariance (position, cross, velocity) serves both.
    """

    def __init__(self) -> None:
        self._utc_ns: UtcNs | None = None
        self._lat = self._lon = 0.0
        self._east_rate = self._north_rate = 0.0
        self._pp = self._pv = self._vv = 0.0
        self._gated = 0

    def update(self, fix: Fix) -> Estimate:
        """Take a Fix in and say where the unit is at that Fix's time. One older than the last changes nothing."""
        if self._utc_ns is None:
            return self._start(fix)
        seconds = (fix.utc_ns - self._utc_ns) / NS
        if seconds < 0:
            return self._estimate()
        if seconds > MAX_PREDICTION_S:
            return self._start(fix)
        self._predict(seconds)
        self._utc_ns = fix.utc_ns
        sigma = _sigma(fix)
        east, north = offset_m(self._lat, self._lon, fix.lat, fix.lon)
        innovation = self._pp + sigma * sigma
        if (east * east + north * north) / innovation > GATE:
            self._gated += 1
            return self._start(fix) if self._gated >= MAX_GATED else self._estimate()
        self._gated = 0
        gain, rate_gain = self._pp / innovation, self._pv / innovation
        self._lat, self._lon = offset_by(self._lat, self._lon, gain * east, gain * north)
        self._east_rate += rate_gain * east
        self._north_rate += rate_gain * north
        self._vv -= rate_gain * self._pv
        self._pv *= 1 - gain
        self._pp *= 1 - gain
        return self._estimate()

    def _start(self, fix: Fix) -> Estimate:
        self._utc_ns = fix.utc_ns
        self._lat, self._lon = fix.lat, fix.lon
        self._gated = 0
        self._pp, self._pv = _sigma(fix) ** 2, 0.0
        if fix.speed_mps is not None and fix.course_deg is not None:
            course = math.radians(fix.course_deg)
            self._east_rate, self._north_rate = fix.speed_mps * math.sin(course), fix.speed_mps * math.cos(course)
            self._vv = _KNOWN_SPEED_SIGMA_MPS**2
        else:
            self._east_rate = self._north_rate = 0.0
            self._vv = _UNKNOWN_SPEED_SIGMA_MPS**2
        return self._estimate()

    def _predict(self, seconds: float) -> None:
        self._lat, self._lon = offset_by(self._lat, self._lon, self._east_rate * seconds, self._north_rate * seconds)
        noise = _ACCELERATION_DENSITY
        self._pp += seconds * (2 * self._pv + seconds * self._vv) + noise * seconds**3 / 3
        self._pv += seconds * self._vv + noise * seconds**2 / 2
        self._vv += noise * seconds

    def _estimate(self) -> Estimate:
        assert self._utc_ns is not None
        speed = math.hypot(self._east_rate, self._north_rate)
        course = course_of(bearing_deg(self._east_rate, self._north_rate), speed)
        return Estimate(self._utc_ns, self._lat, self._lon, speed, course, math.sqrt(self._pp))


def _sigma(fix: Fix) -> float:
    return _DEFAULT_SIGMA_M if fix.accuracy_m is None else max(fix.accuracy_m, _LEAST_SIGMA_M)
