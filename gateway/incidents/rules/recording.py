"""Whether what should be recorded is. A full disk, by which nothing at all is, is one alert and not one a camera."""

from __future__ import annotations

from gateway.incidents.rules.facts import FINE, Facts, Finding, Judgement, Thresholds
from gateway.ingest.fleet import CameraStatus

AFTER_SECONDS = 15.0
"""A Recording begins with a keyframe and a fragment: so long after the first picture it must be there."""
DISK_FULL = "The disk of the recordings is full: nothing is recorded until there is room."


def not_recording(facts: Facts, _: Thresholds, __: bool) -> Judgement:
    """It is live and due, and nothing of it goes to disk. While it is not live, nobody can tell."""
    if not facts.recording_due:
        return FINE
    if facts.status is not CameraStatus.LIVE or facts.disk_full:
        return None
    if facts.recording:
        return FINE
    if facts.unrecorded_s < AFTER_SECONDS:
        return None
    why = facts.recording_problem or "The camera is live, and nothing of it is recorded."
    return Finding(facts.ago(facts.unrecorded_s), why)
