"""Reads many connections in few wake-ups.

A camera sends a picture as a burst of small packets. Woken for each, the event loop spends more on waking than on the
packets. So sockets are read through an epoll of their own, that is looked at a few hundred times a second at most, for
all cameras together: what arrived in between is one read. It costs latency: `FIRST_PAUSE` with one camera, where there
is little to save, up to `PAUSE` with many.

Some cameras send a few bytes first, a delimiter, and the picture when those are acknowledged (Nagle's algorithm). A
read so small only acknowledges: it is handed over together with what the next look finds.
"""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Callable
from dataclasses import dataclass

READ_BYTES = 64 << 10
"""What is taken from a connection at one look. What is left is there at the next."""
SMALL_BYTES = 64
"""A read of fewer waits for the next look."""
PAUSE = 0.006
"""Seconds between two looks while something arrives, and from the first byte after a silence to the first look: at
most, with twenty connections or more."""
FIRST_PAUSE = 0.002
"""The same with hardly any connection."""
MAX_READY = 1024
"""Connections read at one look."""


@dataclass(slots=True, eq=False)
class _Reader:
    sock: socket.socket
    fd: int
    take: Callable[[bytes], None]
    lost: Callable[[OSError | None], None]
    small: bytes = b""


class Batches:
    """All calls from the event loop's thread. Close it after the connections."""

    def __init__(self, pause: float = PAUSE) -> None:
        self._longest_pause = pause
        # One buffer for all: to make one of this size for each read costs more than to copy what came.
        self._view = memoryview(bytearray(READ_BYTES))
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()
        self._readers: dict[int, _Reader] = {}
        self._waiting: list[_Reader] = []
        """Those with a small read to hand over."""
        self._timer: asyncio.TimerHandle | None = None
        self._loop.add_reader(self._epoll.fileno(), self._first)

    def add(self, sock: socket.socket, take: Callable[[bytes], None], lost: Callable[[OSError | None], None]) -> None:
        """Call `take` with what comes from `sock`, then `lost` when it ends, once, with the error if that ended it."""
        fd = sock.fileno()
        self._readers[fd] = _Reader(sock, fd, take, lost)
        self._epoll.register(fd, select.EPOLLIN)

    def remove(self, sock: socket.socket) -> None:
        """Before `sock` is closed. What was not handed over is dropped. Idempotent."""
        if self._readers.pop(sock.fileno(), None) is not None:
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
        return min(self._longest_pause, FIRST_PAUSE + (PAUSE - FIRST_PAUSE) * len(self._readers) / 20)

    def _look(self) -> None:
        events = self._epoll.poll(0, MAX_READY)
        waiting, self._waiting = self._waiting, []
        if not events and not waiting:
            self._timer = None
            self._loop.add_reader(self._epoll.fileno(), self._first)
            return
        self._timer = self._loop.call_later(self._pause(), self._look)
        for fd, _ in events:
            if (reader := self._readers.get(fd)) is not None:  # None: removed by one that was ready before it
                self._read(reader)
        for reader in waiting:
            if reader.small:
                self._hand_over(reader)

    def _read(self, reader: _Reader) -> None:
        error = None
        try:
            data = bytes(self._view[: reader.sock.recv_into(self._view)])
        except BlockingIOError:
            return
        except OSError as problem:
            data, error = b"", problem
        if not data:
            self._hand_over(reader)
            if self._readers.get(reader.fd) is reader:
                self.remove(reader.sock)
                reader.lost(error)
        elif reader.small:
            data, reader.small = reader.small + data, b""
            reader.take(data)
        elif len(data) < SMALL_BYTES:
            reader.small = data
            self._waiting.append(reader)
        else:
            reader.take(data)

    def _hand_over(self, reader: _Reader) -> None:
        data, reader.small = reader.small, b""
        if data and self._readers.get(reader.fd) is reader:
            reader.take(data)
