"""Which Fixes are believed, and which one is the newest.

One Tracker per camera, across its attempts. What it refuses is counted by rule and logged at most once a minute; what
it accepts is kept as it came: smoothing is `smoothing`'s work, and for display only.
"""

from __future__ import annotations

import logging
from collections import Counter
from enum import StrEnum

from prometheus_client import Counter as MetricCounter

from gateway.base import metrics
from gateway.media.model import NS, Fix, UtcNs
from gateway.positions.geodesy import distance_m
from gateway.positions.receivers import sigma_m
from gateway.positions.settling import Settling

log = logging.getLogger(__name__)

MAX_CLOCK_ERROR_NS = 86_400 * NS
MAX_SPEED_MPS = 150.0
STALE_AFTER_S = 10.0
"""A camera is advised to say its position every second (ONVIF Streaming 5.2.2.4): ten missed ones are a silence."""

RECOVERY_FIXES = 5
"""So many fixes in a row that agree with each other are believed, even where the way there cannot be explained: else
one wrong fix would lock the right ones out."""

REORDER_NS = 10 * NS
"""A fix that is older than the newest by more than this shows that the camera's clock was set back."""

_SPEED_ERROR_MPS = 5.0
_ACCELERATION_MPS2 = 3.0  # of a car that is in a hurry
_REMEMBERED = 64
_LOG_EVERY_NS = 60 * NS


class Rule(StrEnum):
    """Why a Fix was refused: the label `rule` of the metric `sightline_fixes_refused_total`."""

    OUT_OF_RANGE = "out_of_range"
    """Latitude or longitude is no number or lies beyond ±90°, ±180°."""
    ZERO = "zero"
    """Exactly 0, 0: what a receiver without a fix says."""
    CLOCK = "clock"
    """More than a day from the gateway's clock."""
    SPEED = "speed"
    """More than 150 m/s."""
    DUPLICATE = "duplicate"
    """Said before. Counted, not logged: cameras repeat themselves."""
    JUMP = "jump"
    """Further from the last one than speed and accuracy can explain."""
    NO_FIX = "no_fix"
    """The receiver says that it does not know where it is. Counted, not logged: indoors that is as it should be."""
    SETTLING = "settling"
    """The receiver has only just found where it is, and its fixes do not agree with each other yet."""


