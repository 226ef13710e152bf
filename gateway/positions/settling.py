"""Whether a receiver that did not know where it is has found out.

A receiver that starts cold walks: its first fixes lie anywhere within hundreds of metres, each flagged as good, while
it says that it stands still. Until some in a row agree with what the receiver says of itself they are not believed;
but not for ever, because one that never gets better must not hide its unit. Receivers that have a fix when they are
first heard are not doubted: they are at work already.
"""

from __future__ import annotations

import math

from gateway.media.model import NS, Fix, UtcNs
from gateway.positions.geodesy import distance_m

SETTLED_FIXES = 5
"""So many in a row must agree."""
PATIENCE_NS = 60 * NS
"""After this long with fixes they are taken as they come."""
SHORT_LOSS_NS = 10 * NS
LONG_USE_NS = 60 * NS
"""A receiver that had a fix for so long may lose it for `SHORT_LOSS_NS` and goes on where it was: under a bridge."""

_MAX_STEP_NS = 5 * NS
_LEAST_SATELLITES = 4
_MAX_ACCURACY_M = 50.0
_UNKNOWN_ACCURACY_M = 10.0
_SIGMAS = 2.0


class Settling:
    """What is known of one receiver. Times are those of arrival, but between two fixes that are compared."""

    def __init__(self) -> None:
        self.cold = False
        """Whether it has no fix, or one that has not settled."""
        self._before: Fix | None = None
        self._agreeing = 0
        self._found_ns: UtcNs = 0
        """Since when it has fixes that are not believed."""
        self._heard_ns: UtcNs | None = None
        """When the last of those came."""
        self._used_since_ns: UtcNs | None = None
        self._used_ns: UtcNs = 0

    def lost(self, now_ns: UtcNs) -> None:
        """The receiver says that it does not know where it is."""
        since_ns = self._used_since_ns
        if since_ns is not None and (
            now_ns - self._used_ns <= SHORT_LOSS_NS and self._used_ns - since_ns >= LONG_USE_NS
        ):
            return
        self.cold = True
        self._before, self._agreeing, self._used_since_ns = None, 0, None

    def settles(self, fix: Fix) -> bool:
        """Take the next fix of a receiver that is cold; whether it has settled with it, and is cold no more."""
        if self._heard_ns is None or fix.received_ns - self._heard_ns > PATIENCE_NS:
            self._found_ns = fix.received_ns
        self._heard_ns = fix.received_ns
        agrees = self._before is not None and _agree(self._before, fix)
        self._agreeing = self._agreeing + 1 if agrees else 1
        self._before = fix
        impatient = fix.received_ns - self._found_ns >= PATIENCE_NS
        if self._agreeing >= SETTLED_FIXES or impatient:
            self.cold = False
            self._heard_ns = None
        if impatient:
            # As good as it gets: that it loses its fix again and again must not hide it again and again.
            self._used_since_ns = self._found_ns
        return not self.cold

    def believed(self, fix: Fix) -> None:
        """A fix was accepted."""
        if self._used_since_ns is None:
            self._used_since_ns = fix.received_ns
        self._used_ns = fix.received_ns


def _agree(earlier: Fix, later: Fix) -> bool:
    """Whether two fixes in a row are as far apart as the receiver's own speed and accuracy say, and not further."""
    if not 0 < later.utc_ns - earlier.utc_ns <= _MAX_STEP_NS:
        return False
    if any(fix.satellites is not None and fix.satellites < _LEAST_SATELLITES for fix in (earlier, later)):
        return False
    sigma_m = max(_sigma_m(earlier), _sigma_m(later))
    if not sigma_m <= _MAX_ACCURACY_M:
        return False
    speeds = [fix.speed_mps for fix in (earlier, later) if fix.speed_mps is not None]
    if not speeds:
        return True  # it says nothing that could be wrong
    moved_m = max(speeds) * (later.utc_ns - earlier.utc_ns) / NS
    return distance_m(earlier.lat, earlier.lon, later.lat, later.lon) <= moved_m + _SIGMAS * sigma_m


def _sigma_m(fix: Fix) -> float:
    if fix.accuracy_m is None or not math.isfinite(fix.accuracy_m):
        return _UNKNOWN_ACCURACY_M
    return fix.accuracy_m
