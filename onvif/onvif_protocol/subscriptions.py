"""Who wants to be told of events, what waits for them, and until when.

Here belong the bounds: how many subscriptions there are, how much waits for one, when an abandoned one is forgotten.
A subscription that nobody reads costs nothing: when too much waits for it, all of it is let go, nothing more is kept,
and the next time it is read it begins with all properties as they are then. What is asked and answered belongs to
`event_service`, how notifications are pushed to `pushing`.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Final

from onvif_protocol.base import Clock, pause
from onvif_protocol.event_filter import EventFilter
from onvif_protocol.notification import EventSource, Notification, PropertyOperation

MAX_SUBSCRIPTIONS: Final = 256
"""Of one device."""
MAX_OF_USER: Final = 64
"""Of one user: the program of one that subscribes anew all the time keeps nobody else out."""
MAX_WAITING: Final = 4096
"""Notifications for one subscription, beside all properties as they were when it began or was synchronized."""
IDLE_SECONDS: Final = 60.0
"""When there are too many, one that has not been read for so long makes room."""
LOOK_SECONDS: Final = 1.0
"""Between two looks for expired ones, when much happens."""


class Fate(StrEnum):
    """What happens to subscriptions, for metrics."""

    OPENED = "opened"
    REFUSED = "refused"
    """There were too many."""
    ENDED = "ended"
    """Its client ended it, or the device does."""
    EXPIRED = "expired"
    OVERRUN = "overrun"
    """Too much waited for one: it begins anew when it is read."""
    GIVEN_UP = "given_up"
    """Its consumer could not be told."""


_WHY: Final = {
    Fate.ENDED: "the subscription was ended",
    Fate.EXPIRED: "the subscription was not renewed",
    Fate.GIVEN_UP: "its events could not be delivered",
}


class TooManyError(Exception):
    """There is no room for another subscription."""


class SupersededError(Exception):
    """Somebody else reads this subscription now."""


class EndedError(Exception):
    """The subscription has ended meanwhile."""


class Subscription:
    """One client's. Made by `Subscriptions.open`."""

    def __init__(
        self, user: str, event_filter: EventFilter, lifetime: float, now: float, *, changed_only: bool = False
    ) -> None:
        self.on_end: Callable[[str], None] = lambda _: None
        """Called with why it ended, as a clause."""
        self.id = secrets.token_hex(12)
        """Nobody guesses it."""
        self.user = user
        self.filter = event_filter
        self.lifetime = lifetime
        """Seconds for which it was asked."""
        self.expires_at = now + lifetime
        """Monotonic."""
        self.read_at = now
        self.ended = False
        self.pushed = False
        """It is read to be posted to its consumer."""
        self.changed_only = changed_only
        """It wants neither initial values nor deletions (Core 9.1.1)."""
        self._properties: deque[Notification] = deque()
        """As they were when it was synchronized; told before what waits. Others have the same ones."""
        self._waiting: deque[Notification] = deque()
        self._overrun = False
        self._arrived = asyncio.Event()
        self._reader: object = None

    def wants(self, notification: Notification) -> bool:
        """Whether it was subscribed to."""
        if self.changed_only and notification.operation in {PropertyOperation.INITIALIZED, PropertyOperation.DELETED}:
            return False
        return self.filter.wants(notification)

    def put(self, notification: Notification) -> bool:
        """Have it wait to be read; False: too much does."""
        if self._overrun:
            return True
        if len(self._waiting) >= MAX_WAITING:
            self._properties.clear()
            self._waiting.clear()
            self._overrun = True
            self._arrived.set()  # there is something to tell: how things are
            return False
        self._waiting.append(notification)
        self._arrived.set()
        return True

    def synchronize(self, properties: Iterable[Notification]) -> None:
        """Have all properties told as they are now, in place of what waits to be told of them."""
        self._overrun = False
        self._properties = deque(one for one in properties if self.wants(one))
        self._waiting = deque(one for one in self._waiting if one.operation is None)
        self._arrived.set()

    def take(self) -> Notification | None:
        """The next one, or None."""
        queue = self._properties or self._waiting
        return queue.popleft() if queue else None

    def end(self, why: str) -> None:
        """Nothing more will come. Who reads is told."""
        self.ended = True
        self._properties.clear()
        self._waiting.clear()
        self._arrived.set()
        self.on_end(why)


