"""Slows the guessing of passwords: says when a try may be made, and how long an answer is kept back.

Three things are told apart. A *pair* of name and source: after five wrong passwords one try in 2, 4, 8 … at most 60
seconds. A *source* (see `tally.source`), whatever names it tries: ten wrong ones, then one in twenty seconds. A
*browser* that has logged in to the account before and carries the proof of it (OWASP, "Slow Down Online Guessing
Attacks with Device Cookies"): it is counted by itself, so whoever guesses from beside the owner does not lock them out.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass

from gateway.base.clock import Clock
from gateway.base.errors import RefusedError

REMEMBERED = 10_000
"""Pairs, browsers and sources, each: the newest."""


class TooManyAttemptsError(RefusedError):
    """Guessing is slowed: try again in `retry_after` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many wrong tries: try again in {retry_after} seconds")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Try:
    """Somebody says a password."""

    name: str
    source: str
    """One place, as `tally.source` tells them apart."""
    browser: bytes | None = None
    """Names a browser that has logged in as `name` before; None: it did not prove that."""

    @property
    def key(self) -> tuple[str, str | bytes]:
        """Whose failures count."""
        return self.name, self.source if self.browser is None else self.browser


@dataclass(slots=True)
class _Bucket:
    """The wrong passwords that a source has left, as of a moment."""

    left: float
    at: float


@dataclass(slots=True)
class _Line:
    """The tries of one source, one after the other."""

    lock: asyncio.Lock
    waiting: int = 0


class Throttle:
    """What each pair, browser and source has tried. All calls from the event loop's thread."""

    FREE = 5
    """Wrong passwords of a pair or browser before it is slowed."""
    CEILING = 60.0
    """Seconds: the longest that anybody waits for a try."""
    FORGET = 3600.0
    """Seconds without a wrong password after which those before are forgotten."""
    BURST = 10
    """Wrong passwords of a source before it is slowed."""
    REFILL = 20.0
    """Seconds until a source has another one."""
    LINE = 64
    """Tries of a source that wait for their turn."""
    ANSWERS = 30.0
    """Refusals a second that one source is sent: as many requests as it gets to make, while it waits for each."""
    MAX_HELD = 2000
    """Answers kept back at a time, of all sources."""

    def __init__(self, clock: Clock, *, remembered: int = REMEMBERED) -> None:
        self._clock = clock
        self._remembered = remembered
        self._failures: OrderedDict[tuple[str, str | bytes], tuple[int, float]] = OrderedDict()
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._lines: dict[str, _Line] = {}
        self._answers: OrderedDict[str, float] = OrderedDict()
        self._held = 0

    @contextlib.asynccontextmanager
    async def turn(self, one: Try) -> AsyncIterator[None]:
        """Wait until the tries of this source that came before are decided, so that none passes on their account.

        Raises:
            TooManyAttemptsError: it is too early for this one, or too many wait.
        """
        line = self._lines.setdefault(one.source, _Line(asyncio.Lock()))
        if line.waiting >= self.LINE:
            raise TooManyAttemptsError(2)
        line.waiting += 1
        try:
            async with line.lock:
                if (wait := self.wait(one)) > 0:
                    raise TooManyAttemptsError(math.floor(wait) + 1)
                yield
        finally:
            line.waiting -= 1
            if not line.waiting:
                del self._lines[one.source]

    def wait(self, one: Try) -> float:
        """Seconds until a try of this one may pass; 0: now. For who decides at once, without a `turn`."""
        now = self._clock.monotonic()
        _, until = self._failures.get(one.key, (0, 0.0))
        wait = until - now
        if one.browser is None:
            wait = max(wait, (1 - self._left(one.source, now)) * self.REFILL)
        return max(wait, 0.0)

    def failed(self, one: Try) -> None:
        """Count a wrong password."""
        now = self._clock.monotonic()
        count, until = self._failures.pop(one.key, (0, now))
        count = 1 if now - until > self.FORGET else count + 1
        pause = min(2.0 ** min(count - self.FREE + 1, 10), self.CEILING) if count >= self.FREE else 0.0
        self._failures[one.key] = (count, now + pause)
        if one.browser is None:
            self._buckets[one.source] = _Bucket(self._left(one.source, now) - 1, now)
            self._buckets.move_to_end(one.source)
        for known in (self._failures, self._buckets):
            if len(known) > self._remembered:
                known.popitem(last=False)

    def succeeded(self, one: Try) -> None:
        """Forget the failures of the pair or browser; a source that guesses at others stays slowed."""
        self._failures.pop(one.key, None)

    async def hold(self, one: Try) -> None:
        """Keep a refusal back, so that a source which floods pays with waiting, and costs us no more than a little."""
        if self._held >= self.MAX_HELD:
            return
        now = self._clock.monotonic()
        due = max(now, self._answers.pop(one.source, 0.0)) + 1 / self.ANSWERS
        self._answers[one.source] = due
        if len(self._answers) > self._remembered:
            self._answers.popitem(last=False)
        self._held += 1
        try:
            await self._clock.sleep(due - now)
        finally:
            self._held -= 1

    def _left(self, source: str, now: float) -> float:
        bucket = self._buckets.get(source)
        return self.BURST if bucket is None else min(bucket.left + (now - bucket.at) / self.REFILL, self.BURST)
