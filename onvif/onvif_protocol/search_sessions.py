"""Searches under way: how many there are, how long they are kept, and how far each has come.

A search holds what it has found and nobody has fetched yet, one stretch of time at most: it looks at the next one when
somebody wants more.

Source: ONVIF Recording Search Specification 5.2.3.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from onvif_protocol.base import Clock
from onvif_protocol.event_filter import EventFilter
from onvif_protocol.recordings_model import Recording, RecordingEvent, RecordingsModel

MAX_SEARCHES: Final = 128
"""Of one device."""
MAX_OF_USER: Final = 32
MIN_KEEP: Final = 10.0
"""Seconds that a search is kept without being asked for, at least and at most."""
MAX_KEEP: Final = 300.0

_HOUR: Final = 3600 * 1_000_000_000
_LONGEST: Final = 32 * 24 * _HOUR
_MANY: Final = 1000
"""With more events than this in a stretch of time, the next stretch is shorter."""


class TooManySearchesError(Exception):
    """There is no room for another search."""


class RecordingSearch:
    """Recordings that were found: all at once."""

    def __init__(self, found: Sequence[Recording]) -> None:
        self._waiting = deque(found)

    @property
    def completed(self) -> bool:
        """Whether all of them have been taken."""
        return not self._waiting

    def take(self, most: int) -> list[Recording]:
        """The next ones."""
        return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]


class EventSearch:
    """Events in the order of time, from `start_ns` to `end_ns`, backwards when that is earlier.

    `within` bounds where there can be any; `most` negative: no limit.
    """

    def __init__(
        self,
        model: RecordingsModel,
        recordings: Sequence[str],
        start_ns: int,
        end_ns: int,
        *,
        within: tuple[int, int],
        wanted: EventFilter,
        most: int,
    ) -> None:
        self._model = model
        self._recordings = tuple(recordings)
        self._start_ns = start_ns
        self._end_ns = end_ns
        self._backwards = end_ns < start_ns
        low, high = sorted((start_ns, end_ns))
        self._low, self._high = max(low, within[0]), min(high, within[1]) + 1  # both ends belong to the interval
        self._done = self._low >= self._high or not self._recordings or most == 0
        self._wanted = wanted
        self._left = most
        self._step = _HOUR
        self._waiting: deque[RecordingEvent] = deque()
        self._last: list[RecordingEvent] = []
        """What comes when everything else has come."""
        self._turn = asyncio.Lock()

    @property
    def completed(self) -> bool:
        """Whether there is nothing more to come."""
        return self._done and not self._waiting

    @property
    def reached_ns(self) -> int:
        """How far it has come."""
        if self._done:
            return self._end_ns
        return self._high - 1 if self._backwards else self._low

    async def include_start_state(self) -> None:
        """Begin with the states at the beginning; backwards, those at the end come last, too (5.12)."""
        states = await self._model.state(self._recordings, self._start_ns)
        self._waiting.extend(one for one in states if self._wanted.wants(one.told))
        if self._backwards:
            states = await self._model.state(self._recordings, self._end_ns)
            self._last = [one for one in states if self._wanted.wants(one.told)]
            if self._done:
                self._waiting.extend(self._last)

    async def take(self, least: int, most: int, clock: Clock, wait: float) -> list[RecordingEvent]:
        """The next ones: `least`, or fewer when they take longer than `wait` seconds; at most `most`."""
        until = clock.monotonic() + wait
        async with self._turn:
            while len(self._waiting) < least and not self._done:
                await self._look_on()
                if clock.monotonic() >= until:
                    break
            return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    async def _look_on(self) -> None:
        """Look at the next stretch of time."""
        if self._backwards:
            low, high = max(self._low, self._high - self._step), self._high
            self._high = low
        else:
            low, high = self._low, min(self._high, self._low + self._step)
            self._low = high
        found = await self._model.events(self._recordings, low, high)
        self._step = max(_HOUR // 60, self._step // 4) if len(found) > _MANY else min(self._step * 2, _LONGEST)
        for event in reversed(found) if self._backwards else found:
            if self._left and self._wanted.wants(event.told):
                self._left -= 1
                self._waiting.append(event)
        if self._low >= self._high or not self._left:
            self._done = True
            self._waiting.extend(self._last)


Work: TypeAlias = RecordingSearch | EventSearch


@dataclass(slots=True)
class Search:
    """One search of one user."""

    token: str
    user: str
    work: Work
    keep: float
    """Seconds."""
    expires_at: float
    """Monotonic."""


class Searches:
    """All of one device. All calls from the event loop's thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: dict[str, Search] = {}

    def __len__(self) -> int:
        return len(self._open)

    def open(self, user: str, work: Work, keep: float) -> Search:
        """A new one, kept for `keep` seconds after each call that is about it, within bounds.

        Raises:
            TooManySearchesError: there is no room.
        """
        self._expire()
        if sum(one.user == user for one in self._open.values()) >= MAX_OF_USER or len(self._open) >= MAX_SEARCHES:
            raise TooManySearchesError
        keep = max(MIN_KEEP, min(keep, MAX_KEEP))
        made = Search(secrets.token_hex(12), user, work, keep, self._clock.monotonic() + keep)
        self._open[made.token] = made
        return made

    def find(self, token: str, user: str) -> Search | None:
        """The one of that token, if it is this user's; it is kept for longer then."""
        self._expire()
        found = self._open.get(token)
        if found is None or found.user != user:
            return None
        found.expires_at = self._clock.monotonic() + found.keep
        return found

    def end(self, search: Search) -> None:
        """Forget it. Idempotent."""
        self._open.pop(search.token, None)

    def _expire(self) -> None:
        now = self._clock.monotonic()
        for search in [one for one in self._open.values() if one.expires_at <= now]:
            del self._open[search.token]