class Subscriptions:
    """All of one device. All calls from the event loop's thread."""

    def __init__(self, source: EventSource, clock: Clock, count: Callable[[Fate], None]) -> None:
        self._source = source
        self._clock = clock
        self._count = count
        self._open: dict[str, Subscription] = {}
        self._stop: Callable[[], None] | None = None
        self._looked_at = 0.0

    def __len__(self) -> int:
        return len(self._open)

    def open(
        self, user: str, event_filter: EventFilter, lifetime: float, *, changed_only: bool = False
    ) -> Subscription:
        """A new one for `user`, which begins with all properties as they are.

        Raises:
            TooManyError: there is no room.
        """
        self._expire()
        own = [one for one in self._open.values() if one.user == user]
        if len(own) >= MAX_OF_USER or len(self._open) >= MAX_SUBSCRIPTIONS:
            self._make_room(own if len(own) >= MAX_OF_USER else list(self._open.values()))
        made = Subscription(user, event_filter, lifetime, self._clock.monotonic(), changed_only=changed_only)
        self._open[made.id] = made
        self._count(Fate.OPENED)
        if self._stop is None:
            self._stop = self._source.subscribe(self._publish)
        self.synchronize(made)
        return made

    def find(self, subscription_id: str, user: str) -> Subscription | None:
        """The one of that id, if it is this user's."""
        self._expire()
        found = self._open.get(subscription_id)
        return found if found is not None and found.user == user else None

    def renew(self, subscription: Subscription, lifetime: float) -> None:
        """Let it last for so many seconds from now on."""
        subscription.lifetime = lifetime
        subscription.expires_at = self._clock.monotonic() + lifetime

    def end(self, subscription: Subscription, fate: Fate = Fate.ENDED) -> None:
        """Forget it. Idempotent."""
        if self._open.pop(subscription.id, None) is None:
            return
        self._count(fate)
        subscription.end(_WHY[fate])
        if not self._open and self._stop is not None:
            self._stop()
            self._stop = None

    def synchronize(self, subscription: Subscription) -> None:
        """Tell it all properties as they are now (Core 9.5)."""
        subscription.synchronize(self._source.current(subscription.user))

    async def read(
        self, subscription: Subscription, limit: int, timeout: float, *, keeps: bool = True
    ) -> list[Notification]:
        """What waits for it, at most `limit`; when nothing does, wait up to `timeout` seconds for the first.

        With `keeps` it lasts at least until it could be read again, which is how pull points are kept alive (Core
        9.1.1). Whoever reads it already is superseded: their connection is most likely gone.

        Raises:
            SupersededError: somebody else began to read it.
            EndedError: it has ended meanwhile.
        """
        reader = subscription._reader = object()
        subscription._arrived.set()  # whoever waits looks again, and finds that it is not their turn any more
        keep_seconds = max(timeout, subscription.lifetime) if keeps else 0.0
        self._keep(subscription, keep_seconds)
        until = self._clock.monotonic() + timeout
        while True:
            if subscription.ended:
                raise EndedError
            if subscription._reader is not reader:
                raise SupersededError
            if found := list(self._take(subscription, limit)):
                break
            left = until - self._clock.monotonic()
            if left <= 0:
                break
            subscription._arrived.clear()
            await pause(self._clock, left, subscription._arrived)
        self._keep(subscription, keep_seconds)
        return found

    def close(self) -> None:
        """End all of them."""
        for subscription in tuple(self._open.values()):
            self.end(subscription)

    # ---- inside

    def _take(self, subscription: Subscription, limit: int) -> Iterator[Notification]:
        subscription.read_at = self._clock.monotonic()
        if subscription._overrun:
            self.synchronize(subscription)
        taken = 0
        while taken < limit and (notification := subscription.take()) is not None:
            # Rights may have changed since it happened.
            if self._source.may_see(subscription.user, notification):
                taken += 1
                yield notification

    def _keep(self, subscription: Subscription, seconds: float) -> None:
        subscription.expires_at = max(subscription.expires_at, self._clock.monotonic() + seconds)

    def _publish(self, notification: Notification) -> None:
        if self._clock.monotonic() - self._looked_at >= LOOK_SECONDS:
            self._expire()
        for subscription in self._open.values():
            if (
                not subscription._overrun
                and subscription.wants(notification)
                and self._source.may_see(subscription.user, notification)
                and not subscription.put(notification)
            ):
                self._count(Fate.OVERRUN)

    def _expire(self) -> None:
        self._looked_at = now = self._clock.monotonic()
        for subscription in [one for one in self._open.values() if one.expires_at <= now]:
            self.end(subscription, Fate.EXPIRED)

    def _make_room(self, among: list[Subscription]) -> None:
        """End the one of them that has not been read for longest."""
        idle = min(among, key=lambda one: one.read_at)
        if self._clock.monotonic() - idle.read_at < IDLE_SECONDS:
            self._count(Fate.REFUSED)
            raise TooManyError
        self.end(idle, Fate.EXPIRED)
