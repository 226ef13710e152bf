"""One ring per camera, and cursors into it.

A Hub holds the newest items of one camera: at least the last whole GOP, `min_seconds`, up to a cap in bytes. It knows
nothing of sockets, disks or viewers. `publish` is synchronous: it never awaits, never blocks and never raises because
of a reader. A reader that falls behind is moved and told so with a Gap; nothing is dropped silently.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from enum import Enum

from gateway.media.model import NS, AccessUnit, Gap, GapReason, Item, Track, TrackKind, UtcNs

DEFAULT_CAP_BYTES = 64 << 20
DEFAULT_SECONDS = 30.0
_EVICT_NS = NS // 4


class Start(Enum):
    """Where a Subscription begins."""

    LIVE = "live"
    """With the next item published."""
    KEYFRAME = "keyframe"
    """With the ring's last video keyframe, so that a decoder can start at once."""
    OLDEST = "oldest"
    """With the oldest item held: pre-roll."""


class Lag(Enum):
    """When a reader that falls behind is moved on."""

    VIEWER = "viewer"
    """More than `VIEWER_LAG_SECONDS` behind: to the newest keyframe."""
    AT_CAP = "at_cap"
    """Only when the ring itself has let go of what it would read next. Recorders."""


VIEWER_LAG_SECONDS = 2.0


class HubClosedError(Exception):
    """The camera was removed or the gateway is stopping: no item will follow."""


class Hub:
    """The ring of one camera. All calls from the event loop's thread."""

    def __init__(
        self, camera_id: str, *, cap_bytes: int = DEFAULT_CAP_BYTES, min_seconds: float = DEFAULT_SECONDS
    ) -> None:
        self.camera_id = camera_id
        self.cap_bytes = cap_bytes
        self.min_ns = round(min_seconds * NS)
        self.closed = False
        self._tracks: dict[int, Track] = {}
        self.bytes = 0
        self.cut_short = False
        """The cap forced out what is not older than `min_ns`."""
        self.keyframe_evicted = False
        """The cap forced the last keyframe out: the camera sends none often enough. Cleared by the next one."""
        self._items: deque[tuple[Item, int, int]] = deque()
        self._now_ns = 0
        self._first = 0
        self._last_keyframe: int | None = None
        self._evicted_ns = 0
        self._subscriptions: set[Subscription] = set()
        self._waiting: list[Subscription] = []
        """Those that have read everything and want to be woken."""

    # ---- the source's side

    def open(self, tracks: tuple[Track, ...]) -> None:
        """A new attempt delivers these tracks. What the ring holds stays readable."""
        self._tracks = {track.id: track for track in tracks}
        self._last_keyframe = None

    def publish(self, item: Item) -> None:
        """Append `item` and wake the readers. Never blocks; evicts what is too old."""
        if self.closed:
            return
        size = 64
        if type(item) is AccessUnit:
            size += item.size
            self._now_ns = item.received_ns
            track = item.track
            if item.is_keyframe and track.kind is TrackKind.VIDEO:
                self._last_keyframe = self._first + len(self._items)
                self.keyframe_evicted = False
                self._evicted_ns = 0  # the GOP before it need not be held any more
            self._tracks[track.id] = track
        self._items.append((item, size, self._now_ns))
        self.bytes += size
        since_ns = self._now_ns - self._evicted_ns
        if since_ns > _EVICT_NS or since_ns < 0 or self.bytes > self.cap_bytes:
            self._evict()
        if self._waiting:
            for subscription in self._waiting:
                subscription._wake()
            self._waiting.clear()

    def forget(self) -> None:
        """Let go of all that is held: who comes from now on sees and records nothing that was before.

        Readers that are behind lose what they have not read.
        """
        self._first += len(self._items)
        self._items.clear()
        self.bytes = 0
        self._last_keyframe = None

    def start_anew(self) -> None:
        """Have nobody begin with a picture from before: the next keyframe is the first to begin with."""
        self._last_keyframe = None

    def close(self) -> None:
        """End every Subscription once it has read what is held. Idempotent."""
        self.closed = True
        for subscription in self._subscriptions:
            subscription._wake()

    # ---- the readers' side

    def subscribe(self, name: str, *, start: Start = Start.LIVE, lag: Lag = Lag.VIEWER) -> Subscription:
        """A cursor into the ring; close it, or use it as a context manager. `name` labels the metrics."""
        position = {
            Start.LIVE: self.end,
            Start.OLDEST: self._first,
            Start.KEYFRAME: self.end if self._last_keyframe is None else self._last_keyframe,
        }[start]
        subscription = Subscription(self, name, position, lag)
        self._subscriptions.add(subscription)
        return subscription

    @property
    def tracks(self) -> tuple[Track, ...]:
        """What the camera sends, as its newest units say; empty before the first attempt that got so far."""
        return tuple(self._tracks.values())

    @property
    def end(self) -> int:
        """The position after the newest item."""
        return self._first + len(self._items)

    @property
    def first(self) -> int:
        """The position of the oldest item held."""
        return self._first

    @property
    def last_keyframe(self) -> int | None:
        """The position of the newest video keyframe held, or None."""
        return self._last_keyframe

    @property
    def held_seconds(self) -> float:
        """How far back the ring reaches."""
        return (self._now_ns - self._items[0][2]) / NS if self._items else 0.0

    def keyframe_before(self, utc_ns: UtcNs) -> int:
        """The position of the last video keyframe captured by `utc_ns`, else of the first held; else the end."""
        found: int | None = None
        for position, (item, _, _) in enumerate(self._items, self._first):
            if type(item) is AccessUnit and item.is_keyframe and item.track.kind is TrackKind.VIDEO:
                if found is not None and item.utc_ns > utc_ns:
                    break
                found = position
        return self.end if found is None else found

    @property
    def readers(self) -> tuple[str, ...]:
        """The names of the open Subscriptions."""
        return tuple(sorted(s.name for s in self._subscriptions))

    def since(self, position: int) -> list[Item]:
        """The items held from `position` on, oldest first. Does not move any cursor."""
        skip = max(0, position - self._first)
        if skip > len(self._items) // 2:
            # A deque is indexed from either end in constant time near it: walk from the near end.
            tail = [self._items[i][0] for i in range(-1, skip - len(self._items) - 1, -1)]
            tail.reverse()
            return tail
        return [item for i, (item, _, _) in enumerate(self._items) if i >= skip]

    # ---- inside

    def _evict(self) -> None:
        """Let go of what is too old; that a few times a second is soon enough, unless the cap is reached."""
        self._evicted_ns = self._now_ns
        items = self._items
        while len(items) > 1:
            _, size, received_ns = items[0]
            is_old = self._now_ns - received_ns > self.min_ns
            if self.bytes <= self.cap_bytes:
                if not is_old or self._last_keyframe is None or self._first >= self._last_keyframe:
                    return
                self.cut_short = False
            elif not is_old:
                self.cut_short = True
            items.popleft()
            self.bytes -= size
            self._first += 1
            if self._last_keyframe is not None and self._first > self._last_keyframe:
                self._last_keyframe = None
                self.keyframe_evicted = True

    def _discard(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)


