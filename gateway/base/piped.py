"""A worker process that lives longer than one call: records go in by its standard input, and come out by its output.

For work that keeps state from one piece to the next, as decoders and encoders do; what is asked and answered once is
for `workers`. What the records mean belongs to whoever uses this. A record is its length in four bytes, then its bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import BinaryIO

from gateway.base.workers import WorkerDiedError

MAX_RECORD = 32 << 20
"""Bytes: more than any picture. Whoever sends more has lost its place."""
NICENESS = 10
"""A worker steps back for the event loop, the disk and the packets: its work is the first to suffer."""

_LENGTH = struct.Struct("<I")


class PipedWorker:
    """One process that runs `module` with `argument`; use it as an async context manager.

    Neither direction is bounded here: the caller keeps no more than a few records unanswered. A worker that writes
    faster than it is read is held up by its pipe.
    """

    def __init__(self, module: str, argument: str) -> None:
        self._module = module
        self._argument = argument
        self._process: asyncio.subprocess.Process | None = None

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
        assert process.stdin is not None
        process.stdin.close()  # it ends by itself when its input does; it has nothing to finish
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await asyncio.shield(process.wait())

    def send(self, *parts: bytes) -> None:
        """Give it a record made of `parts`. Never waits; a worker that died meanwhile is noticed by `receive`."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.writelines((_LENGTH.pack(sum(map(len, parts))), *parts))

    async def receive(self) -> bytes:
        """The next record from it.

        Raises:
            WorkerDiedError: it ended, or what it writes makes no sense.
        """
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            (size,) = _LENGTH.unpack(await self._process.stdout.readexactly(_LENGTH.size))
            if size <= MAX_RECORD:
                return await self._process.stdout.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        raise WorkerDiedError


# ---- the worker's side


def records(stream: BinaryIO) -> Iterator[bytes]:
    """What the gateway sends, until it sends no more."""
    while len(header := stream.read(_LENGTH.size)) == _LENGTH.size:
        (size,) = _LENGTH.unpack(header)
        record = stream.read(size)
        if len(record) < size:
            return
        yield record


def reply(stream: BinaryIO, *parts: bytes) -> None:
    """Send a record made of `parts` to the gateway. Call `stream.flush()` after the last of several."""
    stream.write(_LENGTH.pack(sum(map(len, parts))))
    for part in parts:
        stream.write(part)


def step_back() -> None:
    """Be nice, in the system's sense of the word."""
    os.nice(NICENESS)
