"""What the API's WebSockets have in common: a bounded queue for each, who writes it out, and what is told together.

Each is a view in the audit for as long as it is open, of a log-in that holds so long. What is told, and to whom, is
`web.events`' and `web.live_positions`' own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, Generic, TypeVar

from aiohttp import WSCloseCode, WSMsgType, web

from gateway.access.audit import Action
from gateway.access.users import Principal
from web.services import address, principal, services

QUEUE_LIMIT = 2000
"""Messages waiting for one socket: some seconds of a large fleet."""
QUEUE_CHARACTERS = 16 << 20
"""How long these may be together."""
HEARTBEAT_SECONDS = 20.0
LOGGED_OUT = 4401
NO_RIGHT = 4403
_WHY = {LOGGED_OUT: b"the log-in no longer holds", NO_RIGHT: b"you have no right to this any more"}

T = TypeVar("T")


class Outgoing:
    """What waits to be sent to one socket. It may be read by one task only."""

    def __init__(self) -> None:
        self.close_code: int | None = None
        self._queue: deque[str] = deque()
        self._characters = 0
        self._wake = asyncio.Event()

    def send(self, message: str) -> None:
        """Queue a message; a full queue closes the socket instead."""
        if len(self._queue) >= QUEUE_LIMIT or self._characters >= QUEUE_CHARACTERS:
            self.close(WSCloseCode.TRY_AGAIN_LATER)
            return
        self._queue.append(message)
        self._characters += len(message)
        self._wake.set()

    def close(self, code: int) -> None:
        """Make `batch` return None."""
        if self.close_code is None:
            self.close_code = code
        self._wake.set()

    async def batch(self) -> list[str] | None:
        """Wait for messages; None once the socket is to be closed."""
        while not self._queue and self.close_code is None:
            self._wake.clear()
            await self._wake.wait()
        if self.close_code is not None:
            return None
        messages = list(self._queue)
        self._queue.clear()
        self._characters = 0
        return messages


class Reader(Outgoing):
    """One socket's queue, and whose it is."""

    def __init__(self, who: Principal) -> None:
        super().__init__()
        self.who = who


R = TypeVar("R", bound=Reader)


class Audience(Generic[R]):
    """The open sockets of one kind. All calls from the event loop's thread."""

    def __init__(self) -> None:
        self._readers: set[R] = set()

    def discard(self, reader: R) -> None:
        """The socket has ended."""
        self._readers.discard(reader)

    def close(self) -> None:
        """The gateway is stopping."""
        for reader in self._readers:
            reader.close(WSCloseCode.GOING_AWAY)

    def log_ins_changed(self, holding: Mapping[bytes, Principal]) -> None:
        """Users changed: `holding` has the log-ins that still hold, each with who it is now.

        What they may see from now on is told afterwards.
        """
        for reader in self._readers:
            who = holding.get(reader.who.key)
            if who is None:
                reader.close(LOGGED_OUT)
            else:
                reader.who = who

    @property
    def principals(self) -> list[Principal]:
        """Who has a socket open."""
        return [reader.who for reader in self._readers]


class Together(Generic[T]):
    """Gathers what comes within a moment: the first thing after a pause is told at once, what follows in portions.

    Hundreds of units say where they are each second; a message and a system call for each, to each of dozens of
    sockets, would be most of what a gateway does. Use it from the event loop only.
    """

    def __init__(self, seconds: float, tell: Callable[[list[T]], None]) -> None:
        self._seconds = seconds
        self._tell = tell
        self._gathered: list[T] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, thing: T) -> None:
        """Have it told within `seconds`."""
        self._gathered.append(thing)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(0, self._due)

    def close(self) -> None:
        """Tell nothing any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _due(self) -> None:
        gathered, self._gathered = self._gathered, []
        if not gathered:
            self._timer = None
            return
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._due)
        self._tell(gathered)


async def follow(
    request: web.Request,
    audience: Audience[R],
    join: Callable[[Principal], R],
    *,
    beside: Callable[[R], Coroutine[Any, Any, None]] | None = None,
    heard: Callable[[R, str], None] | None = None,
    **detail: Any,
) -> web.WebSocketResponse:
    """Serve a socket to its end: `join` makes its queue, `beside` runs meanwhile, `detail` is for the audit.

    `heard` takes what the other side says; without it that has no meaning.

    Raises:
        StorageError: the audit cannot be written, so nothing must be shown.
    """
    parts, agent = services(request), request.headers.get("User-Agent", "")[:200]
    view = await parts.views.begin(
        Action.FOLLOW, actor=principal(request).name, address=address(request), agent=agent, **detail
    )
    try:
        # Not compressed: each socket would do that for itself, many times a second, at several times the cost of
        # sending.
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_SECONDS, max_msg_size=4096, compress=False)
        await socket.prepare(request)
        key = principal(request).key
        who = (await parts.log_ins.holding([key])).get(key)  # as it is now: changes are told to open sockets only
        if who is None:
            await socket.close(code=LOGGED_OUT)
            return socket
        reader = join(who)
        try:
            listen = None if heard is None else partial(heard, reader)
            await _converse(socket, reader, None if beside is None else beside(reader), listen)
        finally:
            audience.discard(reader)
        return socket
    finally:
        parts.views.end(view, "the connection ended")


async def _converse(
    socket: web.WebSocketResponse,
    reader: Reader,
    beside: Coroutine[Any, Any, None] | None,
    heard: Callable[[str], None] | None,
) -> None:
    """Send what is queued until that is closed, or the other side has gone."""
    tasks = [asyncio.create_task(_write(socket, reader), name="socket: write")]
    if beside is not None:
        tasks.append(asyncio.create_task(beside, name="socket: beside"))
    try:
        async for message in socket:
            if message.type in {WSMsgType.ERROR, WSMsgType.CLOSE}:
                break
            if heard is not None and message.type is WSMsgType.TEXT:
                heard(message.data)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _write(socket: web.WebSocketResponse, outgoing: Outgoing) -> None:
    while (messages := await outgoing.batch()) is not None:
        for message in messages:
            await socket.send_str(message)
    assert outgoing.close_code is not None
    await socket.close(code=outgoing.close_code, message=_WHY.get(outgoing.close_code, b""))
