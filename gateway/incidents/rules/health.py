"""Whether a unit's battery and memory last. What says nothing of them is neither low nor well."""

from __future__ import annotations

from gateway.incidents.rules.facts import FINE, Facts, Finding, Judgement, Thresholds

HYSTERESIS_PERCENT = 5.0
"""So much above the threshold an alert ends, lest it come and go with each report."""


def battery_low(facts: Facts, thresholds: Thresholds, raised: bool) -> Judgement:
    """It has little left, and is not being charged."""
    health = facts.health
    if health is None or health.battery_percent is None:
        return None
    if health.charging or not _below(health.battery_percent, thresholds.battery_percent, raised):
        return FINE
    return Finding(health.utc_ns, f"The battery has {health.battery_percent:.0f} % left.")


def storage_low(facts: Facts, thresholds: Thresholds, raised: bool) -> Judgement:
    """The unit's own memory has little room left."""
    health = facts.health
    if health is None or health.storage_free_percent is None:
        return None
    if not _below(health.storage_free_percent, thresholds.storage_percent, raised):
        return FINE
    return Finding(health.utc_ns, f"The unit's memory has {health.storage_free_percent:.0f} % left.")


def _below(percent: float, threshold: float, raised: bool) -> bool:
    return percent < threshold + (HYSTERESIS_PERCENT if raised else 0.0)
