"""How many bits a second a stream has, by what came last. No I/O."""

from __future__ import annotations

from collections import deque

from gateway.media.model import NS, AccessUnit

WINDOW_NS = 2 * NS
"""Longer than most GOPs, so that a keyframe does not look like a change of rate."""
SHORTEST_NS = NS // 2
"""What came within less tells nothing of a rate: a keyframe alone would look like a flood."""


class Rate:
    """Give it each unit as it comes."""

    def __init__(self) -> None:
        self._units: deque[tuple[int, int]] = deque()
        self._bytes = 0

    def add(self, unit: AccessUnit) -> None:
        """Units come in the order of their arrival."""
        if self._units and unit.received_ns < self._units[-1][0]:
            self._units.clear()  # the machine's clock was set back
            self._bytes = 0
        self._units.append((unit.received_ns, unit.size))
        self._bytes += unit.size
        while unit.received_ns - self._units[0][0] > WINDOW_NS:
            self._bytes -= self._units.popleft()[1]

    @property
    def bits_per_second(self) -> float:
        """Over the last two seconds of the stream; 0 as long as there is too little to tell."""
        if not self._units:
            return 0.0
        span = self._units[-1][0] - self._units[0][0]
        if span < SHORTEST_NS:
            return 0.0
        # The newest unit begins what is not over yet: it is left out, with the time after it.
        return (self._bytes - self._units[-1][1]) * 8 * NS / span
