"""Threads and processes for what would block the event loop: disk, database, password hashing, decoding.

Each purpose has a small pool of its own, so that a slow disk never holds up a log-in. A pool's queue is bounded:
whoever would overfill it waits. What runs in a process may crash without taking anything along.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """A named pool of `size` threads with at most `limit` calls waiting or running."""

    def __init__(self, name: str, size: int = 1, *, limit: int = 1000) -> None:
        self.name = name
        self._executor = ThreadPoolExecutor(size, thread_name_prefix=name)
        self._slots = asyncio.Semaphore(limit)

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `function` in a thread and return what it returns or raise what it raises.

        A caller that is cancelled stops waiting; the call itself runs to its end, and keeps its slot until then.
        """
        await self._slots.acquire()
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[T] = loop.create_future()

        def settle(tell: Callable[[Any], None], what: object) -> None:
            self._slots.release()
            if not outcome.done():  # or else its caller was cancelled
                tell(what)

        def call() -> None:
            # Straight to the loop: run_in_executor and shield take four more futures and callbacks to get there.
            try:
                result = function(*args, **kwargs)
            except BaseException as error:
                loop.call_soon_threadsafe(settle, outcome.set_exception, error)
            else:
                loop.call_soon_threadsafe(settle, outcome.set_result, result)

        try:
            self._executor.submit(call)
        except BaseException:
            self._slots.release()
            raise
        return await outcome

    def close(self) -> None:
        """Refuse new calls and wait for those under way. Blocks: call it last, or from a thread."""
        self._executor.shutdown(wait=True)


class Processes:
    """A pool of `size` worker processes, started at the first call and again after one has died.

    Functions and arguments must be picklable; a worker imports nothing but what the function's module imports.
    """

    def __init__(self, size: int = 1, *, limit: int = 16) -> None:
        self._size = size
        self._executor: ProcessPoolExecutor | None = None
        self._slots = asyncio.Semaphore(limit)

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `function` in a worker process.

        Raises:
            WorkerDiedError: the process ended in mid-work; the next call gets a new one.
        """
        async with self._slots:
            if self._executor is None:
                # Not forked: a fork of a process with threads inherits their locks.
                context = multiprocessing.get_context("spawn")
                self._executor = ProcessPoolExecutor(self._size, mp_context=context, max_tasks_per_child=500)
            executor = self._executor
            try:
                future = executor.submit(function, *args, **kwargs)
                return await asyncio.wrap_future(future)
            except BrokenProcessPool:
                if self._executor is executor:
                    self._executor = None
                executor.shutdown(wait=False, cancel_futures=True)
                raise WorkerDiedError from None

    def close(self) -> None:
        """End the worker processes. Blocks until they have."""
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None


class WorkerDiedError(Exception):
    """A worker process ended before its work was done."""
