"""When a disk will be full, judged by what was recorded lately. Arithmetic only: no clock, no disk, no database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Growth:
    """What one camera adds."""

    bytes_a_day: float
    days: float
    """For how long it goes on: then as much is deleted as is added. NEVER: for ever."""


def days_until(room: float, growths: Iterable[Growth]) -> float:
    """After how many days these have filled `room` bytes; 0: it is full; NEVER: it will not be."""
    if room <= 0:
        return 0.0
    by_end = sorted((growth for growth in growths if growth.bytes_a_day > 0), key=lambda growth: growth.days)
    now = 0.0
    for number, growth in enumerate(by_end):
        rate = sum(later.bytes_a_day for later in by_end[number:])
        if room <= rate * (growth.days - now):
            return now + room / rate
        room -= rate * (growth.days - now)
        now = growth.days
    return NEVER


def days_left(keep_days: float, age_days: float, max_bytes: int | None, stored: int, a_day: float) -> float:
    """After how many days a camera's oldest is deleted by its own rule, age or bytes; NEVER: by none.

    `keep_days` NEVER: there is no rule for its age.
    """
    by_age = max(0.0, keep_days - age_days)
    by_bytes = NEVER if max_bytes is None or a_day <= 0 else max(0.0, (max_bytes - stored) / a_day)
    return min(by_age, by_bytes)