class Subscription:
    """A cursor into a Hub. One reader at a time."""

    def __init__(self, hub: Hub, name: str, position: int, lag: Lag) -> None:
        self.hub = hub
        self.name = name
        self.position = position
        self.moved = 0
        """How often this reader was moved on."""
        self._lag = lag
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the ring; a pending `batch` raises HubClosedError. Idempotent."""
        self._closed = True
        self.hub._discard(self)
        self._wake()

    def take(self) -> list[Item]:
        """All items from the cursor to the newest, perhaps none; a Gap first when the reader was moved."""
        hub = self.hub
        if self.position == hub.end:
            return []
        gap = self._move_if_behind()
        items = hub.since(self.position)
        self.position = hub.end
        return [gap, *items] if gap is not None else items

    async def batch(self) -> list[Item]:
        """Wait until there is at least one item, then as `take`.

        Raises:
            HubClosedError: the Hub or this Subscription was closed and everything held has been read.
        """
        while True:
            if self._closed:
                raise HubClosedError(self.hub.camera_id)
            if items := self.take():
                return items
            if self.hub.closed:
                raise HubClosedError(self.hub.camera_id)
            self._waiter = asyncio.get_running_loop().create_future()
            self.hub._waiting.append(self)
            try:
                await self._waiter
            finally:
                self._waiter = None

    async def __aiter__(self) -> AsyncIterator[Item]:
        while True:
            try:
                items = await self.batch()
            except HubClosedError:
                return
            for item in items:
                yield item

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _move_if_behind(self) -> Gap | None:
        hub = self.hub
        start_ns = None
        target = self.position
        if self.position < hub.first:
            target = hub.first
            keyframe = hub.last_keyframe
            if self._lag is Lag.VIEWER and keyframe is not None:
                target = keyframe
        elif self._lag is Lag.VIEWER:
            keyframe = hub.last_keyframe
            if keyframe is not None and keyframe > self.position:
                start_ns = hub._items[self.position - hub.first][2]
                if hub._now_ns - start_ns > VIEWER_LAG_SECONDS * NS:
                    target = keyframe
        if target == self.position:
            return None
        end_ns = hub._items[target - hub.first][2] if target < hub.end else hub._now_ns
        self.position = target
        self.moved += 1
        return Gap(end_ns if start_ns is None else start_ns, end_ns, GapReason.SLOW_READER, detail=self.name)
