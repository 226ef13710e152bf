"""How much a unit sends and how much of it is lost on the way, over the last half minute: what the fleet's page shows.

The totals are the receivers' own; the metrics have them, too. Nothing here sees a packet.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

WINDOW_SECONDS = 30.0
EVERY_SECONDS = 5.0
"""Between two looks at least: the counts are handed over twice a second."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What came in one attempt up to now, of all its tracks."""

    bytes: int
    received: int
    """Packets."""
    lost: int


class Intake:
    """The looks of one attempt after the other. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, Totals]] = deque()

    def begin(self) -> None:
        """A new attempt: it counts from nothing."""
        self._looks.clear()

    def take(self, totals: Totals, now: float) -> None:
        """The counts as of `now`."""
        looks = self._looks
        if looks and now - looks[-1][0] < EVERY_SECONDS:
            return
        looks.append((now, totals))
        while now - looks[0][0] > WINDOW_SECONDS:
            looks.popleft()

    @property
    def bits_per_second(self) -> float | None:
        """None: it has not been connected for long enough to tell."""
        if len(self._looks) < 2:
            return None
        (since, first), (until, last) = self._looks[0], self._looks[-1]
        return (last.bytes - first.bytes) * 8 / (until - since)

    @property
    def lost_percent(self) -> float | None:
        """Of the packets that were sent; None: as above, or none came."""
        if len(self._looks) < 2:
            return None
        first, last = self._looks[0][1], self._looks[-1][1]
        lost = last.lost - first.lost
        sent = last.received - first.received + lost
        return None if sent <= 0 else lost / sent * 100
