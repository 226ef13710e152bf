"""Threads and processes for what would block the event loop: disk, database, password hashing, decoding.

Each purpose has a small pool of its own, so that a slow disk never holds up a log-in. A pool's queue is bounded:
whoever would overfill it waits. What runs in a process may crash without taking anything along.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, ParamSpec, TypeVar

from gateway.base.supervise import to_end

P = ParamSpec("P")
T = TypeVar("T")


class _Call:
    """One call on its way to a thread and back."""

    __slots__ = ("args", "error", "function", "kwargs", "outcome", "result")

    def __init__(self, function: Callable[..., Any], args: Any, kwargs: Any, outcome: asyncio.Future[Any]) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.outcome = outcome
        self.result: Any = None
        self.error: BaseException | None = None

    def work(self) -> None:
        """In the thread."""
        try:
            self.result = self.function(*self.args, **self.kwargs)
        except BaseException as error:
            self.error = error

    def settle(self) -> None:
        """In the loop."""
        if self.outcome.done():
            return  # its caller was cancelled
        if self.error is not None:
            self.outcome.set_exception(self.error)
        else:
            self.outcome.set_result(self.result)


class Threads:
    """A named pool of `size` threads with at most `limit` calls waiting or running.

    Calls made in the same turn of the event loop go to a thread together, up to `together` of them, one after the
    other: waking a thread, and being woken by it, costs more than many a call.
    """

    def __init__(self, name: str, size: int = 1, *, limit: int = 1000, together: int = 1) -> None:
        self.name = name
        self._executor = ThreadPoolExecutor(size, thread_name_prefix=name)
        self._slots = asyncio.Semaphore(limit)
        self._together = together
        self._calls: list[_Call] = []

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `function` in a thread and return what it returns or raise what it raises.

        A caller that is cancelled stops waiting; the call itself runs to its end, and keeps its slot until then.
        """
        await self._slots.acquire()
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[T] = loop.create_future()
        self._calls.append(_Call(function, args, kwargs, outcome))
        if self._together == 1 or len(self._calls) == self._together:
            self._submit(loop)
        elif len(self._calls) == 1:
            loop.call_soon(self._submit, loop)
        return await outcome

    async def run_to_end(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """As `run`, but a caller that is cancelled waits until the call has ended: nothing goes on behind its back."""
        return await to_end(self.run(function, *args, **kwargs))

    def _submit(self, loop: asyncio.AbstractEventLoop) -> None:
        calls, self._calls = self._calls, []
        if not calls:
            return  # enough had come to go at once

        def work() -> None:
            # Straight to the loop: run_in_executor and shield take four more futures and callbacks to get there.
            for call in calls:
                call.work()
            loop.call_soon_threadsafe(self._settle, calls)

        try:
            self._executor.submit(work)
        except RuntimeError as error:  # closed
            for call in calls:
                call.error = error
            self._settle(calls)

    def _settle(self, calls: Sequence[_Call]) -> None:
        for call in calls:
            self._slots.release()
            call.settle()

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
            executor = self._started()
            try:
                future = executor.submit(function, *args, **kwargs)
                return await asyncio.wrap_future(future)
            except BrokenProcessPool:
                if self._executor is executor:
                    self._executor = None
                executor.shutdown(wait=False, cancel_futures=True)
                raise WorkerDiedError from None

    def prepare(self, function: Callable[[], object]) -> None:
        """Start a worker, if there is none, and have it call `function`, which imports what will be wanted soon.

        Nobody waits for it: a call that comes meanwhile does.
        """
        if self._executor is None:
            self._started().submit(function)

    def _started(self) -> ProcessPoolExecutor:
        if self._executor is None:
            # Not forked: a fork of a process with threads inherits their locks.
            context = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(
                self._size, mp_context=context, max_tasks_per_child=500, initializer=_end_with_the_gateway
            )
        return self._executor

    def close(self) -> None:
        """End the worker processes. Blocks until they have."""
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None


def _end_with_the_gateway() -> None:
    """In a worker: end when the gateway does, also when it was killed. The queue of work would never tell: a worker
    holds its other end, too."""
    gateway = multiprocessing.parent_process()
    assert gateway is not None

    def watch() -> None:
        gateway.join()
        os._exit(1)

    threading.Thread(target=watch, name="gateway", daemon=True).start()


class WorkerDiedError(Exception):
    """A worker process ended before its work was done."""
