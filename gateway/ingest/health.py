"""How a unit is: the newest that is known of its battery, signal and storage, and when the page is told of it.

Which carrier brings it is the carriers' business, and what follows from a low battery that of the alerts.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.media.model import UnitHealth, UtcNs

TOLD_EVERY = 10.0
"""Seconds between two changes that the page is told at least."""
TOLD_AGAIN = 60.0
"""Seconds after which it is told that nothing changed: how old the values are is shown, too."""


class HealthBoard:
    """What is known of one unit. All times monotonic seconds but those in the values."""

    def __init__(self) -> None:
        self.now: UnitHealth | None = None
        """The newest known value of each."""
        self._shown: tuple[object, ...] = ()
        self._shown_utc_ns: UtcNs | None = None
        self._shown_at = float("-inf")

    def push(self, health: UnitHealth, now_ns: UtcNs) -> UnitHealth:
        """Take a report; returns what is known now.

        One that is older than what is known (a phone sends what it kept while it had no network) says only what
        nothing was known of; one of the future, by a clock that goes wrong, counts as of `now_ns`.
        """
        if health.utc_ns > now_ns:
            health = replace(health, utc_ns=now_ns)
        if self.now is not None:
            older, newer = sorted((self.now, health), key=lambda one: one.utc_ns)
            health = merged(older, newer)
        self.now = health
        return health

    def due(self, now: float) -> bool:
        """Whether the page is to be told. True at most once in `TOLD_EVERY`, and then it counts as told."""
        health = self.now
        if health is None or health.utc_ns == self._shown_utc_ns:
            return False
        since, visible = now - self._shown_at, _visible(health)
        if since < (TOLD_EVERY if visible != self._shown else TOLD_AGAIN):
            return False
        self._shown, self._shown_utc_ns, self._shown_at = visible, health.utc_ns, now
        return True


def merged(older: UnitHealth, newer: UnitHealth) -> UnitHealth:
    """`newer`, and from `older` what it does not say."""
    return replace(
        newer,
        battery_percent=older.battery_percent if newer.battery_percent is None else newer.battery_percent,
        charging=older.charging if newer.charging is None else newer.charging,
        signal_percent=older.signal_percent if newer.signal_percent is None else newer.signal_percent,
        storage_free_percent=older.storage_free_percent
        if newer.storage_free_percent is None
        else newer.storage_free_percent,
    )


def _visible(health: UnitHealth) -> tuple[object, ...]:
    """What the page shows: whole percents. The rest trembles."""
    values = health.battery_percent, health.signal_percent, health.storage_free_percent
    return (health.charging, *(None if value is None else round(value) for value in values))
