"""Whether a camera shows anything, and whether its unit says where it is: two questions, and two kinds of alert."""

from __future__ import annotations

from gateway.incidents.rules.facts import FINE, Facts, Finding, Judgement, Thresholds, span
from gateway.ingest.fleet import CameraStatus

GRACE_SECONDS = 30.0
"""So long at least a camera that was just added, or the gateway just started with, has to become live."""


def camera_offline(facts: Facts, thresholds: Thresholds, _: bool) -> Judgement:
    """It is not live, although somebody wants it connected. One that connects on demand and is idle is fine."""
    if facts.status in {CameraStatus.LIVE, CameraStatus.DISABLED}:
        return FINE
    if facts.absent_s < (thresholds.offline_s if facts.was_live else max(thresholds.offline_s, GRACE_SECONDS)):
        return None
    return Finding(
        facts.ago(facts.absent_s), " ".join(filter(None, (f"No picture for {span(facts.absent_s)}.", facts.reason)))
    )


def unit_lost(facts: Facts, thresholds: Thresholds, _: bool) -> Judgement:
    """It told where it is, and does not any more, whatever its camera shows.

    Of an idle camera whose stream would bring the position nobody can tell.
    """
    if facts.fix_s is None:
        return None
    if facts.fix_s < thresholds.lost_s:
        return FINE
    if facts.position_in_stream and facts.status is CameraStatus.DISABLED:
        return None
    camera = "Its camera is live." if facts.status is CameraStatus.LIVE else "Its camera is not live, either."
    return Finding(facts.ago(facts.fix_s), f"No position for {span(facts.fix_s)}. {camera}")
