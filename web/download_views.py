"""Views of `video.mp4` in the audit: one for all the requests in which somebody fetches the same file.

A player that seeks, or a program that goes on after a break, asks for hundreds of pieces. To the audit they are one
view, from the first of them to some minutes after the last. What is sent, and to whom, is `web.downloads`' business.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from gateway.access.audit import Action
from gateway.access.portion import Portion
from gateway.access.views import View, Views
from gateway.base.clock import Clock
from gateway.media.model import UtcNs
from web.views import utc

IDLE_SECONDS = 180.0
"""A view has ended when nothing of the file was asked for so long."""
LOOK_SECONDS = 5.0
MAX_IDLE = 1000
"""Views that wait for another request; beyond, the one that waits for the longest time ends."""


@dataclass(frozen=True, slots=True)
class Fetching:
    """Who fetches what. Requests that are equal in this belong together."""

    log_in: bytes
    actor: str
    address: str
    camera: str
    from_ns: UtcNs
    to_ns: UtcNs
    reason: str | None
    portion: Portion


@dataclass(slots=True)
class Request:
    """What became of one request; whoever serves it says so here."""

    start: int
    """The bytes that are asked for."""
    end: int
    size: int
    """Of the whole file."""
    sent: int = 0
    ended: str = "the client went away"
    failed: bool = False
    """Whether it makes no sense to go on."""


@dataclass(slots=True)
class _Shared:
    view: View | None = None
    under_way: int = 0
    requests: int = 0
    sent: int = 0
    why: str = ""
    left_at: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class DownloadViews:
    """All that are open. All calls from the event loop's thread."""

    def __init__(self, views: Views, clock: Clock) -> None:
        self._views = views
        self._clock = clock
        self._open: dict[Fetching, _Shared] = {}

    @asynccontextmanager
    async def request(self, fetching: Fetching, start: int, end: int, size: int) -> AsyncIterator[Request]:
        """A request for bytes `start` to `end` of a file of `size` bytes; its view is in the audit before it begins.

        Raises:
            StorageError: the audit cannot be written; nothing must be shown.
        """
        shared = self._open.setdefault(fetching, _Shared())
        shared.under_way += 1
        request = Request(start, end, size)
        try:
            async with shared.lock:
                if shared.view is None:
                    shared.view = await self._begin(fetching, request)
            yield request
        finally:
            shared.under_way -= 1
            self._left(fetching, shared, request)

    async def run(self) -> None:
        """End those of which nothing is fetched any more. Never returns."""
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            idle = [(shared.left_at, key) for key, shared in self._open.items() if not shared.under_way]
            idle.sort(key=lambda one: one[0])
            over = self._clock.monotonic() - IDLE_SECONDS
            for number, (left_at, key) in enumerate(idle):
                if left_at <= over or len(idle) - number > MAX_IDLE:
                    self._end(key)

    def close(self) -> None:
        """End them all."""
        for fetching in list(self._open):
            self._end(fetching)

    async def _begin(self, fetching: Fetching, request: Request) -> View:
        return await self._views.begin(
            Action.EXPORT,
            actor=fetching.actor,
            address=fetching.address,
            camera=fetching.camera,
            reason=fetching.reason,
            interval={"from": utc(fetching.from_ns), "to": utc(fetching.to_ns)},
            bytes={"from": request.start, "to": request.end, "of": request.size},
            sound=fetching.portion.sound,
            positions=fetching.portion.positions,
        )

    def _left(self, fetching: Fetching, shared: _Shared, request: Request) -> None:
        shared.requests += 1
        shared.sent += request.sent
        shared.why = f"{request.ended} ({request.sent} of {request.end - request.start} bytes)"
        shared.left_at = self._clock.monotonic()
        all_sent = request.sent == request.size
        if not shared.under_way and (all_sent or request.failed or not shared.sent):
            self._end(fetching)

    def _end(self, fetching: Fetching) -> None:
        shared = self._open.pop(fetching)
        if shared.view is None:
            return  # the audit could not be written
        why = shared.why
        if shared.requests > 1:
            why = f"{shared.requests} requests, {shared.sent} bytes in all; the last: {why}"
        self._views.end(shared.view, why, shown=bool(shared.sent))


DOWNLOADS: web.AppKey[DownloadViews] = web.AppKey("downloads", DownloadViews)