class Tracker:
    """Validates the Fixes of one camera and holds the newest."""

    def __init__(self, camera_id: str) -> None:
        self.camera_id = camera_id
        self.last: Fix | None = None
        """The newest Fix that was accepted."""
        self.refused: Counter[Rule] = Counter()
        self._accepted: dict[str, MetricCounter] = {}
        """The metric of each carrier."""
        self._settling = Settling()
        self._recent: dict[tuple[UtcNs, float, float, str], None] = {}
        self._elsewhere: Fix | None = None
        self._elsewhere_count = 0
        self._unlogged: Counter[Rule] = Counter()
        self._logged_ns: UtcNs | None = None

    def push(self, fix: Fix, now_ns: UtcNs) -> Rule | None:
        """Judge `fix` at `now_ns` of the gateway's clock. None: accepted. Else the rule that it breaks.

        A fix that comes out of order is accepted, without becoming `last`.
        """
        rule = self._judge(fix, now_ns)
        if rule is not None:
            self._refuse(rule, fix, now_ns)
            return rule
        self._elsewhere = None
        self._elsewhere_count = 0
        self._settling.believed(fix)
        self._remember(fix)
        accepted = self._accepted.get(fix.carrier)
        if accepted is None:
            accepted = self._accepted[fix.carrier] = metrics.FIXES.labels(self.camera_id, fix.carrier)
        accepted.inc()
        if self.last is None or not self.last.utc_ns - REORDER_NS <= fix.utc_ns < self.last.utc_ns:
            self.last = fix
        return None

    def no_fix(self, now_ns: UtcNs) -> None:
        """The receiver tells of a moment at which it does not know where it is; counted as a Fix that was refused."""
        self._settling.lost(now_ns)
        self.refused[Rule.NO_FIX] += 1
        metrics.FIXES_REFUSED.labels(self.camera_id, Rule.NO_FIX.value).inc()

    def knows(self, fix: Fix) -> bool:
        """Whether it was accepted a moment ago."""
        return _identity(fix) in self._recent

    def age_s(self, now_ns: UtcNs) -> float | None:
        """Seconds by the gateway's clock since the newest Fix came; None without one."""
        return None if self.last is None else max(0.0, (now_ns - self.last.received_ns) / NS)

    def is_stale(self, now_ns: UtcNs) -> bool:
        """Whether there is no Fix that may be shown as the present place."""
        age_s = self.age_s(now_ns)
        return age_s is None or age_s > STALE_AFTER_S

    def _judge(self, fix: Fix, now_ns: UtcNs) -> Rule | None:
        if not (abs(fix.lat) <= 90 and abs(fix.lon) <= 180):  # also when one is NaN
            return Rule.OUT_OF_RANGE
        if fix.lat == 0 and fix.lon == 0:
            return Rule.ZERO
        if abs(fix.utc_ns - now_ns) > MAX_CLOCK_ERROR_NS:
            return Rule.CLOCK
        if fix.speed_mps is not None and not fix.speed_mps <= MAX_SPEED_MPS:
            return Rule.SPEED
        if _identity(fix) in self._recent:
            return Rule.DUPLICATE
        if self._settling.cold:
            # Where it was before says nothing of where it finds itself.
            return None if self._settling.settles(fix) else Rule.SETTLING
        if self.last is not None and not can_follow(self.last, fix) and not self._settled_elsewhere(fix):
            return Rule.JUMP
        return None

    def _settled_elsewhere(self, fix: Fix) -> bool:
        """Whether `fix` is the last of enough refused ones that agree with each other."""
        previous = self._elsewhere
        if previous is not None and fix.utc_ns == previous.utc_ns:
            return False
        agrees = previous is not None and fix.utc_ns > previous.utc_ns and can_follow(previous, fix)
        self._elsewhere_count = self._elsewhere_count + 1 if agrees else 1
        self._elsewhere = fix
        return self._elsewhere_count >= RECOVERY_FIXES

    def _remember(self, fix: Fix) -> None:
        self._recent[_identity(fix)] = None
        if len(self._recent) > _REMEMBERED:
            del self._recent[next(iter(self._recent))]

    def _refuse(self, rule: Rule, fix: Fix, now_ns: UtcNs) -> None:
        self.refused[rule] += 1
        metrics.FIXES_REFUSED.labels(self.camera_id, rule.value).inc()
        if rule is Rule.DUPLICATE:
            return
        self._unlogged[rule] += 1
        if self._logged_ns is not None and 0 <= now_ns - self._logged_ns < _LOG_EVERY_NS:
            return
        counts = ", ".join(f"{rule.value} {count}" for rule, count in self._unlogged.items())
        log.warning("camera %s: fixes refused: %s; the last: %s", self.camera_id, counts, fix)
        self._unlogged.clear()
        self._logged_ns = now_ns


def can_follow(earlier: Fix, later: Fix) -> bool:
    """Whether speed and accuracy can explain the distance between two Fixes.

    Without a speed, any up to 150 m/s could have been; with speeds, the greater of the two, what it may have gained in
    between, and its error. To that come three sigma of both accuracies. In either order of time.
    """
    seconds = abs(later.utc_ns - earlier.utc_ns) / NS
    speeds = [speed for speed in (earlier.speed_mps, later.speed_mps) if speed is not None]
    speed = MAX_SPEED_MPS
    if speeds:
        speed = min(speed, max(speeds) + _SPEED_ERROR_MPS + _ACCELERATION_MPS2 * seconds)
    explained = speed * seconds + 3 * (sigma_m(earlier) + sigma_m(later))
    return distance_m(earlier.lat, earlier.lon, later.lat, later.lon) <= explained


def _identity(fix: Fix) -> tuple[UtcNs, float, float, str]:
    return fix.utc_ns, fix.lat, fix.lon, fix.carrier
