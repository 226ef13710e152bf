"""Threads for what would block the event loop: disk, database, password hashing, WSDL loading.

Each purpose has a small pool of its own, so that a slow disk never holds up a log-in. A pool's queue is bounded:
whoever would overfill it waits. Worker processes live with the package that needs one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

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
        try:
            future = loop.run_in_executor(self._executor, lambda: function(*args, **kwargs))
        except BaseException:
            self._slots.release()
            raise
        future.add_done_callback(lambda _: self._slots.release())
        return await asyncio.shield(future)

    def close(self) -> None:
        """Refuse new calls and wait for those under way. Blocks: call it last, or from a thread."""
        self._executor.shutdown(wait=True)
