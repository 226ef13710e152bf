"""The outgoing half of one RTSP connection: answers and packets, in order, at little cost.

A picture goes to hundreds of readers. What they take at once is handed straight to their sockets, without a copy; only
what a socket does not take is left to the transport, which waits for room. How much may wait is for `delivery` to say.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable


class Sending:
    """Made for each connection once it is there; `close_socket` when it is gone."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.secure = transport.get_extra_info("sslcontext") is not None
        nobody = ("", 0)  # who is gone by now has no address
        self.local: str = (transport.get_extra_info("sockname") or nobody)[0]
        """Our address."""
        remote = transport.get_extra_info("peername") or nobody
        self.remote: str = remote[0]
        """The client's address."""
        self.peer = f"{remote[0]}:{remote[1]}"
        """Address and port, for the log."""
        # A descriptor of our own: the transport may close its own at any time, and the number would soon be another's.
        self._socket: socket.socket | None = None
        if not self.secure:
            with contextlib.suppress(OSError):  # none is left, or the client is gone already
                self._socket = transport.get_extra_info("socket").dup()
        self.on_blocked: dict[object, Callable[[], None]] = {}
        """Called when something may wait in the transport: until it is gone, nobody but this may send."""
        self._clear = False
        """Nothing waits in the transport."""

    @property
    def fd(self) -> int | None:
        """The socket that packets may be handed to while nothing waits; None: they go through the transport."""
        return None if self._socket is None else self._socket.fileno()

    @property
    def waiting(self) -> int:
        """Bytes accepted and not yet handed to the kernel."""
        return self._transport.get_write_buffer_size()

    @property
    def is_closing(self) -> bool:
        """Whether nothing that is sent now would arrive."""
        return self._transport.is_closing()

    def write(self, data: bytes) -> None:
        """Send an answer."""
        self.wait_with(data)

    def send(self, data: bytes) -> bool:
        """Send packets; whether nothing waits now. Never raises: of a broken connection the loop tells."""
        if self._socket is not None and (self._clear or not self._transport.get_write_buffer_size()):
            try:
                sent = self._socket.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                return True
            if sent == len(data):
                self._clear = True
                return True
            data = data[sent:]
        self.wait_with(data)
        return False

    def wait_with(self, data: bytes) -> None:
        """Send this after what waits already."""
        self._clear = False
        for left in list(self.on_blocked.values()):
            left()
        if not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """Close once what was written is sent; at once when the client takes nothing."""
        if self._transport.get_write_buffer_size() > 0:
            self._transport.abort()
        else:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def close_socket(self) -> None:
        """The connection is gone: let go of what is left of it. Idempotent."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
