"""What holds for receivers whatever carries their words: what a course, a dilution of precision, an accuracy is worth.

Every carrier's parser makes its Fixes by these, and whoever judges a Fix by how far it may be off asks here.
"""

from __future__ import annotations

import math

from gateway.media.model import Fix

KNOT_MPS = 1852 / 3600
MIN_COURSE_SPEED_MPS = 0.5
"""Below it a receiver's course is noise."""
METRES_PER_HDOP = 5.0
"""What each of horizontal dilution is estimated at, where nothing better is said."""
NO_DOP = 99.0
"""From here on a dilution of precision means "no fix": receivers write 99.9 or 99.99."""
UNKNOWN_ACCURACY_M = 10.0
LEAST_ACCURACY_M = 5.0
"""Receivers promise too much between houses."""


def course_of(course_deg: float | None, speed_mps: float | None) -> float | None:
    """The course that a receiver says, in degrees; None of one that stands still."""
    return None if speed_mps is not None and speed_mps < MIN_COURSE_SPEED_MPS else course_deg


def sigma_m(fix: Fix) -> float:
    """How far off a Fix is to be believed, in metres: what it says, but never less than `LEAST_ACCURACY_M`."""
    if fix.accuracy_m is None or not math.isfinite(fix.accuracy_m):
        return UNKNOWN_ACCURACY_M
    return max(fix.accuracy_m, LEAST_ACCURACY_M)
