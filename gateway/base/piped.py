"""A worker process that lives longer than one call: records go in by its standard input, and come out by its output.

For work that keeps state from one piece to the next, as decoders and encoders do; what is asked and answered once is
for `workers`. What the records mean belongs to whoever uses this; the worker's side of it is `records`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Awaitable, Callable
from types import TracebackType

from gateway.base.clock import Clock
from gateway.base.records import LENGTH, MAX_RECORD
from gateway.base.supervise import Backoff
from gateway.base.workers import WorkerDiedError

log = logging.getLogger(__name__)

HANG_SECONDS = 10.0
"""A worker that answers nothing for so long, though it was asked, has died in all but name."""
WELL_SECONDS = 10.0
"""A worker that lived so long was well: its successor is not made to wait."""


class PipedWorker:
    """One process that runs `module` with `argument`; use it as an async context manager.

    `room` bounds what waits for the worker. A worker that writes faster than it is read is held up by its pipe.
    """

    def __init__(self, module: str, argument: str, clock: Clock) -> None:
        self.unanswered = 0
        """What was asked, less what `answered` was told of."""
        self._module = module
        self._argument = argument
        self._clock = clock
        self._process: asyncio.subprocess.Process | None = None
        self._progress = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        return None if self._process is None else self._process.pid

    async def __aenter__(self) -> PipedWorker:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self._module,
            self._argument,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process, self._process = self._process, None
        assert process is not None
        await asyncio.shield(_end(process))

    def send(self, *parts: bytes) -> None:
        """Give it a record made of `parts`. Never waits; a worker that died meanwhile is noticed by `receive`."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.writelines((LENGTH.pack(sum(map(len, parts))), *parts))

    def ask(self, *parts: bytes) -> None:
        """As `send`, for a record that has an answer."""
        self.unanswered += 1
        self.send(*parts)

    def answered(self) -> None:
        """One of the answers has come."""
        self.unanswered -= 1
        self._progress.set()

    async def room(self, *, below: int) -> None:
        """Wait until fewer than `below` records are unanswered.

        Raises:
            WorkerDiedError: no answer came for `HANG_SECONDS`.
        """
        while self.unanswered >= below:
            self._progress.clear()
            progress = asyncio.ensure_future(self._progress.wait())
            patience = asyncio.ensure_future(self._clock.sleep(HANG_SECONDS))
            try:
                await asyncio.wait({progress, patience}, return_when=asyncio.FIRST_COMPLETED)
                if not progress.done():
                    raise WorkerDiedError
            finally:
                progress.cancel()
                patience.cancel()

    async def receive(self) -> bytes:
        """The next record from it.

        Raises:
            WorkerDiedError: it ended, or what it writes makes no sense.
        """
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            (size,) = LENGTH.unpack(await self._process.stdout.readexactly(LENGTH.size))
            if size <= MAX_RECORD:
                return await self._process.stdout.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        raise WorkerDiedError


async def _end(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()  # it ends by itself when its input does; it has nothing to finish
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    # To asyncio a process has ended when its pipes have, and one that nobody reads any more may be held up for ever.
    with contextlib.suppress(ConnectionError):
        while await process.stdout.read(1 << 16):
            pass
    await process.wait()


async def keep_working(
    start: Callable[[], PipedWorker],
    clock: Clock,
    *,
    feed: Callable[[PipedWorker], Awaitable[None]],
    take: Callable[[bytes], None],
    died: Callable[[], None],
) -> None:
    """Keep a worker running until `feed` returns or this is cancelled; nothing of it remains then.

    Each worker that `start` makes is given to a new `feed`, while `take` gets each record that comes back. After one
    that died, which `died` is told, comes the next: at once, then after growing pauses.
    """
    backoff = Backoff(clock)
    while True:
        began = clock.monotonic()
        try:
            async with start() as worker:
                await _converse(worker, feed, take)
            return
        except (WorkerDiedError, OSError) as error:
            log.warning("a worker process ended, another takes its place: %r", error)
            died()
        if clock.monotonic() - began > WELL_SECONDS:
            backoff.succeeded()
        await clock.sleep(backoff.failed())


async def _converse(
    worker: PipedWorker, feed: Callable[[PipedWorker], Awaitable[None]], take: Callable[[bytes], None]
) -> None:
    async def listen() -> None:
        while True:
            take(await worker.receive())

    talking, listening = asyncio.ensure_future(feed(worker)), asyncio.ensure_future(listen())
    try:
        done, _ = await asyncio.wait({talking, listening}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in (talking, listening):
            task.cancel()
        await asyncio.gather(talking, listening, return_exceptions=True)
