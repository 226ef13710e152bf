"""Slows the guessing of passwords. No I/O, and no hashing: it says whether a try may cost a hash."""

from __future__ import annotations

from collections import OrderedDict

from gateway.base.clock import Clock
from gateway.base.errors import RefusedError


class TooManyAttemptsError(RefusedError):
    """Guessing is slowed: try again in `retry_after` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many wrong passwords: try again in {retry_after} seconds")
        self.retry_after = retry_after


class Throttle:
    """Slows guessing per user name and address: after five wrong passwords one try in 2, 4, 8 … at most 60 s.

    The owner at another address is not locked out. Remembers at most `limit` pairs, the newest.
    """

    FREE = 5
    CEILING = 60.0

    def __init__(self, clock: Clock, *, limit: int = 10_000) -> None:
        self._clock = clock
        self._limit = limit
        self._failures: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    def check(self, name: str, address: str) -> None:
        """Raises TooManyAttemptsError when it is too early for another try."""
        _, until = self._failures.get((name, address), (0, 0.0))
        if (wait := until - self._clock.monotonic()) > 0:
            raise TooManyAttemptsError(int(wait) + 1)

    def failed(self, name: str, address: str) -> None:
        """Count a wrong password."""
        count = self._failures.pop((name, address), (0, 0.0))[0] + 1
        pause = min(2.0 ** (count - self.FREE), self.CEILING) if count >= self.FREE else 0.0
        self._failures[name, address] = (count, self._clock.monotonic() + pause)
        if len(self._failures) > self._limit:
            self._failures.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """Forget the failures."""
        self._failures.pop((name, address), None)
