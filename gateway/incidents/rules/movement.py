"""Whether a unit moves. Known from its positions alone, by its own clock: without positions nobody can tell."""

from __future__ import annotations

from gateway.incidents.rules.facts import FINE, Facts, Finding, Judgement, Thresholds, span
from gateway.media.model import NS, Fix
from gateway.positions.geodesy import distance_m

RADIUS_M = 15.0
"""A receiver that lies still wanders by so much; where it says that it is less accurate, by that."""
VAGUE_M = 100.0
"""A position that is less accurate than this (of a mobile network's cell) tells nothing of whether somebody moves."""
WALKING_MPS = 0.8
"""A receiver that says this or more moves: noise seldom reaches half of it."""


class Stillness:
    """How long one unit has been where it is. Feed it with accepted fixes."""

    __slots__ = ("_anchor", "_newest_ns", "moved")

    def __init__(self) -> None:
        self._anchor: Fix | None = None
        self._newest_ns = 0
        self.moved = False
        """Whether it was seen to move."""

    def push(self, fix: Fix) -> None:
        """The next position. One that is older than the newest, or vague, says nothing."""
        if fix.utc_ns < self._newest_ns or (fix.accuracy_m or 0.0) > VAGUE_M:
            return
        self._newest_ns = fix.utc_ns
        anchor = self._anchor
        if anchor is None:
            self._anchor = fix
        elif (fix.speed_mps or 0.0) >= WALKING_MPS or distance_m(anchor.lat, anchor.lon, fix.lat, fix.lon) > max(
            RADIUS_M, fix.accuracy_m or 0.0, anchor.accuracy_m or 0.0
        ):
            self._anchor, self.moved = fix, True

    @property
    def seconds(self) -> float | None:
        """How long it had been there at its newest position; None: there is none."""
        return None if self._anchor is None else (self._newest_ns - self._anchor.utc_ns) / NS


def no_movement(facts: Facts, thresholds: Thresholds, raised: bool) -> Judgement:
    """Its positions keep coming and say that it stays where it is."""
    if facts.still_s is None:
        return None
    if facts.still_s >= thresholds.still_s:
        return Finding(facts.ago(facts.still_s), f"It has not moved for {span(facts.still_s)}.")
    # After a restart it is only known to have moved when it has been seen to.
    return None if raised and not facts.moved else FINE
