"""Reads many connections in few wake-ups.

A camera sends a picture as a burst of small packets. Woken for each, the event loop spends more on waking than on the
packets. So sockets are read through an epoll of their own, that is looked at a few hundred times a second at most, for
all cameras together: what arrived in between is one read. It costs latency: a millisecond with one camera, where there
is little to save, up to `PAUSE` with many.
"""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Callable

PAUSE = 0.004
"""Seconds between two looks while something arrives, and from the first byte after a silence to the first look: at
most, with twenty connections or more."""
FIRST_PAUSE = 0.001
"""The same with hardly any connection."""
MAX_READY = 1024
"""Connections read at one look."""


class Batches:
    """All calls from the event loop's thread. Close it after the connections."""

    def __init__(self, pause: float = PAUSE) -> None:
        self._longest_pause = pause
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()
        self._ready: dict[int, Callable[[], None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._loop.add_reader(self._epoll.fileno(), self._first)

    def add(self, sock: socket.socket, ready: Callable[[], None]) -> None:
        """Call `ready` when `sock` has something to read. It need not read everything: what is left is told again."""
        self._ready[sock.fileno()] = ready
        self._epoll.register(sock.fileno(), select.EPOLLIN)

    def remove(self, sock: socket.socket) -> None:
        """Before `sock` is closed."""
        del self._ready[sock.fileno()]
        self._epoll.unregister(sock.fileno())

    def close(self) -> None:
        """Stop looking. Idempotent."""
        if self._epoll.closed:
            return
        if self._timer is None:
            self._loop.remove_reader(self._epoll.fileno())
        else:
            self._timer.cancel()
        self._epoll.close()

    def _first(self) -> None:
        """Something arrives after a silence: look when more of it is there, by the clock from now on."""
        self._loop.remove_reader(self._epoll.fileno())
        self._timer = self._loop.call_later(self._pause(), self._look)

    def _pause(self) -> float:
        return min(self._longest_pause, FIRST_PAUSE + (PAUSE - FIRST_PAUSE) * len(self._ready) / 20)

    def _look(self) -> None:
        events = self._epoll.poll(0, MAX_READY)
        if not events:
            self._timer = None
            self._loop.add_reader(self._epoll.fileno(), self._first)
            return
        self._timer = self._loop.call_later(self._pause(), self._look)
        for fd, _ in events:
            ready = self._ready.get(fd)  # None: removed by one that was ready before it
            if ready is not None:
                ready()
